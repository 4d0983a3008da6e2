//! The simulated district: its inventory, its past, and its live time.
//!
//! On the first start the past 14 days are lived through the same path as live time: the
//! simulator's messages are read by the same intake, numbered as the edge `history`, appended to
//! the same log and applied by the same engines, with ticks of their own time. A later start lives
//! through what was missed since the last tick. After that the simulator speaks MQTT to the
//! broker as real devices do.

mod live;
mod past;

use std::net::SocketAddr;
use std::sync::Arc;

use firmware_sim::{FaultRates, World};
use huitian_console::Board;
use huitian_edge::Numbering;
use huitian_model::{EdgeId, UtcMs};
use huitian_store::{Backend, Sqlite, StoreError};
use tokio::sync::mpsc;
use tracing::info;

use crate::clock::Clock;
use crate::config::{Config, DemoConfig};
use crate::hub::{Ask, Driver};
use crate::metrics::Metrics;
use huitian_settings::inventory::FILES;

/// Client id prefix of the simulated district's connections.
pub const CLIENT: &str = "firmware-sim";

/// How much past is lived through on the first start.
const PAST_MS: i64 = 14 * 86_400_000;

/// An hour in ms.
const HOUR_MS: i64 = 3_600_000;

/// Meta key of the instant at which the simulated world began.
const EPOCH_KEY: &str = "demo_epoch_ms";

/// Why the simulated district cannot run.
#[derive(Debug, thiserror::Error)]
pub enum DemoError {
    /// Its inventory cannot be written.
    #[error("the simulated inventory cannot be written to {0}: {1}")]
    Inventory(String, std::io::Error),
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Its edge has no id, its profiles are damaged, or its MQTT client failed.
    #[error("the simulated district: {0}")]
    Other(String),
}

/// The simulated district before the log is known.
pub struct Demo {
    config: DemoConfig,
    /// When its world begins on a first start: 14 days ago.
    epoch: UtcMs,
    numbering: Option<Numbering>,
}

impl Demo {
    /// Writes the simulated inventory where there is none yet.
    ///
    /// # Errors
    /// [`DemoError::Inventory`].
    pub fn prepare(demo: &DemoConfig, config: &Config, now: UtcMs) -> Result<Self, DemoError> {
        let dir = &config.inventory;
        let prepared = Self {
            config: demo.clone(),
            epoch: now.minus(PAST_MS).floor(HOUR_MS),
            numbering: None,
        };
        if FILES.iter().all(|file| !dir.join(file).exists()) {
            let refuse = |error| DemoError::Inventory(dir.display().to_string(), error);
            std::fs::create_dir_all(dir).map_err(refuse)?;
            // The first count of every gate is an operator's, made when the world begins.
            let world = prepared.world().start_at(prepared.epoch.0);
            world.write_csv(dir).map_err(refuse)?;
            info!(dir = %dir.display(), "simulated inventory written");
        }
        Ok(prepared)
    }

    fn world(&self) -> World {
        World::new(firmware_sim::Config {
            seed: self.config.seed,
            scale: self.config.scale,
            faults: FaultRates::demo(),
        })
    }

    /// Goes on with the numbers that the log has of the edge `history`.
    #[must_use]
    pub fn numbered<B: Backend + Clone>(self, driver: &Driver<B>) -> Self {
        let Ok(edge) = EdgeId::new("history") else {
            return self;
        };
        // One epoch for ever: the seed. A log that has it goes on, another begins at 0.
        let (epoch, next) = driver
            .numbering(&edge)
            .unwrap_or((self.config.seed, [].into()));
        Self {
            numbering: Some(Numbering::new(edge, epoch, next)),
            ..self
        }
    }

    /// Joins it to the running hub.
    pub fn into_run(self, ways: Ways) -> DemoRun {
        DemoRun { demo: self, ways }
    }
}

/// What the running district works with.
pub struct Ways {
    /// Shows the progress.
    pub board: Board,
    /// Tells how far the engines are.
    pub metrics: Arc<Metrics>,
    /// Remembers when the world began.
    pub store: Sqlite,
    /// To the log.
    pub asks: mpsc::Sender<Ask>,
    /// Reads the messages of the past.
    pub intake: Arc<huitian_edge::Intake>,
    /// What time it is.
    pub clock: Clock,
    /// Where its devices send.
    pub broker: Option<SocketAddr>,
    /// Until when the log knows.
    pub last_tick: Option<UtcMs>,
}

/// The simulated district, running.
pub struct DemoRun {
    demo: Demo,
    ways: Ways,
}

impl DemoRun {
    /// When the simulated world began; remembered at the first start.
    async fn epoch(&self) -> Result<UtcMs, DemoError> {
        let store = &self.ways.store;
        if let Some(text) = store.meta(EPOCH_KEY)? {
            let ms = text.parse().map_err(|_not_a_number| {
                StoreError::Damaged(format!("meta {EPOCH_KEY}: {text:?}"))
            })?;
            return Ok(UtcMs(ms));
        }
        let epoch = self.demo.epoch;
        store
            .set_meta(EPOCH_KEY.to_owned(), epoch.0.to_string())
            .await?;
        Ok(epoch)
    }
}
