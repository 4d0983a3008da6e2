//! Enrolment tokens: each lets its edge in at our own listener until it is used or past its time,
//! and no longer.
//!
//! ```text
//! meta "enrolment/{edge}" = { expires_ms, " ", hash of the log-in that the token is }
//! ```
//!
//! The store keeps which log-in a token made, so that what ends is that log-in alone: never one
//! that the edge was given since, and never one that somebody wrote into the file by hand.

use std::collections::BTreeMap;
use std::time::Duration;

use huitian_broker::{PasswordHash, draw_token};
use huitian_model::{EdgeId, UtcMs};
use huitian_store::{Sqlite, StoreError};
use tokio::time::Instant;
use tracing::{error, info};

use super::{Fleet, digest};

/// Where the store keeps the log-ins of tokens.
const ENROLMENT: &str = "enrolment/";

/// Longest an enrolment token may wait for its edge: a week between office and gatehouse.
const TOKEN_MS_MAX: i64 = 7 * 86_400_000;

/// Longest sleep: a timer does not notice that the wall clock was set, so look again after it.
const SLEEP_MAX: Duration = Duration::from_secs(15 * 60);

/// After a users file that could not be written, until it is tried again.
const RETRY: Duration = Duration::from_secs(60);

/// Log-ins of tokens that wait for their edges; one for each edge, as its line in the users file.
#[derive(Default)]
pub(super) struct Waiting {
    by_edge: BTreeMap<EdgeId, (UtcMs, String)>,
    /// Set while a sweep has left something behind.
    retry_at: Option<Instant>,
}

impl Waiting {
    /// Those that the store knows.
    pub(super) fn load(store: &Sqlite) -> Result<Self, StoreError> {
        let mut waiting = Self::default();
        for (edge, value) in store.meta_below(ENROLMENT)? {
            let damaged = || StoreError::Damaged(format!("meta {ENROLMENT}{edge}: {value:?}"));
            let (expires, hash) = value.split_once(' ').ok_or_else(damaged)?;
            let expires = UtcMs(expires.parse().map_err(|_no_number| damaged())?);
            let edge = EdgeId::new(&edge).map_err(|_no_id| damaged())?;
            waiting.by_edge.insert(edge, (expires, hash.to_owned()));
        }
        Ok(waiting)
    }

    /// When the first of them is past its time; none where none waits.
    fn deadline(&self, now: UtcMs, speed: u32) -> Option<Instant> {
        let first = self.by_edge.values().map(|(expires, _)| *expires).min()?;
        if self.retry_at.is_some() {
            return self.retry_at;
        }
        // One more, for a token serves through its last millisecond.
        let left_ms = u64::try_from(first.since(now).saturating_add(1)).unwrap_or(0);
        let real_ms = left_ms.div_ceil(u64::from(speed.max(1)));
        Some(Instant::now() + Duration::from_millis(real_ms).min(SLEEP_MAX))
    }
}

impl Fleet {
    /// Resolves when tokens must be looked through; never where none waits, or no file of ours
    /// lets anybody in.
    pub(super) fn until_sweep(&self) -> impl Future<Output = ()> + use<> {
        let (now, speed) = (self.clock.now(), self.clock.speed());
        let ours = self.doors.as_ref();
        let deadline = ours.and_then(|_doors| self.waiting.deadline(now, speed));
        async move {
            match deadline {
                Some(deadline) => tokio::time::sleep_until(deadline).await,
                None => std::future::pending().await,
            }
        }
    }

    /// Ends the log-ins of tokens that are past their time.
    pub(super) async fn sweep(&mut self) -> Result<(), StoreError> {
        let Some(doors) = &self.doors else {
            return Ok(());
        };
        let now = self.clock.now();
        // Whatever fails below is tried again, and not at once.
        self.waiting.retry_at = Some(Instant::now() + RETRY);
        let mut is_done = true;
        let due = (self.waiting.by_edge.iter()).filter(|(_, (expires, _))| *expires < now);
        let due: Vec<_> = due.map(|(edge, (_, hash))| (edge.clone(), hash)).collect();
        let mut ended = Vec::new();
        for (edge, hash) in due {
            match doors.dismiss(&edge, hash) {
                Ok(was_in) => ended.push((edge, was_in)),
                Err(failure) => {
                    error!(%edge, failure, "an enrolment token's log-in could not be ended");
                    is_done = false;
                }
            }
        }
        for (edge, was_in) in ended {
            if was_in {
                info!(%edge, "an enrolment token was not used in time; its log-in is ended");
            }
            self.forget_token(&edge).await?;
        }
        if is_done {
            self.waiting.retry_at = None;
        }
        Ok(())
    }

    /// A token for `edge` that serves for so long, ms.
    pub(super) async fn token(&mut self, edge: EdgeId, for_ms: i64) -> Result<String, String> {
        if !(60_000..=TOKEN_MS_MAX).contains(&for_ms) {
            return Err("expected a token to serve for 1m to 7d".to_owned());
        }
        let plain = |error: StoreError| error.to_string();
        let token = draw_token().map_err(|error| error.to_string())?;
        let expires = self.clock.now().plus(for_ms);
        let kept = self
            .store
            .add_edge_token(digest(&token), edge.clone(), expires);
        kept.await.map_err(plain)?;
        if self.doors.is_some() {
            let hash = PasswordHash::of_token(&token).map_err(|error| error.to_string())?;
            self.let_in(&edge, (expires, hash.to_string())).await?;
        }
        let known = self.row(&edge).clone();
        self.store.set_edge(known).await.map_err(plain)?;
        Ok(token)
    }

    /// Known to the store before it is in the file: what a crash leaves between is swept.
    async fn let_in(&mut self, edge: &EdgeId, login: (UtcMs, String)) -> Result<(), String> {
        let (expires, hash) = &login;
        let key = format!("{ENROLMENT}{edge}");
        let kept = self.store.set_meta(key, format!("{} {hash}", expires.0));
        kept.await.map_err(|error| error.to_string())?;
        if let Some(doors) = &self.doors {
            doors.admit(edge, hash)?;
        }
        self.waiting.by_edge.insert(edge.clone(), login);
        Ok(())
    }

    /// Of a token nothing is left that could let anybody in.
    pub(super) async fn forget_token(&mut self, edge: &EdgeId) -> Result<(), StoreError> {
        if self.waiting.by_edge.contains_key(edge) {
            let key = format!("{ENROLMENT}{edge}");
            self.store.forget_meta(key).await?;
            self.waiting.by_edge.remove(edge);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
