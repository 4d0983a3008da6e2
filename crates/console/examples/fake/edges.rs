//! Three invented edges: one healthy, one away with a backlog, one whose name is used twice.

use std::sync::{Arc, Mutex};

use huitian_console::{ConfigMark, EdgeConfig, EdgeState, Fleet, FleetAnswer, FleetFault};
use huitian_model::uplink::{BusHealth, ConfigFile, ConfigOutcome, Heartbeat};
use huitian_model::{DeviceId, EdgeId, LossReason, Lost, UtcMs};
use huitian_report::Span;

use crate::world::HOUR;

const MINUTE: i64 = 60_000;

/// What an operator told an edge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Told {
    /// A token, for so many ms.
    Enroll(EdgeId, i64),
    /// A configuration.
    Push(EdgeId, Vec<ConfigFile>, bool),
    /// A way back.
    Back(EdgeId, Option<u64>),
}

/// The fleet.
#[derive(Clone)]
pub struct Edges {
    all: Vec<EdgeState>,
    lost: Vec<Lost>,
    fault: Option<FleetFault>,
    /// All that was told, for tests.
    pub told: Arc<Mutex<Vec<Told>>>,
}

impl Edges {
    /// Three edges at `now`.
    pub fn new(now: UtcMs) -> Self {
        Self {
            all: vec![healthy(now), away(now), twice(now)],
            lost: vec![
                lost(
                    "gate-south",
                    LossReason::QueueFull,
                    48_211,
                    now.minus(5 * HOUR),
                ),
                lost("gate-south", LossReason::Damaged, 64, now.minus(9 * HOUR)),
            ],
            fault: None,
            told: Arc::default(),
        }
    }

    /// None at all.
    pub fn none() -> Self {
        Self {
            all: Vec::new(),
            lost: Vec::new(),
            ..Self::new(UtcMs(0))
        }
    }

    /// Answers everything with a fault.
    pub fn failing(fault: FleetFault) -> Self {
        Self {
            fault: Some(fault),
            ..Self::none()
        }
    }

    fn say<T: Send + 'static>(&self, answer: T) -> FleetAnswer<T> {
        let fault = self.fault.clone();
        Box::pin(async move { fault.map_or(Ok(answer), Err) })
    }

    fn note(&self, told: Told) {
        self.told.lock().unwrap().push(told);
    }
}

impl Fleet for Edges {
    fn edges(&self) -> FleetAnswer<Vec<EdgeState>> {
        self.say(self.all.clone())
    }

    fn configs(&self, edge: EdgeId) -> FleetAnswer<Vec<EdgeConfig>> {
        let of_edge = self.all.iter().filter(|it| it.edge == edge);
        let configs = of_edge
            .filter_map(|it| it.newest.clone())
            .map(|mark| EdgeConfig {
                mark,
                files: vec![("edge.toml".to_owned(), 812)],
            });
        self.say(configs.collect())
    }

    fn enroll(&self, edge: EdgeId, for_ms: i64) -> FleetAnswer<String> {
        self.note(Told::Enroll(edge, for_ms));
        self.say("not-a-real-token".to_owned())
    }

    fn push(&self, edge: EdgeId, files: Vec<ConfigFile>, dry_run: bool) -> FleetAnswer<u64> {
        self.note(Told::Push(edge, files, dry_run));
        self.say(5)
    }

    fn back(&self, edge: EdgeId, to: Option<u64>) -> FleetAnswer<u64> {
        self.note(Told::Back(edge, to));
        self.say(6)
    }

    fn losses(&self, span: Span) -> FleetAnswer<Vec<Lost>> {
        let lost = self.lost.iter();
        let within = lost.filter(|it| it.at >= span.from && it.at < span.to);
        self.say(within.cloned().collect())
    }
}

fn id(text: &str) -> EdgeId {
    EdgeId::new(text).unwrap()
}

fn lost(edge: &str, reason: LossReason, count: u64, at: UtcMs) -> Lost {
    Lost {
        edge: id(edge),
        epoch: 7,
        first_n: 0,
        count,
        reason,
        at,
        devices: vec![(DeviceId::new("bin-3").unwrap(), count)],
    }
}

fn bus(name: &str, up: bool, units_ok: u16, units_down: u16) -> BusHealth {
    BusHealth {
        name: name.to_owned(),
        up,
        units_ok,
        units_down,
        requests: 184_200,
        timeouts: 12,
        mismatches: 1,
    }
}

fn beat(now: UtcMs) -> Heartbeat {
    Heartbeat {
        now,
        clock_set: true,
        software: "0.3.0".to_owned(),
        up_ms: 399_600_000,
        config_version: 4,
        queued: 0,
        queue_bytes: 0,
        oldest: None,
        accepted: 9_120_400,
        lost: 0,
        memory_bytes: 9_400_000,
        buses: vec![bus("gatehouse", true, 12, 0), bus("bins", true, 6, 0)],
    }
}

fn mark(version: u64, made_at: UtcMs, outcome: Option<ConfigOutcome>) -> ConfigMark {
    ConfigMark {
        version,
        made_at,
        dry_run: false,
        outcome: outcome.map(|outcome| (made_at.plus(40_000), outcome)),
    }
}

fn healthy(now: UtcMs) -> EdgeState {
    EdgeState {
        edge: id("gate-north"),
        enrolled_at: Some(now.minus(720 * HOUR)),
        heard_at: Some(now.minus(12_000)),
        heartbeat: Some(beat(now.minus(12_000))),
        conflict: None,
        wanted: 4,
        newest: Some(mark(4, now.minus(80 * HOUR), Some(ConfigOutcome::Applied))),
    }
}

fn away(now: UtcMs) -> EdgeState {
    let heard = now.minus(6 * HOUR + 12 * MINUTE);
    let mut heartbeat = beat(heard);
    heartbeat.queued = 1_204_311;
    heartbeat.queue_bytes = 61_400_000;
    heartbeat.oldest = Some(heard.minus(3 * HOUR));
    heartbeat.lost = 48_275;
    heartbeat.config_version = 3;
    heartbeat.buses = vec![
        bus("gatehouse", true, 11, 1),
        bus("underground-car-park-level-2", false, 0, 24),
    ];
    let reason = "bus underground-car-park-level-2 did not come up within 120s: \
                  /dev/serial/by-id/usb-FTDI_FT232R_USB_UART_A50285BI-if00-port0: no such device";
    EdgeState {
        edge: id("gate-south"),
        enrolled_at: Some(now.minus(720 * HOUR)),
        heard_at: Some(heard),
        heartbeat: Some(heartbeat),
        conflict: None,
        wanted: 3,
        newest: Some(mark(
            4,
            now.minus(8 * HOUR),
            Some(ConfigOutcome::RolledBack(reason.to_owned())),
        )),
    }
}

fn twice(now: UtcMs) -> EdgeState {
    let mut heartbeat = beat(UtcMs(86_412_000));
    heartbeat.clock_set = false;
    heartbeat.config_version = 0;
    heartbeat.queued = 40;
    heartbeat.queue_bytes = 2_100;
    heartbeat.oldest = Some(now.minus(20_000));
    heartbeat.buses = Vec::new();
    let seen = "two machines say hello as gate-west in turn: instance 11259375 at 08:19:12 and \
                instance 1311768467 at 08:19:14";
    EdgeState {
        edge: id("gate-west"),
        enrolled_at: None,
        heard_at: Some(now.minus(3_000)),
        heartbeat: Some(heartbeat),
        conflict: Some((now.minus(2 * MINUTE), seen.to_owned())),
        wanted: 1,
        newest: Some(mark(1, now.minus(MINUTE), None)),
    }
}
