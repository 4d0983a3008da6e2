//! The store's SQLite results as a [`Source`].

use huitian_model::{
    AccountRow, AlertRow, DeviceRow, Emptied, FacilityId, Finding, OverflowEpisode, SiteId,
    WindowRow,
};
use huitian_store::{Sqlite, StoreError};

use crate::{AlertQuery, Intake, Source, SourceError, Span, UnknownDevice, WindowQuery};

/// Findings of one answer: more are no longer read by anybody.
const FINDINGS_MAX: usize = 1_000;

impl From<StoreError> for SourceError {
    fn from(error: StoreError) -> Self {
        Self(error.to_string())
    }
}

impl Source for Sqlite {
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
        Ok(self.windows(&query)?)
    }

    fn alerts(&self, query: &AlertQuery) -> Result<Vec<AlertRow>, SourceError> {
        let query = huitian_store::AlertQuery {
            state: query.state,
            site: query.site.clone(),
            limit: query.limit,
        };
        Ok(self.alerts(&query)?)
    }

    fn alert(&self, id: &str) -> Result<Option<AlertRow>, SourceError> {
        Ok(self.alert(id)?)
    }

    fn alert_log(&self, id: &str) -> Result<Vec<AlertRow>, SourceError> {
        Ok(self.alert_log(id)?)
    }

    fn episodes(
        &self,
        site: &SiteId,
        facility: &FacilityId,
        span: Span,
    ) -> Result<Vec<OverflowEpisode>, SourceError> {
        let mut found = self.episodes(site, Some(facility), span.from, span.to)?;
        found.reverse();
        Ok(found)
    }

    fn emptied(
        &self,
        site: &SiteId,
        facility: &FacilityId,
        span: Span,
    ) -> Result<Vec<Emptied>, SourceError> {
        let mut found = self.emptied(site, Some(facility), span.from, span.to)?;
        found.reverse();
        Ok(found)
    }

    fn findings(&self, span: Span) -> Result<Vec<Finding>, SourceError> {
        let mut found = self.findings(span.from, span.to, FINDINGS_MAX)?;
        found.reverse();
        Ok(found)
    }

    fn devices(&self) -> Result<Vec<DeviceRow>, SourceError> {
        Ok(self.devices()?)
    }

    fn unknown_devices(&self) -> Result<Vec<UnknownDevice>, SourceError> {
        let unknown = self.unknown_devices()?.into_iter();
        Ok(unknown.map(UnknownDevice::from).collect())
    }

    fn unknown_device(&self, address: &str) -> Result<Option<UnknownDevice>, SourceError> {
        Ok(self.unknown_device(address)?.map(UnknownDevice::from))
    }

    fn unknown_made_room(&self) -> Result<u64, SourceError> {
        Ok(self.unknown_made_room()?)
    }

    fn accounts(&self, span: Span) -> Result<Vec<AccountRow>, SourceError> {
        Ok(self.accounts(span.from, span.to)?)
    }

    fn intake(&self, span: Span) -> Result<Vec<Intake>, SourceError> {
        let rows = self.intake_ledger(span.from, span.to)?.into_iter();
        Ok(rows
            .map(|it| Intake {
                at: it.hour,
                source: it.source,
                reason: it.reason.name().to_owned(),
                count: it.count,
                sample: it.sample,
            })
            .collect())
    }
}

impl From<huitian_store::UnknownDevice> for UnknownDevice {
    fn from(it: huitian_store::UnknownDevice) -> Self {
        Self {
            address: it.address,
            topic: it.topic,
            first_seen: it.first_seen,
            last_seen: it.last_seen,
            count: it.count,
            last_payload: it.last_payload,
            payload_bytes: it.payload_bytes,
        }
    }
}

#[cfg(test)]
mod tests;
