//! The command line of `huitian-edge`.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand, ValueEnum};
use huitian_settings::ConfigFault;
use miette::Report;
use tokio::sync::watch;

use crate::agent::{self, EdgeError, Options};
use crate::plant::{self, PlantError};
use crate::settings::{EdgeConfig, Overrides};
use crate::{clock, doctor, once, watcher};

/// Wrong configuration (sysexits `EX_CONFIG`).
const EXIT_CONFIG: u8 = 78;
/// Temporary failure (sysexits `EX_TEMPFAIL`).
const EXIT_TEMPORARY: u8 = 75;

/// Reads sensors over MQTT and Modbus in the gatehouse, and loses nothing on the way to the hub.
#[derive(Parser, Debug)]
#[command(name = "huitian-edge", version)]
struct Cli {
    /// Read every bus once, print what was read, and send nothing: the same as the command `once`.
    #[arg(long, visible_alias = "test")]
    once: bool,
    #[command(flatten)]
    flags: Flags,
    #[command(subcommand)]
    command: Option<Command>,
}

/// Flags of every command.
#[derive(Args, Debug)]
struct Flags {
    /// Settings in TOML.
    #[arg(long, global = true, value_name = "FILE", default_value = "edge.toml")]
    config: PathBuf,
    /// Data folder [default: huitian-edge-data].
    #[arg(long, global = true, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Listen for devices here, whatever the settings say.
    #[arg(long, global = true, value_name = "ADDR")]
    mqtt: Option<SocketAddr>,
    /// How the program writes its log messages.
    #[arg(long, global = true, value_enum, default_value_t = LogFormat::Text)]
    log_format: LogFormat,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

#[derive(Subcommand, Debug)]
enum Command {
    /// Run (the default).
    Run,
    /// Check settings, inventory and what the buses bear; exit code 78 where something is wrong.
    Check {
        /// Show the arithmetic of every bus.
        #[arg(long)]
        budget: bool,
    },
    /// Read every bus once, print what was read, and send nothing.
    #[command(visible_alias = "test")]
    Once,
    /// Print readings of a running edge as they pass.
    Tap,
    /// Print how a running edge stands.
    Status,
    /// Look for what commonly goes wrong: ports, rights, clock, disk, broker, TLS.
    Doctor,
    /// Ask the hub for a password with the token that an operator gave; it serves once.
    Enroll {
        /// The token.
        #[arg(long)]
        token: String,
    },
    /// Show what is in the disk queue, without changing it; also of a damaged one.
    Queue,
}

/// The whole program: reads the command line, does it, gives the exit code.
pub fn main() -> ExitCode {
    // Failing means that it is installed already, which is what is wanted.
    let _installed = rustls::crypto::ring::default_provider().install_default();
    let cli = Cli::parse();
    match dispatch(&cli) {
        Ok(code) => code,
        Err(error) => report(error),
    }
}

fn dispatch(cli: &Cli) -> Result<ExitCode, EdgeError> {
    let flags = &cli.flags;
    let over = Overrides {
        data: flags.data.clone(),
        mqtt: flags.mqtt,
    };
    let load = || EdgeConfig::load(&flags.config, &over);
    let command = if cli.once {
        Some(&Command::Once)
    } else {
        cli.command.as_ref()
    };
    match command {
        None | Some(Command::Run) => run(flags, over, None),
        Some(Command::Enroll { token }) => {
            run(flags, over, Some(token.clone()))?;
            say("enrolled: the password is in the data folder")
        }
        Some(Command::Check { budget }) => check(&load()?, *budget),
        Some(Command::Once) => say(&block_on(once::read(&load()?))??),
        Some(Command::Tap) => block_on(watcher::ask(&load()?.data, "tap"))?,
        Some(Command::Status) => block_on(watcher::ask(&load()?.data, "status"))?,
        Some(Command::Doctor) => block_on(doctor::run(load(), &flags.config))?,
        Some(Command::Queue) => {
            let dir = load()?.data.join("queue");
            let report = huitian_queue::inspect(&huitian_queue::Folder::new(&dir))?;
            say(&format!("{report:#?}"))
        }
    }
}

fn run(flags: &Flags, over: Overrides, enroll: Option<String>) -> Result<ExitCode, EdgeError> {
    log_to_stderr(flags.log_format);
    let options = Options {
        file: flags.config.clone(),
        flags: over,
        wall: clock::wall,
        enroll,
    };
    let ran = block_on(async {
        let (stop, stopped) = watch::channel(false);
        signals(stop)?;
        agent::run(options, stopped).await
    })?;
    ran?;
    Ok(ExitCode::SUCCESS)
}

/// An edge is one small machine: one thread carries all sockets, another the disk.
fn block_on<T>(future: impl Future<Output = T>) -> Result<T, EdgeError> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let runtime = runtime.map_err(|error| EdgeError::Other(format!("no runtime: {error}")))?;
    let done = runtime.block_on(future);
    // What still blocks a thread after the orderly stop must not hold the process.
    runtime.shutdown_timeout(std::time::Duration::from_millis(200));
    Ok(done)
}

/// The first SIGTERM or SIGINT stops.
fn signals(stop: watch::Sender<bool>) -> Result<(), EdgeError> {
    use tokio::signal::unix::{SignalKind, signal};
    let other = |error: std::io::Error| EdgeError::Other(format!("no signals: {error}"));
    let mut terminate = signal(SignalKind::terminate()).map_err(other)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(other)?;
    tokio::spawn(async move {
        tokio::select! {
            _terminate = terminate.recv() => {}
            _interrupt = interrupt.recv() => {}
        }
        stop.send_replace(true);
    });
    Ok(())
}

fn check(config: &EdgeConfig, budget: bool) -> Result<ExitCode, EdgeError> {
    let (site, lines) = plant::check(&config.plant).map_err(EdgeError::Settings)?;
    let mut text = format!(
        "edge {}: settings and inventory are right: {} sites, {} devices, {} buses",
        config.id,
        site.inventory.sites.len(),
        site.inventory.devices.len(),
        lines.len()
    );
    for line in lines.iter().filter(|_| budget) {
        for line in &line.budget.lines {
            text.push('\n');
            text.push_str(line);
        }
    }
    say(&text)
}

/// Writes what the command was asked for.
///
/// # Errors
/// Standard output is closed.
pub fn say(text: &str) -> Result<ExitCode, EdgeError> {
    use std::io::Write;
    let mut out = std::io::stdout().lock();
    match writeln!(out, "{}", text.trim_end()) {
        Ok(()) => Ok(ExitCode::SUCCESS),
        Err(error) => Err(EdgeError::Other(format!("standard output: {error}"))),
    }
}

fn report(error: EdgeError) -> ExitCode {
    let faults = |faults: Vec<ConfigFault>| {
        for fault in faults {
            tell(&format!("{:?}", Report::new(fault)));
        }
        ExitCode::from(EXIT_CONFIG)
    };
    let (code, text) = match error {
        EdgeError::Settings(all) | EdgeError::Plant(PlantError::Settings(all)) => {
            return faults(all);
        }
        EdgeError::Plant(PlantError::Source(error)) => (EXIT_TEMPORARY, error.to_string()),
        EdgeError::Queue(error @ huitian_queue::QueueError::InUse) => {
            (EXIT_TEMPORARY, error.to_string())
        }
        EdgeError::Queue(error) => (1, error.to_string()),
        EdgeError::Other(text) => (1, text),
    };
    tell(&format!("huitian-edge: {text}"));
    ExitCode::from(code)
}

/// Writes to standard error; where even that is closed nobody can be told.
fn tell(text: &str) {
    use std::io::Write;
    let _unheard = writeln!(std::io::stderr().lock(), "{text}").is_err();
}

fn log_to_stderr(format: LogFormat) {
    use std::io::IsTerminal;
    let filter = tracing_subscriber::EnvFilter::try_from_default_env()
        .unwrap_or_else(|_unset| tracing_subscriber::EnvFilter::new("info"));
    let is_for_people = std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(is_for_people);
    match format {
        LogFormat::Text => builder.with_target(false).init(),
        LogFormat::Json => builder.json().flatten_event(true).init(),
    }
}
