//! The right profile first, drafts judged with their place, lines that an inventory takes.

use huitian_console::DRAFT_BYTES_MAX;
use huitian_model::UtcMs;

use super::*;

fn bench() -> Trials {
    of(Profiles::builtin().unwrap(), "")
}

/// A bench of these profiles, where messages come by these routes.
pub(super) fn of(profiles: Profiles, routes: &str) -> Trials {
    #[derive(serde::Deserialize)]
    struct Settings {
        #[serde(default)]
        routes: Routes,
    }
    let Settings { routes } = toml::from_str(routes).unwrap();
    Trials::new(
        watch::channel(Arc::new(profiles)).1,
        watch::channel(Arc::new(routes)).1,
    )
}

pub(super) fn message(topic: &str, payload: &[u8], address: Option<&str>) -> Sample {
    Sample::Message {
        topic: topic.to_owned(),
        payload: payload.to_vec(),
        address: address.map(str::to_owned),
        at: UtcMs(1_700_000_000_000),
    }
}

fn bytes(hex: &str, port: u8) -> Sample {
    let digits = hex.as_bytes().chunks(2);
    let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap();
    Sample::Bytes {
        bytes: digits.map(byte).collect(),
        port: Some(port),
    }
}

const TEMPLATE: &str = include_str!("../../../templates/bits.toml");

/// Every message that a built-in profile knows: its own profile fits, and nearly always stands
/// first. Short frames of a maker's siblings are alike to the bit, so that nobody could tell.
#[test]
fn the_right_profile_stands_first_for_nearly_every_known_message() {
    let bench = bench();
    let (mut tried_on, mut first, mut of_maker) = (0, 0, 0);
    for (file, text) in Profiles::builtin_texts() {
        let table: toml::Table = toml::from_str(text).unwrap();
        let id = table["id"].as_str().unwrap();
        for vector in table["vector"].as_array().unwrap() {
            let known = (vector.get("message"), vector.get("hex"));
            let (Some(_message), Some(hex)) = known else {
                continue;
            };
            let port = vector.get("port").and_then(toml::Value::as_integer);
            let Sample::Bytes { bytes, .. } = bytes(hex.as_str().unwrap(), 1) else {
                continue;
            };
            let sample = Sample::Bytes {
                bytes,
                port: port.map(|port| u8::try_from(port).unwrap()),
            };
            let tried = bench.try_on(&sample, &With::All).unwrap();
            assert_eq!(tried.profiles, Profiles::builtin_texts().count());
            let place = tried.fits.iter().position(|it| it.profile == id).unwrap();
            assert!(place < 5, "{file} {hex}: {place}");
            tried_on += 1;
            first += usize::from(place == 0);
            of_maker += usize::from(tried.fits[0].vendor == tried.fits[place].vendor);
            if place > 0 {
                println!(
                    "{file} {hex}: place {place}, behind {}",
                    tried.fits[0].profile
                );
            }
        }
    }
    println!("{first} of {tried_on} first, {of_maker} behind none but siblings");
    assert!(tried_on >= 60);
    assert!(first * 100 >= tried_on * 85, "{first} of {tried_on}");
    assert!(of_maker * 100 >= tried_on * 95, "{of_maker} of {tried_on}");
}

#[test]
fn a_profile_that_says_more_stands_before_one_that_fits_by_chance() {
    let mut profiles = Profiles::builtin().unwrap();
    let by_chance = TEMPLATE
        .replace("\"my-device\"", "\"aaa-anything\"")
        .replace("ports = [10] ", "")
        .replace("lengths = [5] ", "lengths = [5, 14] ");
    profiles.add(&by_chance, "aaa").unwrap();
    let bench = of(profiles, "");
    let known = bytes("01755c0367010104822003050000", 85);
    let tried = bench.try_on(&known, &With::All).unwrap();
    assert_eq!(tried.fits[0].profile, "milesight-em400-tld");
    assert_eq!(tried.fits[0].verdict, "fits");
    assert!(tried.fitting >= 1);
}

#[test]
fn what_is_unread_or_out_of_range_does_not_fit() {
    let bench = bench();
    let tried = |hex| {
        let with = With::Profile("milesight-em400-tld".to_owned());
        bench.try_on(&bytes(hex, 85), &with).unwrap().fits.remove(0)
    };
    assert_eq!(tried("01755c").verdict, "fits");
    let unread = tried("01755cee0102");
    assert_eq!((unread.verdict, unread.unread), ("partly", 3));
    // 255 percent of battery.
    assert_eq!(tried("0175ff").verdict, "partly");
    assert_eq!(tried("eeee").verdict, "unknown_message");
    assert_eq!(tried("0175").verdict, "refused");
}

#[test]
fn a_draft_is_judged_with_the_place_of_each_fault_and_still_tried() {
    let bench = bench();
    let good = bytes("03205f00d7", 10);
    let tried = |text: &str| bench.try_on(&good, &With::Draft(text.to_owned())).unwrap();
    let right = tried(TEMPLATE);
    let draft = right.draft.unwrap();
    assert_eq!(
        (draft.faults.as_slice(), draft.vectors, draft.passed),
        (&[][..], 1, 1)
    );
    assert_eq!(right.fits[0].verdict, "fits");

    let wrong = tried(&TEMPLATE.replace("good 800", "good 801"));
    let draft = wrong.draft.unwrap();
    assert_eq!((draft.passed, draft.faults.len()), (0, 1));
    assert!(
        draft.faults[0]
            .message
            .starts_with("vector 1: expected samples")
    );
    assert_eq!(
        wrong.fits.len(),
        1,
        "its author sees what it makes of the payload"
    );

    let broken = tried(&TEMPLATE.replace("\"u16be\"", "\"u17be\""));
    let fault = broken.draft.unwrap().faults.remove(0);
    let line = TEMPLATE
        .lines()
        .position(|line| line.contains("u16be"))
        .unwrap()
        + 1;
    assert_eq!(fault.line, Some(line));
    assert_eq!(
        (fault.before.as_str(), fault.marked.as_str()),
        ("type = ", "\"u17be\"")
    );
    assert!(broken.fits.is_empty());

    let long = tried(&"#".repeat(DRAFT_BYTES_MAX + 1));
    assert!(
        long.draft.unwrap().faults[0]
            .message
            .contains("at most 65536 bytes")
    );
}

#[test]
fn lines_for_the_inventory_name_the_address_and_leave_to_people_what_they_know() {
    let bench = bench();
    let message = message(
        "application/a/device/24e124fffef12345/event/up",
        br#"{"deviceInfo":{"devEui":"24e124fffef12345"},"fPort":85,"data":"AXVc"}"#,
        None,
    );
    let tried = bench.try_on(&message, &With::All).unwrap();
    assert_eq!(tried.opened.form, "uplink");
    assert_eq!(
        (tried.opened.port, tried.opened.hex.as_deref()),
        (Some(85), Some("01755c"))
    );
    let fit = tried
        .fits
        .iter()
        .find(|it| it.profile == "milesight-em400-tld")
        .unwrap();
    assert_eq!(
        fit.devices_csv,
        "em400-tld-f12345,SITE,24e124fffef12345,milesight-em400-tld,1h,\n"
    );
    assert!(
        fit.channels_csv
            .contains("em400-tld-f12345,distance,distance,FACILITY,ASSET\n")
    );
}

#[test]
fn what_no_profile_can_read_says_why() {
    let bench = bench();
    let tried = |topic: &str, payload: &[u8]| {
        bench
            .try_on(&message(topic, payload, None), &With::All)
            .unwrap()
    };
    let plain = tried("huitian/v1/north/bin-7", br#"{"readings":{"fill":62}}"#);
    assert_eq!((plain.opened.form, plain.fits.len()), ("plain", 0));
    let join = tried("application/a/device/24e124fffef12345/event/join", b"{}");
    assert_eq!(join.opened.form, "not_readings");
    let broken = tried(
        "application/a/device/24e124fffef12345/event/up",
        b"{\"data\":",
    );
    assert_eq!(broken.opened.form, "refused");
    assert!(broken.opened.note.is_some());
    let with = With::Profile("milesight-em400".to_owned());
    let fault = bench.try_on(&bytes("01", 1), &with).unwrap_err();
    assert!(fault.contains("milesight-em400-tld"), "{fault}");
}

/// As many profiles as a hub takes, and the longest uplink: what one call may cost.
#[test]
fn a_thousand_profiles_are_tried_in_bounded_time() {
    let mut profiles = Profiles::default();
    for n in 0..1_000 {
        let text = include_str!("../../../templates/tlv.toml");
        let text = text.replace("\"my-device\"", &format!("\"p-{n}\""));
        profiles.add(&text, "many").unwrap();
    }
    let bench = of(profiles, "");
    let longest = bytes(&"01755c".repeat(85), 85);
    let begun = std::time::Instant::now();
    let tried = bench.try_on(&longest, &With::All).unwrap();
    let took = begun.elapsed();
    assert_eq!((tried.profiles, tried.fits.len()), (1_000, TOLD_MAX));
    assert!(took < std::time::Duration::from_secs(10), "{took:?}");
    println!("1,000 profiles: {took:?}");
}
