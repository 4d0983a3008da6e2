//! Every input of the corpora goes through its target.

#![expect(clippy::expect_used, reason = "helpers of tests fail by a panic")]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use huitian_fuzz::TARGETS;

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

fn names(folder: &Path) -> BTreeSet<String> {
    let entries = std::fs::read_dir(folder).expect("the folder is there");
    entries
        .map(|entry| {
            let path = entry.expect("readable").path();
            path.file_stem()
                .expect("a name")
                .to_string_lossy()
                .into_owned()
        })
        .collect()
}

#[test]
fn every_target_survives_its_corpus() {
    for (name, target) in TARGETS {
        let inputs = names(&folder("corpus").join(name));
        assert!(!inputs.is_empty(), "corpus/{name} holds an input");
        for input in &inputs {
            let path = folder("corpus").join(name).join(input);
            let bytes = std::fs::read(&path).expect("an input has no extension");
            // A panic is reported with the input that caused it.
            std::panic::catch_unwind(|| target(&bytes))
                .unwrap_or_else(|_panic| panic!("target {name} panics on {}", path.display()));
        }
    }
}

#[test]
fn every_target_has_a_program_and_every_program_and_corpus_a_target() {
    let targets: BTreeSet<String> = TARGETS.iter().map(|(name, _)| (*name).to_owned()).collect();
    assert_eq!(names(&folder("fuzz_targets")), targets);
    assert_eq!(names(&folder("corpus")), targets);
    let manifest = std::fs::read_to_string(folder("Cargo.toml")).unwrap();
    for name in targets {
        assert!(
            manifest.contains(&format!("path = \"fuzz_targets/{name}.rs\"")),
            "{name} is a [[bin]] of Cargo.toml"
        );
    }
}

#[test]
fn the_routes_under_test_are_sound() {
    assert!(huitian_fuzz::routes_are_sound());
}
