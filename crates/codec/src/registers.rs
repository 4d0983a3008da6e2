//! Register maps: Modbus devices described as data.
//!
#![doc = include_str!("../REGISTERS.md")]

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use huitian_model::{ChannelName, Quantity};

use crate::number::Fixed;

mod build;
mod image;
mod inline;
mod layout;
mod place;
mod raw;
mod read;
pub(crate) mod unit;
mod vector;

pub use image::RegisterImage;
pub use inline::{InlineField, inline_map};
pub use layout::{DeviceLimits, LineDefaults, Parity, RegisterKind, WordOrder};
pub use read::RegisterSample;

use layout::{Field, Spoil};
use vector::Vector;

/// Maps that may be known at once, as many as device profiles.
pub const MAPS_MAX: usize = 1_000;

/// Bytes of a map's text, as of a profile's.
pub const MAP_BYTES_MAX: usize = 64 * 1024;

/// Values of one map: the 2,000 bits that one request can read, and some dozens beside them.
pub const FIELDS_MAX: usize = 2_048;

/// The profile of a device whose registers stand in the settings; so no map can have this id.
pub const INLINE_PROFILE: &str = "modbus";

/// The maps that come with the program.
const BUILTIN: [(&str, &str); 7] = [
    ("apg-mnu.toml", include_str!("../registers/apg-mnu.toml")),
    (
        "dfrobot-sen0310.toml",
        include_str!("../registers/dfrobot-sen0310.toml"),
    ),
    (
        "dfrobot-sen0492.toml",
        include_str!("../registers/dfrobot-sen0492.toml"),
    ),
    (
        "dfrobot-urm14.toml",
        include_str!("../registers/dfrobot-urm14.toml"),
    ),
    (
        "fts-sdi-radar-300.toml",
        include_str!("../registers/fts-sdi-radar-300.toml"),
    ),
    (
        "procon-ld120.toml",
        include_str!("../registers/procon-ld120.toml"),
    ),
    (
        "sommer-ush9.toml",
        include_str!("../registers/sommer-ush9.toml"),
    ),
];

/// What a Modbus request reads. Functions that write do not exist here.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum RegisterFunction {
    /// Function code 1: bits that could be written, which we never do.
    Coils,
    /// Function code 2: read-only bits.
    DiscreteInputs,
    /// Function code 3: 16-bit registers that could be written, which we never do.
    HoldingRegisters,
    /// Function code 4: read-only 16-bit registers.
    InputRegisters,
}

impl RegisterFunction {
    /// All functions, by function code.
    pub const ALL: [Self; 4] = [
        Self::Coils,
        Self::DiscreteInputs,
        Self::HoldingRegisters,
        Self::InputRegisters,
    ];

    /// The function code, 1 to 4 (Modbus Application Protocol 1.1b3, section 6).
    pub const fn code(self) -> u8 {
        match self {
            Self::Coils => 1,
            Self::DiscreteInputs => 2,
            Self::HoldingRegisters => 3,
            Self::InputRegisters => 4,
        }
    }

    /// Whether it reads single bits rather than 16-bit registers.
    pub const fn reads_bits(self) -> bool {
        matches!(self, Self::Coils | Self::DiscreteInputs)
    }

    /// The name in maps and settings, which is Telegraf's.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Coils => "coil",
            Self::DiscreteInputs => "discrete",
            Self::HoldingRegisters => "holding",
            Self::InputRegisters => "input",
        }
    }

    /// The function of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|function| function.name() == name)
    }
}

/// A run of bits or registers of one function. Never reaches beyond address 65535.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct RegisterSpan {
    /// What is read.
    pub function: RegisterFunction,
    /// The first address, zero-based as on the wire.
    pub address: u16,
    /// How many, at least 1.
    pub count: u16,
}

impl RegisterSpan {
    /// One behind the last address: up to 65,536, so no `u16`.
    pub fn end(self) -> u32 {
        u32::from(self.address) + u32::from(self.count)
    }

    /// Whether all of `other` lies inside.
    pub fn contains(self, other: Self) -> bool {
        self.function == other.function
            && self.address <= other.address
            && other.end() <= self.end()
    }

    /// Whether any address is in both.
    pub fn overlaps(self, other: Self) -> bool {
        self.function == other.function
            && u32::from(self.address) < other.end()
            && u32::from(other.address) < self.end()
    }
}

/// Why a register map cannot be used.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("register map {map}: {message}")]
pub struct RegisterMapError {
    /// The name under which the text was given, such as its file.
    pub map: String,
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

/// A Modbus device described as data: how its registers become samples.
#[derive(Clone, PartialEq, Debug)]
pub struct RegisterMap {
    id: String,
    name: String,
    vendor: String,
    sources: Vec<(String, String)>,
    /// What the vendor's first address is called: 0 or 1.
    address_base: u8,
    line: LineDefaults,
    limits: DeviceLimits,
    holes: Vec<RegisterSpan>,
    channels: Vec<Channel>,
    fields: Vec<Field>,
    spoils: Vec<Spoil>,
    vectors: Vec<Vector>,
}

impl RegisterMap {
    /// Reads a map and checks its vectors.
    ///
    /// # Errors
    /// [`RegisterMapError`] with the place, where the text is no map or a vector does not hold.
    pub fn parse(text: &str, name: &str) -> Result<Self, RegisterMapError> {
        let refuse = |message, span| RegisterMapError {
            map: name.to_owned(),
            message,
            span,
        };
        if text.len() > MAP_BYTES_MAX {
            let found = text.len();
            let message = format!("expected at most {MAP_BYTES_MAX} bytes, found {found}");
            return Err(refuse(message, None));
        }
        let raw = toml::from_str(text)
            .map_err(|error| refuse(error.message().to_owned(), error.span()))?;
        let map = build::map(raw).map_err(|fault| refuse(fault.message, Some(fault.span)))?;
        for vector in &map.vectors {
            if let Some(message) = vector.fault(&map) {
                return Err(refuse(message, Some(vector.span.clone())));
            }
        }
        Ok(map)
    }

    /// Its id, as inventory and settings name it.
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

    /// Where its registers and vectors come from, each with its licence.
    pub fn sources(&self) -> impl Iterator<Item = (&str, &str)> {
        let sources = self.sources.iter();
        sources.map(|(what, licence)| (what.as_str(), licence.as_str()))
    }

    /// The channels that such a device can feed, with what they measure.
    pub fn channels(&self) -> impl Iterator<Item = (&ChannelName, Quantity)> {
        let channels = self.channels.iter();
        channels.map(|channel| (&channel.name, channel.quantity))
    }

    /// What the device can bear.
    pub fn limits(&self) -> DeviceLimits {
        self.limits
    }

    /// How the device's line is set when it leaves the factory.
    pub fn line(&self) -> LineDefaults {
        self.line
    }

    /// Runs that must not be read: no value lies in them.
    pub fn holes(&self) -> &[RegisterSpan] {
        &self.holes
    }

    /// How many vectors it holds; all of them held when it was read.
    pub fn vectors(&self) -> usize {
        self.vectors.len()
    }

    /// The same map where the vendor's first address is called `base`, 0 or 1.
    ///
    /// # Errors
    /// A sentence, where an address would leave 0 to 65535.
    pub fn with_address_base(&self, base: u8) -> Result<Self, String> {
        let mut map = self.clone();
        let step = i32::from(self.address_base) - i32::from(base);
        map.address_base = base;
        let spans = map.fields.iter_mut().map(|field| &mut field.span);
        for span in spans.chain(map.holes.iter_mut()) {
            let moved = i32::from(span.address) + step;
            span.address = u16::try_from(moved)
                .ok()
                .filter(|address| u32::from(*address) + u32::from(span.count) <= 65_536)
                .ok_or_else(|| {
                    let (id, name) = (&self.id, span.function.name());
                    format!(
                        "{id}: with address_base {base} {name} address {moved} is outside 0 to \
                         65535"
                    )
                })?;
        }
        Ok(map)
    }

    /// What must be read to feed the channels that `wanted` says yes to: their own values, and
    /// those that say their unit, decimals and health. Sorted, each once.
    pub fn spans(&self, wanted: &dyn Fn(&ChannelName) -> bool) -> Vec<RegisterSpan> {
        let mut spans: Vec<_> = (0..self.fields.len())
            .filter(|index| self.feeds(*index, wanted))
            .flat_map(|index| self.inputs(index))
            .filter_map(|index| Some(self.fields.get(index)?.span))
            .collect();
        spans.sort_unstable();
        spans.dedup();
        spans
    }

    /// Where all values of the map stand, also those that feed nothing. Sorted, each once.
    pub fn all_spans(&self) -> Vec<RegisterSpan> {
        let mut spans: Vec<_> = self.fields.iter().map(|field| field.span).collect();
        spans.sort_unstable();
        spans.dedup();
        spans
    }

    /// The channels that need something that overlaps one of `spans`.
    pub fn silenced<'a>(
        &'a self,
        spans: &'a [RegisterSpan],
    ) -> impl Iterator<Item = &'a ChannelName> {
        let is_shut = |index: usize| {
            let field = self.fields.get(index);
            field.is_some_and(|field| spans.iter().any(|span| span.overlaps(field.span)))
        };
        (0..self.fields.len())
            .filter(move |index| self.inputs(*index).any(is_shut))
            .filter_map(|index| self.fields.get(index)?.channel)
            .filter_map(|channel| Some(&self.channels.get(channel)?.name))
    }

    /// What must be read to feed one channel; empty where the map has no such channel.
    pub fn spans_of(&self, channel: &ChannelName) -> Vec<RegisterSpan> {
        self.spans(&|name| name == channel)
    }

    fn feeds(&self, index: usize, wanted: &dyn Fn(&ChannelName) -> bool) -> bool {
        let channel = self.fields.get(index).and_then(|field| field.channel);
        let channel = channel.and_then(|channel| self.channels.get(channel));
        channel.is_some_and(|channel| wanted(&channel.name))
    }

    /// A value and what it needs to be understood, as indices of fields.
    fn inputs(&self, index: usize) -> impl Iterator<Item = usize> {
        let field = self.fields.get(index);
        let channel = field.and_then(|field| field.channel);
        let health = self
            .spoils
            .iter()
            .filter(move |spoil| channel.is_some_and(|channel| spoil.channels.contains(&channel)));
        let helpers = field.map(Field::helpers).into_iter().flatten();
        std::iter::once(index)
            .chain(helpers)
            .chain(health.map(|spoil| spoil.field))
    }
}

/// All known register maps. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct RegisterMaps {
    by_id: BTreeMap<String, Arc<RegisterMap>>,
}

impl RegisterMaps {
    /// The maps that come with the program.
    ///
    /// # Errors
    /// [`RegisterMapError`] where a map of this build is broken, which its tests exclude.
    pub fn builtin() -> Result<Self, RegisterMapError> {
        let mut maps = Self::default();
        for (name, text) in BUILTIN {
            maps.add(text, name)?;
        }
        Ok(maps)
    }

    /// Reads the text of a map, which `name` (such as its file) names in errors.
    ///
    /// # Errors
    /// [`RegisterMapError`] where the text is no map, its id is taken, or a vector of its own does
    /// not hold. Nothing is added then.
    pub fn add(&mut self, text: &str, name: &str) -> Result<(), RegisterMapError> {
        let map = RegisterMap::parse(text, name)?;
        let refuse = |message| RegisterMapError {
            map: name.to_owned(),
            message,
            span: None,
        };
        if self.by_id.contains_key(&map.id) {
            return Err(refuse(format!("the id {:?} is taken", map.id)));
        }
        if self.by_id.len() == MAPS_MAX {
            return Err(refuse(format!("expected at most {MAPS_MAX} register maps")));
        }
        self.by_id.insert(map.id.clone(), Arc::new(map));
        Ok(())
    }

    /// The map of that id.
    pub fn get(&self, id: &str) -> Option<&Arc<RegisterMap>> {
        self.by_id.get(id)
    }

    /// All ids in order.
    pub fn ids(&self) -> impl Iterator<Item = &str> {
        self.by_id.keys().map(String::as_str)
    }
}

#[cfg(test)]
mod tests;
