//! What operators see of edges, and what they tell them.

use std::collections::BTreeSet;

use huitian_console::{FleetFault, Lang, OPERATOR_HEADER};
use huitian_model::EdgeId;
use huitian_model::uplink::ConfigFile;

use crate::desk::{Desk, NOW};
use crate::edges::{Edges, Told};

const OPERATOR: (&str, &str) = (OPERATOR_HEADER, "test");

fn edge(text: &str) -> EdgeId {
    EdgeId::new(text).unwrap()
}

#[tokio::test]
async fn the_page_tells_the_healthy_edge_from_the_absent_one_in_words() {
    let desk = Desk::new(1);
    let page = desk.get("/edges?lang=en").await.text;
    let rows: Vec<&str> = page.split("<tr>").collect();
    let row = |id: &str| {
        let found = rows
            .iter()
            .find(|row| row.contains(&format!("<b>{id}</b>")));
        (*found.unwrap()).to_owned()
    };
    let healthy = row("gate-north");
    for words in [
        "Connected",
        "2 of 2 up",
        "empty",
        "version 4 in force",
        "</svg>set<",
    ] {
        assert!(healthy.contains(words), "{words}: {healthy}");
    }
    assert!(!healthy.contains("f-overflowing"), "{healthy}");
    let away = row("gate-south");
    for words in [
        "Away",
        "1\u{202f}204\u{202f}311 readings",
        "61 MB",
        "1 of 2 up",
        "down: underground-car-park-level-2",
        "48\u{202f}275",
        "queue full: 48\u{202f}211",
        "damaged on disk: 64",
        "version 4 rolled back",
        "runs version 3",
    ] {
        assert!(away.contains(words), "{words}: {away}");
    }
    let twice = row("gate-west");
    for words in [
        "used twice",
        "not set",
        "shows 01-02 08:00:12",
        "version 1 waits",
    ] {
        assert!(twice.contains(words), "{words}: {twice}");
    }
    assert!(page.contains("The name or the queue of edge gate-west is used twice"));
    assert!(page.contains("aria-current=\"page\">Edges<"), "in the menu");
}

#[tokio::test]
async fn a_hub_without_edges_says_what_to_do_next() {
    let desk = Desk::with_edges(1, Edges::none());
    for lang in Lang::ALL {
        let page = desk.get(&format!("/edges?lang={}", lang.tag())).await.text;
        assert!(
            page.contains("huitian edge enroll gate-3 --for 24h"),
            "{lang:?}"
        );
        assert!(!page.contains("<table"), "{lang:?}");
    }
}

#[tokio::test]
async fn programs_get_figures_and_null_for_what_is_not_known() {
    let desk = Desk::new(1);
    let said = desk.get("/api/v1/edges").await.json();
    let south = &said["edges"][1];
    assert_eq!(south["id"], "gate-south");
    assert_eq!(south["connected"], false);
    let age = |value: &serde_json::Value| value.as_i64().unwrap();
    // The board's time runs on while the test does.
    assert!((22_320_000..22_380_000).contains(&age(&south["age_ms"])));
    assert_eq!(south["heartbeat"]["queued"], 1_204_311);
    assert!((33_120_000..33_180_000).contains(&age(&south["heartbeat"]["oldest_age_ms"])));
    assert_eq!(south["heartbeat"]["buses"][1]["up"], false);
    assert_eq!(south["configuration"]["standing"], "rolled_back");
    assert_eq!(south["configuration"]["wanted"], 3);
    assert_eq!(south["conflict"], serde_json::Value::Null);
    assert!(said["edges"][2]["conflict"]["seen"].is_string());
    let configs = desk.get("/api/v1/edges/gate-north/configs").await.json();
    assert_eq!(configs["configs"][0]["outcome"], "applied");
    assert_eq!(configs["configs"][0]["files"][0]["name"], "edge.toml");
    let unknown = desk.get("/api/v1/edges/nobody/configs").await;
    assert_eq!(unknown.status.as_u16(), 404);
    assert_eq!(
        desk.get("/api/v1/edges/A%20B/configs")
            .await
            .status
            .as_u16(),
        400
    );
}

#[tokio::test]
async fn an_operator_enrolls_pushes_and_goes_back() {
    let desk = Desk::new(1);
    let said = desk
        .post(
            "/api/v1/edges/gate-9/enroll",
            &[OPERATOR],
            "{\"for\":\"7d\"}",
        )
        .await;
    assert_eq!(said.status.as_u16(), 200, "{}", said.text);
    assert_eq!(said.json()["token"], "not-a-real-token");
    let body = "{\"files\":[{\"name\":\"edge.toml\",\"text\":\"a\"}],\"dry_run\":true}";
    let said = desk
        .post("/api/v1/edges/gate-9/config", &[OPERATOR], body)
        .await;
    assert_eq!(said.json()["version"], 5);
    let said = desk
        .post("/api/v1/edges/gate-9/back", &[OPERATOR], "")
        .await;
    assert_eq!(said.json()["version"], 6);
    let files = vec![ConfigFile {
        name: "edge.toml".to_owned(),
        text: "a".to_owned(),
    }];
    assert_eq!(
        desk.told(),
        [
            Told::Enroll(edge("gate-9"), 7 * 86_400_000),
            Told::Push(edge("gate-9"), files, true),
            Told::Back(edge("gate-9"), None),
        ]
    );
}

#[tokio::test]
async fn nothing_is_told_to_an_edge_without_the_operators_header() {
    let desk = Desk::new(1);
    let foreign = [
        ("origin", "http://evil.example"),
        ("content-type", "text/plain"),
    ];
    for (path, body) in [
        ("/api/v1/edges/gate-9/enroll", "{}"),
        (
            "/api/v1/edges/gate-9/config",
            "{\"files\":[{\"name\":\"edge.toml\",\"text\":\"\"}]}",
        ),
        ("/api/v1/edges/gate-9/back", "{}"),
    ] {
        assert_eq!(
            desk.post(path, &[], body).await.status.as_u16(),
            403,
            "{path}"
        );
        assert_eq!(
            desk.post(path, &foreign, body).await.status.as_u16(),
            403,
            "{path}"
        );
        let rebound = [OPERATOR, ("host", "evil.example")];
        assert_eq!(
            desk.post(path, &rebound, body).await.status.as_u16(),
            421,
            "{path}"
        );
        let form = [OPERATOR, ("content-type", "text/plain")];
        assert_eq!(
            desk.post(path, &form, body).await.status.as_u16(),
            400,
            "{path}"
        );
        assert_eq!(desk.get(path).await.status.as_u16(), 405, "{path}");
        let asked = desk.ask("OPTIONS", path, &foreign).await;
        assert_eq!(
            asked.status.as_u16(),
            405,
            "{path}: no other site may send the header"
        );
    }
    assert_eq!(desk.told(), []);
}

#[tokio::test]
async fn a_command_that_is_not_as_described_is_refused_with_what_is() {
    let desk = Desk::new(1);
    for (path, body, status, says) in [
        ("gate-9/enroll", "{\"for\":\"soon\"}", 400, "24h or 7d"),
        ("gate-9/enroll", "{\"four\":\"1h\"}", 400, "unknown field"),
        ("gate-9/config", "{\"files\":[]}", 422, "edge.toml"),
        ("gate-9/config", "[", 400, "the described JSON"),
        ("Gate/back", "{}", 400, "edge"),
    ] {
        let said = desk
            .post(&format!("/api/v1/edges/{path}"), &[OPERATOR], body)
            .await;
        assert_eq!(said.status.as_u16(), status, "{path} {body}: {}", said.text);
        assert_eq!(said.header("content-type"), "application/problem+json");
        assert!(said.text.contains(says), "{path} {body}: {}", said.text);
    }
    assert_eq!(desk.told(), []);
}

#[tokio::test]
async fn a_configuration_may_have_512_kib_and_no_byte_more() {
    let desk = Desk::new(1);
    let path = "/api/v1/edges/gate-9/config";
    let frame = "{\"files\":[{\"name\":\"edge.toml\",\"text\":\"\"}]}".len();
    for (bytes, status) in [(524_288, 200), (524_289, 413)] {
        let text = "x".repeat(bytes - frame);
        let body = format!("{{\"files\":[{{\"name\":\"edge.toml\",\"text\":\"{text}\"}}]}}");
        assert_eq!(body.len(), bytes);
        // Once with its length said before, once without.
        let length = bytes.to_string();
        let said = desk
            .post(path, &[OPERATOR, ("content-length", &length)], &body)
            .await;
        assert_eq!(said.status.as_u16(), status, "{bytes}");
        let said = desk.post(path, &[OPERATOR], &body).await;
        assert_eq!(said.status.as_u16(), status, "{bytes}");
    }
}

#[tokio::test]
async fn books_that_are_not_open_are_said_and_not_an_empty_list() {
    let desk = Desk::with_edges(1, Edges::failing(FleetFault::NotOpen));
    for path in ["/api/v1/edges", "/edges", "/api/v1/accounting"] {
        assert_eq!(desk.get(path).await.status.as_u16(), 503, "{path}");
    }
    let refused = FleetFault::Refused("no such version of gate-9".to_owned());
    let desk = Desk::with_edges(1, Edges::failing(refused));
    let said = desk
        .post("/api/v1/edges/gate-9/back", &[OPERATOR], "{\"to\":9}")
        .await;
    assert_eq!(said.status.as_u16(), 422);
    assert!(said.text.contains("no such version of gate-9"));
}

#[tokio::test]
async fn what_edges_gave_up_stands_in_the_accounts() {
    let desk = Desk::new(1);
    let said = desk.get("/api/v1/accounting").await.json();
    let given: Vec<(&str, u64)> = (said["given_up"].as_array().unwrap().iter())
        .map(|it| {
            (
                it["reason"].as_str().unwrap(),
                it["count"].as_u64().unwrap(),
            )
        })
        .collect();
    assert_eq!(given, [("lost_damaged", 64), ("lost_queue_full", 48_211)]);
    let page = desk.get("/accounting?lang=en").await.text;
    assert!(page.contains("48\u{202f}275 readings"), "the sum");
    assert!(page.contains("queue full") && page.contains("48\u{202f}211"));
    // Of a span in which nothing was given up, nothing is shown.
    let before = NOW.minus(20 * 86_400_000);
    let path = format!(
        "/api/v1/accounting?from={}&to={}",
        before.0 - 86_400_000,
        before.0
    );
    assert_eq!(
        desk.get(&path).await.json()["given_up"],
        serde_json::json!([])
    );
}

#[tokio::test]
async fn devices_that_never_spoke_are_listed_by_state() {
    let desk = Desk::new(40);
    let ids = |said: &serde_json::Value, never: bool| -> BTreeSet<String> {
        let devices = said["devices"].as_array().unwrap().iter();
        let wanted = devices.filter(|it| it["heard_at"].is_null() == never);
        wanted
            .map(|it| it["id"].as_str().unwrap().to_owned())
            .collect()
    };
    let all = desk.get("/api/v1/devices").await.json();
    let never = desk.get("/api/v1/devices?state=never").await.json();
    assert!(
        !ids(&all, true).is_empty(),
        "the invented district has some"
    );
    assert_eq!(ids(&never, true), ids(&all, true));
    assert_eq!(ids(&never, false), BTreeSet::new());
    let refused = desk.get("/api/v1/devices?state=mute").await;
    assert!(refused.text.contains("all, speaking, silent, never"));
}
