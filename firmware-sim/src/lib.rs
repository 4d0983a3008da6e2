//! A seeded world of compounds whose sensors speak as real ones do.
//!
//! 127 compounds with lots and waste stations, some 3,000 channels, about two million readings
//! in 14 days at scale 1. Bays, gates and bins live by the hour, the week and the Chinese
//! calendar; their devices speak MQTT as ChirpStack v4, The Things Stack v3 and plain devices
//! do; messages are lost, doubled, late. What truly happened can be asked for.
//!
//! ```
//! use firmware_sim::{Config, FaultRates, World};
//!
//! let from_ms = 1_790_000_000_000;
//! let world = World::new(Config { seed: 1, scale: 1, faults: FaultRates::demo() });
//! let first = world.messages(from_ms, from_ms + 60_000).next();
//! assert!(first.is_some_and(|message| message.arrive_at_ms >= from_ms));
//! ```
//!
//! Everything is a pure function of (seed, scale, faults) and time: no day needs the day
//! before, apart from counters. It uses no crate of the product, so an error in the product's
//! decoders cannot cancel itself out.

mod bay;
mod bin_fill;
mod calendar;
mod csv;
mod dice;
mod envelope;
mod faults;
mod inventory;
mod json;
mod layout;
mod lot;
mod messages;
pub mod modbus;
mod mqtt;
mod names;
mod payload;
mod profile;
mod publish;
mod traffic;
mod truth;
mod world;

pub use calendar::{DayKind, day_of, day_start, kind_of};
pub use faults::{Fault, FaultRates, LATE_MS_MAX, SKEW_MS_MAX};
pub use inventory::{
    Asset, AssetKind, Bilingual, Channel, Device, Facility, FacilityKind, Inventory, Site, Stream,
};
pub use messages::{Messages, SimMessage};
pub use publish::{PublishConfig, Summary, publish};
pub use truth::{Truth, TruthEvent, TruthKind};
pub use world::{Config, FIRST_DAY, World};
