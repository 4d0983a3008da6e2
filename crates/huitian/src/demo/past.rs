//! Living through the past: two stages in parallel, so that both cores work.
//!
//! ```text
//! simulate, read, number  ──steps──►  append, tick, apply, commit
//! (a thread of its own)               (the hub's own path)
//! ```

use std::sync::Arc;
use std::time::Duration;

use firmware_sim::World;
use huitian_console::{Phase, Progress};
use huitian_edge::{Intake, Message, Numbering};
use huitian_model::{Origin, Partition, Record, Tick, UtcMs};
use tokio::sync::{mpsc, oneshot, watch};
use tracing::info;

use super::{DemoError, DemoRun, PAST_MS};
use crate::hub::{Ask, not_ready};

/// History between two ticks of the past: what happens then is decided to the quarter hour.
const TICK_MS: i64 = 15 * 60_000;

/// History appended at once: 7,000 readings of the home district.
const STEP_MS: i64 = 60 * 60_000;

/// A gap that is lived through; a shorter one is simply missed, as by any restart.
const GAP_MIN_MS: i64 = 60_000;

/// So near to the present that live time can begin, ms of real time.
const CAUGHT_UP_MS: i64 = 2_000;

/// How often the engines' progress is looked at.
const CATCH_UP_LOOK: Duration = Duration::from_millis(20);

/// Steps between two rounds of the store's maintenance: every two days of history.
const MAINTAIN_STEPS: usize = 48;

/// Steps that wait for the hub: some 10 MB.
const STEPS_MAX: usize = 4;

/// One step of the past, ready to be appended.
struct Step {
    until: UtcMs,
    readings: usize,
    records: Vec<(Partition, Record)>,
}

impl DemoRun {
    /// Lives through what the log does not know yet.
    ///
    /// # Errors
    /// [`DemoError`].
    pub async fn live_the_past(
        &mut self,
        stopped: &watch::Receiver<bool>,
    ) -> Result<(), DemoError> {
        let now = self.ways.clock.now();
        let epoch = self.epoch().await?;
        // A demo that slept for longer lives through its last 14 days only.
        let from = match self.ways.last_tick {
            None => epoch,
            Some(last) => last.max(now.minus(PAST_MS)),
        };
        if now.since(from) < GAP_MIN_MS {
            return Ok(());
        }
        // Nobody is told today of what happened in a simulated past.
        self.ways.store.set_outbox_from(now).await?;
        let Some(numbering) = self.demo.numbering.take() else {
            return Err(DemoError::Other("its edge has no numbering".to_owned()));
        };
        let started = std::time::Instant::now();
        let past = Past {
            world: self.demo.world(),
            intake: Arc::clone(&self.ways.intake),
            numbering,
            from,
            clock: self.ways.clock.clone(),
        };
        let (sender, mut steps) = mpsc::channel(STEPS_MAX);
        let simulated = tokio::task::spawn_blocking(move || past.simulate(&sender));
        let (mut readings, mut count) = (0, 0_usize);
        while let Some(step) = steps.recv().await {
            if *stopped.borrow() {
                return Ok(());
            }
            readings += step.readings;
            let until = step.until;
            self.append(step, from).await?;
            count += 1;
            if count % MAINTAIN_STEPS == 0 {
                // What sinks and snapshots have passed makes room for what follows.
                self.ways.store.maintain(until).await?;
            }
        }
        simulated
            .await
            .map_err(|error| DemoError::Other(error.to_string()))?;
        self.engines_caught_up(stopped).await;
        self.ways.board.set_progress(None);
        info!(readings, seconds = started.elapsed().as_secs_f32(), from = %from,
            "lived through the simulated past");
        Ok(())
    }

    /// Waits until the engines have reached what the log holds: only then is the page complete.
    async fn engines_caught_up(&self, stopped: &watch::Receiver<bool>) {
        let metrics = &self.ways.metrics;
        while metrics.applied.get() < metrics.readings.get() && !*stopped.borrow() {
            tokio::time::sleep(CATCH_UP_LOOK).await;
        }
    }

    async fn append(&self, step: Step, from: UtcMs) -> Result<(), DemoError> {
        let until = step.until;
        let (asker, durable) = oneshot::channel();
        let ask = Ask::Records(step.records, asker);
        if self.ways.asks.send(ask).await.is_err() || durable.await.is_err() {
            return Err(DemoError::Other("the log takes nothing more".to_owned()));
        }
        let to = self.ways.clock.now();
        self.ways.board.set_progress(Some(Progress {
            phase: Phase::LivingThePast,
            done_ms: until.since(from),
            total_ms: to.since(from),
            from,
            to,
        }));
        not_ready(
            &self.ways.board,
            "living through the simulated district's past",
        );
        Ok(())
    }
}

/// The stage that simulates.
struct Past {
    world: World,
    intake: Arc<Intake>,
    numbering: Numbering,
    from: UtcMs,
    clock: crate::clock::Clock,
}

impl Past {
    /// Makes steps until the present is reached or nobody takes them.
    fn simulate(mut self, steps: &mpsc::Sender<Step>) {
        let near_ms = CAUGHT_UP_MS * i64::from(self.clock.speed());
        let mut from = self.from;
        loop {
            let to = self.clock.now();
            if to.since(from) < near_ms || !self.pass(from, to, steps) {
                return;
            }
            from = to;
        }
    }

    /// One pass over the world; false where nobody takes the steps any more.
    fn pass(&mut self, from: UtcMs, to: UtcMs, steps: &mpsc::Sender<Step>) -> bool {
        let Self {
            world,
            intake,
            numbering,
            ..
        } = self;
        let partitions = intake.partitions();
        let mut messages = world.messages(from.0, to.0).peekable();
        let mut start = from;
        while start < to {
            let until = start.plus(STEP_MS).min(to);
            let mut step = Step {
                until,
                readings: 0,
                records: Vec::new(),
            };
            while start < until {
                let end = start.plus(TICK_MS).floor(TICK_MS).min(until);
                let mut readings = Vec::new();
                while let Some(message) = messages.next_if(|next| next.arrive_at_ms < end.0) {
                    let heard = intake.hear(&Message {
                        topic: &message.topic,
                        payload: &message.payload,
                        received_at: UtcMs(message.arrive_at_ms),
                        retained: false,
                    });
                    readings.extend(heard.readings);
                }
                step.readings += readings.len();
                step.records
                    .extend(numbering.frames(Origin::History, readings));
                let tick = Record::Tick(Tick { now: end });
                step.records.extend(
                    partitions
                        .iter()
                        .map(|partition| (*partition, tick.clone())),
                );
                start = end;
            }
            if steps.blocking_send(step).is_err() {
                return false;
            }
        }
        true
    }
}
