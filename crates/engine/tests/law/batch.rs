//! Law B: the engine's values are those of the reference, for every window and no other.

use huitian_model::Record;

use super::{Verdict, broken, check, same};
use crate::reference::{Broken, Truth, compute};
use crate::run::{Run, run};
use crate::world::log;

#[test]
fn streaming_equals_the_batch_reference_for_every_window() {
    check("law B", |case| {
        let log = log(case);
        agree(&log, &run(&log), &compute(&log, Broken::Nothing))
    });
}

/// Demands that a run came to what the reference says.
pub fn agree(log: &[Record], run: &Run, truth: &Truth) -> Verdict {
    let windows = run.final_windows();
    for (key, expected) in &truth.windows {
        let Some(found) = windows.get(key) else {
            return broken(log, format!("window {key:?} never became final"));
        };
        same(log, &format!("window {key:?}"), found, expected)?;
    }
    if let Some(key) = windows.keys().find(|key| !truth.windows.contains_key(key)) {
        return broken(log, format!("window {key:?} must not be final"));
    }
    same(log, "emptied", &run.emptied(), &truth.emptied)?;
    same(log, "episodes", &run.episodes(), &truth.episodes)
}
