//! A bounded disk queue that survives what disks and power do.
//!
//! The edge puts every reading here before it acknowledges a device, and takes it out when the
//! hub has it. Readings have numbers per *lane* (a partition), without gaps; an *entry* is some
//! readings of one lane as bytes that this crate does not understand. Outside, a reading is
//! (epoch, lane, n).
//!
//! # What it promises
//!
//! - What [`Queue::append`] returned is on disk. What it refused has no number.
//! - A damaged frame costs that frame. Its numbers are named, counted and told.
//! - `appended = released + stored + lost` for each lane, at every instant.
//! - A number is never given twice within an epoch, as long as the disk keeps what it synced.
//!   Where it did not, the hub knows more than [`Queue::send_limit`], which is how a copied or
//!   restored folder is told from the true one.
//! - A full disk is normal: the policy of [`WhenFull`] applies, and it passes by itself.
//!
//! Where rot leaves it open whether readings were released or lost, it errs towards sending them
//! and telling of them again. A reading that was lost and comes back, since the disk gives it
//! after all, is sent and stays counted as lost.
//!
//! # What it is not
//!
//! It knows no clock, no network and no runtime: times are arguments, calls block. It is not a
//! log to be read by many: one process, one reader position per caller.
//!
//! # On disk
//!
//! A folder holds segments `NNNNNNNNNN.seg` (`NNNNNNNNNN-G.seg` once thinned G times), `lock` and
//! `reserve`. The formats stand in the modules `frame` and `record` (pseudo-structs); a segment is
//!
//! ```text
//! head head | snapshot | { entries, permits, releases, snapshots } | trailer
//! ```
//!
//! Frames are written in batches, each with one sync; a batch counts whole or not at all. Every
//! segment begins with a snapshot of all that is not an entry, the ledger included, so the newest
//! whole snapshot is enough. Any change of the ledger, and any removal of a file, is a new
//! snapshot first: state, ledger and the list of segments change in one batch.
//!
//! A new segment is durable with its name before its predecessor gets its trailer. A file with a
//! trailer therefore has a successor; where that is gone, a new epoch begins.
//!
//! # Limits
//!
//! Memory: one summary per segment (some 100 bytes and 40 per lane in it), the ledger's rows, and
//! buffers of 1.3 MiB while reading. Nothing is kept per entry.

mod account;
mod disk;
mod drain;
mod error;
mod frame;
mod inspect;
mod ledger;
mod limits;
mod missing;
mod number;
mod open;
mod queue;
mod record;
mod room;
mod segment;
pub mod simulated;
mod state;
mod survey;
mod track;
mod write;

pub use disk::{Disk, DiskFile, Folder};
pub use drain::{Position, ReadOut, Wanted};
pub use error::QueueError;
pub use inspect::{LaneReport, Report, SegmentReport, inspect};
pub use ledger::{Loss, LossReason, NoDetail, OnDrop};
pub use limits::{
    APPEND_BYTES_MAX, DETAIL_BYTES_MAX, FRAME_BYTES_MAX, LANES, LOSSES_MAX, Limits,
    PAYLOAD_BYTES_MAX, SEGMENTS_MAX, SET_CLOCK_MS, WhenFull,
};
pub use open::Opened;
pub use queue::{NewEntry, Queue, Stats, StoredEntry};
pub use survey::{Damage, DamageKind, LostRange};

#[cfg(test)]
mod tests;
