//! A console over an invented district, to look at the pages without a hub.
//!
//! `cargo run -p huitian-console --example fake -- 8091` serves 127 compounds that change and three
//! edges; with `no-edges` behind it none, with `no-books` a hub that cannot say.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "an invented district: a mistake in it may panic"
)]

#[path = "fake/bench.rs"]
mod bench;
#[path = "fake/edges.rs"]
mod edges;
#[path = "fake/past.rs"]
mod past;
#[path = "fake/strangers.rs"]
mod strangers;
#[path = "fake/world.rs"]
mod world;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use huitian_console::{Board, Console, ConsoleConfig, FleetFault, Health, Limits, World};
use huitian_model::UtcMs;
use tokio::sync::watch;

/// 2026-11-23T08:20:00Z: a Monday afternoon in Beijing.
const START: UtcMs = UtcMs(1_795_422_000_000);

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let port = std::env::args().nth(1).map_or(Ok(8091), |it| it.parse())?;
    let board = Board::new(1, World::Simulated { speed: 1 });
    let world = world::World::new(127);
    board.set_inventory(Arc::new(world.inventory.clone()));
    board.set_now(START);
    board.set_overflow_limit(world::limit());
    board.load(
        world.currents(START),
        world.alerts(START),
        world.devices(START),
    );
    let feeder = board.clone();
    let source = Arc::new(past::Past::new(world.clone(), START));
    tokio::spawn(async move {
        let mut now = START;
        for n in 0_u64.. {
            tokio::time::sleep(Duration::from_millis(250)).await;
            now = now.plus(250);
            feeder.set_now(now);
            for (place, current) in (0_u64..).zip(world.currents(now)) {
                if place % 53 == n % 53 {
                    feeder.apply(&huitian_model::Output::Current(current));
                }
            }
            feeder.set_health(Health {
                not_ready: Vec::new(),
                readings_per_s_hundredths: 900 + n % 7 * 35,
                in_flight: n % 3,
            });
        }
    });
    let config = ConsoleConfig {
        http: SocketAddr::from(([127, 0, 0, 1], port)),
        zone: "Asia/Shanghai".to_owned(),
        metrics: Arc::new(|| "# EOF\n".to_owned()),
        fleet: Arc::new(match std::env::args().nth(2).as_deref() {
            Some("no-edges") => edges::Edges::none(),
            Some("no-books") => edges::Edges::failing(FleetFault::NotOpen),
            _ => edges::Edges::new(START),
        }),
        bench: Arc::new(bench::FakeBench::default()),
        limits: Limits::default(),
    };
    let (_stop, shutdown) = watch::channel(false);
    Console::bind(config, source, board)?
        .serve(shutdown)
        .await?;
    Ok(())
}
