//! What the command line accepts and refuses.

use super::Task;

fn parse(line: &str) -> Result<Task, String> {
    let words: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
    Task::parse(&words)
}

#[test]
fn each_word_names_its_task() {
    assert_eq!(parse("services"), Ok(Task::Services));
    assert_eq!(parse("tidy"), Ok(Task::Tidy));
    assert_eq!(parse("--help"), Ok(Task::Help));
    for word in ["services", "tidy", "ci", "help"] {
        assert_eq!(parse(word).unwrap().word(), word);
    }
}

#[test]
fn ci_hands_its_steps_on() {
    assert_eq!(
        parse("ci fmt tidy"),
        Ok(Task::Ci(vec!["fmt".to_owned(), "tidy".to_owned()]))
    );
}

#[test]
fn fuzz_takes_targets_and_how_long() {
    let all = Task::Fuzz(Vec::new(), crate::fuzz::SECONDS);
    assert_eq!(parse("fuzz"), Ok(all));
    assert_eq!(
        parse("fuzz wire --seconds 7"),
        Ok(Task::Fuzz(vec!["wire".to_owned()], 7))
    );
    for line in ["fuzz --seconds", "fuzz --seconds 0", "fuzz --seconds x"] {
        assert!(parse(line).unwrap_err().contains("1 to 86400"), "{line}");
    }
}

#[test]
fn an_unknown_or_missing_word_is_refused_with_what_was_expected() {
    assert!(parse("").unwrap_err().contains("nothing came"));
    assert!(parse("servces").unwrap_err().contains("`servces` came"));
    assert!(parse("tidy --fix").unwrap_err().contains("`--fix` came"));
}
