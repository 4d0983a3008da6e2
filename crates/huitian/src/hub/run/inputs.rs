//! What comes in: messages, buses, edges; and the answers that edges get.

use std::sync::Arc;

use huitian_edge::buses::{self, Buses};
use huitian_edge::{Inboxes, SourceError, Sources, Way};
use huitian_store::StoreError;
use tokio::sync::mpsc;

use super::{Hub, HubError, Tasks};
use crate::hub::appender::Ask;
use crate::hub::control;
use crate::hub::doors::Doors;
use crate::hub::downlink::{Downlinks, Ways, carry};
use crate::hub::fleet::{Fleet, FleetEvent};
use crate::hub::plan::PlanFaults;
use crate::hub::repair::Asked;
use crate::hub::uplink::Answer;

/// Operators that wait for an answer of the fleet.
const OPERATORS_MAX: usize = 16;

/// The ends of the fleet's channels.
pub struct FleetEnds {
    pub downlinks: Downlinks,
    pub answers: mpsc::Receiver<Answer>,
    pub events: mpsc::Receiver<(FleetEvent, Way)>,
}

impl Hub {
    /// Opens the ways in; each forwards to the appender.
    pub async fn open_sources(&self, asks: &mpsc::Sender<Ask>) -> Result<Sources, SourceError> {
        let clock = self.clock.clone();
        let inboxes = Inboxes {
            deliveries: |way, room| {
                forward(room, asks, move |delivery| Ask::Delivery(delivery, way))
            },
            named: |_way, room| forward(room, asks, Ask::Named),
        };
        Sources::open(&self.config.mqtt, Arc::new(move || clock.now()), inboxes).await
    }

    /// Hears what commands of this machine ask for.
    pub fn take_wishes(&self, wishes: mpsc::Sender<Asked>, tasks: &mut Tasks) {
        let control = control::serve(self.store.dir().to_owned(), wishes, self.stopped.clone());
        tasks.spawn(async move {
            control.await;
            Ok(())
        });
    }

    /// Reads the lines that this process reads itself.
    pub fn run_buses(&self, asks: &mpsc::Sender<Ask>) -> Result<Buses, PlanFaults> {
        let prepared = buses::prepare(&self.config.lines, &self.plan.site).map_err(PlanFaults)?;
        let clock = self.clock.clone();
        let asks = asks.clone();
        Ok(Buses::run(
            prepared,
            &move || clock.now(),
            &buses::forward(move |polled, sender| {
                let asks = asks.clone();
                async move { asks.send(Ask::Polled(polled, sender)).await.is_ok() }
            }),
        ))
    }

    /// Keeps the books of the edges, and answers them.
    pub fn run_fleet(
        &self,
        sources: &Sources,
        ends: FleetEnds,
        asks: &mpsc::Sender<Ask>,
        tasks: &mut Tasks,
    ) -> Result<(), StoreError> {
        let ways = Ways {
            embedded: sources.broker().map(huitian_broker::Broker::publisher),
            external: sources.publishers(),
        };
        let carrying = carry(ends.answers, ways, self.stopped.clone());
        tasks.spawn(async move {
            carrying.await;
            Ok(())
        });
        let fleet = Fleet::open(
            (self.store.clone(), self.clock.clone()),
            ends.downlinks,
            asks.clone(),
            sources.users().map(Doors::new),
        )?;
        let (operators, operator) = mpsc::channel(OPERATORS_MAX);
        self.operators.send_replace(Some(operators));
        let run = fleet.run(ends.events, operator, self.stopped.clone());
        tasks.spawn(async move { run.await.map_err(HubError::from) });
        Ok(())
    }
}

/// A channel whose messages reach the appender.
fn forward<T: Send + 'static>(
    room: usize,
    asks: &mpsc::Sender<Ask>,
    ask: impl Fn(T) -> Ask + Send + 'static,
) -> mpsc::Sender<T> {
    let (inbox, mut messages) = mpsc::channel(room);
    let asks = asks.clone();
    tokio::spawn(async move {
        while let Some(message) = messages.recv().await {
            if asks.send(ask(message)).await.is_err() {
                // The appender has stopped: what is not acknowledged is sent again.
                return;
            }
        }
    });
    inbox
}
