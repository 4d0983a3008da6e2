//! Alerts: state per (rule, subject), in the words of ISA-18.2.
//!
//! ```text
//! normal --condition--> pending --on-delay--> active --gone, off-delay--> returned
//!                          |                                                  |
//!                          +--gone--> normal        (a new condition is a new alert)
//! ```
//!
//! An alert has two axes: the condition, and the age of its evidence. Silence moves only the
//! second: a full bin whose sensor dies stays active with stale evidence.

use serde::{Deserialize, Serialize};

use crate::{AssetId, FacilityId, FillLevel, RuleId, SiteId, UtcMs};

/// How grave an alert is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// For information.
    Info,
    /// Somebody should act.
    Warning,
    /// Somebody must act now.
    Critical,
}

impl Severity {
    /// The name in API, messages and tags.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Critical => "critical",
        }
    }
}

/// What a rule looks at.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub enum RuleKind {
    /// A bin's fill against its limits.
    Overflow,
}

/// The condition's axis.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub enum AlertState {
    /// The condition holds, the on-delay has not passed.
    Pending,
    /// Somebody is to be told.
    Active,
    /// It is over.
    Returned,
}

impl AlertState {
    /// The name in API, messages and tags.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Active => "active",
            Self::Returned => "returned",
        }
    }
}

/// The evidence's axis.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Evidence {
    /// The channel still speaks.
    Fresh,
    /// The channel is silent or bad since then.
    StaleSince(UtcMs),
}

/// What just happened to an alert.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Transition {
    /// The condition appeared.
    Raised,
    /// It became active: tell people.
    Activated,
    /// It vanished before the on-delay passed: nobody was told.
    Dropped,
    /// It is over: tell those who were told.
    Returned,
    /// The evidence became stale or fresh, or late data amended the record: nobody is told.
    Amended,
}

/// The identity of one alert: what it is of, and when the log first raised it.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct AlertId {
    /// The rule.
    pub rule: RuleId,
    /// Where.
    pub site: SiteId,
    /// At which facility.
    pub facility: FacilityId,
    /// Of which asset; none for the whole facility.
    pub asset: Option<AssetId>,
    /// Event time of the reading that raised it, as it was known then.
    pub raised_at: UtcMs,
}

impl AlertId {
    /// One text for URLs and messages: `rule.site.facility.asset.ms`.
    pub fn text(&self) -> String {
        let asset = self.asset.as_ref().map_or("-", AssetId::as_str);
        format!(
            "{}.{}.{}.{asset}.{}",
            self.rule, self.site, self.facility, self.raised_at.0
        )
    }
}

/// An alert as it stands after a transition; the last row of an id is the alert.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct AlertRow {
    /// Its identity.
    pub id: AlertId,
    /// What the rule looks at.
    pub kind: RuleKind,
    /// How grave.
    pub severity: Severity,
    /// Where it stands.
    pub state: AlertState,
    /// How fresh its evidence is.
    pub evidence: Evidence,
    /// What just happened.
    pub transition: Transition,
    /// Partition time of the transition: the last tick before it, so up to the distance of two
    /// ticks before an `onset` that a reading has just brought.
    pub changed_at: UtcMs,
    /// When the condition truly began, by all that is known now.
    pub onset: UtcMs,
    /// When it became active.
    pub activated_at: Option<UtcMs>,
    /// When it returned.
    pub returned_at: Option<UtcMs>,
    /// The last fill level seen.
    pub value: Option<FillLevel>,
    /// The limit that was crossed.
    pub limit: FillLevel,
    /// The settings version in force when it was raised.
    pub settings_version: u64,
}
