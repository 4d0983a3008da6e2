//! Copies of one uplink: which of them holds (decision 0123).
//!
//! The same uplink comes by several gateways, network servers and edges, with the same frame
//! counter and the same sample but with times that differ by seconds, or by a minute where the
//! device itself sent it again. The rule, for readings of one channel that carry a sequence and
//! whose time the device did not say:
//!
//! ```text
//! of the readings with one sequence, in order of (at, sample):
//!   the first begins an uplink; the next belongs to it where it says the same and lies at most
//!   COPIES_WITHIN_MS after the uplink's first; else it begins another uplink.
//! of one uplink the reading with the smallest (received_at, at) holds; all others are shadowed.
//! ```
//!
//! What follows is a function of the set of readings, whatever their order (law C): the uplinks
//! are read off from the left, and an uplink never grows beyond its length. So a device whose
//! counter stands still loses some of its readings, but never falls silent; and another sample
//! under the same number shows that the counter began again, so that nothing is swallowed.

use huitian_model::{Quantity, UtcMs};

use crate::kept::Kept;

/// How long after the first copy of an uplink another may be stamped, ms. Seen: 48 s between two
/// copies of one frame (chirpstack-application-server issue 460); a confirmed uplink may be sent
/// eight times with pauses, minutes in all. Frame counters of 16 bits come again after 65,536
/// uplinks: at one in 5 s, the least that a duty cycle permits, after 3.8 days.
pub const COPIES_WITHIN_MS: i64 = 10 * 60_000;

/// The uplinks of readings with one sequence, in order: says of every reading which copy it is.
pub fn decide(readings: &mut [Kept]) {
    let mut rest = readings;
    while let Some(first) = rest.first().copied() {
        let is_copy = |kept: &Kept| kept.says_same(&first) && is_near(&first, kept.at);
        let count = rest.iter().take_while(|kept| is_copy(kept)).count().max(1);
        let (uplink, others) = rest.split_at_mut(count);
        let best = uplink.iter().map(|kept| (kept.received_at, kept.at)).min();
        for (place, kept) in uplink.iter_mut().enumerate() {
            let holds = Some((kept.received_at, kept.at)) == best;
            kept.place_among_copies(place == 0, !holds);
        }
        rest = others;
    }
}

/// Whether an instant may belong to the uplink that begins with `first`.
pub fn is_near(first: &Kept, at: UtcMs) -> bool {
    at <= first.at.plus(COPIES_WITHIN_MS)
}

/// The order in which the readings of one sequence are read.
pub fn sort(readings: &mut [Kept], quantity: Quantity) {
    readings.sort_by_key(|kept| (kept.at, kept.sample(quantity)));
}
