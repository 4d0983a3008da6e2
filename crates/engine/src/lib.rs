//! Readings to windows, sessions, levels and alerts: a pure, deterministic function of the log.
