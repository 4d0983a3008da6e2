//! Recomputing the past with the readings that came too late for it.
//!
//! A [`Recompute`] takes in the same log as an engine, but for it no reading is late. It publishes
//! nothing while it reads. By law C what its windows hold at the end is a function of the set of
//! readings, so it is what an engine would have said had all of them come in time. What was
//! published is then held against it, and [`Engine::adopt`] lets the engine go on from its state,
//! or else the next amendment would bring back the figures without the late readings.
//!
//! ```text
//! log ─► LateReadings: is anything late, and how far back?
//! log ─► Recompute ─► reach: which facilities, from when on
//!                 ├─► amended(stored window), ledger(stored rows)
//!                 └─► Engine::adopt
//! ```
//!
//! Memory: of a lot the readings since two civil days before the earliest late one, of a station
//! those since 33 days before it (a fall may wait so long for the reading that confirms it), at 32
//! bytes and two edges of 40 each. A site of 420 bays that speak every half hour is 20,000
//! readings a day, some 2 MB.

use std::collections::BTreeMap;

use huitian_model::{
    Emptied, FacilityId, Frame, Output, OverflowEpisode, Position, Record, Settings, SiteId, UtcMs,
    WindowBody, WindowRow, WindowStatus,
};

use crate::book::Span;
use crate::channel::Role;
use crate::copies::COPIES_WITHIN_MS;
use crate::derive::derive;
use crate::engine::Engine;
use crate::facility::{Detail, Facility, Kind};
use crate::station::Place;
use crate::tick::{DAY_MS_MAX, FORGET_EVERY_MS, PENDING_MS_MAX, forget_facility, horizon};

mod adopt;

/// No reading is so old, ms: 1,000 years.
const NEVER_LATE_MS: i64 = 1_000 * 366 * 86_400_000;

/// What of a log is late: read first, since it says how far back the second reading must remember.
#[derive(Clone, Debug)]
pub struct LateReadings {
    now: Option<UtcMs>,
    lateness_ms: i64,
    /// Event time of the earliest.
    pub earliest: Option<UtcMs>,
    /// How many there are. Some of them may be held for another reason.
    pub count: u64,
}

impl LateReadings {
    /// Before the first record of the log of an engine.
    pub fn new(engine: &Engine) -> Self {
        Self {
            now: None,
            lateness_ms: lateness_of(engine),
            earliest: None,
            count: 0,
        }
    }

    /// Takes in the next record.
    pub fn note(&mut self, record: &Record) {
        if let Record::Tick(tick) = record {
            self.now = self.now.max(Some(tick.now));
        } else if let Record::Settings { settings, .. } = record {
            self.lateness_ms = settings.lateness_ms;
        } else if let (Record::Frame(frame), Some(now)) = (record, self.now) {
            let before = now.minus(self.lateness_ms);
            for (_, reading) in frame.readings.iter().filter(|(_, one)| one.at < before) {
                self.count += 1;
                let earliest = self.earliest.unwrap_or(reading.at);
                self.earliest = Some(earliest.min(reading.at));
            }
        }
    }
}

fn lateness_of(engine: &Engine) -> i64 {
    let settings = engine.settings.as_ref();
    settings.map_or(0, |settings| settings.lateness_ms)
}

/// How far the late readings of one facility reach.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Reach {
    /// Windows that end after it may hold other figures.
    pub from: UtcMs,
    /// How many late readings it has.
    pub readings: u64,
}

/// Why a window was not recomputed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum OutOfReach {
    /// It was final before the facility or the settings changed at that time; such windows stay as
    /// they were published.
    Changed(UtcMs),
    /// It begins before what is still known.
    Forgotten(UtcMs),
    /// The facility is in no inventory.
    Unknown,
}

/// The state of a partition with all late readings taken in.
pub struct Recompute {
    engine: Engine,
    /// Those of the log; the engine's own never let a reading be late.
    settings: Option<Settings>,
    /// Readings at or before that position have been repaired.
    since: Position,
    earliest: UtcMs,
    reach: BTreeMap<u32, Reach>,
    /// The earliest late reading of each channel that is not repaired.
    late: BTreeMap<u32, UtcMs>,
    /// Windows that were final then are not touched, by facility.
    fixed: BTreeMap<u32, UtcMs>,
    unsaid: Vec<Output>,
}

impl Recompute {
    /// Begins before the log's first record; late readings up to the position `since` have been
    /// repaired.
    pub fn new(live: &Engine, since: Position) -> Self {
        let mut engine = Engine::new(live.partition);
        engine.edges = live.edges.unheard();
        engine.settings.clone_from(&live.settings);
        let settings = live.settings.clone();
        never_late(&mut engine);
        Self {
            engine,
            settings,
            since,
            earliest: UtcMs(i64::MIN / 2),
            reach: BTreeMap::new(),
            late: BTreeMap::new(),
            fixed: BTreeMap::new(),
            unsaid: Vec::new(),
        }
    }

    /// Begins where the beginning of the log is gone, with the inventory that is in force now.
    /// What it says must agree with what was published before the first late reading, or else it
    /// says nothing of that facility.
    pub fn of_trimmed_log(live: &Engine, since: Position) -> Self {
        let mut new = Self::new(live, since);
        for (key, index) in &live.facility_index {
            let facility = live.facilities.get(*index);
            if let Some(definition) = facility.and_then(|facility| facility.definition.clone()) {
                new.engine.add_facility(key.clone(), definition);
            }
        }
        new.engine.bind_channels();
        new
    }

    /// Says which late reading of the whole log is the earliest, so that what was before it can be
    /// forgotten. Without it nothing is.
    pub const fn remember_from(&mut self, earliest: UtcMs) {
        self.earliest = earliest;
    }

    /// The log's time: its last tick.
    pub const fn now(&self) -> Option<UtcMs> {
        self.engine.now
    }

    /// Takes in the record at a position of the log.
    pub fn apply(&mut self, position: Position, record: &Record) {
        if position <= self.engine.position {
            return;
        }
        if let Record::Tick(tick) = record {
            self.engine.position = position;
            self.on_tick(tick.now);
            return;
        }
        if let Record::Frame(frame) = record {
            if position > self.since {
                self.note_late(frame);
            }
        } else if let Record::Settings { settings, .. } = record {
            self.on_settings(settings);
        } else if matches!(record, Record::Inventory { .. }) {
            self.before_inventory();
        }
        self.engine.apply(position, record, &mut self.unsaid);
        self.unsaid.clear();
        if matches!(record, Record::Settings { .. }) {
            never_late(&mut self.engine);
        }
        if matches!(record, Record::Inventory { .. }) {
            self.after_inventory();
        }
    }

    /// The position of the last record that was applied.
    pub const fn position(&self) -> Position {
        self.engine.position
    }

    /// The facilities with late readings that are not repaired, and how far they reach. To be
    /// asked after the last record and before anything else is: it brings all that was derived
    /// in step with the last readings, as a tick would.
    pub fn reach(&mut self) -> Vec<(SiteId, FacilityId, Reach)> {
        if let Some(now) = self.engine.now {
            self.on_tick(now);
        }
        for (channel, at) in &self.late {
            let Some(channel) = self.engine.channels.get(*channel) else {
                continue;
            };
            // The level before it may be a fall that it confirms or denies.
            let before = channel.history.before(*at);
            let before = channel.history.samples().get(..before).unwrap_or_default();
            // It judges the level before it, and what is then believed confirms the one before.
            let mut values = before.iter().rev().filter(|kept| kept.has_value());
            let judged = values.next();
            let level = values.find(|kept| kept.is_believed()).or(judged);
            if let (Role::Bin { .. }, Some(level), Some(reach)) =
                (&channel.role, level, self.reach.get_mut(&channel.facility))
            {
                reach.from = reach.from.min(level.at);
            }
        }
        let of = |(index, reach): (&u32, &Reach)| {
            let facility = self.engine.facilities.get(*index)?;
            Some((facility.site.clone(), facility.id.clone(), *reach))
        };
        self.reach.iter().filter_map(of).collect()
    }

    /// Notes which facilities' late readings a frame holds.
    fn note_late(&mut self, frame: &Frame) {
        let lateness_ms = self.settings.as_ref().map_or(0, |one| one.lateness_ms);
        let Some(before) = self.engine.now.map(|now| now.minus(lateness_ms)) else {
            return;
        };
        for (place, reading) in frame.readings.iter().filter(|(_, one)| one.at < before) {
            let place = usize::try_from(*place).unwrap_or(usize::MAX);
            let Some(name) = frame.channels.get(place) else {
                continue;
            };
            let Some(channel) = self.engine.resolve(name).channel else {
                continue;
            };
            let Some(facility) = self.engine.channels.get(channel).map(|one| one.facility) else {
                continue;
            };
            // It may be the better copy of an uplink that was stamped earlier.
            let from = match reading.sequence {
                Some(_) => reading.at.minus(COPIES_WITHIN_MS),
                None => reading.at,
            };
            let reach = self
                .reach
                .entry(facility)
                .or_insert(Reach { from, readings: 0 });
            reach.from = reach.from.min(from);
            reach.readings += 1;
            let earliest = self.late.entry(channel).or_insert(from);
            *earliest = from.min(*earliest);
        }
    }

    fn on_settings(&mut self, settings: &Settings) {
        let figures = |one: &Settings| {
            let fill = (one.overflow.on, one.overflow.off, one.emptied_drop);
            (fill, one.gate_miscount_ppm, one.spike)
        };
        let is_other = self
            .settings
            .as_ref()
            .is_some_and(|old| figures(old) != figures(settings));
        if is_other {
            for index in self.engine.facility_index.values() {
                fix(&mut self.fixed, *index, self.engine.now);
            }
        }
        self.settings = Some(settings.clone());
    }

    /// A facility that an inventory changes is known by its windows being taken off its book.
    fn before_inventory(&mut self) {
        for facility in self.engine.facilities.iter_mut() {
            facility.rolling = [1; 3];
        }
    }

    fn after_inventory(&mut self) {
        for index in self.engine.facility_index.values() {
            let facility = self.engine.facilities.get(*index);
            if facility.is_some_and(|facility| facility.rolling == [0; 3]) {
                fix(&mut self.fixed, *index, self.engine.now);
            }
        }
    }

    fn on_tick(&mut self, now: UtcMs) {
        let Some(settings) = self.settings.clone() else {
            return;
        };
        let engine = &mut self.engine;
        let now = engine.now.map_or(now, |before| before.max(now));
        engine.now = Some(now);
        let is_time = |last: UtcMs| now.since(last) >= FORGET_EVERY_MS;
        let forgets = engine.forgot_at.is_none_or(is_time);
        if forgets {
            engine.forgot_at = Some(now);
        }
        for index in engine.facility_index.values() {
            let Some(facility) = engine.facilities.get_mut(*index) else {
                continue;
            };
            if facility.definition.is_none() {
                continue;
            }
            facility.expire(&mut engine.channels, now);
            derive(facility, &mut engine.channels, &settings);
            if forgets {
                let known = horizon(facility, &engine.channels, &settings, now);
                let known = known.min(needed(facility, self.earliest));
                forget_facility(facility, &mut engine.channels, known, &settings);
            }
        }
    }

    fn facility(&self, site: &SiteId, id: &FacilityId) -> Option<(u32, &Facility)> {
        let index = self
            .engine
            .facility_index
            .get(&(site.clone(), id.clone()))?;
        Some((*index, self.engine.facilities.get(*index)?))
    }

    /// The figures that a published window should hold.
    ///
    /// # Errors
    /// [`OutOfReach`] where they are not known.
    pub fn figures(&self, stored: &WindowRow) -> Result<WindowBody, OutOfReach> {
        let (index, facility) = self
            .facility(&stored.key.site, &stored.key.facility)
            .ok_or(OutOfReach::Unknown)?;
        let settings = self.settings.as_ref().ok_or(OutOfReach::Unknown)?;
        if facility.definition.is_none() {
            return Err(OutOfReach::Unknown);
        }
        if let Some(changed) = self.fixed.get(&index) {
            let settled = changed.minus(settings.settle_ms);
            if stored.end <= settled {
                return Err(OutOfReach::Changed(*changed));
            }
        }
        let known = needed(facility, self.earliest);
        if stored.key.start < known {
            return Err(OutOfReach::Forgotten(known));
        }
        let span = Span {
            start: stored.key.start,
            end: stored.end,
        };
        let view = (Detail::Window, span.end);
        Ok(facility.body(&self.engine.channels, settings, span, view))
    }

    /// The row that takes the place of a published window, where its figures differ.
    ///
    /// # Errors
    /// [`OutOfReach`] where it cannot be recomputed.
    pub fn amended(&self, stored: &WindowRow) -> Result<Option<WindowRow>, OutOfReach> {
        if stored.status == WindowStatus::Provisional {
            return Ok(None);
        }
        let body = self.figures(stored)?;
        Ok((body != stored.body).then(|| WindowRow {
            revision: stored.revision.saturating_add(1),
            status: WindowStatus::Amended,
            body,
            ..stored.clone()
        }))
    }

    /// What takes the place of the published rows of a station's ledgers that end at or after
    /// `from`: rows that are new or other, and those that do not stand any more.
    pub fn ledger(
        &self,
        (site, id): (&SiteId, &FacilityId),
        from: UtcMs,
        (episodes, emptied): (&[OverflowEpisode], &[Emptied]),
    ) -> Vec<Output> {
        let mut out = Vec::new();
        let Some((index, facility)) = self.facility(site, id) else {
            return out;
        };
        let Kind::Station(bins) = &facility.kind else {
            return out;
        };
        let from = self
            .fixed
            .get(&index)
            .map_or(from, |fixed| from.max(*fixed));
        let place = Place { site, facility: id };
        let (mut new_episodes, mut new_emptied) = (Vec::new(), Vec::new());
        for bin in bins {
            let channel = bin
                .channel
                .and_then(|index| self.engine.channels.get(index));
            let Some(Role::Bin { ledger, .. }) = channel.map(|channel| &channel.role) else {
                continue;
            };
            let all = ledger.episodes.iter();
            let reached = all.filter(|one| one.end.is_none_or(|end| end >= from));
            new_episodes.extend(reached.map(|one| bin.episode(&place, one, true)));
            let all = ledger.emptyings.iter();
            let reached = all.filter(|one| one.0 >= from);
            new_emptied.extend(reached.map(|one| bin.emptying(&place, one, true)));
        }
        let is_gone = |old: &&OverflowEpisode| {
            let same = |new: &OverflowEpisode| (&new.asset, new.onset) == (&old.asset, old.onset);
            old.end.is_none_or(|end| end >= from) && !new_episodes.iter().any(same)
        };
        let withdraw = |old: &OverflowEpisode| OverflowEpisode {
            stands: false,
            ..old.clone()
        };
        let gone = episodes.iter().filter(is_gone).map(withdraw);
        out.extend(gone.map(Output::Episode));
        let is_gone = |old: &&Emptied| {
            let same = |new: &Emptied| (&new.asset, new.at) == (&old.asset, old.at);
            old.at >= from && !new_emptied.iter().any(same)
        };
        let withdraw = |old: &Emptied| Emptied {
            stands: false,
            ..old.clone()
        };
        let gone = emptied.iter().filter(is_gone).map(withdraw);
        out.extend(gone.map(Output::Emptied));
        new_episodes.retain(|new| !episodes.contains(new));
        new_emptied.retain(|new| !emptied.contains(new));
        out.extend(new_episodes.into_iter().map(Output::Episode));
        out.extend(new_emptied.into_iter().map(Output::Emptied));
        out
    }
}

/// From when on a facility's readings are needed to recompute what a late one reaches.
fn needed(facility: &Facility, earliest: UtcMs) -> UtcMs {
    let falls = match facility.kind {
        Kind::Lot(_) => 0,
        Kind::Station(_) => PENDING_MS_MAX,
    };
    earliest.minus(falls + 2 * DAY_MS_MAX)
}

fn fix(fixed: &mut BTreeMap<u32, UtcMs>, index: u32, now: Option<UtcMs>) {
    if let Some(now) = now {
        fixed.insert(index, now);
    }
}

fn never_late(engine: &mut Engine) {
    if let Some(settings) = &mut engine.settings {
        engine.late_after_ms = Some(settings.lateness_ms);
        settings.lateness_ms = NEVER_LATE_MS;
    }
}
