//! What the simulated district as a whole must look like.

use firmware_sim::{Config, FacilityKind, FaultRates, World};

const HOUR: i64 = 3_600_000;
const DAY: i64 = 24 * HOUR;
/// Monday 2026-11-09 00:00 in Shanghai.
const MONDAY: i64 = 1_794_153_600_000;

fn world(faults: FaultRates) -> World {
    World::new(Config {
        seed: 7,
        scale: 1,
        faults,
    })
}

#[test]
fn scale_one_keeps_its_budget_of_channels_and_readings() {
    let world = world(FaultRates::demo());
    let channels = world.inventory().channels.len();
    let begun = std::time::Instant::now();
    let (mut messages, mut readings, mut bytes) = (0_u64, 0_u64, 0_usize);
    for message in world.messages(MONDAY, MONDAY + 14 * DAY) {
        messages += 1;
        readings += u64::from(message.readings);
        bytes += message.payload.len();
    }
    println!(
        "{channels} channels, {messages} messages, {readings} readings, {bytes} bytes in {:?}",
        begun.elapsed()
    );
    assert!((2_700..=3_300).contains(&channels), "{channels}");
    assert!((1_500_000..=2_500_000).contains(&readings), "{readings}");
}

#[test]
fn at_any_instant_a_handful_of_bins_overflow_and_lots_are_full() {
    let world = world(FaultRates::none());
    let (mut most, mut sum) = (0, 0);
    let (mut full_sum, mut full_most) = (0, 0);
    for hour in 0..14 * 24 {
        let at = MONDAY + hour * HOUR;
        let inventory = world.inventory();
        let bins = inventory.assets.iter().filter(|asset| {
            let fill = world.true_fill(&asset.site, &asset.facility, &asset.id, at);
            fill.is_some_and(|percent| percent >= 90.0)
        });
        let count = bins.count();
        most = most.max(count);
        sum += count;
        let full = inventory.facilities.iter().filter(|one| {
            let FacilityKind::ParkingLot { capacity, .. } = one.kind else {
                return false;
            };
            let inside = world.true_occupancy(&one.site, &one.id, at).unwrap();
            assert!(
                inside >= 0 && inside <= i64::from(capacity),
                "{one:?} {inside}"
            );
            inside * 100 >= i64::from(capacity) * 97
        });
        let full = full.count();
        full_sum += full;
        full_most = full_most.max(full);
    }
    println!("bins: mean {} most {most}", sum / 336);
    println!("lots: mean {} most {full_most}", full_sum / 336);
    assert!((336..=336 * 5).contains(&sum), "{sum}");
    assert!(most <= 15, "{most}");
}

#[test]
fn adjacent_ranges_join_without_a_seam_and_the_seed_decides() {
    let world = world(FaultRates::demo());
    let to = MONDAY + 30 * HOUR;
    let whole: Vec<_> = world.messages(MONDAY, to).collect();
    let cuts = [0, 1, 7 * HOUR, 20 * HOUR, 20 * HOUR + 17, 30 * HOUR];
    let parts = cuts.windows(2);
    let joined: Vec<_> = parts
        .flat_map(|cut| world.messages(MONDAY + cut[0], MONDAY + cut[1]))
        .collect();
    assert!(whole.len() > 80_000);
    assert!(whole == joined);
    assert!(whole.is_sorted_by_key(|message| message.arrive_at_ms));
    let other = World::new(Config {
        seed: 8,
        scale: 1,
        faults: FaultRates::demo(),
    });
    assert!(whole[0] != other.messages(MONDAY, to).next().unwrap());
}

#[test]
fn without_faults_gate_counters_and_bay_states_tell_the_truth() {
    let world = world(FaultRates::none());
    let (from, to) = (MONDAY, MONDAY + DAY);
    let mut changes = std::collections::BTreeMap::new();
    let mut arrivals = Vec::new();
    let mut counted = std::collections::BTreeMap::new();
    for event in world.truth(from, to) {
        assert!(!matches!(event.kind, firmware_sim::TruthKind::Fault(_)));
        let device = usize::try_from(event.device).unwrap();
        if world.inventory().devices[device].profile == "bosch-tps110" {
            changes.insert((event.device, event.at_ms), event.kind);
        } else if event.kind == firmware_sim::TruthKind::Arrival {
            arrivals.push((event.device, event.at_ms));
        }
    }
    assert!(changes.len() > 1_000);
    let mut told = 0;
    for message in world.messages(from, to + 10_000) {
        let json: serde_json::Value = serde_json::from_slice(&message.payload).unwrap();
        let entries = json["readings"]["entries"].as_u64();
        if let (Some(n), true) = (entries, (from..to).contains(&message.send_at_ms)) {
            let now = (message.send_at_ms, n);
            counted.entry(message.device).or_insert((now, now)).1 = now;
        }
        let (port, data) = match json.get("uplink_message") {
            Some(up) => (&up["f_port"], &up["frm_payload"]),
            None => (&json["fPort"], &json["data"]),
        };
        if *port == 1 {
            let occupied = *data == "AQ==";
            if (from..to).contains(&message.send_at_ms) {
                let truth = changes.remove(&(message.device, message.send_at_ms));
                assert_eq!(truth == Some(firmware_sim::TruthKind::Arrival), occupied);
                told += 1;
            }
        }
    }
    assert!(told > 1_000 && changes.is_empty(), "{told} {changes:?}");
    assert!(counted.len() > 100);
    for (device, ((first_ms, first), (last_ms, last))) in counted {
        let between = |at: i64| first_ms < at && at <= last_ms;
        let came = arrivals
            .iter()
            .filter(|(of, at)| *of == device && between(*at));
        // Half of the counters are 16 bits wide and wrap.
        let counter = (last + 65_536 - first % 65_536) % 65_536;
        assert_eq!(counter, u64::try_from(came.count()).unwrap(), "{device}");
    }
}

#[test]
fn residents_are_home_by_night_and_on_holidays() {
    let world = world(FaultRates::none());
    let inside = |at: i64| {
        let lots = world.inventory().facilities.iter();
        lots.filter_map(|one| world.true_occupancy(&one.site, &one.id, at))
            .sum::<i64>()
    };
    let (night, noon) = (inside(MONDAY + 2 * HOUR), inside(MONDAY + 11 * HOUR));
    assert!(night * 100 > noon * 120, "{night} {noon}");
    // National Day 2026 was a Thursday; the Thursday five weeks later was worked.
    let holiday = MONDAY - 39 * DAY;
    let workday = holiday + 35 * DAY;
    assert_eq!(
        firmware_sim::kind_of(firmware_sim::day_of(holiday + 9 * HOUR)),
        firmware_sim::DayKind::Holiday
    );
    let (off, work) = (inside(holiday + 9 * HOUR), inside(workday + 9 * HOUR));
    assert!(off * 100 > work * 110, "{off} {work}");
}
