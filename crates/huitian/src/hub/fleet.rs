//! The books of the fleet: which edges there are, how they do, which configuration each should
//! have, and the tokens with which new ones come in.
//!
//! The appender hears edges and passes on what concerns the books; operators ask through
//! [`FleetAsk`]. Nothing here stands between a reading and the disk.

mod standing;
mod tokens;

use std::collections::BTreeMap;

use huitian_broker::{PasswordHash, draw_token};
use huitian_edge::Way;
use huitian_model::uplink::{ConfigFile, ConfigOutcome, Down, Heartbeat};
use huitian_model::{EdgeId, UtcMs};
use huitian_store::{EdgeConfigRow, EdgeRow, Sqlite, StoreError};
use sha2::{Digest, Sha256};
use tokio::sync::{mpsc, oneshot, watch};
use tracing::{error, info, warn};

use super::appender::Ask;
use super::doors::Doors;
use super::downlink::Downlinks;
use super::uplink::Answer;
use crate::clock::Clock;

pub use standing::Standing;
use tokens::Waiting;

/// Books are kept at most this often for heartbeats of one edge, ms: half their interval.
const HEARTBEAT_KEPT_MS: i64 = 15_000;

/// What the appender heard for the books.
#[derive(Clone, Debug, PartialEq)]
pub enum FleetEvent {
    /// An edge said hello.
    Hello {
        /// Who.
        edge: EdgeId,
        /// Its program's version.
        software: String,
        /// The configuration that it has.
        config_version: u64,
    },
    /// An edge said how it does.
    Heartbeat {
        /// Who.
        edge: EdgeId,
        /// How.
        heartbeat: Heartbeat,
    },
    /// A name or a queue is used twice.
    Conflict {
        /// Whose.
        edge: EdgeId,
        /// What was seen.
        text: String,
    },
    /// What became of a configuration.
    Config {
        /// Whose.
        edge: EdgeId,
        /// Which.
        version: u64,
        /// What.
        outcome: ConfigOutcome,
    },
    /// Somebody shows a token.
    Enroll {
        /// As whom.
        edge: EdgeId,
        /// Of which start of the program.
        instance: u64,
        /// It.
        token: String,
    },
}

/// What operators ask, each with the answer's way back.
pub enum FleetAsk {
    /// All edges, each with how its configuration stands.
    List(oneshot::Sender<Result<Vec<(EdgeRow, Standing)>, String>>),
    /// All configurations of an edge, the newest first.
    Configs(EdgeId, oneshot::Sender<Result<Vec<EdgeConfigRow>, String>>),
    /// A token for a new edge, or for one whose machine was replaced; it serves for so long, ms.
    Enroll(EdgeId, i64, oneshot::Sender<Result<String, String>>),
    /// A new configuration: its version.
    Push {
        /// For whom.
        edge: EdgeId,
        /// All its files.
        files: Vec<ConfigFile>,
        /// Only to be checked by the edge.
        dry_run: bool,
        /// The way back.
        answer: oneshot::Sender<Result<u64, String>>,
    },
    /// The files of an earlier version as a new one: its version.
    Back {
        /// For whom.
        edge: EdgeId,
        /// Which version's files; none: those applied before the last.
        to: Option<u64>,
        /// The way back.
        answer: oneshot::Sender<Result<u64, String>>,
    },
}

/// What happens next.
enum Next {
    Event(FleetEvent, Way),
    Ask(FleetAsk),
    Sweep,
    Stop,
}

/// The task that keeps the books.
pub struct Fleet {
    store: Sqlite,
    clock: Clock,
    downlinks: Downlinks,
    asks: mpsc::Sender<Ask>,
    /// Who may log in to our own listener; none where it is open.
    doors: Option<Doors>,
    /// Tokens that nobody has used yet.
    waiting: Waiting,
    edges: BTreeMap<EdgeId, EdgeRow>,
    /// Kept beside, for a list would read every file of every version.
    standings: BTreeMap<EdgeId, Standing>,
    paths: BTreeMap<EdgeId, Way>,
}

impl Fleet {
    /// Opens the books.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn open(
        (store, clock): (Sqlite, Clock),
        downlinks: Downlinks,
        asks: mpsc::Sender<Ask>,
        doors: Option<Doors>,
    ) -> Result<Self, StoreError> {
        let rows = store.edges()?;
        let mut standings = BTreeMap::new();
        for row in &rows {
            let configs = store.edge_configs(&row.edge)?;
            standings.insert(row.edge.clone(), Standing::of(configs));
        }
        let edges = rows
            .into_iter()
            .map(|row| (row.edge.clone(), row))
            .collect();
        Ok(Self {
            waiting: Waiting::load(&store)?,
            store,
            clock,
            downlinks,
            asks,
            doors,
            edges,
            standings,
            paths: BTreeMap::new(),
        })
    }

    /// Which version each edge should have, for the greeting.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn wanted(store: &Sqlite) -> Result<BTreeMap<EdgeId, u64>, StoreError> {
        let mut wanted = BTreeMap::new();
        for row in store.edges()? {
            let configs = store.edge_configs(&row.edge)?;
            if let Some(config) = in_force(&configs) {
                wanted.insert(row.edge, config.version);
            }
        }
        Ok(wanted)
    }

    /// Keeps the books until `stop`.
    ///
    /// # Errors
    /// [`StoreError`] that no waiting mends.
    pub async fn run(
        mut self,
        mut events: mpsc::Receiver<(FleetEvent, Way)>,
        mut operators: mpsc::Receiver<FleetAsk>,
        mut stop: watch::Receiver<bool>,
    ) -> Result<(), StoreError> {
        // What went past its time while the hub was down.
        let mut next = Next::Sweep;
        loop {
            let done = match next {
                Next::Event(event, way) => self.on_event(event, way).await,
                Next::Ask(ask) => self.on_ask(ask).await,
                Next::Sweep => self.sweep().await,
                Next::Stop => return Ok(()),
            };
            match done {
                Err(failure) if failure.is_retryable() => {
                    error!(error = %failure, "the books of the fleet could not be kept");
                }
                done => done?,
            }
            next = tokio::select! {
                Some((event, way)) = events.recv() => Next::Event(event, way),
                Some(ask) = operators.recv() => Next::Ask(ask),
                () = self.until_sweep() => Next::Sweep,
                _stopped = stop.wait_for(|stop| *stop) => Next::Stop,
            };
        }
    }

    fn row(&mut self, edge: &EdgeId) -> &mut EdgeRow {
        self.edges.entry(edge.clone()).or_insert_with(|| EdgeRow {
            edge: edge.clone(),
            enrolled_at: None,
            credential: None,
            heard_at: None,
            heartbeat: None,
            conflict: None,
        })
    }

    async fn on_event(&mut self, event: FleetEvent, path: Way) -> Result<(), StoreError> {
        let now = self.clock.now();
        match event {
            FleetEvent::Hello {
                edge,
                software,
                config_version,
            } => {
                self.paths.insert(edge.clone(), path);
                info!(%edge, software, config_version, "an edge is connected");
                let row = self.row(&edge);
                row.heard_at = Some(now);
                let row = row.clone();
                self.store.set_edge(row).await?;
                self.send_config(&edge, config_version)
            }
            FleetEvent::Heartbeat { edge, heartbeat } => {
                self.paths.insert(edge.clone(), path);
                let row = self.row(&edge);
                let is_due = row
                    .heard_at
                    .is_none_or(|at| now.since(at) >= HEARTBEAT_KEPT_MS || row.heartbeat.is_none());
                row.heartbeat = Some(heartbeat);
                if !is_due {
                    return Ok(());
                }
                row.heard_at = Some(now);
                let row = row.clone();
                self.store.set_edge(row).await
            }
            FleetEvent::Conflict { edge, text } => {
                error!(%edge, text, "an edge's name or queue is used twice");
                let row = self.row(&edge);
                row.conflict = Some((now, text));
                let row = row.clone();
                self.store.set_edge(row).await
            }
            FleetEvent::Config {
                edge,
                version,
                outcome,
            } => self.on_outcome(&edge, version, outcome, now).await,
            FleetEvent::Enroll {
                edge,
                instance,
                token,
            } => self.on_token((edge, path), instance, token, now).await,
        }
    }

    /// Sends the configuration in force where the edge has another one.
    fn send_config(&mut self, edge: &EdgeId, has: u64) -> Result<(), StoreError> {
        let configs = self.store.edge_configs(edge)?;
        let Some(config) = in_force(&configs).filter(|config| config.version != has) else {
            return Ok(());
        };
        self.tell(
            edge,
            Down::Config {
                version: config.version,
                files: config.files.clone(),
                dry_run: config.dry_run,
            },
        );
        Ok(())
    }

    fn tell(&self, edge: &EdgeId, down: Down) {
        if let Some(path) = self.paths.get(edge) {
            self.downlinks.send(Answer {
                edge: edge.clone(),
                path: *path,
                down,
            });
        }
    }

    async fn on_outcome(
        &mut self,
        edge: &EdgeId,
        version: u64,
        outcome: ConfigOutcome,
        now: UtcMs,
    ) -> Result<(), StoreError> {
        let configs = self.store.edge_configs(edge)?;
        let Some(mut row) = configs.into_iter().find(|row| row.version == version) else {
            warn!(%edge, version, "an edge speaks of a configuration that is not known here");
            return Ok(());
        };
        info!(%edge, version, ?outcome, "configuration of an edge");
        row.outcome = Some((now, outcome));
        self.store.set_edge_config(row).await?;
        self.tell_wanted(edge).await
    }

    /// The appender greets edges with the version that they should have.
    async fn tell_wanted(&mut self, edge: &EdgeId) -> Result<(), StoreError> {
        let standing = Standing::of(self.store.edge_configs(edge)?);
        let version = standing.wanted;
        self.standings.insert(edge.clone(), standing);
        // The appender is gone only where the hub stops.
        let _stopping = self.asks.send(Ask::Wanted(edge.clone(), version)).await;
        Ok(())
    }

    async fn on_token(
        &mut self,
        (edge, path): (EdgeId, Way),
        instance: u64,
        token: String,
        now: UtcMs,
    ) -> Result<(), StoreError> {
        self.paths.insert(edge.clone(), path);
        let used = self.store.use_edge_token(digest(&token), now).await?;
        if used.as_ref() != Some(&edge) {
            warn!(%edge, "a token that does not serve was shown");
            self.tell(&edge, Down::NotEnrolled { instance });
            return Ok(());
        }
        let admitted = draw_token()
            .and_then(|password| Ok((PasswordHash::of_token(&password)?, password)))
            .map_err(|error| StoreError::Io(error.to_string()));
        let (hash, password) = admitted?;
        let credential = hash.to_string();
        match self.doors.as_ref().map(|it| it.admit(&edge, &credential)) {
            // Where the file could not be written the token is still in it, and is swept.
            Some(Err(failure)) => {
                error!(%edge, failure, "enrolled, but not let in at our own listener");
            }
            None | Some(Ok(())) => self.forget_token(&edge).await?,
        }
        let row = self.row(&edge);
        row.enrolled_at = Some(now);
        row.credential = Some(credential.clone());
        let row = row.clone();
        self.store.set_edge(row).await?;
        info!(%edge, "enrolled");
        self.tell(&edge, Down::Enrolled { instance, password });
        Ok(())
    }

    async fn on_ask(&mut self, ask: FleetAsk) -> Result<(), StoreError> {
        // An asker that has gone needs no answer.
        match ask {
            FleetAsk::List(answer) => {
                let listed = self.edges.values().map(|row| {
                    let standing = self.standings.get(&row.edge);
                    (row.clone(), standing.cloned().unwrap_or_default())
                });
                let _gone = answer.send(Ok(listed.collect()));
            }
            FleetAsk::Configs(edge, answer) => {
                let configs = self.store.edge_configs(&edge);
                let _gone = answer.send(configs.map_err(|error| error.to_string()));
            }
            FleetAsk::Enroll(edge, for_ms, answer) => {
                let token = self.token(edge, for_ms).await;
                let _gone = answer.send(token);
            }
            FleetAsk::Push {
                edge,
                files,
                dry_run,
                answer,
            } => {
                let version = self.push(&edge, files, dry_run).await;
                let _gone = answer.send(version);
            }
            FleetAsk::Back { edge, to, answer } => {
                let version = self.back(&edge, to).await;
                let _gone = answer.send(version);
            }
        }
        Ok(())
    }

    async fn push(
        &mut self,
        edge: &EdgeId,
        files: Vec<ConfigFile>,
        dry_run: bool,
    ) -> Result<u64, String> {
        let plain = |error: StoreError| error.to_string();
        let configs = self.store.edge_configs(edge).map_err(plain)?;
        let version = configs.first().map_or(0, |row| row.version) + 1;
        let down = Down::Config {
            version,
            files: files.clone(),
            dry_run,
        };
        huitian_model::uplink::encode(&down)
            .map_err(|error| format!("the files together are too large: {error}"))?;
        let row = EdgeConfigRow {
            edge: edge.clone(),
            version,
            made_at: self.clock.now(),
            dry_run,
            files,
            outcome: None,
        };
        self.store.set_edge_config(row).await.map_err(plain)?;
        let known = self.row(edge).clone();
        self.store.set_edge(known).await.map_err(plain)?;
        self.tell_wanted(edge).await.map_err(plain)?;
        self.tell(edge, down);
        Ok(version)
    }

    async fn back(&mut self, edge: &EdgeId, to: Option<u64>) -> Result<u64, String> {
        let configs = self
            .store
            .edge_configs(edge)
            .map_err(|error| error.to_string())?;
        let mut applied = configs
            .iter()
            .filter(|row| matches!(row.outcome, Some((_, ConfigOutcome::Applied))) && !row.dry_run);
        let found = match to {
            Some(version) => configs.iter().find(|row| row.version == version),
            None => applied.nth(1),
        };
        let Some(row) = found else {
            let known: Vec<u64> = configs.iter().map(|row| row.version).collect();
            return Err(format!("no such version of {edge}: kept are {known:?}"));
        };
        let files = row.files.clone();
        self.push(edge, files, false).await
    }
}

/// The configuration that an edge should have: the newest that it has neither refused nor gone
/// back from.
fn in_force(configs: &[EdgeConfigRow]) -> Option<&EdgeConfigRow> {
    configs.iter().find(|row| {
        let is_out = matches!(
            row.outcome,
            Some((_, ConfigOutcome::Refused(_) | ConfigOutcome::RolledBack(_)))
        );
        !row.dry_run && !is_out
    })
}

/// What is kept of a token: enough to know it again, of no use to whoever reads it.
fn digest(token: &str) -> String {
    let bytes = Sha256::digest(token.as_bytes());
    let digits: Vec<String> = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    digits.concat()
}
