//! Every function, from the smallest to the largest request, at both ends of the address range.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use huitian_modbus::{
    Answer, Line, LineHealth, LineSettings, LineState, RegisterFunction, Request, Sampled, Unit,
    UnitState,
};
use huitian_model::UtcMs;

use super::start::{Peer, Served, rtu, rtu_over_tcp, tcp};

/// What the unit was given: requests answered rightly, and refused.
#[derive(Default)]
struct Given {
    answered: Vec<Request>,
    refused: Vec<(Request, u8)>,
}

struct Known {
    id: u8,
    requests: Vec<Request>,
    given: Arc<Mutex<Given>>,
}

impl Unit for Known {
    fn id(&self) -> u8 {
        self.id
    }

    fn requests(&self) -> &[Request] {
        &self.requests
    }

    fn on_answer(&mut self, request: Request, answer: &Answer, _at: UtcMs) {
        let addresses = (0..request.count).map(|at| request.address + at);
        let truth = match request.function {
            RegisterFunction::Coils => Answer::Bits(addresses.map(|at| at % 3 == 0).collect()),
            RegisterFunction::DiscreteInputs => {
                Answer::Bits(addresses.map(|at| at % 7 == 0).collect())
            }
            RegisterFunction::HoldingRegisters => {
                Answer::Words(addresses.map(|at| at.wrapping_mul(3) + 1).collect())
            }
            RegisterFunction::InputRegisters => {
                Answer::Words(addresses.map(|at| at.wrapping_mul(5) + 2).collect())
            }
        };
        assert_eq!(*answer, truth, "{request:?}");
        self.given.lock().unwrap().answered.push(request);
    }

    fn on_exception(&mut self, request: Request, code: u8) {
        self.given.lock().unwrap().refused.push((request, code));
    }

    fn finish(&mut self, _at: UtcMs) -> Vec<Sampled> {
        Vec::new()
    }
}

/// Requests that are answered.
fn requests() -> Vec<Request> {
    let functions = [
        (RegisterFunction::Coils, [1, 7, 8, 9, 2_000]),
        (RegisterFunction::DiscreteInputs, [1, 7, 8, 9, 2_000]),
        (RegisterFunction::HoldingRegisters, [1, 2, 3, 124, 125]),
        (RegisterFunction::InputRegisters, [1, 2, 3, 124, 125]),
    ];
    functions
        .into_iter()
        .flat_map(|(function, counts)| counts.map(|count| (function, count)))
        .flat_map(|(function, count)| {
            [0, 4_711, 10_000 - count].map(|address| Request {
                function,
                address,
                count,
            })
        })
        .collect()
}

/// One request that touches an address that does not exist.
const BEYOND: Request = Request {
    function: RegisterFunction::HoldingRegisters,
    address: 9_999,
    count: 2,
};

async fn read(served: &Served, id: u8, requests: Vec<Request>) -> (Given, LineHealth) {
    let settings = LineSettings {
        timeout: Duration::from_secs(2),
        degrade_after: 1,
        ..LineSettings::new("peer", served.endpoint.clone())
    };
    let given = Arc::<Mutex<Given>>::default();
    let unit = Known {
        id,
        requests,
        given: Arc::clone(&given),
    };
    let mut line = Line::new(settings, vec![Box::new(unit)]);
    line.poll_once(|| UtcMs(0)).await;
    let health = line.health().borrow().clone();
    let given = std::mem::take(&mut *given.lock().unwrap());
    (given, health)
}

async fn check(served: Option<Served>) {
    // Where the peer is not installed, that has been said.
    let Some(served) = served else { return };
    let mut all = requests();
    all.push(BEYOND);
    let (given, health) = read(&served, 1, all).await;
    assert_eq!(given.answered, requests(), "{health:#?}");
    assert_eq!(given.refused, [(BEYOND, 2)]);
    assert_eq!(health.units[0].state, UnitState::Healthy);
    assert_eq!(health.connects, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn libmodbus_is_read_over_tcp() {
    check(tcp(Peer::Libmodbus)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn libmodbus_is_read_over_a_pair_of_pseudo_terminals() {
    check(rtu(Peer::Libmodbus)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn pymodbus_is_read_over_tcp() {
    check(tcp(Peer::Pymodbus)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn pymodbus_is_read_with_rtu_frames_over_tcp() {
    check(rtu_over_tcp()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn pymodbus_is_read_over_a_pair_of_pseudo_terminals() {
    check(rtu(Peer::Pymodbus)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_unit_that_is_not_on_the_serial_line_gives_nothing() {
    let Some(served) = rtu(Peer::Libmodbus) else {
        return;
    };
    let (given, health) = read(&served, 254, requests()).await;
    assert_eq!((given.answered.len(), given.refused.len()), (0, 0));
    assert_eq!(health.units[0].counts.timeouts, 1);
    assert_eq!(health.units[0].state, UnitState::Degraded);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_serial_port_that_vanishes_takes_the_line_down_with_its_name() {
    let Some(served) = rtu(Peer::Libmodbus) else {
        return;
    };
    let settings = LineSettings {
        timeout: Duration::from_millis(500),
        settle: Some(Duration::from_millis(50)),
        ..LineSettings::new("peer", served.endpoint.clone())
    };
    let given = Arc::<Mutex<Given>>::default();
    let unit = Known {
        id: 1,
        requests: requests(),
        given: Arc::clone(&given),
    };
    let mut line = Line::new(settings, vec![Box::new(unit)]);
    line.poll_once(|| UtcMs(0)).await;
    assert_eq!(given.lock().unwrap().answered, requests());
    // As when a USB adapter is pulled out.
    drop(served);
    line.poll_once(|| UtcMs(0)).await;
    let health = line.health().borrow().clone();
    assert_eq!(health.state, LineState::Down, "{health:#?}");
    assert!(
        health.reason.contains("ours at 115200 baud"),
        "{}",
        health.reason
    );
    assert_eq!(given.lock().unwrap().answered.len(), requests().len());
}
