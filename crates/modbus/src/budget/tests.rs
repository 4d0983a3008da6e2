//! Times computed by hand.

use huitian_codec::RegisterFunction;
use huitian_codec::registers::Parity;
use huitian_model::{ChannelName, DeviceId};

use super::{Budget, LineLoad, UnitLoad, worst_us};
use crate::Request;
use crate::settings::{SerialParams, Transmission};

fn line(baud_rate: u32, parity: Parity) -> LineLoad {
    LineLoad {
        name: "gate".to_owned(),
        transmission: Transmission::Rtu,
        serial: SerialParams {
            baud_rate,
            data_bits: 8,
            parity,
            stop_bits: 1,
        },
        latency_us: 0,
        timeout_us: 1_000_000,
        pause_us: 0,
        interval_us: 10_000_000,
        dead_share: 20,
    }
}

fn request(function: RegisterFunction, count: u16) -> Request {
    Request {
        function,
        address: 0,
        count,
    }
}

fn unit(id: u8, requests: &[(RegisterFunction, u16)], gap_us: u64) -> UnitLoad {
    let requests: Vec<_> = requests
        .iter()
        .map(|(function, count)| request(*function, *count))
        .collect();
    UnitLoad {
        id,
        device: DeviceId::new(&format!("d-{id}")).unwrap(),
        channels: vec![(ChannelName::new("x").unwrap(), requests.len() - 1)],
        requests,
        gap_us,
        reply_us: 45_000,
    }
}

const HOLDING: RegisterFunction = RegisterFunction::HoldingRegisters;
const INPUT: RegisterFunction = RegisterFunction::InputRegisters;
const DISCRETE: RegisterFunction = RegisterFunction::DiscreteInputs;

#[test]
fn transactions_take_as_long_as_computed_by_hand() {
    // 9600 8N1: 10 bits a character. 3.5 characters are 35 bits: 35 / 9600 s = 3645.8 us.
    let slow = line(9_600, Parity::None);
    assert_eq!(slow.silence_us(), 3_646);
    // One register: 8 + 7 characters are 150 bits = 15,625 us; 45,000 reply; 3,646 silence.
    assert_eq!(slow.transaction_us(request(HOLDING, 1), 45_000, 0), 64_271);
    // 125 registers: 8 + 255 characters are 2,630 bits = 273,958.3 us.
    assert_eq!(
        slow.transaction_us(request(HOLDING, 125), 0, 0),
        273_959 + 3_646
    );
    // 9 bits: 8 + 5 + 2 characters, as one register.
    assert_eq!(slow.transaction_us(request(DISCRETE, 9), 45_000, 0), 64_271);
    // A gap of 300 ms swallows the silence.
    assert_eq!(
        slow.transaction_us(request(INPUT, 1), 45_000, 300_000),
        360_625
    );
    // 19200 8E1: 11 bits. 38.5 / 19200 s = 2005.2 us; above that fixed.
    assert_eq!(line(19_200, Parity::Even).silence_us(), 2_006);
    assert_eq!(line(19_201, Parity::Even).silence_us(), 1_750);
    // 115200 8N1, one register: 150 / 115200 s = 1302.1 us, and 1,750.
    let fast = line(115_200, Parity::None);
    assert_eq!(
        fast.transaction_us(request(HOLDING, 1), 0, 0),
        1_303 + 1_750
    );
    // A request and the timeout: 80 bits at 9600 are 8,333.3 us.
    assert_eq!(slow.probe_us(0), 8_334 + 1_000_000 + 3_646);
}

#[test]
fn over_tcp_latency_counts_and_over_a_serial_gateway_both() {
    let mut tcp = line(9_600, Parity::None);
    tcp.transmission = Transmission::Tcp;
    tcp.latency_us = 20_000;
    assert_eq!(tcp.transaction_us(request(HOLDING, 125), 5_000, 0), 25_000);
    assert_eq!(
        tcp.transaction_us(request(HOLDING, 1), 5_000, 7_000),
        32_000
    );
    tcp.transmission = Transmission::RtuOverTcp;
    assert_eq!(tcp.transaction_us(request(HOLDING, 1), 45_000, 0), 84_271);
}

#[test]
fn shares_ages_and_the_dead_are_as_computed_by_hand() {
    let line = line(9_600, Parity::None);
    // An APG MNU: input 300+5 is 8 + 15 characters = 230 bits = 23,958.3 us, holding 401+4 is
    // 8 + 13 = 210 bits = 21,875 us; each with 45,000 and 300,000: 368,959 + 366,875 = 735,834.
    let apg = unit(1, &[(INPUT, 5), (HOLDING, 4)], 300_000);
    let small = unit(12, &[(HOLDING, 1)], 0);
    let units = [apg, small];
    let budget = Budget::new(&line, &units).unwrap();
    assert_eq!(budget.cycle_us, 735_834 + 64_271);
    let shares: Vec<_> = budget
        .units
        .iter()
        .map(|unit| (unit.busy_us, unit.permille))
        .collect();
    assert_eq!(shares, [(735_834, 73), (64_271, 6)]);
    // The small one is dead: 735,834 / 0.8 = 919,792.5; a probe with the gap of the APG:
    // 8,334 + 1,000,000 + 300,000.
    assert_eq!(worst_us(&line, &units, 1), Some(919_793 + 1_308_334));
    assert_eq!(budget.worst_us, 2_228_127);
    assert_eq!(
        (worst_us(&line, &units, 0), worst_us(&line, &units, 2)),
        (Some(800_105), None)
    );
    // The last channel: all of the cycle stretched, 800,105 / 0.8 = 1,000,131.25, and a probe.
    let ages: Vec<_> = budget.channels.iter().map(|age| age.worst_us).collect();
    let first = 10_000_000 + 919_793 + 1_308_334;
    assert_eq!(ages, [first, 10_000_000 + 1_000_132 + 1_308_334]);
    let text = budget.lines.join("\n");
    for told in [
        "9600 baud 8N1",
        "735834 us",
        "(800105 - 64271) us / (1 - 20 %)",
        "2228127 us",
    ] {
        assert!(text.contains(told), "{told}: {text}");
    }
}

#[test]
fn a_line_that_cannot_keep_its_interval_is_refused_with_the_arithmetic() {
    let mut line = line(9_600, Parity::None);
    // Thirty APG: 30 * 735,834 us are 22 s.
    let units: Vec<_> = (1..=30)
        .map(|id| unit(id, &[(INPUT, 5), (HOLDING, 4)], 300_000))
        .collect();
    let error = Budget::new(&line, &units).unwrap_err();
    // 29 of them stretched: 21,339,186 / 0.8 = 26,673,982.5, and a probe.
    assert_eq!(
        (error.needed_us, error.interval_us),
        (26_673_983 + 1_308_334, 10_000_000)
    );
    let text = error.to_string();
    assert!(text.contains("sum of 30 units: 22075020 us"), "{text}");
    assert!(text.contains("unit 30 (d-30)"), "{text}");
    line.interval_us = 27_982_317;
    assert!(Budget::new(&line, &units).is_ok(), "to the microsecond");
    line.interval_us -= 1;
    assert!(Budget::new(&line, &units).is_err(), "and not one less");
}

#[test]
fn a_line_with_one_unit_needs_no_room_for_the_dead() {
    let mut line = line(9_600, Parity::None);
    line.interval_us = 64_271;
    let budget = Budget::new(&line, &[unit(1, &[(HOLDING, 1)], 0)]).unwrap();
    assert_eq!((budget.cycle_us, budget.worst_us), (64_271, 64_271));
    assert_eq!(budget.channels[0].worst_us, 128_542);
    line.interval_us -= 1;
    assert!(Budget::new(&line, &[unit(1, &[(HOLDING, 1)], 0)]).is_err());
}
