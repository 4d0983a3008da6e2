//! `huitian-edge doctor`: looks for what commonly goes wrong in a gatehouse. The doctor of the hub
//! looks with the same pieces.

use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use huitian_modbus::settings::Endpoint;
use huitian_model::UtcMs;
use huitian_mqtt::Session;
use huitian_settings::ConfigFault;
use tokio::net::TcpStream;
use tokio::sync::mpsc;

use crate::agent::EdgeError;
use crate::settings::EdgeConfig;
use crate::stamp::SET_FROM;
use crate::store::write_whole;
use crate::{cli, clock, plant};

/// How long a broker or gateway may take to answer.
const PATIENCE: Duration = Duration::from_secs(5);

/// Bytes that must be free beside the queue's limit.
const FREE_MIN: u64 = 64 * 1024 * 1024;

/// What was found.
#[derive(Debug, Default)]
pub struct Findings {
    text: String,
    faults: usize,
}

impl Findings {
    /// A line for each thing that was looked at.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// How many faults.
    pub const fn faults(&self) -> usize {
        self.faults
    }

    /// Adds what was found of something: right, or a fault.
    pub fn note(&mut self, what: &str, found: Result<String, String>) {
        let (mark, text) = match found {
            Ok(text) => ("ok   ", text),
            Err(text) => {
                self.faults += 1;
                ("FAULT", text)
            }
        };
        let line = format!("{mark}  {what:<12}  {text}\n");
        self.text.push_str(&line);
    }
}

/// Looks at everything and prints one line for each; exit code 1 where there is a fault.
///
/// # Errors
/// Standard output is closed.
pub async fn run(
    config: Result<EdgeConfig, ConfigFault>,
    file: &Path,
) -> Result<ExitCode, EdgeError> {
    let mut findings = Findings::default();
    match config {
        Err(fault) => findings.note("settings", Err(fault.to_string())),
        Ok(config) => {
            findings.note("settings", Ok(file.display().to_string()));
            look(&config, &mut findings).await;
        }
    }
    cli::say(&findings.text)?;
    Ok(ExitCode::from(u8::from(findings.faults > 0)))
}

async fn look(config: &EdgeConfig, findings: &mut Findings) {
    let site = plant::check(&config.plant);
    findings.note(
        "inventory",
        site.map(|(site, lines)| {
            let devices = site.inventory.devices.len();
            format!(
                "{devices} devices, {} buses within their budget",
                lines.len()
            )
        })
        .map_err(|faults| {
            let texts: Vec<String> = faults.iter().map(ToString::to_string).collect();
            texts.join("; ")
        }),
    );
    findings.note("clock", clock(clock::wall()));
    findings.note("data folder", data(&config.data));
    for line in &config.plant.lines {
        for end in std::iter::once(&line.endpoint).chain(&line.backup) {
            findings.note(&format!("bus {}", line.name), endpoint(end).await);
        }
    }
    if let Some(listen) = &config.plant.mqtt.listen {
        let bound = tokio::net::TcpListener::bind(listen.addr).await;
        findings.note(
            "listener",
            bound
                .map(|_| format!("{} is free", listen.addr))
                .map_err(|error| format!("{}: {error} (does an edge run already?)", listen.addr)),
        );
    }
    for session in std::iter::once(&config.uplink).chain(&config.plant.mqtt.brokers) {
        let name = format!("{}:{}", session.host, session.port);
        findings.note(
            "broker",
            broker(session.clone())
                .await
                .map(|()| name.clone())
                .map_err(|error| format!("{name}: {error}")),
        );
    }
}

/// Whether a clock that shows `now` is set.
///
/// # Errors
/// A sentence for the operator.
pub fn clock(now: UtcMs) -> Result<String, String> {
    if now >= SET_FROM {
        return Ok(now.to_string());
    }
    Err(format!(
        "{now}: not set; readings are corrected once it is (try timedatectl)"
    ))
}

/// Whether the data folder can be written, and has room.
///
/// # Errors
/// A sentence for the operator.
pub fn data(dir: &Path) -> Result<String, String> {
    let fault = |error: std::io::Error| format!("{}: {error}", dir.display());
    std::fs::create_dir_all(dir).map_err(fault)?;
    let probe = dir.join("doctor");
    write_whole(&probe, "can be written").map_err(fault)?;
    std::fs::remove_file(&probe).map_err(fault)?;
    let free = rustix::fs::statvfs(dir).map_err(|error| fault(error.into()))?;
    let bytes = free.f_bavail.saturating_mul(free.f_frsize);
    let text = format!("{}, {} MB free", dir.display(), bytes / 1_000_000);
    if bytes < FREE_MIN {
        Err(format!(
            "{text}: too little, expected {} MB or more",
            FREE_MIN / 1_000_000
        ))
    } else {
        Ok(text)
    }
}

/// Whether a bus can be reached.
async fn endpoint(end: &Endpoint) -> Result<String, String> {
    match end {
        Endpoint::Serial(path) => {
            // What opening says of a port without rights is what the operator must know.
            let opened = std::fs::OpenOptions::new()
                .read(true)
                .write(true)
                .open(path);
            opened
                .map(|_| format!("{} can be opened", path.display()))
                .map_err(|error| {
                    let path = path.display();
                    if error.kind() == std::io::ErrorKind::PermissionDenied {
                        format!("{path}: no rights (is the user in group dialout?)")
                    } else {
                        format!("{path}: {error}")
                    }
                })
        }
        Endpoint::Tcp { host, port } => {
            let connecting = TcpStream::connect((host.as_str(), *port));
            match tokio::time::timeout(PATIENCE, connecting).await {
                Ok(Ok(_)) => Ok(format!("{host}:{port} takes connections")),
                Ok(Err(error)) => Err(format!("{host}:{port}: {error}")),
                Err(_elapsed) => Err(format!("{host}:{port}: no answer in 5 s")),
            }
        }
    }
}

/// Whether a broker lets us in, through TLS where it is set, and gives us our subscriptions.
///
/// # Errors
/// A sentence for the operator.
pub async fn broker(mut config: huitian_mqtt::SessionConfig) -> Result<(), String> {
    // A running edge keeps its session: the doctor comes under a name beside it.
    config.client_id.push_str("-doctor");
    config.clean_start = true;
    let (inbox, _deliveries) = mpsc::channel(1);
    let session = Session::connect(config, inbox).map_err(|error| error.to_string())?;
    let mut status = session.status();
    let settled = status.wait_for(|status| status.connected || status.last_error.is_some());
    let found = match tokio::time::timeout(PATIENCE, settled).await {
        Err(_elapsed) => Err("no answer in 5 s".to_owned()),
        Ok(Err(_gone)) => Err("the session ended".to_owned()),
        Ok(Ok(status)) => match &status.last_error {
            Some(error) if !status.connected => Err(error.clone()),
            _ => Ok(()),
        },
    };
    session.stop().await;
    found
}
