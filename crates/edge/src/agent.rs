//! The edge from start to stop.

use std::path::PathBuf;
use std::time::Duration;

use huitian_model::uplink::{ConfigFile, ConfigOutcome};
use huitian_mqtt::Login;
use huitian_queue::QueueError;
use huitian_settings::ConfigFault;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{broadcast, mpsc, watch};
use tokio::time::{Instant, MissedTickBehavior};
use tracing::{error, info, warn};

use crate::clock::{Clock, Wall};
use crate::keeper::{self, Ask, Keeper, News, Standing, Ways};
use crate::link;
use crate::local::Local;
use crate::plant::{self, Plant, PlantError};
use crate::random::random;
use crate::settings::{EdgeConfig, Overrides, PlantConfig, password_file};
use crate::store::{Configs, write_whole};

mod opening;

use opening::{Kept, keep, open_queue};

/// Between two heartbeats.
const HEARTBEAT_EVERY: Duration = Duration::from_secs(30);

/// Between two looks at time.
const TICK_EVERY: Duration = Duration::from_secs(1);

/// Readings that a watcher may be behind; what is more it does not see.
const TAP_MAX: usize = 1_024;

/// News of the hub that wait.
const NEWS_MAX: usize = 8;

/// Longest time between the signal and the end of sources and buses (promises D20: 5 s).
const STOP_MAX: Duration = Duration::from_secs(4);

/// Why the edge did not start, or stopped.
#[derive(Debug)]
pub enum EdgeError {
    /// Settings are wrong: each fault with its place.
    Settings(Vec<ConfigFault>),
    /// The queue.
    Queue(QueueError),
    /// A port is taken, or the like.
    Plant(PlantError),
    /// The uplink, a thread, the system.
    Other(String),
}

impl From<ConfigFault> for EdgeError {
    fn from(fault: ConfigFault) -> Self {
        Self::Settings(vec![fault])
    }
}

impl From<QueueError> for EdgeError {
    fn from(error: QueueError) -> Self {
        Self::Queue(error)
    }
}

/// What an edge is started with.
pub struct Options {
    /// Its own file.
    pub file: PathBuf,
    /// What the command line says over it.
    pub flags: Overrides,
    /// What time it is.
    pub wall: Wall,
    /// Asks for a password with this token, and ends when it came.
    pub enroll: Option<String>,
}

/// What runs beside the plant.
struct Agent {
    config: EdgeConfig,
    flags: Overrides,
    configs: Configs,
    clock: Clock,
    asks: mpsc::Sender<Ask>,
    standing: watch::Receiver<Standing>,
    plant: Option<Plant>,
    /// The part of the settings that is in force.
    in_force: PlantConfig,
    trial: Option<Trial>,
    /// The last version that was given up after a trial, and why: a hub that has not heard of it
    /// yet sends that version again.
    ended: Option<(u64, String)>,
}

/// A configuration on trial.
struct Trial {
    version: u64,
    before: u64,
    former: PlantConfig,
    ends: Instant,
    /// Buses that were up before.
    up: Vec<String>,
}

/// Runs until `stop` is true.
///
/// # Errors
/// [`EdgeError`].
pub async fn run(options: Options, mut stop: watch::Receiver<bool>) -> Result<(), EdgeError> {
    let mut config = EdgeConfig::load(&options.file, &options.flags)?;
    if let Some(token) = &options.enroll {
        log_in_with(&mut config, token);
    }
    let configs = Configs::new(&config.data);
    let was_on_trial = configs.trial() != 0;
    let (version, in_force, failed) = in_force(&config, &configs, &options.flags)?;
    let (site, lines) = plant::check(&in_force).map_err(EdgeError::Settings)?;
    let (spool, clock) = open_queue(&config, &in_force, options.wall)?;
    let (asks, asked) = mpsc::channel(keeper::ASKS_MAX);
    let (up, outgoing) = mpsc::channel(link::OUTGOING_MAX);
    let (news, mut heard) = mpsc::channel(NEWS_MAX);
    let (tap, _) = broadcast::channel(TAP_MAX);
    let (standing_in, standing) = watch::channel(Standing::default());
    let refusals = options.enroll.is_some().then(|| news.clone());
    let ways = Ways {
        up: Some(up),
        news,
        tap: tap.clone(),
        standing: standing_in,
    };
    let reader = plant::reader(&in_force, &site);
    let instances = crate::store::instances(&config.data, random())
        .map_err(|error| EdgeError::Other(format!("the list of starts: {error}")))?;
    let keeper = Keeper::new(spool, reader, clock.clone(), (instances, version), ways);
    let kept = keep(keeper, asked)?;
    let (stop_link, link_stopped) = watch::channel(false);
    let link = tokio::spawn(link::run(
        (config.uplink.clone(), refusals),
        config.id.clone(),
        asks.clone(),
        outgoing,
        link_stopped,
    ));
    let mut agent = Agent {
        configs,
        clock,
        standing,
        plant: None,
        in_force,
        trial: None,
        ended: failed.clone(),
        flags: options.flags,
        asks: asks.clone(),
        config,
    };
    let local = Local::open(&agent.config.data, tap, agent.standing.clone())
        .map_err(|error| EdgeError::Other(format!("the local socket: {error}")))?;
    if options.enroll.is_none() {
        let plant = Plant::start(&agent.in_force, lines, &agent.clock, &asks).await;
        agent.plant = Some(plant.map_err(EdgeError::Plant)?);
    }
    info!(edge = %agent.config.id, version, listens = ?agent.listens(), "ready");
    if let Some((version, reason)) = failed.filter(|_| was_on_trial) {
        agent.tell(version, ConfigOutcome::RolledBack(reason)).await;
    }
    let ended = agent
        .live(&mut heard, &mut stop, options.enroll, kept)
        .await;
    local.close();
    stop_link.send_replace(true);
    if let Ok(Err(error)) = link.await {
        error!(%error, "the uplink");
    }
    ended
}

/// Before an edge has its password, the token is it; a login that its file names stays.
fn log_in_with(config: &mut EdgeConfig, token: &str) {
    let own = config.id.as_str();
    if (config.uplink.login.as_ref()).is_none_or(|login| login.username == own) {
        config.uplink.login = Some(Login {
            username: own.to_owned(),
            password: token.to_owned(),
        });
    }
}

/// The part of the settings that is in force, its version, and the trial that failed by the end
/// of the process.
type InForce = (u64, PlantConfig, Option<(u64, String)>);

fn in_force(
    config: &EdgeConfig,
    configs: &Configs,
    flags: &Overrides,
) -> Result<InForce, EdgeError> {
    let trial = configs.trial();
    let version = configs.current();
    if trial != 0 {
        configs.give_up(trial, version).map_err(EdgeError::Other)?;
    }
    let given_up = configs.given_up();
    let failed = (given_up != 0).then(|| {
        let reason = match trial {
            0 => "it was given up after a trial before the edge was started again",
            _ => "the edge ended while it was on trial",
        };
        (given_up, reason.to_owned())
    });
    if version == 0 {
        return Ok((0, config.plant.clone(), failed));
    }
    match PlantConfig::load(&configs.settings(version), flags) {
        Ok(plant) => Ok((version, plant, failed)),
        Err(fault) => {
            // It was in force and healthy once: the disk, or another program, has changed it.
            error!(version, %fault, "the hub's configuration cannot be read: our own file instead");
            Ok((0, config.plant.clone(), failed))
        }
    }
}

enum Next {
    Stop,
    Kept(Result<Result<(), QueueError>, tokio::sync::oneshot::error::RecvError>),
    News(News),
    Tick,
    Heartbeat,
    Reload,
}

impl Agent {
    fn listens(&self) -> Option<std::net::SocketAddr> {
        self.plant.as_ref().and_then(Plant::listens)
    }

    async fn live(
        &mut self,
        news: &mut mpsc::Receiver<News>,
        stop: &mut watch::Receiver<bool>,
        token: Option<String>,
        mut kept: Kept,
    ) -> Result<(), EdgeError> {
        let mut tick = tokio::time::interval(TICK_EVERY);
        tick.set_missed_tick_behavior(MissedTickBehavior::Skip);
        let mut heartbeat = tokio::time::interval(HEARTBEAT_EVERY);
        heartbeat.set_missed_tick_behavior(MissedTickBehavior::Skip);
        let mut was_linked = false;
        let mut hangup = signal(SignalKind::hangup())
            .map_err(|error| EdgeError::Other(format!("no signals: {error}")))?;
        loop {
            let next = tokio::select! {
                _stopped = stop.wait_for(|stop| *stop) => Next::Stop,
                ended = &mut kept => Next::Kept(ended),
                Some(news) = news.recv() => Next::News(news),
                _now = tick.tick() => Next::Tick,
                _now = heartbeat.tick() => Next::Heartbeat,
                _hangup = hangup.recv() => Next::Reload,
            };
            match next {
                Next::Stop => break,
                Next::Kept(Ok(Err(failure))) => return Err(failure.into()),
                Next::Kept(_) => return Err(EdgeError::Other("the keeper ended".to_owned())),
                Next::News(news) => {
                    if let Some(ended) = self.on_news(news).await {
                        return ended;
                    }
                }
                Next::Tick => {
                    self.judge_trial().await;
                    let is_linked = self.standing.borrow().is_linked;
                    if is_linked && !was_linked {
                        heartbeat.reset_immediately();
                    }
                    if let (Some(token), true) = (&token, is_linked && !was_linked) {
                        self.ask(Ask::Enroll(token.clone())).await;
                    }
                    was_linked = is_linked;
                    self.ask(Ask::Tick).await;
                }
                Next::Reload => {
                    info!("SIGHUP: reading users and certificates again");
                    if let Some(plant) = &self.plant {
                        plant.reload();
                    }
                }
                Next::Heartbeat => {
                    let buses = self.plant.as_ref().map_or_else(Vec::new, Plant::buses);
                    self.ask(Ask::Heartbeat(buses)).await;
                }
            }
        }
        info!("stopping");
        // Sources end first, so that what they still hand over is kept.
        self.stop_plant().await;
        self.ask(Ask::Stop).await;
        match kept.await {
            Ok(Err(failure)) => Err(failure.into()),
            Ok(Ok(())) | Err(_) => Ok(()),
        }
    }

    async fn ask(&self, ask: Ask) {
        if self.asks.send(ask).await.is_err() {
            warn!("the keeper has ended");
        }
    }

    async fn tell(&self, version: u64, outcome: ConfigOutcome) {
        info!(version, ?outcome, "configuration");
        self.ask(Ask::Outcome(version, outcome)).await;
    }

    /// Follows what the hub says; an end of the edge where it asks for one.
    async fn on_news(&mut self, news: News) -> Option<Result<(), EdgeError>> {
        match news {
            News::Config {
                version,
                files,
                dry_run,
            } => {
                self.on_config(version, &files, dry_run).await;
                None
            }
            News::Enrolled(password) => {
                let path = password_file(&self.config.data);
                let written = write_whole(&path, &password);
                Some(
                    written
                        .map_err(|error| EdgeError::Other(format!("{}: {error}", path.display()))),
                )
            }
            News::NotEnrolled => Some(Err(EdgeError::Other(
                "the hub does not take this token: it is unknown, past its time, used, or for \
                 another edge"
                    .to_owned(),
            ))),
        }
    }

    async fn on_config(&mut self, version: u64, files: &[ConfigFile], dry_run: bool) {
        let is_known = version == self.configs.current();
        if self.trial.is_some() || (is_known && !dry_run) {
            // Said again while it is being tried, or in force already.
            return;
        }
        if let Some((ended, reason)) = self.ended.clone()
            && ended == version
            && !dry_run
        {
            return self.tell(version, ConfigOutcome::RolledBack(reason)).await;
        }
        let checked = self.configs.write(version, files).and_then(|()| {
            let file = self.configs.settings(version);
            let plant = PlantConfig::load(&file, &self.flags).map_err(|fault| fault.to_string())?;
            let (site, lines) = plant::check(&plant).map_err(|faults| {
                let texts: Vec<String> = faults.iter().map(ToString::to_string).collect();
                texts.join("\n")
            })?;
            Ok((plant, site, lines))
        });
        let (plant, site, lines) = match checked {
            Ok(checked) => checked,
            Err(faults) => return self.tell(version, ConfigOutcome::Refused(faults)).await,
        };
        self.tell(version, ConfigOutcome::Accepted).await;
        if dry_run {
            return;
        }
        if let Err(fault) = self.configs.try_out(version) {
            return self.tell(version, ConfigOutcome::Refused(fault)).await;
        }
        let buses = self.plant.as_ref().map_or_else(Vec::new, Plant::buses);
        self.trial = Some(Trial {
            version,
            before: self.configs.current(),
            former: self.in_force.clone(),
            ends: Instant::now() + Duration::from_millis(self.config.trial_ms.unsigned_abs()),
            up: buses
                .into_iter()
                .filter(|bus| bus.up)
                .map(|bus| bus.name)
                .collect(),
        });
        if let Err(fault) = self.go_over(plant, &site, lines).await {
            self.go_back(format!("it did not start: {}", fault.text()))
                .await;
        }
    }

    /// Ends what runs, within a limit.
    async fn stop_plant(&mut self) {
        if let Some(plant) = self.plant.take()
            && tokio::time::timeout(STOP_MAX, plant.stop()).await.is_err()
        {
            warn!("not all devices were answered in time: they send again");
        }
    }

    /// Ends what runs, and runs this.
    async fn go_over(
        &mut self,
        config: PlantConfig,
        site: &crate::site::Site,
        lines: Vec<crate::buses::Prepared>,
    ) -> Result<(), PlantError> {
        self.stop_plant().await;
        let reader = plant::reader(&config, site);
        self.ask(Ask::Intake(Box::new(reader))).await;
        let plant = Plant::start(&config, lines, &self.clock, &self.asks).await?;
        self.in_force = config;
        self.plant = Some(plant);
        Ok(())
    }

    /// At the end of a trial: whether the edge does as well as before.
    async fn judge_trial(&mut self) {
        let Some(trial) = &self.trial else { return };
        if Instant::now() < trial.ends {
            return;
        }
        let buses = self.plant.as_ref().map_or_else(Vec::new, Plant::buses);
        let down: Vec<&str> = buses
            .iter()
            .filter(|bus| !bus.up && trial.up.contains(&bus.name))
            .map(|bus| bus.name.as_str())
            .collect();
        let standing = self.standing.borrow().clone();
        let fault = if !standing.is_linked {
            Some("the hub cannot be reached".to_owned())
        } else if !down.is_empty() {
            Some(format!("buses that were up are down: {}", down.join(", ")))
        } else {
            standing.blocked
        };
        if let Some(reason) = fault {
            return self.go_back(reason).await;
        }
        let version = trial.version;
        match self.configs.settle(version) {
            Ok(()) => {
                self.trial = None;
                self.tell(version, ConfigOutcome::Applied).await;
            }
            // After a restart the former would be in force: better it is from now on.
            Err(fault) => self.go_back(format!("it could not be kept: {fault}")).await,
        }
    }

    /// Back to what was in force before the trial.
    async fn go_back(&mut self, reason: String) {
        let Some(trial) = self.trial.take() else {
            return;
        };
        warn!(
            version = trial.version,
            reason, "back to the former configuration"
        );
        self.ended = Some((trial.version, reason.clone()));
        if let Err(fault) = self.configs.give_up(trial.version, trial.before) {
            error!(fault, "the end of the trial could not be noted");
        }
        let checked = plant::check(&trial.former);
        let back = match checked {
            Ok((site, lines)) => self.go_over(trial.former, &site, lines).await,
            Err(faults) => Err(PlantError::Settings(faults)),
        };
        if let Err(fault) = back {
            error!(
                fault = fault.text(),
                "the former configuration does not run any more"
            );
        }
        self.tell(trial.version, ConfigOutcome::RolledBack(reason))
            .await;
    }
}
