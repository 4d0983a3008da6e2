//! `huitian doctor`: looks for what commonly goes wrong around a hub.

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use huitian_edge::doctor::{Findings, broker, clock, data};
use huitian_store::{Sqlite, StoreConfig};
use tokio::net::{TcpListener, TcpStream};

use crate::clock::Clock;
use crate::config::{Config, ConfigFault};
use crate::hub::Plan;
use crate::hub_client::exchange;
use crate::{Failure, say};

/// How long a neighbour may take to answer.
const PATIENCE: Duration = Duration::from_secs(5);

/// Looks at everything and prints one line for each.
///
/// # Errors
/// [`Failure::Other`] where there is a fault.
pub fn run(config: Result<Config, ConfigFault>, file: Option<&Path>) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::Other(format!("cannot start: {error}")))?;
    let mut findings = Findings::default();
    match config {
        Err(fault) => findings.note("settings", Err(fault.to_string())),
        Ok(config) => {
            let file = file.map_or_else(
                || "none: the district is simulated".to_owned(),
                |file| file.display().to_string(),
            );
            findings.note("settings", Ok(file));
            runtime.block_on(look(&config, &mut findings));
        }
    }
    say(findings.text().trim_end())?;
    match findings.faults() {
        0 => Ok(()),
        count => Err(Failure::Other(format!("{count} faults"))),
    }
}

async fn look(config: &Config, findings: &mut Findings) {
    findings.note("inventory", plan(config));
    findings.note("clock", clock(Clock::Wall.now()));
    if config.data.ephemeral {
        findings.note("data folder", Ok("none: nothing is kept".to_owned()));
    } else {
        findings.note("data folder", data(&config.data.dir));
        findings.note("store", store(&config.data.dir));
    }
    let hub_runs = is_hub(config.http).await;
    findings.note("console port", port(config.http, hub_runs).await);
    if let Some(listen) = &config.mqtt.listen {
        findings.note("mqtt port", port(listen.addr, hub_runs).await);
    }
    for session in &config.mqtt.brokers {
        let name = format!("{}:{}", session.host, session.port);
        let found = broker(session.clone()).await;
        findings.note(
            "broker",
            found
                .map(|()| format!("{name} lets us in"))
                .map_err(|error| format!("{name}: {error}")),
        );
    }
    if let Some(influx) = &config.influx {
        findings.note("influxdb", influxdb(&influx.url).await);
    }
}

fn plan(config: &Config) -> Result<String, String> {
    if config.demo.is_some() && !config.inventory.exists() {
        return Ok("none yet: the simulated district makes one".to_owned());
    }
    match Plan::load(config) {
        Ok(plan) => Ok(format!(
            "{} sites, {} devices, {}",
            plan.inventory.sites.len(),
            plan.inventory.devices.len(),
            config.inventory.display()
        )),
        Err(faults) => {
            let texts: Vec<String> = faults.0.iter().map(ToString::to_string).collect();
            Err(texts.join("; "))
        }
    }
}

/// Whether what the store holds can be read.
fn store(dir: &Path) -> Result<String, String> {
    let config = StoreConfig::new(dir);
    if let Err(error) = Sqlite::open_to_read(config.clone()) {
        // A folder that no hub has used yet holds none, which is as it should be.
        return if dir.join("huitian.db").exists() {
            Err(error.to_string())
        } else {
            Ok("none yet".to_owned())
        };
    }
    let read = Sqlite::open_to_read(config).and_then(|store| {
        let devices = store.devices()?;
        let heard = devices.iter().filter(|row| row.heard_at.is_some()).count();
        Ok((heard, store.usage()?))
    });
    let (heard, usage) = read.map_err(|error| error.to_string())?;
    Ok(format!(
        "can be read: {heard} devices heard, {} of {} MB",
        usage.used_bytes() / 1_000_000,
        usage.quota_bytes / 1_000_000
    ))
}

/// Whether a hub answers there.
async fn is_hub(at: SocketAddr) -> bool {
    let answer = exchange(&at.to_string(), "GET /openapi.json", "").await;
    answer.is_ok_and(|(_, body)| String::from_utf8_lossy(&body).contains("\"Huitian\""))
}

/// Whether a port is free, or a hub's.
async fn port(at: SocketAddr, hub_runs: bool) -> Result<String, String> {
    match TcpListener::bind(at).await {
        Ok(_free) => Ok(format!("{at} is free")),
        Err(error) if error.kind() == std::io::ErrorKind::AddrInUse && hub_runs => {
            Ok(format!("{at} is held, and a hub is running"))
        }
        Err(error) if error.kind() == std::io::ErrorKind::AddrInUse => Err(format!(
            "{at} is taken, and no hub answers: stop what holds it"
        )),
        Err(error) => Err(format!("{at}: {error}")),
    }
}

/// Whether something answers there as InfluxDB does; behind TLS, whether it takes connections.
async fn influxdb(url: &str) -> Result<String, String> {
    let fault = |error: std::io::Error| format!("{url}: {error}");
    let (is_open, rest) = match (url.strip_prefix("http://"), url.strip_prefix("https://")) {
        (Some(rest), _) => (true, rest),
        (None, Some(rest)) => (false, rest),
        (None, None) => return Err(format!("expected http:// or https://, found {url}")),
    };
    let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
    let port = if is_open { 80 } else { 443 };
    let after_bracket = host.rsplit(']').next().unwrap_or(host);
    let at = if after_bracket.contains(':') {
        host.to_owned()
    } else {
        format!("{host}:{port}")
    };
    if !is_open {
        let connecting = tokio::time::timeout(PATIENCE, TcpStream::connect(&at)).await;
        let connected = connecting.map_err(|_elapsed| format!("{url}: no answer in 5 s"))?;
        return connected
            .map(|_| format!("{at} takes connections"))
            .map_err(fault);
    }
    let path = path.trim_end_matches('/');
    let slash = if path.is_empty() { "" } else { "/" };
    let call = format!("GET {slash}{path}/ping");
    match exchange(&at, &call, "").await.map_err(fault)? {
        (status, _) if (200..300).contains(&status) => Ok(format!("{url} answers")),
        (status, _) => Err(format!("{url}: answered {status} to /ping")),
    }
}

#[cfg(test)]
mod tests;
