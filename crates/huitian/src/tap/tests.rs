//! What the tap shows of a log, and what it does not.

use std::collections::BTreeMap;

use huitian_model::{
    ChannelName, ChannelRef, Device, EdgeId, Measurement, Origin, Reading, Sample, Tick,
    TimeSource, UtcMs,
};

use super::*;

fn frame(device: &str, first_n: u64) -> Record {
    Record::Frame(Frame {
        edge: EdgeId::new("local").unwrap(),
        epoch: 1,
        first_n,
        origin: Origin::Live,
        channels: vec![ChannelRef {
            device: DeviceId::new(device).unwrap(),
            channel: ChannelName::new("occupied").unwrap(),
        }],
        readings: vec![(
            0,
            Reading {
                at: UtcMs(1_795_422_000_000),
                received_at: UtcMs(1_795_422_001_000),
                time_source: TimeSource::Device,
                sequence: None,
                sample: Sample::Good(Measurement::Occupied(true)),
            },
        )],
    })
}

fn inventory() -> Inventory {
    let device = |id: &str, site: &str| {
        let id = DeviceId::new(id).unwrap();
        let device = Device {
            id: id.clone(),
            site: SiteId::new(site).unwrap(),
            address: id.to_string(),
            profile: "plain".to_owned(),
            expected_every_ms: 60_000,
            valid_for_ms: None,
            channels: BTreeMap::new(),
        };
        (id, device)
    };
    Inventory {
        devices: [device("bay-1", "north"), device("bay-2", "south")].into(),
        ..Inventory::default()
    }
}

fn shown(news: Vec<(Partition, Frame)>, site: Option<&str>, device: Option<&str>) -> Vec<String> {
    let wanted = Wanted {
        site: site.map(|it| SiteId::new(it).unwrap()),
        device: device.map(|it| DeviceId::new(it).unwrap()),
    };
    let inventory = inventory();
    let lines = news
        .into_iter()
        .flat_map(|(partition, frame)| lines(partition, frame, &inventory, &wanted));
    let devices = lines.map(|line| {
        let json: serde_json::Value = serde_json::from_str(&line).unwrap();
        assert_eq!(json["value"], true, "{line}");
        json["device"].as_str().unwrap().to_owned()
    });
    devices.collect()
}

#[tokio::test]
async fn the_tap_shows_what_became_durable_since_and_each_reading_once() {
    let dir = tempfile::tempdir().unwrap();
    let hub = Sqlite::open(StoreConfig::new(dir.path())).unwrap();
    let partitions: Vec<Partition> = Partition::all().collect();
    let (first, last) = (partitions[0], partitions[63]);
    // More ticks than one look reads, and a reading behind them.
    let tick = |n| (first, Record::Tick(Tick { now: UtcMs(n) }));
    hub.append((0..1_500).map(tick).collect()).await.unwrap();
    hub.append(vec![(first, frame("bay-1", 0))]).await.unwrap();
    let beside = Sqlite::open_to_read(StoreConfig::new(dir.path())).unwrap();
    let mut tail = Tail::at_the_end(beside).await.unwrap();
    assert_eq!(tail.news().await.unwrap(), [], "what was there before");
    hub.append(vec![(last, frame("bay-2", 0)), (first, frame("bay-1", 1))])
        .await
        .unwrap();
    let news = tail.news().await.unwrap();
    assert_eq!(shown(news.clone(), None, None), ["bay-1", "bay-2"]);
    assert_eq!(shown(news.clone(), Some("south"), None), ["bay-2"]);
    assert_eq!(shown(news.clone(), None, Some("bay-1")), ["bay-1"]);
    assert_eq!(shown(news, Some("south"), Some("bay-1")), [""; 0]);
    assert_eq!(tail.news().await.unwrap(), [], "shown once");
}
