//! A profile that is only a text so far: what is wrong with it, line by line.

use std::ops::Range;

use huitian_codec::{Profile, ProfileError};
use huitian_console::{Draft, DraftFault};

/// Faults that are told; of more, the first.
const FAULTS_MAX: usize = 20;

/// Characters of the line that are shown before and behind a fault.
const LINE_CHARS: usize = 160;

/// Reads the text and tries its vectors. A profile whose vectors do not hold is still tried on
/// the payload: that is how its author finds the fault.
pub fn judge(text: &str) -> (Draft, Option<Profile>) {
    let profile = match Profile::draft(text, "profile") {
        Ok(profile) => profile,
        Err(ProfileError { message, span, .. }) => {
            let draft = Draft {
                faults: vec![fault(text, span, message)],
                ..Draft::default()
            };
            return (draft, None);
        }
    };
    let mut draft = Draft {
        id: Some(profile.id().to_owned()),
        vectors: profile.vectors(),
        ..Draft::default()
    };
    for (number, trial) in (1..).zip(profile.trials()) {
        match trial.fault {
            None => draft.passed += 1,
            Some(message) if draft.faults.len() < FAULTS_MAX => {
                let message = format!("vector {number}: {message}");
                draft.faults.push(fault(text, Some(trial.place), message));
            }
            Some(_more) => {}
        }
    }
    (draft, Some(profile))
}

/// The fault with its line, cut at the line's end.
fn fault(text: &str, span: Option<Range<usize>>, message: String) -> DraftFault {
    let plain = DraftFault {
        message,
        ..DraftFault::default()
    };
    let Some((Range { start, end }, before)) =
        span.and_then(|span| Some((span.clone(), text.get(..span.start)?)))
    else {
        return plain;
    };
    let line = before.matches('\n').count() + 1;
    let before = before.rsplit('\n').next().unwrap_or_default();
    let rest = text.get(start..).unwrap_or_default();
    let rest = rest.split('\n').next().unwrap_or_default();
    let length = end.saturating_sub(start).min(rest.len());
    // A span that ends within a character marks the rest of the line.
    let (marked, after) = rest.split_at_checked(length).unwrap_or((rest, ""));
    let column = before.chars().count() + 1;
    let skipped = column.saturating_sub(LINE_CHARS);
    DraftFault {
        line: Some(line),
        column: Some(column),
        before: before.chars().skip(skipped).collect(),
        marked: marked.chars().take(LINE_CHARS).collect(),
        after: after.chars().take(LINE_CHARS).collect(),
        ..plain
    }
}
