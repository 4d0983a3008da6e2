//! What an output becomes in InfluxDB.
//!
//! ```text
//! lot_window    5m: live, 15m 1h 1d: history; at = start; tags site, facility, window
//!               in_use_ms free_ms total_ms occupancy occupancy_low occupancy_high coverage
//!               capacity arrivals departures uncertain peak_in_use dwell_p50_ms dwell_p90_ms
//!               revision status
//! bin_window    the same buckets; at = start; tags site, facility, asset, stream, window
//!               known_ms overflow_ms emptied fill_mean fill_min fill_max fill_last (percent)
//!               coverage revision status
//! lot_rolling   live; at = end; tags site, facility, window
//!               in_use_ms free_ms total_ms occupancy coverage arrivals departures
//! bin_rolling   live; at = end; tags site, facility, asset, stream, window
//!               known_ms overflow_ms fill_mean fill_max fill_last
//! lot_current   live; at = partition time; tags site, facility
//!               in_use free unknown capacity channels_fresh channels_total
//! bin_current   live; at = partition time; tags site, facility, asset, stream
//!               fill (percent) overflowing
//! alert         history; at = when it changed; tags site, facility, asset, rule
//!               state transition severity onset_ms fill
//! overflow_episode  history; at = onset; tags site, facility, asset
//!               end_ms minutes peak stands
//! ```
//!
//! Tags are ids and names of closed lists only. A ratio that does not exist is a field that is not
//! written. Points that have no field at all (nothing known) still carry `status` or counts.

use huitian_model::{
    AlertRow, AssetId, BinCurrent, BinFigures, Current, CurrentBody, FillLevel, LotCurrent,
    LotFigures, Output, OverflowEpisode, Rolling, Usage, UtcMs, WindowBody, WindowLength,
    WindowRow,
};

use crate::line::{Field, LineError, encode};

/// Which bucket a point belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Bucket {
    /// Current states, rolling figures and 5-minute windows; kept 90 days.
    Live,
    /// 15 min, 1 h, 1 day, alerts and overflow episodes; kept for ever.
    History,
}

/// Where and under which facility a point stands.
struct Place<'a> {
    site: &'a str,
    facility: &'a str,
    window: Option<&'static str>,
    at: UtcMs,
}

/// Lines by bucket, as one output makes them.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Row {
    /// Lines for [`Bucket::Live`].
    pub live: String,
    /// Lines for [`Bucket::History`].
    pub history: String,
}

impl Row {
    /// Appends the lines of one output.
    ///
    /// # Errors
    /// [`LineError`] where a point is no line; nothing of that point is appended.
    pub fn add(&mut self, output: &Output) -> Result<(), LineError> {
        match output {
            Output::Window(row) => self.window(row),
            Output::Rolling(row) => self.rolling(row),
            Output::Current(row) => self.current(row),
            Output::Alert(row) => self.alert(row),
            Output::Episode(row) => self.episode(row),
            // Ledgers and health stay in the store; the pipeline's own figures are at /metrics.
            Output::Emptied(_)
            | Output::Finding(_)
            | Output::Held(_)
            | Output::Account(_)
            | Output::Device(_)
            | Output::Lost(_) => Ok(()),
        }
    }

    /// The lines of one bucket.
    pub fn of(&self, bucket: Bucket) -> &str {
        match bucket {
            Bucket::Live => &self.live,
            Bucket::History => &self.history,
        }
    }

    fn out(&mut self, bucket: Bucket) -> &mut String {
        match bucket {
            Bucket::Live => &mut self.live,
            Bucket::History => &mut self.history,
        }
    }

    fn window(&mut self, row: &WindowRow) -> Result<(), LineError> {
        let bucket = match row.key.length {
            WindowLength::Min5 => Bucket::Live,
            WindowLength::Min15 | WindowLength::Hour1 | WindowLength::Day1 => Bucket::History,
        };
        let at = Place {
            site: row.key.site.as_str(),
            facility: row.key.facility.as_str(),
            window: Some(row.key.length.name()),
            at: row.key.start,
        };
        let mut stamp = vec![
            ("revision", Field::Integer(i64::from(row.revision))),
            ("status", Field::Text(row.status.name().to_owned())),
        ];
        let out = self.out(bucket);
        match &row.body {
            WindowBody::Lot(lot) => {
                stamp.extend(lot_fields(lot));
                line(out, "lot_window", &at, None, &stamp)
            }
            WindowBody::Station(station) => station.bins.iter().try_for_each(|bin| {
                let mut fields = stamp.clone();
                fields.extend(bin_fields(bin));
                let length_ms = station.length_ms;
                optional(&mut fields, "coverage", ratio(bin.known_ms, length_ms));
                line(
                    out,
                    "bin_window",
                    &at,
                    Some((&bin.asset, bin.stream.name())),
                    &fields,
                )
            }),
        }
    }

    fn rolling(&mut self, row: &Rolling) -> Result<(), LineError> {
        let at = Place {
            site: row.site.as_str(),
            facility: row.facility.as_str(),
            window: Some(row.length.name()),
            at: row.end,
        };
        let out = self.out(Bucket::Live);
        match &row.body {
            WindowBody::Lot(lot) => {
                let mut fields = usage_fields(&lot.usage);
                fields.push(("arrivals", Field::Integer(i64::from(lot.arrivals))));
                fields.push(("departures", Field::Integer(i64::from(lot.departures))));
                line(out, "lot_rolling", &at, None, &fields)
            }
            WindowBody::Station(station) => station.bins.iter().try_for_each(|bin| {
                let mut fields = vec![
                    ("known_ms", Field::Integer(bin.known_ms)),
                    ("overflow_ms", Field::Integer(bin.overflow_ms)),
                ];
                optional(&mut fields, "fill_mean", bin.fill_mean_percent());
                optional(&mut fields, "fill_max", bin.max.map(FillLevel::percent));
                optional(&mut fields, "fill_last", bin.last.map(FillLevel::percent));
                line(
                    out,
                    "bin_rolling",
                    &at,
                    Some((&bin.asset, bin.stream.name())),
                    &fields,
                )
            }),
        }
    }

    fn current(&mut self, row: &Current) -> Result<(), LineError> {
        let at = Place {
            site: row.site.as_str(),
            facility: row.facility.as_str(),
            window: None,
            at: row.as_of,
        };
        let out = self.out(Bucket::Live);
        match &row.body {
            CurrentBody::Lot(lot) => line(out, "lot_current", &at, None, &current_lot(row, lot)),
            CurrentBody::Station(bins) => bins.iter().try_for_each(|bin| {
                let of = Some((&bin.asset, bin.stream.name()));
                line(out, "bin_current", &at, of, &current_bin(bin))
            }),
        }
    }

    fn alert(&mut self, row: &AlertRow) -> Result<(), LineError> {
        let mut fields = vec![
            ("state", Field::Text(row.state.name().to_owned())),
            (
                "transition",
                Field::Text(format!("{:?}", row.transition).to_lowercase()),
            ),
            ("severity", Field::Text(row.severity.name().to_owned())),
            ("onset_ms", Field::Integer(row.onset.0)),
        ];
        optional(&mut fields, "fill", row.value.map(FillLevel::percent));
        let tags = [
            ("site", row.id.site.as_str()),
            ("facility", row.id.facility.as_str()),
            (
                "asset",
                row.id.asset.as_ref().map_or("none", AssetId::as_str),
            ),
            ("rule", row.id.rule.as_str()),
        ];
        encode(
            self.out(Bucket::History),
            "alert",
            &tags,
            &fields,
            row.changed_at,
        )
    }

    fn episode(&mut self, row: &OverflowEpisode) -> Result<(), LineError> {
        let mut fields = vec![
            ("peak", Field::Float(row.peak.percent())),
            ("stands", Field::Boolean(row.stands)),
        ];
        if let Some(end) = row.end {
            fields.push(("end_ms", Field::Integer(end.0)));
            fields.push(("minutes", Field::Integer(end.since(row.onset) / 60_000)));
        }
        let tags = [
            ("site", row.site.as_str()),
            ("facility", row.facility.as_str()),
            ("asset", row.asset.as_str()),
        ];
        encode(
            self.out(Bucket::History),
            "overflow_episode",
            &tags,
            &fields,
            row.onset,
        )
    }
}

fn line(
    out: &mut String,
    measurement: &str,
    at: &Place<'_>,
    asset: Option<(&AssetId, &str)>,
    fields: &[(&str, Field)],
) -> Result<(), LineError> {
    let mut tags = vec![("site", at.site), ("facility", at.facility)];
    if let Some((asset, stream)) = asset {
        tags.push(("asset", asset.as_str()));
        tags.push(("stream", stream));
    }
    if let Some(window) = at.window {
        tags.push(("window", window));
    }
    encode(out, measurement, &tags, fields, at.at)
}

type Fields = Vec<(&'static str, Field)>;

fn optional(fields: &mut Fields, key: &'static str, value: Option<f64>) {
    if let Some(value) = value {
        fields.push((key, Field::Float(value)));
    }
}

fn ratio(part_ms: i64, total_ms: i64) -> Option<f64> {
    Usage {
        in_use_ms: part_ms,
        free_ms: total_ms - part_ms,
        total_ms,
    }
    .occupancy()
}

fn usage_fields(usage: &Usage) -> Fields {
    let mut fields = vec![
        ("in_use_ms", Field::Integer(usage.in_use_ms)),
        ("free_ms", Field::Integer(usage.free_ms)),
        ("total_ms", Field::Integer(usage.total_ms)),
    ];
    optional(&mut fields, "occupancy", usage.occupancy());
    optional(&mut fields, "coverage", usage.coverage());
    fields
}

fn lot_fields(lot: &LotFigures) -> Fields {
    let mut fields = usage_fields(&lot.usage);
    optional(&mut fields, "occupancy_low", lot.usage.occupancy_low());
    optional(&mut fields, "occupancy_high", lot.usage.occupancy_high());
    fields.extend([
        ("capacity", Field::Integer(i64::from(lot.capacity))),
        ("arrivals", Field::Integer(i64::from(lot.arrivals))),
        ("departures", Field::Integer(i64::from(lot.departures))),
        ("uncertain", Field::Integer(i64::from(lot.uncertain))),
    ]);
    if let Some((peak, _since)) = lot.peak {
        fields.push(("peak_in_use", Field::Integer(i64::from(peak))));
    }
    if let (Some(p50), Some(p90)) = (lot.dwell.p50_ms, lot.dwell.p90_ms) {
        fields.push(("dwell_p50_ms", Field::Integer(p50)));
        fields.push(("dwell_p90_ms", Field::Integer(p90)));
    }
    fields
}

fn bin_fields(bin: &BinFigures) -> Fields {
    let mut fields = vec![
        ("known_ms", Field::Integer(bin.known_ms)),
        ("overflow_ms", Field::Integer(bin.overflow_ms)),
        ("emptied", Field::Integer(i64::from(bin.emptied))),
        ("rejected", Field::Integer(i64::from(bin.rejected))),
    ];
    optional(&mut fields, "fill_mean", bin.fill_mean_percent());
    optional(&mut fields, "fill_min", bin.min.map(FillLevel::percent));
    optional(&mut fields, "fill_max", bin.max.map(FillLevel::percent));
    optional(&mut fields, "fill_last", bin.last.map(FillLevel::percent));
    fields
}

fn current_lot(row: &Current, lot: &LotCurrent) -> Fields {
    vec![
        ("in_use", Field::Integer(i64::from(lot.in_use))),
        ("free", Field::Integer(i64::from(lot.free))),
        ("unknown", Field::Integer(i64::from(lot.unknown))),
        ("capacity", Field::Integer(i64::from(lot.capacity))),
        (
            "channels_fresh",
            Field::Integer(i64::from(row.channels_fresh)),
        ),
        (
            "channels_total",
            Field::Integer(i64::from(row.channels_total)),
        ),
    ]
}

fn current_bin(bin: &BinCurrent) -> Fields {
    let mut fields = vec![("overflowing", Field::Boolean(bin.overflow_since.is_some()))];
    optional(&mut fields, "fill", bin.fill.map(FillLevel::percent));
    fields
}
