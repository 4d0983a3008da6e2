//! `.deny.toml`: an advisory is set aside for a reason and for a time.

use toml::{Table, Value};

use super::tree::{Finding, Tree, line_where};

const FILE: &str = ".deny.toml";

/// How an entry says when it must be looked at again; `.ci/run` compares the date with today's.
const UNTIL: &str = "until ";

pub fn ignored_advisories_have_a_reason_and_an_end(tree: &Tree) -> Vec<Finding> {
    let Some(text) = tree.text(FILE) else {
        return Vec::new();
    };
    let Ok(settings) = text.parse::<Table>() else {
        return vec![Finding::new(FILE, 1, "not TOML")];
    };
    let ignored = settings
        .get("advisories")
        .and_then(|table| table.get("ignore"));
    ignored
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter(|entry| {
            !entry
                .get("reason")
                .and_then(Value::as_str)
                .is_some_and(has_end)
        })
        .map(|entry| {
            let id = entry
                .get("id")
                .unwrap_or(entry)
                .as_str()
                .unwrap_or_default();
            let line = line_where(text, |line| line.contains(id));
            let form = "{ id = \"...\", reason = \"why it cannot hurt; until YYYY-MM-DD\" }";
            Finding::new(FILE, line, format!("write {id} as `{form}`"))
        })
        .collect()
}

fn has_end(reason: &str) -> bool {
    let date = |rest: &str| {
        let digits =
            |part: &str, len| part.len() == len && part.bytes().all(|b| b.is_ascii_digit());
        let mut parts = rest.splitn(3, '-');
        let (year, month, day) = (parts.next(), parts.next(), parts.next());
        year.is_some_and(|year| digits(year, 4))
            && month.is_some_and(|month| digits(month, 2))
            && day.is_some_and(|day| digits(day, 2))
    };
    reason
        .rsplit_once(UNTIL)
        .is_some_and(|(why, end)| !why.trim().is_empty() && date(end))
}

#[cfg(test)]
mod tests {
    //! What the rule of this file catches.

    use super::*;
    use crate::tidy::tree::places;

    #[test]
    fn an_advisory_ignored_without_reason_or_end_is_found() {
        let text = r#"[advisories]
ignore = [
    "RUSTSEC-2026-0001",
    { id = "RUSTSEC-2026-0002", reason = "not reached" },
    { id = "RUSTSEC-2026-0003", reason = "until 2027-03-01" },
    { id = "RUSTSEC-2026-0004", reason = "not reached; until 2027-03-01" },
]"#;
        let found = ignored_advisories_have_a_reason_and_an_end(&Tree::of(&[(FILE, text)]));
        assert_eq!(
            places(&found),
            [3, 4, 5].map(|line| format!("{FILE}:{line}"))
        );
    }
}
