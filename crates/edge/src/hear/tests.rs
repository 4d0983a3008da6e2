//! A message becomes readings, or a note that says why not.

use std::sync::Arc;

use huitian_codec::{Profiles, RefusalReason};
use huitian_model::{
    Asset, AssetId, AssetKind, Bilingual, Binding, Channel, ChannelName, Device, DeviceId,
    Facility, FacilityId, FacilityKind, Inventory, Measurement, Quantity, Sample, Site, SiteId,
    TimeSource, UtcMs, partition_of,
};

use super::{Heard, Intake, Message, NoteReason};

const NOW: UtcMs = UtcMs(1_795_406_400_000);

fn name(text: &str) -> Bilingual {
    Bilingual {
        zh: text.to_owned(),
        en: text.to_owned(),
    }
}

fn device(id: &str, address: &str, profile: &str, channel: &str, quantity: Quantity) -> Device {
    let facility = FacilityId::new("lot").unwrap();
    let channel = ChannelName::new(channel).unwrap();
    let asset = (quantity == Quantity::Occupied).then(|| AssetId::new("b1").unwrap());
    let binds = Binding { facility, asset };
    let bound = Channel {
        name: channel.clone(),
        quantity,
        binds,
        counter: huitian_model::CounterRule::Unstated,
    };
    Device {
        id: DeviceId::new(id).unwrap(),
        site: SiteId::new("s1").unwrap(),
        address: address.to_owned(),
        profile: profile.to_owned(),
        expected_every_ms: 60_000,
        valid_for_ms: None,
        channels: [(channel, bound)].into(),
    }
}

fn intake() -> Intake {
    let bay = Asset {
        id: AssetId::new("b1").unwrap(),
        kind: AssetKind::Bay,
    };
    let lot = Facility {
        id: FacilityId::new("lot").unwrap(),
        name: name("lot"),
        kind: FacilityKind::ParkingLot {
            capacity: 1,
            initial_count: None,
        },
        batch: None,
        assets: [(bay.id.clone(), bay)].into(),
    };
    let site = Site {
        id: SiteId::new("s1").unwrap(),
        name: name("s1"),
        subdistrict: name("d"),
        company: String::new(),
        zone: "Asia/Shanghai".to_owned(),
        facilities: [(lot.id.clone(), lot)].into(),
    };
    let devices = [
        device(
            "tps",
            "1000000000000001",
            "bosch-tps110",
            "occupied",
            Quantity::Occupied,
        ),
        device(
            "sign",
            "sign",
            "plain",
            "free_places".replace('_', "-").as_str(),
            Quantity::FreePlaces,
        ),
    ];
    let inventory = Inventory {
        sites: [(site.id.clone(), site)].into(),
        devices: devices.map(|device| (device.id.clone(), device)).into(),
    };
    assert_eq!(inventory.faults(), vec![]);
    Intake::new(Arc::new(inventory), Arc::new(Profiles::builtin().unwrap()))
}

fn hear(topic: &str, payload: &str) -> Heard {
    let payload = payload.as_bytes();
    intake().hear(&Message {
        topic,
        payload,
        received_at: NOW,
        retained: false,
    })
}

#[test]
fn an_uplink_of_a_known_device_becomes_a_reading_at_the_networks_time() {
    let heard = hear(
        "application/a/device/1000000000000001/event/up",
        r#"{"time":"2026-11-23T03:59:58+00:00","deviceInfo":{"devEui":"1000000000000001"},
            "fPort":2,"data":"ARI="}"#,
    );
    assert_eq!(heard.notes, vec![]);
    let [(partition, channel, reading)] = heard.readings.as_slice() else {
        panic!("{heard:?}")
    };
    assert_eq!(*partition, partition_of(&SiteId::new("s1").unwrap()));
    assert_eq!(channel.to_string(), "tps/occupied");
    assert_eq!(reading.sample, Sample::Good(Measurement::Occupied(true)));
    assert_eq!(
        (reading.at, reading.time_source),
        (NOW.minus(2_000), TimeSource::Network)
    );
    assert_eq!((reading.received_at, reading.sequence), (NOW, Some(0)));
}

#[test]
fn one_bad_value_of_a_message_leaves_the_good_ones() {
    let heard = hear(
        "huitian/v1/s1/sign",
        r#"{"batch":[{"readings":{"free-places":1}},{"readings":{"free-places":9000000}},
            {"readings":{"depth":1}}]}"#,
    );
    assert_eq!(heard.readings.len(), 1);
    let reasons: Vec<&str> = heard.notes.iter().map(|note| note.reason.name()).collect();
    assert_eq!(reasons, ["out_of_range", "unknown_channel"]);
    assert_eq!(heard.readings[0].2.time_source, TimeSource::Receiver);
}

#[test]
fn what_is_no_reading_is_noted_with_its_reason() {
    let unknown_channel = NoteReason::Refused(RefusalReason::WrongTopic);
    let up = r#"{"deviceInfo":{"devEui":"2000000000000002"},"fPort":1,"data":"AQ=="}"#;
    for (topic, payload, reason, source) in [
        ("a/b", "{}", unknown_channel, "a"),
        (
            "huitian/v1/s1/sign",
            "{",
            NoteReason::Refused(RefusalReason::NotJson),
            "sign",
        ),
        (
            "application/a/device/2000000000000002/event/up",
            up,
            NoteReason::UnknownDevice,
            "unknown",
        ),
        (
            "huitian/v1/s2/sign",
            r#"{"readings":{"free-places":1}}"#,
            NoteReason::Refused(RefusalReason::IdentityMismatch),
            "sign",
        ),
    ] {
        let heard = hear(topic, payload);
        assert_eq!(heard.readings.len(), 0, "{topic}");
        let [note] = heard.notes.as_slice() else {
            panic!("{heard:?}")
        };
        assert_eq!((note.reason, note.source.as_str()), (reason, source));
        assert_eq!(
            heard.stranger.is_some(),
            reason == NoteReason::UnknownDevice
        );
    }
}

#[test]
fn a_retained_message_is_no_news() {
    let payload = br#"{"readings":{"free-places":1}}"#;
    let topic = "huitian/v1/s1/sign";
    let heard = intake().hear(&Message {
        topic,
        payload,
        received_at: NOW,
        retained: true,
    });
    assert_eq!(heard.readings.len(), 0);
    assert_eq!(heard.notes[0].reason, NoteReason::Retained);
}
