//! Law R: a run that is killed and restarted anywhere gives the outputs of an uninterrupted run.

use huitian_engine::Engine;
use huitian_model::wire;

use super::{check, same};
use crate::run::{apply, new_engine, position, run, run_restarting};
use crate::world::log;

#[test]
fn restarting_after_any_record_changes_no_byte_of_the_outputs() {
    check("law R, once", |case| {
        let log = log(case);
        let whole = run(&log);
        let at = usize::try_from(case.cut % 1_000_003).unwrap() % log.len();
        let restarted = run_restarting(&log, |index| index == at);
        same(
            &log,
            &format!("outputs, restarted after {}", at + 1),
            &restarted,
            &whole,
        )?;
        let bytes = wire::encode(&restarted.outputs).unwrap();
        same(
            &log,
            "bytes",
            &bytes,
            &wire::encode(&whole.outputs).unwrap(),
        )
    });
}

#[test]
fn restarting_after_every_record_changes_no_byte_of_the_outputs() {
    check("law R, after every record", |case| {
        let log = log(case);
        let whole = run(&log);
        same(&log, "outputs", &run_restarting(&log, |_| true), &whole)
    });
}

#[test]
fn records_that_a_snapshot_holds_are_not_applied_again() {
    check("law R, applied again", |case| {
        let log = log(case);
        let whole = run(&log);
        let at = usize::try_from(case.cut % 1_000_003).unwrap() % log.len();
        let mut engine = new_engine();
        for (index, record) in log.iter().enumerate().take(at + 1) {
            apply(&mut engine, index, record);
        }
        let mut engine = Engine::restore(&engine.snapshot()).unwrap();
        same(&log, "position", &engine.position(), &position(at))?;
        let mut again = Vec::new();
        for (index, record) in log.iter().enumerate().take(at + 1) {
            engine.apply(position(index), record, &mut again);
        }
        same(&log, "outputs of known records", &again, &Vec::new())?;
        for (index, record) in log.iter().enumerate().skip(at + 1) {
            let outputs = apply(&mut engine, index, record);
            same(&log, "outputs", &outputs, &whole.outputs[index])?;
        }
        Ok(())
    });
}
