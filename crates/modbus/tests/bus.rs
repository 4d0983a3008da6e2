//! The bus against devices that play every fault known from the field.

#[cfg(test)]
#[path = "bus/bench.rs"]
mod bench;
#[cfg(test)]
#[path = "bus/degradation.rs"]
mod degradation;
#[cfg(test)]
#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "most faults are played in one way, and few in another"
)]
#[path = "bus/device.rs"]
mod device;
#[cfg(test)]
#[path = "bus/lines.rs"]
mod lines;
#[cfg(test)]
#[path = "bus/property.rs"]
mod property;
#[cfg(test)]
#[path = "bus/quirks.rs"]
mod quirks;
#[cfg(test)]
#[path = "bus/shifted.rs"]
mod shifted;
#[cfg(test)]
#[path = "bus/sockets.rs"]
mod sockets;
#[cfg(test)]
#[path = "bus/words.rs"]
mod words;
