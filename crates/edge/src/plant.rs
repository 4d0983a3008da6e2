//! What an edge reads from: its listener, sessions and buses, started and ended together.

use std::sync::Arc;

use huitian_model::uplink::BusHealth;
use huitian_mqtt::Delivery;
use huitian_settings::ConfigFault;
use tokio::sync::mpsc;

use crate::buses::{self, Buses};
use crate::clock::Clock;
use crate::deadband::Deadband;
use crate::hear::Intake;
use crate::keeper::{Ask, Reader};
use crate::settings::PlantConfig;
use crate::site::Site;
use crate::sources::{Inboxes, SourceError, Sources, Way};
use crate::sparkplug::Arrival;

/// Why it does not run.
#[derive(Debug)]
pub enum PlantError {
    /// Its settings are wrong, each fault with its place.
    Settings(Vec<ConfigFault>),
    /// A port is taken, or the like.
    Source(SourceError),
}

impl PlantError {
    /// All of it as one text.
    pub fn text(&self) -> String {
        match self {
            Self::Source(error) => error.to_string(),
            Self::Settings(faults) => {
                let texts: Vec<String> = faults.iter().map(ToString::to_string).collect();
                texts.join("\n")
            }
        }
    }
}

/// Checks a configuration as a whole: what is out there, how it is read, and what buses bear.
///
/// # Errors
/// Every fault.
pub fn check(config: &PlantConfig) -> Result<(Site, Vec<buses::Prepared>), Vec<ConfigFault>> {
    let site = Site::load(&config.site)?;
    for (quantity, band) in &config.bands {
        let device = site.inventory.devices.values().find(|device| {
            let of_it = |channel: &huitian_model::Channel| channel.quantity == *quantity;
            device.channels.values().any(of_it) && device.valid_for_ms() <= band.ceiling_ms
        });
        if let Some(device) = device {
            return Err(vec![ConfigFault::plain(format!(
                "deadband {quantity}: ceiling must be below {} ms, for so long a reading of \
                 device {} holds: silence would be taken for no data",
                device.valid_for_ms(),
                device.id
            ))]);
        }
    }
    let lines = buses::prepare(&config.lines, &site)?;
    Ok((site, lines))
}

/// What devices are read by.
pub fn reader(config: &PlantConfig, site: &Site) -> Reader {
    Reader {
        intake: Intake::new(
            Arc::clone(&site.inventory),
            Arc::clone(&site.profiles),
            Arc::clone(&config.mqtt.routes),
        ),
        inventory: Arc::clone(&site.inventory),
        deadband: Deadband::new(config.bands.clone()),
    }
}

/// All that runs.
pub struct Plant {
    sources: Sources,
    buses: Buses,
}

impl Plant {
    /// Starts everything.
    ///
    /// # Errors
    /// [`PlantError`]; nothing runs then.
    pub async fn start(
        config: &PlantConfig,
        lines: Vec<buses::Prepared>,
        clock: &Clock,
        asks: &mpsc::Sender<Ask>,
    ) -> Result<Self, PlantError> {
        let now = {
            let clock = clock.clone();
            move || clock.now()
        };
        let inboxes = Inboxes {
            deliveries: |way, room| forward(way, room, asks.clone()),
            named: |_way, room| forward_named(room, asks.clone()),
        };
        let sources = Sources::open(&config.mqtt, Arc::new(now.clone()), inboxes);
        let sources = sources.await.map_err(PlantError::Source)?;
        let asks = asks.clone();
        let out = buses::forward(move |polled, sender| {
            let asks = asks.clone();
            async move { asks.send(Ask::Polled(polled, sender)).await.is_ok() }
        });
        Ok(Self {
            sources,
            buses: Buses::run(lines, &now, &out),
        })
    }

    /// How each bus does.
    pub fn buses(&self) -> Vec<BusHealth> {
        self.buses.health()
    }

    /// Where our own listener listens.
    pub fn listens(&self) -> Option<std::net::SocketAddr> {
        self.sources
            .broker()
            .map(huitian_broker::Broker::local_addr)
    }

    /// Reads again who may log in, and the certificates.
    pub fn reload(&self) {
        self.sources.reload();
    }

    /// Ends everything, after what is on its way has been answered.
    pub async fn stop(self) {
        self.buses.stop().await;
        self.sources.stop().await;
    }
}

/// A channel whose deliveries reach the keeper.
fn forward(way: Way, room: usize, asks: mpsc::Sender<Ask>) -> mpsc::Sender<Delivery> {
    let (inbox, mut deliveries) = mpsc::channel::<Delivery>(room);
    let may_be_kept = way != Way::Embedded;
    tokio::spawn(async move {
        while let Some(delivery) = deliveries.recv().await {
            if asks
                .send(Ask::Delivery(delivery, may_be_kept))
                .await
                .is_err()
            {
                // The keeper has stopped: what is not acknowledged will be sent again.
                return;
            }
        }
    });
    inbox
}

/// A channel whose Sparkplug arrivals reach the keeper.
fn forward_named(room: usize, asks: mpsc::Sender<Ask>) -> mpsc::Sender<Arrival> {
    let (inbox, mut arrivals) = mpsc::channel(room);
    tokio::spawn(async move {
        while let Some(arrival) = arrivals.recv().await {
            if asks.send(Ask::Named(arrival)).await.is_err() {
                // The keeper has stopped: what it did not answer is asked for again.
                return;
            }
        }
    });
    inbox
}
