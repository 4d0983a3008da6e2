//! A waste station over a window: fill levels, emptyings and overflow.

use huitian_model::{
    AssetKind, BinFigures, Emptied, FillLevel, Measurement, OverflowEpisode, Quantity,
    StationFigures, UtcMs,
};

use super::accept::{Kept, View};
use super::holds::{Hold, Said, holds, instants, is_known_throughout, said, value_at};
use super::{Broken, Span, spikes};

/// A station with all that its channels ever said.
pub struct Station {
    bins: Vec<Bin>,
    broken: Broken,
}

struct Bin {
    figures: BinFigures,
    holds: Vec<Hold>,
    emptied: Vec<Emptied>,
    episodes: Vec<OverflowEpisode>,
    /// When a level was a spike.
    spikes: Vec<i64>,
}

impl Station {
    /// All bins of the station, also those that no channel measures.
    pub fn new(view: &View<'_>) -> Self {
        let bins = view.facility.assets.values();
        Self {
            bins: bins.filter_map(|asset| Bin::new(view, asset)).collect(),
            broken: view.broken,
        }
    }

    pub fn emptied(&self) -> Vec<Emptied> {
        self.bins
            .iter()
            .flat_map(|bin| bin.emptied.clone())
            .collect()
    }

    pub fn episodes(&self) -> Vec<OverflowEpisode> {
        self.bins
            .iter()
            .flat_map(|bin| bin.episodes.clone())
            .collect()
    }

    pub fn figures(&self, span: Span) -> StationFigures {
        StationFigures {
            length_ms: span.length(),
            bins: self
                .bins
                .iter()
                .map(|bin| bin.over(span, self.broken))
                .collect(),
        }
    }
}

impl Bin {
    fn new(view: &View<'_>, asset: &huitian_model::Asset) -> Option<Self> {
        let AssetKind::Bin {
            stream,
            empty_distance_mm,
            full_distance_mm,
            ..
        } = asset.kind
        else {
            return None;
        };
        let voices = view.voices();
        let channel = voices.iter().find(|(_, channel, _)| {
            channel.binds.asset.as_ref() == Some(&asset.id)
                && matches!(channel.quantity, Quantity::Fill | Quantity::Distance)
        });
        let none: Vec<Kept> = Vec::new();
        let kept = channel.map_or(&none, |(_, _, kept)| kept);
        let valid_for_ms = channel.map_or(0, |(device, ..)| device.valid_for_ms());
        let mut said = said(kept);
        for one in &mut said {
            one.value = one.value.map(|value| {
                Measurement::Fill(fill_of(value, empty_distance_mm, full_distance_mm))
            });
        }
        let heights = said
            .iter()
            .filter_map(|one| Some((one.at, level(one.value?))));
        let heights: Vec<(i64, FillLevel)> = heights.collect();
        let (spikes, waits) = spikes::doubted(&heights, view.settings, view.broken);
        said.retain(|one| !spikes.contains(&one.at) && waits != Some(one.at));
        let levels: Vec<Said> = said
            .iter()
            .copied()
            .filter(|one| one.value.is_some())
            .collect();
        Some(Self {
            figures: BinFigures {
                asset: asset.id.clone(),
                stream,
                known_ms: 0,
                fill_ms: 0,
                min: None,
                max: None,
                last: None,
                overflow_ms: 0,
                emptied: 0,
                rejected: 0,
            },
            holds: holds(&said, valid_for_ms, view.broken),
            emptied: emptied(view, asset, &levels),
            episodes: episodes(view, asset, &said, valid_for_ms),
            spikes,
        })
    }

    fn over(&self, span: Span, broken: Broken) -> BinFigures {
        let mut figures = self.figures.clone();
        for hold in &self.holds {
            let time = hold.time_in(span, broken);
            figures.known_ms += time;
            figures.fill_ms += i64::from(level(hold.value).hundredths()) * time;
            // Overflow counts while the level is known: silence is neither full nor empty.
            figures.overflow_ms += if self.overflows(hold.from) { time } else { 0 };
        }
        let instants = instants(&self.holds, span).into_iter();
        let levels = instants.filter_map(|at| value_at(&self.holds, at).map(level));
        let levels: Vec<FillLevel> = levels.collect();
        figures.min = levels.iter().min().copied();
        figures.max = levels.iter().max().copied();
        figures.last = value_at(&self.holds, span.end - 1).map(level);
        let emptied = self
            .emptied
            .iter()
            .filter(|one| span.holds(one.at.0, broken));
        figures.emptied = u32::try_from(emptied.count()).unwrap();
        let spikes = self.spikes.iter().filter(|at| span.holds(**at, broken));
        if broken != Broken::SpikesAreSmoothed {
            figures.rejected = u32::try_from(spikes.count()).unwrap();
        }
        figures
    }

    /// Whether an episode is under way at an instant.
    fn overflows(&self, at: i64) -> bool {
        self.episodes
            .iter()
            .any(|episode| episode.onset.0 <= at && episode.end.is_none_or(|end| at < end.0))
    }
}

fn level(value: Measurement) -> FillLevel {
    match value {
        Measurement::Fill(level) => level,
        other => panic!("not a level: {other:?}"),
    }
}

/// The fill level of a value: a distance within what empty and full mean, rounded down.
fn fill_of(value: Measurement, empty_mm: Option<u32>, full_mm: Option<u32>) -> FillLevel {
    let Measurement::Distance(distance) = value else {
        return level(value);
    };
    let (empty, full) = (i64::from(empty_mm.unwrap()), i64::from(full_mm.unwrap()));
    let distance = i64::from(distance).clamp(full, empty);
    let hundredths = (empty - distance) * 10_000 / (empty - full);
    FillLevel::from_hundredths(u16::try_from(hundredths).unwrap()).unwrap()
}

/// A fall of at least the drop, that the reading after shows too. Each reading is judged by
/// itself against the one before it.
fn emptied(view: &View<'_>, asset: &huitian_model::Asset, levels: &[Said]) -> Vec<Emptied> {
    let drop = view.settings.emptied_drop.hundredths();
    let of = |one: &Said| level(one.value.unwrap());
    let fell = |from: &Said, to: &Said| {
        i32::from(of(from).hundredths()) - i32::from(of(to).hundredths()) >= i32::from(drop)
    };
    let mut emptied = Vec::new();
    for (index, first) in levels.iter().enumerate().skip(1) {
        let before = &levels[index - 1];
        let persists = levels
            .get(index + 1)
            .is_some_and(|second| fell(before, second));
        let persists = persists || view.broken == Broken::OneReadingEmpties;
        if fell(before, first) && persists {
            emptied.push(Emptied {
                site: view.site.clone(),
                facility: view.facility.id.clone(),
                asset: asset.id.clone(),
                at: UtcMs(first.at),
                from: of(before),
                to: of(first),
                stands: true,
            });
        }
    }
    emptied
}

/// From the first level at or above `on` to the first at or below `off`. Bad readings and silence
/// neither begin nor end an episode.
fn episodes(
    view: &View<'_>,
    asset: &huitian_model::Asset,
    said: &[Said],
    valid_for_ms: i64,
) -> Vec<OverflowEpisode> {
    let rule = &view.settings.overflow;
    let mut episodes: Vec<OverflowEpisode> = Vec::new();
    let mut before: Option<&Said> = None;
    for one in said {
        let Some(level) = one.value.map(level) else {
            continue;
        };
        let held = before
            .replace(one)
            .filter(|before| is_known_throughout(said, before, one.at, valid_for_ms));
        let open = episodes.last_mut().filter(|last| last.end.is_none());
        let is_over = match view.broken {
            Broken::OneLimit => level < rule.on,
            _ => level <= rule.off,
        };
        match open {
            Some(episode) if is_over => episode.end = Some(UtcMs(one.at)),
            Some(episode) => episode.peak = episode.peak.max(level),
            None if level >= rule.on => episodes.push(OverflowEpisode {
                site: view.site.clone(),
                facility: view.facility.id.clone(),
                asset: asset.id.clone(),
                onset: UtcMs(one.at),
                onset_after: held.map(|before| UtcMs(before.at)),
                end: None,
                peak: level,
                stands: true,
            }),
            None => {}
        }
    }
    episodes
}
