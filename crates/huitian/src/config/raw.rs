//! The file as it is written: every key optional, unknown keys refused.

use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};

use huitian_edge::modbus::{LineConfig, RawLine};
use huitian_edge::{Defaults, MqttRaw};
use huitian_model::{OverflowRule, Settings, Severity};
use serde::Deserialize;

use super::{
    Config, ConfigFault, DATA_DEFAULT, DataConfig, DemoConfig, HTTP_DEFAULT, InfluxConfig,
    MQTT_DEFAULT, Overrides, WebhookConfig,
};
use huitian_settings::{Bytes, Percent, Span, read_secret};

/// Readings stay 90 days.
const READINGS_DEFAULT: Span = Span(90 * 86_400_000);
/// Results stay 5 years.
const RESULTS_DEFAULT: Span = Span(5 * 365 * 86_400_000);
/// All data of one hub: the demo's 14 days take about a quarter of it.
const QUOTA_DEFAULT: Bytes = Bytes(1_800_000_000);

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
pub struct Raw {
    data: Data,
    retention: Retention,
    http: Http,
    mqtt: MqttRaw,
    modbus: Vec<RawLine>,
    inventory: Inventory,
    engine: Engine,
    overflow: Overflow,
    influx: Option<Influx>,
    webhook: Option<Webhook>,
    demo: Option<Demo>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
struct Data {
    dir: Option<PathBuf>,
    ephemeral: bool,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
struct Retention {
    readings: Option<Span>,
    results: Option<Span>,
    quota: Option<Bytes>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
struct Http {
    addr: Option<SocketAddr>,
}

/// What messages of devices and edges are read from where the settings do not say.
const TOPICS: [&str; 4] = [
    "huitian/v1/+/+",
    "huitian/edge/v1/+/up",
    "application/+/device/+/event/up",
    "v3/+/devices/+/up",
];

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
struct Inventory {
    dir: Option<PathBuf>,
    profiles: Option<PathBuf>,
    registers: Option<PathBuf>,
}

/// The fastest rise that may be called slow, points in an hour: 100 points in a minute.
const FILL_PER_HOUR_MAX: u32 = 6_000;

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
struct Engine {
    lateness: Option<Span>,
    settle: Option<Span>,
    future_guard: Option<Span>,
    frozen_after: Option<Span>,
    emptied_drop: Option<Percent>,
    gate_miscount_ppm: Option<u32>,
    spike_limit: Option<Percent>,
    fill_per_hour_max: Option<u32>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
struct Overflow {
    on: Option<Percent>,
    off: Option<Percent>,
    on_delay: Option<Span>,
    off_delay: Option<Span>,
    severity: Option<Severity>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Influx {
    url: String,
    org: String,
    token_file: PathBuf,
    #[serde(default = "bucket_live")]
    bucket_live: String,
    #[serde(default = "bucket_history")]
    bucket_history: String,
}

fn bucket_live() -> String {
    "huitian_live".to_owned()
}

fn bucket_history() -> String {
    "huitian_history".to_owned()
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Webhook {
    url: String,
    secret_file: Option<PathBuf>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
struct Demo {
    speed: Option<u32>,
    scale: Option<u32>,
    seed: Option<u64>,
}

impl Raw {
    /// Reads the text, then lays the environment over it.
    pub fn from_text(
        path: Option<&Path>,
        text: &str,
        environment: &[(String, String)],
    ) -> Result<Self, ConfigFault> {
        let name = path.map_or_else(|| "defaults".to_owned(), |path| path.display().to_string());
        let fault = |error: &toml::de::Error| {
            ConfigFault::at(&name, text, error.span(), error.message().to_owned())
        };
        let raw: Self = toml::from_str(text).map_err(|error| fault(&error))?;
        if environment.is_empty() {
            return Ok(raw);
        }
        let mut table: toml::Table = toml::from_str(text).map_err(|error| fault(&error))?;
        for (variable, value) in environment {
            lay_over(&mut table, variable, value)?;
        }
        table.try_into().map_err(|error: toml::de::Error| {
            let names: Vec<&str> = environment.iter().map(|(name, _)| name.as_str()).collect();
            ConfigFault::plain(format!("environment: {}", error.message()))
                .with_help(format!("set in the environment: {}", names.join(", ")))
        })
    }

    /// Everything that no single value can say about itself.
    pub fn check(self, file: Option<&Path>, flags: &Overrides) -> Result<Config, ConfigFault> {
        let data = self.data(flags)?;
        let settings = self.settings()?;
        let http = flags
            .http
            .or(self.http.addr)
            .map_or_else(|| default_addr(HTTP_DEFAULT), Ok)?;
        only_loopback("http.addr", "--http", http)?;
        let defaults = Defaults {
            listen: Some(default_addr(MQTT_DEFAULT)?),
            client_id: "huitian-hub",
            topics: &TOPICS,
        };
        let mqtt = self.mqtt.check(flags.mqtt, defaults)?;
        let demo = match (self.demo, file) {
            (Some(demo), _) => Some(demo),
            (None, None) => Some(Demo::default()),
            (None, Some(_)) => None,
        };
        Ok(Config {
            file: file.map(Path::to_owned),
            http,
            mqtt,
            inventory: self
                .inventory
                .dir
                .unwrap_or_else(|| data.dir.join("inventory")),
            profiles: self.inventory.profiles,
            registers: self.inventory.registers,
            lines: LineConfig::all(self.modbus)
                .map_err(|fault| ConfigFault::plain(fault.to_string()))?,
            settings,
            influx: self.influx.map(influx).transpose()?,
            webhook: self.webhook.map(webhook).transpose()?,
            demo: demo.map(|demo| demo.check(flags)).transpose()?,
            data,
        })
    }

    fn data(&self, flags: &Overrides) -> Result<DataConfig, ConfigFault> {
        let dir = flags.data.clone().or_else(|| self.data.dir.clone());
        let quota = self.retention.quota.unwrap_or(QUOTA_DEFAULT);
        if quota.0 < 100_000_000 {
            return Err(ConfigFault::plain("retention.quota must be at least 100MB"));
        }
        let readings = self.retention.readings.unwrap_or(READINGS_DEFAULT);
        in_range("retention.readings", readings, "7d", "5y")?;
        let results = self.retention.results.unwrap_or(RESULTS_DEFAULT);
        in_range("retention.results", results, "7d", "50y")?;
        Ok(DataConfig {
            dir: dir.unwrap_or_else(|| PathBuf::from(DATA_DEFAULT)),
            ephemeral: flags.ephemeral || self.data.ephemeral,
            readings_ms: readings.0,
            results_ms: results.0,
            quota_bytes: quota.0,
        })
    }

    fn settings(&self) -> Result<Settings, ConfigFault> {
        let mut settings =
            Settings::with_defaults().map_err(|error| ConfigFault::plain(error.to_string()))?;
        let engine = &self.engine;
        let spans = [
            (
                &mut settings.lateness_ms,
                "engine.lateness",
                engine.lateness,
                ("1h", "31d"),
            ),
            (
                &mut settings.settle_ms,
                "engine.settle",
                engine.settle,
                ("0s", "1h"),
            ),
            (
                &mut settings.future_guard_ms,
                "engine.future_guard",
                engine.future_guard,
                ("0s", "1h"),
            ),
            (
                &mut settings.frozen_after_ms,
                "engine.frozen_after",
                engine.frozen_after,
                ("10m", "90d"),
            ),
        ];
        for (target, key, value, range) in spans {
            set_span(target, key, value, range)?;
        }
        self.overflow.apply(&mut settings.overflow)?;
        self.engine.apply(&mut settings)?;
        Ok(settings)
    }
}

fn set_span(
    target: &mut i64,
    key: &str,
    value: Option<Span>,
    (least, most): (&str, &str),
) -> Result<(), ConfigFault> {
    let Some(value) = value else { return Ok(()) };
    *target = value.0;
    in_range(key, value, least, most)
}

impl Overflow {
    fn apply(&self, target: &mut OverflowRule) -> Result<(), ConfigFault> {
        let delay = ("0s", "7d");
        let on_delay = &mut target.on_delay_ms;
        set_span(on_delay, "overflow.on_delay", self.on_delay, delay)?;
        let off_delay = &mut target.off_delay_ms;
        set_span(off_delay, "overflow.off_delay", self.off_delay, delay)?;
        target.on = self.on.map_or(target.on, |percent| percent.0);
        target.off = self.off.map_or(target.off, |percent| percent.0);
        target.severity = self.severity.unwrap_or(target.severity);
        if target.off >= target.on {
            return Err(ConfigFault::plain(format!(
                "overflow.off ({} %) must be below overflow.on ({} %)",
                target.off.percent(),
                target.on.percent()
            )));
        }
        Ok(())
    }
}

impl Engine {
    /// What the engine takes that is no span of time.
    fn apply(&self, settings: &mut Settings) -> Result<(), ConfigFault> {
        let drop = &mut settings.emptied_drop;
        *drop = self.emptied_drop.map_or(*drop, |drop| drop.0);
        if let Some(ppm) = self.gate_miscount_ppm {
            if ppm > 500_000 {
                return Err(ConfigFault::plain(
                    "engine.gate_miscount_ppm must be 0 to 500000",
                ));
            }
            settings.gate_miscount_ppm = ppm;
        }
        let spike = &mut settings.spike;
        spike.limit = self.spike_limit.map_or(spike.limit, |limit| limit.0);
        if let Some(points) = self.fill_per_hour_max {
            if points > FILL_PER_HOUR_MAX {
                return Err(ConfigFault::plain(format!(
                    "engine.fill_per_hour_max must be 0 to {FILL_PER_HOUR_MAX} points, \
                     found {points}"
                )));
            }
            spike.rise_per_hour = points * 100;
        }
        Ok(())
    }
}

impl Demo {
    fn check(self, flags: &Overrides) -> Result<DemoConfig, ConfigFault> {
        let speed = flags.demo_speed.or(self.speed).unwrap_or(1);
        let scale = flags.demo_scale.or(self.scale).unwrap_or(1);
        if !(1..=3_600).contains(&speed) {
            return Err(ConfigFault::plain(format!(
                "demo speed must be 1 to 3600, found {speed}"
            )));
        }
        if !(1..=100).contains(&scale) {
            return Err(ConfigFault::plain(format!(
                "demo scale must be 1 to 100, found {scale}"
            )));
        }
        let seed = flags.seed.or(self.seed).unwrap_or(20_260_801);
        Ok(DemoConfig { speed, scale, seed })
    }
}

/// Sets `HUITIAN__SECTION__KEY` in the table; a value that is a TOML literal keeps its type.
fn lay_over(table: &mut toml::Table, variable: &str, value: &str) -> Result<(), ConfigFault> {
    let path = variable.trim_start_matches("HUITIAN__").to_lowercase();
    let Some((section, key)) = path.split_once("__") else {
        return Err(ConfigFault::plain(format!(
            "environment: expected HUITIAN__SECTION__KEY, found {variable}"
        )));
    };
    let parsed = toml::from_str::<toml::Table>(&format!("v = {value}"))
        .ok()
        .and_then(|mut table| table.remove("v"))
        .unwrap_or_else(|| toml::Value::String(value.to_owned()));
    let section = table
        .entry(section.to_owned())
        .or_insert_with(|| toml::Value::Table(toml::Table::new()))
        .as_table_mut()
        .ok_or_else(|| ConfigFault::plain(format!("{variable}: {section} is no section")))?;
    section.insert(key.to_owned(), parsed);
    Ok(())
}

fn default_addr(text: &str) -> Result<SocketAddr, ConfigFault> {
    text.parse()
        .map_err(|error| ConfigFault::plain(format!("{text}: {error}")))
}

/// Until log-in exists nothing listens beyond this machine.
fn only_loopback(key: &str, flag: &str, addr: SocketAddr) -> Result<(), ConfigFault> {
    if addr.ip().is_loopback() {
        return Ok(());
    }
    let ip: IpAddr = addr.ip();
    Err(ConfigFault::plain(format!(
        "{key} ({flag}): expected a loopback address (127.0.0.0/8 or ::1), found {ip}"
    ))
    .with_help(
        "there is no log-in yet: put a reverse proxy with one in front, or use an SSH tunnel",
    ))
}

fn in_range(key: &str, value: Span, low: &str, high: &str) -> Result<(), ConfigFault> {
    let bound = |text: &str| Span::parse(text).map_err(ConfigFault::plain);
    if (bound(low)?.0..=bound(high)?.0).contains(&value.0) {
        return Ok(());
    }
    Err(ConfigFault::plain(format!(
        "{key} must be {low} to {high}, found {value}"
    )))
}

fn influx(raw: Influx) -> Result<InfluxConfig, ConfigFault> {
    http_url("influx.url", &raw.url)?;
    Ok(InfluxConfig {
        token: read_secret(&raw.token_file, "influx.token_file")?,
        url: raw.url,
        org: raw.org,
        bucket_live: raw.bucket_live,
        bucket_history: raw.bucket_history,
    })
}

fn webhook(raw: Webhook) -> Result<WebhookConfig, ConfigFault> {
    http_url("webhook.url", &raw.url)?;
    let secret = raw.secret_file.as_deref();
    Ok(WebhookConfig {
        secret: secret
            .map(|path| read_secret(path, "webhook.secret_file"))
            .transpose()?,
        url: raw.url,
    })
}

fn http_url(key: &str, url: &str) -> Result<(), ConfigFault> {
    let rest = url
        .strip_prefix("http://")
        .or_else(|| url.strip_prefix("https://"));
    if rest.is_some_and(|rest| !rest.is_empty() && !rest.contains('@')) {
        return Ok(());
    }
    Err(ConfigFault::plain(format!(
        "{key}: expected http:// or https:// with a host and no user name, found {url:?}"
    )))
}
