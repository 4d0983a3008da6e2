//! A recorded series in memory: its rows, the readings they hold, and what was refused.

mod facilities;
mod intake;
mod read;

use std::collections::BTreeMap;
use std::io::Read;
use std::path::Path;

use huitian_model::{ChannelRef, Inventory, Measurement, Reading, UtcMs, WindowLength};

use super::mapping::Mapping;
use crate::config::ConfigFault;

pub use intake::{Intake, RefusedReason};

/// Most readings of a series: at 64 bytes each they take 640 MB. Five years of a hundred lots
/// that speak every half hour fit.
pub const READINGS_MAX: usize = 10_000_000;

/// A row further than this from the middle row's arrival is refused, ms (five years): one wrong
/// year would otherwise make the engine publish every window of the years between.
pub const FAR_AWAY_MS: i64 = 5 * 365 * 86_400_000;

/// One row that was taken.
#[derive(Clone, Copy, Debug)]
pub struct Row {
    /// Its line in the file, from 1.
    pub line: u64,
    /// When it arrived.
    pub received_at: UtcMs,
    /// Its first reading in [`Series::readings`].
    first: usize,
    /// How many readings it holds.
    count: usize,
}

/// A series.
pub struct Series {
    /// The site, the facilities that the series speaks of, and one device for each.
    pub inventory: Inventory,
    /// The devices' channels; readings name them by index.
    pub channels: Vec<ChannelRef>,
    /// The rows that were taken, in the order of the file.
    pub rows: Vec<Row>,
    /// What was read, filtered and refused.
    pub intake: Intake,
    readings: Vec<(usize, Reading)>,
}

impl Series {
    /// Reads a file by a mapping.
    ///
    /// # Errors
    /// [`ConfigFault`] where the file cannot be read, lacks a column or has no usable row, or
    /// where the mapping leaves a capacity open. Bad rows are no errors.
    pub fn read(mapping: &Mapping, path: &Path) -> Result<Self, ConfigFault> {
        let unreadable = |error: std::io::Error| ConfigFault::unreadable(path, &error);
        let file = std::fs::File::open(path).map_err(unreadable)?;
        let file = std::io::BufReader::new(file);
        let input: Box<dyn Read> = if path.extension().is_some_and(|end| end == "gz") {
            Box::new(flate2::bufread::MultiGzDecoder::new(file))
        } else {
            Box::new(file)
        };
        read::read(mapping, &path.display().to_string(), input)
    }

    /// The readings of a row, each with the index of its channel.
    pub fn readings_of(&self, row: &Row) -> &[(usize, Reading)] {
        self.readings
            .get(row.first..row.first + row.count)
            .unwrap_or_default()
    }

    /// First and last arrival.
    pub fn arrivals(&self) -> Option<(UtcMs, UtcMs)> {
        let all = || self.rows.iter().map(|row| row.received_at);
        Some((all().min()?, all().max()?))
    }

    /// Roughly how many windows of these lengths (none: of all) the series will have.
    pub fn windows_expected(&self, lengths: &[WindowLength]) -> usize {
        let Some((first, last)) = self.arrivals() else {
            return 0;
        };
        let asked = |length: &&WindowLength| lengths.is_empty() || lengths.contains(*length);
        let of_one: i64 = WindowLength::ALL
            .iter()
            .filter(asked)
            .map(|length| last.since(first) / length.fixed_ms().unwrap_or(86_400_000) + 1)
            .sum();
        usize::try_from(of_one)
            .unwrap_or(usize::MAX)
            .saturating_mul(self.channels.len())
    }

    /// Refuses rows whose arrival is far from that of the middle row.
    fn refuse_far_away(&mut self) {
        let mut arrivals: Vec<i64> = self.rows.iter().map(|row| row.received_at.0).collect();
        let middle = arrivals.len() / 2;
        if arrivals.is_empty() {
            return;
        }
        let middle = UtcMs(*arrivals.select_nth_unstable(middle).1);
        let intake = &mut self.intake;
        self.rows.retain(|row| {
            let is_near = row.received_at.since(middle).abs() <= FAR_AWAY_MS;
            if !is_near {
                let text = format!("arrived at {}, the middle row at {middle}", row.received_at);
                intake.refuse_row(RefusedReason::FarAway, row.line, text);
            }
            is_near
        });
    }

    /// What the taken rows hold, once the capacities are known.
    fn count(&mut self, capacities: &[Option<u32>]) {
        let mut counted = BTreeMap::new();
        let mut count = |what: &'static str| *counted.entry(what).or_insert(0_u64) += 1;
        for row in &self.rows {
            for (channel, reading) in self.readings_of(row) {
                count("readings");
                let places = capacities.get(*channel).copied().flatten().map(i64::from);
                match reading.sample.value() {
                    None => count("bad"),
                    Some(Measurement::InUse(n) | Measurement::FreePlaces(n)) if n < 0 => {
                        count("below zero");
                    }
                    Some(Measurement::InUse(n) | Measurement::FreePlaces(n))
                        if places.is_some_and(|places| i64::from(n) > places) =>
                    {
                        count("above capacity");
                    }
                    Some(_) => {}
                }
            }
        }
        let of = |what: &str| counted.get(what).copied().unwrap_or(0);
        self.intake.readings = of("readings");
        self.intake.without_value = of("bad");
        self.intake.below_zero = of("below zero");
        self.intake.above_capacity = of("above capacity");
    }
}

#[cfg(test)]
mod tests;
