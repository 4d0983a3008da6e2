//! Accounting: `accepted = applied + sum(not applied, by reason)`, for every device, always.

use serde::{Deserialize, Serialize};

use crate::{DeviceId, EdgeId, SiteId, UtcMs};

/// Why a numbered reading was not applied. A closed list; a difference is a bug.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub enum Reason {
    /// Same channel, `at`, sequence and sample as one that is known, or a number seen before; or
    /// another copy of the same uplink, which was received before it, holds in its place.
    Duplicate,
    /// Another reading of the same channel and `at` outranks it.
    Superseded,
    /// Older than the partition's last tick by more than `lateness`.
    Late,
    /// Further ahead of its `received_at` than the guard permits.
    QuarantinedFuture,
    /// Its channel is not in the inventory in force.
    QuarantinedUnknown,
    /// Its quantity is not the channel's, or its value is outside the quantity's range.
    QuarantinedRange,
}

impl Reason {
    /// All reasons.
    pub const ALL: [Self; 6] = [
        Self::Duplicate,
        Self::Superseded,
        Self::Late,
        Self::QuarantinedFuture,
        Self::QuarantinedUnknown,
        Self::QuarantinedRange,
    ];

    /// The name in API, metrics and ledger.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Duplicate => "duplicate",
            Self::Superseded => "superseded",
            Self::Late => "late",
            Self::QuarantinedFuture => "quarantined_future",
            Self::QuarantinedUnknown => "quarantined_unknown_device",
            Self::QuarantinedRange => "quarantined_out_of_range",
        }
    }
}

/// Readings counted by fate.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Counts {
    /// All that had a number.
    pub accepted: u64,
    /// Those that hold now. A reading that is replaced later moves to `superseded`.
    pub applied: u64,
    /// See [`Reason::Duplicate`].
    pub duplicate: u64,
    /// See [`Reason::Superseded`].
    pub superseded: u64,
    /// See [`Reason::Late`].
    pub late: u64,
    /// See [`Reason::QuarantinedFuture`].
    pub quarantined_future: u64,
    /// See [`Reason::QuarantinedUnknown`].
    pub quarantined_unknown: u64,
    /// See [`Reason::QuarantinedRange`].
    pub quarantined_range: u64,
}

impl Counts {
    /// The count of one reason.
    pub const fn by(&self, reason: Reason) -> u64 {
        match reason {
            Reason::Duplicate => self.duplicate,
            Reason::Superseded => self.superseded,
            Reason::Late => self.late,
            Reason::QuarantinedFuture => self.quarantined_future,
            Reason::QuarantinedUnknown => self.quarantined_unknown,
            Reason::QuarantinedRange => self.quarantined_range,
        }
    }

    /// The place of one reason, to count in.
    pub const fn by_mut(&mut self, reason: Reason) -> &mut u64 {
        match reason {
            Reason::Duplicate => &mut self.duplicate,
            Reason::Superseded => &mut self.superseded,
            Reason::Late => &mut self.late,
            Reason::QuarantinedFuture => &mut self.quarantined_future,
            Reason::QuarantinedUnknown => &mut self.quarantined_unknown,
            Reason::QuarantinedRange => &mut self.quarantined_range,
        }
    }

    /// Whether accepted = applied + all that was not.
    pub fn balance(&self) -> bool {
        let not_applied: u64 = Reason::ALL.into_iter().map(|reason| self.by(reason)).sum();
        self.accepted == self.applied + not_applied
    }

    /// Adds another set of counts.
    pub const fn add(&mut self, other: &Self) {
        self.accepted += other.accepted;
        self.applied += other.applied;
        self.duplicate += other.duplicate;
        self.superseded += other.superseded;
        self.late += other.late;
        self.quarantined_future += other.quarantined_future;
        self.quarantined_unknown += other.quarantined_unknown;
        self.quarantined_range += other.quarantined_range;
    }
}

/// What an account is of: a device on one UTC day of its readings' `received_at`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct AccountKey {
    /// Who numbered them.
    pub edge: EdgeId,
    /// The device.
    pub device: DeviceId,
    /// Start of the UTC day.
    pub day: UtcMs,
}

/// An account's standing: absolute counts, so that writing again changes nothing.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct AccountRow {
    /// Of what.
    pub key: AccountKey,
    /// The device's site; none while the device is unknown.
    pub site: Option<SiteId>,
    /// The counts.
    pub counts: Counts,
}
