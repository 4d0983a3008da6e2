//! Devices at the edge's own listener, before the hub can be reached and while no clock is set.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};

use huitian_broker::BrokerConfig;
use huitian_edge::clock;
use huitian_model::uplink::Up;
use huitian_model::{FillLevel, Measurement, Sample, UtcMs};
use huitian_mqtt::{Fate, Qos, Session, SessionConfig};
use tokio::sync::mpsc;

use crate::support::{Edge, Hub, LONGEST, Place, answers, free_addr};

const FILL: &str = "huitian/v1/middle/fill-1";

/// A device that sends these one after the other, each until it is acknowledged.
async fn device(at: SocketAddr, messages: &[(&str, Vec<u8>)]) {
    let listening = async {
        while !answers(at).await {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(LONGEST, listening).await.unwrap();
    let down = ["huitian/v1/middle/fill-1/down"];
    let config = SessionConfig::new(&at.ip().to_string(), at.port(), "fill-1", &down);
    let (inbox, _heard) = mpsc::channel(1);
    let session = Session::connect(config, inbox).unwrap();
    let mut status = session.status();
    let is_there = status.wait_for(|status| status.connected);
    tokio::time::timeout(LONGEST, is_there)
        .await
        .unwrap()
        .unwrap();
    for (topic, payload) in messages {
        let publisher = session.publisher();
        let token = publisher.publish(topic, payload.clone().into(), Qos::AtLeastOnce);
        assert_eq!(token.await.unwrap().fate().await, Fate::Taken, "{topic}");
    }
    session.stop().await;
}

fn fill(percent: u8) -> (&'static str, Vec<u8>) {
    (
        FILL,
        format!("{{\"readings\":{{\"fill\":{percent}}}}}").into(),
    )
}

#[tokio::test]
async fn what_became_no_reading_is_told_to_the_hub_once_and_the_next_message_is_taken() {
    let mut hub = Hub::open().await;
    let listen = free_addr();
    let at = hub.broker.local_addr();
    let place = Place::new(&hub, listen, "");
    hub.broker.stop().await;
    let edge = Edge::start(&place);
    let large = vec![b' '; 600 * 1024];
    let stranger = ("huitian/v1/middle/fill-9", fill(3).1);
    let messages = [
        stranger.clone(),
        (FILL, large),
        (FILL, b"no json".to_vec()),
        stranger,
        fill(42),
    ];
    device(listen, &messages).await;
    hub = Hub::with(BrokerConfig::new(at)).await;
    let mut readings = 0;
    let mut told = None;
    hub.until(|up| {
        if let Up::Frame { frame, .. } = up {
            readings += frame.readings.len();
        }
        if let Up::Notes {
            notes, strangers, ..
        } = up
        {
            assert!(told.is_none(), "told twice");
            told = Some((notes.clone(), strangers.clone()));
        }
        (readings > 0 && told.is_some()).then_some(())
    })
    .await;
    let (notes, strangers) = told.unwrap();
    assert_eq!(readings, 1);
    assert_eq!(strangers.len(), 1);
    assert_eq!(strangers[0].topic, "huitian/v1/middle/fill-9");
    let count = |reason: &str| {
        let of_it = notes.iter().filter(|note| note.reason == reason);
        of_it.map(|note| note.count).sum::<u64>()
    };
    assert_eq!(count("unknown_device"), 2, "{notes:?}");
    assert_eq!(count("oversized"), 1, "{notes:?}");
    assert_eq!(count("malformed"), 1, "{notes:?}");
    edge.stop().await;
}

/// Whether somebody has set the clock of [`unset`].
static IS_SET: AtomicBool = AtomicBool::new(false);

/// A clock that begins at 1970, as on a machine without a battery, until it is set.
fn unset() -> UtcMs {
    let now = clock::wall();
    if IS_SET.load(Ordering::Relaxed) {
        now
    } else {
        UtcMs(now.0 % 86_400_000)
    }
}

#[tokio::test]
async fn a_backlog_of_1970_is_marked_and_moved_once_the_clock_is_set() {
    let mut hub = Hub::open().await;
    let listen = free_addr();
    let place = Place::new(&hub, listen, "");
    let before = clock::wall();
    let edge = Edge::with(&place, unset, None);
    device(listen, &[fill(10)]).await;
    let frame = |up: &Up| {
        let Up::Frame { frame, .. } = up else {
            return None;
        };
        Some(frame.clone())
    };
    let first = hub.until(frame).await;
    assert!(first.unset_now.is_some(), "the hub must know: {first:?}");
    assert!(first.readings[0].1.received_at.0 < 86_400_000 * 2);

    // The next one waits while the hub is away; the clock is set before it comes back.
    let at = hub.broker.local_addr();
    hub.broker.stop().await;
    device(listen, &[fill(20)]).await;
    IS_SET.store(true, Ordering::Relaxed);
    device(listen, &[fill(30)]).await;
    hub = Hub::with(BrokerConfig::new(at)).await;
    let mut moved = Vec::new();
    hub.until(|up| {
        let frame = frame(up)?;
        assert_eq!(frame.unset_now, None);
        moved.extend(frame.readings.iter().map(|(_, reading)| *reading));
        (moved.len() >= 2).then_some(())
    })
    .await;
    for reading in moved.iter().rev().take(2) {
        let at = reading.received_at;
        assert!(before <= at && at <= clock::wall(), "{at}");
    }
    edge.stop().await;
}

/// Routes of topics whose shape does not say what they carry.
const ROUTES: &str = "
[[mqtt.routes]]
topic = \"senml/+\"
format = \"senml-json\"
[[mqtt.routes]]
topic = \"rows/+\"
format = \"csv\"
columns = [\"time\", \"fill\"]
time = { column = \"time\", unit = \"s\" }
[[mqtt.routes]]
topic = \"tele/#\"
format = \"tasmota\"
";

#[tokio::test]
async fn what_a_device_says_in_other_formats_reaches_the_hub_as_readings() {
    let mut hub = Hub::open().await;
    let listen = free_addr();
    let place = Place::new(&hub, listen, ROUTES);
    let edge = Edge::start(&place);
    let seconds = clock::wall().0 / 1_000;
    let messages = [
        ("/ul/key/fill-1/attrs", b"fill|41|k|abc".to_vec()),
        (
            "senml/any",
            br#"[{"bn":"fill-1:","n":"fill","u":"%FILL","v":42,"t":-7}]"#.to_vec(),
        ),
        ("rows/fill-1", format!("{},43\n", seconds - 9).into_bytes()),
        (
            "tele/fill-1/SENSOR",
            br#"{"Time":"2020-01-01T00:00:00","Fill":44}"#.to_vec(),
        ),
        ("nowhere/fill-1", b"45".to_vec()),
    ];
    device(listen, &messages).await;
    let mut found = Vec::new();
    hub.until(|up| {
        if let Up::Frame { frame, .. } = up {
            for (_, reading) in &frame.readings {
                let age = reading.received_at.0 - reading.at.0;
                found.push((reading.sample, age));
            }
        }
        (found.len() == 4).then_some(())
    })
    .await;
    let levels = [41, 42, 43, 44].map(|percent| {
        let level = FillLevel::from_hundredths(percent * 100).unwrap();
        Sample::Good(Measurement::Fill(level))
    });
    found.sort_by_key(|(sample, _)| format!("{sample:?}"));
    let samples: Vec<Sample> = found.iter().map(|(sample, _)| *sample).collect();
    assert_eq!(samples, levels);
    let ages: Vec<i64> = found.iter().map(|(_, age)| *age).collect();
    assert_eq!((ages[0], ages[1], ages[3]), (0, 7_000, 0));
    assert!(ages[2] >= 9_000, "{ages:?}");
    edge.stop().await;
}
