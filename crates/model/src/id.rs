//! Checked ids: every id is a slug, safe as MQTT level, InfluxDB tag, URL segment and file name.
//!
//! Limits: 1 to 64 characters of `a-z`, `0-9` and `-`.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// The longest id, in characters: keeps an InfluxDB series key of six ids under 512 bytes.
pub const ID_LEN_MAX: usize = 64;

/// Why a text is not an id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IdError {
    /// Empty, or longer than 64 characters.
    #[error("expected an id of 1 to 64 characters, found {0}")]
    Length(usize),
    /// A character other than `a-z`, `0-9` or `-`.
    #[error("expected only a-z, 0-9 and '-' in an id, found {found:?} in {text:?}")]
    Character {
        /// The first character that is not permitted.
        found: char,
        /// The whole text, cut to 80 characters.
        text: String,
    },
}

/// A checked slug: what all ids are made of. Cheap to clone.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Slug(Arc<str>);

impl Slug {
    /// Checks and keeps `text`.
    ///
    /// # Errors
    /// [`IdError`] where the length or a character is outside the permitted range.
    pub fn new(text: &str) -> Result<Self, IdError> {
        if text.is_empty() || text.len() > ID_LEN_MAX {
            return Err(IdError::Length(text.chars().count()));
        }
        match text
            .chars()
            .find(|c| !matches!(c, 'a'..='z' | '0'..='9' | '-'))
        {
            Some(found) => Err(IdError::Character {
                found,
                text: text.chars().take(80).collect(),
            }),
            None => Ok(Self(Arc::from(text))),
        }
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Slug {
    type Error = IdError;
    fn try_from(text: String) -> Result<Self, IdError> {
        Self::new(&text)
    }
}

impl From<Slug> for String {
    fn from(slug: Slug) -> Self {
        slug.0.as_ref().to_owned()
    }
}

impl fmt::Debug for Slug {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

impl fmt::Display for Slug {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(Slug);

        impl $name {
            /// Checks and keeps `text`.
            ///
            /// # Errors
            /// [`IdError`] where the length or a character is outside the permitted range.
            pub fn new(text: &str) -> Result<Self, IdError> {
                Slug::new(text).map(Self)
            }

            /// The text.
            pub fn as_str(&self) -> &str {
                self.0.as_str()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

id!(
    /// One residential compound.
    SiteId
);
id!(
    /// Something shared at a site: unique within its site.
    FacilityId
);
id!(
    /// A part of a facility that is measured by itself: unique within its facility.
    AssetId
);
id!(
    /// A transmitter: unique within the district.
    DeviceId
);
id!(
    /// One quantity of one device: unique within its device, such as `fill` or `occupied`.
    ChannelName
);
id!(
    /// An edge agent; the all-in-one process is the edge `local`.
    EdgeId
);
id!(
    /// An alert rule.
    RuleId
);

/// A channel by name: what a reading carries, before the inventory says what it measures.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct ChannelRef {
    /// The transmitter.
    pub device: DeviceId,
    /// Its quantity.
    pub channel: ChannelName,
}

impl fmt::Display for ChannelRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.device, self.channel)
    }
}

#[cfg(test)]
mod tests;
