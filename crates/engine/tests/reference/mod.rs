//! The reference: what every window holds, computed in a batch, slowly and plainly.
//!
//! It follows the page of semantics and shares nothing with the engine but the model's types.
//! It looks at the whole log at once, keeps no state between windows, and forgets nothing: every
//! window scans all readings of its facility.
//!
//! Where the page leaves a choice, the choice made here stands beside the function.

mod accept;
mod copies;
mod gates;
mod holds;
mod lot;
mod spikes;
mod station;
mod windows;

pub use accept::{Accepted, View, Voice, accept};

use std::collections::BTreeMap;

use huitian_model::{
    Emptied, FacilityKind, OverflowEpisode, Record, UtcMs, WindowBody, WindowKey, WindowLength,
};

/// A rule that is broken on purpose, to show that the laws can fail.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Broken {
    /// All rules hold: the reference proper.
    Nothing,
    /// Every reading in use is an arrival, also one that repeats the state.
    HeartbeatArrives,
    /// A place of which nothing is known is free.
    UnknownIsFree,
    /// A reading that came twice counts twice.
    DuplicatesSum,
    /// A reading at exactly a window's end belongs to it too.
    EndBelongs,
    /// A reading holds until the next one, however late that comes.
    HoldsForever,
    /// The reading that came last wins, whatever its sequence and quality.
    LastComeWins,
    /// A counter that decreases has always been reset.
    NeverWraps,
    /// One low reading empties a bin.
    OneReadingEmpties,
    /// Overflow ends below the upper limit.
    OneLimit,
    /// Every copy of an uplink counts.
    CopiesCount,
    /// Of the copies of an uplink the one that came first holds.
    FirstComeCopyHolds,
    /// Of the copies of an uplink the one that was received last holds.
    LastReceivedCopyHolds,
    /// A copy of a copy is a copy, for as long as one likes.
    CopiesChain,
    /// The same sequence and sample are the same uplink, whatever was said in between.
    OneNumberForEver,
    /// A counter wraps at 8, 16 and 32 bits whatever its profile says.
    WrapsAnywhere,
    /// A counter that a reboot resets is taken for one that wraps.
    RebootsAreWraps,
    /// Counts of intervals are differences of totals.
    IntervalsAreTotals,
    /// Every level holds, spike or not.
    SpikesHold,
    /// A level is judged by the one before it, also where that was a spike itself.
    SpikesByNeighbours,
    /// No rise is slow enough to be true.
    EveryRiseIsTooFast,
    /// The newest level is believed whatever it is.
    NewestIsBelieved,
    /// A fall that two levels show may be a spike.
    EmptyingsAreSpikes,
    /// Spikes are left out, and nobody is told.
    SpikesAreSmoothed,
}

impl Broken {
    /// All that is broken on purpose.
    pub const ALL: [Self; 23] = [
        Self::HeartbeatArrives,
        Self::UnknownIsFree,
        Self::DuplicatesSum,
        Self::EndBelongs,
        Self::HoldsForever,
        Self::LastComeWins,
        Self::NeverWraps,
        Self::OneReadingEmpties,
        Self::OneLimit,
        Self::CopiesCount,
        Self::FirstComeCopyHolds,
        Self::LastReceivedCopyHolds,
        Self::CopiesChain,
        Self::OneNumberForEver,
        Self::WrapsAnywhere,
        Self::RebootsAreWraps,
        Self::IntervalsAreTotals,
        Self::SpikesHold,
        Self::SpikesByNeighbours,
        Self::EveryRiseIsTooFast,
        Self::NewestIsBelieved,
        Self::EmptyingsAreSpikes,
        Self::SpikesAreSmoothed,
    ];

    /// What is broken, in a few words.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Nothing => "nothing is broken",
            Self::HeartbeatArrives => "a heartbeat is an arrival",
            Self::UnknownIsFree => "unknown is free",
            Self::DuplicatesSum => "duplicates are summed",
            Self::EndBelongs => "the end belongs to the window",
            Self::HoldsForever => "a reading holds for ever",
            Self::LastComeWins => "the last to come wins",
            Self::NeverWraps => "counters never wrap",
            Self::OneReadingEmpties => "one reading empties a bin",
            Self::OneLimit => "overflow has one limit",
            Self::CopiesCount => "every copy of an uplink counts",
            Self::FirstComeCopyHolds => "the copy that came first holds",
            Self::LastReceivedCopyHolds => "the copy that was received last holds",
            Self::CopiesChain => "a copy of a copy is a copy",
            Self::SpikesHold => "spikes hold",
            Self::SpikesByNeighbours => "a spike judges the next level",
            Self::EveryRiseIsTooFast => "every rise is too fast",
            Self::NewestIsBelieved => "the newest level is believed",
            Self::EmptyingsAreSpikes => "an emptying is a spike",
            Self::SpikesAreSmoothed => "spikes are not counted",
            Self::WrapsAnywhere => "every counter wraps",
            Self::RebootsAreWraps => "a reboot is a wrap",
            Self::IntervalsAreTotals => "an interval is a total",
            Self::OneNumberForEver => "a frame counter never begins again",
        }
    }
}

/// A span of time `[start, end)`, ms UTC.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Span {
    pub start: i64,
    pub end: i64,
}

impl Span {
    /// The time that this span shares with `[from, to)`, ms.
    fn overlap(self, from: i64, to: i64) -> i64 {
        (self.end.min(to) - self.start.max(from)).max(0)
    }

    /// Whether an instant belongs to it.
    fn holds(self, at: i64, broken: Broken) -> bool {
        (self.start <= at && at < self.end) || (broken == Broken::EndBelongs && at == self.end)
    }

    fn length(self) -> i64 {
        self.end - self.start
    }
}

/// What a log comes to.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Truth {
    /// Every window that is final at the last tick: its end and its figures.
    pub windows: BTreeMap<WindowKey, (UtcMs, WindowBody)>,
    /// Every emptying, in order of (facility, bin, time).
    pub emptied: Vec<Emptied>,
    /// Every overflow episode, in the same order.
    pub episodes: Vec<OverflowEpisode>,
}

/// Computes everything from a whole log.
pub fn compute(log: &[Record], broken: Broken) -> Truth {
    let accepted = accept(log, broken);
    let mut truth = Truth::default();
    for (site_id, site) in &accepted.inventory.sites {
        for (facility_id, facility) in &site.facilities {
            let known = Known::new(&accepted.view(site_id, facility, broken));
            if let Known::Station(station) = &known {
                truth.emptied.extend(station.emptied());
                truth.episodes.extend(station.episodes());
            }
            for length in WindowLength::ALL {
                for span in windows::final_windows(&accepted, &site.zone, length) {
                    let key = WindowKey {
                        site: site_id.clone(),
                        facility: facility_id.clone(),
                        length,
                        start: UtcMs(span.start),
                    };
                    let row = (UtcMs(span.end), known.figures(span));
                    truth.windows.insert(key, row);
                }
            }
        }
    }
    truth
}

/// What is known of one facility.
pub enum Known {
    Lot(lot::Lot),
    Station(station::Station),
}

impl Known {
    pub fn new(view: &View<'_>) -> Self {
        match view.facility.kind {
            FacilityKind::ParkingLot { .. } => Self::Lot(lot::Lot::new(view)),
            FacilityKind::WasteStation { .. } => Self::Station(station::Station::new(view)),
        }
    }

    /// The figures of the facility over any span.
    pub fn figures(&self, span: Span) -> WindowBody {
        match self {
            Self::Lot(lot) => WindowBody::Lot(lot.figures(span)),
            Self::Station(station) => WindowBody::Station(station.figures(span)),
        }
    }
}
