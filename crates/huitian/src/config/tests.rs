//! A wrong file is refused with the place; a right one becomes what it says.

use std::path::Path;

use super::raw::Raw;
use super::{Config, ConfigFault, Overrides};

fn load(text: &str) -> Result<Config, ConfigFault> {
    load_with(text, &[], &Overrides::default())
}

fn load_with(
    text: &str,
    environment: &[(&str, &str)],
    flags: &Overrides,
) -> Result<Config, ConfigFault> {
    let environment: Vec<(String, String)> = environment
        .iter()
        .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
        .collect();
    let file = Path::new("huitian.toml");
    Raw::from_text(Some(file), text, &environment)?.check(Some(file), flags)
}

/// The fault as the operator sees it, without colour.
fn shown(fault: &ConfigFault) -> String {
    let theme = miette::GraphicalTheme::unicode_nocolor();
    let mut out = String::new();
    miette::GraphicalReportHandler::new_themed(theme)
        .render_report(&mut out, fault)
        .unwrap();
    out
}

#[test]
fn wrong_values_are_refused_with_the_place_underlined() {
    for (text, expected, underlined) in [
        (
            "[http]\nadress = \"127.0.0.1:1\"",
            "unknown field `adress`",
            "adress",
        ),
        (
            "[engine]\nlateness = \"48 hours\"",
            "such as 30s, 5m",
            "\"48 hours\"",
        ),
        ("[overflow]\non = \"140%\"", "0 % to 100 %", "\"140%\""),
        (
            "[overflow]\nseverity = \"loud\"",
            "unknown variant `loud`",
            "\"loud\"",
        ),
        ("[http]\naddr = 8080", "invalid type", "8080"),
        (
            "[mqtt]\nroutes = [{ topic = \"a/#/b\", format = \"csv\" }]",
            "'#' alone in the last",
            "\"a/#/b\"",
        ),
        (
            "[mqtt]\nroutes = [{ topic = \"a/+\", format = \"xml\" }]",
            "expected one of `loriot`, `csv`, `line`, `senml-json`",
            "\"xml\"",
        ),
    ] {
        let report = shown(&load(text).unwrap_err());
        assert!(report.contains(expected), "{report}");
        assert!(
            report.contains("huitian.toml:2"),
            "names file and line: {report}"
        );
        let marks = report.lines().find(|line| line.contains('┬')).unwrap();
        let marks = marks.chars().filter(|c| matches!(c, '─' | '┬')).count();
        assert_eq!(marks, underlined.chars().count(), "{report}");
        assert!(report.contains(underlined), "{report}");
    }
}

#[test]
fn values_that_contradict_each_other_are_refused() {
    for (text, expected) in [
        (
            "[overflow]\non = \"70%\"\noff = \"80%\"",
            "must be below overflow.on",
        ),
        ("[engine]\nlateness = \"5m\"", "must be 1h to 31d, found 5m"),
        (
            "[http]\naddr = \"0.0.0.0:8080\"",
            "expected a loopback address",
        ),
        (
            "[mqtt]\naddr = \"192.168.1.2:1883\"",
            "which says who may log in, or a loopback address",
        ),
        (
            "[mqtt]\naddr = \"192.168.1.2:1883\"\nusers_file = \"u\"",
            "passwords would go unencrypted to",
        ),
        (
            "[mqtt]\ncert_file = \"c\"",
            "mqtt.cert_file and mqtt.key_file belong together",
        ),
        (
            "[[mqtt.brokers]]\nhost = \"h\"\nprotocol = 3",
            "must be 4 (MQTT 3.1.1) or 5, found 3",
        ),
        ("[webhook]\nurl = \"ftp://x\"", "expected http://"),
        ("[retention]\nquota = \"1MB\"", "at least 100MB"),
        ("[demo]\nspeed = 0", "1 to 3600, found 0"),
    ] {
        let report = shown(&load(text).unwrap_err());
        assert!(report.contains(expected), "{report}");
    }
}

#[test]
fn sessions_ask_for_the_topics_of_routes_too() {
    let text = "[[mqtt.brokers]]\nhost = \"127.0.0.1\"\n\
                [[mqtt.brokers]]\nhost = \"127.0.0.1\"\ntopics = [\"loriot/#\"]\n\
                [[mqtt.routes]]\ntopic = \"loriot/+/up\"\nformat = \"loriot\"";
    let config = load(text).unwrap();
    let asked: Vec<&[String]> = config
        .mqtt
        .brokers
        .iter()
        .map(|session| session.subscriptions.as_slice())
        .collect();
    assert_eq!(asked[0].last().unwrap(), "loriot/+/up");
    assert!(asked[0].contains(&"huitian/v1/+/+".to_owned()));
    assert_eq!(
        asked[1],
        ["loriot/#"],
        "what is taken in already is not asked for again"
    );
    assert_eq!(config.mqtt.routes.len(), 1);
    // From the environment, where no place can be underlined, it is refused as well.
    let environment = [(
        "HUITIAN__MQTT__ROUTES",
        "[{ topic = \"a\", format = \"csv\" }]",
    )];
    let environment: Vec<(String, String)> = environment
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into();
    let error = super::raw::Raw::from_text(None, "", &environment)
        .err()
        .unwrap();
    assert!(error.to_string().contains("device is missing"), "{error}");
}

#[test]
fn flag_wins_over_environment_wins_over_file() {
    let text = "[http]\naddr = \"127.0.0.1:1\"";
    let environment = [("HUITIAN__HTTP__ADDR", "127.0.0.1:2")];
    let port = |environment: &[(&str, &str)], flags: &Overrides| {
        load_with(text, environment, flags).unwrap().http.port()
    };
    assert_eq!(port(&[], &Overrides::default()), 1);
    assert_eq!(port(&environment, &Overrides::default()), 2);
    let flags = Overrides {
        http: "127.0.0.1:3".parse().ok(),
        ..Overrides::default()
    };
    assert_eq!(port(&environment, &flags), 3);
}

#[test]
fn a_wrong_variable_is_named() {
    let environment = [("HUITIAN__HTTP__PORT", "1")];
    let report = shown(&load_with("", &environment, &Overrides::default()).unwrap_err());
    assert!(report.contains("unknown field `port`"), "{report}");
    assert!(report.contains("HUITIAN__HTTP__PORT"), "{report}");
}

#[test]
fn without_a_file_the_district_is_simulated_and_with_one_only_if_it_says_so() {
    let none = Raw::from_text(None, "", &[])
        .unwrap()
        .check(None, &Overrides::default())
        .unwrap();
    assert!(none.demo.is_some());
    assert!(load("").unwrap().demo.is_none());
    assert_eq!(load("[demo]\nseed = 7").unwrap().demo.unwrap().seed, 7);
}
