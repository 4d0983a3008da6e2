//! End-to-end tests against real services.
