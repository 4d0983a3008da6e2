//! Settings of the engine: inputs like any other, versioned as records in the log.

use serde::{Deserialize, Serialize};

use crate::{FillLevel, RuleId, Severity};

/// When a bin overflows, and when somebody is told.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct OverflowRule {
    /// Its id.
    pub id: RuleId,
    /// At or above: overflow begins.
    pub on: FillLevel,
    /// At or below: it has ended; less than `on`.
    pub off: FillLevel,
    /// How long the condition must hold before somebody is told, ms.
    pub on_delay_ms: i64,
    /// How long it must be gone before it returns to normal, ms.
    pub off_delay_ms: i64,
    /// How grave it is.
    pub severity: Severity,
}

/// When one level of a bin is a spike and not a level.
///
/// A level is rejected where it departs from the level before it and from the level after it by
/// more than `limit`, to the same side, where these two lie within `limit` of each other, and
/// where the rise that it shows is faster than a bin fills. A fall that the next level shows too
/// is an emptying and is never rejected.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct SpikeRule {
    /// More than this is a departure; 0 rejects nothing.
    pub limit: FillLevel,
    /// The fastest that a bin fills, hundredths of a percent in an hour; 0 = any rise is faster.
    pub rise_per_hour: u32,
}

/// All settings of the engine. Durations in ms.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Settings {
    /// A reading further ahead of its `received_at` is quarantined. Default 5 min.
    pub future_guard_ms: i64,
    /// A reading older than the last tick by more is late. Default 48 h.
    pub lateness_ms: i64,
    /// A window is final this long after its end. Default 2 min.
    pub settle_ms: i64,
    /// A fall of at least this much that persists for two readings empties a bin. Default 40 %.
    pub emptied_drop: FillLevel,
    /// The overflow rule; the ledger of episodes uses its limits too.
    pub overflow: OverflowRule,
    /// A run of identical values of a count that is longer is frozen. Default 6 h.
    pub frozen_after_ms: i64,
    /// Miscounts of a gate, per million passages. Default 10,000 (1 %).
    pub gate_miscount_ppm: u32,
    /// Which levels of a bin are spikes. Default: 20 points, and 60 points in an hour.
    pub spike: SpikeRule,
}

impl Settings {
    /// The stated defaults.
    ///
    /// # Errors
    /// Never: the id of the default rule is a slug. Written without a panic all the same.
    pub fn with_defaults() -> Result<Self, crate::IdError> {
        Ok(Self {
            future_guard_ms: 5 * 60_000,
            lateness_ms: 48 * 3_600_000,
            settle_ms: 2 * 60_000,
            emptied_drop: FillLevel::from_hundredths(4_000).unwrap_or(FillLevel::FULL),
            overflow: OverflowRule {
                id: RuleId::new("overflow")?,
                on: FillLevel::from_hundredths(9_000).unwrap_or(FillLevel::FULL),
                off: FillLevel::from_hundredths(8_000).unwrap_or(FillLevel::EMPTY),
                on_delay_ms: 5 * 60_000,
                off_delay_ms: 0,
                severity: Severity::Warning,
            },
            frozen_after_ms: 6 * 3_600_000,
            gate_miscount_ppm: 10_000,
            spike: SpikeRule {
                limit: FillLevel::from_hundredths(2_000).unwrap_or(FillLevel::EMPTY),
                rise_per_hour: 6_000,
            },
        })
    }
}
