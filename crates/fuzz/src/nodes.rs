//! Sparkplug: one payload, and a host that hears a stream of messages.

use huitian_codec::sparkplug::{Host, Moment, Payload, Said};

use crate::NOW;

/// Topics of two nodes and a device, and one that is wrong.
const TOPICS: [&str; 10] = [
    "spBv1.0/g/NBIRTH/a",
    "spBv1.0/g/NDATA/a",
    "spBv1.0/g/NDEATH/a",
    "spBv1.0/g/DBIRTH/a/d",
    "spBv1.0/g/DDATA/a/d",
    "spBv1.0/g/DDEATH/a/d",
    "spBv1.0/g/NBIRTH/b",
    "spBv1.0/g/DDATA/b/d",
    "spBv1.0/STATE/host",
    "spBv1.0/g/NCMD/a",
];

/// Milliseconds that a message which is missing is waited for.
const REORDER_MS: u64 = 2_000;

/// One payload.
pub fn sparkplug_payload(bytes: &[u8]) {
    let _payload = Payload::read(bytes);
}

/// A stream of messages: for each a byte that chooses the topic, one for the time since the one
/// before (in 100 ms) and whether it was retained, one for the length of its payload.
pub fn sparkplug_host(bytes: &[u8]) {
    let mut host: Host<()> = Host::new(REORDER_MS);
    let (mut rest, mut mono_ms) = (bytes, 0_u64);
    while let [choice, time, length, behind @ ..] = rest {
        let (payload, next) = behind.split_at(usize::from(*length).min(behind.len()));
        rest = next;
        mono_ms += u64::from(time >> 1) * 100;
        let at = NOW.plus(i64::try_from(mono_ms).unwrap_or(i64::MAX));
        let now = Moment { at, mono_ms };
        let Some(topic) = TOPICS.get(usize::from(*choice) % TOPICS.len()) else {
            return;
        };
        let said = Said {
            topic,
            payload,
            is_retained: time & 1 == 1,
        };
        let _heard = host.hear(said, (), now);
        if host.due().is_some_and(|due| due <= mono_ms) {
            let _timely = host.on_time(now);
        }
    }
}
