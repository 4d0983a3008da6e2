//! The firmware simulator as a program: publishes a seeded district over MQTT, or serves some of
//! its devices over Modbus.

mod clock;
mod line_options;
mod options;
mod serve;

use std::process::ExitCode;

use firmware_sim::{Config, FaultRates, PublishConfig, World, publish};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

use clock::SpeedClock;
use line_options::LineOptions;
use options::{Options, USAGE};

/// The exit code for a wrong command line.
const EXIT_USAGE: u8 = 2;

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1).peekable();
    if arguments.next_if(|word| word == "modbus").is_some() {
        start(
            LineOptions::parse(arguments),
            line_options::USAGE,
            serve::run,
        )
    } else {
        start(Options::parse(arguments), USAGE, run)
    }
}

/// Runs with the options, or says how they are written.
fn start<T>(
    options: Result<Option<T>, String>,
    usage: &str,
    run: impl FnOnce(&T) -> std::io::Result<()>,
) -> ExitCode {
    let options = match options {
        Ok(Some(options)) => options,
        Ok(None) => {
            eprintln!("{usage}");
            return ExitCode::SUCCESS;
        }
        Err(fault) => {
            eprintln!("firmware-sim: {fault}\n\n{usage}");
            return ExitCode::from(EXIT_USAGE);
        }
    };
    match run(&options) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("firmware-sim: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(options: &Options) -> std::io::Result<()> {
    let faults = if options.faults {
        FaultRates::demo()
    } else {
        FaultRates::none()
    };
    let clock = SpeedClock::start(options.from_ms, options.speed);
    let from_ms = clock.now_ms();
    let config = Config {
        seed: options.seed,
        scale: options.scale,
        faults,
    };
    let world = World::new(config).start_at(from_ms);
    if let Some(folder) = &options.write_inventory {
        world.write_csv(folder)?;
        eprintln!("wrote the inventory to {}", folder.display());
    }
    let Some(broker) = options.mqtt else {
        return Ok(());
    };
    let to_ms = from_ms.saturating_add(options.duration_ms.unwrap_or(i64::MAX / 4));
    let runtime = tokio::runtime::Runtime::new()?;
    let summary = runtime.block_on(async {
        let (stop, shutdown) = watch::channel(false);
        let mut term = signal(SignalKind::terminate())?;
        tokio::spawn(async move {
            tokio::select! {
                _ = term.recv() => {}
                _ = tokio::signal::ctrl_c() => {}
            }
            stop.send_replace(true);
        });
        let config = PublishConfig {
            broker,
            connections: options.connections,
            acknowledged: true,
        };
        let messages = world.messages(from_ms, to_ms);
        publish(config, messages, || clock.now_ms(), shutdown).await
    })?;
    eprintln!(
        "sent {}, acknowledged {}, sent again {}, connections broken {}",
        summary.sent, summary.acknowledged, summary.sent_again, summary.broken
    );
    Ok(())
}
