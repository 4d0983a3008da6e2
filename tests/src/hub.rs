//! The program `huitian` by another clock, where a test asks for one.
//!
//! `HUITIAN_TEST_CLOCK=FROM:BASE:SPEED` (ms since 1970, ms since 1970, whole number): at the wall
//! time BASE it is FROM for the hub, and from then on SPEED seconds pass in a second. Since the
//! wall goes on while a process is dead, all restarts of a test stand on one line of time.

use std::process::ExitCode;
use std::time::Instant;

use huitian::Clock;
use huitian_model::UtcMs;

const VARIABLE: &str = "HUITIAN_TEST_CLOCK";

fn main() -> ExitCode {
    huitian::main_at(clock)
}

/// The clock of the environment; without one, that of the program.
fn clock(demo_speed: u32) -> Clock {
    #[expect(
        clippy::disallowed_methods,
        reason = "a test's own setting, which the program's settings must not know"
    )]
    let wanted = std::env::var(VARIABLE).ok();
    match wanted {
        None => Clock::at_speed(demo_speed),
        Some(text) =>
        {
            #[expect(
                clippy::expect_used,
                reason = "a test that sets a wrong clock is wrong"
            )]
            parse(&text).expect("HUITIAN_TEST_CLOCK is FROM:BASE:SPEED")
        }
    }
}

fn parse(text: &str) -> Option<Clock> {
    let mut parts = text.split(':');
    let from: i64 = parts.next()?.parse().ok()?;
    let base: i64 = parts.next()?.parse().ok()?;
    let speed: u32 = parts.next()?.parse().ok()?;
    let passed = Clock::Wall.now().0 - base;
    Some(Clock::Demo {
        from: UtcMs(from + passed * i64::from(speed)),
        started: Instant::now(),
        speed,
    })
}
