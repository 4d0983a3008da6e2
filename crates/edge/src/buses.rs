//! Modbus lines, as settings describe them and as they run. The same in the edge and in the hub.

use std::time::Duration;

use huitian_modbus::budget::{Budget, LineLoad, UnitLoad};
use huitian_modbus::settings::{Endpoint as Where, LineConfig, SerialParams, Transmission};
use huitian_modbus::{
    Endpoint, Line, LineHealth, LineSettings, LineState, Parity, Sampled, SerialSettings, StopBits,
    UnitState,
};
use huitian_model::UtcMs;
use huitian_model::uplink::BusHealth;
use huitian_mqtt::Verdict;
use huitian_settings::ConfigFault;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinSet;

use crate::hear::Polled;
use crate::site::Site;

/// Cycles that wait to be stored: while more do, the line is not polled.
const CYCLES_MAX: usize = 4;

/// A line that is ready to be read, with what it costs.
pub struct Prepared {
    /// It.
    pub line: Line,
    /// Its arithmetic.
    pub budget: Budget,
    /// Units in it.
    pub units: usize,
}

/// Makes lines ready.
///
/// # Errors
/// Every line's fault: what is not known, or a cadence that cannot be kept, with the arithmetic.
pub fn prepare(lines: &[LineConfig], site: &Site) -> Result<Vec<Prepared>, Vec<ConfigFault>> {
    let mut faults = Vec::new();
    let mut all = Vec::new();
    for config in lines {
        let plain = |text: String| ConfigFault::plain(text);
        let units = match config.units(&site.maps, &site.inventory) {
            Ok(units) => units,
            Err(fault) => {
                faults.push(plain(fault.to_string()));
                continue;
            }
        };
        let loads: Vec<UnitLoad> = units.iter().map(UnitLoad::of).collect();
        match Budget::new(&LineLoad::of(config), &loads) {
            Err(fault) => {
                let name = &config.name;
                faults.push(plain(format!("modbus line {name:?}: {fault}")));
            }
            Ok(budget) => match settings(config) {
                Err(fault) => faults.push(plain(fault)),
                Ok(settings) => {
                    let count = units.len();
                    let units = units.into_iter().map(|unit| {
                        let unit: Box<dyn huitian_modbus::Unit> = Box::new(unit);
                        unit
                    });
                    all.push(Prepared {
                        line: Line::new(settings, units.collect()),
                        budget,
                        units: count,
                    });
                }
            },
        }
    }
    if faults.is_empty() {
        Ok(all)
    } else {
        Err(faults)
    }
}

fn settings(config: &LineConfig) -> Result<LineSettings, String> {
    let ms = Duration::from_millis;
    let endpoint = endpoint(config, &config.endpoint)?;
    let backup = config
        .backup
        .as_ref()
        .map(|backup| self::endpoint(config, backup));
    let mut line = LineSettings::new(&config.name, endpoint);
    line.backup = backup.transpose()?;
    line.interval = ms(config.interval_ms);
    line.timeout = ms(config.timing.timeout_ms);
    line.pause_after_connect = ms(config.timing.pause_after_connect_ms);
    line.pause_between_requests = ms(config.timing.pause_between_requests_ms);
    line.close_after_cycle = config.timing.close_connection_after_gather;
    line.busy_retries = u8::try_from(config.timing.busy_retries).unwrap_or(u8::MAX);
    line.busy_retries_wait = ms(config.timing.busy_retries_wait_ms);
    line.dead_share_percent = config.dead_share;
    Ok(line)
}

fn endpoint(config: &LineConfig, at: &Where) -> Result<Endpoint, String> {
    Ok(match (at, config.transmission) {
        (Where::Tcp { host, port }, Transmission::RtuOverTcp) => Endpoint::RtuOverTcp {
            host: host.clone(),
            port: *port,
        },
        (Where::Tcp { host, port }, _) => Endpoint::Tcp {
            host: host.clone(),
            port: *port,
        },
        (Where::Serial(path), _) => serial(config.serial, path)
            .ok_or_else(|| format!("modbus line {:?}: RTU has 8 data bits", config.name))?,
    })
}

fn serial(params: SerialParams, path: &std::path::Path) -> Option<Endpoint> {
    use huitian_codec::registers::Parity as Written;
    (params.data_bits == 8).then(|| {
        Endpoint::Serial(SerialSettings {
            path: path.display().to_string(),
            baud: params.baud_rate,
            parity: match params.parity {
                Written::None => Parity::None,
                Written::Even => Parity::Even,
                Written::Odd => Parity::Odd,
            },
            stop_bits: if params.stop_bits == 2 {
                StopBits::Two
            } else {
                StopBits::One
            },
        })
    })
}

/// Lines that run.
pub struct Buses {
    tasks: JoinSet<()>,
    healths: Vec<watch::Receiver<LineHealth>>,
    stop: watch::Sender<bool>,
}

impl Buses {
    /// Runs lines; each cycle's samples go to `out` as one, and the next cycle waits for room.
    pub fn run(
        prepared: Vec<Prepared>,
        clock: &(impl Fn() -> UtcMs + Clone + Send + Sync + 'static),
        out: &(impl Fn(Vec<Sampled>) -> Forward + Clone + Send + Sync + 'static),
    ) -> Self {
        let (stop, stopped) = watch::channel(false);
        let mut tasks = JoinSet::new();
        let mut healths = Vec::new();
        for Prepared { line, .. } in prepared {
            healths.push(line.health());
            let (samples, mut sampled) = mpsc::channel::<Vec<Sampled>>(CYCLES_MAX);
            tasks.spawn(line.run(clock.clone(), samples, stopped.clone()));
            let out = out.clone();
            tasks.spawn(async move {
                while let Some(samples) = sampled.recv().await {
                    out(samples).await;
                }
            });
        }
        Self {
            tasks,
            healths,
            stop,
        }
    }

    /// How each line does.
    pub fn health(&self) -> Vec<BusHealth> {
        let one = |health: &watch::Receiver<LineHealth>| bus_health(&health.borrow());
        self.healths.iter().map(one).collect()
    }

    /// Ends all.
    pub async fn stop(mut self) {
        self.stop.send_replace(true);
        while let Some(ended) = self.tasks.join_next().await {
            if let Err(error) = ended {
                tracing::error!(%error, "a line's task ended badly");
            }
        }
    }
}

/// Sends each cycle to whoever stores it, and waits until it is on disk or refused: the line is
/// not polled again before, and the next cycle says how things are by then.
pub fn forward<F, S>(send: S) -> impl Fn(Vec<Sampled>) -> Forward + Clone + Send + Sync + 'static
where
    F: Future<Output = bool> + Send + 'static,
    S: Fn(Vec<Polled>, oneshot::Sender<Verdict>) -> F + Clone + Send + Sync + 'static,
{
    move |samples| {
        let polled = samples.into_iter().map(|sampled| Polled {
            device: sampled.device,
            channel: sampled.channel,
            at: sampled.at,
            sample: sampled.sample,
        });
        let (sender, stored) = oneshot::channel();
        let sending = send(polled.collect(), sender);
        Box::pin(async move {
            if sending.await {
                match stored.await {
                    Ok(Verdict::Durable | Verdict::Retry) | Err(_) => {}
                }
            }
        })
    }
}

/// A cycle on its way to the disk.
pub type Forward = std::pin::Pin<Box<dyn Future<Output = ()> + Send>>;

fn bus_health(health: &LineHealth) -> BusHealth {
    let up = |unit: &&huitian_modbus::UnitHealth| matches!(unit.state, UnitState::Healthy);
    let units_ok = health.units.iter().filter(up).count();
    let small = |count: usize| u16::try_from(count).unwrap_or(u16::MAX);
    let counts = health.units.iter().map(|unit| &unit.counts);
    let mut bus = BusHealth {
        name: health.name.clone(),
        up: matches!(health.state, LineState::Up),
        units_ok: small(units_ok),
        units_down: small(health.units.len() - units_ok),
        requests: 0,
        timeouts: 0,
        mismatches: 0,
    };
    for counts in counts {
        bus.requests += counts.requests;
        bus.timeouts += counts.timeouts;
        bus.mismatches += counts.mismatches.values().sum::<u64>();
    }
    bus
}
