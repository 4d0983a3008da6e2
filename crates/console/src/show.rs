//! Values as people read them: times in a zone with their age, shares in percent, names.

use std::sync::Arc;

use huitian_model::{Bilingual, UtcMs};
use huitian_report::{Zone, float};
use serde::Serialize;

use crate::lang::{Catalogue, Lang};

const SECOND: i64 = 1_000;
const MINUTE: i64 = 60 * SECOND;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;

/// An instant as people read it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct When {
    /// For machines.
    pub iso: String,
    /// Civil time in the zone.
    pub text: String,
    /// "12 s ago".
    pub age: String,
}

/// How values are shown in one answer.
#[derive(Debug, Clone)]
pub(crate) struct Show {
    pub lang: Lang,
    pub texts: Arc<Catalogue>,
    pub zone: Zone,
    pub now: Option<UtcMs>,
}

impl Show {
    /// The instant with its age.
    pub fn when(&self, at: UtcMs) -> When {
        When {
            iso: at.to_string(),
            text: self.zone.text(at, "%m-%d %H:%M:%S"),
            age: self
                .now
                .map_or_else(String::new, |now| self.age(now.since(at))),
        }
    }

    /// The name in this language.
    pub fn name(&self, name: &Bilingual) -> String {
        match self.lang {
            Lang::Zh => name.zh.clone(),
            Lang::En => name.en.clone(),
        }
    }

    /// A text of the catalogue.
    pub fn text(&self, key: &str) -> String {
        self.texts.text(key)
    }

    /// How long ago, in the largest unit of which there is at least one (two for hours).
    pub fn age(&self, ms: i64) -> String {
        let (key, n) = match ms {
            ..SECOND => ("age.now", 0),
            SECOND..MINUTE => ("age.s", ms / SECOND),
            MINUTE..HOUR => ("age.min", ms / MINUTE),
            HOUR..172_800_000 => ("age.h", ms / HOUR),
            _ => ("age.d", ms / DAY),
        };
        self.texts.with(key, &[("n", &n.to_string())])
    }

    /// A span of time: "2 h 5 min".
    pub fn duration(&self, ms: i64) -> String {
        let (key, a, b) = match ms {
            ..MINUTE => ("span.s", ms / SECOND, 0),
            MINUTE..HOUR => ("span.min", ms / MINUTE, 0),
            HOUR..DAY => ("span.h", ms / HOUR, ms % HOUR / MINUTE),
            _ => ("span.d", ms / DAY, ms % DAY / HOUR),
        };
        self.texts
            .with(key, &[("a", &a.to_string()), ("b", &b.to_string())])
    }
}

/// A share of 0..=1 as percent.
pub(crate) fn share(x: f64) -> String {
    percent(x * 100.0)
}

/// So many percent, without decimals; "99%" is never rounded up to a whole 100.
pub(crate) fn percent(x: f64) -> String {
    let rounded = x.round();
    if rounded >= 100.0 && x < 100.0 {
        return "99%".to_owned();
    }
    // No "-0%".
    format!("{}%", rounded + 0.0)
}

/// A part of a whole, 0..=1; none of nothing.
pub(crate) fn part(part: impl Into<i64>, whole: impl Into<i64>) -> Option<f64> {
    let whole = whole.into();
    (whole > 0).then(|| float(part.into()) / float(whole))
}

/// A number with thin groups of three: "840 000" reads in both languages.
pub(crate) fn grouped(n: u64) -> String {
    let digits = n.to_string();
    let mut text = String::with_capacity(digits.len() + 4);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push('\u{202f}');
        }
        text.push(digit);
    }
    text
}

/// Bytes in lower-case hex, with something between them.
pub(crate) fn hex<'a>(bytes: impl Iterator<Item = &'a u8>, between: &str) -> String {
    let digit = |n: u8| char::from_digit(u32::from(n), 16).unwrap_or('?');
    let mut text = String::new();
    for byte in bytes {
        if !text.is_empty() {
            text.push_str(between);
        }
        text.push(digit(byte >> 4));
        text.push(digit(byte & 15));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_below_one_is_never_shown_as_all() {
        assert_eq!(share(0.999), "99%");
        assert_eq!(share(1.0), "100%");
        assert_eq!(share(1.2), "120%");
        assert_eq!(share(-0.001), "0%");
    }

    #[test]
    fn thousands_are_grouped() {
        assert_eq!(grouped(7), "7");
        assert_eq!(grouped(840_000), "840\u{202f}000");
        assert_eq!(grouped(1_234_567), "1\u{202f}234\u{202f}567");
    }
}
