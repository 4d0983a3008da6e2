//! Small worlds and what happens in them: the generated input of the laws.
//!
//! A [`Plan`] is plain numbers, so that a failing case shrinks: every number shrinks towards the
//! dullest choice (first in its table). [`Case::new`] turns it into an inventory, readings and
//! ticks; [`log`] turns these into the records of a log.

mod inventory;
mod log;
mod readings;
mod settings;

pub use log::{Shuffle, log, log_in_any_order};

use huitian_model::{Inventory, Reading, Settings};
use proptest::collection::vec;
use proptest::prelude::*;

/// Everything that is drawn for one case.
#[derive(Clone, Debug)]
pub struct Plan {
    pub place: PlacePlan,
    pub facilities: Vec<FacilityPlan>,
    pub settings: (u8, u8, u8, u8),
    pub runs: Vec<RunPlan>,
    pub ticks: Vec<u8>,
    pub log: LogPlan,
}

/// Where and when.
#[derive(Clone, Debug)]
pub struct PlacePlan {
    /// Which zone and day.
    pub day: u8,
    /// Which hour of it the readings begin at, quarters of an hour.
    pub quarter: u8,
    /// How long they last.
    pub span: u8,
}

/// One facility.
#[derive(Clone, Debug)]
pub struct FacilityPlan {
    pub is_station: bool,
    /// At the second site, which is in another zone.
    pub is_elsewhere: bool,
    /// Bays with a sensor, or bins.
    pub parts: u8,
    /// Bays without a sensor.
    pub blind_parts: u8,
    /// None, a count of places in use, of free places.
    pub counted: u8,
    pub gates: u8,
    pub initial_count: Option<u32>,
    /// Some of its parts are measured by two devices.
    pub is_doubled: bool,
    /// How often its channels speak, and how long readings hold.
    pub cadence: u8,
}

/// One reading with its repetitions.
#[derive(Clone, Debug)]
pub struct RunPlan {
    pub channel: u8,
    /// Its event time: where in the span, how it is rounded, and by how much it is off.
    pub at: (u16, u8, u8),
    pub value: u8,
    pub quality: u8,
    /// How often it is repeated, and after how long.
    pub repeats: (u8, u8),
    /// Path: how long it travels, which edge numbers it, what else comes at the same time.
    pub delay: u8,
    pub edge: u8,
    pub twin: u8,
    pub sequence: u8,
    /// Whether the network says the time, and which copies of the uplink come too.
    pub copies: (u8, u8),
}

/// How the log is made of it.
#[derive(Clone, Debug)]
pub struct LogPlan {
    /// When the first tick comes, and the last.
    pub first_tick: u8,
    pub last_tick: u8,
    /// Where frames are cut and which are sent again.
    pub cut: u64,
}

/// A generated case, before its log.
#[derive(Clone, Debug)]
pub struct Case {
    pub inventory: Inventory,
    pub settings: Settings,
    /// In order of arrival.
    pub arrivals: Vec<Arrival>,
    /// The partition's time, rising.
    pub ticks: Vec<i64>,
    pub cut: u64,
}

/// A reading on its way into the log.
#[derive(Clone, Debug)]
pub struct Arrival {
    pub channel: huitian_model::ChannelRef,
    pub reading: Reading,
    /// The partition's time when it enters the log.
    pub enters_at: i64,
    pub edge: u8,
}

impl Case {
    pub fn new(plan: &Plan) -> Self {
        let place = inventory::Place::new(&plan.place);
        let inventory = inventory::inventory(&place, &plan.facilities);
        assert!(inventory.faults().is_empty(), "{:?}", inventory.faults());
        let arrivals = readings::arrivals(&place, &inventory, &plan.runs);
        Self {
            settings: settings::settings(plan.settings),
            ticks: log::ticks(&place, &plan.ticks, &plan.log),
            cut: plan.log.cut,
            inventory,
            arrivals,
        }
    }
}

/// A value of a table by a drawn number.
pub fn pick<T: Copy>(table: &[T], drawn: u8) -> T {
    table[usize::from(drawn) % table.len()]
}

/// All plans.
pub fn plans() -> impl Strategy<Value = Plan> {
    let place = (0..24_u8, 0..96_u8, 0..8_u8);
    let settings = (0..8_u8, 0..8_u8, 0..8_u8, 0..8_u8);
    let log = (0..8_u8, 0..8_u8, any::<u64>());
    let parts = (
        place,
        vec(facilities(), 1..=3),
        settings,
        vec(runs(), 0..28),
        vec(0..16_u8, 1..24),
        log,
    );
    parts.prop_map(|(place, facilities, settings, runs, ticks, log)| Plan {
        place: PlacePlan {
            day: place.0,
            quarter: place.1,
            span: place.2,
        },
        facilities,
        settings,
        runs,
        ticks,
        log: LogPlan {
            first_tick: log.0,
            last_tick: log.1,
            cut: log.2,
        },
    })
}

fn facilities() -> impl Strategy<Value = FacilityPlan> {
    let parts = (
        any::<bool>(),
        any::<bool>(),
        (0..4_u8, 0..4_u8),
        (0..6_u8, 0..5_u8),
        proptest::option::of(0..6_u32),
        0..12_u8,
        (0..4_u8).prop_map(|drawn| drawn == 3),
    );
    parts.prop_map(
        |(station, elsewhere, parts, counts, initial_count, cadence, is_doubled)| FacilityPlan {
            is_station: station,
            is_elsewhere: elsewhere,
            parts: parts.0,
            blind_parts: parts.1.saturating_sub(1),
            counted: counts.0.saturating_sub(3),
            gates: counts.1.saturating_sub(2),
            initial_count,
            is_doubled,
            cadence,
        },
    )
}

fn runs() -> impl Strategy<Value = RunPlan> {
    let parts = (
        any::<u8>(),
        (0..2_880_u16, 0..10_u8, any::<u8>()),
        any::<u8>(),
        0..16_u8,
        (0..8_u8, 0..10_u8),
        0..32_u8,
        (0..3_u8, 0..12_u8, 0..8_u8),
        (0..12_u8, any::<u8>()),
    );
    parts.prop_map(
        |(channel, at, value, quality, repeats, delay, path, copies)| RunPlan {
            channel,
            at,
            value,
            quality,
            repeats,
            delay,
            edge: path.0,
            twin: path.1,
            sequence: path.2,
            copies,
        },
    )
}
