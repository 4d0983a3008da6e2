//! The uplink against a hub made of marks.
