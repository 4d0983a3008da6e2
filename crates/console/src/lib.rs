//! The console: live pages, HTTP API and live events of the hub.
//!
//! The hub binds it ([`Console::bind`]), feeds its [`Board`] and lets it [`Console::serve`]. It
//! reads the board for what is now and a [`huitian_report::Source`] for what was. What operators
//! ask of edges goes through [`Fleet`], which profiles read a payload through [`Bench`]. This crate
//! is *not* the hub: it changes nothing itself, knows no clock but the board's, and its pages load
//! nothing from another host. Until people can log in it listens on loopback addresses only.
//!
//! ```text
//! routes ── pages ── view ── templates/*.html, assets/*, i18n/{zh,en}.json
//!        └─ api ──── JSON of its own, never the model's types
//! ```

mod api;
mod app;
mod assets;
mod bench;
mod board;
mod command;
mod fleet;
mod guard;
mod lang;
mod pages;
mod params;
mod payload;
mod problem;
mod routes;
mod server;
mod show;
mod templates;
mod view;

pub use app::{ConsoleConfig, ConsoleError, Limits};
pub use bench::{
    Bench, DRAFT_BYTES_MAX, Draft, DraftFault, Fit, FitRow, OpenedSample, Sample, SampleRow,
    TRIED_BYTES_MAX, Tried, With,
};
pub use board::{Board, Changes, Health, Phase, Progress, View, World};
pub use command::OPERATOR_HEADER;
pub use fleet::{ConfigMark, EdgeConfig, EdgeState, Fleet, FleetAnswer, FleetFault};
pub use lang::{Lang, catalogue_keys};
pub use routes::{API_COMMANDS, API_ROUTES};
pub use server::Console;
