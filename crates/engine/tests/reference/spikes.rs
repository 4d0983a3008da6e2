//! Spikes: levels of a bin that no bin can have had, and the newest that may be one.
//!
//! From the left: a level leaves the last that was believed by more than the limit, the next one
//! is back within the limit, and the rise of the two was faster than a bin fills. A fall of which
//! the next level shows a fall too is an emptying. The newest level has no next: where it rose too
//! fast it waits.

use huitian_model::{FillLevel, Settings};

use super::Broken;

/// A level at an instant.
pub type Level = (i64, FillLevel);

/// The instants whose levels are spikes, and the one that waits.
pub fn doubted(levels: &[Level], settings: &Settings, broken: Broken) -> (Vec<i64>, Option<i64>) {
    let (mut spikes, mut waits) = (Vec::new(), None);
    let limit = i64::from(settings.spike.limit.hundredths());
    if limit == 0 || broken == Broken::SpikesHold {
        return (spikes, waits);
    }
    let drop = i64::from(settings.emptied_drop.hundredths());
    let per_hour = match broken {
        Broken::EveryRiseIsTooFast => 0,
        _ => i128::from(settings.spike.rise_per_hour),
    };
    let height = |one: Level| i64::from(one.1.hundredths());
    let too_fast = |low: Level, high: Level| {
        let (rise, time) = (height(high) - height(low), high.0 - low.0);
        i128::from(rise) * 3_600_000 > per_hour * i128::from(time)
    };
    let mut believed: Option<Level> = None;
    for (place, it) in levels.iter().copied().enumerate() {
        let before = match broken {
            Broken::SpikesByNeighbours => place.checked_sub(1).map(|place| levels[place]),
            _ => believed,
        };
        let Some(before) = before else {
            believed = Some(it);
            continue;
        };
        let away = height(it) - height(before);
        let is_doubted = match levels.get(place + 1).copied() {
            None => {
                let rose = away > limit && too_fast(before, it);
                if rose && broken != Broken::NewestIsBelieved {
                    waits = Some(it.0);
                    continue;
                }
                false
            }
            Some(after) => {
                let back = height(it) - height(after);
                let home = height(before) - height(after);
                let is_emptying = -away >= drop && home >= drop;
                let leaves = if away > 0 {
                    away > limit && back > limit && too_fast(before, it)
                } else {
                    let is_spared = is_emptying && broken != Broken::EmptyingsAreSpikes;
                    away < -limit && back < -limit && too_fast(it, after) && !is_spared
                };
                leaves && home.abs() <= limit
            }
        };
        if is_doubted {
            spikes.push(it.0);
        } else {
            believed = Some(it);
        }
    }
    (spikes, waits)
}
