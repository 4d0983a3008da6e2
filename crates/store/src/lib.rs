//! The durable log, commits, snapshots and results.
