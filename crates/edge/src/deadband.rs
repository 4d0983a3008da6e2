//! Deadband: a value that has hardly changed is not sent again, but never for longer than a
//! ceiling, so that silence stays distinguishable from no change.
//!
//! Reported are: the first value, a change of at least the deadband since the last reported value
//! (so that a slow drift is not lost), every change of quality or reason, every yes/no that
//! changes, and whatever comes when the ceiling has passed since the last report. What is left
//! out was never numbered. Nothing is ever re-stamped: what is reported carries its own time.

use std::collections::BTreeMap;

use huitian_model::{ChannelRef, Measurement, Quantity, Reading, Sample, UtcMs};

/// Channels that are watched: four for each of 10,000 devices. More are always reported.
const CHANNELS_MAX: usize = 40_000;

/// The rule of one quantity.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Band {
    /// Least change that is reported, in the quantity's fixed-point unit (mm, hundredths of a
    /// percent or of a degree, places, vehicles, percent). 0: only what is equal is left out.
    pub change: i64,
    /// Most time between two reports, ms.
    pub ceiling_ms: i64,
}

/// What was reported last, and what a group that is not on disk yet would report.
#[derive(Debug, Default)]
pub struct Deadband {
    bands: BTreeMap<Quantity, Band>,
    last: BTreeMap<ChannelRef, (UtcMs, Sample)>,
    pending: BTreeMap<ChannelRef, (UtcMs, Sample)>,
}

impl Deadband {
    /// The rules by quantity; a quantity without one is always reported.
    pub fn new(bands: BTreeMap<Quantity, Band>) -> Self {
        Self {
            bands,
            ..Self::default()
        }
    }

    /// Whether a reading is to be reported. `ceiling_ms` is the channel's own, where it is
    /// shorter than the rule's: half of how long a reading of it holds.
    pub fn reports(&mut self, channel: &ChannelRef, reading: &Reading, ceiling_ms: i64) -> bool {
        let Some(band) = self.bands.get(&reading.sample.quantity()) else {
            return true;
        };
        let last = self.pending.get(channel).or_else(|| self.last.get(channel));
        let is_known = last.is_some();
        let is_news = last.is_none_or(|(at, sample)| {
            let ceiling_ms = band.ceiling_ms.min(ceiling_ms);
            let since_ms = reading.at.since(*at);
            // A reading from before the last report is history: it says what was not known.
            since_ms < 0 || since_ms >= ceiling_ms || differs(*sample, reading.sample, band.change)
        });
        if is_news && (is_known || self.last.len() + self.pending.len() < CHANNELS_MAX) {
            self.pending
                .insert(channel.clone(), (reading.at, reading.sample));
        }
        is_news
    }

    /// What was to be reported is on disk.
    pub fn stored(&mut self) {
        self.last.append(&mut self.pending);
    }

    /// It is not: the next value is compared with what was reported before.
    pub fn not_stored(&mut self) {
        self.pending.clear();
    }
}

/// Whether two samples differ by at least `change`.
fn differs(last: Sample, next: Sample, change: i64) -> bool {
    if last == next {
        return false;
    }
    let (Sample::Good(before), Sample::Good(after)) = (last, next) else {
        // Another quality, another reason, or a value in doubt.
        return true;
    };
    let is_yes_or_no = matches!(before, Measurement::Occupied(_) | Measurement::Tilt(_));
    is_yes_or_no || before.as_i64().abs_diff(after.as_i64()) >= change.unsigned_abs()
}

#[cfg(test)]
mod tests {
    use huitian_model::{BadReason, ChannelName, DeviceId, TimeSource};

    use super::*;

    const MINUTE: i64 = 60_000;

    fn deadband() -> Deadband {
        let band = Band {
            change: 10,
            ceiling_ms: 30 * MINUTE,
        };
        Deadband::new([(Quantity::Distance, band)].into())
    }

    fn channel() -> ChannelRef {
        ChannelRef {
            device: DeviceId::new("urm-7").unwrap(),
            channel: ChannelName::new("distance").unwrap(),
        }
    }

    /// Which of these samples, one a minute, are reported.
    fn reported(samples: &[Sample]) -> Vec<usize> {
        let mut deadband = deadband();
        let mut all = Vec::new();
        for (minute, sample) in samples.iter().enumerate() {
            let at = UtcMs(i64::try_from(minute).unwrap() * MINUTE);
            let reading = Reading {
                at,
                received_at: at,
                time_source: TimeSource::Receiver,
                sequence: None,
                sample: *sample,
            };
            if deadband.reports(&channel(), &reading, 24 * 60 * MINUTE) {
                all.push(minute);
            }
            deadband.stored();
        }
        all
    }

    fn mm(values: &[u32]) -> Vec<Sample> {
        let sample = |mm: &u32| Sample::Good(Measurement::Distance(*mm));
        values.iter().map(sample).collect()
    }

    #[test]
    fn a_slow_drift_is_reported_by_its_distance_from_the_last_report() {
        assert_eq!(
            reported(&mm(&[500, 503, 506, 509, 510, 513, 505, 499])),
            [0, 4, 7]
        );
    }

    #[test]
    fn the_ceiling_reports_what_has_not_changed() {
        assert_eq!(reported(&mm(&[500; 65])), [0, 30, 60]);
    }

    #[test]
    fn a_change_of_quality_or_reason_is_always_reported() {
        let bad = |reason| Sample::Bad(Quantity::Distance, reason);
        let good = Sample::Good(Measurement::Distance(500));
        let no_echo = bad(BadReason::NoEcho);
        let samples = [good, no_echo, no_echo, bad(BadReason::LidOpen), good, good];
        assert_eq!(reported(&samples), [0, 1, 3, 4]);
    }

    #[test]
    fn what_did_not_reach_the_disk_was_not_reported() {
        let mut deadband = deadband();
        let reading = Reading {
            at: UtcMs(0),
            received_at: UtcMs(0),
            time_source: TimeSource::Receiver,
            sequence: None,
            sample: Sample::Good(Measurement::Distance(500)),
        };
        let reports = |deadband: &mut Deadband| deadband.reports(&channel(), &reading, MINUTE);
        assert!(reports(&mut deadband));
        assert!(!reports(&mut deadband), "the same value in the same group");
        deadband.not_stored();
        assert!(reports(&mut deadband));
        deadband.stored();
        assert!(!reports(&mut deadband));
    }
}
