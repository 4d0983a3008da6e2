//! From start to stop.

use std::sync::Arc;
use std::time::Duration;

use huitian_console::{
    Board, Console, ConsoleConfig, ConsoleError, Health, Limits, Phase, Progress, World,
};
use huitian_edge::{Intake, Numbering, SourceError, Sources};
use huitian_model::{EdgeId, UtcMs};
use huitian_notify::{Secret, Webhook};
use huitian_store::{AlertQuery, Retention, Sqlite, StoreConfig, StoreError};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinSet;
use tracing::{error, info};

use super::appender::{Appender, Ask, holders};
use super::bench::Trials;
use super::desk::Desk;
use super::downlink::Downlinks;
use super::drive::{Drive, GROUPS_MAX, WISHES_MAX, drive};
use super::driver::{Driver, Placed};
use super::fleet::{Fleet, FleetAsk};
use super::influx::InfluxSink;
use super::plan::{News, Plan, PlanFaults};
use super::reload::{Reloader, forget_known};
use super::repair::Repairs;
use super::tell::Teller;
use super::tick::Ticker;
use super::uplink::Uplinks;
use crate::clock::Clock;
use crate::config::{Config, Overrides};
use crate::demo::{Demo, DemoError, DemoRun, Ways};
use crate::metrics::Metrics;
use huitian_edge::random;

mod inputs;
mod signals;

use inputs::FleetEnds;
use signals::{hangup, signals};

/// Asks that wait for the appender: two group commits.
const ASKS_MAX: usize = 8_192;

/// What edges said and the books have not noted yet: a hello and a heartbeat of each of 127.
const FLEET_EVENTS_MAX: usize = 512;

/// Alerts loaded onto the board at the start.
const ALERTS_LOADED: usize = 1_000;

/// The district's zone where pages speak of no single site.
const DISTRICT_ZONE: &str = "Asia/Shanghai";

/// Why the hub did not start, or stopped.
#[derive(Debug, thiserror::Error)]
pub enum HubError {
    /// Settings or inventory are wrong.
    #[error("the configuration is refused")]
    Plan(PlanFaults),
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Console or API.
    #[error(transparent)]
    Console(#[from] ConsoleError),
    /// A way in.
    #[error(transparent)]
    Intake(#[from] SourceError),
    /// The simulated district.
    #[error(transparent)]
    Demo(#[from] DemoError),
    /// A sink, a signal, a task.
    #[error("{0}")]
    Other(String),
}

impl From<PlanFaults> for HubError {
    fn from(faults: PlanFaults) -> Self {
        Self::Plan(faults)
    }
}

/// Runs until SIGTERM, SIGINT or a failure that only an operator can mend.
///
/// # Errors
/// [`HubError`].
pub async fn run(mut config: Config, flags: Overrides, clock: Clock) -> Result<(), HubError> {
    let store = open_store(&config)?;
    if config.data.ephemeral && config.demo.is_some() && !config.inventory.exists() {
        // Nothing may stay behind, so the simulated inventory goes where the rest goes.
        config.inventory = store.dir().join("inventory");
    }
    let demo = config
        .demo
        .as_ref()
        .map(|demo| Demo::prepare(demo, &config, clock.now()))
        .transpose()?;
    let plan = Plan::load(&config)?;
    let metrics = Arc::new(Metrics::new());
    let board = board(&config, &plan, clock.now());
    let (stop, stopped) = watch::channel(false);
    let profiles = watch::channel(Arc::clone(&plan.site.profiles)).0;
    let routes = watch::channel(Arc::clone(&config.mqtt.routes)).0;
    let hub = Hub {
        profiles,
        routes,
        config,
        flags,
        plan,
        store,
        clock,
        metrics,
        board,
        stop,
        stopped,
        operators: watch::channel(None).0,
    };
    hub.run(demo).await
}

/// Opens the store of the settings.
///
/// # Errors
/// Any [`StoreError`] of opening.
pub fn open_store(config: &Config) -> Result<Sqlite, StoreError> {
    if config.data.ephemeral {
        return Sqlite::open_ephemeral();
    }
    let days = |ms: i64| u32::try_from(ms / 86_400_000).unwrap_or(u32::MAX);
    let mut store = StoreConfig::new(&config.data.dir);
    store.quota_bytes = config.data.quota_bytes;
    store.retention = Retention {
        readings_days: days(config.data.readings_ms),
        results_days: days(config.data.results_ms),
        ..store.retention
    };
    Sqlite::open(store)
}

fn board(config: &Config, plan: &Plan, now: UtcMs) -> Board {
    let world = match &config.demo {
        None => World::Real,
        Some(demo) => World::Simulated { speed: demo.speed },
    };
    // The start's time tells this run's events from those of a run before.
    let board = Board::new(now.0.unsigned_abs(), world);
    board.set_inventory(Arc::clone(&plan.inventory));
    board.set_overflow_limit(plan.settings.overflow.on);
    board.set_now(now);
    board.set_progress(Some(Progress {
        phase: Phase::Recovering,
        done_ms: 0,
        total_ms: 1,
        from: now,
        to: now,
    }));
    not_ready(&board, "recovering from the log");
    board
}

/// Says on the page and at `/readyz` why the hub does not serve yet.
pub fn not_ready(board: &Board, reason: &str) {
    board.set_health(Health {
        not_ready: vec![reason.to_owned()],
        ..Health::default()
    });
}

/// All that the hub's parts share.
struct Hub {
    config: Config,
    flags: Overrides,
    plan: Plan,
    store: Sqlite,
    clock: Clock,
    metrics: Arc<Metrics>,
    board: Board,
    stop: watch::Sender<bool>,
    stopped: watch::Receiver<bool>,
    /// Where operators ask about edges, once the fleet is there.
    operators: watch::Sender<Option<mpsc::Sender<FleetAsk>>>,
    /// The profiles in force.
    profiles: watch::Sender<Arc<huitian_codec::Profiles>>,
    /// The routes in force.
    routes: watch::Sender<Arc<huitian_codec::Routes>>,
}

/// What runs until the stop.
type Tasks = JoinSet<Result<(), HubError>>;

impl Hub {
    async fn run(mut self, demo: Option<Demo>) -> Result<(), HubError> {
        let signalled = signals()?;
        let mut tasks: Tasks = JoinSet::new();
        self.serve(&mut tasks)?;
        let driver = Driver::recover(self.store.clone()).await?;
        self.clock = self.clock.not_before(driver.now());
        self.load_board()?;
        self.board.set_progress(None);
        let (asks, asked) = mpsc::channel(ASKS_MAX);
        let (engines, groups) = mpsc::channel(GROUPS_MAX);
        let (commits, committed) = watch::channel(0);
        let (wishes, wished) = mpsc::channel(WISHES_MAX);
        let (names, named) = watch::channel(Arc::clone(&self.plan.inventory));
        let last_tick = driver.now();
        let demo = demo.map(|demo| demo.numbered(&driver));
        let (appender, fleet) = self.appender(&driver, engines)?;
        let (quiet, appending) = watch::channel(false);
        let appended = tokio::spawn(appender.run(asked, appending));
        let driven = tokio::spawn(drive(
            driver,
            groups,
            Drive {
                board: self.board.clone(),
                metrics: Arc::clone(&self.metrics),
                commits,
                clock: self.clock.clone(),
                repairs: Repairs::new(self.store.clone())?,
                wishes: wished,
            },
        ));
        self.take_wishes(wishes, &mut tasks);
        self.tell_news(&asks).await?;
        forget_known(&self.store, &self.plan.inventory).await?;
        self.sinks(&mut tasks, &committed, &named).await?;
        let sources = self.open_sources(&asks).await?;
        self.run_fleet(&sources, fleet, &asks, &mut tasks)?;
        let buses = self.run_buses(&asks)?;
        let end = LogEnd {
            broker: sources.broker().map(huitian_broker::Broker::local_addr),
            last_tick,
        };
        let demo = demo.map(|demo| self.demo_run(demo, &asks, end));
        self.live(demo, &asks, names, &mut tasks);
        let ended = self.wait(signalled, appended, &mut tasks, &sources).await;
        info!("stopping");
        // In order: nothing more comes in, what came in is stored, engines reach it and save.
        let stopping = async {
            self.stop.send_replace(true);
            buses.stop().await;
            sources.stop().await;
            quiet.send_replace(true);
            drop(asks);
            let driven = driven
                .await
                .map_err(|error| HubError::Other(error.to_string()))?;
            while let Some(task) = tasks.join_next().await {
                task.map_err(|error| HubError::Other(error.to_string()))??;
            }
            Ok(driven?)
        };
        let stopped = tokio::time::timeout(STOP_MAX, stopping).await;
        match stopped {
            // What the engines or a sink failed of says more than that the log was closed by it.
            Ok(done) => done.and(ended),
            Err(_elapsed) => {
                error!("not everything ended in time: the next start replays more of the log");
                ended
            }
        }
    }

    /// Serves the pages, which answer at once and show how far the start has come.
    fn serve(&self, tasks: &mut Tasks) -> Result<(), HubError> {
        let text = Arc::clone(&self.metrics);
        let console = Console::bind(
            ConsoleConfig {
                http: self.config.http,
                zone: DISTRICT_ZONE.to_owned(),
                metrics: Arc::new(move || text.text()),
                fleet: Arc::new(Desk::new(self.operators.subscribe(), self.store.clone())),
                bench: Arc::new(Trials::new(
                    self.profiles.subscribe(),
                    self.routes.subscribe(),
                )),
                limits: Limits::default(),
            },
            Arc::new(self.store.clone()),
            self.board.clone(),
        )?;
        info!(url = %format!("http://{}", console.local_addr()?), "console");
        let stopped = self.stopped.clone();
        tasks.spawn(async move { console.serve(stopped).await.map_err(HubError::from) });
        Ok(())
    }

    /// Waits for a reason to stop.
    async fn wait(
        &self,
        signalled: oneshot::Receiver<()>,
        appended: tokio::task::JoinHandle<Result<(), StoreError>>,
        tasks: &mut Tasks,
        sources: &Sources,
    ) -> Result<(), HubError> {
        let other = |error: tokio::task::JoinError| HubError::Other(error.to_string());
        let mut hangup = hangup()?;
        tokio::pin!(signalled);
        tokio::pin!(appended);
        loop {
            tokio::select! {
                _signal = &mut signalled => return Ok(()),
                // Who may log in, and certificates; all else is the reloader's.
                _hangup = hangup.recv() => sources.reload(),
                appended = &mut appended => return Ok(appended.map_err(other)??),
                Some(task) = tasks.join_next() => task.map_err(other)??,
            }
        }
    }

    fn load_board(&self) -> Result<(), HubError> {
        let query = AlertQuery {
            state: None,
            site: None,
            limit: ALERTS_LOADED,
        };
        self.board.load(
            self.store.currents()?,
            self.store.alerts(&query)?,
            self.store.devices()?,
        );
        Ok(())
    }

    fn appender<B: huitian_store::Backend + Clone>(
        &self,
        driver: &Driver<B>,
        engines: mpsc::Sender<Vec<Placed>>,
    ) -> Result<(Appender, FleetEnds), HubError> {
        let edge = EdgeId::new("local").map_err(|error| HubError::Other(error.to_string()))?;
        let (epoch, next) = driver.numbering(&edge).unwrap_or((random(), [].into()));
        let intake = Intake::new(
            Arc::clone(&self.plan.inventory),
            Arc::clone(&self.plan.site.profiles),
            Arc::clone(&self.config.mqtt.routes),
        );
        let faster = self
            .config
            .demo
            .as_ref()
            .is_some_and(|demo| demo.speed != 1);
        let (downlinks, answers) = Downlinks::new(Arc::clone(&self.metrics));
        let (fleet, events) = mpsc::channel(FLEET_EVENTS_MAX);
        let ends = FleetEnds {
            downlinks: downlinks.clone(),
            answers,
            events,
        };
        let appender = Appender {
            uplinks: Uplinks::new(
                driver.marks(),
                Fleet::wanted(&self.store)?,
                holders(&self.store)?,
            ),
            downlinks,
            fleet,
            store: self.store.clone(),
            ticked: intake.partitions(),
            intake,
            numbering: Numbering::new(edge, epoch, next),
            clock: self.clock.clone(),
            last_tick: driver.now().unwrap_or_default(),
            metrics: Arc::clone(&self.metrics),
            only_client: faster.then(|| crate::demo::CLIENT.to_owned()),
            engines,
        };
        Ok((appender, ends))
    }

    /// Tells the log of another inventory or other settings, before anything else is appended.
    async fn tell_news(&self, asks: &mpsc::Sender<Ask>) -> Result<(), HubError> {
        let News { records, meta } = self.plan.news(&self.store)?;
        if records.is_empty() {
            return Ok(());
        }
        let (asker, durable) = oneshot::channel();
        if asks.send(Ask::Records(records, asker)).await.is_err() || durable.await.is_err() {
            return Err(HubError::Other(
                "the appender ended before it began".to_owned(),
            ));
        }
        for (key, value) in meta {
            self.store.set_meta(key, value).await?;
        }
        Ok(())
    }

    async fn sinks(
        &self,
        tasks: &mut Tasks,
        committed: &watch::Receiver<u64>,
        named: &watch::Receiver<Arc<huitian_model::Inventory>>,
    ) -> Result<(), HubError> {
        if let Some(influx) = &self.config.influx {
            let metrics = Arc::clone(&self.metrics);
            let sink = InfluxSink::new(influx, self.store.clone(), metrics).await;
            let run = sink
                .map_err(HubError::Other)?
                .run(committed.clone(), self.stopped.clone());
            tasks.spawn(async move { run.await.map_err(HubError::from) });
        }
        if let Some(webhook) = &self.config.webhook {
            let secret = webhook
                .secret
                .as_ref()
                .map(|secret| Secret::parse(&secret.0));
            let secret = secret
                .transpose()
                .map_err(|e| HubError::Other(e.to_string()))?;
            let teller = Teller {
                store: self.store.clone(),
                webhook: Webhook::new(webhook.url.clone(), secret).map_err(HubError::Other)?,
                inventory: named.clone(),
                clock: self.clock.clone(),
            };
            let run = teller.run(committed.clone(), self.stopped.clone());
            tasks.spawn(async move { run.await.map_err(HubError::from) });
        }
        Ok(())
    }

    /// The demo with all that it needs to run.
    fn demo_run(&self, demo: Demo, asks: &mpsc::Sender<Ask>, log: LogEnd) -> DemoRun {
        let intake = Intake::new(
            Arc::clone(&self.plan.inventory),
            Arc::clone(&self.plan.site.profiles),
            Arc::clone(&self.config.mqtt.routes),
        );
        demo.into_run(Ways {
            board: self.board.clone(),
            metrics: Arc::clone(&self.metrics),
            store: self.store.clone(),
            asks: asks.clone(),
            intake: Arc::new(intake),
            clock: self.clock.clone(),
            broker: log.broker,
            last_tick: log.last_tick,
        })
    }

    /// Lives the demo's past, then lets time run.
    fn live(
        &self,
        past: Option<DemoRun>,
        asks: &mpsc::Sender<Ask>,
        names: watch::Sender<Arc<huitian_model::Inventory>>,
        tasks: &mut Tasks,
    ) {
        let ticker = Ticker {
            asks: asks.clone(),
            clock: self.clock.clone(),
            board: self.board.clone(),
            metrics: Arc::clone(&self.metrics),
            store: self.store.clone(),
        };
        let reloader = Reloader {
            config: self.config.clone(),
            flags: self.flags.clone(),
            store: self.store.clone(),
            asks: asks.clone(),
            board: self.board.clone(),
            names,
            profiles: self.profiles.clone(),
            routes: self.routes.clone(),
        };
        let stopped = self.stopped.clone();
        tasks.spawn(async move {
            let live = match past {
                None => None,
                Some(mut past) => {
                    past.live_the_past(&stopped).await?;
                    Some(past)
                }
            };
            let ticking = ticker.run(stopped.clone());
            let reloading = reloader.run(stopped.clone());
            let publishing = async {
                match live {
                    None => Ok(()),
                    Some(live) => live.publish(stopped.clone()).await,
                }
            };
            let ((), (), published) = tokio::join!(ticking, reloading, publishing);
            Ok(published?)
        });
    }
}

/// What the demo must know of log and broker.
#[derive(Clone, Copy)]
struct LogEnd {
    broker: Option<std::net::SocketAddr>,
    last_tick: Option<UtcMs>,
}

/// Longest time between the signal and the end (promises D20: 5 s).
const STOP_MAX: Duration = Duration::from_millis(4_500);
