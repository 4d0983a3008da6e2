//! The bus against devices that play every fault known from the field.

#[path = "bus/bench.rs"]
mod bench;
#[path = "bus/degradation.rs"]
mod degradation;
#[path = "bus/device.rs"]
mod device;
#[path = "bus/lines.rs"]
mod lines;
#[path = "bus/property.rs"]
mod property;
#[path = "bus/quirks.rs"]
mod quirks;
#[path = "bus/shifted.rs"]
mod shifted;
#[path = "bus/sockets.rs"]
mod sockets;
#[path = "bus/words.rs"]
mod words;
