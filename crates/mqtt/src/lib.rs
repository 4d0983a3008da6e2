//! An MQTT session that neither loses nor wedges.

mod delivery;

pub use delivery::{Delivery, Qos, Verdict};
