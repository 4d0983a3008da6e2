//! Alerts as people read them.

use huitian_model::{AlertRow, AlertState, Evidence, Inventory, Transition};
use serde::Serialize;

use crate::show::{Show, When, percent};

/// An alert as it stands.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct AlertView {
    pub id: String,
    pub href: String,
    pub facility_href: String,
    pub site: String,
    pub facility: String,
    pub asset: Option<String>,
    /// `info`, `warning`, `critical`.
    pub severity: &'static str,
    /// `pending`, `active`, `returned`.
    pub state: &'static str,
    /// The end of a text key.
    pub transition: &'static str,
    /// Since when its evidence is stale.
    pub stale: Option<When>,
    pub onset: When,
    pub changed: When,
    pub activated: Option<When>,
    pub returned: Option<When>,
    /// How long it lasted, or has lasted so far.
    pub lasted: Option<String>,
    pub value: Option<String>,
    pub limit: String,
    pub rule: String,
    pub settings_version: u64,
}

/// Whether people were told and it is not over.
pub(crate) fn is_active(alert: &AlertRow) -> bool {
    alert.state == AlertState::Active
}

/// The name of a transition, the end of a text key.
pub(crate) const fn transition_name(transition: Transition) -> &'static str {
    match transition {
        Transition::Raised => "raised",
        Transition::Activated => "activated",
        Transition::Dropped => "dropped",
        Transition::Returned => "returned",
        Transition::Amended => "amended",
    }
}

/// The alert with the names of where it is.
pub(crate) fn view(show: &Show, inventory: &Inventory, alert: &AlertRow) -> AlertView {
    let id = &alert.id;
    let site = inventory.sites.get(&id.site);
    let facility = inventory.facility(&id.site, &id.facility);
    let text = id.text();
    let end = alert.returned_at.or(show.now);
    AlertView {
        href: format!("/alerts/{text}"),
        id: text,
        facility_href: format!("/sites/{}/facilities/{}", id.site, id.facility),
        site: site.map_or_else(|| id.site.to_string(), |it| show.name(&it.name)),
        facility: facility.map_or_else(|| id.facility.to_string(), |it| show.name(&it.name)),
        asset: id.asset.as_ref().map(ToString::to_string),
        severity: alert.severity.name(),
        state: alert.state.name(),
        transition: transition_name(alert.transition),
        stale: match alert.evidence {
            Evidence::Fresh => None,
            Evidence::StaleSince(at) => Some(show.when(at)),
        },
        onset: show.when(alert.onset),
        changed: show.when(alert.changed_at),
        activated: alert.activated_at.map(|at| show.when(at)),
        returned: alert.returned_at.map(|at| show.when(at)),
        lasted: end.map(|end| show.duration(end.since(alert.onset).max(0))),
        value: alert.value.map(|it| percent(it.percent())),
        limit: percent(alert.limit.percent()),
        rule: id.rule.to_string(),
        settings_version: alert.settings_version,
    }
}

/// Alerts in the order of urgency: active before pending before returned, graver before lighter,
/// newer before older.
pub(crate) fn by_urgency<A: AsRef<AlertRow>>(alerts: &mut [A]) {
    alerts.sort_by_key(|alert| {
        let alert = alert.as_ref();
        let state = match alert.state {
            AlertState::Active => 0,
            AlertState::Pending => 1,
            AlertState::Returned => 2,
        };
        let severity = std::cmp::Reverse(alert.severity);
        (state, severity, std::cmp::Reverse(alert.changed_at))
    });
}
