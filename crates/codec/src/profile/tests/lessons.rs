//! What the published codecs of real devices teach, each as a claim about our profiles.

use huitian_model::{BadReason, ChannelName, Quantity, Sample, TimeSource, UtcMs};

use super::super::vector::{from_hex, told};
use crate::profile::{Counter, CounterKind, MessageKind, Profiles};
use crate::{Decoded, Uplink};

fn builtin() -> Profiles {
    Profiles::builtin().unwrap()
}

fn bytes(hex: &str) -> Vec<u8> {
    from_hex(hex).unwrap()
}

/// The kind of a message and its samples in words, in the order of their channels.
fn read(id: &str, port: Option<u8>, hex: &str) -> (Option<MessageKind>, Vec<String>) {
    let profiles = builtin();
    let payload = bytes(hex);
    let decoding = profiles.require(id).unwrap().read(port, &payload).unwrap();
    let mut samples: Vec<_> = decoding
        .samples()
        .into_iter()
        .map(|(channel, sample)| format!("{channel} {}", told(sample)))
        .collect();
    samples.sort();
    (decoding.kind(), samples)
}

fn decode(id: &str, port: u8, hex: &str, at: i64, f_cnt: u32) -> Vec<Decoded> {
    let uplink = Uplink {
        address: "1000000000000001".to_owned(),
        f_port: Some(port),
        f_cnt: Some(f_cnt),
        bytes: bytes(hex),
        at: Some(UtcMs(at)),
        time_source: TimeSource::Network,
        decoded: Vec::new(),
    };
    builtin().require(id).unwrap().decode(&uplink).unwrap()
}

#[test]
fn a_heartbeat_confirms_the_state_and_says_that_it_is_one() {
    for (id, port, hex, state) in [
        ("bosch-tps110", Some(2), "01", "occupied good true"),
        ("pni-placepod", None, "376601", "occupied good true"),
        (
            "nwave-nps405",
            Some(2),
            "00d3d800590b",
            "occupied good false",
        ),
        (
            "libelium-smart-parking",
            None,
            "81c60014053300d90c80c8",
            "occupied good true",
        ),
    ] {
        let (kind, samples) = read(id, port, hex);
        assert_eq!(kind, Some(MessageKind::Heartbeat), "{id}");
        assert!(samples.contains(&state.to_owned()), "{id} {samples:?}");
    }
    let (kind, _) = read("pni-placepod", None, "156601");
    assert_eq!(kind, Some(MessageKind::Status), "an event is none");
}

#[test]
fn a_state_at_startup_is_a_claim() {
    for (id, port, hex) in [
        (
            "bosch-tps110",
            Some(3),
            "00000000990200d100050000001d020200",
        ),
        ("libelium-smart-parking", None, "04001e0e7cf2d9f91e0ddf"),
        ("nwave-nps405", Some(3), "0102030200"),
        ("pni-placepod", None, "1566003f0101"),
    ] {
        let (kind, samples) = read(id, port, hex);
        assert_eq!(kind, Some(MessageKind::Startup), "{id}");
        assert_eq!(samples[0], "occupied uncertain startup false", "{id}");
    }
}

#[test]
fn where_published_decoders_disagree_the_bytes_decide() {
    let profiles = builtin();
    let payload = bytes("00d3d800590b");
    let nwave = profiles.require("nwave-nps405").unwrap();
    let fields = nwave.read(Some(2), &payload).unwrap().fields();
    let told: Vec<_> = fields
        .iter()
        .map(|(name, value)| format!("{name} {value}"))
        .collect();
    assert!(told.contains(&"battery_v 3.344".to_owned()), "{told:?}");
    let payload = bytes("00000000990200d100050000001d020200");
    let bosch = profiles.require("bosch-tps110").unwrap();
    let fields = bosch.read(Some(3), &payload).unwrap().fields();
    assert!(
        fields
            .iter()
            .any(|(_, value)| value.to_string() == "0.29.2")
    );
}

#[test]
fn no_echo_is_never_a_full_bin() {
    for (id, port, hex) in [
        ("tekelek-tek766", 48, "30000001010637004d006301680600000000"),
        (
            "tekelek-tek766",
            16,
            "1000000000000000001a17aa001a18aa001a19aa",
        ),
        ("dragino-ldds75", 2, "0d0a001400000001"),
        ("dragino-ldds75", 2, "0d0a000000000001"),
        ("zis-oskar", 1, "0000f002"),
        ("dingtek-df702", 3, "8000010111000000fd0000000000000081"),
        ("milesight-em310-udl", 85, "03820000"),
        ("milesight-em500-udl", 85, "0382ffff"),
    ] {
        let (_, samples) = read(id, Some(port), hex);
        let distance = samples.iter().find(|told| told.starts_with("distance"));
        assert!(
            distance.unwrap().starts_with("distance bad"),
            "{id} {samples:?}"
        );
    }
    let (_, samples) = read("decentlab-dl-mbx", Some(1), "02012f00020bb1");
    assert_eq!(
        samples,
        Vec::<String>::new(),
        "a block left out says nothing"
    );
}

#[test]
fn an_echo_below_the_makers_filter_is_no_distance() {
    // SRC 8 and SRSSI 3 are each too little; SRC 9 is the blind zone, and uncertain.
    for (group, expected) in [
        ("001a16aa", "distance good 260"),
        ("001a169a", "distance good 260"),
        ("001a168a", "distance bad no_echo"),
        ("001a16a3", "distance bad no_echo"),
        ("001616aa", "distance uncertain implausible 220"),
    ] {
        let hex = format!("10000000{group}001a17aa001a18aa001a19aa");
        let (_, samples) = read("tekelek-tek766", Some(16), &hex);
        assert!(
            samples.contains(&expected.to_owned()),
            "{group} {samples:?}"
        );
    }
}

#[test]
fn an_alarm_says_nothing_of_what_it_leaves_out() {
    let (_, samples) = read("milesight-em400-tld", Some(85), "8367e800018482410601");
    assert_eq!(samples, ["distance good 1601", "temperature good 23.2"]);
    let (kind, samples) = read("milesight-em500-udl", Some(85), "83e9e803000001");
    assert_eq!(kind, Some(MessageKind::Alarm));
    assert_eq!(samples, ["distance good 1000"]);
}

#[test]
fn history_repeats_with_the_same_instants_whenever_it_is_sent() {
    let stored = "20ce806d2268ee02";
    let first = decode("milesight-em500-udl", 85, stored, 1_747_100_000_000, 7);
    let again = decode("milesight-em500-udl", 85, stored, 1_747_200_000_000, 9);
    assert_eq!(first.len(), 1);
    assert_eq!(first[0].at, Some(UtcMs(0x6822_6d80 * 1_000)));
    assert_eq!(first[0].time_source, TimeSource::Device);
    assert_eq!(
        (first[0].at, first[0].sample),
        (again[0].at, again[0].sample)
    );
    let now = decode("milesight-em500-udl", 85, "0382e803", 1_747_100_000_000, 7);
    assert_eq!(now[0].at, Some(UtcMs(1_747_100_000_000)));
    assert_eq!(now[0].time_source, TimeSource::Network);
}

#[test]
fn older_readings_without_a_time_feed_nothing() {
    let hex = "1000000001121baa01131baa01141baa01151baa";
    let decoded = decode("tekelek-tek766", 16, hex, 1_795_406_400_000, 3);
    let distances: Vec<_> = decoded
        .iter()
        .filter(|decoded| decoded.channel.as_str() == "distance")
        .map(|decoded| (decoded.at, told(decoded.sample)))
        .collect();
    let newest = (Some(UtcMs(1_795_406_400_000)), "good 2740".to_owned());
    assert_eq!(distances, [newest]);
    let profiles = builtin();
    let payload = bytes(hex);
    let tek = profiles.require("tekelek-tek766").unwrap();
    assert_eq!(
        tek.read(Some(16), &payload).unwrap().groups().len(),
        4,
        "shown all the same"
    );
}

#[test]
fn four_counters_mean_four_things() {
    let profiles = builtin();
    let counter = |id: &str, channel: &str| {
        let channel = ChannelName::new(channel).unwrap();
        profiles.require(id).unwrap().counter(&channel)
    };
    let total = |wrap_bits, resets| {
        Some(Counter {
            kind: CounterKind::Total,
            wrap_bits,
            resets,
        })
    };
    assert_eq!(counter("nwave-ncc405", "entries"), total(Some(16), true));
    assert_eq!(counter("pni-placepod", "vehicles"), total(None, true));
    let interval = Counter {
        kind: CounterKind::Interval,
        wrap_bits: None,
        resets: false,
    };
    assert_eq!(counter("parametric-tcr", "exits"), Some(interval));
    assert_eq!(counter("bosch-tps110", "occupied"), None);
}

#[test]
fn a_count_that_tells_a_restart_counts_nothing() {
    let (_, samples) = read("pni-placepod", None, "210080");
    assert_eq!(samples, ["vehicles good 128"]);
    let (_, samples) = read("pni-placepod", None, "210081");
    assert_eq!(samples, ["vehicles uncertain startup 0"], "from here on");
    let profiles = builtin();
    let placepod = profiles.require("pni-placepod").unwrap();
    assert!(placepod.read(None, &[0x21, 0, 0x81]).unwrap().is_reboot());
    assert!(!placepod.read(None, &[0x21, 0, 0x80]).unwrap().is_reboot());
}

#[test]
fn a_compressed_duration_is_exact_then_coarse_then_over() {
    let profiles = builtin();
    let nwave = profiles.require("nwave-nps405").unwrap();
    for (raw, minutes, error, overflow) in [
        (0_u8, "0", "0", "false"),
        (89, "89", "0", "false"),
        (90, "90", "4", "false"),
        (119, "235", "4", "false"),
        (120, "240", "59", "false"),
        (126, "600", "59", "false"),
        (127, "660", "0", "true"),
    ] {
        let payload = [raw << 1];
        let decoding = nwave.read(Some(1), &payload).unwrap();
        let told: Vec<_> = decoding
            .fields()
            .into_iter()
            .map(|(_, value)| value.to_string())
            .collect();
        assert_eq!(told, ["false", minutes, error, overflow], "{raw}");
    }
}

#[test]
fn units_and_ends_differ_and_the_channel_is_in_millimetres_all_the_same() {
    for (id, port, hex, expected) in [
        ("milesight-em310-udl", 85, "03824408", "distance good 2116"),
        (
            "dragino-ldds75",
            2,
            "0d0a07e900000001",
            "distance good 2025",
        ),
        ("zis-oskar", 1, "5800f002", "distance good 880"),
        (
            "decentlab-dl-mbx",
            1,
            "02012f000304d200010bb1",
            "distance good 1234",
        ),
    ] {
        let (_, samples) = read(id, Some(port), hex);
        assert!(samples.contains(&expected.to_owned()), "{id} {samples:?}");
    }
}

#[test]
fn what_cannot_be_is_doubted_or_bad_and_the_rest_of_the_frame_stays() {
    let (_, samples) = read("milesight-em500-udl", Some(85), "01756403821e00");
    assert_eq!(
        samples,
        ["battery good 100", "distance uncertain implausible 30"]
    );
    let hex = "be02016412c218b800000000010600000000020b00000000011e000000000000";
    let (_, samples) = read("parametric-tcr", Some(15), hex);
    assert!(samples.contains(&"temperature bad out_of_range".to_owned()));
    assert!(samples.contains(&"exits good 4".to_owned()));
    let (_, samples) = read(
        "sensoneo-single",
        Some(1),
        "2855332e3736542b313444323531503129",
    );
    assert!(samples.contains(&"distance uncertain implausible 2510".to_owned()));
}

#[test]
fn a_device_whose_clock_is_not_set_says_no_time() {
    let decoded = decode(
        "milesight-em500-udl",
        85,
        "20ce10000000ee02",
        1_795_406_400_000,
        1,
    );
    assert_eq!(decoded, Vec::new());
}

#[test]
fn a_tilted_sensor_says_nothing_of_the_waste() {
    let bad = Sample::Bad(Quantity::Distance, BadReason::Tilted);
    let decoded = decode("milesight-em310-udl", 85, "01755c03824408040001", 0, 1);
    assert!(decoded.iter().any(|decoded| decoded.sample == bad));
    let position_first = decode("milesight-em310-udl", 85, "04000103824408", 0, 1);
    assert!(position_first.iter().any(|decoded| decoded.sample == bad));
}
