//! A real mosquitto, read by the hub as a client.

use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use huitian_tests::district::District;
use huitian_tests::mqtt::Publisher;
use huitian_tests::net::free_addr;
use huitian_tests::random::Random;
use huitian_tests::running::FastClock;
use huitian_tests::services::{need, say};
use huitian_tests::wall::pause;
use huitian_tests::{Hub, Mosquitto, until};

use super::FROM_MS;
use crate::HUB;
use crate::pipeline::{bay, uplink};
use crate::recovery::compare::{Stored, lost};
use crate::recovery::load::{World, deliver};

const LOT: &str = "/api/v1/sites/north/facilities/lot";

/// Hub seconds in a second.
const SPEED: i64 = 60;

/// Kills under load.
const KILLS: usize = 6;

/// Longest wait for a broker or a session.
const LONGEST: Duration = Duration::from_secs(20);

fn publish(program: &Path, addr: SocketAddr, (topic, payload): &(String, String)) {
    let (host, port) = (addr.ip().to_string(), addr.port().to_string());
    let sent = Command::new(program)
        .args([
            "-q", "1", "-h", &host, "-p", &port, "-t", topic, "-m", payload,
        ])
        .status();
    assert!(sent.is_ok_and(|status| status.success()));
}

#[test]
fn what_an_external_broker_was_told_while_the_hub_was_down_arrives_after_its_start() {
    let Some([broker, publisher]) = need(["mosquitto", "mosquitto_pub"]) else {
        return;
    };
    let addr = free_addr();
    let session = format!(
        "\n[[mqtt.brokers]]\nhost = \"{}\"\nport = {}\nclient_id = \"hub-1\"\n",
        addr.ip(),
        addr.port()
    );
    let district = District::new(&session);
    let _mosquitto = Mosquitto::start_at(&broker, district.path(), addr);
    let mut hub = Hub::start(HUB, district);
    let mut count = 0;
    until("the session to be heard", LONGEST, || {
        count += 1;
        publish(&publisher, addr, &uplink("1000000000000001", true, count));
        (bay(&hub.json(LOT), "bay-1") == "in_use").then_some(())
    });
    // Neither an orderly stop nor a kill loses what comes meanwhile.
    hub.stop();
    publish(&publisher, addr, &uplink("1000000000000001", false, 1_000));
    hub.restart();
    hub.wait_ready();
    hub.until(LOT, LONGEST, |lot| {
        (bay(lot, "bay-1") == "free").then_some(())
    });
    hub.process.kill();
    publish(&publisher, addr, &uplink("1000000000000002", true, 1_000));
    hub.restart();
    hub.wait_ready();
    hub.until(LOT, LONGEST, |lot| {
        (bay(lot, "bay-2") == "in_use").then_some(())
    });
}

#[test]
fn an_external_broker_that_comes_later_is_found() {
    let Some([broker, publisher]) = need(["mosquitto", "mosquitto_pub"]) else {
        return;
    };
    let addr = free_addr();
    let session = format!(
        "\n[[mqtt.brokers]]\nhost = \"{}\"\nport = {}\n",
        addr.ip(),
        addr.port()
    );
    let hub = Hub::start(HUB, District::new(&session));
    let _mosquitto = Mosquitto::start_at(&broker, hub.district.path(), addr);
    let mut count = 0;
    until("the session to be heard", LONGEST, || {
        count += 1;
        publish(&publisher, addr, &uplink("1000000000000001", true, count));
        (bay(&hub.json(LOT), "bay-1") == "in_use").then_some(())
    });
}

#[test]
fn killed_under_load_it_loses_nothing_that_an_external_broker_has_taken() {
    let Some([broker]) = need(["mosquitto"]) else {
        return;
    };
    let addr = free_addr();
    let (ip, port) = (addr.ip(), addr.port());
    let district = District::new(&format!(
        "\n[[mqtt.brokers]]\nhost = \"{ip}\"\nport = {port}\n"
    ));
    let _mosquitto = Mosquitto::start_at(&broker, district.path(), addr);
    let clock = FastClock::starting_at(FROM_MS, SPEED);
    let mut hub = Hub::start_at(HUB, district, Some(clock));
    let mut random = Random::seeded("HUITIAN_SEED");
    let mut first = Publisher::connect(addr, "probe").unwrap();
    until("the session to be heard", LONGEST, || {
        first.deliver(
            &[("huitian/v1/north/nobody".to_owned(), Vec::new())],
            LONGEST,
        );
        (hub.metric("huitian_messages_total") > 0).then_some(())
    });
    let world = World::new(Random::new(random.bits()));
    let enough = AtomicBool::new(false);
    let (sent, _again) = std::thread::scope(|scope| {
        let load = scope.spawn(|| deliver(world, addr, (clock, FROM_MS), &enough));
        for _ in 0..KILLS {
            pause(Duration::from_millis(random.below(800)));
            hub.process.kill();
            hub.restart();
            hub.wait_ready();
        }
        enough.store(true, Ordering::Relaxed);
        load.join().unwrap()
    });
    let data = hub.district.data();
    until("everything to be in the log", LONGEST * 3, || {
        lost(&sent, &Stored::read(&data).marks())
            .is_empty()
            .then_some(())
    });
    say(&format!(
        "{KILLS} kills, {} messages by way of mosquitto",
        sent.len()
    ));
}
