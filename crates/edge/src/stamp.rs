//! The edge's time: what readings are stamped with while the clock is set, and while it is not.
//!
//! A gateway without a battery clock starts in 1970. Until somebody sets it, stamps go on from
//! the last stamp in the queue, so that they never run backwards and the order of numbers is the
//! order of times, over any number of such starts. Once the clock is set, the distance between
//! both is known, and what was stamped before is moved by it when it is sent.

use std::collections::BTreeMap;

use huitian_model::{ChannelRef, Reading, TimeSource, UtcMs};

/// No clock that is set shows a time before this program was written: 2026-01-01.
pub const SET_FROM: UtcMs = UtcMs(1_767_225_600_000);

/// Series whose last stamp is remembered: four for each of 10,000 devices.
const SERIES_MAX: usize = 40_000;

/// What stamps are made of.
#[derive(Debug)]
pub struct Stamper {
    /// While the clock is not set: the stamp at `mono_ms`.
    unset: Option<(UtcMs, i64)>,
    /// By how much stamps made before the clock was set are to be moved.
    shift_ms: Option<i64>,
    last: UtcMs,
    series: BTreeMap<ChannelRef, UtcMs>,
}

impl Stamper {
    /// Goes on behind the newest stamp in the queue; `unset_last` is the newest one that was made
    /// while the clock was not set, where there is one.
    pub fn new(
        wall: UtcMs,
        mono_ms: i64,
        newest: Option<UtcMs>,
        unset_last: Option<UtcMs>,
    ) -> Self {
        let last = newest.unwrap_or(UtcMs(0));
        let is_set = wall >= SET_FROM;
        Self {
            unset: (!is_set).then(|| (wall.max(last.plus(1)), mono_ms)),
            // The clock was set while we were away: those stamps are moved so that they end now.
            shift_ms: if is_set {
                Some(unset_last.map_or(0, |unset| wall.since(unset)))
            } else {
                None
            },
            last,
            series: BTreeMap::new(),
        }
    }

    /// The time now. Where the clock has been set since, `true` once: what was stamped before is
    /// moved from now on.
    pub fn now(&mut self, wall: UtcMs, mono_ms: i64) -> (UtcMs, bool) {
        let Some((base, since)) = self.unset else {
            self.last = self.last.max(wall);
            return (wall, false);
        };
        let unset = base.plus(mono_ms.saturating_sub(since).max(0));
        if wall < SET_FROM {
            self.last = unset;
            return (unset, false);
        }
        self.shift_ms = Some(wall.since(unset));
        self.unset = None;
        (wall, true)
    }

    /// Whether the clock is set.
    pub const fn is_set(&self) -> bool {
        self.unset.is_none()
    }

    /// By how much stamps from before the clock was set are to be moved; none while it is not.
    pub const fn shift_ms(&self) -> Option<i64> {
        self.shift_ms
    }

    /// Gives a reading that no device has timed a stamp of its own within its series: two polls
    /// in one millisecond are two readings, and neither may hide the other.
    pub fn part(&mut self, channel: &ChannelRef, reading: &mut Reading) {
        if reading.time_source != TimeSource::Receiver {
            return;
        }
        if let Some(last) = self.series.get_mut(channel) {
            // A clock that was set back by more than a minute begins a new count.
            if reading.at <= *last && last.since(reading.at) < 60_000 {
                reading.at = last.plus(1);
            }
            *last = reading.at;
            return;
        }
        if self.series.len() < SERIES_MAX {
            self.series.insert(channel.clone(), reading.at);
        }
    }
}

#[cfg(test)]
mod tests {
    use huitian_model::{ChannelName, DeviceId, Measurement, Sample};

    use super::*;

    const NOW: UtcMs = UtcMs(1_795_406_400_000);

    #[test]
    fn a_clock_in_1970_goes_on_from_the_last_stamp_and_is_corrected_when_time_arrives() {
        let mut stamper = Stamper::new(UtcMs(5_000), 100, None, None);
        assert_eq!(stamper.now(UtcMs(6_000), 1_100), (UtcMs(6_000), false));
        assert_eq!((stamper.is_set(), stamper.shift_ms()), (false, None));
        // Another start, again in 1970: stamps never run backwards.
        let mut stamper = Stamper::new(UtcMs(1_000), 0, Some(UtcMs(6_000)), Some(UtcMs(6_000)));
        assert_eq!(stamper.now(UtcMs(1_500), 500), (UtcMs(6_501), false));
        // Ten seconds later somebody sets it.
        assert_eq!(stamper.now(NOW, 10_500), (NOW, true));
        assert_eq!(stamper.shift_ms(), Some(NOW.0 - 16_501));
        assert_eq!(stamper.now(NOW.plus(1), 10_501), (NOW.plus(1), false));
    }

    #[test]
    fn what_an_unset_clock_stamped_before_a_restart_ends_at_the_restart_at_the_latest() {
        let stamper = Stamper::new(NOW, 0, Some(UtcMs(9_000)), Some(UtcMs(9_000)));
        assert_eq!(stamper.shift_ms(), Some(NOW.0 - 9_000));
        let stamper = Stamper::new(NOW, 0, Some(NOW.minus(5)), None);
        assert_eq!(stamper.shift_ms(), Some(0));
    }

    #[test]
    fn two_readings_of_one_series_never_share_a_stamp_of_ours() {
        let mut stamper = Stamper::new(NOW, 0, None, None);
        let channel = ChannelRef {
            device: DeviceId::new("urm-7").unwrap(),
            channel: ChannelName::new("distance").unwrap(),
        };
        let mut stamp = |at: UtcMs, time_source| {
            let mut reading = Reading {
                at,
                received_at: at,
                time_source,
                sequence: None,
                sample: Sample::Good(Measurement::Distance(1)),
            };
            stamper.part(&channel, &mut reading);
            reading.at
        };
        assert_eq!(stamp(NOW, TimeSource::Receiver), NOW);
        assert_eq!(stamp(NOW, TimeSource::Receiver), NOW.plus(1));
        assert_eq!(stamp(NOW, TimeSource::Device), NOW);
        assert_eq!(
            stamp(NOW.minus(3_600_000), TimeSource::Receiver),
            NOW.minus(3_600_000)
        );
    }
}
