//! Settings of the edge: flag > environment > file > default, with the place of every fault.
//!
//! Who the edge is and how it reaches the hub (`[edge]`, `[uplink]`) comes from its own file
//! alone. All else may be replaced by a configuration that the hub sends.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use huitian_modbus::settings::{LineConfig, RawLine};
use huitian_model::{EdgeId, Quantity, uplink};
use huitian_mqtt::{Login, SessionConfig};
use huitian_queue::{Limits, WhenFull};
use huitian_settings::{Bytes, ConfigFault, Span, read_secret};
use serde::Deserialize;

use crate::deadband::Band;
use crate::site::{SiteConfig, SiteRaw};
use crate::sources::{BrokerRaw, Defaults, MqttConfig, MqttRaw};

/// The data folder unless said otherwise.
pub const DATA_DEFAULT: &str = "huitian-edge-data";

/// What an edge listens to at other brokers where the settings do not say.
const TOPICS: [&str; 3] = [
    "huitian/v1/+/+",
    "application/+/device/+/event/up",
    "v3/+/devices/+/up",
];

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
struct Raw {
    edge: Edge,
    uplink: Option<BrokerRaw>,
    mqtt: MqttRaw,
    modbus: Vec<RawLine>,
    inventory: SiteRaw,
    queue: Queue,
    deadband: Vec<DeadbandRaw>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
struct Edge {
    id: Option<String>,
    data: Option<PathBuf>,
    trial: Option<Span>,
}

/// `[queue]` as it is written.
#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
struct Queue {
    size: Option<Bytes>,
    age: Option<Span>,
    when_full: Option<Full>,
}

#[derive(Deserialize, Clone, Copy)]
#[serde(rename_all = "snake_case")]
enum Full {
    Block,
    DropOldest,
    ThinOut,
}

/// `[[deadband]]` as it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DeadbandRaw {
    quantity: String,
    change: f64,
    ceiling: Span,
}

/// Checked settings.
#[derive(Clone, PartialEq, Debug)]
pub struct EdgeConfig {
    /// Who it is.
    pub id: EdgeId,
    /// Where it keeps its queue and what the hub sent.
    pub data: PathBuf,
    /// The way to the hub.
    pub uplink: SessionConfig,
    /// How long a configuration of the hub is on trial, ms.
    pub trial_ms: i64,
    /// The part that the hub may replace.
    pub plant: PlantConfig,
}

/// The part of the settings that the hub may replace.
#[derive(Clone, PartialEq, Debug)]
pub struct PlantConfig {
    /// Where messages come in.
    pub mqtt: MqttConfig,
    /// Lines that are read.
    pub lines: Vec<LineConfig>,
    /// What is out there.
    pub site: SiteConfig,
    /// How much is kept.
    pub limits: Limits,
    /// What is left out.
    pub bands: BTreeMap<Quantity, Band>,
}

/// What the command line says over the file.
#[derive(Clone, Debug, Default)]
pub struct Overrides {
    /// `--data DIR`
    pub data: Option<PathBuf>,
    /// `--mqtt ADDR`
    pub mqtt: Option<std::net::SocketAddr>,
}

impl EdgeConfig {
    /// Reads and checks a file. Paths in it are relative to its folder.
    ///
    /// # Errors
    /// [`ConfigFault`].
    pub fn load(file: &Path, flags: &Overrides) -> Result<Self, ConfigFault> {
        let raw = Raw::read(file)?;
        let folder = file.parent().unwrap_or(Path::new("."));
        let id = raw.edge.id.as_deref().ok_or_else(|| {
            ConfigFault::plain("edge.id is missing: expected this edge's name, such as gate-3")
        })?;
        let id =
            EdgeId::new(id).map_err(|error| ConfigFault::plain(format!("edge.id: {error}")))?;
        let data = flags.data.clone().or_else(|| {
            let written = raw.edge.data.as_ref();
            written.map(|data| folder.join(data))
        });
        let data = data.unwrap_or_else(|| PathBuf::from(DATA_DEFAULT));
        let trial = raw.edge.trial.unwrap_or(Span(120_000));
        if !(1_000..=3_600_000).contains(&trial.0) {
            return Err(ConfigFault::plain(format!(
                "edge.trial must be 1s to 1h, found {trial}"
            )));
        }
        let (uplink, rest) = raw.split();
        Ok(Self {
            uplink: session(uplink.map(|raw| raw.below(folder)), &id, &data)?,
            id,
            data,
            trial_ms: trial.0,
            plant: rest.plant(folder, flags)?,
        })
    }
}

impl PlantConfig {
    /// Reads and checks a file that the hub sent: who the edge is and how it reaches the hub is
    /// not taken from it.
    ///
    /// # Errors
    /// [`ConfigFault`].
    pub fn load(file: &Path, flags: &Overrides) -> Result<Self, ConfigFault> {
        let folder = file.parent().unwrap_or(Path::new("."));
        let (_own, rest) = Raw::read(file)?.split();
        rest.plant(folder, flags)
    }
}

impl Raw {
    fn read(file: &Path) -> Result<Self, ConfigFault> {
        let text =
            std::fs::read_to_string(file).map_err(|error| ConfigFault::unreadable(file, &error))?;
        let name = file.display().to_string();
        toml::from_str(&text).map_err(|error: toml::de::Error| {
            ConfigFault::at(&name, &text, error.span(), error.message().to_owned())
        })
    }

    fn split(mut self) -> (Option<BrokerRaw>, Self) {
        (self.uplink.take(), self)
    }

    fn plant(self, folder: &Path, flags: &Overrides) -> Result<PlantConfig, ConfigFault> {
        let defaults = Defaults {
            listen: None,
            client_id: "huitian-edge",
            topics: &TOPICS,
        };
        let dir = self
            .inventory
            .dir
            .unwrap_or_else(|| PathBuf::from("inventory"));
        let lines = LineConfig::all(self.modbus);
        Ok(PlantConfig {
            mqtt: self.mqtt.below(folder).check(flags.mqtt, defaults)?,
            lines: lines.map_err(|fault| ConfigFault::plain(fault.to_string()))?,
            site: SiteConfig {
                inventory: folder.join(dir),
                profiles: self.inventory.profiles.map(|dir| folder.join(dir)),
                registers: self.inventory.registers.map(|dir| folder.join(dir)),
            },
            limits: limits(&self.queue)?,
            bands: bands(self.deadband)?,
        })
    }
}

/// The session with the hub's broker: as this edge, with the password that it was given.
fn session(raw: Option<BrokerRaw>, id: &EdgeId, data: &Path) -> Result<SessionConfig, ConfigFault> {
    let raw = raw.ok_or_else(|| {
        ConfigFault::plain("[uplink] is missing: expected host and port of the hub's broker")
    })?;
    let defaults = Defaults {
        listen: None,
        client_id: "huitian-edge",
        topics: &[uplink::TOPIC_UP_ALL],
    };
    let mut session = raw.check("uplink", defaults)?;
    session.subscriptions = vec![uplink::topic_down(id)];
    session.client_id = id.to_string();
    // Frames are sent again by number: nothing that a broker kept for us is of use.
    session.clean_start = true;
    let own = password_file(data);
    if session.login.is_none() && own.exists() {
        session.login = Some(Login {
            username: id.to_string(),
            password: read_secret(&own, "the password of the enrolment")?.0,
        });
    }
    session
        .check()
        .map_err(|error| ConfigFault::plain(format!("uplink: {error}")))?;
    Ok(session)
}

/// Where the password is kept that the hub gave.
pub fn password_file(data: &Path) -> PathBuf {
    data.join("password")
}

fn limits(raw: &Queue) -> Result<Limits, ConfigFault> {
    let mut limits = Limits::default();
    if let Some(size) = raw.size {
        if !(8_000_000..=1_000_000_000_000).contains(&size.0) {
            return Err(ConfigFault::plain(format!(
                "queue.size must be 8MB to 1TB, found {} bytes",
                size.0
            )));
        }
        limits.bytes_max = size.0;
        // A segment is what is given back at once: an eighth of a small queue at most.
        limits.segment_bytes = limits.segment_bytes.min(size.0 / 8).max(size.0 / 16_000);
    }
    if let Some(age) = raw.age {
        if !(3_600_000..=366 * 86_400_000).contains(&age.0) {
            return Err(ConfigFault::plain(format!(
                "queue.age must be 1h to 366d, found {age}"
            )));
        }
        limits.age_ms_max = age.0;
    }
    limits.when_full = match raw.when_full {
        Some(Full::Block) => WhenFull::Block,
        Some(Full::ThinOut) => WhenFull::ThinOut,
        Some(Full::DropOldest) | None => WhenFull::DropOldest,
    };
    Ok(limits)
}

/// Reads deadbands: changes are written in the quantity's unit.
///
/// # Errors
/// [`ConfigFault`] with the quantity.
pub fn bands(raw: Vec<DeadbandRaw>) -> Result<BTreeMap<Quantity, Band>, ConfigFault> {
    let mut bands = BTreeMap::new();
    for one in raw {
        let quantity = Quantity::from_name(&one.quantity).ok_or_else(|| {
            let known: Vec<&str> = Quantity::ALL.iter().map(|known| known.name()).collect();
            let (found, known) = (&one.quantity, known.join(", "));
            ConfigFault::plain(format!(
                "deadband.quantity: expected one of {known}, found {found:?}"
            ))
        })?;
        let name = quantity.name();
        if !(1_000..=86_400_000).contains(&one.ceiling.0) {
            return Err(ConfigFault::plain(format!(
                "deadband {name}: ceiling must be 1s to 1d, found {}",
                one.ceiling
            )));
        }
        let hundredths = matches!(quantity, Quantity::Fill | Quantity::Temperature);
        let scaled = (one.change * if hundredths { 100.0 } else { 1.0 }).round();
        if !(0.0..=1_000_000.0).contains(&scaled) {
            return Err(ConfigFault::plain(format!(
                "deadband {name}: change must be 0 to 1000000, found {}",
                one.change
            )));
        }
        // Whole and within 0..=1,000,000 by the line above; printing and reading avoids a cast.
        let change = format!("{scaled:.0}").parse().unwrap_or(0);
        let band = Band {
            change,
            ceiling_ms: one.ceiling.0,
        };
        if bands.insert(quantity, band).is_some() {
            return Err(ConfigFault::plain(format!(
                "deadband {name} is written twice"
            )));
        }
    }
    Ok(bands)
}

#[cfg(test)]
mod tests;
