//! `huitian device` as an installer meets it.

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::HUB;

/// What a command said, and its exit code.
struct Said {
    code: i32,
    out: String,
    err: String,
}

fn device(folder: &Path, arguments: &[&str]) -> Said {
    let mut command = Command::new(HUB);
    let output = command
        .current_dir(folder)
        .arg("device")
        .args(arguments)
        .output()
        .unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    Said {
        code: output.status.code().unwrap(),
        out: text(output.stdout),
        err: text(output.stderr),
    }
}

fn folder() -> tempfile::TempDir {
    tempfile::TempDir::with_prefix("huitian-device-").unwrap()
}

#[test]
fn every_built_in_profile_is_listed_with_its_channels_and_holds() {
    let folder = folder();
    let listed = device(folder.path(), &["list"]);
    assert_eq!(listed.code, 0, "{}", listed.err);
    let laser = listed
        .out
        .lines()
        .find(|line| line.starts_with("milesight-em400-tld"))
        .unwrap();
    for word in [
        "distance [mm]",
        "temperature [degC]",
        "battery [%]",
        "built in",
    ] {
        assert!(laser.contains(word), "{laser}");
    }
    let tested = device(folder.path(), &["test"]);
    assert_eq!(tested.code, 0, "{}", tested.err);
    assert!(
        tested.out.lines().count() > 20 && !tested.out.contains("FAIL"),
        "{}",
        tested.out
    );
}

#[test]
fn a_profile_shows_its_layout_and_the_licence_of_its_source() {
    let folder = folder();
    let shown = device(folder.path(), &["show", "milesight-em400-tld"]);
    assert_eq!(shown.code, 0, "{}", shown.err);
    for word in [
        "message data (status)",
        "tag = 03 67",
        "divide = 10",
        "Apache-2.0",
        "vectors",
    ] {
        assert!(shown.out.contains(word), "{word}:\n{}", shown.out);
    }
}

#[test]
fn a_new_profile_of_each_kind_holds_at_once_and_overwrites_nothing() {
    let folder = folder();
    for kind in ["bits", "tlv", "ascii", "json"] {
        let id = format!("new-{kind}");
        let made = device(folder.path(), &["new", &id, "--kind", kind]);
        assert_eq!(made.code, 0, "{kind}: {}", made.err);
        let file = format!("{id}.toml");
        let tested = device(folder.path(), &["test", &file]);
        assert_eq!(tested.code, 0, "{kind}: {}", tested.err);
        assert!(tested.out.contains("pass"), "{}", tested.out);
        fs::write(folder.path().join(&file), "# mine").unwrap();
        let again = device(folder.path(), &["new", &id, "--kind", kind]);
        assert_eq!(again.code, 1);
        assert!(again.err.contains("exists already"), "{}", again.err);
        assert_eq!(
            fs::read_to_string(folder.path().join(&file)).unwrap(),
            "# mine"
        );
    }
    let taken = device(folder.path(), &["new", "bosch-tps110"]);
    assert_eq!(taken.code, 1);
    assert!(taken.err.contains("is taken (built in)"), "{}", taken.err);
    let copied = device(
        folder.path(),
        &["new", "my-bosch", "--from", "bosch-tps110"],
    );
    assert_eq!(copied.code, 0, "{}", copied.err);
    assert_eq!(device(folder.path(), &["test", "my-bosch.toml"]).code, 0);
    let wrong = device(folder.path(), &["new", "My Device"]);
    assert_eq!(wrong.code, 78, "{}", wrong.err);
    assert!(!folder.path().join("My Device.toml").exists());
    let outside = device(folder.path(), &["new", "../outside"]);
    assert_eq!(outside.code, 78, "{}", outside.err);
}

#[test]
fn a_vector_that_does_not_hold_and_a_file_that_is_no_profile_are_underlined() {
    let folder = folder();
    let made = device(folder.path(), &["new", "mine"]);
    assert_eq!(made.code, 0, "{}", made.err);
    let path = folder.path().join("mine.toml");
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, text.replace("good 800", "good 801")).unwrap();
    fs::write(
        folder.path().join("other.toml"),
        "id = \"other\"\nname = [broken\n",
    )
    .unwrap();
    let tested = device(folder.path(), &["test", "."]);
    assert_eq!(tested.code, 78);
    assert!(tested.out.contains("FAIL    mine "), "{}", tested.out);
    assert!(
        tested.out.contains("the file is no profile"),
        "{}",
        tested.out
    );
    assert!(
        tested.err.contains("vector 1: expected samples"),
        "{}",
        tested.err
    );
    assert!(tested.err.matches("here").count() >= 2, "{}", tested.err);
    assert!(tested.err.contains("other.toml:2:"), "{}", tested.err);
    fs::write(&path, text).unwrap();
    let one = device(folder.path(), &["test", "mine.toml"]);
    assert_eq!(
        (one.code, one.err.contains("1 vectors passed")),
        (0, true),
        "{}",
        one.err
    );
}

#[test]
fn an_explanation_names_every_byte_and_bit() {
    let folder = folder();
    assert_eq!(device(folder.path(), &["new", "mine"]).code, 0);
    let of = |arguments: &[&str]| {
        device(
            folder.path(),
            &[&["explain", "mine.toml"], arguments].concat(),
        )
    };
    let explained = of(&["--port", "10", "03 20 5f 00 d7"]);
    assert_eq!(explained.code, 0, "{}", explained.err);
    let has = |words: [&str; 6]| {
        let is_it = |line: &str| {
            line.split_whitespace()
                .collect::<Vec<_>>()
                .starts_with(&words)
        };
        assert!(
            explained.out.lines().any(is_it),
            "{words:?}:\n{}",
            explained.out
        );
    };
    has(["2", "0-6", "5f", "battery_pct", "95", "u8,"]);
    has(["2", "7", "5f", "tilted", "false", "yes"]);
    let base64 = of(&["--port", "10", "AyBfANc=", "--json"]);
    let json: Value = serde_json::from_str(&base64.out).unwrap();
    assert_eq!(json["rows"][0]["sample"], "good 800");
    assert_eq!(json["message"], "measurement");
    let refused = of(&["--port", "10", "0320"]);
    assert_eq!(refused.code, 1);
    assert!(
        refused.out.contains("expected 5 bytes, found 2"),
        "{}",
        refused.out
    );
    assert_eq!(
        device(folder.path(), &["new", "named", "--kind", "json"]).code,
        0
    );
    let values = r#"{"SR04":{"Distance":16.7},"Other":1}"#;
    let named = device(
        folder.path(),
        &["explain", "named.toml", "--values", values],
    );
    assert_eq!(named.code, 0, "{}", named.err);
    assert!(
        named.out.contains("good 167") && named.out.contains("Other: not used"),
        "{}",
        named.out
    );
}

#[test]
fn what_is_mistyped_is_answered_with_what_was_expected() {
    let folder = folder();
    let cases: [(&[&str], &str); 6] = [
        (&["explain", "milesight-em400", "00"], "milesight-em400-tld"),
        (
            &["explain", "bosch-tps110", "0"],
            "an even number of hex digits, found 1",
        ),
        (&["explain", "bosch-tps110", "zz!"], "found 'z'"),
        (
            &["explain", "bosch-tps110", &"00".repeat(256)],
            "at most 255 bytes, found 256",
        ),
        (
            &["explain", "bosch-tps110", "--values", "{"],
            "expected JSON",
        ),
        (&["show", "bosh"], "bosch-tps110"),
    ];
    for (arguments, expected) in cases {
        let said = device(folder.path(), arguments);
        assert_eq!(said.code, 1, "{arguments:?}");
        assert!(said.err.contains(expected), "{arguments:?}: {}", said.err);
    }
    for arguments in [&["explain", "bosch-tps110"][..], &["new"], &["explain"]] {
        assert_eq!(device(folder.path(), arguments).code, 2, "{arguments:?}");
    }
}

#[test]
fn profiles_of_the_settings_folder_and_of_the_flag_are_known() {
    let folder = folder();
    fs::create_dir(folder.path().join("profiles")).unwrap();
    let flag = ["--profiles", "profiles"];
    let made = device(folder.path(), &[&["new", "mine"], &flag[..]].concat());
    assert_eq!(made.code, 0, "{}", made.err);
    let listed = device(folder.path(), &[&["list"], &flag[..]].concat());
    assert!(listed.out.contains("profiles/mine.toml"), "{}", listed.out);
    let settings = "[inventory]\nprofiles = \"profiles\"\n";
    fs::write(folder.path().join("huitian.toml"), settings).unwrap();
    let listed = device(folder.path(), &["list", "--config", "huitian.toml"]);
    assert!(
        listed.out.contains("mine.toml"),
        "{}{}",
        listed.out,
        listed.err
    );
    assert!(!device(folder.path(), &["list"]).out.contains("mine.toml"));
}
