//! A line with units that know the truth, and the check of what they were given.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use huitian_modbus::{
    Answer, Endpoint, Framing, Line, LineHealth, LineSettings, RegisterFunction, Request, Sampled,
    Unit,
};
use huitian_model::{ChannelName, DeviceId, Sample, UtcMs};

use crate::device::{Device, bit, register};

/// What the units of a test were given.
#[derive(Default)]
pub struct Given {
    pub answers: Vec<(u8, Request)>,
    pub wrong: Vec<String>,
    pub exceptions: Vec<(u8, Request, u8)>,
    pub finished: usize,
}

/// A unit that compares every value with what it must be.
pub struct Truth {
    id: u8,
    requests: Vec<Request>,
    given: Arc<Mutex<Given>>,
}

impl Truth {
    fn given(&self) -> MutexGuard<'_, Given> {
        self.given.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Unit for Truth {
    fn id(&self) -> u8 {
        self.id
    }

    fn requests(&self) -> &[Request] {
        &self.requests
    }

    fn on_answer(&mut self, request: Request, answer: &Answer, _at: UtcMs) {
        let code = request.function.code();
        let addresses = request.address..request.address + request.count;
        let truth = if request.function.reads_bits() {
            Answer::Bits(addresses.map(|at| bit(self.id, code, at)).collect())
        } else {
            Answer::Words(addresses.map(|at| register(self.id, code, at)).collect())
        };
        let mut given = self.given();
        if *answer != truth {
            let wrong = format!("unit {} {request:?}: {answer:?} is not {truth:?}", self.id);
            given.wrong.push(wrong);
        }
        given.answers.push((self.id, request));
    }

    fn on_exception(&mut self, request: Request, code: u8) {
        self.given().exceptions.push((self.id, request, code));
    }

    fn finish(&mut self, at: UtcMs) -> Vec<Sampled> {
        self.given().finished += 1;
        vec![Sampled {
            device: DeviceId::new(&format!("unit-{}", self.id)).unwrap(),
            channel: ChannelName::new("cycle").unwrap(),
            at,
            sample: Sample::Good(huitian_model::Measurement::Entries(1)),
        }]
    }
}

pub const fn read(function: RegisterFunction, address: u16, count: u16) -> Request {
    Request {
        function,
        address,
        count,
    }
}

/// Requests of every function, two of them of one shape.
pub fn mixed() -> Vec<Request> {
    vec![
        read(RegisterFunction::HoldingRegisters, 0, 20),
        read(RegisterFunction::HoldingRegisters, 100, 20),
        read(RegisterFunction::InputRegisters, 40, 20),
        read(RegisterFunction::Coils, 0, 40),
        read(RegisterFunction::DiscreteInputs, 64, 40),
    ]
}

pub const TIMEOUT: Duration = Duration::from_millis(500);

pub fn settings(framing: Framing) -> LineSettings {
    let (host, port) = ("device".to_owned(), 502);
    let endpoint = match framing {
        Framing::Tcp => Endpoint::Tcp { host, port },
        Framing::Rtu => Endpoint::RtuOverTcp { host, port },
    };
    LineSettings {
        timeout: TIMEOUT,
        interval: Duration::from_secs(5),
        ..LineSettings::new("bench", endpoint)
    }
}

/// A device, the line to it, and what its units were given.
pub struct Bench {
    pub device: Device,
    pub line: Line,
    pub given: Arc<Mutex<Given>>,
}

impl Bench {
    pub fn new(framing: Framing, units: &[(u8, Vec<Request>)]) -> Self {
        Self::with(settings(framing), units)
    }

    pub fn with(settings: LineSettings, units: &[(u8, Vec<Request>)]) -> Self {
        let device = Device::new(settings.endpoint.framing());
        let (units, given) = truths(units);
        let line = Line::new(settings, units).with_dial(Box::new(device.clone()));
        Self {
            device,
            line,
            given,
        }
    }

    pub fn given(&self) -> MutexGuard<'_, Given> {
        self.given.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn health(&self) -> LineHealth {
        self.line.health().borrow().clone()
    }

    pub async fn cycle(&mut self) -> Vec<Sampled> {
        self.line.poll_once(|| UtcMs(0)).await
    }

    /// Forgets what was given, and says how much it was.
    pub fn take_answers(&self) -> usize {
        std::mem::take(&mut self.given().answers).len()
    }
}

impl Drop for Bench {
    /// Holds in every test.
    fn drop(&mut self) {
        if !std::thread::panicking() {
            assert_eq!(self.given().wrong, Vec::<String>::new());
            assert_eq!(
                self.device.not_reads(),
                Vec::<u8>::new(),
                "only reads are sent"
            );
        }
    }
}

/// Units that know the truth, and what they are given.
pub fn truths(units: &[(u8, Vec<Request>)]) -> (Vec<Box<dyn Unit>>, Arc<Mutex<Given>>) {
    let given = Arc::<Mutex<Given>>::default();
    let units = units.iter().map(|(id, requests)| {
        let unit: Box<dyn Unit> = Box::new(Truth {
            id: *id,
            requests: requests.clone(),
            given: Arc::clone(&given),
        });
        unit
    });
    (units.collect(), given)
}
