//! Settings of the program: flag > environment > file > default.
//!
//! The file is TOML. A key of the file can be given by the environment as
//! `HUITIAN__SECTION__KEY`, such as `HUITIAN__HTTP__ADDR=127.0.0.1:9090`. Secrets are files
//! (`token_file`, `secret_file`), never values. Only [`Config`] travels on: what is in it has
//! been checked.

mod raw;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use huitian_edge::MqttConfig;
use huitian_edge::modbus::LineConfig;
use huitian_model::Settings;

pub use huitian_settings::{ConfigFault, Secret, Span};
use raw::Raw;

/// Where console and API listen unless said otherwise.
pub const HTTP_DEFAULT: &str = "127.0.0.1:8080";
/// Where the embedded broker listens unless said otherwise.
pub const MQTT_DEFAULT: &str = "127.0.0.1:1883";
/// The data folder unless said otherwise.
pub const DATA_DEFAULT: &str = "huitian-data";

/// What the command line may say over the file.
#[derive(Clone, Debug, Default)]
pub struct Overrides {
    /// `--data DIR`
    pub data: Option<PathBuf>,
    /// `--ephemeral`
    pub ephemeral: bool,
    /// `--http ADDR`
    pub http: Option<SocketAddr>,
    /// `--mqtt ADDR`
    pub mqtt: Option<SocketAddr>,
    /// `--demo-speed N`
    pub demo_speed: Option<u32>,
    /// `--demo-scale N`
    pub demo_scale: Option<u32>,
    /// `--seed N`
    pub seed: Option<u64>,
}

/// Where data lies and how much of it may.
#[derive(Clone, Debug, PartialEq)]
pub struct DataConfig {
    /// The folder.
    pub dir: PathBuf,
    /// Keep nothing after the process ends.
    pub ephemeral: bool,
    /// How long readings stay, ms.
    pub readings_ms: i64,
    /// How long results stay, ms.
    pub results_ms: i64,
    /// Most bytes on disk.
    pub quota_bytes: u64,
}

/// Where results go.
#[derive(Clone, Debug, PartialEq)]
pub struct InfluxConfig {
    /// Base URL.
    pub url: String,
    /// Organisation.
    pub org: String,
    /// Token, read from `token_file`.
    pub token: Secret,
    /// Bucket of live figures.
    pub bucket_live: String,
    /// Bucket of history.
    pub bucket_history: String,
}

/// Whom to tell.
#[derive(Clone, Debug, PartialEq)]
pub struct WebhookConfig {
    /// Where to.
    pub url: String,
    /// Signing secret of Standard Webhooks, read from `secret_file`.
    pub secret: Option<Secret>,
}

/// The simulated district.
#[derive(Clone, Debug, PartialEq)]
pub struct DemoConfig {
    /// How many demo seconds pass in a second.
    pub speed: u32,
    /// How many times the home district.
    pub scale: u32,
    /// Seed of the world.
    pub seed: u64,
}

/// Checked settings.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// The file they came from, to be read again on reload.
    pub file: Option<PathBuf>,
    /// Data.
    pub data: DataConfig,
    /// Console and API.
    pub http: SocketAddr,
    /// Where messages come in.
    pub mqtt: MqttConfig,
    /// The folder of the inventory's CSV files.
    pub inventory: PathBuf,
    /// A folder of more device profiles.
    pub profiles: Option<PathBuf>,
    /// A folder of more register maps.
    pub registers: Option<PathBuf>,
    /// Modbus lines that this process reads itself.
    pub lines: Vec<LineConfig>,
    /// Settings of the engine.
    pub settings: Settings,
    /// InfluxDB.
    pub influx: Option<InfluxConfig>,
    /// Webhook.
    pub webhook: Option<WebhookConfig>,
    /// The simulated district, where switched on.
    pub demo: Option<DemoConfig>,
}

impl Config {
    /// Reads and checks everything.
    ///
    /// # Errors
    /// [`ConfigFault`] with the place underlined.
    pub fn load(file: Option<&Path>, flags: &Overrides) -> Result<Self, ConfigFault> {
        let environment = environment();
        let raw = match file {
            None => Raw::from_text(None, "", &environment)?,
            Some(path) => {
                let text = std::fs::read_to_string(path)
                    .map_err(|error| ConfigFault::unreadable(path, &error))?;
                Raw::from_text(Some(path), &text, &environment)?
            }
        };
        raw.check(file, flags)
    }
}

/// The variables that speak to us, in order.
fn environment() -> Vec<(String, String)> {
    std::env::vars()
        .filter(|(name, _)| name.starts_with("HUITIAN__"))
        .collect()
}

#[cfg(test)]
mod tests;
