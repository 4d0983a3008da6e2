//! A message becomes readings, or a note that says why not.

use std::sync::Arc;

use huitian_codec::{NamedValue, Profiles, RefusalReason, Routes};
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
        device(
            "eye",
            "Yard/Eye 1",
            "plain",
            "vl53l0x-spots",
            Quantity::FreePlaces,
        ),
        device(
            "pole",
            "1000000000000002",
            "plain",
            "in-use",
            Quantity::InUse,
        ),
    ];
    let inventory = Inventory {
        sites: [(site.id.clone(), site)].into(),
        devices: devices.map(|device| (device.id.clone(), device)).into(),
    };
    assert_eq!(inventory.faults(), vec![]);
    let profiles = Profiles::builtin().unwrap();
    Intake::new(Arc::new(inventory), Arc::new(profiles), Arc::new(routes()))
}

fn routes() -> Routes {
    #[derive(serde::Deserialize)]
    struct File {
        routes: Routes,
    }
    let text = r#"
        [[routes]]
        topic = "loriot/+"
        format = "loriot"
        [[routes]]
        topic = "senml/+"
        format = "senml-json"
        [[routes]]
        topic = "table"
        format = "csv"
        device = { column = "dev" }
    "#;
    toml::from_str::<File>(text).unwrap().routes
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
            !heard.strangers.is_empty(),
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

#[test]
fn values_by_name_of_a_plain_device_are_its_channels() {
    // Local time without a zone is no event time: the time of receipt holds.
    let heard = hear(
        "tele/Yard/Eye 1/SENSOR",
        r#"{"Time":"2026-11-23T12:00:00","VL53L0X":{"Spots":7,"Distance":263},"TempUnit":"C"}"#,
    );
    assert_eq!(heard.notes, vec![]);
    let [(_, channel, reading)] = heard.readings.as_slice() else {
        panic!("{heard:?}")
    };
    assert_eq!(channel.to_string(), "eye/vl53l0x-spots");
    assert_eq!(reading.sample, Sample::Good(Measurement::FreePlaces(7)));
    assert_eq!(
        (reading.at, reading.time_source),
        (NOW, TimeSource::Receiver)
    );
    // Its last word and its state are notes, and a fault is told with the channel.
    for (kind, payload, reason) in [
        ("LWT", "Offline", NoteReason::NotReadings),
        ("STATE", "{}", NoteReason::NotReadings),
        (
            "SENSOR",
            r#"{"Time":"2026-11-23T12:00:00","Switch1":"ON"}"#,
            NoteReason::NotReadings,
        ),
        (
            "SENSOR",
            r#"{"VL53L0X":{"Spots":"many"}}"#,
            NoteReason::Refused(RefusalReason::WrongType),
        ),
        (
            "SENSOR",
            r#"{"VL53L0X":{"Spots":1,"spots":2}}"#,
            NoteReason::Refused(RefusalReason::DuplicateKey),
        ),
    ] {
        let heard = hear(&format!("tele/yard/eye 1/{kind}"), payload);
        assert_eq!(heard.notes[0].reason, reason, "{payload}");
    }
}

#[test]
fn history_keeps_its_own_times() {
    let heard = hear(
        "senml/any",
        r#"[{"bn":"sign:","n":"free_places","v":3,"t":-600},{"n":"free_places","v":4,"t":-300},
            {"n":"free_places","v":5}]"#,
    );
    assert_eq!(heard.notes, vec![]);
    let times = heard
        .readings
        .iter()
        .map(|(_, _, reading)| (reading.at, reading.time_source));
    assert_eq!(
        times.collect::<Vec<_>>(),
        [
            (NOW.minus(600_000), TimeSource::Device),
            (NOW.minus(300_000), TimeSource::Device),
            (NOW, TimeSource::Receiver),
        ]
    );
}

#[test]
fn both_messages_of_one_uplink_become_equal_readings() {
    let body = |cmd: &str| {
        format!(
            r#"{{"cmd":"{cmd}","EUI":"1000000000000001","ts":1795406399000,"fcnt":9,"port":2,
                "gws":[{{"time":"2026-11-23T03:59:58Z"}}],"data":"0112"}}"#
        )
    };
    let (rx, gw) = (hear("loriot/a", &body("rx")), hear("loriot/b", &body("gw")));
    assert_eq!(rx.readings.len(), 1);
    assert_eq!(rx.readings, gw.readings);
    assert_eq!(rx.readings[0].2.sequence, Some(9));
    // A third copy by another network server: its own time, all else equal.
    let other = hear(
        "application/a/device/1000000000000001/event/up",
        r#"{"time":"2026-11-23T03:59:58.500+00:00","deviceInfo":{"devEui":"1000000000000001"},
            "fCnt":9,"fPort":2,"data":"ARI="}"#,
    );
    let (mut copy, first) = (other.readings[0].clone(), &rx.readings[0]);
    assert_eq!(copy.2.at, NOW.minus(1_500));
    copy.2.at = first.2.at;
    assert_eq!(&copy, first);
}

#[test]
fn a_profile_reads_the_bytes_first_and_what_a_codec_made_of_them_else() {
    let up = |eui: &str, object: &str| {
        format!(
            r#"{{"deviceInfo":{{"devEui":"{eui}"}},"fCnt":9,"fPort":2,"data":"ARI=",
                "object":{object}}}"#
        )
    };
    let topic = |eui: &str| format!("application/a/device/{eui}/event/up");
    // A profile of bytes does not care what the object says.
    let tps = "1000000000000001";
    let heard = hear(&topic(tps), &up(tps, r#"{"occupied":false}"#));
    assert_eq!(
        heard.readings[0].2.sample,
        Sample::Good(Measurement::Occupied(true))
    );
    // A plain device behind a network server with a codec.
    let pole = "1000000000000002";
    let heard = hear(&topic(pole), &up(pole, r#"{"in_use":12}"#));
    assert_eq!(
        heard.readings[0].2.sample,
        Sample::Good(Measurement::InUse(12))
    );
    assert_eq!(heard.readings[0].2.sequence, Some(9));
    let heard = hear(&topic(pole), &up(pole, "{}"));
    assert_eq!((heard.readings.len(), heard.notes.len()), (0, 1));
}

#[test]
fn what_a_network_server_says_of_a_device_is_no_fault_of_its_profile() {
    let heard = hear(
        "application/a/device/1000000000000001/event/status",
        r#"{"deviceInfo":{"devEui":"1000000000000001"},"margin":10,"batteryLevel":88.3}"#,
    );
    assert_eq!(heard.readings, vec![]);
    assert_eq!(heard.notes[0].reason, NoteReason::NotReadings);
    assert_eq!(heard.notes[0].text, "status");
}

#[test]
fn a_message_of_many_unknown_devices_names_some_and_counts_the_rest() {
    let rows: Vec<String> = (0..40).map(|n| format!("x{n},1")).collect();
    let body = format!("dev,free-places\nsign,3\nx0,2\n{}", rows.join("\n"));
    let heard = hear("table", &body);
    assert_eq!(
        heard.readings.len(),
        1,
        "the known device among them is heard"
    );
    assert_eq!(heard.strangers.len(), 16);
    assert_eq!(heard.strangers[0].address, "x0");
    let said = &heard.strangers[0].said[0];
    assert_eq!(said.0, "free-places");
    assert!(matches!(said.1, NamedValue::Number(_)));
    assert_eq!(heard.notes.len(), 17);
    assert!(
        heard.notes[16].text.starts_with("24 more"),
        "{:?}",
        heard.notes[16]
    );
}
