//! A mapping: which column of a recorded series is what.
//!
//! ```toml
//! [site]
//! id = "bath"
//! name = { zh = "巴斯停车场", en = "Bath car parks" }
//! zone = "Europe/London"
//!
//! [file]                       # may be left out
//! delimiter = ","
//! keep = { column = "fetch_status", is = ["ok"] }
//!
//! [time]
//! at = { column = "LastUpdate", format = "%Y-%m-%dT%H:%M:%S" }
//! received_at = { column = "DateUploaded", format = "%Y-%m-%dT%H:%M:%S" }   # else = at
//! zone = "Europe/London"       # of times without offset; else the site's
//!
//! [value]
//! quantity = "in_use"          # in_use, free_places or fill
//! scale = 10                   # tenths to percent; else 1
//! expected_every = "5m"
//! valid_for = "15m"            # else 2.5 times expected_every
//! bad = [{ value = "-1" }, { value = "0", column = "status", is = "ALERT" }]
//!
//! [long]                       # one row = one facility, or:
//! id = "Name"
//! name = "Name"                # else the id
//! value = "Occupancy"
//!
//! [wide]                       # one row = many facilities, one column each
//! columns = ["AL", "MA"]
//! prefix = "malaga"            # facility ids are prefix-column
//!
//! [capacity]                   # lots only; one of the three, and `of` for some by id
//! column = "Capacity"          # long form; the most frequent value of a facility
//! places = 300
//! greatest_seen = true         # a lower bound where nobody states it
//! of = { "138" = 1 }
//!
//! [bin]                        # fill only: every facility is a station with one bin
//! stream = "other"
//! streams = [{ name_contains = " R ", stream = "recyclable" }]
//!
//! [catalogue]                  # names (and capacities) from another CSV
//! file = "catalogue.csv"       # beside the mapping
//! id = "id"
//! name = "nombre"
//! capacity = "plazas"
//!
//! [names]                      # bilingual names by id; else the name in the data, twice
//! "AL" = { zh = "阿尔卡萨瓦", en = "Alcazaba" }
//! ```
//!
//! `format` is strptime's, or `unix_s` or `unix_ms`. A format with `%z` or `%:z` needs no zone.
//! A bad value is a reading without a value (`out_of_range`, or the `reason` given), never zero.

mod capacity;
mod catalogue;
mod raw;
mod slug;
mod time;

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::{Path, PathBuf};

use huitian_model::{BadReason, Bilingual, ChannelName, Quantity, Site, Stream};

use crate::config::ConfigFault;

pub use capacity::{Capacity, Decided, Places, Seen};
pub use raw::wide_id;
pub use slug::slug;
pub use time::{Instants, TimeColumn};

/// A column as the mapping names it, with its place there.
#[derive(Clone, Debug)]
pub struct Column {
    /// Its name in the header.
    pub name: String,
    /// Where the mapping says so, bytes.
    pub span: Range<usize>,
}

/// When a value is no value.
#[derive(Clone, Debug)]
pub struct BadRule {
    /// The cell's text.
    pub value: String,
    /// Only where this column holds this text.
    pub only: Option<(Column, String)>,
    /// What it means.
    pub reason: BadReason,
}

/// What is measured, and how it is written.
#[derive(Clone, Debug)]
pub struct Value {
    /// The quantity.
    pub quantity: Quantity,
    /// The channel's name: the quantity's as a slug.
    pub channel: ChannelName,
    /// The number in the file times this is in the quantity's unit.
    pub scale: i64,
    /// Sentinels.
    pub bad: Vec<BadRule>,
    /// How often it is expected, ms.
    pub expected_every_ms: i64,
    /// How long it holds, ms.
    pub valid_for_ms: Option<i64>,
}

/// Where facilities stand in the file.
#[derive(Clone, Debug)]
pub enum Form {
    /// One row is one facility.
    Long {
        /// What tells facilities apart.
        id: Column,
        /// What people call them.
        name: Column,
        /// The value.
        value: Column,
    },
    /// One row is many facilities.
    Wide {
        /// Their columns.
        columns: Vec<Column>,
        /// What their ids begin with.
        prefix: Option<String>,
    },
}

/// What the bins take in, by their names.
#[derive(Clone, Debug)]
pub struct Bins {
    /// First match wins.
    pub streams: Vec<(String, Stream)>,
    /// All others.
    pub otherwise: Stream,
}

impl Bins {
    /// What a bin of that name takes in.
    pub fn stream(&self, name: &str) -> Stream {
        let found = self.streams.iter().find(|(part, _)| name.contains(part));
        found.map_or(self.otherwise, |(_, stream)| *stream)
    }
}

/// The mapping's own text, to underline in it.
#[derive(Clone, Debug)]
pub struct Text {
    path: PathBuf,
    text: String,
}

impl Text {
    /// A fault at a place of the mapping.
    pub fn fault(&self, span: Range<usize>, message: impl Into<String>) -> ConfigFault {
        let name = self.path.display().to_string();
        ConfigFault::at(&name, &self.text, Some(span), message)
    }
}

/// A checked mapping.
#[derive(Clone, Debug)]
pub struct Mapping {
    /// To underline in.
    pub text: Text,
    /// The site, without facilities.
    pub site: Site,
    /// Between cells.
    pub delimiter: u8,
    /// Only rows where the column holds one of these.
    pub keep: Option<(Column, Vec<String>)>,
    /// When it was so, and when it arrived.
    pub time: Instants,
    /// What was measured.
    pub value: Value,
    /// Of which facilities.
    pub form: Form,
    /// Places of the lots; none for bins.
    pub capacity: Option<Capacity>,
    /// Streams of the bins; none for lots.
    pub bins: Option<Bins>,
    /// Names by id.
    pub names: BTreeMap<String, Bilingual>,
}

impl Mapping {
    /// Reads and checks a mapping and the catalogue it names.
    ///
    /// # Errors
    /// [`ConfigFault`] with the place underlined.
    pub fn load(path: &Path) -> Result<Self, ConfigFault> {
        let text =
            std::fs::read_to_string(path).map_err(|error| ConfigFault::unreadable(path, &error))?;
        let text = Text {
            path: path.to_owned(),
            text,
        };
        let mut mapping = raw::read(&text)?;
        if let Some(catalogue) = mapping.1.take() {
            catalogue.lay_under(&mut mapping.0, path.parent().unwrap_or(Path::new("")))?;
        }
        Ok(mapping.0)
    }

    /// The name of a facility: the mapping's or catalogue's, else the data's in both languages.
    pub fn name_of(&self, id: &str, name: &str) -> Bilingual {
        self.names.get(id).cloned().unwrap_or_else(|| Bilingual {
            zh: name.to_owned(),
            en: name.to_owned(),
        })
    }
}

#[cfg(test)]
mod tests;
