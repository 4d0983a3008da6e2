//! The nouns of Huitian: ids, units, time, readings, inventory, windows, alerts, commits.
//!
//! Everything here is plain data with its invariants, and the versioned wire form of what is
//! kept on disk ([`wire`]). This crate is *not* the engine, knows no clock, no IO, no logging,
//! and never reads a configuration file: it only says what the words mean.
//!
//! Start with [`Reading`] (what a device said), [`Inventory`] (what is out there),
//! [`Record`] (what the log holds) and [`Output`] (what the engine says back).

mod account;
mod alert;
mod bin_model;
mod commit;
mod counter;
mod current;
mod id;
mod inventory;
mod measurement;
mod partition;
mod reading;
mod record;
mod settings;
mod time;
pub mod uplink;
mod window;
pub mod wire;

pub use account::{AccountKey, AccountRow, Counts, Reason};
pub use alert::{AlertId, AlertRow, AlertState, Evidence, RuleKind, Severity, Transition};
pub use bin_model::{BinModel, FillSpan, Mount};
pub use commit::{
    Commit, CommitNumber, DeviceRow, Emptied, Finding, FindingKind, HeldReading, Output,
    OverflowEpisode,
};
pub use counter::{CounterBits, CounterRule};
pub use current::{BayCurrent, BayState, BinCurrent, Current, CurrentBody, GateCount, LotCurrent};
pub use id::{
    AssetId, ChannelName, ChannelRef, DeviceId, EdgeId, FacilityId, IdError, RuleId, SiteId, Slug,
};
pub use inventory::{
    Asset, AssetKind, Batch, Bilingual, Binding, Channel, Device, Facility, FacilityKind,
    Inventory, InventoryFault, Site, Stream,
};
pub use measurement::{FillLevel, Measurement, Quantity};
pub use partition::{PARTITIONS, Partition, Position, partition_of};
pub use reading::{BadReason, Quality, Reading, Sample, TimeSource, UncertainReason};
pub use record::{Frame, LossReason, Lost, Origin, Record, Tick};
pub use settings::{OverflowRule, Settings, SpikeRule};
pub use time::{UtcMs, WindowLength, ZoneError, civil_day_bounds, zone_is_known};
pub use window::{
    BinFigures, Dwell, DwellHistogram, GateFigures, LotFigures, Rolling, RollingLength,
    StationFigures, Usage, WindowBody, WindowKey, WindowRow, WindowStatus,
};
