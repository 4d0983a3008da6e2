//! History, page by page: no answer is ever held in memory as a whole.

use huitian_model::{UtcMs, WindowRow};

use crate::{Source, SourceError, WindowQuery};

/// Rows read from the store at a time: at about 500 B a row, half a megabyte.
pub const CHUNK_ROWS: usize = 1_000;

/// Most rows in one page of an answer: a year of hours (8,784), or 7.6 days of minutes.
pub const PAGE_ROWS_MAX: usize = 11_000;

/// Walks the windows of a query in chunks of at most [`CHUNK_ROWS`], up to `query.limit` rows.
#[derive(Debug, Clone)]
pub struct Walk {
    query: WindowQuery,
    left: usize,
    state: State,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Reading,
    Ended,
}

impl Walk {
    /// At the beginning of the query.
    pub const fn new(query: WindowQuery) -> Self {
        let left = query.limit;
        Self {
            query,
            left,
            state: State::Reading,
        }
    }

    /// The next chunk; empty at the end.
    ///
    /// # Errors
    /// [`SourceError`] where the store cannot answer; the walk may be tried again.
    pub fn next_chunk(&mut self, source: &dyn Source) -> Result<Vec<WindowRow>, SourceError> {
        if self.left == 0 || self.state == State::Ended {
            return Ok(Vec::new());
        }
        let asked = self.left.min(CHUNK_ROWS);
        self.query.limit = asked;
        let rows = source.windows(&self.query)?;
        if rows.len() < asked {
            self.state = State::Ended;
        }
        self.left = self.left.saturating_sub(rows.len());
        if let Some(last) = rows.last() {
            self.query.after = Some(last.key.start);
        }
        Ok(rows)
    }

    /// Where the next page begins, if this one stopped at its limit.
    pub fn next_after(&self) -> Option<UtcMs> {
        (self.left == 0 && self.state == State::Reading)
            .then_some(self.query.after)
            .flatten()
    }
}

/// All windows of a query up to its limit, for charts: the caller's limit bounds the memory.
///
/// # Errors
/// [`SourceError`] where the store cannot answer.
pub fn collect(source: &dyn Source, query: WindowQuery) -> Result<Vec<WindowRow>, SourceError> {
    let mut walk = Walk::new(query);
    let mut all = Vec::new();
    loop {
        let chunk = walk.next_chunk(source)?;
        if chunk.is_empty() {
            return Ok(all);
        }
        all.extend(chunk);
    }
}
