//! A console at which a test asks.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, Request, StatusCode};
use http_body_util::BodyExt;
use huitian_console::{Board, Console, ConsoleConfig, Limits, World as Kind};
use huitian_model::UtcMs;
use huitian_report::Source;
use tower::ServiceExt;

use crate::bench::FakeBench;
use crate::edges::{Edges, Told};
use crate::past::Past;
use crate::world::World;

pub const NOW: UtcMs = UtcMs(1_795_422_000_000);

/// An answer, read to its end.
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub text: String,
}

impl Answer {
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.text).expect("JSON")
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |it| it.to_str().unwrap())
    }
}

pub struct Desk {
    pub board: Board,
    pub world: World,
    edges: Edges,
    bench: FakeBench,
    router: Router,
    /// Event streams end with it.
    _console: Console,
}

pub fn config() -> ConsoleConfig {
    ConsoleConfig {
        http: SocketAddr::from(([127, 0, 0, 1], 0)),
        zone: "Asia/Shanghai".to_owned(),
        metrics: Arc::new(|| "# EOF\n".to_owned()),
        fleet: Arc::new(Edges::new(NOW)),
        bench: Arc::new(FakeBench::default()),
        limits: Limits {
            header_timeout: Duration::from_millis(200),
            drain: Duration::from_millis(500),
            ..Limits::default()
        },
    }
}

/// A board that shows `world` at [`NOW`].
pub fn board(world: &World) -> Board {
    let board = Board::new(1, Kind::Simulated { speed: 1 });
    board.set_inventory(Arc::new(world.inventory.clone()));
    board.set_now(NOW);
    board.load(world.currents(NOW), world.alerts(NOW), world.devices(NOW));
    board
}

impl Desk {
    pub fn new(sites: u64) -> Self {
        Self::of(World::new(sites))
    }

    pub fn of(world: World) -> Self {
        let source = Arc::new(Past::new(world.clone(), NOW));
        Self::with(world, source)
    }

    pub fn with(world: World, source: Arc<dyn Source>) -> Self {
        Self::over(world, source, Edges::new(NOW))
    }

    pub fn with_edges(sites: u64, edges: Edges) -> Self {
        let world = World::new(sites);
        let source = Arc::new(Past::new(world.clone(), NOW));
        Self::over(world, source, edges)
    }

    fn over(world: World, source: Arc<dyn Source>, edges: Edges) -> Self {
        let board = board(&world);
        let bench = FakeBench::default();
        let config = ConsoleConfig {
            fleet: Arc::new(edges.clone()),
            bench: Arc::new(bench.clone()),
            ..config()
        };
        let console = Console::bind(config, source, board.clone()).unwrap();
        Self {
            board,
            world,
            edges,
            bench,
            router: console.router(),
            _console: console,
        }
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.ask("GET", path, &[]).await
    }

    /// What was tried by which profiles.
    pub fn tried(&self) -> Vec<(huitian_console::Sample, huitian_console::With)> {
        self.bench.asked.lock().unwrap().clone()
    }

    /// What operators told edges.
    pub fn told(&self) -> Vec<Told> {
        self.edges.told.lock().unwrap().clone()
    }

    pub async fn ask(&self, method: &str, path: &str, headers: &[(&str, &str)]) -> Answer {
        self.send((method, path), headers, Body::empty()).await
    }

    pub async fn post(&self, path: &str, headers: &[(&str, &str)], body: &str) -> Answer {
        self.send(("POST", path), headers, Body::from(body.to_owned()))
            .await
    }

    async fn send(
        &self,
        (method, path): (&str, &str),
        headers: &[(&str, &str)],
        body: Body,
    ) -> Answer {
        let mut request = Request::builder().method(method).uri(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(body).unwrap();
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let bytes = body.collect().await.unwrap().to_bytes();
        Answer {
            status: parts.status,
            headers: parts.headers,
            text: String::from_utf8(bytes.to_vec()).unwrap(),
        }
    }

    /// A stream whose body is read bit by bit.
    pub async fn stream(&self, path: &str, headers: &[(&str, &str)]) -> (StatusCode, Body) {
        let mut request = Request::builder().uri(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Body::empty()).unwrap();
        let response = self.router.clone().oneshot(request).await.unwrap();
        (response.status(), response.into_body())
    }

    /// One path of every page.
    pub fn pages(&self) -> Vec<String> {
        let mut paths: Vec<String> = [
            "/",
            "/?show=attention&sort=bins",
            "/tiles?site=site-000",
            "/alerts",
            "/devices",
            "/devices/unknown",
            "/devices/unknown?address=24e124fffef12345",
            "/devices/unknown?address=bin-77",
            "/edges",
            "/accounting",
            "/accounting?by=device",
            "/help",
            "/nothing",
        ]
        .map(str::to_owned)
        .to_vec();
        for site in self.world.inventory.sites.values() {
            paths.push(format!("/sites/{}", site.id));
            for facility in site.facilities.keys() {
                paths.push(format!("/sites/{}/facilities/{facility}?span=7d", site.id));
            }
        }
        let alerts = self.world.alerts(NOW);
        paths.extend(alerts.iter().map(|it| format!("/alerts/{}", it.id.text())));
        paths
    }
}
