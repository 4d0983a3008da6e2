//! The past of the invented district.

use huitian_model::{
    AccountKey, AccountRow, AlertRow, AlertState, Asset, AssetId, AssetKind, BinFigures, Counts,
    DeviceRow, Dwell, EdgeId, Emptied, FacilityId, FacilityKind, Finding, LotFigures,
    OverflowEpisode, SiteId, StationFigures, Stream, Transition, Usage, UtcMs, WindowBody,
    WindowKey, WindowRow, WindowStatus,
};
use huitian_report::{AlertQuery, Intake, Source, SourceError, Span, UnknownDevice, WindowQuery};

use crate::world::{DAY, HOUR, STREAMS, World, draw, fill, level, parked};

/// What was: computed when it is asked for.
pub struct Past {
    world: World,
    now: UtcMs,
}

impl Past {
    /// The past of a world.
    pub fn new(world: World, now: UtcMs) -> Self {
        Self { world, now }
    }

    fn window(&self, query: &WindowQuery, start: UtcMs, end: UtcMs) -> Option<WindowRow> {
        let (n, _, facility) = self
            .world
            .facilities()
            .find(|(_, site, it)| site.id == query.site && it.id == query.facility)?;
        let hole = draw(n, u64::try_from(start.0 / (5 * HOUR)).unwrap()) % 29 == 0;
        let length = end.since(start);
        let body = match &facility.kind {
            FacilityKind::ParkingLot { capacity, .. } => {
                WindowBody::Lot(past_lot(n, *capacity, (start, length), hole))
            }
            FacilityKind::WasteStation { .. } => {
                let key = n + if facility.id.as_str() == "w2" { 500 } else { 0 };
                let bins = (0_u64..).zip(facility.assets.values());
                WindowBody::Station(StationFigures {
                    length_ms: length,
                    bins: bins
                        .map(|(k, it)| past_bin((key, k), it, (start, length), hole))
                        .collect(),
                })
            }
        };
        Some(WindowRow {
            key: WindowKey {
                site: query.site.clone(),
                facility: query.facility.clone(),
                length: query.length,
                start,
            },
            end,
            revision: u32::from(draw(n, 77) % 5 == 0),
            status: if end > self.now {
                WindowStatus::Provisional
            } else {
                WindowStatus::Final
            },
            body,
        })
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::as_conversions,
    reason = "a picture"
)]
fn past_lot(n: u64, capacity: u32, (start, length): (UtcMs, i64), hole: bool) -> LotFigures {
    let total = i64::from(capacity) * length;
    let observed = match (hole, n % 11) {
        (true, _) => 0,
        (false, 4) => total * (70 + draw(n, u64::try_from(start.0 / HOUR).unwrap()) % 25) / 100,
        (false, _) => total,
    };
    let in_use = (observed as f64 * parked(n, start)) as i64;
    LotFigures {
        capacity,
        usage: Usage {
            in_use_ms: in_use,
            free_ms: observed - in_use,
            total_ms: total,
        },
        peak: Some((i32::try_from(in_use / length).unwrap() + 1, start)),
        arrivals: 5,
        departures: 4,
        dwell: Dwell::default(),
        ..LotFigures::default()
    }
}

fn past_bin(
    (n, k): (u64, u64),
    asset: &Asset,
    (start, length): (UtcMs, i64),
    hole: bool,
) -> BinFigures {
    let stream = match asset.kind {
        AssetKind::Bin { stream, .. } => stream,
        AssetKind::Bay | AssetKind::Gate => Stream::Other,
    };
    let (mean, _) = level(n, k, start.plus(length / 2));
    let known = if hole { 0 } else { length };
    BinFigures {
        asset: asset.id.clone(),
        stream,
        known_ms: known,
        fill_ms: known * mean,
        min: (!hole).then(|| fill(mean - 150)),
        max: (!hole).then(|| fill(mean + 150)),
        last: (!hole).then(|| fill(mean)),
        overflow_ms: 0,
        emptied: 0,
        rejected: 0,
    }
}

impl Source for Past {
    fn windows(&self, query: &WindowQuery) -> Result<Vec<WindowRow>, SourceError> {
        let step = query.length.fixed_ms().unwrap_or(DAY);
        let mut rows = Vec::new();
        let mut start = query.span.from.floor(step);
        let earliest = self.now.minus(14 * DAY);
        while start < query.span.to && start <= self.now && rows.len() < query.limit {
            let is_wanted = start >= query.span.from
                && start >= earliest
                && query.after.is_none_or(|after| start > after);
            if is_wanted {
                rows.extend(self.window(query, start, start.plus(step)));
            }
            start = start.plus(step);
        }
        Ok(rows)
    }

    fn alerts(&self, query: &AlertQuery) -> Result<Vec<AlertRow>, SourceError> {
        let mut rows = self.world.alerts(self.now);
        rows.retain(|it| query.state.is_none_or(|state| it.state == state));
        rows.retain(|it| query.site.as_ref().is_none_or(|site| it.id.site == *site));
        rows.truncate(query.limit);
        Ok(rows)
    }

    fn alert(&self, id: &str) -> Result<Option<AlertRow>, SourceError> {
        let rows = self.world.alerts(self.now);
        Ok(rows.into_iter().find(|it| it.id.text() == id))
    }

    fn alert_log(&self, id: &str) -> Result<Vec<AlertRow>, SourceError> {
        let Some(last) = self.alert(id)? else {
            return Ok(Vec::new());
        };
        let first = AlertRow {
            state: AlertState::Pending,
            transition: Transition::Raised,
            changed_at: last.onset,
            activated_at: None,
            ..last.clone()
        };
        Ok(vec![first, last])
    }

    fn episodes(
        &self,
        site: &SiteId,
        facility: &FacilityId,
        span: Span,
    ) -> Result<Vec<OverflowEpisode>, SourceError> {
        let bins = STREAMS.into_iter().take(2);
        Ok(bins
            .map(|stream| OverflowEpisode {
                site: site.clone(),
                facility: facility.clone(),
                asset: AssetId::new(&format!("{}-1", stream.name())).unwrap(),
                onset: span.to.minus(31 * HOUR),
                onset_after: Some(span.to.minus(31 * HOUR + 600_000)),
                end: Some(span.to.minus(27 * HOUR)),
                peak: fill(9_700),
                stands: true,
            })
            .collect())
    }

    fn emptied(
        &self,
        site: &SiteId,
        facility: &FacilityId,
        span: Span,
    ) -> Result<Vec<Emptied>, SourceError> {
        Ok((1..6)
            .map(|n| Emptied {
                site: site.clone(),
                facility: facility.clone(),
                asset: AssetId::new("kitchen-1").unwrap(),
                at: span.to.minus(n * 26 * HOUR),
                from: fill(8_800 + n * 100),
                to: fill(300),
                stands: true,
            })
            .collect())
    }

    fn findings(&self, _span: Span) -> Result<Vec<Finding>, SourceError> {
        Ok(Vec::new())
    }

    fn devices(&self) -> Result<Vec<DeviceRow>, SourceError> {
        Ok(self.world.devices(self.now))
    }

    fn unknown_devices(&self) -> Result<Vec<UnknownDevice>, SourceError> {
        let kept = crate::strangers::strangers(self.now).into_iter();
        let begun = kept.map(|mut it| {
            it.last_payload.truncate(600);
            it
        });
        Ok(begun.collect())
    }

    fn unknown_device(&self, address: &str) -> Result<Option<UnknownDevice>, SourceError> {
        let mut kept = crate::strangers::strangers(self.now).into_iter();
        Ok(kept.find(|it| it.address == address))
    }

    fn unknown_made_room(&self) -> Result<u64, SourceError> {
        Ok(12)
    }

    fn accounts(&self, span: Span) -> Result<Vec<AccountRow>, SourceError> {
        let rows = (0_u64..).zip(self.world.inventory.devices.values());
        Ok(rows
            .map(|(n, device)| {
                let late = u64::from(n % 13 == 0) * (n % 40);
                let duplicate = n % 7 * 3;
                let applied = 1_900 + n % 200;
                AccountRow {
                    key: AccountKey {
                        edge: EdgeId::new("local").unwrap(),
                        device: device.id.clone(),
                        day: span.from,
                    },
                    site: Some(device.site.clone()),
                    counts: Counts {
                        accepted: applied + late + duplicate,
                        applied,
                        late,
                        duplicate,
                        ..Counts::default()
                    },
                }
            })
            .collect())
    }

    fn intake(&self, _span: Span) -> Result<Vec<Intake>, SourceError> {
        Ok(vec![Intake {
            at: self.now.floor(HOUR),
            source: "huitian/v1/site-003".to_owned(),
            reason: "malformed".to_owned(),
            count: 4,
            sample: Some(b"{\"fill\": NaN}".to_vec()),
        }])
    }
}
