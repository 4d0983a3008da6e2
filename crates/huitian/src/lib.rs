//! Watches the shared facilities of a large residential district: hub, all-in-one, command line.
//!
//! The program is a library with one function, so that the end-to-end tests run the same code.
//!
//! Exit codes: 0 done, 1 failed, 2 wrong usage, 75 temporary (a port or folder is in use, the
//! disk is full), 78 wrong configuration.

mod cells;
mod cli;
mod clock;
mod config;
mod demo;
mod device_command;
mod devices_command;
mod doctor;
mod edge_command;
mod history;
mod hub;
mod hub_client;
mod inventory_command;
mod metrics;
mod repair_command;
mod replay;
mod table;
mod tap;

use std::process::ExitCode;

use clap::Parser;
use huitian_store::StoreError;
use miette::Report;

use cli::{Cli, Command, ConfigCommand, Flags, LogFormat};
use config::{Config, ConfigFault};
use hub::{HubError, Plan, PlanFaults};

pub use clock::Clock;

/// Wrong configuration (sysexits `EX_CONFIG`).
const EXIT_CONFIG: u8 = 78;
/// Temporary failure (sysexits `EX_TEMPFAIL`).
const EXIT_TEMPORARY: u8 = 75;

/// Why a command failed, by its exit code.
enum Failure {
    Config(Vec<ConfigFault>),
    Temporary(String),
    Other(String),
}

impl From<ConfigFault> for Failure {
    fn from(fault: ConfigFault) -> Self {
        Self::Config(vec![fault])
    }
}

impl From<PlanFaults> for Failure {
    fn from(faults: PlanFaults) -> Self {
        Self::Config(faults.0)
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        let message = error.to_string();
        if matches!(error, StoreError::InUse(_) | StoreError::Full(_)) {
            Self::Temporary(message)
        } else {
            Self::Other(message)
        }
    }
}

impl From<HubError> for Failure {
    fn from(error: HubError) -> Self {
        match error {
            HubError::Plan(faults) => faults.into(),
            HubError::Store(error) => error.into(),
            HubError::Console(_) | HubError::Intake(_) => Self::Temporary(error.to_string()),
            HubError::Demo(_) | HubError::Other(_) => Self::Other(error.to_string()),
        }
    }
}

/// The whole program: reads the command line, does it, gives the exit code.
pub fn main() -> ExitCode {
    main_at(Clock::at_speed)
}

/// The whole program by another clock, made from the demo's speed: tests let an hour pass in a
/// minute, and the hub never knows.
pub fn main_at(clock: fn(u32) -> Clock) -> ExitCode {
    // Failing means that it is installed already, which is what is wanted.
    let _installed = rustls::crypto::ring::default_provider().install_default();
    let cli = Cli::parse();
    match dispatch(&cli, clock) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => report(failure),
    }
}

fn dispatch(cli: &Cli, clock: fn(u32) -> Clock) -> Result<(), Failure> {
    let flags = &cli.flags;
    match &cli.command {
        None | Some(Command::Run) => run(flags, clock),
        Some(Command::Check | Command::Config(ConfigCommand::Check)) => check(flags),
        Some(Command::Doctor) => doctor::run(load(flags), flags.config.as_deref()),
        Some(Command::Edge(command)) => edge_command::run(command, &load(flags)?),
        Some(Command::Device(args)) => device_command::run(args, &load(flags)?),
        Some(Command::Devices(args)) => devices_command::run(args, &load(flags)?),
        Some(Command::Tap(args)) => tap::run(args, &load(flags)?),
        Some(Command::Inventory(command)) => {
            inventory_command::run(command, &load(flags)?).map_err(Failure::Config)
        }
        Some(Command::History(args)) => history::show(args, &load(flags)?),
        Some(Command::Export(args)) => history::export(args, &load(flags)?),
        Some(Command::Repair(args)) => repair_command::run(args, &load(flags)?),
        Some(Command::Replay(args)) => replay(args),
    }
}

fn load(flags: &Flags) -> Result<Config, ConfigFault> {
    Config::load(flags.config.as_deref(), &flags.overrides())
}

fn run(flags: &Flags, clock: fn(u32) -> Clock) -> Result<(), Failure> {
    log_to_stderr(flags.log_format);
    let config = load(flags)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::Other(format!("cannot start threads: {error}")))?;
    let clock = clock(config.demo.as_ref().map_or(1, |demo| demo.speed));
    let ran = runtime.block_on(hub::run(config, flags.overrides(), clock));
    // What still blocks a thread after the orderly stop must not hold the process.
    runtime.shutdown_timeout(std::time::Duration::from_millis(200));
    Ok(ran?)
}

fn replay(args: &replay::ReplayArgs) -> Result<(), Failure> {
    let report = replay::command(args)?;
    if report.balances() {
        return Ok(());
    }
    let fault = "the totals do not balance: this is a fault of huitian, please report it";
    Err(Failure::Other(fault.to_owned()))
}

fn check(flags: &Flags) -> Result<(), Failure> {
    let config = load(flags)?;
    let plan = Plan::load(&config)?;
    let (sites, devices) = (plan.inventory.sites.len(), plan.inventory.devices.len());
    say(&format!(
        "settings and inventory are right: {sites} sites, {devices} devices"
    ))
}

/// Writes a line that the command was asked for.
fn say(line: &str) -> Result<(), Failure> {
    use std::io::Write;
    let mut out = std::io::stdout().lock();
    writeln!(out, "{line}").map_err(|error| Failure::Other(format!("standard output: {error}")))
}

fn report(failure: Failure) -> ExitCode {
    let (code, message) = match failure {
        Failure::Config(faults) => {
            for fault in faults {
                tell(&format!("{:?}", Report::new(fault)));
            }
            return ExitCode::from(EXIT_CONFIG);
        }
        Failure::Temporary(message) => (EXIT_TEMPORARY, message),
        Failure::Other(message) => (1, message),
    };
    tell(&format!("huitian: {message}"));
    ExitCode::from(code)
}

/// Writes to standard error; where even that is closed nobody can be told.
fn tell(text: &str) {
    use std::io::Write;
    let _unheard = writeln!(std::io::stderr().lock(), "{text}").is_err();
}

/// Whether colours are wanted: standard error is a terminal, and `NO_COLOR` is not set.
fn is_for_people() -> bool {
    use std::io::IsTerminal;
    std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none()
}

fn log_to_stderr(format: LogFormat) {
    let filter = tracing_subscriber::EnvFilter::try_from_default_env()
        .unwrap_or_else(|_unset| tracing_subscriber::EnvFilter::new("info"));
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(is_for_people());
    match format {
        LogFormat::Text => builder.with_target(false).init(),
        LogFormat::Json => builder.json().flatten_event(true).init(),
    }
}
