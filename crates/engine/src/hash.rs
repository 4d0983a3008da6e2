//! A hash of published figures: two bodies with the same hash are taken to be the same.
//!
//! 64 bits, multiply and rotate over every number of the body. That a changed body is taken for
//! unchanged has a chance of 2^-64 for each comparison.

use huitian_model::{Dwell, GateFigures, StationFigures, Usage, UtcMs, WindowBody};

struct Mixer(u64);

impl Mixer {
    const fn add(&mut self, number: i64) {
        let mixed = (self.0 ^ number.cast_unsigned()).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        self.0 = mixed ^ mixed.rotate_right(29);
    }

    fn maybe(&mut self, number: Option<i64>) {
        self.add(i64::from(number.is_some()));
        self.add(number.unwrap_or(0));
    }

    const fn usage(&mut self, usage: &Usage) {
        self.add(usage.in_use_ms);
        self.add(usage.free_ms);
        self.add(usage.total_ms);
    }

    fn dwell(&mut self, dwell: &Dwell) {
        self.add(i64::from(dwell.count));
        self.add(i64::from(dwell.uncertain));
        self.add(dwell.sum_ms);
        self.maybe(dwell.p50_ms);
        self.maybe(dwell.p90_ms);
    }

    fn gates(&mut self, gates: &GateFigures) {
        self.add(gates.entries);
        self.add(gates.exits);
        self.usage(&gates.usage);
        self.maybe(gates.count.map(i64::from));
        self.add(i64::from(gates.count_error));
    }

    fn station(&mut self, station: &StationFigures) {
        self.add(station.length_ms);
        for bin in &station.bins {
            self.add(bin.known_ms);
            self.add(bin.fill_ms);
            let levels = [bin.min, bin.max, bin.last];
            for level in levels {
                self.maybe(level.map(|level| i64::from(level.hundredths())));
            }
            self.add(bin.overflow_ms);
            self.add(i64::from(bin.emptied));
            self.add(i64::from(bin.rejected));
        }
    }
}

/// The hash of a body.
pub fn hash(body: &WindowBody) -> u64 {
    let mut mixer = Mixer(0x243f_6a88_85a3_08d3);
    match body {
        WindowBody::Lot(lot) => {
            mixer.add(i64::from(lot.capacity));
            mixer.usage(&lot.usage);
            let (level, at) = lot.peak.unwrap_or((0, UtcMs(i64::MIN)));
            mixer.add(i64::from(level));
            mixer.add(at.0);
            mixer.add(i64::from(lot.arrivals));
            mixer.add(i64::from(lot.departures));
            mixer.add(i64::from(lot.uncertain));
            mixer.dwell(&lot.dwell);
            mixer.usage(&lot.bays.unwrap_or_default());
            mixer.gates(&lot.gates.unwrap_or_default());
        }
        WindowBody::Station(station) => mixer.station(station),
    }
    mixer.0
}
