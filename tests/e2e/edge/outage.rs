//! The broker is away for a while: the edge keeps what comes without growing, and when the broker
//! is back what is live goes first and the backlog behind it.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use huitian_model::{Frame, Origin, Partition, Position, Record};
use huitian_store::{Backend, Sqlite, StoreConfig};
use huitian_tests::random::Random;
use huitian_tests::running::FastClock;
use huitian_tests::services::{need, say, setting};
use huitian_tests::until;
use huitian_tests::wall::{now_ms, pause};

use super::Chain;
use super::account::Account;
use super::wide::{CHANNELS, Wide};
use crate::recovery::compare::Stored;
use crate::recovery::load::{World, deliver};

/// How long the broker is away, s.
const AWAY_S: u64 = 10;

/// A short outage is made to weigh as much as one of minutes: 200,000 readings.
const WIDE_MESSAGES: usize = 10_000;

/// From this length on, s, an outage weighs enough by itself.
const LONG_S: u64 = 60;

/// Resident memory may differ by so much from what it was before the outage.
const GROWTH_BYTES_MAX: u64 = 5_000_000;

/// Readings that came while the broker was away reach the log after those that came when it was
/// back, except for so many at most: the twelve frames that the edge lets be on their way, at up
/// to 5,000 readings, once while a reading waits for a place among the live frames and once on
/// its own way, and what goes out between its coming and its being on disk.
const AHEAD_MAX: usize = 2 * 60_000 + 15_000;

/// Longest wait for the backlog to be gone.
const DRAIN_MAX: Duration = Duration::from_secs(300);

/// How often a long drain tells how far it is.
const TOLD_EVERY: Duration = Duration::from_secs(5);

/// Records read at once.
const READ_MAX: usize = 200;

/// A frame of the log, and when it was seen there.
struct Seen {
    at_ms: i64,
    partition: Partition,
    frame: Frame,
}

/// Follows a log until `enough`.
fn follow(dir: &Path, enough: &AtomicBool) -> Vec<Seen> {
    let store = Sqlite::open_to_read(StoreConfig::new(dir)).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    let mut next = [Position(1); 64];
    let mut seen = Vec::new();
    while !enough.load(Ordering::Relaxed) {
        for (partition, next) in Partition::all().zip(&mut next) {
            let read = store.read(partition, *next, READ_MAX);
            let (read, at_ms) = (runtime.block_on(read).unwrap(), now_ms());
            for (position, record) in read {
                *next = position.next();
                if let Record::Frame(frame) = record {
                    seen.push(Seen {
                        at_ms,
                        partition,
                        frame,
                    });
                }
            }
        }
        pause(Duration::from_millis(10));
    }
    seen
}

/// What the drain looked like from the hub's log.
struct Drain {
    backlog: usize,
    took_ms: i64,
    /// How long each frame of live readings took that came meanwhile, ms.
    live_ms: Vec<i64>,
    /// Readings of backlog that were logged while one live reading was on its way, at most.
    ahead_most: usize,
    /// Live readings that stand in the log before the last backlog of their partition.
    overtook: usize,
}

/// `back_ms`: when the broker was back.
fn drain(seen: &[Seen], back_ms: i64) -> Drain {
    // What came before the first greeting is backlog too, long before the outage.
    let of = |origin: Origin| {
        let after = seen.iter().filter(move |it| it.at_ms >= back_ms);
        after.filter(move |it| it.frame.origin == origin)
    };
    let count = |it: &Seen| it.frame.readings.len();
    let first = of(Origin::Backlog).next().map_or(0, |it| it.at_ms);
    let last = of(Origin::Backlog).next_back().map_or(0, |it| it.at_ms);
    let mut drain = Drain {
        backlog: of(Origin::Backlog).map(count).sum(),
        took_ms: last - first,
        live_ms: Vec::new(),
        ahead_most: 0,
        overtook: 0,
    };
    for (index, live) in seen.iter().enumerate() {
        let Some(oldest) = live
            .frame
            .readings
            .iter()
            .map(|it| it.1.received_at.0)
            .min()
        else {
            continue;
        };
        if live.frame.origin != Origin::Live || oldest < first || oldest > last {
            continue;
        }
        drain.live_ms.push(live.at_ms - oldest);
        let before = seen[..index].iter().filter(|it| it.at_ms > oldest);
        let ahead = before.filter(|it| it.frame.origin == Origin::Backlog);
        drain.ahead_most = drain.ahead_most.max(ahead.map(count).sum());
        let same = |it: &&Seen| it.partition == live.partition;
        let mut after = seen[index..].iter().filter(same);
        if after.any(|it| it.frame.origin == Origin::Backlog) {
            drain.overtook += count(live);
        }
    }
    drain.live_ms.sort_unstable();
    drain
}

/// The lowest and the highest resident memory of the edge during `away`.
fn memory(chain: &Chain, away: Duration) -> (u64, u64) {
    let begun = Instant::now();
    let (mut low, mut high) = (u64::MAX, 0);
    while begun.elapsed() < away {
        let bytes = chain.edge.process.resident_bytes().unwrap();
        (low, high) = (low.min(bytes), high.max(bytes));
        pause(Duration::from_millis(200));
    }
    (low, high)
}

#[test]
fn memory_stays_flat_while_the_broker_is_away_and_then_what_is_live_goes_before_what_waited() {
    let Some([mosquitto]) = need(["mosquitto"]) else {
        return;
    };
    let away_s = setting("HUITIAN_EDGE_OUTAGE_S").map_or(AWAY_S, |text| text.parse().unwrap());
    let away = Duration::from_secs(away_s);
    let mut chain = Chain::start(&mosquitto, None, "");
    let (mqtt, data) = (chain.edge.mqtt, chain.hub.district.data());
    let clock = FastClock::starting_at(now_ms(), 1);
    let world = World::new(Random::new(Random::seeded("HUITIAN_SEED").bits()));
    let (enough, gone) = (AtomicBool::new(false), AtomicBool::new(false));
    let mut wide = Wide::default();
    let (mut sent, seen, back_ms) = std::thread::scope(|scope| {
        let load = scope.spawn(|| deliver(world, mqtt, (clock, 0), &enough));
        let watch = scope.spawn(|| follow(&data, &gone));
        until("live readings to arrive", DRAIN_MAX, || {
            (chain.hub.metric("huitian_readings_durable_total") > 2_000).then_some(())
        });
        let before = chain.edge.process.resident_bytes().unwrap();
        chain.broker.kill();
        let accepted = chain.edge.figure("accepted").unwrap();
        let burst = scope.spawn(|| {
            let messages = if away_s < LONG_S { WIDE_MESSAGES } else { 0 };
            wide.deliver_until(mqtt, |wide| wide.said.len() >= messages);
        });
        let (low, high) = memory(&chain, away);
        burst.join().unwrap();
        let kept = chain.edge.figure("accepted").unwrap() - accepted;
        say(&format!(
            "away for {away_s} s: {kept} readings kept, resident {before} bytes before, {low} to \
             {high} meanwhile"
        ));
        assert!(
            high <= before + GROWTH_BYTES_MAX && low + GROWTH_BYTES_MAX >= before,
            "{before} bytes before, {low} to {high} meanwhile"
        );
        let back_ms = now_ms();
        chain.broker.restart_without_database();
        let mut told = Instant::now();
        until("the backlog to be gone", DRAIN_MAX, || {
            let waiting = chain.edge.figure("waiting")?;
            if told.elapsed() > TOLD_EVERY {
                told = Instant::now();
                say(&format!("{waiting} readings wait"));
            }
            (waiting < 2_000).then_some(())
        });
        enough.store(true, Ordering::Relaxed);
        let (sent, _again) = load.join().unwrap();
        chain.edge.wait_drained(DRAIN_MAX);
        pause(Duration::from_millis(500));
        gone.store(true, Ordering::Relaxed);
        (sent, watch.join().unwrap(), back_ms)
    });
    chain.stop();
    judge(&drain(&seen, back_ms), sent.len(), clock);
    sent.extend(wide.said);
    let account = Account::of(&Stored::read(&data));
    account
        .against(&sent)
        .assert_whole(&account, wide.again * CHANNELS.len());
}

fn judge(drain: &Drain, messages: usize, clock: FastClock) {
    let took_ms = usize::try_from(drain.took_ms.max(1)).unwrap();
    let ran_ms = usize::try_from(clock.now() - clock.from).unwrap();
    let (rate, live) = (drain.backlog * 1_000 / took_ms, messages * 1_000 / ran_ms);
    let at = |share: usize| {
        let last = drain.live_ms.len().saturating_sub(1);
        drain.live_ms.get(last * share / 100).copied()
    };
    say(&format!(
        "{} readings of backlog in {took_ms} ms: {rate} a second, with {live} live messages a \
         second meanwhile; {} live frames took {:?} ms (half), {:?} ms (99 in 100), {:?} ms \
         (all); {} live readings overtook backlog, at most {} of backlog went before one",
        drain.backlog,
        drain.live_ms.len(),
        at(50),
        at(99),
        at(100),
        drain.overtook,
        drain.ahead_most
    ));
    assert!(drain.overtook > 0, "nothing live overtook the backlog");
    assert!(
        drain.ahead_most <= AHEAD_MAX,
        "{} readings of backlog went before a live one, expected at most {AHEAD_MAX}",
        drain.ahead_most
    );
}
