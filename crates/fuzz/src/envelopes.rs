//! A message on any topic.

use huitian_codec::open;

/// Topics of every shape that is known; the first byte of an input chooses.
const TOPICS: [&str; 3] = [
    "huitian/v1/s-001/bin-7",
    "application/17c82e96-be03-4f38-aef3-f83d48582d97/device/0101010101010101/event/up",
    "v3/app@tenant/devices/dev1/up",
];

/// A message: a byte that chooses the topic, then the payload.
pub fn envelope(bytes: &[u8]) {
    let Some((choice, payload)) = bytes.split_first() else {
        return;
    };
    let topic = usize::from(*choice) % TOPICS.len();
    if let Some(topic) = TOPICS.get(topic) {
        let _opened = open(topic, payload);
    }
}
