//! All routes in one place.

use std::sync::Arc;

use axum::Router;
use axum::middleware;
use axum::routing::{get, post};

use crate::app::App;
use crate::problem::Problem;
use crate::{api, assets, guard, pages};

/// Paths that programs may call, as they stand in `/openapi.json` (a test compares both).
pub const API_ROUTES: [&str; 17] = [
    "/api/v1/sites",
    "/api/v1/sites/{site}",
    "/api/v1/sites/{site}/facilities/{facility}",
    "/api/v1/history",
    "/api/v1/alerts",
    "/api/v1/alerts/{id}",
    "/api/v1/alerts/{id}/why",
    "/api/v1/devices",
    "/api/v1/devices/unknown",
    "/api/v1/edges",
    "/api/v1/edges/{edge}/configs",
    "/api/v1/accounting",
    "/api/v1/events",
    "/healthz",
    "/readyz",
    "/metrics",
    "/openapi.json",
];

/// Paths at which something is changed or tried, by POST with [`crate::OPERATOR_HEADER`].
pub const API_COMMANDS: [&str; 4] = [
    "/api/v1/edges/{edge}/enroll",
    "/api/v1/edges/{edge}/config",
    "/api/v1/edges/{edge}/back",
    "/api/v1/devices/try",
];

/// Everything that is answered.
pub(crate) fn router(app: Arc<App>) -> Router {
    Router::new()
        .route("/", get(pages::district))
        .route("/tiles", get(pages::tiles))
        .route("/sites/{site}", get(pages::site))
        .route("/sites/{site}/facilities/{facility}", get(pages::facility))
        .route("/alerts", get(pages::alerts))
        .route("/alerts/{id}", get(pages::alert))
        .route("/devices", get(pages::devices))
        .route("/devices/unknown", get(pages::unknown).post(pages::draft))
        .route("/edges", get(pages::edges))
        .route("/accounting", get(pages::accounting))
        .route("/help", get(pages::help))
        .route("/assets/{file}", get(assets::asset))
        .merge(api_routes())
        .route("/api/{*rest}", get(api::nothing_here))
        .fallback(pages::nothing_here)
        .method_not_allowed_fallback(async || Problem::method())
        .layer(middleware::from_fn_with_state(
            Arc::clone(&app),
            guard::guard,
        ))
        .with_state(app)
}

fn api_routes() -> Router<Arc<App>> {
    Router::new()
        .route("/api/v1/sites", get(api::sites::sites))
        .route("/api/v1/sites/{site}", get(api::sites::site))
        .route(
            "/api/v1/sites/{site}/facilities/{facility}",
            get(api::sites::facility),
        )
        .route("/api/v1/history", get(api::history::history))
        .route("/api/v1/alerts", get(api::alerts::alerts))
        .route("/api/v1/alerts/{id}", get(api::alerts::alert))
        .route("/api/v1/alerts/{id}/why", get(api::alerts::why))
        .route("/api/v1/devices", get(api::devices::devices))
        .route("/api/v1/devices/unknown", get(api::tries::unknown))
        .route("/api/v1/devices/try", post(api::tries::try_it))
        .route("/api/v1/edges", get(api::edges::edges))
        .route("/api/v1/edges/{edge}/configs", get(api::edges::configs))
        .route("/api/v1/edges/{edge}/enroll", post(api::edges::enroll))
        .route("/api/v1/edges/{edge}/config", post(api::edges::push))
        .route("/api/v1/edges/{edge}/back", post(api::edges::back))
        .route("/api/v1/accounting", get(api::devices::accounting))
        .route("/api/v1/events", get(api::events::events))
        .route("/healthz", get(api::health::healthz))
        .route("/readyz", get(api::health::readyz))
        .route("/metrics", get(api::health::metrics))
        .route("/openapi.json", get(api::health::openapi))
}
