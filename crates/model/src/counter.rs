//! What the counts of a channel mean: the device profile says it, the inventory carries it.
//!
//! Sensors count in four ways (devices.md B1.7): up to 16 bits and from 0 after a reboot (Nwave),
//! 8 bits (Libelium, `PlacePod`), passages since the last message (Parametric), and 32 bits that
//! survive a power cut (Procon LD120). Where nothing is said, a decrease is judged by what is
//! plausible at 8, 16 and 32 bits.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// At how many bits a counter begins again at 0.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub enum CounterBits {
    /// After 255.
    Eight,
    /// After 65,535.
    Sixteen,
    /// After 4,294,967,295.
    ThirtyTwo,
}

impl CounterBits {
    /// All widths, narrowest first.
    pub const ALL: [Self; 3] = [Self::Eight, Self::Sixteen, Self::ThirtyTwo];

    /// The width of so many bits; none but of 8, 16 and 32.
    pub const fn from_bits(bits: u8) -> Option<Self> {
        match bits {
            8 => Some(Self::Eight),
            16 => Some(Self::Sixteen),
            32 => Some(Self::ThirtyTwo),
            _ => None,
        }
    }

    /// How many bits.
    pub const fn bits(self) -> u8 {
        match self {
            Self::Eight => 8,
            Self::Sixteen => 16,
            Self::ThirtyTwo => 32,
        }
    }

    /// How many values: the counter shows 0 to one less.
    pub const fn values(self) -> i64 {
        1 << self.bits()
    }
}

/// What the counts of a channel mean.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub enum CounterRule {
    /// Since some beginning; of wrap and reset nothing is said. A decrease is a wrap at 8, 16 or
    /// 32 bits where that is plausible, else a reset.
    #[default]
    Unstated,
    /// Since some beginning, as the device profile says. A decrease is a wrap where there is one
    /// and the step is plausible, else a reset.
    Total {
        /// Where it begins again at 0; none where it never does.
        wrap: Option<CounterBits>,
        /// Whether it survives a power cut. Where it does not, a decrease may also be a reboot,
        /// and a wrap is only believed for a step of at most half of the counter's values.
        stored: bool,
    },
    /// Since the message before: every reading adds its value.
    Interval,
}

impl CounterRule {
    /// Whether a restart of the device sets it to 0.
    pub const fn forgets(self) -> bool {
        matches!(self, Self::Total { stored: false, .. })
    }
}

/// What a counter rule is written like.
const FORMS: &str = "total, total-stored, total-8, total-16, total-32 (each also with -stored), \
                     or interval";

impl fmt::Display for CounterRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unstated => f.write_str("unstated"),
            Self::Interval => f.write_str("interval"),
            Self::Total { wrap, stored } => {
                f.write_str("total")?;
                if let Some(wrap) = wrap {
                    write!(f, "-{}", wrap.bits())?;
                }
                f.write_str(if *stored { "-stored" } else { "" })
            }
        }
    }
}

impl FromStr for CounterRule {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "unstated" => return Ok(Self::Unstated),
            "interval" => return Ok(Self::Interval),
            _ => {}
        }
        let refuse = || format!("expected a counter rule of {FORMS}, found {text:?}");
        let rest = text.strip_prefix("total").ok_or_else(refuse)?;
        let (bits, stored) = match rest.strip_suffix("-stored") {
            Some(bits) => (bits, true),
            None => (rest, false),
        };
        let wrap = match bits.strip_prefix('-') {
            None if bits.is_empty() => None,
            None => return Err(refuse()),
            Some(bits) => {
                let bits = bits.parse().ok().and_then(CounterBits::from_bits);
                Some(bits.ok_or_else(refuse)?)
            }
        };
        Ok(Self::Total { wrap, stored })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_rule_is_written_as_it_is_read() {
        let wraps = CounterBits::ALL.map(Some).into_iter().chain([None]);
        let totals =
            wraps.flat_map(|wrap| [true, false].map(|stored| CounterRule::Total { wrap, stored }));
        let rules = totals.chain([CounterRule::Unstated, CounterRule::Interval]);
        for rule in rules {
            assert_eq!(rule.to_string().parse(), Ok(rule));
        }
    }

    #[test]
    fn another_width_is_refused_with_what_was_expected() {
        for text in ["total-12", "total16", "total-", "counter", ""] {
            let error = text.parse::<CounterRule>().unwrap_err();
            assert!(
                error.contains("total-16") && error.contains(text),
                "{error}"
            );
        }
    }
}
