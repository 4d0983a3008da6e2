//! `device test`: every vector of every profile that is named.

use std::collections::BTreeMap;
use std::path::Path;

use super::shelf::{self, Sheet};
use crate::config::ConfigFault;
use crate::table::{row, table};
use crate::{Failure, say, tell};

/// Characters of a vector's source in the table.
const SOURCE_CHARS: usize = 60;

/// Tries a file, a folder, one profile, or all that are known.
///
/// # Errors
/// [`Failure::Config`] with every profile and vector that does not hold, each with its place.
pub fn run(what: Option<&str>, folder: Option<&Path>) -> Result<(), Failure> {
    let sheets = match what {
        None => shelf::all(folder)?,
        Some(what) if Path::new(what).is_dir() => shelf::of_folder(Path::new(what))?,
        Some(what) if Path::new(what).is_file() => vec![shelf::of_file(Path::new(what))],
        Some(what) => vec![shelf::find(what, folder)?.0],
    };
    if sheets.is_empty() {
        let what = what.unwrap_or_default();
        return Err(ConfigFault::plain(format!("{what}: expected *.toml files")).into());
    }
    let mut tried = Tried::default();
    for sheet in &sheets {
        tried.sheet(sheet);
    }
    say(&table(&tried.rows))?;
    let (passed, failed) = (tried.passed, tried.faults.len());
    tell(&format!("{passed} vectors passed, {failed} faults"));
    if tried.faults.is_empty() {
        return Ok(());
    }
    Err(Failure::Config(tried.faults))
}

struct Tried {
    rows: Vec<Vec<String>>,
    faults: Vec<ConfigFault>,
    passed: usize,
    /// Where each id was first seen.
    ids: BTreeMap<String, String>,
}

impl Default for Tried {
    fn default() -> Self {
        Self {
            rows: vec![row(["result", "profile", "vector", "source"])],
            faults: Vec::new(),
            passed: 0,
            ids: BTreeMap::new(),
        }
    }
}

impl Tried {
    fn sheet(&mut self, sheet: &Sheet) {
        let profile = match sheet.draft() {
            Ok(profile) => profile,
            Err(fault) => {
                self.rows
                    .push(row(["FAIL", &sheet.file, "-", "the file is no profile"]));
                self.faults.push(fault);
                return;
            }
        };
        let id = profile.id();
        if let Some(other) = self.ids.insert(id.to_owned(), sheet.file.clone()) {
            let message = format!("the id {id:?} is taken by {other}");
            self.rows.push(row(["FAIL", id, "-", &message]));
            self.faults
                .push(ConfigFault::at(&sheet.file, &sheet.text, None, message));
        }
        if profile.vectors() == 0 {
            self.rows.push(row([
                "none",
                id,
                "-",
                "no vector: nothing shows that it is right",
            ]));
        }
        for (number, trial) in (1..).zip(profile.trials()) {
            let is_right = trial.fault.is_none();
            let result = if is_right { "pass" } else { "FAIL" };
            let source = source(&sheet.text, number - 1);
            self.rows
                .push(row([result, id, &number.to_string(), &source]));
            self.passed += usize::from(is_right);
            if let Some(message) = trial.fault {
                let message = format!("vector {number}: {message}");
                let (file, text) = (&sheet.file, &sheet.text);
                self.faults
                    .push(ConfigFault::at(file, text, Some(trial.place), message));
            }
        }
    }
}

/// What a vector says of where it comes from.
fn source(text: &str, index: usize) -> String {
    let table = toml::from_str::<toml::Table>(text).ok();
    let source = table.as_ref().and_then(|table| {
        let vector = table.get("vector")?.as_array()?.get(index)?;
        vector.get("source")?.as_str()
    });
    source
        .unwrap_or_default()
        .chars()
        .take(SOURCE_CHARS)
        .collect()
}
