//! Live events.

use axum::body::Body;
use http_body_util::BodyExt;
use huitian_model::Output;
use serde_json::Value;

use crate::desk::{Desk, NOW};

/// Reads events one by one.
struct Reader {
    body: Body,
    text: String,
}

#[derive(Debug)]
struct Event {
    name: String,
    id: Option<String>,
    data: Value,
}

impl Reader {
    async fn open(desk: &Desk, path: &str, last: Option<&str>) -> Self {
        let headers: Vec<(&str, &str)> = last.map(|id| ("last-event-id", id)).into_iter().collect();
        let (status, body) = desk.stream(path, &headers).await;
        assert_eq!(status.as_u16(), 200);
        Self {
            body,
            text: String::new(),
        }
    }

    async fn next(&mut self) -> Event {
        loop {
            if let Some((event, rest)) = self.text.split_once("\n\n") {
                let field = |name: &str| {
                    let mut lines = event.lines();
                    lines
                        .find_map(|it| it.strip_prefix(name))
                        .map(|it| it.trim().to_owned())
                };
                let found = Event {
                    name: field("event:").unwrap_or_default(),
                    id: field("id:"),
                    data: serde_json::from_str(&field("data:").unwrap_or_default()).unwrap(),
                };
                let read = self.text.len() - rest.len();
                self.text.drain(..read);
                return found;
            }
            let frame = self
                .body
                .frame()
                .await
                .expect("the stream goes on")
                .unwrap();
            let bytes = frame.into_data().unwrap();
            self.text.push_str(std::str::from_utf8(&bytes).unwrap());
        }
    }

    async fn figures(&mut self) -> Event {
        loop {
            let event = self.next().await;
            if event.name == "figures" {
                return event;
            }
        }
    }
}

fn change(desk: &Desk, site: usize) {
    let currents = desk.world.currents(NOW.plus(60_000));
    let name = format!("site-{site:03}");
    let current = currents.into_iter().find(|it| it.site.as_str() == name);
    desk.board.apply(&Output::Current(current.unwrap()));
}

fn sites(event: &Event) -> Vec<&str> {
    let all = event.data["facilities"].as_array().unwrap();
    all.iter().map(|it| it["site"].as_str().unwrap()).collect()
}

#[tokio::test(start_paused = true)]
async fn a_new_client_is_told_everything_and_then_only_what_changes() {
    let desk = Desk::new(3);
    let mut reader = Reader::open(&desk, "/api/v1/events", None).await;
    let first = reader.figures().await;
    assert_eq!(first.data["whole"], true);
    assert_eq!(sites(&first).len(), desk.world.currents(NOW).len());
    change(&desk, 1);
    let next = reader.figures().await;
    assert_eq!(next.data["whole"], false);
    assert_eq!(sites(&next), ["site-001"]);
}

#[tokio::test(start_paused = true)]
async fn a_client_that_comes_back_is_told_what_it_missed() {
    let desk = Desk::new(3);
    let mut reader = Reader::open(&desk, "/api/v1/events", None).await;
    let id = reader.figures().await.id.unwrap();
    drop(reader);
    change(&desk, 0);
    change(&desk, 2);
    let mut again = Reader::open(&desk, "/api/v1/events", Some(&id)).await;
    let missed = again.figures().await;
    assert_eq!(missed.data["whole"], false);
    assert_eq!(sites(&missed), ["site-000", "site-002"]);
}

#[tokio::test(start_paused = true)]
async fn a_client_of_another_run_is_told_everything() {
    let desk = Desk::new(2);
    for id in ["99-5", "1-999999", "rubbish"] {
        let mut reader = Reader::open(&desk, "/api/v1/events", Some(id)).await;
        assert_eq!(reader.figures().await.data["whole"], true, "{id}");
    }
}

#[tokio::test(start_paused = true)]
async fn many_changes_are_sent_at_most_twice_a_second() {
    let desk = Desk::new(2);
    let mut reader = Reader::open(&desk, "/api/v1/events", None).await;
    reader.figures().await;
    let from = tokio::time::Instant::now();
    for _ in 0..4 {
        for _ in 0..50 {
            change(&desk, 0);
        }
        reader.figures().await;
    }
    let passed = from.elapsed().as_millis();
    assert!((1_900..2_600).contains(&passed), "{passed} ms for four");
}

#[tokio::test(start_paused = true)]
async fn an_alert_does_not_wait_for_the_next_figures() {
    let desk = Desk::new(40);
    let mut reader = Reader::open(&desk, "/api/v1/events", None).await;
    reader.figures().await;
    let alert = desk.world.alerts(NOW).remove(0);
    let from = tokio::time::Instant::now();
    desk.board.apply(&Output::Alert(alert.clone()));
    let event = loop {
        let event = reader.next().await;
        if event.name == "alert" {
            break event;
        }
    };
    assert_eq!(event.data["id"], alert.id.text());
    assert!(from.elapsed().as_millis() < 50, "{:?}", from.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_client_may_follow_one_compound_only() {
    let desk = Desk::new(3);
    let mut reader = Reader::open(&desk, "/api/v1/events?site=site-002", None).await;
    assert!(
        sites(&reader.figures().await)
            .iter()
            .all(|it| *it == "site-002")
    );
    change(&desk, 1);
    change(&desk, 2);
    assert_eq!(sites(&reader.figures().await), ["site-002"]);
}
