//! What the live pages show: the newest current figures, open alerts and the state of the hub.
//!
//! The hub feeds it ([`Board::apply`], [`Board::set_now`], ..); pages read it; event streams ask
//! [`Board::since`] what has changed. Every change has a version, and every entry knows the
//! version it last changed at, so a client that missed any number of changes is brought up to
//! date by one answer and nothing is queued per client.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use huitian_model::{
    AlertId, AlertRow, AlertState, Commit, Current, DeviceId, DeviceRow, FacilityId, FillLevel,
    Inventory, Output, SiteId, Transition, UtcMs,
};
use tokio::sync::watch;
use tokio::time::Instant;

/// Alerts that are over and still shown live; older ones are in the store.
const RETURNED_MAX: usize = 200;

/// Alerts kept in all: 127 compounds with some 12 bins each can all overflow at once (1,524).
const ALERTS_MAX: usize = 4_096;

/// The past is being lived through, or the log is being replayed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Progress {
    /// What is being done.
    pub phase: Phase,
    /// How much of it is done, ms of event time.
    pub done_ms: i64,
    /// How much there is, ms of event time.
    pub total_ms: i64,
    /// From when.
    pub from: UtcMs,
    /// Until when.
    pub to: UtcMs,
}

/// What keeps the hub from live time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// The log is replayed from the last snapshot.
    Recovering,
    /// The simulated district's past days are lived through.
    LivingThePast,
}

/// Whether what is shown is real.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum World {
    /// Readings of real devices.
    Real,
    /// The simulated district, so many times faster than real time.
    Simulated {
        /// 1 = real time.
        speed: u32,
    },
}

/// Whether the hub serves, for `/readyz` and the page's head.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Health {
    /// Why it does not; empty = ready.
    pub not_ready: Vec<String>,
    /// Readings accepted per second of the last while, in hundredths.
    pub readings_per_s_hundredths: u64,
    /// Readings in the log that the engine has not reached yet.
    pub in_flight: u64,
}

#[derive(Debug, Clone)]
struct Versioned<T> {
    version: u64,
    value: T,
}

#[derive(Debug)]
struct State {
    version: u64,
    /// Clients that know an older version are told everything: the inventory or the world
    /// changed, or entries were dropped.
    whole_since: u64,
    inventory: Arc<Inventory>,
    currents: BTreeMap<(SiteId, FacilityId), Versioned<Arc<Current>>>,
    alerts: BTreeMap<AlertId, Versioned<Arc<AlertRow>>>,
    devices: BTreeMap<DeviceId, DeviceRow>,
    progress: Option<Progress>,
    world: World,
    health: Versioned<Health>,
    overflow_limit: Option<FillLevel>,
    clock: Option<(UtcMs, Instant)>,
}

/// The live figures. Cheap to clone: all clones are one board.
#[derive(Debug, Clone)]
pub struct Board {
    run: u64,
    state: Arc<RwLock<State>>,
    changed: watch::Sender<u64>,
}

/// What a page reads, taken at one instant.
#[derive(Debug, Clone)]
pub struct View {
    /// The version it was taken at.
    pub version: u64,
    /// What is out there.
    pub inventory: Arc<Inventory>,
    /// Current figures by facility.
    pub currents: BTreeMap<(SiteId, FacilityId), Arc<Current>>,
    /// Alerts that are pending or active, and those that returned of late.
    pub alerts: Vec<Arc<AlertRow>>,
    /// The past being lived through.
    pub progress: Option<Progress>,
    /// Real or simulated.
    pub world: World,
    /// The hub's state.
    pub health: Health,
    /// From which fill level a bin overflows, where it is known.
    pub overflow_limit: Option<FillLevel>,
    /// The hub's time; none before the first.
    pub now: Option<UtcMs>,
}

/// What has changed since a version.
#[derive(Debug, Clone)]
pub struct Changes {
    /// The version this leads to.
    pub version: u64,
    /// Whether this is everything, because the version asked for is too old or of another run.
    pub is_whole: bool,
    /// Facilities that changed.
    pub currents: Vec<Arc<Current>>,
    /// Alerts that changed.
    pub alerts: Vec<Arc<AlertRow>>,
    /// The hub's state, where it changed.
    pub health: Option<Health>,
}

impl Board {
    /// An empty board. `run` tells this run from others, such as its start time in ms: a client
    /// that resumes with an event of another run is told everything.
    pub fn new(run: u64, world: World) -> Self {
        let state = State {
            version: 1,
            whole_since: 1,
            inventory: Arc::new(Inventory::default()),
            currents: BTreeMap::new(),
            alerts: BTreeMap::new(),
            devices: BTreeMap::new(),
            progress: None,
            world,
            health: Versioned {
                version: 1,
                value: Health::default(),
            },
            overflow_limit: None,
            clock: None,
        };
        Self {
            run,
            state: Arc::new(RwLock::new(state)),
            changed: watch::Sender::new(1),
        }
    }

    /// Which run this is.
    pub const fn run(&self) -> u64 {
        self.run
    }

    /// Takes what the engine said. Outputs that no live page shows change nothing.
    pub fn apply(&self, output: &Output) {
        self.apply_all(std::slice::from_ref(output));
    }

    /// Takes all outputs of a commit as one change.
    pub fn apply_commit(&self, commit: &Commit) {
        self.apply_all(&commit.outputs);
    }

    /// Takes outputs as one change.
    pub fn apply_all(&self, outputs: &[Output]) {
        self.change(|state| {
            let mut changed = false;
            for output in outputs {
                changed |= state.take(output);
            }
            changed
        });
    }

    /// Fills the board from stored results when the hub starts.
    pub fn load(&self, currents: Vec<Current>, alerts: Vec<AlertRow>, devices: Vec<DeviceRow>) {
        let outputs: Vec<Output> = currents
            .into_iter()
            .map(Output::Current)
            .chain(alerts.into_iter().map(Output::Alert))
            .chain(devices.into_iter().map(Output::Device))
            .collect();
        self.apply_all(&outputs);
    }

    /// A new inventory holds: figures of facilities that are gone are dropped.
    pub fn set_inventory(&self, inventory: Arc<Inventory>) {
        self.change(|state| {
            state
                .currents
                .retain(|(site, facility), _| inventory.facility(site, facility).is_some());
            state
                .devices
                .retain(|id, _| inventory.devices.contains_key(id));
            state.inventory = inventory;
            state.whole_since = state.version;
            true
        });
    }

    /// How far the past has been lived through; none when live time begins.
    pub fn set_progress(&self, progress: Option<Progress>) {
        self.change(|state| {
            let is_news = state.progress != progress;
            if is_news {
                state.progress = progress;
                state.health.version = state.version;
            }
            is_news
        });
    }

    /// The hub's state.
    pub fn set_health(&self, health: Health) {
        self.change(|state| {
            let is_news = state.health.value != health;
            if is_news {
                state.health = Versioned {
                    version: state.version,
                    value: health,
                };
            }
            is_news
        });
    }

    /// From which fill level a bin overflows by the settings in force: drawn in charts.
    pub fn set_overflow_limit(&self, limit: FillLevel) {
        self.write().overflow_limit = Some(limit);
    }

    /// The hub's time, from which ages are shown. It runs on by itself until it is set again.
    pub fn set_now(&self, now: UtcMs) {
        self.write().clock = Some((now, Instant::now()));
    }

    /// The hub's time; none before the first.
    pub fn now(&self) -> Option<UtcMs> {
        self.read().now()
    }

    /// Everything, for a page.
    pub fn view(&self) -> View {
        let state = self.read();
        View {
            version: state.version,
            inventory: Arc::clone(&state.inventory),
            currents: state
                .currents
                .iter()
                .map(|(key, current)| (key.clone(), Arc::clone(&current.value)))
                .collect(),
            alerts: state
                .alerts
                .values()
                .map(|it| Arc::clone(&it.value))
                .collect(),
            progress: state.progress.clone(),
            world: state.world,
            health: state.health.value.clone(),
            overflow_limit: state.overflow_limit,
            now: state.now(),
        }
    }

    /// The health of devices as last said, by id.
    pub fn devices(&self) -> BTreeMap<DeviceId, DeviceRow> {
        self.read().devices.clone()
    }

    /// What changed after `version` of run `run`; everything where that is not known any more.
    pub fn since(&self, run: u64, version: u64) -> Changes {
        let state = self.read();
        let is_whole = run != self.run || version < state.whole_since || version > state.version;
        let after = if is_whole { 0 } else { version };
        let health = &state.health;
        Changes {
            version: state.version,
            is_whole,
            currents: newer(state.currents.values(), after),
            alerts: newer(state.alerts.values(), after),
            health: (health.version > after).then(|| health.value.clone()),
        }
    }

    /// Wakes when the board changes; holds the newest version.
    pub fn subscribe(&self) -> watch::Receiver<u64> {
        self.changed.subscribe()
    }

    /// Applies one change under the next version, and tells those who wait if there was any.
    fn change(&self, make: impl FnOnce(&mut State) -> bool) {
        let mut state = self.write();
        let before = state.version;
        state.version += 1;
        if !make(&mut state) {
            state.version = before;
            return;
        }
        let version = state.version;
        drop(state);
        self.changed
            .send_modify(|newest| *newest = version.max(*newest));
    }

    /// A panic in a writer cannot leave a half-made state: each map is changed by single inserts.
    fn read(&self) -> RwLockReadGuard<'_, State> {
        self.state.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, State> {
        self.state.write().unwrap_or_else(PoisonError::into_inner)
    }
}

fn newer<'a, T: 'a>(
    entries: impl Iterator<Item = &'a Versioned<Arc<T>>>,
    after: u64,
) -> Vec<Arc<T>> {
    entries
        .filter(|entry| entry.version > after)
        .map(|entry| Arc::clone(&entry.value))
        .collect()
}

impl State {
    fn now(&self) -> Option<UtcMs> {
        let (set, at) = self.clock?;
        let speed = match self.world {
            World::Real => 1,
            World::Simulated { speed } => i64::from(speed),
        };
        let passed = i64::try_from(at.elapsed().as_millis()).unwrap_or(0);
        Some(set.plus(passed.saturating_mul(speed)))
    }

    /// Whether a live page shows it and it is news.
    fn take(&mut self, output: &Output) -> bool {
        match output {
            Output::Current(current) => self.take_current(current),
            Output::Alert(alert) => self.take_alert(alert),
            Output::Device(device) => {
                self.devices.insert(device.device.clone(), device.clone());
                false
            }
            Output::Window(_)
            | Output::Rolling(_)
            | Output::Episode(_)
            | Output::Emptied(_)
            | Output::Finding(_)
            | Output::Held(_)
            | Output::Account(_)
            | Output::Lost(_) => false,
        }
    }

    fn take_current(&mut self, current: &Current) -> bool {
        let key = (current.site.clone(), current.facility.clone());
        let entry = Versioned {
            version: self.version,
            value: Arc::new(current.clone()),
        };
        self.currents.insert(key, entry);
        true
    }

    fn take_alert(&mut self, alert: &AlertRow) -> bool {
        if alert.transition == Transition::Dropped {
            self.whole_since = self.version;
            return self.alerts.remove(&alert.id).is_some();
        }
        let entry = Versioned {
            version: self.version,
            value: Arc::new(alert.clone()),
        };
        self.alerts.insert(alert.id.clone(), entry);
        self.forget_old_alerts();
        true
    }

    /// Keeps the limits: those that returned first go first, then the oldest of all.
    fn forget_old_alerts(&mut self) {
        let is_over = |alert: &AlertRow| alert.state == AlertState::Returned;
        let over = self.alerts.values().filter(|it| is_over(&it.value)).count();
        if over <= RETURNED_MAX && self.alerts.len() <= ALERTS_MAX {
            return;
        }
        let oldest = self
            .alerts
            .values()
            .filter(|it| is_over(&it.value) || over == 0)
            .min_by_key(|it| it.value.changed_at)
            .map(|it| it.value.id.clone());
        if let Some(id) = oldest {
            self.alerts.remove(&id);
            self.whole_since = self.version;
        }
    }
}

#[cfg(test)]
mod tests;
