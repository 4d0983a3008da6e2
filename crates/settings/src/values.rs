//! Values as people write them: `5m`, `90%`, `2 GB`. Each refuses what is outside its range with
//! the range in the message; the TOML reader adds the place.

use std::fmt;

use huitian_model::FillLevel;
use serde::{Deserialize, Deserializer, de};

/// A duration such as `30s`, `5m`, `1h30m`, `90d`, `2w` or `5y` (a year is 365 days), in ms.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Span(pub i64);

/// Units, longest name first where one begins another.
const UNITS: [(&str, i64); 7] = [
    ("ms", 1),
    ("s", 1_000),
    ("m", 60_000),
    ("h", 3_600_000),
    ("d", 86_400_000),
    ("w", 7 * 86_400_000),
    ("y", 365 * 86_400_000),
];

impl Span {
    /// Reads a duration.
    ///
    /// # Errors
    /// A sentence that says what was expected and what was found.
    pub fn parse(text: &str) -> Result<Self, String> {
        let refuse =
            || format!("expected a duration such as 30s, 5m, 1h30m or 90d, found {text:?}");
        let mut rest = text.trim();
        if rest.is_empty() {
            return Err(refuse());
        }
        let mut total = 0_i64;
        while !rest.is_empty() {
            let digits = rest
                .find(|c: char| !c.is_ascii_digit())
                .ok_or_else(refuse)?;
            let (number, tail) = rest.split_at(digits);
            let number: i64 = number.parse().map_err(|_not_a_number| refuse())?;
            let letters = tail
                .find(|c: char| !c.is_ascii_alphabetic())
                .unwrap_or(tail.len());
            let (unit, tail) = tail.split_at(letters);
            let (_, ms) = UNITS
                .iter()
                .find(|(name, _)| *name == unit)
                .ok_or_else(refuse)?;
            total = number
                .checked_mul(*ms)
                .and_then(|ms| total.checked_add(ms))
                .ok_or_else(refuse)?;
            rest = tail.trim_start();
        }
        Ok(Self(total))
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let fits = UNITS
            .iter()
            .rev()
            .skip(1)
            .find(|(_, ms)| self.0 % ms == 0 && self.0 != 0);
        match fits {
            Some((unit, ms)) => write!(f, "{}{unit}", self.0 / ms),
            None => write!(f, "{}ms", self.0),
        }
    }
}

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).map_err(de::Error::custom)
    }
}

/// A fill level such as `90%`, or the bare number 90.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Percent(pub FillLevel);

impl<'de> Deserialize<'de> for Percent {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Raw {
            Number(f64),
            Text(String),
        }
        let raw = Raw::deserialize(deserializer)?;
        let shown = match &raw {
            Raw::Number(number) => format!("{number}"),
            Raw::Text(text) => format!("{text:?}"),
        };
        let number = match raw {
            Raw::Number(number) => Some(number),
            Raw::Text(text) => text
                .trim()
                .strip_suffix('%')
                .and_then(|n| n.trim().parse().ok()),
        };
        number
            .and_then(hundredths)
            .and_then(FillLevel::from_hundredths)
            .map(Self)
            .ok_or_else(|| {
                de::Error::custom(format!(
                    "expected a fill level of 0 % to 100 %, such as \"90%\", found {shown}"
                ))
            })
    }
}

/// Percent to whole hundredths; none outside 0..=100 or for what is no number.
fn hundredths(percent: f64) -> Option<u16> {
    let rounded = (percent * 100.0).round();
    if !(0.0..=10_000.0).contains(&rounded) {
        return None;
    }
    // Whole and within 0..=10,000 by the line above; printing and reading avoids a cast.
    format!("{rounded:.0}").parse().ok()
}

/// A size such as `500MB` or `2GB` (powers of ten), in bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Bytes(pub u64);

impl<'de> Deserialize<'de> for Bytes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let refuse = || {
            de::Error::custom(format!(
                "expected a size such as 500MB or 2GB, found {text:?}"
            ))
        };
        let trimmed = text.trim();
        let digits = trimmed
            .find(|c: char| !c.is_ascii_digit())
            .ok_or_else(refuse)?;
        let (number, unit) = trimmed.split_at(digits);
        let number: u64 = number.parse().map_err(|_not_a_number| refuse())?;
        let factor = match unit.trim() {
            "MB" => 1_000_000,
            "GB" => 1_000_000_000,
            "TB" => 1_000_000_000_000,
            _ => return Err(refuse()),
        };
        number.checked_mul(factor).map(Self).ok_or_else(refuse)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_as_people_write_them() {
        for (text, ms) in [
            ("5m", 300_000),
            ("1h30m", 5_400_000),
            ("90d", 7_776_000_000),
        ] {
            assert_eq!(Span::parse(text), Ok(Span(ms)));
        }
        assert_eq!(Span(5_400_000).to_string(), "90m");
        for text in ["", "5", "m", "5 minutes", "-5m", "5mm", "1.5h"] {
            let error = Span::parse(text).unwrap_err();
            assert!(error.contains("such as 30s"), "{text}: {error}");
        }
    }

    #[test]
    fn a_fill_limit_above_100_percent_is_refused_with_the_range() {
        #[derive(Deserialize, Debug)]
        struct Table {
            on: Percent,
        }
        let good: Table = toml::from_str("on = \"87.5%\"").unwrap();
        assert_eq!(good.on.0.hundredths(), 8_750);
        for bad in ["on = \"140%\"", "on = 140", "on = nan", "on = \"full\""] {
            let error = toml::from_str::<Table>(bad).unwrap_err();
            assert!(error.message().contains("0 % to 100 %"), "{error}");
        }
    }
}
