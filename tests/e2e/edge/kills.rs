//! Edge, hub and the broker between them are killed at random instants under load, and the broker
//! forgets everything: what the edge has acknowledged is in the hub's log.
//!
//! SIGKILL leaves the system's cache alone, so it cannot show an edge that acknowledges before its
//! sync: the simulated disk of `huitian-queue` does.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use huitian_tests::random::Random;
use huitian_tests::running::FastClock;
use huitian_tests::services::{need, say, setting};
use huitian_tests::until;
use huitian_tests::wall::{now_ms, pause};

use super::Chain;
use super::account::Account;
use crate::recovery::compare::Stored;
use crate::recovery::load::{World, deliver};

/// Kills of edge and hub each, and of the broker half as many: 30 together.
const KILLS: usize = 12;

/// Longest life between two kills, ms.
const LIFE_MS_MAX: u64 = 800;

/// Longest wait for the end of the load, or for the hub to have all.
const END_MAX: Duration = Duration::from_secs(120);

/// Most readings of one message of the load.
const READINGS_MAX: usize = 2;

#[derive(Clone, Copy)]
enum Victim {
    Edge,
    Hub,
    Broker,
}

/// All kills in a random order.
fn plan(each: usize, random: &mut Random) -> Vec<Victim> {
    let mut plan = [Victim::Edge, Victim::Hub].repeat(each);
    plan.extend([Victim::Broker].repeat(each / 2));
    for last in (1..plan.len()).rev() {
        let other = random.below(u64::try_from(last).unwrap() + 1);
        plan.swap(last, usize::try_from(other).unwrap());
    }
    plan
}

impl Chain {
    /// Kills one of the three and starts it again; gives whether a database was deleted.
    fn kill(&mut self, victim: Victim, waits: bool) -> bool {
        match victim {
            Victim::Edge => {
                self.edge.process.kill();
                self.edge.restart();
                if waits {
                    self.edge.wait_ready();
                }
                false
            }
            Victim::Hub => {
                self.hub.process.kill();
                self.hub.restart();
                if waits {
                    self.hub.wait_ready();
                }
                false
            }
            Victim::Broker => {
                self.broker.kill();
                self.broker.restart_without_database()
            }
        }
    }
}

#[test]
fn what_the_edge_acknowledged_is_in_the_log_whoever_is_killed_and_whatever_the_broker_forgets() {
    let Some([mosquitto]) = need(["mosquitto"]) else {
        return;
    };
    let each = setting("HUITIAN_EDGE_KILLS").map_or(KILLS, |text| text.parse().unwrap());
    let mut random = Random::seeded("HUITIAN_SEED");
    let plan = plan(each, &mut random);
    let mut chain = Chain::start(&mosquitto, None, "");
    let mqtt = chain.edge.mqtt;
    let clock = FastClock::starting_at(now_ms(), 1);
    let world = World::new(Random::new(random.bits()));
    let enough = AtomicBool::new(false);
    let mut forgotten = 0;
    let (sent, again) = std::thread::scope(|scope| {
        let load = scope.spawn(|| deliver(world, mqtt, (clock, 0), &enough));
        for victim in &plan {
            pause(Duration::from_millis(random.below(LIFE_MS_MAX)));
            let waits = random.below(3) > 0;
            forgotten += usize::from(chain.kill(*victim, waits));
        }
        chain.edge.wait_ready();
        chain.hub.wait_ready();
        enough.store(true, Ordering::Relaxed);
        until("all messages to be acknowledged", END_MAX, || {
            load.is_finished().then_some(())
        });
        load.join().unwrap()
    });
    chain.edge.wait_drained(END_MAX);
    chain.stop();
    let account = Account::of(&Stored::read(&chain.hub.district.data()));
    let verdict = account.against(&sent);
    say(&format!(
        "{} kills ({each} of the edge, {each} of the hub, {} of the broker, which forgot its \
         database {forgotten} times), {} messages, {again} sent again, {} numbers in the log, {} \
         of them repeated, {} copies",
        plan.len(),
        each / 2,
        sent.len(),
        account.numbers.len(),
        account.repeated,
        verdict.copies
    ));
    verdict.assert_whole(&account, again * READINGS_MAX);
    assert_eq!(account.epochs(), 1, "a kill begins no new epoch");
}
