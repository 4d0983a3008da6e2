//! Device profiles: a device described as data.
//!
#![doc = include_str!("../PROFILES.md")]

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use huitian_model::{BadReason, ChannelName, Quantity, TimeSource, UtcMs};

use crate::decoded::Decoded;
use crate::envelope::Uplink;
use crate::named::Named;
use crate::number::{Fixed, MICRO};
use crate::refusal::{Refusal, RefusalReason, quoted};

mod bits;
mod build;
mod builtin;
mod explain;
mod formula;
mod judge;
mod layout;
mod named;
mod raw;
mod read;
mod text;
mod time;
mod trial;
mod vector;

pub use explain::{Explanation, ExplanationRow, OtherMessage};
pub use judge::FieldValue;
pub use raw::MessageKind;
pub use read::Decoding;
pub use trial::Trial;
pub(crate) use vector::told;

use layout::{Check, Message, RawRange};
use read::When;
use vector::Vector;

/// Profiles that may be known at once: the district's catalogue has some dozens of devices.
pub const PROFILES_MAX: usize = 1_000;

/// Bytes of a profile's text: ten times the longest of the built-in ones.
pub const PROFILE_BYTES_MAX: usize = 64 * 1024;

/// The id that means the plain form, and so can be no profile.
pub const PLAIN: &str = "plain";

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

/// The speed of sound in dry air at 0 degrees, in millionths of 1 m/s per 1,000.
const SOUND_AT_ZERO: i128 = 331_300_000_000;

/// What a count of a device means. The engine decides by it whether a fall is a wrap or a reset.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Counter {
    /// Since when it counts.
    pub kind: CounterKind,
    /// Behind 2 to the power of these many bits it begins at 0 again; none: not known.
    pub wrap_bits: Option<u8>,
    /// Whether a restart of the device sets it to 0.
    pub resets: bool,
}

/// Since when a count counts.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum CounterKind {
    /// Since the device began to count.
    Total,
    /// Since the last count.
    Interval,
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
    /// Nearer than this the device cannot see: uncertain, implausible.
    blind: Option<Fixed>,
    compensate: Option<Compensation>,
    counter: Option<Counter>,
}

/// How a distance by sound is put right by the temperature of the air.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Compensation {
    /// Index of the channel that says the temperature.
    with: usize,
    /// The speed of sound that the device reckons with.
    speed: i128,
}

impl Compensation {
    /// The speed of sound in air, 331.3 + 0.606 T m/s, near enough from -60 to 60 degrees.
    fn speed(degrees: Fixed) -> Option<i128> {
        let speed = SOUND_AT_ZERO + i128::from(degrees.micros()) * 606;
        (speed > 0).then_some(speed)
    }

    /// A distance that was reckoned with `self.speed`, at the true speed.
    fn apply(self, distance: Fixed, speed: i128) -> Option<Fixed> {
        let micros = i128::from(distance.micros()) * speed / self.speed;
        i64::try_from(micros).ok().map(Fixed::from_micros)
    }
}

/// A field value that makes other channels of the same message bad.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Spoil {
    field: String,
    ranges: Vec<RawRange>,
    channels: Vec<usize>,
    bad: BadReason,
}

/// A device described as data: how its bytes become samples.
#[derive(Clone, PartialEq, Debug)]
pub struct Profile {
    id: String,
    name: String,
    vendor: String,
    notes: Vec<String>,
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
        let profile = Self::draft(text, name)?;
        for trial in profile.trials() {
            if let Some(message) = trial.fault {
                return Err(ProfileError {
                    profile: name.to_owned(),
                    message,
                    span: Some(trial.place),
                });
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

    /// What to know of this device, for people.
    pub fn notes(&self) -> impl Iterator<Item = &str> {
        self.notes.iter().map(String::as_str)
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

    /// What the counts on a channel mean; none where the profile does not say it.
    pub fn counter(&self, channel: &ChannelName) -> Option<Counter> {
        let mut channels = self.channels.iter();
        channels.find(|known| known.name == *channel)?.counter
    }

    /// Below this distance a channel's sensor sees nothing, mm; none where the profile says none.
    pub fn blind_zone_mm(&self, channel: &ChannelName) -> Option<u32> {
        let known = self.channels.iter().find(|known| known.name == *channel);
        // Rounded up: what lies in a fraction of a millimetre is blind too.
        let micros = known?.blind?.micros();
        u32::try_from(micros.checked_add(MICRO - 1)? / MICRO).ok()
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
        let heard = (uplink.at, uplink.time_source);
        Ok(decoding.decoded(heard, uplink.f_cnt))
    }

    /// The samples of values by name. A value that is said to be missing is bad, a device fault;
    /// a name that is not there says nothing.
    ///
    /// # Errors
    /// [`RefusalReason::UnknownProfile`] where no message of the profile is of named values.
    pub fn decode_named(&self, named: &Named) -> Result<Vec<Decoded>, Refusal> {
        if !self.reads_names() {
            let text = format!(
                "device profile {} reads bytes, {} sent values by name",
                self.id,
                quoted(&named.address)
            );
            return Err(Refusal::new(RefusalReason::UnknownProfile, text));
        }
        let heard = (named.at, named.time_source);
        Ok(self.read_named(named).decoded(heard, named.sequence))
    }
}

impl Decoding<'_> {
    /// The samples with their times: the device's where it says one, else as it was heard.
    fn decoded(
        &self,
        (heard_at, heard_by): (Option<UtcMs>, TimeSource),
        sequence: Option<u32>,
    ) -> Vec<Decoded> {
        let sequence = self.sequence().or(sequence);
        let judged = self.judged().into_iter();
        judged
            .filter_map(|judged| {
                let at = match judged.scope {
                    0 => self.device_at.or(heard_at),
                    scope => Some(self.instant_of(scope, heard_at)?),
                };
                let is_by_device =
                    self.device_at.is_some() || matches!(self.when(judged.scope), When::Device(_));
                Some(Decoded {
                    channel: self.profile.channels.get(judged.channel)?.name.clone(),
                    at,
                    time_source: if is_by_device {
                        TimeSource::Device
                    } else {
                        heard_by
                    },
                    // What was stored before has no number of its own: with that of the uplink
                    // it would pass for copies of what the uplink says now.
                    sequence: sequence.filter(|_| judged.scope == 0),
                    sample: judged.sample,
                })
            })
            .collect()
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
        for (name, text) in builtin::BUILTIN {
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
