//! Inventory and settings without a restart: on SIGHUP, and when a file changed.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use huitian_codec::{Profiles, Routes};
use huitian_console::Board;
use huitian_edge::Intake;
use huitian_model::Inventory;
use huitian_store::{Sqlite, StoreError};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{mpsc, oneshot, watch};
use tracing::{error, info, warn};

use super::appender::Ask;
use super::plan::{Plan, PlanFaults};
use crate::config::{Config, Overrides};
use huitian_settings::inventory::FILES;

/// How often the files' times are looked at.
const LOOK_EVERY: Duration = Duration::from_secs(2);

/// Files of the profiles' folder that are watched: as many as may be known.
const WATCHED_MAX: usize = 1_000;

/// Forgets the unknown devices that the inventory knows by now.
///
/// # Errors
/// [`StoreError`].
pub async fn forget_known(store: &Sqlite, inventory: &Inventory) -> Result<(), StoreError> {
    let devices = inventory.devices.values();
    let known: BTreeSet<String> = devices.map(|it| it.address.to_lowercase()).collect();
    for unknown in store.unknown_devices()? {
        if known.contains(&unknown.address.to_lowercase()) {
            store.forget_unknown(unknown.address).await?;
        }
    }
    Ok(())
}

/// What reloading works with.
pub struct Reloader {
    /// The settings in force: says which files to read.
    pub config: Config,
    /// What the command line said over them.
    pub flags: Overrides,
    /// Where versions are remembered.
    pub store: Sqlite,
    /// To the appender.
    pub asks: mpsc::Sender<Ask>,
    /// Names for pages.
    pub board: Board,
    /// Names for messages.
    pub names: watch::Sender<Arc<Inventory>>,
    /// For operators who try them on a payload.
    pub profiles: watch::Sender<Arc<Profiles>>,
    /// For the same operators: how their messages are opened.
    pub routes: watch::Sender<Arc<Routes>>,
}

impl Reloader {
    /// Watches until `stop`.
    pub async fn run(mut self, mut stop: watch::Receiver<bool>) {
        let Ok(mut hangup) = signal(SignalKind::hangup()) else {
            error!("no SIGHUP on this system: files are watched by their times only");
            return;
        };
        let mut seen = self.times();
        loop {
            tokio::select! {
                _hangup = hangup.recv() => info!("SIGHUP: reading settings and inventory again"),
                () = tokio::time::sleep(LOOK_EVERY) => {
                    let now = self.times();
                    if now == seen {
                        continue;
                    }
                    seen = now;
                    info!("a file changed: reading settings and inventory again");
                }
                _stopped = stop.wait_for(|stop| *stop) => return,
            }
            if let Err(PlanFaults(faults)) = self.reload().await {
                for fault in &faults {
                    error!(%fault, "not reloaded: what was in force stays in force");
                }
            }
        }
    }

    async fn reload(&mut self) -> Result<(), PlanFaults> {
        let mut config = Config::load(self.config.file.as_deref(), &self.flags)?;
        if self.config.data.ephemeral {
            config.inventory.clone_from(&self.config.inventory);
        }
        let plan = Plan::load(&config)?;
        let plain = |error: &dyn std::fmt::Display| {
            PlanFaults(vec![crate::config::ConfigFault::plain(error.to_string())])
        };
        let news = plan.news(&self.store).map_err(|error| plain(&error))?;
        let routes = &config.mqtt.routes;
        if news.records.is_empty() {
            info!("inventory and settings are as they were; profiles and routes are read again");
        }
        self.say_unheard(routes);
        let intake = Intake::new(
            Arc::clone(&plan.inventory),
            Arc::clone(&plan.site.profiles),
            Arc::clone(routes),
        );
        let (asker, durable) = oneshot::channel();
        let ask = Ask::Inventory(news.records, Box::new(intake), asker);
        self.asks.send(ask).await.map_err(|error| plain(&error))?;
        durable.await.map_err(|error| plain(&error))?;
        for (key, value) in news.meta {
            self.store
                .set_meta(key, value)
                .await
                .map_err(|error| plain(&error))?;
        }
        self.board.set_inventory(Arc::clone(&plan.inventory));
        self.board.set_overflow_limit(plan.settings.overflow.on);
        self.profiles.send_replace(plan.site.profiles);
        self.routes.send_replace(Arc::clone(routes));
        let known = forget_known(&self.store, &plan.inventory).await;
        known.map_err(|error| plain(&error))?;
        self.names.send_replace(plan.inventory);
        self.config.mqtt.routes = config.mqtt.routes;
        Ok(())
    }

    /// Says which routes' topics no session has asked its broker for: sessions stay as they were
    /// opened. Our own listener takes every topic.
    fn say_unheard(&self, routes: &Routes) {
        for session in &self.config.mqtt.brokers {
            for topic in routes.topics_beyond(&session.subscriptions) {
                let host = &session.host;
                warn!(%host, topic, "a new route is read from this broker after a restart only");
            }
        }
    }

    /// When each file was last written; none where it cannot be seen.
    fn times(&self) -> Vec<Option<SystemTime>> {
        let inventory = FILES.iter().map(|file| self.config.inventory.join(file));
        let files = self.config.file.iter().cloned().chain(inventory);
        // A folder's own time tells that a file came or went, a file's that it was edited.
        let folder = self.config.profiles.iter();
        let profiles = folder.clone().flat_map(|folder| {
            let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
            let mut paths: Vec<_> = entries.map(|entry| entry.path()).collect();
            paths.sort();
            paths.truncate(WATCHED_MAX);
            paths
        });
        files
            .chain(folder.cloned())
            .chain(profiles)
            .map(|path: PathBuf| std::fs::metadata(path).ok()?.modified().ok())
            .collect()
    }
}
