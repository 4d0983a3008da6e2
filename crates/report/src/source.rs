//! What can be asked of stored results. Calls block: ask them off the async threads.

use huitian_model::{
    AccountRow, AlertRow, AlertState, DeviceRow, Emptied, FacilityId, Finding, OverflowEpisode,
    SiteId, UtcMs, WindowLength, WindowRow,
};

/// Why a question was not answered.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the store did not answer: {0}")]
pub struct SourceError(pub String);

/// From (inclusive) to (exclusive), event time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// Inclusive.
    pub from: UtcMs,
    /// Exclusive.
    pub to: UtcMs,
}

/// Which windows: those of one facility and length whose start lies in a span.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WindowQuery {
    /// Where.
    pub site: SiteId,
    /// Of which facility.
    pub facility: FacilityId,
    /// How long.
    pub length: WindowLength,
    /// Windows that start within.
    pub span: Span,
    /// Only windows that start after this: the cursor of a page before.
    pub after: Option<UtcMs>,
    /// At most so many rows.
    pub limit: usize,
}

/// Which alerts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AlertQuery {
    /// Only those that stand so.
    pub state: Option<AlertState>,
    /// Only those of this site.
    pub site: Option<SiteId>,
    /// At most so many rows, newest first.
    pub limit: usize,
}

/// Something that sends and is not in the inventory. All text is as it came: show it as text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnknownDevice {
    /// What the traffic calls it.
    pub address: String,
    /// Where its last message came from.
    pub topic: String,
    /// When it was first heard.
    pub first_seen: UtcMs,
    /// When it was last heard.
    pub last_seen: UtcMs,
    /// Messages so far.
    pub count: u64,
    /// Its last message: the beginning in the list, all that is kept where one is asked for.
    pub last_payload: Vec<u8>,
    /// Bytes kept of its last message.
    pub payload_bytes: u64,
}

/// Messages that never became readings, counted by source and reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Intake {
    /// Start of the span that is counted.
    pub at: UtcMs,
    /// A topic prefix or device.
    pub source: String,
    /// Why, as the store names it.
    pub reason: String,
    /// Messages.
    pub count: u64,
    /// One of them, cut by the store.
    pub sample: Option<Vec<u8>>,
}

/// Stored results, whatever stores them.
///
/// # Errors
/// Each question fails with [`SourceError`] where the store cannot answer; nothing found is an
/// empty answer.
pub trait Source: Send + Sync + 'static {
    /// Windows by start, oldest first.
    ///
    /// # Errors
    /// [`SourceError`] where the store cannot answer.
    fn windows(&self, query: &WindowQuery) -> Result<Vec<WindowRow>, SourceError>;

    /// Alerts as they stand, newest first.
    ///
    /// # Errors
    /// [`SourceError`] where the store cannot answer.
    fn alerts(&self, query: &AlertQuery) -> Result<Vec<AlertRow>, SourceError>;

    /// The alert whose [`huitian_model::AlertId::text`] this is.
    ///
    /// # Errors
    /// [`SourceError`] where the store cannot answer.
    fn alert(&self, id: &str) -> Result<Option<AlertRow>, SourceError>;

    /// Every transition of that alert, oldest first.
    ///
    /// # Errors
    /// [`SourceError`] where the store cannot answer.
    fn alert_log(&self, id: &str) -> Result<Vec<AlertRow>, SourceError>;

    /// Overflow episodes that touch the span, newest first.
    ///
    /// # Errors
    /// [`SourceError`] where the store cannot answer.
    fn episodes(
        &self,
        site: &SiteId,
        facility: &FacilityId,
        span: Span,
    ) -> Result<Vec<OverflowEpisode>, SourceError>;

    /// Bins emptied within the span, newest first.
    ///
    /// # Errors
    /// [`SourceError`] where the store cannot answer.
    fn emptied(
        &self,
        site: &SiteId,
        facility: &FacilityId,
        span: Span,
    ) -> Result<Vec<Emptied>, SourceError>;

    /// Odd runs that touch the span, newest first.
    ///
    /// # Errors
    /// [`SourceError`] where the store cannot answer.
    fn findings(&self, span: Span) -> Result<Vec<Finding>, SourceError>;

    /// The health of every device that was ever heard.
    ///
    /// # Errors
    /// [`SourceError`] where the store cannot answer.
    fn devices(&self) -> Result<Vec<DeviceRow>, SourceError>;

    /// What sent but is not in the inventory.
    ///
    /// # Errors
    /// [`SourceError`] where the store cannot answer.
    fn unknown_devices(&self) -> Result<Vec<UnknownDevice>, SourceError>;

    /// One of them by its address, with all that is kept of its message.
    ///
    /// # Errors
    /// [`SourceError`] where the store cannot answer.
    fn unknown_device(&self, address: &str) -> Result<Option<UnknownDevice>, SourceError>;

    /// How many of them were forgotten for want of room, ever.
    ///
    /// # Errors
    /// [`SourceError`] where the store cannot answer.
    fn unknown_made_room(&self) -> Result<u64, SourceError>;

    /// Accounts whose day touches the span.
    ///
    /// # Errors
    /// [`SourceError`] where the store cannot answer.
    fn accounts(&self, span: Span) -> Result<Vec<AccountRow>, SourceError>;

    /// The intake ledger within the span.
    ///
    /// # Errors
    /// [`SourceError`] where the store cannot answer.
    fn intake(&self, span: Span) -> Result<Vec<Intake>, SourceError>;
}
