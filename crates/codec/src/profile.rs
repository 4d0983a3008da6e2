//! Device profiles: a device described as data.
//!
#![doc = include_str!("../PROFILES.md")]

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use huitian_model::{BadReason, ChannelName, Quantity};

use crate::decoded::Decoded;
use crate::envelope::Uplink;
use crate::named::Named;
use crate::number::Fixed;
use crate::refusal::{Refusal, RefusalReason, quoted};

mod build;
mod layout;
mod raw;
mod read;
mod vector;

pub use raw::MessageKind;
pub use read::{Decoding, FieldValue};
pub(crate) use vector::told;

use layout::{Check, Message};
use vector::Vector;

/// Profiles that may be known at once: the district's catalogue has some dozens of devices.
pub const PROFILES_MAX: usize = 1_000;

/// Bytes of a profile's text: ten times the longest of the built-in ones.
pub const PROFILE_BYTES_MAX: usize = 64 * 1024;

/// The id that means the plain form, and so can be no profile.
pub const PLAIN: &str = "plain";

/// The profiles that come with the program.
const BUILTIN: [(&str, &str); 4] = [
    (
        "bosch-tps110.toml",
        include_str!("../profiles/bosch-tps110.toml"),
    ),
    (
        "dingtek-df702.toml",
        include_str!("../profiles/dingtek-df702.toml"),
    ),
    (
        "milesight-em310-udl.toml",
        include_str!("../profiles/milesight-em310-udl.toml"),
    ),
    (
        "milesight-em400-tld.toml",
        include_str!("../profiles/milesight-em400-tld.toml"),
    ),
];

/// Why a profile cannot be used.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("device profile {profile}: {message}")]
pub struct ProfileError {
    /// The name under which the text was given, such as its file.
    pub profile: String,
    /// What was expected and what was found.
    pub message: String,
    /// The bytes of the text to underline, where one place is at fault.
    pub span: Option<Range<usize>>,
}

/// One channel that a device can feed.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Channel {
    name: ChannelName,
    quantity: Quantity,
    /// Outside: bad, out of range.
    valid: Option<(Fixed, Fixed)>,
    /// Outside: uncertain, implausible.
    plausible: Option<(Fixed, Fixed)>,
}

/// A field value that makes other channels of the same frame bad.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Spoil {
    field: String,
    equals: i64,
    channels: Vec<usize>,
    bad: BadReason,
}

/// A device described as data: how its bytes become samples.
#[derive(Clone, PartialEq, Debug)]
pub struct Profile {
    id: String,
    name: String,
    vendor: String,
    sources: Vec<(String, String)>,
    channels: Vec<Channel>,
    require: Vec<Check>,
    messages: Vec<Message>,
    spoils: Vec<Spoil>,
    vectors: Vec<Vector>,
}

impl Profile {
    /// Reads a profile and checks its vectors.
    ///
    /// # Errors
    /// [`ProfileError`] with the place, where the text is no profile or a vector does not hold.
    pub fn parse(text: &str, name: &str) -> Result<Self, ProfileError> {
        let refuse = |(message, span)| ProfileError {
            profile: name.to_owned(),
            message,
            span,
        };
        if text.len() > PROFILE_BYTES_MAX {
            let found = text.len();
            let message = format!("expected at most {PROFILE_BYTES_MAX} bytes, found {found}");
            return Err(refuse((message, None)));
        }
        let raw = toml::from_str(text)
            .map_err(|error| refuse((error.message().to_owned(), error.span())))?;
        let profile = build::profile(raw).map_err(|fault| {
            let build::Fault { message, span } = fault;
            refuse((message, Some(span)))
        })?;
        for vector in &profile.vectors {
            if let Some(message) = vector.fault(&profile) {
                return Err(refuse((message, Some(vector.span.clone()))));
            }
        }
        Ok(profile)
    }

    /// Its id, as the inventory names it.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The device's name, for people.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Who makes it, for people.
    pub fn vendor(&self) -> &str {
        &self.vendor
    }

    /// Where its layout and vectors come from, each with its licence.
    pub fn sources(&self) -> impl Iterator<Item = (&str, &str)> {
        let sources = self.sources.iter();
        sources.map(|(what, licence)| (what.as_str(), licence.as_str()))
    }

    /// The channels that such a device can feed, with what they measure.
    pub fn channels(&self) -> impl Iterator<Item = (&ChannelName, Quantity)> {
        let channels = self.channels.iter();
        channels.map(|channel| (&channel.name, channel.quantity))
    }

    /// How many vectors it holds; all of them held when it was read.
    pub fn vectors(&self) -> usize {
        self.vectors.len()
    }

    /// Reads the bytes of a port into fields and samples.
    ///
    /// A message that the profile does not know gives no fields and no error.
    ///
    /// # Errors
    /// [`RefusalReason::PayloadShape`] where the bytes cannot come from such a device, or are
    /// cut off.
    pub fn read<'a>(&'a self, port: Option<u8>, bytes: &'a [u8]) -> Result<Decoding<'a>, Refusal> {
        read::decoding(self, port, bytes).map_err(|refusal| refusal.at(&self.id))
    }

    /// The samples of an uplink; none for messages without, such as parameters.
    ///
    /// # Errors
    /// As [`Self::read`].
    pub fn decode(&self, uplink: &Uplink) -> Result<Vec<Decoded>, Refusal> {
        let decoding = self.read(uplink.f_port, &uplink.bytes)?;
        let samples = decoding.samples().into_iter();
        Ok(samples
            .map(|(channel, sample)| Decoded {
                channel,
                at: uplink.at,
                time_source: uplink.time_source,
                sequence: uplink.f_cnt,
                sample,
            })
            .collect())
    }
}

impl Profile {
    /// The samples of values by name.
    ///
    /// # Errors
    /// [`RefusalReason::UnknownProfile`]: no profile of this version reads names yet.
    pub fn decode_named(&self, named: &Named) -> Result<Vec<Decoded>, Refusal> {
        let text = format!(
            "device profile {} reads bytes, {} sent values by name",
            self.id,
            quoted(&named.address)
        );
        Err(Refusal::new(RefusalReason::UnknownProfile, text))
    }
}

/// All known profiles. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Profiles {
    by_id: BTreeMap<String, Arc<Profile>>,
}

impl Profiles {
    /// The profiles that come with the program.
    ///
    /// # Errors
    /// [`ProfileError`] where a profile of this build is broken, which its tests exclude.
    pub fn builtin() -> Result<Self, ProfileError> {
        let mut profiles = Self::default();
        for (name, text) in BUILTIN {
            profiles.add(text, name)?;
        }
        Ok(profiles)
    }

    /// Reads the text of a profile, which `name` (such as its file) names in errors.
    ///
    /// # Errors
    /// [`ProfileError`] where the text is no profile, its id is taken, or a vector of its own does
    /// not hold. Nothing is added then.
    pub fn add(&mut self, text: &str, name: &str) -> Result<(), ProfileError> {
        let profile = Profile::parse(text, name)?;
        let refuse = |message| ProfileError {
            profile: name.to_owned(),
            message,
            span: None,
        };
        if self.by_id.contains_key(&profile.id) {
            return Err(refuse(format!("the id {:?} is taken", profile.id)));
        }
        if self.by_id.len() == PROFILES_MAX {
            return Err(refuse(format!("expected at most {PROFILES_MAX} profiles")));
        }
        self.by_id.insert(profile.id.clone(), Arc::new(profile));
        Ok(())
    }

    /// The profile of that id.
    pub fn get(&self, id: &str) -> Option<&Profile> {
        self.by_id.get(id).map(AsRef::as_ref)
    }

    /// The profile of that id, or why there is none.
    ///
    /// # Errors
    /// [`RefusalReason::UnknownProfile`].
    pub fn require(&self, id: &str) -> Result<&Profile, Refusal> {
        self.get(id).ok_or_else(|| {
            let text = format!("no device profile {}", quoted(id));
            Refusal::new(RefusalReason::UnknownProfile, text)
        })
    }

    /// All ids in order.
    pub fn ids(&self) -> impl Iterator<Item = &str> {
        self.by_id.keys().map(String::as_str)
    }
}

#[cfg(test)]
mod tests;
