//! What decoding gives: samples on named channels.

use huitian_model::{ChannelName, Sample, TimeSource, UtcMs};

/// One decoded sample: all of a reading but its receive time, which only the edge knows.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Decoded {
    /// The channel of the device.
    pub channel: ChannelName,
    /// Event time, where anything said one; else the receive time holds.
    pub at: Option<UtcMs>,
    /// Where `at` came from; [`TimeSource::Receiver`] exactly where it is none.
    pub time_source: TimeSource,
    /// The device's own sequence: the plain form's `seq`, LoRaWAN's frame counter.
    pub sequence: Option<u32>,
    /// What was said.
    pub sample: Sample,
}
