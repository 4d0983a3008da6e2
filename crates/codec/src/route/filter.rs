//! MQTT topic filters (MQTT 5, 4.7).

use serde::Deserialize;

use crate::TOPIC_BYTES_MAX;
use crate::refusal::quoted;

/// Levels of a topic filter: a topic has at most as many.
pub(super) const LEVELS_MAX: usize = 8;

/// First levels that are read by their own rules alone.
const RESERVED: [&str; 2] = ["huitian", "spBv1.0"];

/// A checked filter.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[serde(try_from = "String")]
pub(super) struct Filter(String);

impl TryFrom<String> for Filter {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let refuse = |why: &str| Err(format!("expected {why}, found {}", quoted(&text)));
        if text.is_empty() || text.len() > TOPIC_BYTES_MAX || text.chars().any(char::is_control) {
            return refuse(&format!("a topic filter of 1 to {TOPIC_BYTES_MAX} bytes"));
        }
        let levels: Vec<&str> = text.split('/').collect();
        if levels.len() > LEVELS_MAX {
            return refuse(&format!("at most {LEVELS_MAX} levels"));
        }
        let last = levels.len() - 1;
        for (index, level) in levels.iter().enumerate() {
            if (level.contains('#') && (*level != "#" || index != last))
                || (level.contains('+') && *level != "+")
            {
                return refuse("'+' alone in a level, and '#' alone in the last");
            }
        }
        if text.starts_with('$') || levels.first().is_some_and(|first| RESERVED.contains(first)) {
            return refuse("a topic that is not under huitian/, spBv1.0/ or $");
        }
        Ok(Self(text))
    }
}

impl Filter {
    pub(super) fn as_str(&self) -> &str {
        &self.0
    }

    /// How many levels it has.
    pub(super) fn levels(&self) -> usize {
        self.0.split('/').count()
    }

    /// Whether a wildcard is in it.
    pub(super) fn has_wildcard(&self) -> bool {
        self.0.split('/').any(|level| matches!(level, "+" | "#"))
    }

    /// Whether its last level stands for any number of levels.
    pub(super) fn is_open(&self) -> bool {
        self.0.ends_with('#')
    }

    /// Whether a topic is one of those it stands for.
    pub(super) fn matches(&self, topic: &str) -> bool {
        let first = topic.split('/').next().unwrap_or_default();
        if topic.starts_with('$') || RESERVED.contains(&first) {
            return false;
        }
        let (mut levels, mut wanted) = (topic.split('/'), self.0.split('/'));
        loop {
            match (wanted.next(), levels.next()) {
                (Some("#"), _) | (None, None) => return true,
                (Some("+"), Some(_)) => {}
                (Some(wanted), Some(level)) if wanted == level => {}
                _other => return false,
            }
        }
    }

    /// What the first wildcard stands for: a level, or all that follow.
    pub(super) fn wild<'a>(&self, topic: &'a str) -> Option<&'a str> {
        let index = self
            .0
            .split('/')
            .position(|level| matches!(level, "+" | "#"))?;
        let rest = topic.splitn(index + 1, '/').nth(index)?;
        match self.0.split('/').nth(index) {
            Some("#") => Some(rest),
            _plus => rest.split('/').next(),
        }
    }

    /// Whether every topic of it is one of the other filter's.
    pub(super) fn is_within(&self, other: &str) -> bool {
        let (mut own, mut others) = (self.0.split('/'), other.split('/'));
        loop {
            match (others.next(), own.next()) {
                (Some("#"), _) | (None, None) => return true,
                (Some("+"), Some(level)) if level != "#" => {}
                (Some(other), Some(level)) if other == level => {}
                _other => return false,
            }
        }
    }
}
