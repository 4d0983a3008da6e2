//! Law T: the engine is total. Whatever the types permit is applied without a panic, keeps the
//! accounts balanced, and obeys law R.

use huitian_model::{
    FillLevel, Frame, Inventory, Measurement, Output, Reading, Record, Sample, SiteId, Tick, UtcMs,
};

use super::{Verdict, broken, check, same};
use crate::run::{Run, run, run_restarting};
use crate::world::{Case, log, pick};

const HOUR_MS: i64 = 3_600_000;

#[test]
fn nothing_that_the_types_permit_makes_the_engine_fail() {
    check("law T", |case| {
        let mut log = log(case);
        twist(case, &mut log);
        let whole = run(&log);
        balanced(&log, &whole)?;
        same(
            &log,
            "outputs after restarts",
            &run_restarting(&log, |_| true),
            &whole,
        )
    });
}

fn balanced(log: &[Record], run: &Run) -> Verdict {
    for output in run.all() {
        if let Output::Account(row) = output
            && !row.counts.balance()
        {
            return broken(log, format!("{row:?}"));
        }
    }
    Ok(())
}

/// Puts into a log what no sane edge or hub would.
fn twist(case: &Case, log: &mut Vec<Record>) {
    let mut bits = case.cut;
    let mut draw = |limit: u64| {
        bits = bits.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        u8::try_from((bits >> 33) % limit).unwrap()
    };
    for record in log.iter_mut() {
        match record {
            Record::Frame(frame) => {
                for (channel, reading) in &mut frame.readings {
                    match draw(12) {
                        0 => reading.at = UtcMs(pick(&INSTANTS, draw(8))),
                        1 => reading.received_at = UtcMs(pick(&INSTANTS, draw(8))),
                        2 => *reading = extreme(*reading, draw(2)),
                        3 if draw(4) == 0 => *channel += 1,
                        _ => {}
                    }
                }
                twist_numbers(frame, draw(24));
            }
            Record::Tick(tick) if draw(12) == 0 => tick.now = tick.now.minus(HOUR_MS),
            Record::Settings { settings, .. } => match draw(6) {
                0 => settings.lateness_ms = i64::MAX,
                1 => settings.lateness_ms = 0,
                2 => settings.future_guard_ms = i64::MAX,
                3 => settings.settle_ms = i64::MAX,
                _ => {}
            },
            Record::Tick(_) | Record::Inventory { .. } | Record::Lost(_) => {}
        }
    }
    let changes = [
        Record::Inventory {
            version: 2,
            inventory: only(&case.inventory, "north"),
        },
        Record::Inventory {
            version: 3,
            inventory: case.inventory.clone(),
        },
        Record::Inventory {
            version: 4,
            inventory: swapped(&case.inventory),
        },
        Record::Settings {
            version: 2,
            settings: case.settings.clone(),
        },
        Record::Inventory {
            version: 5,
            inventory: Inventory::default(),
        },
        Record::Tick(Tick {
            now: UtcMs(*case.ticks.last().unwrap()),
        }),
    ];
    for change in changes {
        let place = usize::from(draw(200)) % (log.len() + 1);
        if draw(3) > 0 {
            log.insert(place, change);
        }
    }
}

/// Instants that no clock shows.
const INSTANTS: [i64; 8] = [
    i64::MIN,
    i64::MAX,
    0,
    -1,
    i64::MAX - 1,
    i64::MIN + 1,
    253_402_300_800_000,
    1,
];

/// The least and the greatest value of a quantity.
fn extreme(reading: Reading, drawn: u8) -> Reading {
    let is_least = drawn == 0;
    let signed = if is_least { i32::MIN } else { i32::MAX };
    let unsigned = if is_least { 0 } else { u32::MAX };
    let value = match reading.sample.value() {
        Some(Measurement::InUse(_)) => Measurement::InUse(signed),
        Some(Measurement::FreePlaces(_)) => Measurement::FreePlaces(signed),
        Some(Measurement::Entries(_)) => Measurement::Entries(unsigned),
        Some(Measurement::Exits(_)) => Measurement::Exits(unsigned),
        Some(Measurement::Distance(_)) => Measurement::Distance(unsigned),
        Some(Measurement::Battery(_)) => Measurement::Battery(u8::MAX),
        _ => Measurement::Fill(FillLevel::FULL),
    };
    Reading {
        sample: Sample::Good(value),
        ..reading
    }
}

/// Numbers with a gap, at the end of their range, or of an epoch that is over.
fn twist_numbers(frame: &mut Frame, drawn: u8) {
    match drawn {
        0 => frame.first_n = frame.first_n.saturating_add(10),
        1 => frame.first_n = u64::MAX,
        2 => frame.epoch = 0,
        3 => frame.epoch = u64::MAX,
        _ => {}
    }
}

/// The inventory of one site.
fn only(inventory: &Inventory, site: &str) -> Inventory {
    let site = SiteId::new(site).unwrap();
    inventory.part(|one| *one == site)
}

/// The same devices in lots of other sizes and in another zone.
fn swapped(inventory: &Inventory) -> Inventory {
    let mut inventory = inventory.clone();
    for site in inventory.sites.values_mut() {
        site.zone = "Europe/London".to_owned();
        for facility in site.facilities.values_mut() {
            if let huitian_model::FacilityKind::ParkingLot { capacity, .. } = &mut facility.kind {
                *capacity += 1;
            }
        }
    }
    for device in inventory.devices.values_mut() {
        device.expected_every_ms *= 2;
    }
    inventory
}
