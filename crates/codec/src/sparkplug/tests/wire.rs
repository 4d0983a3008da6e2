//! Protobuf written by hand, so that the reader is not tested against its own library, and an
//! edge node that speaks it.

use huitian_model::UtcMs;

use crate::named::{Named, NamedValue};
use crate::sparkplug::{Host, Moment, Output, Said};

/// The tests' first instant.
pub(super) const START: i64 = 1_780_000_000_000;

/// How long tests' hosts wait for what is missing.
pub(super) const REORDER_MS: u64 = 2_000;

pub(super) fn varint(mut number: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    while number >= 0x80 {
        bytes.push((number & 0x7f) as u8 | 0x80);
        number >>= 7;
    }
    bytes.push(number as u8);
    bytes
}

pub(super) fn whole(field: u64, number: u64) -> Vec<u8> {
    [varint(field << 3), varint(number)].concat()
}

pub(super) fn bytes(field: u64, bytes: &[u8]) -> Vec<u8> {
    let mut all = varint(field << 3 | 2);
    all.extend(varint(bytes.len() as u64));
    all.extend(bytes);
    all
}

pub(super) fn double(field: u64, value: f64) -> Vec<u8> {
    [varint(field << 3 | 1), value.to_le_bytes().to_vec()].concat()
}

pub(super) fn float(field: u64, value: f32) -> Vec<u8> {
    [varint(field << 3 | 5), value.to_le_bytes().to_vec()].concat()
}

/// A message: its time, its number, its metrics.
pub(super) fn payload(at: Option<i64>, seq: Option<u8>, metrics: &[Vec<u8>]) -> Vec<u8> {
    let mut all = Vec::new();
    all.extend(at.into_iter().flat_map(|at| whole(1, at as u64)));
    all.extend(metrics.iter().flat_map(|metric| bytes(2, metric)));
    all.extend(seq.into_iter().flat_map(|seq| whole(3, u64::from(seq))));
    all
}

/// A metric of a birth: name, alias, datatype Double, value.
pub(super) fn named(name: &str, alias: u64, value: f64) -> Vec<u8> {
    let fields = [
        bytes(1, name.as_bytes()),
        whole(2, alias),
        whole(4, 10),
        double(13, value),
    ];
    fields.concat()
}

/// A metric of data: alias, time, value.
pub(super) fn aliased(alias: u64, at: i64, value: f64) -> Vec<u8> {
    [whole(2, alias), whole(3, at as u64), double(13, value)].concat()
}

pub(super) fn bd_seq(number: u64) -> Vec<u8> {
    [bytes(1, b"bdSeq"), whole(4, 4), whole(11, number)].concat()
}

/// A host with a number as receipt, and a clock that the test moves.
pub(super) struct Bench {
    pub(super) host: Host<u32>,
    pub(super) now: u64,
    pub(super) out: Output<u32>,
    pub(super) given: u32,
}

impl Bench {
    pub(super) fn new() -> Self {
        Self {
            host: Host::new(REORDER_MS),
            now: 0,
            out: Output::default(),
            given: 0,
        }
    }

    /// The host's wall is ten seconds ahead of the nodes'.
    pub(super) fn moment(&self) -> Moment {
        Moment {
            at: UtcMs(START + 10_000 + self.now as i64),
            mono_ms: self.now,
        }
    }

    pub(super) fn say(&mut self, topic: &str, payload: &[u8]) -> &Output<u32> {
        self.say_kept(topic, payload, false)
    }

    pub(super) fn say_kept(&mut self, topic: &str, payload: &[u8], kept: bool) -> &Output<u32> {
        let said = Said {
            topic,
            payload,
            is_retained: kept,
        };
        self.given += 1;
        let (receipt, now) = (self.given, self.moment());
        let out = self.host.hear(said, receipt, now);
        self.out.named.records.extend(out.named.records);
        self.out.named.refused.extend(out.named.refused);
        self.out.settled.extend(out.settled);
        self.out.commands.extend(out.commands);
        self.out.notes.extend(out.notes);
        &self.out
    }

    /// Lets time pass as a driver does: it wakes when the host is due.
    pub(super) fn pass(&mut self, ms: u64) {
        let end = self.now + ms;
        while let Some(due) = self.host.due().filter(|due| *due <= end) {
            self.now = self.now.max(due);
            let out = self.host.on_time(self.moment());
            self.out.named.records.extend(out.named.records);
            self.out.settled.extend(out.settled);
            self.out.commands.extend(out.commands);
            self.out.notes.extend(out.notes);
        }
        self.now = end;
    }

    /// What came since the last time.
    pub(super) fn take(&mut self) -> Output<u32> {
        std::mem::take(&mut self.out)
    }

    /// The values that came since the last time, without their times.
    pub(super) fn values(&mut self) -> Vec<(String, String, NamedValue)> {
        flat(&self.take().named.records)
    }

    /// A node's birth with bdSeq 3: `temp` is alias 1; its device `bay` has `distance`, alias 2.
    pub(super) fn born() -> Self {
        let mut bench = Self::new();
        bench.birth(3, START);
        bench.take();
        bench
    }

    pub(super) fn birth(&mut self, session: u64, at: i64) {
        self.say("spBv1.0/park/NBIRTH/gw", &birth(session, at));
        self.say("spBv1.0/park/DBIRTH/gw/bay", &device_birth(at));
    }

    pub(super) fn data(&mut self, seq: u8, value: f64) {
        let (topic, payload) = data(seq, value);
        self.say(topic, &payload);
    }
}

pub(super) fn birth(session: u64, at: i64) -> Vec<u8> {
    payload(
        Some(at),
        Some(0),
        &[bd_seq(session), named("temp", 1, 20.0)],
    )
}

pub(super) fn device_birth(at: i64) -> Vec<u8> {
    payload(Some(at), Some(1), &[named("distance", 2, 80.0)])
}

/// Data of the device, with a time that follows the value.
pub(super) fn data(seq: u8, value: f64) -> (&'static str, Vec<u8>) {
    let at = START + 1_000 + value as i64;
    let payload = payload(Some(at), Some(seq), &[aliased(2, at, value)]);
    ("spBv1.0/park/DDATA/gw/bay", payload)
}

pub(super) fn flat(records: &[Named]) -> Vec<(String, String, NamedValue)> {
    let each = records.iter().flat_map(|record| {
        let values = record.values.iter();
        values.map(|(name, value)| (record.address.clone(), name.clone(), value.clone()))
    });
    each.collect()
}

pub(super) fn value(address: &str, name: &str, value: NamedValue) -> (String, String, NamedValue) {
    (address.to_owned(), name.to_owned(), value)
}

pub(super) fn number(value: f64) -> NamedValue {
    NamedValue::Number(crate::Fixed::from_f64(value).unwrap())
}
