//! Bytes to readings: envelopes and device profiles.
