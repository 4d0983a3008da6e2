//! What a push sends, and what it makes of the answers.

use serde_json::json;

use super::{Outcome, files, list, of_version, table};

#[test]
fn a_push_sends_the_files_of_a_configuration_and_nothing_else_of_the_folder() {
    let dir = tempfile::tempdir().unwrap();
    let put = |name: &str| {
        let path = dir.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, name).unwrap();
    };
    for name in [
        "edge.toml",
        "password",
        "queue/0001.log",
        "inventory/sites.csv",
        "inventory/devices.csv",
        "inventory/devices.csv~",
        "registers/meter.toml",
        "profiles/notes.txt",
    ] {
        put(name);
    }
    let sent = files(dir.path()).ok().unwrap();
    let names: Vec<&str> = sent.iter().map(|it| it["name"].as_str().unwrap()).collect();
    let wanted = [
        "edge.toml",
        "inventory/devices.csv",
        "inventory/sites.csv",
        "registers/meter.toml",
    ];
    assert_eq!(names, wanted);
    assert_eq!(sent[0]["text"], "edge.toml");
}

#[test]
fn a_folder_without_edge_toml_or_with_too_much_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    assert!(files(dir.path()).is_err(), "no edge.toml");
    std::fs::write(dir.path().join("edge.toml"), "x".repeat(524_288)).unwrap();
    assert!(files(dir.path()).is_ok());
    std::fs::write(dir.path().join("edge.toml"), "x".repeat(524_289)).unwrap();
    assert!(files(dir.path()).is_err());
}

#[test]
fn only_applied_or_a_dry_runs_acceptance_is_success() {
    let said = |version: u64, dry_run: bool, outcome: Option<&str>| {
        json!({"configs": [
            {"version": 9, "dry_run": false, "outcome": "applied", "outcome_text": null},
            {"version": version, "dry_run": dry_run, "outcome": outcome, "outcome_text": "why"},
        ]})
    };
    let of = |dry_run, outcome| of_version(&said(3, dry_run, outcome), &json!(3));
    assert_eq!(of(false, None), Outcome::Waits(false));
    assert_eq!(of(false, Some("accepted")), Outcome::Waits(true));
    assert!(matches!(of(false, Some("applied")), Outcome::Done(_)));
    assert!(matches!(of(true, Some("accepted")), Outcome::Done(_)));
    for failed in ["refused", "rolled_back"] {
        let Outcome::Failed(text) = of(false, Some(failed)) else {
            panic!("{failed} is not a success");
        };
        assert!(text.contains("why"), "{text}");
    }
    assert_eq!(
        of_version(&said(3, false, None), &json!(4)),
        Outcome::Waits(false)
    );
}

#[test]
fn the_list_names_a_conflict_before_anything_else() {
    let said = json!({"edges": [
        {"id": "a", "connected": true, "conflict": {"seen": "x"}, "heard_at": "t",
         "heartbeat": null, "configuration": {"standing": "own", "wanted": 0}},
        {"id": "b", "connected": true, "conflict": null, "heard_at": "t",
         "heartbeat": {"clock_set": false, "queued": 7, "edge_lost": 2, "software": "1",
                       "buses": [{"up": true}, {"up": false}]},
         "configuration": {"standing": "applied", "wanted": 3}},
    ]});
    let text = table(&list(&said));
    let lines: Vec<Vec<&str>> = text
        .lines()
        .map(|it| it.split_whitespace().collect())
        .collect();
    assert_eq!(lines[1][..2], ["a", "CONFLICT"]);
    let wanted = [
        "b",
        "connected",
        "t",
        "1",
        "not",
        "set",
        "7",
        "2",
        "1/2",
        "applied",
        "3",
    ];
    assert_eq!(lines[2], wanted);
}
