//! A catalogue: names and capacities of the facilities, in a CSV of its own.

use std::path::{Path, PathBuf};

use huitian_model::Bilingual;

use super::{Column, Mapping};
use crate::config::ConfigFault;

/// Most lines of a catalogue: as many facilities as a series may have.
const LINES_MAX: usize = 10_000;

/// What the mapping says of its catalogue.
#[derive(Clone, Debug)]
pub struct Catalogue {
    /// The file, from the mapping's folder.
    pub file: PathBuf,
    /// The id that the series uses.
    pub id: Column,
    /// The name.
    pub name: Column,
    /// Places.
    pub capacity: Option<Column>,
}

impl Catalogue {
    /// Adds what the catalogue knows to what the mapping itself does not say.
    ///
    /// # Errors
    /// [`ConfigFault`] where it cannot be read.
    pub fn lay_under(&self, mapping: &mut Mapping, folder: &Path) -> Result<(), ConfigFault> {
        let path = folder.join(&self.file);
        let text = std::fs::read_to_string(&path)
            .map_err(|error| ConfigFault::unreadable(&path, &error))?;
        let wrong = |line: usize, message: &dyn std::fmt::Display| {
            ConfigFault::plain(format!("{}:{line}: {message}", path.display()))
        };
        let mut reader = csv::Reader::from_reader(text.trim_start_matches('\u{feff}').as_bytes());
        let headers = reader.headers().map_err(|error| wrong(1, &error))?.clone();
        let find = |column: &Column| {
            let found = headers.iter().position(|name| name == column.name);
            found.ok_or_else(|| {
                let has = headers.iter().collect::<Vec<_>>().join(", ");
                let message = format!(
                    "no column {:?} in {}: it has {has}",
                    column.name,
                    path.display()
                );
                mapping.text.fault(column.span.clone(), message)
            })
        };
        let (id, name) = (find(&self.id)?, find(&self.name)?);
        let capacity = self.capacity.as_ref().map(find).transpose()?;
        for (index, record) in reader.records().enumerate() {
            let line = index + 2;
            let record = record.map_err(|error| wrong(line, &error))?;
            if index >= LINES_MAX {
                return Err(wrong(line, &format!("expected at most {LINES_MAX} lines")));
            }
            let cell = |column: usize| record.get(column).unwrap_or_default().trim().to_owned();
            if let Some(places) = capacity.map(cell).filter(|text| !text.is_empty()) {
                let places = places.parse().map_err(|_not_whole| {
                    wrong(
                        line,
                        &format!("expected a number of places, found {places:?}"),
                    )
                })?;
                if let Some(rule) = &mut mapping.capacity {
                    rule.of.entry(cell(id)).or_insert(places);
                }
            }
            let both = || Bilingual {
                zh: cell(name),
                en: cell(name),
            };
            mapping.names.entry(cell(id)).or_insert_with(both);
        }
        Ok(())
    }
}
