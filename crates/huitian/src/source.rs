//! The console's questions, answered by the embedded store.

use huitian_model::{
    AccountRow, AlertRow, DeviceRow, Emptied, FacilityId, Finding, OverflowEpisode, SiteId,
    WindowRow,
};
use huitian_report::{AlertQuery, Intake, Source, SourceError, Span, UnknownDevice, WindowQuery};
use huitian_store::{Sqlite, StoreError};

/// Most rows of a list on a page or in one answer.
const ROWS_MAX: usize = 5_000;

/// The embedded store as a source.
pub struct Stored(pub Sqlite);

#[expect(
    clippy::needless_pass_by_value,
    reason = "the shape that map_err asks for"
)]
fn source_error(error: StoreError) -> SourceError {
    SourceError(error.to_string())
}

impl Source for Stored {
    fn windows(&self, query: &WindowQuery) -> Result<Vec<WindowRow>, SourceError> {
        let query = huitian_store::WindowQuery {
            site: query.site.clone(),
            facility: query.facility.clone(),
            length: query.length,
            from: query.span.from,
            to: query.span.to,
            after: query.after,
            limit: query.limit,
        };
        self.0.windows(&query).map_err(source_error)
    }

    fn alerts(&self, query: &AlertQuery) -> Result<Vec<AlertRow>, SourceError> {
        let query = huitian_store::AlertQuery {
            state: query.state,
            site: query.site.clone(),
            limit: query.limit,
        };
        self.0.alerts(&query).map_err(source_error)
    }

    fn alert(&self, id: &str) -> Result<Option<AlertRow>, SourceError> {
        self.0.alert(id).map_err(source_error)
    }

    fn alert_log(&self, id: &str) -> Result<Vec<AlertRow>, SourceError> {
        self.0.alert_log(id).map_err(source_error)
    }

    fn episodes(
        &self,
        site: &SiteId,
        facility: &FacilityId,
        span: Span,
    ) -> Result<Vec<OverflowEpisode>, SourceError> {
        let rows = self.0.episodes(site, Some(facility), span.from, span.to);
        rows.map(newest_first).map_err(source_error)
    }

    fn emptied(
        &self,
        site: &SiteId,
        facility: &FacilityId,
        span: Span,
    ) -> Result<Vec<Emptied>, SourceError> {
        let rows = self.0.emptied(site, Some(facility), span.from, span.to);
        rows.map(newest_first).map_err(source_error)
    }

    fn findings(&self, span: Span) -> Result<Vec<Finding>, SourceError> {
        let rows = self.0.findings(span.from, span.to, ROWS_MAX);
        rows.map(newest_first).map_err(source_error)
    }

    fn devices(&self) -> Result<Vec<DeviceRow>, SourceError> {
        self.0.devices().map_err(source_error)
    }

    fn unknown_devices(&self) -> Result<Vec<UnknownDevice>, SourceError> {
        let rows = self.0.unknown_devices().map_err(source_error)?;
        let rows = rows.into_iter().map(|device| UnknownDevice {
            address: device.address,
            topic: device.topic,
            first_seen: device.first_seen,
            last_seen: device.last_seen,
            count: device.count,
            last_payload: device.last_payload,
        });
        Ok(rows.collect())
    }

    fn accounts(&self, span: Span) -> Result<Vec<AccountRow>, SourceError> {
        self.0.accounts(span.from, span.to).map_err(source_error)
    }

    fn intake(&self, span: Span) -> Result<Vec<Intake>, SourceError> {
        let rows = self
            .0
            .intake_ledger(span.from, span.to)
            .map_err(source_error)?;
        let rows = rows.into_iter().map(|row| Intake {
            at: row.hour,
            source: row.source,
            reason: row.reason.name().to_owned(),
            count: row.count,
            sample: row.sample,
        });
        Ok(rows.collect())
    }
}

fn newest_first<T>(mut rows: Vec<T>) -> Vec<T> {
    rows.reverse();
    rows
}
