//! Records, blocks, groups, text and device time.

use huitian_model::{TimeSource, UtcMs};

use super::super::vector::told;
use crate::profile::Profile;
use crate::{RefusalReason, Uplink};

const HEAD: &str = r#"
id = "parts"
name = "Parts"
vendor = "Ours"
channel = [
    { name = "distance", quantity = "distance" },
    { name = "temperature", quantity = "temperature" },
    { name = "entries", quantity = "entries", counter = { kind = "interval" } },
]
"#;

/// The one message of a profile, behind its name and kind.
fn profile(message: &str) -> Profile {
    parse(message).unwrap_or_else(|(told, at)| panic!("{told} at {at}"))
}

/// The profile, or what is wrong and the text that is underlined.
fn parse(message: &str) -> Result<Profile, (String, String)> {
    let text = format!("{HEAD}\n[[message]]\nname = \"m\"\n{message}");
    Profile::parse(&text, "parts.toml").map_err(|error| {
        let underlined = text.get(error.span.unwrap()).unwrap().to_owned();
        (error.message, underlined)
    })
}

/// What an uplink at `heard_at` says: channel, instant, words.
fn said(profile: &Profile, bytes: &[u8], heard_at: Option<i64>) -> Vec<String> {
    let uplink = Uplink {
        address: "1".to_owned(),
        f_port: None,
        f_cnt: Some(5),
        bytes: bytes.to_vec(),
        at: heard_at.map(UtcMs),
        time_source: heard_at.map_or(TimeSource::Receiver, |_| TimeSource::Network),
    };
    let decoded = profile.decode(&uplink).unwrap().into_iter();
    decoded
        .map(|decoded| {
            let at = decoded
                .at
                .map_or("-".to_owned(), |UtcMs(at)| at.to_string());
            let source = format!("{:?}", decoded.time_source);
            format!("{} {at} {source} {}", decoded.channel, told(decoded.sample))
        })
        .collect()
}

const EVERY: &str = r#"kind = "status"
[[message.group]]
name = "reading"
at = 0
length = 2
every_s = 900
absent = 0x00
field = [{ name = "mm", at = 0, type = "u16be", channel = "distance" }]"#;

#[test]
fn groups_of_a_known_interval_stand_on_a_grid_and_the_newest_at_the_uplink() {
    let profile = profile(EVERY);
    let at = 1_795_406_400_000 + 123_000;
    let first = said(&profile, &[0, 100, 0, 90, 0, 80], Some(at));
    assert_eq!(
        first,
        [
            "distance 1795406523000 Network good 100",
            "distance 1795405500000 Network good 90",
            "distance 1795404600000 Network good 80"
        ]
    );
    // The next uplink, 14 seconds late: what it repeats has the same instants.
    let next = said(&profile, &[0, 110, 0, 100, 0, 90], Some(at + 914_000));
    assert_eq!(next[2], first[1]);
}

#[test]
fn without_any_time_only_the_newest_group_is_used() {
    let profile = profile(EVERY);
    assert_eq!(
        said(&profile, &[0, 100, 0, 90], None),
        ["distance - Receiver good 100"]
    );
}

#[test]
fn an_absent_group_is_skipped_and_the_newest_is_judged_all_the_same() {
    let profile = profile(EVERY);
    let at = 1_795_406_400_000;
    let absent = said(&profile, &[0, 100, 0, 0, 0, 80], Some(at));
    assert_eq!(
        absent,
        [
            "distance 1795406400000 Network good 100",
            "distance 1795404600000 Network good 80"
        ]
    );
    let newest = said(&profile, &[0, 0, 0, 90], Some(at));
    assert_eq!(newest[0], "distance 1795406400000 Network good 0");
}

#[test]
fn groups_may_be_oldest_first() {
    let profile = profile(&EVERY.replace("absent = 0x00", "newest = \"last\""));
    let read = said(&profile, &[0, 80, 0, 100], Some(1_795_406_400_000));
    assert_eq!(
        read,
        [
            "distance 1795406400000 Network good 100",
            "distance 1795405500000 Network good 80"
        ]
    );
}

#[test]
fn steps_back_from_the_devices_own_time_are_exact() {
    let message = r#"kind = "status"
field = [
    { name = "time", at = 0, type = "u32be", time = "unix_s" },
    { name = "minutes", at = 4, type = "u8" },
    { name = "every_s", formula = "60 * minutes" },
]
[[message.group]]
name = "reading"
at = 5
length = 1
every = "every_s"
field = [{ name = "cars", at = 0, type = "u8", channel = "entries" }]"#;
    let profile = profile(message);
    let bytes = [0x68, 0x22, 0x6d, 0x80, 10, 3, 4];
    let expected = [
        "entries 1747086720000 Device good 3",
        "entries 1747086120000 Device good 4",
    ];
    assert_eq!(said(&profile, &bytes, Some(1_795_406_400_000)), expected);
    assert_eq!(said(&profile, &bytes, None), expected);
    let unset = [0, 0, 0, 9, 10, 3, 4];
    assert_eq!(said(&profile, &unset, None), ["entries - Receiver good 3"]);
}

#[test]
fn counts_of_intervals_are_not_taken_from_steps_of_the_uplinks_time() {
    let message = EVERY.replace("\"distance\" }", "\"entries\" }");
    let (told, underlined) = parse(&message).unwrap_err();
    assert!(told.contains("counted twice"), "{told}");
    assert_eq!(underlined, "\"reading\"");
}

#[test]
fn groups_with_a_packed_local_time_are_put_into_utc() {
    let message = r#"kind = "history"
[[message.group]]
name = "stored"
at = 0
length = 6
absent = 0xff
clock = { year = "y", month = "mo", day = "d", hour = "h", minute = "mi", utc_offset_min = 480 }
field = [
    { name = "y", at = 0, type = "ubits_be", bit = 0, bits = 7, add = 2000 },
    { name = "mo", at = 0, type = "ubits_be", bit = 7, bits = 4 },
    { name = "d", at = 0, type = "ubits_be", bit = 11, bits = 5 },
    { name = "h", at = 2, type = "ubits_be", bit = 0, bits = 5 },
    { name = "mi", at = 2, type = "ubits_be", bit = 5, bits = 6 },
    { name = "mm", at = 4, type = "u16be", channel = "distance" },
]"#;
    let profile = profile(message);
    // 2026-03-09 00:30 at +8: 0011010_0011_01001, 00000_011110_00000.
    let bytes = [
        0x34, 0x69, 0x03, 0xc0, 0x03, 0xe8, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
    ];
    let expected = ["distance 1772987400000 Device good 1000"];
    assert_eq!(said(&profile, &bytes, None), expected);
    let no_month = [0x34, 0x09, 0x03, 0xc0, 0x03, 0xe8];
    assert_eq!(said(&profile, &no_month, Some(0)), Vec::<String>::new());
    let (told, _) = parse(&message.replace(", utc_offset_min = 480", ""))
        .err()
        .unwrap();
    assert!(told.contains("utc_offset_min"), "{told}");
}

#[test]
fn a_local_time_without_its_offset_is_refused_by_the_profile() {
    let message = "kind = \"status\"\nfield = [{ name = \"t\", at = 0, type = \"u32be\", \
                   time = \"local_s\" }]";
    let (told, underlined) = parse(message).unwrap_err();
    assert!(told.contains("utc_offset_min"), "{told}");
    assert_eq!(underlined, "\"local_s\"");
    let stated = message.replace("\"local_s\"", "\"local_s\", utc_offset_min = 60");
    let decoding = profile(&stated);
    let decoding = decoding.read(None, &[0x68, 0x22, 0x6d, 0x80]).unwrap();
    assert_eq!(decoding.device_time(), Some(UtcMs(1_747_083_120_000)));
}

#[test]
fn history_that_says_no_time_is_refused_by_the_profile() {
    let message = "kind = \"history\"\nfield = [{ name = \"mm\", at = 0, type = \"u16be\", \
                   channel = \"distance\" }]";
    let (told, underlined) = parse(message).unwrap_err();
    assert!(told.contains("needs a field with time"), "{told}");
    assert_eq!(underlined, "\"history\"");
}

#[test]
fn a_message_may_have_the_devices_own_time_and_sequence() {
    let message = "kind = \"status\"\nfield = [\
                   { name = \"t\", at = 0, type = \"u64be\", time = \"unix_ms\" },\n\
                   { name = \"n\", at = 8, type = \"u32be\", sequence = true },\n\
                   { name = \"mm\", at = 12, type = \"u16be\", channel = \"distance\" }]";
    let profile = profile(message);
    let mut bytes = 1_747_086_720_123_u64.to_be_bytes().to_vec();
    bytes.extend([0, 1, 0, 0, 0x03, 0xe8]);
    let uplink = Uplink {
        address: "1".to_owned(),
        f_port: Some(1),
        f_cnt: Some(7),
        bytes,
        at: Some(UtcMs(1)),
        time_source: TimeSource::Network,
    };
    let decoded = profile.decode(&uplink).unwrap();
    assert_eq!(decoded[0].at, Some(UtcMs(1_747_086_720_123)));
    assert_eq!(decoded[0].time_source, TimeSource::Device);
    assert_eq!(decoded[0].sequence, Some(65_536));
}

#[test]
fn records_with_their_length_let_unknown_ones_be_skipped() {
    for (place, bytes) in [
        (
            "before",
            &[3, 0x01, 0x03, 0xe8, 2, 0x77, 9, 2, 0x02, 21][..],
        ),
        ("after", &[0x01, 2, 0x03, 0xe8, 0x77, 1, 9, 0x02, 1, 21]),
    ] {
        let message = format!(
            "kind = \"status\"\nrecord_length = \"{place}\"\nrecord = [\n\
             {{ tag = [0x01], field = [{{ name = \"mm\", at = 0, type = \"u16be\", channel = \
             \"distance\" }}] }},\n\
             {{ tag = [0x02], field = [{{ name = \"t\", at = 0, type = \"i8\", channel = \
             \"temperature\" }}] }}]"
        );
        let profile = profile(&message);
        let read = said(&profile, bytes, None);
        let expected = [
            "distance - Receiver good 1000",
            "temperature - Receiver good 21",
        ];
        assert_eq!(read, expected, "{place}");
        assert_eq!(profile.read(None, bytes).unwrap().unread(), 3, "{place}");
        let cut = profile.read(None, &bytes[..bytes.len() - 1]).unwrap_err();
        assert_eq!(cut.reason, RefusalReason::PayloadShape);
    }
}

#[test]
fn flags_say_which_blocks_are_there() {
    let message = r#"kind = "status"
flags = { at = 0, type = "u8", blocks_at = 1 }
block = [
    { bit = 0, length = 2, field = [{ name = "mm", at = 0, type = "u16be", channel = "distance" }] },
    { bit = 3, length = 1, field = [{ name = "t", at = 0, type = "i8", channel = "temperature" }] },
]"#;
    let profile = profile(message);
    let distance = "distance - Receiver good 1000".to_owned();
    let temperature = "temperature - Receiver good 21".to_owned();
    for (bytes, expected) in [
        (&[0x09, 0x03, 0xe8, 21][..], vec![&distance, &temperature]),
        (&[0x01, 0x03, 0xe8], vec![&distance]),
        (&[0x08, 21], vec![&temperature]),
        (&[0x00], vec![]),
    ] {
        assert_eq!(
            said(&profile, bytes, None).iter().collect::<Vec<_>>(),
            expected
        );
    }
    let cut = profile.read(None, &[0x09, 0x03, 0xe8]).unwrap_err();
    assert!(cut.text.contains("block of bit 3"), "{}", cut.text);
}

#[test]
fn text_is_read_by_its_pattern_and_other_text_is_refused() {
    let message = r#"kind = "status"
text = "D:{mm};T:{t};{state}"
field = [
    { name = "mm", channel = "distance" },
    { name = "t", channel = "temperature" },
    { name = "state", texts = { open = 1, shut = 0 } },
]"#;
    let profile = profile(message);
    let read = said(&profile, b"D:0815;T:-2.5;open", None);
    assert_eq!(
        read,
        [
            "distance - Receiver good 815",
            "temperature - Receiver good -2.5"
        ]
    );
    let fields = profile.read(None, b"D:1;T:2;open").unwrap().fields();
    assert_eq!(fields[2].1.to_string(), "1");
    let words = said(&profile, b"D:none;T:2;x", None);
    assert_eq!(words[0], "distance - Receiver bad device_fault");
    for other in [
        &b"D:1;T:2"[..],
        b"X:1;T:2;open",
        &[0xff, 0xfe],
        b"D:1;T:12345678901234567890123456789012345;x",
    ] {
        let refusal = profile.read(None, other).unwrap_err();
        assert!(
            refusal.text.contains("expected text such as"),
            "{}",
            refusal.text
        );
    }
}

#[test]
fn patterns_that_could_be_read_in_two_ways_are_refused() {
    for (pattern, told) in [
        ("{a}{b}", "expected a character before {b}"),
        ("{a", "expected }"),
        ("{a};{a}", "once"),
        ("text", "parts"),
        ("{a};{b}", "expected a field b"),
        ("{a};ä", "ASCII"),
    ] {
        let message =
            format!("kind = \"status\"\ntext = \"{pattern}\"\nfield = [{{ name = \"a\" }}]");
        let (found, underlined) = parse(&message).unwrap_err();
        assert!(found.contains(told), "{pattern}: {found}");
        assert_eq!(underlined, format!("\"{pattern}\""));
    }
    parse("kind = \"status\"\ntext = \"{a};{_b}\"\nfield = [{ name = \"a\" }]").unwrap();
}

#[test]
fn formulas_that_are_not_sound_are_refused_with_their_character() {
    for (formula, told) in [
        ("a +", "expected a number, a field, - or ( at character 4"),
        ("a b", "expected an operation or the end at character 3"),
        ("later + 1", "no field later stands before it"),
        ("min(a)", "expected ,"),
        ("((((((((((a))))))))))", "at most 8 open"),
        ("--------------a", "at most 8 open"),
        ("1.2.3", "expected a number"),
        ("", "expected a number"),
    ] {
        let message = format!(
            "kind = \"status\"\nfield = [{{ name = \"a\", at = 0, type = \"u8\" }},\n\
             {{ name = \"x\", formula = \"{formula}\" }}]"
        );
        let (found, underlined) = parse(&message).unwrap_err();
        assert!(found.contains(told), "{formula}: {found}");
        assert_eq!(underlined, format!("\"{formula}\""));
    }
    let long = vec!["a"; 40].join("+");
    let message = format!(
        "kind = \"status\"\nfield = [{{ name = \"a\", at = 0, type = \"u8\" }},\n\
         {{ name = \"x\", formula = \"{long}\" }}]"
    );
    assert!(parse(&message).unwrap_err().0.contains("at most 64"));
}

#[test]
fn what_does_not_belong_together_is_refused() {
    for (message, told) in [
        (
            "kind = \"status\"\nblock = [{ bit = 0, length = 1 }]",
            "need flags",
        ),
        (
            "kind = \"status\"\nrecord_length = \"after\"",
            "needs records",
        ),
        (
            "kind = \"status\"\nfield = [{ name = \"a\", at = 0 }]",
            "expected a type beside at",
        ),
        (
            "kind = \"status\"\nfield = [{ name = \"a\", at = 0, type = \"u8\", unit = \"cm\" }]",
            "takes a unit",
        ),
        (
            "kind = \"status\"\nports = [1]\nfield = [{ name = \"a\", path = \"a\" }]",
            "takes no ports",
        ),
        (
            "kind = \"status\"\nfield = [{ name = \"a\", at = 0, type = \"u8\", texts = { x = 1 } }]",
            "take texts",
        ),
        (
            "kind = \"status\"\nfield = [{ name = \"a\", at = 0, type = \"u8\", bits = 3 }]",
            "bit fields only",
        ),
        (
            "kind = \"status\"\nfield = [{ name = \"a\", at = 0, type = \"u8\", sentinels = [{ raw = 1 }] }]",
            "either bad or reboot",
        ),
    ] {
        let (found, _) = parse(message).unwrap_err();
        assert!(found.contains(told), "{message}: {found}");
    }
    let counter = HEAD.replace("kind = \"interval\"", "kind = \"total\", bits = 12");
    let text = format!("{counter}\n[[message]]\nname = \"m\"\nkind = \"status\"");
    let error = Profile::parse(&text, "x").unwrap_err();
    assert!(error.message.contains("8, 16 or 32"), "{}", error.message);
}
