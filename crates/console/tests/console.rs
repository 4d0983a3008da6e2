//! The console as programs and browsers meet it, over an invented district.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "a test fails by panicking"
)]

#[path = "../examples/fake/bench.rs"]
mod bench;
#[path = "../examples/fake/edges.rs"]
mod edges;
#[path = "../examples/fake/past.rs"]
mod past;
#[path = "../examples/fake/strangers.rs"]
mod strangers;
#[path = "../examples/fake/world.rs"]
mod world;

#[path = "console/api.rs"]
mod api;
#[path = "console/desk.rs"]
mod desk;
#[path = "console/edges.rs"]
mod edge_calls;
#[path = "console/events.rs"]
mod events;
#[path = "console/pages.rs"]
mod pages;
#[path = "console/server.rs"]
mod server;
#[path = "console/tries.rs"]
mod tries;
