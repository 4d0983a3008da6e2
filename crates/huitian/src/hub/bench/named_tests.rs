//! Messages that name their values, tried as the hub reads them: by routes, and by their device.

use super::tests::{message, of};
use super::*;

/// A profile by names, for a distance that a message gives under this path, in centimetres.
fn by_name(path: &str) -> String {
    include_str!("../../../templates/json.toml").replace("SR04.Distance", path)
}

fn tried(bench: &Trials, sample: &Sample, toml: String) -> Tried {
    bench.try_on(sample, &With::Draft(toml)).unwrap()
}

fn distance(tried: &Tried) -> (&str, Option<&str>) {
    let fit = tried.fits.first().expect("tried on the draft");
    let row = fit.samples.iter().find(|it| it.channel == "distance");
    (fit.verdict, row.map(|it| it.sample.as_str()))
}

#[test]
fn a_pasted_profile_reads_what_tasmota_says_by_its_path() {
    let bench = of(Profiles::default(), "");
    let said = br#"{"Time":"2026-03-01T08:00:00","SR04":{"Distance":16.7}}"#;
    let sample = message("tele/tasmota_B1/SENSOR", said, Some("tasmota_B1"));
    let tried = tried(&bench, &sample, by_name("SR04.Distance"));
    assert_eq!(tried.opened.form, "values");
    assert_eq!(distance(&tried), ("fits", Some("good 167")));
    let bare = message("tele/tasmota_B1/SENSOR", br#"{"SR04":{}}"#, None);
    let other = bench.try_on(&bare, &With::Draft(by_name("SR04.Distance")));
    let other = other.unwrap();
    assert_ne!(other.fits.first().map(|it| it.verdict), Some("fits"));
}

#[test]
fn a_pasted_profile_reads_the_senml_of_its_own_device_and_no_other() {
    let routes = "[[routes]]\ntopic = \"senml/#\"\nformat = \"senml-json\"";
    let said = br#"[{"bn":"bin-1:","n":"level","v":11},{"bn":"bin-2:","n":"level","v":25}]"#;
    let sample = |address| message("senml/court", said, Some(address));
    let bench = of(Profiles::default(), routes);
    let first = tried(&bench, &sample("bin-1"), by_name("level"));
    let second = tried(&bench, &sample("BIN-2"), by_name("level"));
    assert_eq!(second.opened.address.as_deref(), Some("bin-2"));
    assert_eq!(distance(&first), ("fits", Some("good 110")));
    assert_eq!(distance(&second), ("fits", Some("good 250")));
    // Without the route nobody knows how the topic is read.
    let bench = of(Profiles::default(), "");
    let tried = tried(&bench, &sample("bin-1"), by_name("level"));
    assert_eq!((tried.opened.form, tried.fits.len()), ("refused", 0));
}

#[test]
fn a_pasted_profile_reads_a_route_of_csv() {
    let routes = "[[routes]]\ntopic = \"csv/+\"\nformat = \"csv\"\ncolumns = [\"cm\"]";
    let bench = of(Profiles::default(), routes);
    let sample = message("csv/bin-3", b"16.7\n", Some("bin-3"));
    let tried = tried(&bench, &sample, by_name("cm"));
    assert_eq!(distance(&tried), ("fits", Some("good 167")));
}

#[test]
fn sparkplug_is_tried_by_what_the_host_read_and_says_where_it_needs_a_birth() {
    let bench = of(Profiles::default(), "");
    let topic = "spBv1.0/court/DDATA/gw/bin";
    let kept = message(
        topic,
        br#"{"level":16.7,"on":true,"no":null}"#,
        Some("court/gw/bin"),
    );
    let told = tried(&bench, &kept, by_name("level"));
    assert_eq!(told.opened.address.as_deref(), Some("court/gw/bin"));
    assert_eq!(distance(&told), ("fits", Some("good 167")));
    let raw = message(topic, &[0x08, 0x01, 0x12, 0x00], None);
    let told = tried(&bench, &raw, by_name("level"));
    assert_eq!((told.opened.form, told.fits.len()), ("refused", 0));
    assert!(told.opened.note.unwrap().contains("birth"));
}
