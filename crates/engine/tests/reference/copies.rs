//! Copies of one uplink: the same frame counter, the same sample, times that hardly differ.
//!
//! The page says: of readings of one channel with the same sequence and sample, whose time the
//! device did not say and whose times lie within ten minutes, one survives, with the best receive
//! time. Where the page leaves a choice: ten minutes are counted from the first copy, so that a
//! chain of copies has an end; and where the same sequence said something else in between, the
//! counter had begun again, and what follows is another uplink.

use std::collections::BTreeMap;

use huitian_model::{Reading, Sample, TimeSource};

use super::Broken;

const TEN_MINUTES: i64 = 600_000;

/// What is left of all that a channel said, in the order in which it came.
pub fn without(heard: &[Reading], broken: Broken) -> Vec<Reading> {
    let mut lists: BTreeMap<(u32, Option<Sample>), Vec<usize>> = BTreeMap::new();
    let mut stays = vec![true; heard.len()];
    for (place, reading) in heard.iter().enumerate() {
        if let Some(sequence) = reading.sequence
            && reading.time_source != TimeSource::Device
            && broken != Broken::CopiesCount
        {
            let apart = (broken == Broken::OneNumberForEver).then_some(reading.sample);
            lists.entry((sequence, apart)).or_default().push(place);
        }
    }
    for mut list in lists.into_values() {
        list.sort_by_key(|place| (heard[*place].at, heard[*place].sample));
        for uplink in uplinks(heard, &list, broken) {
            let best = match broken {
                Broken::FirstComeCopyHolds => uplink.iter().min().copied(),
                Broken::LastReceivedCopyHolds => uplink
                    .iter()
                    .copied()
                    .max_by_key(|one| heard[*one].received_at),
                _ => {
                    let rank = |one: &usize| (heard[*one].received_at, heard[*one].at);
                    uplink.iter().copied().min_by_key(rank)
                }
            };
            for place in uplink {
                stays[place] = Some(place) == best;
            }
        }
    }
    let left = heard.iter().zip(stays).filter(|(_, stays)| *stays);
    left.map(|(reading, _)| *reading).collect()
}

/// The uplinks of one frame counter: each a list of places.
fn uplinks(heard: &[Reading], sorted: &[usize], broken: Broken) -> Vec<Vec<usize>> {
    let mut uplinks: Vec<Vec<usize>> = Vec::new();
    for place in sorted {
        let (at, sample) = (heard[*place].at.0, heard[*place].sample);
        let belongs = |uplink: &Vec<usize>| {
            let since = match broken {
                Broken::CopiesChain => uplink[uplink.len() - 1],
                _ => uplink[0],
            };
            heard[since].sample == sample && at - heard[since].at.0 <= TEN_MINUTES
        };
        match uplinks.last_mut() {
            Some(uplink) if belongs(uplink) => uplink.push(*place),
            _ => uplinks.push(vec![*place]),
        }
    }
    uplinks
}
