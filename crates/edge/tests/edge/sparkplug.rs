//! A Sparkplug host against a node in a process of its own, through mosquitto and through our
//! own listener.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use huitian_codec::NamedValue;
use huitian_edge::sparkplug::Arrival;
use huitian_edge::{Defaults, Inboxes, MqttConfig, MqttRaw, Sources, clock};
use huitian_mqtt::{Delivery, Session, SessionConfig, Verdict};
use tokio::sync::mpsc;

use crate::support::LONGEST;

mod node;

use node::{Mosquitto, Node, Programs};

const STATE: &str = "spBv1.0/STATE/huitian";

const DEFAULTS: Defaults = Defaults {
    listen: None,
    client_id: "huitian",
    topics: &["huitian/#"],
};

/// A host, and what it hands on.
struct Host {
    sources: Sources,
    arrivals: mpsc::Receiver<Arrival>,
    others: mpsc::Receiver<Delivery>,
}

fn config(settings: &str) -> MqttConfig {
    let raw: MqttRaw = toml::from_str(settings).unwrap();
    raw.check(None, DEFAULTS)
        .unwrap_or_else(|fault| panic!("{fault}"))
}

impl Host {
    async fn open(config: &MqttConfig) -> Self {
        let (named, arrivals) = mpsc::channel(64);
        let (deliveries, others) = mpsc::channel(64);
        let inboxes = Inboxes {
            deliveries: |_way, _room| deliveries.clone(),
            named: |_way, _room| named.clone(),
        };
        let opened = Sources::open(config, Arc::new(clock::wall), inboxes).await;
        let sources = opened.unwrap_or_else(|error| panic!("{error}"));
        Self {
            sources,
            arrivals,
            others,
        }
    }

    /// Takes what arrives, answering it, until exactly these values came in this order; others
    /// may come in between.
    async fn until(&mut self, wanted: &[(&str, &str, NamedValue)]) {
        let mut rest = wanted;
        let mut came = Vec::new();
        let taking = async {
            while let Some((first, later)) = rest.split_first() {
                let arrival = self.arrivals.recv().await.expect("the host runs");
                for record in &arrival.named.records {
                    for (name, value) in &record.values {
                        came.push((record.address.clone(), name.clone(), value.clone()));
                    }
                }
                let is_it = |value: &(String, String, NamedValue)| {
                    (value.0.as_str(), value.1.as_str(), &value.2) == (first.0, first.1, &first.2)
                };
                if let Some(place) = came.iter().position(is_it) {
                    came.drain(..=place);
                    rest = later;
                    // What the same message said after it is still to be looked at.
                    while let Some((first, later)) = rest.split_first()
                        && let Some(place) = came.iter().position(|value| {
                            (value.0.as_str(), value.1.as_str(), &value.2)
                                == (first.0, first.1, &first.2)
                        })
                    {
                        came.drain(..=place);
                        rest = later;
                    }
                }
                let _told = arrival.done.send(Verdict::Durable);
            }
        };
        let done = tokio::time::timeout(LONGEST, taking).await;
        assert!(done.is_ok(), "waited for {rest:?}, there came {came:?}");
    }
}

fn level(value: i64) -> (&'static str, &'static str, NamedValue) {
    let number = huitian_codec::Fixed::from_whole(value).unwrap();
    ("court/gw/bin", "distance", NamedValue::Number(number))
}

fn temp(micros: i64) -> (&'static str, &'static str, NamedValue) {
    let number = huitian_codec::Fixed::from_micros(micros);
    ("court/gw", "temp", NamedValue::Number(number))
}

const NO_TEMP: (&str, &str, NamedValue) = ("court/gw", "temp", NamedValue::Missing);
const NO_LEVEL: (&str, &str, NamedValue) = ("court/gw/bin", "distance", NamedValue::Missing);

/// Somebody who watches STATE.
struct Watcher {
    session: Session,
    heard: mpsc::Receiver<Delivery>,
}

impl Watcher {
    fn at(addr: SocketAddr, name: &str) -> Self {
        let mut config = SessionConfig::new("127.0.0.1", addr.port(), name, &["spBv1.0/STATE/#"]);
        config.clean_start = true;
        let (inbox, heard) = mpsc::channel(64);
        let session = Session::connect(config, inbox).unwrap();
        Self { session, heard }
    }

    /// The next STATE that says so: its timestamp, and whether it was kept.
    async fn until(&mut self, online: bool) -> (i64, bool) {
        let hearing = async {
            loop {
                let delivery = self.heard.recv().await.expect("a session");
                let text = String::from_utf8(delivery.payload.to_vec()).unwrap();
                let (topic, kept) = (delivery.topic.clone(), delivery.retain);
                delivery.answer(Verdict::Durable);
                assert_eq!(topic, STATE);
                let head = format!("{{\"online\":{online},\"timestamp\":");
                if let Some(rest) = text.strip_prefix(&head) {
                    let number = rest.strip_suffix('}').expect("one more key than agreed");
                    return (number.parse().unwrap(), kept);
                }
            }
        };
        let heard = tokio::time::timeout(LONGEST, hearing).await;
        heard.unwrap_or_else(|_late| panic!("no STATE with online = {online}"))
    }
}

/// What a node and a host do together, whichever broker is between them.
async fn scenario(programs: &Programs, addr: SocketAddr, host: &mut Host) {
    let mut node = Node::start(programs, addr, 0);
    node.until("ready").await;
    host.until(&[temp(20_500_000), level(80)]).await;
    node.tell("say 55");
    host.until(&[level(55)]).await;
    // One message is lost: what came after it is read, the births come anew, data goes on.
    node.tell("lose 56");
    node.tell("say 57");
    node.until("ncmd").await;
    node.until("born").await;
    node.tell("say 58");
    host.until(&[level(57), temp(20_500_000), level(80), level(58)])
        .await;
    // The device dies, and is not heard any more before it is born again.
    node.tell("dead");
    host.until(&[NO_LEVEL]).await;
    node.tell("say 59");
    node.until("born").await;
    host.until(&[level(80)]).await;
    // SIGKILL: the broker publishes its will.
    node.kill();
    host.until(&[NO_TEMP, NO_LEVEL]).await;
    let mut node = Node::start(programs, addr, 1);
    node.until("ready").await;
    host.until(&[temp(20_500_000), level(80)]).await;
    node.tell("end");
    host.until(&[NO_TEMP, NO_LEVEL]).await;
}

async fn through_mosquitto(protocol: u8) {
    let Some(programs) = Programs::find() else {
        return;
    };
    let mut broker = Mosquitto::start(&programs);
    let addr = broker.addr();
    let config = config(&format!(
        "embedded = false\n[[brokers]]\nhost = \"127.0.0.1\"\nport = {}\nprotocol = {protocol}\n\
         sparkplug = \"huitian\"\nsparkplug_reorder = \"500ms\"\ntopics = [\"huitian/#\"]\n\
         keep_alive = \"8s\"\n",
        addr.port()
    ));
    let mut watcher = Watcher::at(addr, "watcher");
    let mut host = Host::open(&config).await;
    let (first, _) = watcher.until(true).await;
    assert!((first - clock::wall().0).abs() < 60_000);
    // Kept for those who come later.
    assert_eq!(Watcher::at(addr, "late").until(true).await, (first, true));
    scenario(&programs, addr, &mut host).await;
    // A will of before that the broker publishes late is answered with the same birth.
    node::publish(&programs, addr, STATE, r#"{"online":false,"timestamp":1}"#);
    assert_eq!(watcher.until(false).await.0, 1);
    assert_eq!(watcher.until(true).await.0, first);
    // What is no Sparkplug passes by.
    node::publish(&programs, addr, "huitian/v1/a/b", "{}");
    let other = tokio::time::timeout(LONGEST, host.others.recv()).await;
    let other = other.unwrap().unwrap();
    assert_eq!(other.topic, "huitian/v1/a/b");
    other.answer(Verdict::Durable);
    // A node that goes on while the host is away: its data means nothing until it is born again.
    let mut node = Node::start(&programs, addr, 2);
    node.until("ready").await;
    host.until(&[level(80)]).await;
    host.sources.stop().await;
    let (parted, _) = watcher.until(false).await;
    assert!(parted > first, "dated when it parted");
    let mut host = Host::open(&config).await;
    let (second, _) = watcher.until(true).await;
    assert!(second >= parted);
    node.tell("say 33");
    node.until("born").await;
    node.tell("say 34");
    host.until(&[temp(20_500_000), level(80), level(34)]).await;
    // The broker dies: another connection, another instant, and births anew.
    broker.restart();
    let mut watcher = Watcher::at(addr, "watcher");
    let (third, _) = watcher.until(true).await;
    assert!(third > second);
    node.until("ready").await;
    host.until(&[level(80)]).await;
    // The host vanishes without a word: its will bears the instant of its birth.
    drop(host);
    assert_eq!(watcher.until(false).await.0, third);
    watcher.session.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_host_and_a_node_understand_each_other_through_mosquitto() {
    through_mosquitto(4).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_host_and_a_node_understand_each_other_over_mqtt_5() {
    through_mosquitto(5).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_host_and_a_node_understand_each_other_at_our_own_listener() {
    let Some(programs) = Programs::find() else {
        return;
    };
    let settings = "addr = \"127.0.0.1:0\"\nsparkplug = \"huitian\"\nsparkplug_reorder = \"500ms\"";
    let mut host = Host::open(&config(settings)).await;
    let addr = host.sources.broker().expect("a listener").local_addr();
    let mut watcher = Watcher::at(addr, "watcher");
    let (first, kept) = watcher.until(true).await;
    assert!(kept, "said before anybody watched");
    scenario(&programs, addr, &mut host).await;
    node::publish(&programs, addr, STATE, r#"{"online":false,"timestamp":1}"#);
    assert_eq!(watcher.until(false).await.0, 1);
    assert_eq!(watcher.until(true).await.0, first);
    assert_eq!(Watcher::at(addr, "late").until(true).await, (first, true));
    host.sources.stop().await;
    assert!(watcher.until(false).await.0 >= first);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_not_stored_is_asked_for_again() {
    let Some(programs) = Programs::find() else {
        return;
    };
    let settings = "addr = \"127.0.0.1:0\"\nsparkplug = \"huitian\"";
    let mut host = Host::open(&config(settings)).await;
    let addr = host.sources.broker().expect("a listener").local_addr();
    let mut node = Node::start(&programs, addr, 0);
    node.until("ready").await;
    host.until(&[level(80)]).await;
    node.tell("say 55");
    let lost = tokio::time::timeout(LONGEST, host.arrivals.recv()).await;
    let lost = lost.unwrap().unwrap();
    assert_eq!(lost.topic, "spBv1.0/court/DDATA/gw/bin");
    assert_eq!(lost.done.send(Verdict::Retry), Ok(()));
    node.until("born").await;
    host.until(&[temp(20_500_000), level(80)]).await;
    host.sources.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_broker_has_a_state_of_its_own() {
    let Some(programs) = Programs::find() else {
        return;
    };
    let mut brokers = [Mosquitto::start(&programs), Mosquitto::start(&programs)];
    let addrs = [brokers[0].addr(), brokers[1].addr()];
    let each = addrs.map(|addr| {
        let port = addr.port();
        format!("[[brokers]]\nhost = \"127.0.0.1\"\nport = {port}\nsparkplug = \"huitian\"\n")
    });
    let host = Host::open(&config(&format!("embedded = false\n{}", each.concat()))).await;
    let mut watchers = addrs.map(|addr| Watcher::at(addr, "watcher"));
    let (first, _) = watchers[0].until(true).await;
    let (second, _) = watchers[1].until(true).await;
    brokers[1].restart();
    let (third, _) = Watcher::at(addrs[1], "later").until(true).await;
    assert!(third > second, "a new session, a new instant");
    assert_eq!(
        Watcher::at(addrs[0], "later").until(true).await,
        (first, true)
    );
    host.sources.stop().await;
    watchers[0].until(false).await;
}

#[test]
fn settings_of_a_host_are_checked() {
    let fault = |settings: &str| {
        let raw: MqttRaw = toml::from_str(settings).unwrap();
        raw.check(None, DEFAULTS).unwrap_err().to_string()
    };
    let broker = |rest: &str| format!("[[brokers]]\nhost = \"h\"\n{rest}");
    let slash = fault(&broker("sparkplug = \"a/b\""));
    assert!(slash.contains("expected a host id of 1 to 128"), "{slash}");
    let alone = fault(&broker("sparkplug_reorder = \"1s\""));
    assert!(alone.contains("needs mqtt.brokers.sparkplug"), "{alone}");
    let shared = fault(&broker("sparkplug = \"a\"\nshare_group = \"g\""));
    assert!(shared.contains("neither share_group"), "{shared}");
    let long = fault(&broker("sparkplug = \"a\"\nsparkplug_reorder = \"2m\""));
    assert!(long.contains("100ms to 60s"), "{long}");
    assert!(fault("sparkplug = \"a\"").contains("needs mqtt.addr"));
    let good = config(&broker("sparkplug = \"a\"\nprotocol = 5"));
    let session = &good.brokers[0];
    assert!(session.clean_start);
    assert_eq!(session.session_expiry, Duration::ZERO);
    assert_eq!(session.subscriptions, ["spBv1.0/#", "spBv1.0/STATE/a"]);
}
