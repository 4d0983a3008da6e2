//! What programs see.

use std::collections::BTreeSet;
use std::sync::Arc;

use huitian_console::{API_COMMANDS, API_ROUTES};
use huitian_model::{
    AccountRow, AlertRow, DeviceRow, Emptied, FacilityId, Finding, OverflowEpisode, SiteId,
    WindowRow,
};
use huitian_report::{AlertQuery, Intake, Source, SourceError, Span, UnknownDevice, WindowQuery};

use crate::desk::{Desk, NOW};
use crate::past::Past;
use crate::world::World;

const FACILITY: &str = "/api/v1/history?site=site-000&facility=p1";

#[tokio::test]
async fn every_answer_carries_the_headers_that_keep_a_browser_safe() {
    let desk = Desk::new(2);
    let mut paths = desk.pages();
    paths.extend(
        [
            "/api/v1/sites",
            "/api/v1/nothing",
            "/metrics",
            "/assets/base.css",
        ]
        .map(str::to_owned),
    );
    paths.push(format!("{FACILITY}&window=9m"));
    for path in paths {
        let answer = desk.get(&path).await;
        let policy = answer.header("content-security-policy");
        assert!(policy.contains("default-src 'self'"), "{path}");
        assert!(policy.contains("frame-ancestors 'none'"), "{path}");
        assert_eq!(answer.header("x-content-type-options"), "nosniff", "{path}");
    }
}

#[tokio::test]
async fn the_description_names_every_route_and_no_other() {
    let desk = Desk::new(1);
    let document = desk.get("/openapi.json").await.json();
    let described: BTreeSet<&str> = document["paths"]
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect();
    assert_eq!(
        described,
        API_ROUTES.into_iter().chain(API_COMMANDS).collect()
    );
    for path in API_COMMANDS {
        assert!(document["paths"][path]["post"].is_object(), "{path}");
    }
    let alert = desk.world.alerts(NOW).first().map(|it| it.id.text());
    let desk = if alert.is_some() { desk } else { Desk::new(40) };
    let id = desk.world.alerts(NOW)[0].id.text();
    for route in API_ROUTES.into_iter().filter(|it| *it != "/api/v1/events") {
        let path = route
            .replace("{site}", "site-000")
            .replace("{facility}", "p1")
            .replace("{edge}", "gate-north")
            .replace("{id}", &id);
        let path = match route {
            "/api/v1/history" => format!("{path}?site=site-000&facility=p1"),
            _ => path,
        };
        assert_eq!(desk.get(&path).await.status.as_u16(), 200, "{path}");
    }
}

/// Every field of an answer is described: a field that is new there must be described too.
#[tokio::test]
async fn every_field_of_an_answer_is_described() {
    let desk = Desk::new(40);
    let document = desk.get("/openapi.json").await.text;
    let id = desk.world.alerts(NOW)[0].id.text();
    for path in [
        "/api/v1/sites".to_owned(),
        "/api/v1/sites/site-000/facilities/p1".to_owned(),
        "/api/v1/sites/site-000/facilities/w1".to_owned(),
        format!("{FACILITY}&window=1h"),
        "/api/v1/history?site=site-000&facility=w1".to_owned(),
        format!("/api/v1/alerts/{id}/why"),
        "/api/v1/devices".to_owned(),
        "/api/v1/devices/unknown".to_owned(),
        "/api/v1/accounting".to_owned(),
        "/api/v1/edges".to_owned(),
        "/api/v1/edges/gate-north/configs".to_owned(),
    ] {
        let mut fields = BTreeSet::new();
        names(&desk.get(&path).await.json(), &mut fields);
        for field in fields {
            assert!(
                document.contains(&format!("\"{field}\": {{")),
                "{path}: {field}"
            );
        }
    }
}

pub fn names(value: &serde_json::Value, into: &mut BTreeSet<String>) {
    match value {
        serde_json::Value::Object(fields) => {
            for (name, value) in fields {
                into.insert(name.clone());
                names(value, into);
            }
        }
        serde_json::Value::Array(items) => items.iter().for_each(|it| names(it, into)),
        serde_json::Value::Null
        | serde_json::Value::Bool(_)
        | serde_json::Value::Number(_)
        | serde_json::Value::String(_) => {}
    }
}

#[tokio::test]
async fn a_bad_parameter_is_refused_by_name_with_what_is_permitted() {
    let desk = Desk::new(1);
    let cases = [
        (format!("{FACILITY}&window=9m"), "window", "5m, 15m, 1h, 1d"),
        (format!("{FACILITY}&from=yesterday"), "from", "RFC 3339"),
        (format!("{FACILITY}&limit=11001"), "limit", "1 to 11000"),
        (format!("{FACILITY}&limit=0"), "limit", "1 to 11000"),
        (format!("{FACILITY}&from=2&to=1"), "from", "at most 5 years"),
        (
            format!("{FACILITY}&from=0&to={}", NOW.0),
            "from",
            "at most 5 years",
        ),
        (
            format!("{FACILITY}&sites=x"),
            "sites",
            "only site, facility",
        ),
        (format!("{FACILITY}&window=1h&window=1d"), "window", "once"),
        ("/api/v1/history?facility=p1".to_owned(), "site", "an id"),
        (
            "/api/v1/alerts?state=open".to_owned(),
            "state",
            "pending, active, returned",
        ),
        ("/api/v1/alerts?site=A%20B".to_owned(), "site", "a-z, 0-9"),
        (
            "/api/v1/accounting?by=street".to_owned(),
            "by",
            "site, edge, device",
        ),
    ];
    for (path, parameter, permitted) in cases {
        let answer = desk.get(&path).await;
        assert_eq!(answer.status.as_u16(), 400, "{path}");
        assert_eq!(answer.header("content-type"), "application/problem+json");
        let problem = answer.json();
        assert_eq!(problem["parameter"], parameter, "{path}");
        let text = problem["permitted"].as_str().unwrap();
        assert!(text.contains(permitted), "{path}: {text}");
        assert_eq!(problem["status"], 400);
    }
}

#[tokio::test]
async fn what_does_not_exist_is_a_problem_for_programs_and_a_page_for_people() {
    let desk = Desk::new(1);
    for path in [
        "/api/v1/nothing",
        "/api/v1/sites/x",
        "/api/v1/sites/A%20B",
        "/api/v1/alerts/x",
    ] {
        let answer = desk.get(path).await;
        assert_eq!(answer.status.as_u16(), 404, "{path}");
        assert_eq!(
            answer.header("content-type"),
            "application/problem+json",
            "{path}"
        );
    }
    let page = desk.get("/sites/x").await;
    assert_eq!(page.status.as_u16(), 404);
    assert!(page.header("content-type").starts_with("text/html"));
}

#[tokio::test]
async fn nothing_is_changed_by_a_request() {
    let desk = Desk::new(1);
    for path in ["/", "/api/v1/sites", "/api/v1/alerts/x"] {
        for method in ["POST", "PUT", "DELETE"] {
            assert_eq!(
                desk.ask(method, path, &[]).await.status.as_u16(),
                405,
                "{path}"
            );
        }
    }
}

#[tokio::test]
async fn a_host_that_is_not_this_machine_is_refused() {
    let desk = Desk::new(1);
    for (host, status) in [
        ("127.0.0.1:8080", 200),
        ("localhost:8080", 200),
        ("[::1]:8080", 200),
        ("evil.example", 421),
        ("127.0.0.1.evil.example:8080", 421),
    ] {
        let answer = desk.ask("GET", "/api/v1/sites", &[("host", host)]).await;
        assert_eq!(answer.status.as_u16(), status, "{host}");
    }
}

#[tokio::test]
async fn a_large_body_is_refused_unread() {
    let desk = Desk::new(1);
    let answer = desk.ask("GET", "/", &[("content-length", "262145")]).await;
    assert_eq!(answer.status.as_u16(), 413);
}

#[tokio::test]
async fn pages_of_history_join_without_a_gap_or_a_repeat() {
    let desk = Desk::new(1);
    let whole = desk.get(&format!("{FACILITY}&limit=200")).await.json();
    let starts = |page: &serde_json::Value| -> Vec<String> {
        let rows = page["windows"].as_array().unwrap();
        rows.iter()
            .map(|it| it["start"].as_str().unwrap().to_owned())
            .collect()
    };
    let mut joined = Vec::new();
    let mut next = Some(format!("{FACILITY}&limit=7"));
    while let Some(path) = next {
        let page = desk.get(&path).await.json();
        joined.extend(starts(&page));
        next = page["next"].as_str().map(str::to_owned);
    }
    assert_eq!(joined.len(), 96, "a day of 15 minutes");
    assert_eq!(joined, starts(&whole));
}

#[tokio::test]
async fn history_is_csv_by_accept_or_by_format() {
    let desk = Desk::new(1);
    let by_format = desk.get(&format!("{FACILITY}&format=csv")).await;
    let by_accept = desk.ask("GET", FACILITY, &[("accept", "text/csv")]).await;
    assert!(by_format.header("content-type").starts_with("text/csv"));
    assert!(
        by_format
            .header("content-disposition")
            .contains("site-000-p1-15m.csv")
    );
    assert_eq!(by_format.text, by_accept.text);
    assert!(by_format.text.starts_with("site,facility,asset,"));
    assert_eq!(by_format.text.lines().count(), 1 + 96);
}

/// A store that fails at the second chunk.
struct Failing(Past);

impl Source for Failing {
    fn windows(&self, query: &WindowQuery) -> Result<Vec<WindowRow>, SourceError> {
        match query.after {
            None => self.0.windows(query),
            Some(_) => Err(SourceError("the disk is gone".to_owned())),
        }
    }
    fn alerts(&self, _: &AlertQuery) -> Result<Vec<AlertRow>, SourceError> {
        Err(SourceError("the disk is gone".to_owned()))
    }
    fn alert(&self, id: &str) -> Result<Option<AlertRow>, SourceError> {
        self.0.alert(id)
    }
    fn alert_log(&self, id: &str) -> Result<Vec<AlertRow>, SourceError> {
        self.0.alert_log(id)
    }
    fn episodes(
        &self,
        site: &SiteId,
        facility: &FacilityId,
        span: Span,
    ) -> Result<Vec<OverflowEpisode>, SourceError> {
        self.0.episodes(site, facility, span)
    }
    fn emptied(
        &self,
        site: &SiteId,
        facility: &FacilityId,
        span: Span,
    ) -> Result<Vec<Emptied>, SourceError> {
        self.0.emptied(site, facility, span)
    }
    fn findings(&self, span: Span) -> Result<Vec<Finding>, SourceError> {
        self.0.findings(span)
    }
    fn devices(&self) -> Result<Vec<DeviceRow>, SourceError> {
        self.0.devices()
    }
    fn unknown_devices(&self) -> Result<Vec<UnknownDevice>, SourceError> {
        self.0.unknown_devices()
    }
    fn unknown_device(&self, address: &str) -> Result<Option<UnknownDevice>, SourceError> {
        self.0.unknown_device(address)
    }
    fn unknown_made_room(&self) -> Result<u64, SourceError> {
        self.0.unknown_made_room()
    }
    fn accounts(&self, span: Span) -> Result<Vec<AccountRow>, SourceError> {
        self.0.accounts(span)
    }
    fn intake(&self, span: Span) -> Result<Vec<Intake>, SourceError> {
        self.0.intake(span)
    }
}

#[tokio::test]
async fn a_failing_store_breaks_the_answer_off_and_never_looks_complete() {
    use http_body_util::BodyExt;
    let world = World::new(1);
    let source = Arc::new(Failing(Past::new(world.clone(), NOW)));
    let desk = Desk::with(world, source);
    let refused = desk.get("/api/v1/alerts").await;
    assert_eq!(refused.status.as_u16(), 503);
    assert!(
        refused.json()["detail"]
            .as_str()
            .unwrap()
            .contains("the disk is gone")
    );
    // 14 days of 5 minutes are 4,032 rows: more than one chunk.
    let from = NOW.0 - 14 * 86_400_000;
    let path = format!("{FACILITY}&window=5m&from={from}&format=csv");
    let (status, body) = desk.stream(&path, &[]).await;
    assert_eq!(status.as_u16(), 200);
    assert!(
        body.collect().await.is_err(),
        "the end must not look like an end"
    );
}
