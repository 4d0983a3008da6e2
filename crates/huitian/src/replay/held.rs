//! Late and quarantined readings as CSV.
//!
//! ```text
//! device,channel,n,at,received_at,quantity,value,quality,reason
//! ```
//! Times are RFC 3339 UTC; `value` is the quantity's fixed-point number, empty where there is
//! none; `n` is the number of the reading in this replay.

use std::fs::File;
use std::io::BufWriter;
use std::path::{Path, PathBuf};

use huitian_model::{HeldReading, Quality};

use crate::config::ConfigFault;

/// The columns.
const HEADER: [&str; 9] = [
    "device",
    "channel",
    "n",
    "at",
    "received_at",
    "quantity",
    "value",
    "quality",
    "reason",
];

/// A file of held readings, written as they are held.
pub struct Ledger {
    path: PathBuf,
    writer: csv::Writer<BufWriter<File>>,
}

impl Ledger {
    /// Creates the file, with its header.
    ///
    /// # Errors
    /// [`ConfigFault`] where it cannot be written.
    pub fn create(path: &Path) -> Result<Self, ConfigFault> {
        let file = File::create(path).map_err(|error| unwritable(path, &error))?;
        let mut writer = csv::Writer::from_writer(BufWriter::new(file));
        writer
            .write_record(HEADER)
            .map_err(|error| unwritable(path, &error))?;
        Ok(Self {
            path: path.to_owned(),
            writer,
        })
    }

    /// Writes one reading.
    ///
    /// # Errors
    /// [`ConfigFault`] where it cannot be written.
    pub fn add(&mut self, held: &HeldReading) -> Result<(), ConfigFault> {
        let sample = held.reading.sample;
        let value = sample.value().map(|value| value.as_i64().to_string());
        let quality = match sample.quality() {
            Quality::Good => "good",
            Quality::Uncertain => "uncertain",
            Quality::Bad => "bad",
        };
        let row = [
            held.channel.device.to_string(),
            held.channel.channel.to_string(),
            held.number.2.to_string(),
            held.reading.at.to_string(),
            held.reading.received_at.to_string(),
            sample.quantity().name().to_owned(),
            value.unwrap_or_default(),
            quality.to_owned(),
            held.reason.name().to_owned(),
        ];
        self.writer
            .write_record(row)
            .map_err(|error| unwritable(&self.path, &error))
    }

    /// Writes what is still buffered: a buffer that is dropped swallows its error.
    ///
    /// # Errors
    /// [`ConfigFault`] where it cannot be written.
    pub fn finish(&mut self) -> Result<(), ConfigFault> {
        self.writer
            .flush()
            .map_err(|error| unwritable(&self.path, &error))
    }
}

fn unwritable(path: &Path, error: &dyn std::fmt::Display) -> ConfigFault {
    ConfigFault::plain(format!("cannot write {}: {error}", path.display()))
}
