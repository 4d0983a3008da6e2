//! Clients written by others: mosquitto's and paho, with both versions and every `QoS`.

use std::path::Path;
use std::process::Command;

use huitian_broker::{Broker, Delivery, Qos, Verdict};
use tokio::sync::mpsc;

use super::programs::{Running, find, find_paho, run};
use super::support::{Client, Hello, next, soon, start};

const VERSIONS: [&str; 2] = ["mqttv311", "mqttv5"];

/// Arguments every mosquitto client needs.
fn common<'a>(port: &'a str, version: &'a str, qos: &'a str) -> [&'a str; 8] {
    ["-h", "127.0.0.1", "-p", port, "-V", version, "-q", qos]
}

fn port(broker: &Broker) -> String {
    broker.local_addr().port().to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn mosquitto_pub_is_heard_with_every_version_and_qos() {
    let Some(publisher) = find("mosquitto_pub") else {
        return;
    };
    let (broker, mut deliveries) = start().await;
    for version in VERSIONS {
        for qos in ["0", "1", "2"] {
            let port = port(&broker);
            let publisher = publisher.clone();
            let publishing = tokio::task::spawn_blocking(move || {
                let mut arguments = common(&port, version, qos).to_vec();
                arguments.extend(["-t", "huitian/v1/s/d", "-m", "{\"fill\":40}", "-i", "pub"]);
                run(&publisher, &arguments);
            });
            let delivery = next(&mut deliveries).await;
            assert_eq!(delivery.qos.level().to_string(), qos);
            assert_eq!(
                (&delivery.payload[..], &*delivery.client_id),
                (&b"{\"fill\":40}"[..], "pub")
            );
            delivery.answer(Verdict::Durable);
            soon("mosquitto_pub", publishing).await.unwrap();
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn mosquitto_pub_hangs_until_the_message_is_durable() {
    let Some(publisher) = find("mosquitto_pub") else {
        return;
    };
    let (broker, mut deliveries) = start().await;
    for (version, qos) in VERSIONS.into_iter().flat_map(|v| [(v, "1"), (v, "2")]) {
        let port = port(&broker);
        let mut arguments = common(&port, version, qos).to_vec();
        arguments.extend(["-t", "t", "-m", "x", "-d"]);
        let mut publisher = Running::start(Command::new(&publisher).args(&arguments));
        let delivery = next(&mut deliveries).await;
        // Another client makes a full turn meanwhile, so that an early answer would be out.
        let mut other = Client::hello(broker.local_addr(), &Hello::v311("other")).await;
        assert_eq!(other.before_ping_answer().await, []);
        let before = broker.counts().acknowledged;
        delivery.answer(Verdict::Durable);
        let acknowledgement = if qos == "1" { "PUBACK" } else { "PUBREC" };
        tokio::task::block_in_place(|| publisher.line(|line| line.contains(acknowledgement)));
        assert_eq!(broker.counts().acknowledged, before + 1);
    }
}

async fn watch(subscriber: &Path, version: &str, qos: &str) {
    let (broker, deliveries) = start().await;
    let mut taken = tokio::spawn(take_durably(deliveries, 2));
    let mut device = Client::hello(broker.local_addr(), &Hello::v5("device")).await;
    device
        .publish(2 | 1, 1, "huitian/v1/s/retained", b"before")
        .await;
    device.expect_ack(0x40, 1).await;
    let port = port(&broker);
    let mut arguments = common(&port, version, qos).to_vec();
    arguments.extend(["-t", "huitian/#", "-F", "seen %t %q %r %p", "-d"]);
    let mut watcher = Running::start(Command::new(subscriber).args(&arguments));
    let granted = qos.parse::<u8>().unwrap();
    let retained = format!("seen huitian/v1/s/retained {} 1 before", granted.min(1));
    tokio::task::block_in_place(|| watcher.line(|line| line == retained));
    device.publish(4, 2, "huitian/v1/s/live", b"after").await;
    device.expect_ack(0x50, 2).await;
    let live = format!("seen huitian/v1/s/live {granted} 0 after");
    tokio::task::block_in_place(|| watcher.line(|line| line == live));
    soon("the intake", &mut taken).await.unwrap();
}

async fn take_durably(mut deliveries: mpsc::Receiver<Delivery>, count: u32) {
    for _ in 0..count {
        next(&mut deliveries).await.answer(Verdict::Durable);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn mosquitto_sub_sees_retained_and_live_messages() {
    let Some(subscriber) = find("mosquitto_sub") else {
        return;
    };
    for version in VERSIONS {
        for qos in ["0", "1", "2"] {
            soon("mosquitto_sub", watch(&subscriber, version, qos)).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn mosquitto_pub_of_a_thousand_lines_loses_none() {
    let Some(publisher) = find("mosquitto_pub") else {
        return;
    };
    let (broker, mut deliveries) = start().await;
    let port = port(&broker);
    let publishing = tokio::task::spawn_blocking(move || {
        let mut arguments = common(&port, "mqttv5", "1").to_vec();
        arguments.extend(["-t", "t", "-m", "x", "--repeat", "1000"]);
        run(&publisher, &arguments);
    });
    for _ in 0..1_000 {
        let delivery = next(&mut deliveries).await;
        assert_eq!(delivery.qos, Qos::AtLeastOnce);
        delivery.answer(Verdict::Durable);
    }
    soon("mosquitto_pub", publishing).await.unwrap();
    assert_eq!(broker.counts().acknowledged, 1_000);
}

/// Publishes with every `QoS` and version, subscribed to itself; prints what came back.
const PAHO: &str = r#"
import sys, threading
import paho.mqtt.client as mqtt
port = int(sys.argv[1])
for protocol in (mqtt.MQTTv311, mqtt.MQTTv5):
    seen, done, ready = [], threading.Event(), threading.Event()
    client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, client_id="paho", protocol=protocol)
    client.on_subscribe = lambda *_: ready.set()
    def on_message(client, _, message):
        seen.append((message.topic, message.qos, message.payload.decode()))
        if len(seen) == 300:
            done.set()
    client.on_message = on_message
    client.connect("127.0.0.1", port, keepalive=10)
    client.loop_start()
    client.subscribe("paho/#", qos=2)
    assert ready.wait(15), "no SUBACK"
    sent = [client.publish(f"paho/{n}", f"reading {n}", qos=n % 3) for n in range(300)]
    for one in sent:
        one.wait_for_publish(15)
        assert one.is_published()
    assert done.wait(15), len(seen)
    assert sorted(seen) == sorted((f"paho/{n}", n % 3, f"reading {n}") for n in range(300))
    client.disconnect()
    client.loop_stop()
print("all came back")
"#;

#[tokio::test(flavor = "multi_thread")]
async fn paho_publishes_and_sees_its_own_messages() {
    let Some(python) = find_paho() else { return };
    let (broker, deliveries) = start().await;
    let intake = tokio::spawn(take_durably(deliveries, 600));
    let port = port(&broker);
    let output = tokio::task::spawn_blocking(move || run(&python, &["-c", PAHO, &port]));
    let output = soon("paho", output).await.unwrap();
    assert_eq!(
        String::from_utf8_lossy(&output.stdout).trim(),
        "all came back"
    );
    soon("the intake", intake).await.unwrap();
}
