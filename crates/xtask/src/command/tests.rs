//! What a run says when the program fails or is not there.

use super::{Run, tail};

#[test]
fn output_comes_back_and_a_failure_carries_what_the_program_said() {
    assert_eq!(
        Run::new("sh").args(["-c", "echo yes"]).output().unwrap(),
        "yes\n"
    );
    let error = Run::new("sh")
        .args(["-c", "echo no >&2; exit 3"])
        .output()
        .unwrap_err();
    assert!(
        error.contains("exit status: 3") && error.ends_with("no"),
        "{error}"
    );
}

#[test]
fn a_missing_program_is_named() {
    let error = Run::new("no-such-program").inherit().unwrap_err();
    assert!(error.contains("cannot start `no-such-program`"), "{error}");
}

#[test]
fn a_failed_build_shows_the_end_of_its_log() {
    let folder = std::env::temp_dir().join(format!("xtask-command-{}", std::process::id()));
    let log = folder.join("build.log");
    let run = Run::new("sh").args(["-c", "echo first; echo broken >&2; exit 1"]);
    let error = run.logged("a build", &log).unwrap_err();
    assert!(error.ends_with("first\nbroken"), "{error}");
    std::fs::remove_dir_all(folder).unwrap();
}

#[test]
fn the_tail_is_the_last_lines() {
    assert_eq!(tail("a\nb\nc", 2), "b\nc");
    assert_eq!(tail("a", 2), "a");
}
