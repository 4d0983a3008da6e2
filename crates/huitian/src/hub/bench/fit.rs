//! One profile on one message: how well it fits.

use std::cmp::Reverse;

use huitian_codec::{Explanation, ExplanationRow, MessageKind, Named, Profile};
use huitian_console::{Fit, FitRow, SampleRow};

use huitian_model::{BadReason, Sample};

use super::lines;
use crate::cells::{bits, field, places};

/// Bytes that are turned over to see what a fit says: most frames are shorter, and a thousand
/// profiles cost 32,000 readings of some microseconds.
const TURNED_MAX: usize = 32;

/// What a profile may read.
pub enum Input {
    /// Port and bytes.
    Bytes((Option<u8>, Vec<u8>)),
    /// Values by name.
    Named(Named),
}

/// How well it fits, the best first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Verdict {
    Fits,
    Partly,
    UnknownMessage,
    Refused,
}

impl Verdict {
    const fn name(self) -> &'static str {
        match self {
            Self::Fits => "fits",
            Self::Partly => "partly",
            Self::UnknownMessage => "unknown_message",
            Self::Refused => "refused",
        }
    }
}

/// Samples by how much they say for the profile.
#[derive(Default)]
struct Counts {
    good: usize,
    implausible: usize,
    /// No value, by a sentinel or a spoil: so the device may be.
    bad: usize,
    /// Outside of what can be: so the bytes are hardly of this device.
    out_of_range: usize,
}

/// A profile that was tried.
pub struct Judged<'a> {
    profile: &'a Profile,
    explained: Explanation,
    verdict: Verdict,
    unread: usize,
    counts: Counts,
    /// How many changes of the message would have refuted it.
    evidence: usize,
}

impl<'a> Judged<'a> {
    /// Tries it; none where it reads bytes and the message names values, or the other way round.
    pub fn new(profile: &'a Profile, input: &Input) -> Option<Self> {
        let (explained, unread) = match input {
            Input::Bytes((port, bytes)) if profile.reads_bytes() => {
                let unread = profile
                    .read(*port, bytes)
                    .map_or(bytes.len(), |it| it.unread());
                (profile.explain(*port, bytes), unread)
            }
            Input::Named(named) if profile.reads_names() => (profile.explain_named(named), 0),
            Input::Bytes(_) | Input::Named(_) => return None,
        };
        let counts = counts(&explained);
        let verdict = if explained.refused.is_some() {
            Verdict::Refused
        } else if explained.message.is_none() {
            Verdict::UnknownMessage
        } else if unread > 0 || counts.out_of_range > 0 {
            Verdict::Partly
        } else {
            Verdict::Fits
        };
        let evidence = match input {
            Input::Bytes((port, bytes)) if verdict == Verdict::Fits => {
                evidence(profile, *port, bytes)
            }
            Input::Bytes(_) | Input::Named(_) => 0,
        };
        Some(Self {
            profile,
            explained,
            verdict,
            unread,
            counts,
            evidence,
        })
    }

    /// Whether it fits.
    pub fn is_fitting(&self) -> bool {
        self.verdict == Verdict::Fits
    }

    /// The best has the least.
    pub fn order(&self) -> impl Ord + use<> {
        let Counts {
            good,
            implausible,
            bad,
            out_of_range,
        } = self.counts;
        (
            (self.verdict, self.unread, out_of_range),
            (Reverse(self.evidence), Reverse(good), implausible, bad),
            self.profile.id().to_owned(),
        )
    }

    /// For people; with every row where `is_whole`.
    pub fn told(&self, address: &str, is_whole: bool) -> Fit {
        let (profile, it) = (self.profile, &self.explained);
        let is_near = self.verdict <= Verdict::Partly;
        let (devices_csv, channels_csv) = if is_near {
            lines::of(profile, address)
        } else {
            (String::new(), String::new())
        };
        let rows = it.rows.iter().filter(|_| is_whole && is_near);
        Fit {
            profile: profile.id().to_owned(),
            name: profile.name().to_owned(),
            vendor: profile.vendor().to_owned(),
            verdict: self.verdict.name(),
            message: it.message.clone(),
            kind: it.kind.map(MessageKind::name),
            refused: it.refused.clone(),
            unread: self.unread,
            samples: samples(it),
            rows: rows.map(fit_row).collect(),
            devices_csv,
            channels_csv,
        }
    }
}

/// How much the fit says: the same message with another port, a byte less, a byte more, or one
/// byte turned over is not of this device where the profile is of it. A profile that takes every
/// one of them fits by chance.
fn evidence(profile: &Profile, port: Option<u8>, bytes: &[u8]) -> usize {
    let other = port.map(|port| if port == 1 { 2 } else { 1 });
    let shorter = bytes.split_last().map_or(bytes, |(_, rest)| rest);
    let longer = [bytes, &[0]].concat();
    let mut evidence = usize::from(!fits(profile, other, bytes))
        + usize::from(!fits(profile, port, shorter))
        + usize::from(!fits(profile, port, &longer));
    let mut turned = bytes.to_vec();
    for at in 0..bytes.len().min(TURNED_MAX) {
        let turn = |turned: &mut Vec<u8>| {
            if let Some(byte) = turned.get_mut(at) {
                *byte = !*byte;
            }
        };
        turn(&mut turned);
        evidence += usize::from(!fits(profile, port, &turned));
        turn(&mut turned);
    }
    evidence
}

fn fits(profile: &Profile, port: Option<u8>, bytes: &[u8]) -> bool {
    profile.read(port, bytes).is_ok_and(|it| {
        let is_in_range =
            |(_, sample): (_, Sample)| !matches!(sample, Sample::Bad(_, BadReason::OutOfRange));
        it.message().is_some() && it.unread() == 0 && it.samples().into_iter().all(is_in_range)
    })
}

fn counts(it: &Explanation) -> Counts {
    let mut counts = Counts::default();
    for sample in it.rows.iter().filter_map(|row| row.sample.as_deref()) {
        let count = if sample.starts_with("bad out_of_range") {
            &mut counts.out_of_range
        } else if sample.starts_with("bad") {
            &mut counts.bad
        } else if sample.starts_with("uncertain implausible") {
            &mut counts.implausible
        } else {
            &mut counts.good
        };
        *count += 1;
    }
    counts
}

fn samples(it: &Explanation) -> Vec<SampleRow> {
    let samples = it.rows.iter().filter_map(|row| {
        Some(SampleRow {
            channel: row.channel.clone()?,
            sample: row.sample.clone()?,
        })
    });
    samples.collect()
}

fn fit_row(row: &ExplanationRow) -> FitRow {
    let when = row
        .at
        .as_ref()
        .map_or(String::new(), |at| format!(" ({at})"));
    FitRow {
        bytes: places(row),
        bits: bits(row),
        hex: row.hex.clone(),
        field: field(row).unwrap_or_default(),
        raw: row.raw.clone(),
        how: row.rule.clone(),
        value: row.value.clone(),
        channel: row.channel.clone(),
        sample: row.sample.as_ref().map(|sample| format!("{sample}{when}")),
    }
}
