//! A waste station: its bins, their figures, their ledger rows and their alerts.

use huitian_model::{
    AssetId, BinFigures, Emptied, FacilityId, Output, OverflowEpisode, Settings, SiteId,
    StationFigures, Stream, UtcMs,
};
use serde::{Deserialize, Serialize};

use crate::arena::Arena;
use crate::bin::{Emptying, Episode, Geometry, Ledger, Limits, Rules, add_up};
use crate::book::Span;
use crate::channel::{Channel, Role};
use crate::facility::Detail;
use crate::kept::level;
use crate::overflow::Watch;

/// One bin of a station.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Bin {
    /// Which.
    pub asset: AssetId,
    /// What it takes in.
    pub stream: Stream,
    /// The channel that measures it: of several the one that says the fill itself.
    pub channel: Option<u32>,
    /// The alert on it.
    pub watch: Watch,
    /// Whether its ledger may differ from what was published.
    pub is_touched: bool,
    /// What was published of its episodes.
    episodes: Vec<Episode>,
    /// What was published of its emptyings.
    emptyings: Vec<Emptying>,
}

impl Bin {
    /// A bin of which nothing is known yet.
    pub fn new(asset: AssetId, stream: Stream) -> Self {
        Self {
            asset,
            stream,
            channel: None,
            watch: Watch::default(),
            is_touched: false,
            episodes: Vec::new(),
            emptyings: Vec::new(),
        }
    }

    fn figures(
        &self,
        channels: &Arena<Channel>,
        limits: Limits,
        (from, to): (UtcMs, UtcMs),
        detail: Detail,
    ) -> BinFigures {
        let mut figures = BinFigures {
            asset: self.asset.clone(),
            stream: self.stream,
            known_ms: 0,
            fill_ms: 0,
            min: None,
            max: None,
            last: None,
            overflow_ms: 0,
            emptied: 0,
            rejected: 0,
        };
        if let Some((channel, rules)) = self.rules(channels, limits) {
            let first = channel.history.before(from);
            add_up(
                &mut figures,
                channel.history.samples(),
                first,
                &rules,
                (from, to),
            );
        }
        if detail == Detail::Rolling {
            figures.min = None;
        }
        figures
    }

    /// Its channel, and what its readings are judged by.
    pub fn rules<'a>(
        &self,
        channels: &'a Arena<Channel>,
        limits: Limits,
    ) -> Option<(&'a Channel, Rules)> {
        let channel = channels.get(self.channel?)?;
        Some((channel, channel_rules(channel, limits)?))
    }

    /// Forgets ledger rows that nothing can change any more.
    pub fn forget(&mut self, (episodes, emptyings): (usize, usize)) {
        self.episodes.drain(..episodes.min(self.episodes.len()));
        self.emptyings.drain(..emptyings.min(self.emptyings.len()));
    }

    /// Goes on with the alert of a bin, and with what was published of it.
    pub fn carry_over(&mut self, old: Self) {
        self.watch = old.watch;
        self.episodes = old.episodes;
        self.emptyings = old.emptyings;
    }

    /// The row of an episode.
    pub fn episode(&self, place: &Place<'_>, one: &Episode, stands: bool) -> OverflowEpisode {
        OverflowEpisode {
            site: place.site.clone(),
            facility: place.facility.clone(),
            asset: self.asset.clone(),
            onset: one.onset,
            onset_after: one.onset_after,
            end: one.end,
            peak: level(one.peak),
            stands,
        }
    }

    /// The row of an emptying.
    pub fn emptying(&self, place: &Place<'_>, one: &Emptying, stands: bool) -> Emptied {
        let (at, from, to) = one;
        Emptied {
            site: place.site.clone(),
            facility: place.facility.clone(),
            asset: self.asset.clone(),
            at: *at,
            from: level(*from),
            to: level(*to),
            stands,
        }
    }

    /// Publishes what differs from what was published before.
    pub fn publish(&mut self, ledger: &Ledger, place: &Place<'_>, out: &mut Vec<Output>) {
        let episode = |one: &Episode, stands| Output::Episode(self.episode(place, one, stands));
        let emptying = |one: &Emptying, stands| Output::Emptied(self.emptying(place, one, stands));
        differ(
            &self.episodes,
            &ledger.episodes,
            |one| one.onset,
            episode,
            out,
        );
        differ(
            &self.emptyings,
            &ledger.emptyings,
            |one| one.0,
            emptying,
            out,
        );
        self.note_published(ledger);
    }

    /// Notes that all that a ledger holds has been published.
    pub fn note_published(&mut self, ledger: &Ledger) {
        self.is_touched = false;
        if self.episodes != ledger.episodes {
            self.episodes.clone_from(&ledger.episodes);
        }
        if self.emptyings != ledger.emptyings {
            self.emptyings.clone_from(&ledger.emptyings);
        }
    }
}

/// Withdraws the rows that are gone, and says those that are new or changed.
fn differ<T: PartialEq>(
    old: &[T],
    new: &[T],
    key: impl Fn(&T) -> UtcMs,
    say: impl Fn(&T, bool) -> Output,
    out: &mut Vec<Output>,
) {
    let same = old
        .iter()
        .zip(new)
        .take_while(|(old, new)| old == new)
        .count();
    let old = old.get(same..).unwrap_or_default();
    let new = new.get(same..).unwrap_or_default();
    let gone = old
        .iter()
        .filter(|one| !new.iter().any(|other| key(one) == key(other)));
    out.extend(gone.map(|one| say(one, false)));
    out.extend(
        new.iter()
            .filter(|one| !old.contains(one))
            .map(|one| say(one, true)),
    );
}

/// Where a station is.
#[derive(Clone, Copy, Debug)]
pub struct Place<'a> {
    /// At which site.
    pub site: &'a SiteId,
    /// Which facility.
    pub facility: &'a FacilityId,
}

/// What a bin channel's readings are judged by.
pub const fn channel_rules(channel: &Channel, limits: Limits) -> Option<Rules> {
    match channel.role {
        Role::Bin { geometry, .. } => Some(rules(channel, geometry, limits)),
        Role::Bay(..) | Role::Counted { .. } | Role::Gate { .. } | Role::Other => None,
    }
}

const fn rules(channel: &Channel, geometry: Geometry, limits: Limits) -> Rules {
    Rules {
        geometry,
        limits,
        valid_for_ms: channel.valid_for_ms,
    }
}

/// The figures of all bins over a span, of what is known up to `until`.
pub fn figures(
    bins: &[Bin],
    channels: &Arena<Channel>,
    settings: &Settings,
    span: Span,
    (detail, until): (Detail, UtcMs),
) -> StationFigures {
    let limits = Limits::of(settings);
    let of = |bin: &Bin| bin.figures(channels, limits, (span.start, until), detail);
    StationFigures {
        length_ms: span.ms(),
        bins: bins.iter().map(of).collect(),
    }
}
