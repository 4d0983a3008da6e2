//! The HTTP API, live events and pages.
