//! What operators get from the books of the fleet, over a real store.

use huitian_model::UtcMs;
use huitian_model::uplink::ConfigOutcome;
use tokio::task::JoinHandle;

use super::super::appender::Ask;
use super::super::downlink::Downlinks;
use super::super::fleet::{Fleet as Books, FleetEvent};
use super::*;
use crate::clock::Clock;
use crate::metrics::Metrics;

/// The books over a store, and what keeps them going.
struct Office {
    desk: Desk,
    events: mpsc::Sender<(FleetEvent, huitian_edge::Way)>,
    stop: watch::Sender<bool>,
    books: JoinHandle<Result<(), huitian_store::StoreError>>,
    asks: mpsc::Receiver<Ask>,
}

fn office(store: &Sqlite) -> Office {
    let (downlinks, _answers) = Downlinks::new(std::sync::Arc::new(Metrics::new()));
    let (ask, asks) = mpsc::channel(64);
    let books = Books::open((store.clone(), Clock::Wall), downlinks, ask, None).unwrap();
    let (events, heard) = mpsc::channel(8);
    let (operators, operator) = mpsc::channel(8);
    let (stop, stopped) = watch::channel(false);
    let opened = watch::channel(Some(operators)).1;
    Office {
        desk: Desk::new(opened, store.clone()),
        events,
        stop,
        books: tokio::spawn(books.run(heard, operator, stopped)),
        asks,
    }
}

fn gate() -> EdgeId {
    EdgeId::new("gate-3").unwrap()
}

fn file(text: &str) -> ConfigFile {
    ConfigFile {
        name: "edge.toml".to_owned(),
        text: text.to_owned(),
    }
}

#[tokio::test]
async fn a_hub_that_starts_says_that_its_books_are_not_open() {
    let store = Sqlite::open_ephemeral().unwrap();
    let desk = Desk::new(watch::channel(None).1, store);
    assert_eq!(desk.edges().await, Err(FleetFault::NotOpen));
    assert_eq!(desk.back(gate(), None).await, Err(FleetFault::NotOpen));
}

#[tokio::test]
async fn the_list_says_which_version_is_wanted_and_what_became_of_the_newest() {
    let store = Sqlite::open_ephemeral().unwrap();
    let mut office = office(&store);
    let desk = &office.desk;
    let token = desk.enroll(gate(), 3_600_000).await.unwrap();
    assert!(token.len() >= 20, "{token}");
    let short = desk.enroll(gate(), 1).await;
    assert!(matches!(short, Err(FleetFault::Refused(text)) if text.contains("1m to 7d")));
    assert_eq!(desk.push(gate(), vec![file("a")], false).await, Ok(1));
    assert_eq!(desk.push(gate(), vec![file("b")], false).await, Ok(2));
    let standing = |edges: Vec<EdgeState>| {
        let edge = edges.into_iter().next().unwrap();
        let outcome = edge.newest.as_ref().and_then(|it| it.outcome.clone());
        (
            edge.wanted,
            edge.newest.unwrap().version,
            outcome.map(|it| it.1),
        )
    };
    assert_eq!(standing(desk.edges().await.unwrap()), (2, 2, None));
    let refused = ConfigOutcome::Refused("no such bus".to_owned());
    let event = FleetEvent::Config {
        edge: gate(),
        version: 2,
        outcome: refused.clone(),
    };
    office.events.send((event, way())).await.unwrap();
    // The books tell the appender of each version that is wanted: 1, 2, and 1 again.
    for wanted in [1, 2, 1] {
        let Some(Ask::Wanted(edge, version)) = office.asks.recv().await else {
            panic!("the appender is told of version {wanted}");
        };
        assert_eq!((edge, version), (gate(), wanted));
    }
    let desk = &office.desk;
    assert_eq!(standing(desk.edges().await.unwrap()), (1, 2, Some(refused)));
    assert_eq!(desk.push(gate(), vec![file("c")], true).await, Ok(3));
    let (wanted, newest, _) = standing(desk.edges().await.unwrap());
    assert_eq!((wanted, newest), (1, 2), "a check is no configuration");
    let configs = desk.configs(gate()).await.unwrap();
    let kept: Vec<(u64, bool)> = (configs.iter())
        .map(|it| (it.mark.version, it.mark.dry_run))
        .collect();
    assert_eq!(kept, [(3, true), (2, false), (1, false)]);
    assert_eq!(configs[0].files, [("edge.toml".to_owned(), 1)]);
    let none = desk.back(gate(), Some(9)).await;
    assert!(matches!(none, Err(FleetFault::Refused(_))), "{none:?}");
    office.stop.send_replace(true);
    office.books.await.unwrap().unwrap();
}

#[tokio::test]
async fn after_a_restart_the_list_says_the_same() {
    let store = Sqlite::open_ephemeral().unwrap();
    let first = office(&store);
    assert_eq!(first.desk.push(gate(), vec![file("a")], false).await, Ok(1));
    let before = first.desk.edges().await.unwrap();
    first.stop.send_replace(true);
    first.books.await.unwrap().unwrap();
    assert_eq!(first.desk.edges().await, Err(FleetFault::NotOpen));
    let second = office(&store);
    let after = second.desk.edges().await.unwrap();
    assert_eq!(after[0].wanted, 1);
    assert_eq!(after, before);
    let span = Span {
        from: UtcMs(0),
        to: UtcMs(i64::MAX),
    };
    assert_eq!(second.desk.losses(span).await, Ok(Vec::new()));
    second.stop.send_replace(true);
    second.books.await.unwrap().unwrap();
}

fn way() -> huitian_edge::Way {
    huitian_edge::Way::Embedded
}
