//! What is taken and what is refused.

use std::time::Duration;

use firmware_sim::modbus::{Fault, Rates};

use super::LineOptions;

fn parse(line: &str) -> Result<Option<LineOptions>, String> {
    LineOptions::parse(line.split_whitespace().map(str::to_owned))
}

#[test]
fn every_flag_is_taken() {
    let line = "--tcp 127.0.0.1:1502 --rtu ./line0 --units bins=7,lot=2 --seed 9 --baud 9600 \
                --fault late=0.01,crc=1 --dead 11,12 --slow 80=400 --from 2026-11-10T12:00:00Z";
    let options = parse(line).unwrap().unwrap();
    assert_eq!((options.bins, options.bays, options.seed), (7, 2, 9));
    assert_eq!(options.baud, Some(9_600));
    let rates = Rates::none().with(Fault::Late, 0.01).with(Fault::Crc, 1.0);
    assert_eq!(options.rates, rates);
    assert_eq!(options.dead, [11, 12]);
    assert_eq!(options.slow, [(80, Duration::from_millis(400))]);
    assert_eq!(options.from_ms, Some(1_794_312_000_000));
    assert!(parse("--help").unwrap().is_none());
}

#[test]
fn what_is_wrong_is_refused_with_what_was_expected() {
    for (line, expected) in [
        ("", "expected --tcp"),
        ("--units bins=3", "expected --tcp"),
        ("--tcp 0.0.0.0:1502", "loopback"),
        ("--tcp", "a value after --tcp"),
        ("--rtu a --units bins=3,doors=1", "bins or lot"),
        ("--rtu a --fault late", "NAME=VALUE"),
        ("--rtu a --fault slow=0.1", "the name of a fault"),
        ("--rtu a --fault late=1.1", "0 to 1"),
        ("--rtu a --dead 256", "0 to 255"),
        ("--rtu a --baud 299", "300 to 1000000"),
        ("--rtu a --write 1", "unknown flag --write"),
    ] {
        let refused = parse(line).unwrap_err();
        assert!(refused.contains(expected), "{line}: {refused}");
    }
}
