//! The fleet as the console asks about it: each question goes to the task that keeps the books,
//! and losses come from the store.

use std::future::Future;

use huitian_console::{ConfigMark, EdgeConfig, EdgeState, Fleet, FleetAnswer, FleetFault};
use huitian_model::uplink::ConfigFile;
use huitian_model::{EdgeId, Lost};
use huitian_report::Span;
use huitian_store::{EdgeConfigRow, EdgeRow, Sqlite};
use tokio::sync::{mpsc, oneshot, watch};

use super::fleet::{FleetAsk, Standing};

/// Where operators ask.
pub struct Desk {
    operators: watch::Receiver<Option<mpsc::Sender<FleetAsk>>>,
    store: Sqlite,
}

impl Desk {
    /// A desk over the books, which may be opened later.
    pub const fn new(
        operators: watch::Receiver<Option<mpsc::Sender<FleetAsk>>>,
        store: Sqlite,
    ) -> Self {
        Self { operators, store }
    }

    /// Asks the keeper of the books.
    fn ask<T: Send + 'static>(
        &self,
        ask: impl FnOnce(oneshot::Sender<Result<T, String>>) -> FleetAsk + Send + 'static,
    ) -> impl Future<Output = Result<T, FleetFault>> + Send + 'static {
        let operators = self.operators.borrow().clone();
        async move {
            let operators = operators.ok_or(FleetFault::NotOpen)?;
            let (answer, answered) = oneshot::channel();
            let sent = operators.send(ask(answer)).await;
            sent.map_err(|_stopped| FleetFault::NotOpen)?;
            let answer = answered.await.map_err(|_stopped| FleetFault::NotOpen)?;
            answer.map_err(FleetFault::Refused)
        }
    }
}

impl Fleet for Desk {
    fn edges(&self) -> FleetAnswer<Vec<EdgeState>> {
        let listed = self.ask(FleetAsk::List);
        Box::pin(async move { Ok(listed.await?.into_iter().map(state).collect()) })
    }

    fn configs(&self, edge: EdgeId) -> FleetAnswer<Vec<EdgeConfig>> {
        let configs = self.ask(|answer| FleetAsk::Configs(edge, answer));
        Box::pin(async move { Ok(configs.await?.into_iter().map(config).collect()) })
    }

    fn enroll(&self, edge: EdgeId, for_ms: i64) -> FleetAnswer<String> {
        Box::pin(self.ask(move |answer| FleetAsk::Enroll(edge, for_ms, answer)))
    }

    fn push(&self, edge: EdgeId, files: Vec<ConfigFile>, dry_run: bool) -> FleetAnswer<u64> {
        Box::pin(self.ask(move |answer| FleetAsk::Push {
            edge,
            files,
            dry_run,
            answer,
        }))
    }

    fn back(&self, edge: EdgeId, to: Option<u64>) -> FleetAnswer<u64> {
        Box::pin(self.ask(move |answer| FleetAsk::Back { edge, to, answer }))
    }

    fn losses(&self, span: Span) -> FleetAnswer<Vec<Lost>> {
        let store = self.store.clone();
        Box::pin(async move {
            let read = tokio::task::spawn_blocking(move || store.losses(span.from, span.to));
            let lost = read.await.map_err(|_stopping| FleetFault::NotOpen)?;
            lost.map_err(|error| FleetFault::Refused(error.to_string()))
        })
    }
}

fn mark(row: &EdgeConfigRow) -> ConfigMark {
    ConfigMark {
        version: row.version,
        made_at: row.made_at,
        dry_run: row.dry_run,
        outcome: row.outcome.clone(),
    }
}

fn config(row: EdgeConfigRow) -> EdgeConfig {
    let mark = mark(&row);
    let files = row.files.into_iter();
    EdgeConfig {
        mark,
        files: files.map(|file| (file.name, file.text.len())).collect(),
    }
}

fn state((row, standing): (EdgeRow, Standing)) -> EdgeState {
    EdgeState {
        edge: row.edge,
        enrolled_at: row.enrolled_at,
        heard_at: row.heard_at,
        heartbeat: row.heartbeat,
        conflict: row.conflict,
        wanted: standing.wanted,
        newest: standing.newest.as_ref().map(mark),
    }
}

#[cfg(test)]
mod tests;
