//! The engine: one partition's log in, outputs out. Pure, total and deterministic.
//!
//! [`Engine::apply`] takes the records of one partition's log in order and says what follows:
//! windows, rolling figures, alerts, ledger rows, accounts. It knows no clock (time is a record),
//! no IO and no logging; it never fails and never panics. A reading that cannot be used is an
//! output. The same log gives the same outputs, bit for bit, however often the engine was
//! written to a snapshot and read back on the way.
//!
//! ```text
//! frame ─► number seen? ─► checks ─► history of the channel ─► timelines of the facility
//! tick  ─► expiries ─► derive (bays, gates, bins) ─► amended, final, provisional, rolling
//!          ─► alerts ─► ledgers, findings ─► devices, accounts ─► forget what is past
//! ```
//!
//! [`Recompute`] is the engine's batch side: the windows of a stretch of the log with the readings
//! that came too late for the engine taken in.
//!
//! What it is not: it does not decode, store, send, or decide when anything is committed.

mod applied;
mod arena;
mod bay;
mod bin;
mod binding;
mod book;
mod channel;
mod copies;
mod current;
mod derive;
mod device;
mod edges;
mod engine;
mod facility;
mod finding;
mod frame;
mod gate;
mod hash;
mod history;
mod kept;
mod lot;
mod overflow;
mod rebind;
mod recompute;
mod snapshot;
mod spike;
mod station;
mod tick;
mod timeline;
mod windows;

pub use edges::Mark;
pub use engine::Engine;
pub use recompute::{LateReadings, OutOfReach, Reach, Recompute};
pub use snapshot::SnapshotError;
