//! What was recomputed, held against what is stored.

use huitian_engine::{OutOfReach, Recompute};
use huitian_model::{FacilityId, Output, Position, SiteId, UtcMs, WindowLength, WindowRow};
use huitian_store::{QUERY_ROWS_MAX, Sqlite, StoreError, WindowQuery};

use super::{Prepared, Report, read};

/// Longer than any window, ms.
const WINDOW_MS_MAX: i64 = 26 * 3_600_000;

/// What differs of one facility.
pub struct Change {
    /// Which facility.
    pub key: (SiteId, FacilityId),
    /// Windows with other figures.
    pub amended: Vec<WindowRow>,
    /// Rows of the ledgers.
    ledger: Vec<Output>,
}

impl Change {
    /// What is to be published.
    pub fn outputs(&self) -> Vec<Output> {
        let windows = self.amended.iter().cloned().map(Output::Window);
        windows.chain(self.ledger.iter().cloned()).collect()
    }
}

/// What came out of a repair, before it is published.
pub struct Compared {
    /// What was recomputed.
    pub prepared: Prepared,
    /// What differs.
    pub changes: Vec<Change>,
    /// The same for people.
    pub report: Report,
}

/// Reads the rest of the log and holds what is stored against what was recomputed.
pub async fn compare(
    store: Sqlite,
    mut prepared: Prepared,
    until: Position,
    only: Option<SiteId>,
) -> Result<Compared, StoreError> {
    let partition = prepared.partition;
    while let Some(records) =
        read(&store, partition, (prepared.again.position().next(), until)).await?
    {
        for (position, record) in records {
            prepared.again.apply(position, &record);
        }
    }
    let mut report = Report::new(partition);
    let mut changes = Vec::new();
    for (site, facility, reach) in prepared.again.reach() {
        if only.as_ref().is_some_and(|only| *only != site) {
            continue;
        }
        report.late += reach.readings;
        let key = (site, facility);
        if prepared.is_trimmed
            && let Some(why) = disagreement(&store, &prepared, &key, reach.from)?
        {
            report.refused.push(why);
            continue;
        }
        let change = change(&store, &prepared.again, key, (reach.from, &mut report))?;
        changes.push(change);
    }
    Ok(Compared {
        prepared,
        changes,
        report,
    })
}

/// Where the beginning of the log is gone: why what was recomputed cannot be trusted, if so. The
/// windows of the day before the first late reading must be those that were published.
fn disagreement(
    store: &Sqlite,
    prepared: &Prepared,
    key: &(SiteId, FacilityId),
    from: UtcMs,
) -> Result<Option<String>, StoreError> {
    let (again, began) = (
        &prepared.again,
        prepared.began.unwrap_or(UtcMs(i64::MAX / 2)),
    );
    let can = began.plus(2 * WINDOW_MS_MAX);
    let why = |what: &str| {
        format!(
            "{}/{}: {what}: the log begins at {began}, so windows from {can} on can be recomputed",
            key.0, key.1
        )
    };
    if from < can {
        return Ok(Some(why(&format!("late readings reach back to {from}"))));
    }
    let rows = stored(
        store,
        (key, WindowLength::Min15),
        (from.minus(WINDOW_MS_MAX), from),
    )?;
    let before = rows.iter().filter(|row| row.end <= from);
    let mut differing = before.filter(|row| !matches!(again.amended(row), Ok(None)));
    Ok(differing.next().map(|row| {
        why(&format!(
            "the window of {} is not as published",
            row.key.start
        ))
    }))
}

fn change(
    store: &Sqlite,
    again: &Recompute,
    key: (SiteId, FacilityId),
    (from, report): (UtcMs, &mut Report),
) -> Result<Change, StoreError> {
    let mut amended = Vec::new();
    for length in WindowLength::ALL {
        let first = amended.len();
        let end = UtcMs(again.now().unwrap_or(from).0 + WINDOW_MS_MAX);
        let rows = stored(store, (&key, length), (from.minus(WINDOW_MS_MAX), end))?;
        for row in rows.iter().filter(|row| row.end > from) {
            match again.amended(row) {
                Ok(row) => amended.extend(row),
                Err(OutOfReach::Changed(at)) => report.leave(&key, at),
                Err(OutOfReach::Forgotten(_) | OutOfReach::Unknown) => {}
            }
        }
        report.add(&key, length, amended.get(first..).unwrap_or_default());
    }
    let episodes = store.episodes(&key.0, Some(&key.1), from.minus(1), UtcMs(i64::MAX))?;
    let emptied = store.emptied(&key.0, Some(&key.1), from, UtcMs(i64::MAX))?;
    let ledger = again.ledger((&key.0, &key.1), from, (&episodes, &emptied));
    report.ledger += ledger.len();
    Ok(Change {
        key,
        amended,
        ledger,
    })
}

/// The stored windows of a facility that begin in a span.
pub fn stored(
    store: &Sqlite,
    (key, length): (&(SiteId, FacilityId), WindowLength),
    (from, to): (UtcMs, UtcMs),
) -> Result<Vec<WindowRow>, StoreError> {
    let mut query = WindowQuery {
        site: key.0.clone(),
        facility: key.1.clone(),
        length,
        from,
        to,
        after: None,
        limit: QUERY_ROWS_MAX,
    };
    let mut all = Vec::new();
    loop {
        let rows = store.windows(&query)?;
        let Some(last) = rows.last() else {
            return Ok(all);
        };
        query.after = Some(last.key.start);
        all.extend(rows);
    }
}
