//! `firmware-sim modbus`: serves a line of units until it is told to stop.

use std::io;
use std::path::Path;
use std::sync::Arc;

use firmware_sim::modbus::{Endpoint, Installation, Line, Server};
use firmware_sim::{Config, FaultRates, World};
use tokio::signal::unix::{SignalKind, signal};

use crate::clock::SpeedClock;
use crate::line_options::LineOptions;

/// What an edge sets on a pseudo-terminal where no rate is asked for.
const BAUD: u32 = 9_600;

/// Where an edge finds the line if nothing is served yet.
const USUAL: ([u8; 4], u16) = ([127, 0, 0, 1], 1_502);

/// Writes what is asked for, then serves.
pub fn run(options: &LineOptions) -> io::Result<()> {
    let clock = SpeedClock::start(options.from_ms, options.speed);
    let config = Config {
        seed: options.seed,
        scale: 1,
        faults: FaultRates::none(),
    };
    let world = Arc::new(World::new(config).start_at(clock.now_ms()));
    let installed = Installation::new(&world, options.bins, options.bays);
    let installed = installed.map_err(io::Error::other)?;
    if let Some(folder) = &options.inventory {
        installed.write(folder, &endpoint(options)?)?;
        eprintln!("wrote the inventory to {}", folder.display());
    }
    if !options.is_served() {
        return Ok(());
    }
    let line = line(options, &installed)?;
    let runtime = tokio::runtime::Runtime::new()?;
    runtime.block_on(serve(options, line, clock))
}

/// What the settings name: the first endpoint of the command line's usage.
fn endpoint(options: &LineOptions) -> io::Result<Endpoint> {
    Ok(match (options.tcp, options.rtu_over_tcp, &options.rtu) {
        (Some(at), _, _) => Endpoint::Tcp(at),
        (None, Some(at), _) => Endpoint::RtuOverTcp(at),
        (None, None, Some(path)) => Endpoint::Serial {
            path: std::path::absolute(path)?,
            baud: options.baud.unwrap_or(BAUD),
        },
        (None, None, None) => Endpoint::Tcp(USUAL.into()),
    })
}

fn line(options: &LineOptions, installed: &Installation) -> io::Result<Line> {
    let mut line = installed
        .line(options.seed)
        .with_faults(options.rates.clone());
    if let Some(baud) = options.baud {
        line = line.at_baud(baud);
    }
    let slow = options.slow.iter().map(|(id, after)| (id, Some(*after)));
    for (id, after) in slow.chain(options.dead.iter().map(|id| (id, None))) {
        let Some(unit) = line.units().get(id).cloned() else {
            let ids: Vec<_> = line.units().keys().map(u8::to_string).collect();
            let ids = ids.join(", ");
            return Err(io::Error::other(format!(
                "expected one of the units {ids}, found {id}"
            )));
        };
        let unit = match after {
            Some(after) => unit.slow(after),
            None => unit.dead(),
        };
        line = line.with_unit(*id, unit);
    }
    Ok(line)
}

async fn serve(options: &LineOptions, line: Line, clock: SpeedClock) -> io::Result<()> {
    for (id, unit) in line.units() {
        eprintln!("unit {id}: {}", unit.device().map());
    }
    let mut server = Server::new(line, move || clock.now_ms());
    if let Some(at) = options.tcp {
        let bound = server.listen_tcp(at).await?;
        eprintln!("serving Modbus TCP at {bound}");
    }
    if let Some(at) = options.rtu_over_tcp {
        let bound = server.listen_rtu_over_tcp(at).await?;
        eprintln!("serving serial frames over TCP at {bound}");
    }
    if let Some(link) = options.rtu.as_deref() {
        let path = server.open_pty(Some::<&Path>(link))?;
        eprintln!("serving a serial line at {}", path.display());
    }
    let mut term = signal(SignalKind::terminate())?;
    tokio::select! {
        _ = term.recv() => {}
        stopped = tokio::signal::ctrl_c() => stopped?,
    }
    let counts = server.end().await.map_err(io::Error::other)?;
    let faults = counts.faults.iter();
    let faults: Vec<_> = faults
        .map(|(fault, n)| format!("{} {n}", fault.name()))
        .collect();
    eprintln!(
        "requests {}, unheard {}, too soon {}, junk bytes {}, faults: {}",
        counts.requests,
        counts.unheard,
        counts.too_soon,
        counts.junk,
        if faults.is_empty() {
            "none".to_owned()
        } else {
            faults.join(", ")
        }
    );
    Ok(())
}
