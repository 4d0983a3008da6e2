//! Buses against the simulated installation: what the hub gets is what the sensors see.

use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;
use std::sync::Arc;

use firmware_sim::modbus::{Endpoint, Fault, Installation, Line, Rates, Server};
use firmware_sim::{Config, FaultRates, World};
use huitian_edge::plant;
use huitian_edge::settings::{EdgeConfig, Overrides};
use huitian_model::uplink::Up;
use huitian_model::{Measurement, Sample};

use crate::support::{Edge, Hub, Place, free_addr};

/// Units that the installation has.
const BINS: usize = 5;

/// What the coarsest sensor tells apart, mm.
const RESOLUTION_MM: i64 = 10;

fn installation() -> Installation {
    let world = World::new(Config {
        seed: 7,
        scale: 1,
        faults: FaultRates::none(),
    });
    Installation::new(&Arc::new(world), BINS, 0).unwrap()
}

/// The unit id at the end of a device's name.
fn unit(device: &str) -> u8 {
    device.rsplit('-').next().unwrap().parse().unwrap()
}

/// Puts the installation in the place of what the edge reads, with a pace of the test's.
fn write(place: &Place, installation: &Installation, endpoint: &Endpoint, pace: (&str, &str)) {
    let inventory = place.path().join("inventory");
    installation.write(&inventory, endpoint).unwrap();
    let bus = std::fs::read_to_string(inventory.join("edge-modbus.toml")).unwrap();
    let bus = bus
        .replace("interval = \"10s\"", &format!("interval = \"{}\"", pace.0))
        .replace("timeout = \"1s\"", &format!("timeout = \"{}\"", pace.1));
    let mut text = std::fs::read_to_string(place.file()).unwrap();
    text.push_str(&bus);
    std::fs::write(place.file(), text).unwrap();
}

/// Good distances of every device, as the hub gets them, until each of `devices` told `times`.
async fn distances(
    hub: &mut Hub,
    devices: &BTreeSet<String>,
    times: usize,
) -> BTreeMap<String, Vec<i64>> {
    let mut heard: BTreeMap<String, Vec<i64>> = BTreeMap::new();
    hub.until(|up| {
        let Up::Frame { frame, .. } = up else {
            return None;
        };
        for (channel, reading) in &frame.readings {
            let channel = &frame.channels[usize::try_from(*channel).unwrap()];
            if let Sample::Good(value @ Measurement::Distance(_)) = reading.sample {
                let device = channel.device.as_str().to_owned();
                heard.entry(device).or_default().push(value.as_i64());
            }
        }
        let told = |device: &String| heard.get(device).is_some_and(|all| all.len() >= times);
        devices.iter().all(told).then_some(())
    })
    .await;
    heard
}

async fn truth_arrives(is_serial: bool) {
    let installation = installation();
    // A line that answers late, glued and under wrong names, with one dead unit on it.
    let rates = Rates::none()
        .with(Fault::Late, 0.05)
        .with(Fault::Glued, 0.05)
        .with(Fault::WrongTid, 0.05)
        .with(Fault::WrongUnit, 0.05);
    let mut line = installation.line(7).with_faults(rates);
    let names = installation.inventory().devices;
    let mut names: BTreeSet<String> = names.into_iter().map(|device| device.id).collect();
    let sights = |line: &mut Line, now| -> BTreeMap<String, i64> {
        let sight = |name: &String| {
            let sight = line.sight(unit(name), now).unwrap();
            (name.clone(), i64::from(sight.distance_mm))
        };
        names.iter().map(sight).collect()
    };
    // An hour in which no two units see the same distance: else it would prove nothing.
    let mut hours = (0..200).map(|hour| 1_795_406_400_000 + hour * 3_600_000);
    let (now, truth) = hours
        .find_map(|now| {
            let truth = sights(&mut line, now);
            let mut sorted: Vec<i64> = truth.values().copied().collect();
            sorted.sort_unstable();
            let is_apart = |pair: &[i64]| pair[1] - pair[0] > 2 * RESOLUTION_MM;
            sorted.windows(2).all(is_apart).then_some((now, truth))
        })
        .expect("an hour in which all distances differ");
    let dead = names.pop_first().unwrap();
    let corpse = line.units()[&unit(&dead)].clone().dead();
    let mut server = Server::new(line.with_unit(unit(&dead), corpse), move || now);
    let endpoint = if is_serial {
        Endpoint::Serial {
            path: server.open_pty(None).unwrap(),
            baud: 9_600,
        }
    } else {
        let at = server.listen_tcp((Ipv4Addr::LOCALHOST, 0).into()).await;
        Endpoint::Tcp(at.unwrap())
    };
    let mut hub = Hub::open().await;
    let place = Place::new(&hub, free_addr(), "");
    write(&place, &installation, &endpoint, ("2s", "200ms"));
    let edge = Edge::start(&place);
    let heard = distances(&mut hub, &names, 2).await;
    for (device, values) in &heard {
        assert_ne!(device, &dead, "a dead unit has no values");
        for value in values {
            let off = (value - truth[device]).abs();
            assert!(
                off <= RESOLUTION_MM,
                "{device} said {value}, but sees {}",
                truth[device]
            );
        }
    }
    edge.stop().await;
    server.end().await.unwrap();
}

#[tokio::test]
async fn no_unit_is_ever_given_the_value_of_another_over_tcp() {
    truth_arrives(false).await;
}

#[tokio::test]
async fn no_unit_is_ever_given_the_value_of_another_over_a_serial_line() {
    truth_arrives(true).await;
}

#[tokio::test]
async fn a_cadence_that_a_line_cannot_keep_is_refused_with_the_arithmetic() {
    let hub = Hub::open().await;
    let place = Place::new(&hub, free_addr(), "");
    let endpoint = Endpoint::Serial {
        path: "/dev/ttyS9".into(),
        baud: 1_200,
    };
    write(&place, &installation(), &endpoint, ("1s", "1s"));
    let config = EdgeConfig::load(&place.file(), &Overrides::default()).unwrap();
    let Err(faults) = plant::check(&config.plant) else {
        panic!("the line was taken")
    };
    let text: String = faults.iter().map(ToString::to_string).collect();
    assert!(
        text.contains("line0") && text.contains("sum of 5 units: 1483336 us"),
        "{text}"
    );
}
