//! `/api/v1/devices` and `/api/v1/accounting`.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use huitian_model::{Counts, Device, DeviceRow};
use serde::Serialize;

use super::{iso, json};
use crate::app::App;
use crate::pages::accounting::{BY, given_up, span, sums};
use crate::params::Params;
use crate::problem::Problem;

#[derive(Serialize)]
struct DevicesJson {
    devices: Vec<DeviceJson>,
}

#[derive(Serialize)]
struct DeviceJson {
    id: String,
    site: String,
    address: String,
    profile: String,
    expected_every_ms: i64,
    valid_for_ms: i64,
    channels: Vec<ChannelJson>,
    /// Event time of its newest reading; null if it never spoke.
    watermark: Option<String>,
    heard_at: Option<String>,
    /// Silent for longer than its readings hold, or never heard.
    idle: bool,
    /// Percent.
    battery: Option<u8>,
    skew_ms: Option<i64>,
}

#[derive(Serialize)]
struct ChannelJson {
    name: String,
    quantity: &'static str,
    unit: &'static str,
    facility: String,
    asset: Option<String>,
}

/// Which devices can be asked for.
const STATES: [&str; 4] = ["all", "speaking", "silent", "never"];

fn state(row: Option<&DeviceRow>) -> &'static str {
    match crate::pages::devices::state(row) {
        "never-heard" => "never",
        state => state,
    }
}

/// `GET /api/v1/devices`
pub(crate) async fn devices(
    State(app): State<Arc<App>>,
    params: Params,
) -> Result<Response, Problem> {
    params.only(&["site", "state"])?;
    let site = params.site()?;
    let wanted = params.one_of("state", &STATES, "all")?;
    let rows = app.board.devices();
    let view = app.board.view();
    let all = view.inventory.devices.values();
    json(&DevicesJson {
        devices: all
            .filter(|it| site.as_ref().is_none_or(|site| it.site == *site))
            .filter(|it| wanted == "all" || state(rows.get(&it.id)) == wanted)
            .map(|it| device_json(it, rows.get(&it.id)))
            .collect(),
    })
}

fn device_json(device: &Device, row: Option<&DeviceRow>) -> DeviceJson {
    let channels = device.channels.values().map(|it| ChannelJson {
        name: it.name.to_string(),
        quantity: it.quantity.name(),
        unit: it.quantity.unit(),
        facility: it.binds.facility.to_string(),
        asset: it.binds.asset.as_ref().map(ToString::to_string),
    });
    DeviceJson {
        id: device.id.to_string(),
        site: device.site.to_string(),
        address: device.address.clone(),
        profile: device.profile.clone(),
        expected_every_ms: device.expected_every_ms,
        valid_for_ms: device.valid_for_ms(),
        channels: channels.collect(),
        watermark: iso(row.and_then(|it| it.watermark)),
        heard_at: iso(row.and_then(|it| it.heard_at)),
        idle: row.is_none_or(|it| it.idle),
        battery: row.and_then(|it| it.battery),
        skew_ms: row.and_then(|it| it.skew_ms),
    }
}

#[derive(Serialize)]
struct AccountingJson {
    by: &'static str,
    from: String,
    to: String,
    total: CountsJson,
    /// Readings in the log that are not applied yet, now.
    in_flight: u64,
    rows: Vec<AccountJson>,
    /// Readings that edges numbered and gave up: they are in no row, for they never came.
    given_up: Vec<GivenUpJson>,
    /// Messages that never became readings.
    intake: Vec<IntakeJson>,
}

#[derive(Serialize)]
struct AccountJson {
    /// Id of the site, edge or device; `-` for readings of devices that are of no site.
    key: String,
    #[serde(flatten)]
    counts: CountsJson,
}

#[derive(Serialize)]
struct CountsJson {
    accepted: u64,
    /// Delivered to windows.
    applied: u64,
    duplicate: u64,
    superseded: u64,
    late: u64,
    quarantined_future: u64,
    quarantined_unknown_device: u64,
    quarantined_out_of_range: u64,
    /// accepted = applied + all that was not.
    balances: bool,
}

impl From<&Counts> for CountsJson {
    fn from(counts: &Counts) -> Self {
        Self {
            accepted: counts.accepted,
            applied: counts.applied,
            duplicate: counts.duplicate,
            superseded: counts.superseded,
            late: counts.late,
            quarantined_future: counts.quarantined_future,
            quarantined_unknown_device: counts.quarantined_unknown,
            quarantined_out_of_range: counts.quarantined_range,
            balances: counts.balance(),
        }
    }
}

#[derive(Serialize)]
struct GivenUpJson {
    edge: String,
    reason: &'static str,
    /// Readings.
    count: u64,
    /// When the edge gave the last of them up, by its clock.
    last_at: String,
}

#[derive(Serialize)]
struct IntakeJson {
    at: String,
    source: String,
    reason: String,
    /// Messages.
    count: u64,
}

/// `GET /api/v1/accounting`
pub(crate) async fn accounting(
    State(app): State<Arc<App>>,
    params: Params,
) -> Result<Response, Problem> {
    params.only(&["from", "to", "by"])?;
    let by = params.one_of("by", &BY, "site")?;
    let span = span(&params, app.board.now())?;
    let (accounts, intake) = app
        .ask(move |source| Ok((source.accounts(span)?, source.intake(span)?)))
        .await?;
    let lost = app.fleet.losses(span).await?;
    let sums = sums(&accounts, by);
    let mut total = Counts::default();
    for counts in sums.values() {
        total.add(counts);
    }
    json(&AccountingJson {
        by,
        from: span.from.to_string(),
        to: span.to.to_string(),
        total: CountsJson::from(&total),
        in_flight: app.board.view().health.in_flight,
        rows: sums
            .into_iter()
            .map(|(key, counts)| AccountJson {
                key,
                counts: CountsJson::from(&counts),
            })
            .collect(),
        given_up: given_up(&lost)
            .into_iter()
            .map(|((edge, reason), (count, last))| GivenUpJson {
                edge: edge.to_string(),
                reason,
                count,
                last_at: last.to_string(),
            })
            .collect(),
        intake: intake
            .into_iter()
            .map(|it| IntakeJson {
                at: it.at.to_string(),
                source: it.source,
                reason: it.reason,
                count: it.count,
            })
            .collect(),
    })
}
