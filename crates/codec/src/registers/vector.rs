//! Vectors: known registers with known samples. A map whose vectors do not hold is refused.

use std::collections::BTreeMap;
use std::ops::Range;

use huitian_model::UtcMs;
use toml::Spanned;

use super::place::{Fault, Written, fault};
use super::raw::{RawAnswer, RawVector};
use super::{DeviceLimits, RegisterImage, RegisterMap};
use crate::profile::told;

/// Known answers with known samples.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Vector {
    image: RegisterImage,
    samples: BTreeMap<String, String>,
    /// The place in the map's text.
    pub span: Range<usize>,
}

impl Vector {
    pub(super) fn build(raw: Spanned<RawVector>, base: Option<u8>) -> Result<Self, Fault> {
        let span = raw.span();
        let raw = raw.into_inner();
        let mut image = RegisterImage::default();
        for answer in &raw.read {
            put(answer, base, &span, &mut image)?;
        }
        Ok(Self {
            image,
            samples: raw.samples,
            span,
        })
    }

    /// What does not hold; none where all does.
    pub(super) fn fault(&self, map: &RegisterMap) -> Option<String> {
        let samples: BTreeMap<_, _> = map
            .samples(&self.image, &|_| true)
            .into_iter()
            .map(|sample| (sample.channel.to_string(), told(sample.sample)))
            .collect();
        (samples != self.samples)
            .then(|| format!("expected samples {:?}, found {samples:?}", self.samples))
    }
}

fn put(
    raw: &RawAnswer,
    base: Option<u8>,
    owner: &Range<usize>,
    image: &mut RegisterImage,
) -> Result<(), Fault> {
    let written = Written {
        function: raw.function.as_ref(),
        address: raw.address.as_ref(),
        printed: raw.printed.as_ref(),
        owner: owner.clone(),
    };
    let (function, address) = written.place(base)?;
    let at = UtcMs(0);
    match (&raw.words, &raw.bits) {
        (Some(words), None) if !function.reads_bits() => {
            if words.get_ref().len() > usize::from(DeviceLimits::REGISTERS_MAX) {
                return Err(fault(
                    words,
                    "expected at most the 125 registers of an answer",
                ));
            }
            image.put_words(function, address, words.get_ref(), at);
        }
        (None, Some(bits)) if function.reads_bits() => {
            if bits.get_ref().len() > usize::from(DeviceLimits::BITS_MAX) {
                return Err(fault(bits, "expected at most the 2000 bits of an answer"));
            }
            let bits: Vec<_> = bits.get_ref().iter().map(|bit| *bit != 0).collect();
            image.put_bits(function, address, &bits, at);
        }
        _ => {
            return Err(Fault {
                message: "expected words of registers, or bits of coils and discrete inputs"
                    .to_owned(),
                span: owner.clone(),
            });
        }
    }
    Ok(())
}
