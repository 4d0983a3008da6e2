//! From the TOML as written to a checked profile.

use std::ops::Range;

use huitian_model::{BadReason, ChannelName, Quantity, Slug};
use toml::Spanned;

use super::layout::{Check, Field, Message, Scale, Shape, TaggedRecord};
use super::raw::{
    MessageKind, RawChannel, RawCheck, RawField, RawMessage, RawProfile, RawRecord, RawSentinel,
    RawShape, RawSpoil,
};
use super::{Channel, PLAIN, Profile, Spoil, Vector};
use crate::number::Fixed;

/// Messages of a profile, and records of a message: a byte of type each would allow 256.
const LAYOUTS_MAX: usize = 64;
/// Fields of a message or record: the widest known device has 20.
const FIELDS_MAX: usize = 64;
/// Factors of a scale: 1e6 each keep any 32-bit value times a factor inside 64 bits.
const FACTOR_MAX: i64 = 1_000_000;

/// What is wrong, and where.
pub(super) struct Fault {
    pub message: String,
    pub span: Range<usize>,
}

/// Checks a profile; its vectors are not yet tried.
pub(super) fn profile(raw: RawProfile) -> Result<Profile, Fault> {
    let id = slug(&raw.id)?;
    if id == PLAIN {
        return Err(fault(&raw.id, "the id plain means the plain JSON form"));
    }
    let mut channels = Vec::new();
    for raw in &raw.channels {
        channels.push(channel(raw, &channels)?);
    }
    let messages: Vec<Message> = raw
        .messages
        .iter()
        .map(|raw| message(raw, &channels))
        .collect::<Result<_, _>>()?;
    if messages.len() > LAYOUTS_MAX {
        let text = format!("expected at most {LAYOUTS_MAX} messages");
        return Err(fault(&raw.id, &text));
    }
    let spoils = raw.spoils.iter();
    Ok(Profile {
        spoils: spoils
            .map(|raw| spoil(raw, &channels, &messages))
            .collect::<Result<_, _>>()?,
        vectors: raw
            .vectors
            .into_iter()
            .map(Vector::build)
            .collect::<Result<_, _>>()?,
        sources: raw
            .sources
            .into_iter()
            .map(|source| (source.what, source.licence))
            .collect(),
        require: checks(&raw.require)?,
        id,
        name: raw.name,
        vendor: raw.vendor,
        channels,
        messages,
    })
}

pub(super) fn fault<T>(at: &Spanned<T>, message: &str) -> Fault {
    Fault {
        message: message.to_owned(),
        span: at.span(),
    }
}

fn slug(text: &Spanned<String>) -> Result<String, Fault> {
    match Slug::new(text.get_ref()) {
        Ok(id) => Ok(id.as_str().to_owned()),
        Err(error) => Err(fault(text, &error.to_string())),
    }
}

fn channel(raw: &RawChannel, known: &[Channel]) -> Result<Channel, Fault> {
    let name = ChannelName::new(raw.name.get_ref())
        .map_err(|error| fault(&raw.name, &error.to_string()))?;
    if known.iter().any(|channel| channel.name == name) {
        return Err(fault(&raw.name, &format!("channel {name} stands twice")));
    }
    let quantity = Quantity::from_name(raw.quantity.get_ref()).ok_or_else(|| {
        let names = Quantity::ALL.map(Quantity::name).join(", ");
        fault(&raw.quantity, &format!("expected one of {names}"))
    })?;
    Ok(Channel {
        name,
        quantity,
        valid: raw.valid.as_ref().map(span).transpose()?,
        plausible: raw.plausible.as_ref().map(span).transpose()?,
    })
}

fn span(raw: &Spanned<[f64; 2]>) -> Result<(Fixed, Fixed), Fault> {
    let [least, most] = *raw.get_ref();
    match (Fixed::from_f64(least), Fixed::from_f64(most)) {
        (Some(least), Some(most)) if least <= most => Ok((least, most)),
        _ => Err(fault(raw, "expected [least, most]")),
    }
}

fn message(raw: &RawMessage, channels: &[Channel]) -> Result<Message, Fault> {
    let name = raw.name.get_ref().clone();
    if raw.fields.is_empty() == raw.records.is_empty() {
        let text = "expected either fields at fixed places or a stream of records";
        return Err(fault(&raw.name, text));
    }
    if raw.records.len() > LAYOUTS_MAX {
        let text = format!("expected at most {LAYOUTS_MAX} records");
        return Err(fault(&raw.name, &text));
    }
    let shortest = raw.lengths.iter().min().copied();
    let longest = raw.lengths.iter().max().copied();
    let message = Message {
        fields: fields(&raw.fields, channels, (shortest, longest))?,
        records: records(&raw.records, channels)?,
        name,
        kind: raw.kind,
        ports: raw.ports.clone(),
        lengths: raw.lengths.clone(),
        when: checks(&raw.when)?,
    };
    let mut feeding = raw.fields.iter().filter_map(|field| field.channel.as_ref());
    match (message.kind, feeding.next()) {
        (MessageKind::Parameters, Some(channel)) => {
            Err(fault(channel, "a message of parameters feeds no channel"))
        }
        _ => Ok(message),
    }
}

fn records(raw: &[RawRecord], channels: &[Channel]) -> Result<Vec<TaggedRecord>, Fault> {
    let width = raw.first().map_or(0, |record| record.tag.get_ref().len());
    let mut records: Vec<TaggedRecord> = Vec::new();
    for raw in raw {
        let tag = raw.tag.get_ref();
        if tag.is_empty() || tag.len() != width {
            let text = "expected tags of one length, at least one byte";
            return Err(fault(&raw.tag, text));
        }
        if records.iter().any(|known| known.tag == *tag) {
            return Err(fault(&raw.tag, "this tag stands twice"));
        }
        records.push(TaggedRecord {
            tag: tag.clone(),
            length: raw.length,
            fields: fields(&raw.fields, channels, (Some(raw.length), Some(raw.length)))?,
        });
    }
    Ok(records)
}

/// Fields that fit into a layout of the shortest and longest length, where these are known.
fn fields(
    raw: &[RawField],
    channels: &[Channel],
    (shortest, longest): (Option<usize>, Option<usize>),
) -> Result<Vec<Field>, Fault> {
    let mut fields = Vec::new();
    for raw in raw {
        let built = field(raw, channels)?;
        let length = if built.optional { longest } else { shortest };
        if length.is_some_and(|length| !fits(&built, length)) {
            let text = "the field does not fit into the length of its message or record";
            return Err(fault(&raw.at, text));
        }
        if fields.len() == FIELDS_MAX {
            let text = format!("expected at most {FIELDS_MAX} fields");
            return Err(fault(&raw.name, &text));
        }
        fields.push(built);
    }
    Ok(fields)
}

fn fits(field: &Field, length: usize) -> bool {
    let distance = usize::try_from(field.at.unsigned_abs()).unwrap_or(usize::MAX);
    if field.at < 0 {
        distance <= length && field.shape.width() <= distance
    } else {
        distance.saturating_add(field.shape.width()) <= length
    }
}

fn field(raw: &RawField, channels: &[Channel]) -> Result<Field, Fault> {
    let shape = shape(raw)?;
    let divide = raw.divide.as_ref().map_or(1, |divide| *divide.get_ref());
    let scale = Scale {
        multiply: raw.multiply.unwrap_or(1),
        divide,
        add: raw.add.unwrap_or(0),
    };
    let is_bounded = |factor: i64| (-FACTOR_MAX..=FACTOR_MAX).contains(&factor);
    if divide == 0
        || ![scale.multiply, divide, scale.add]
            .into_iter()
            .all(is_bounded)
    {
        let text = format!("expected multiply, divide and add within {FACTOR_MAX}, divide not 0");
        return Err(fault(&raw.name, &text));
    }
    let channel = raw.channel.as_ref();
    let channel = channel.map(|name| index_of(name, channels)).transpose()?;
    if channel.is_some() && matches!(shape, Shape::Hex { .. } | Shape::Version) {
        return Err(fault(&raw.shape, "hex and version feed no channel"));
    }
    Ok(Field {
        name: raw.name.get_ref().clone(),
        at: *raw.at.get_ref(),
        shape,
        scale,
        names: names(raw)?,
        sentinels: raw
            .sentinels
            .iter()
            .map(sentinel)
            .collect::<Result<_, _>>()?,
        channel,
        optional: raw.optional,
    })
}

fn shape(raw: &RawField) -> Result<Shape, Fault> {
    let int = |width, signed, big| Shape::Int {
        width,
        signed,
        big,
        mask: raw.mask,
    };
    let shape = match raw.shape.get_ref() {
        RawShape::U8 => int(1, false, true),
        RawShape::I8 => int(1, true, true),
        RawShape::U16be => int(2, false, true),
        RawShape::U16le => int(2, false, false),
        RawShape::I16be => int(2, true, true),
        RawShape::I16le => int(2, true, false),
        RawShape::U24be => int(3, false, true),
        RawShape::U24le => int(3, false, false),
        RawShape::U32be => int(4, false, true),
        RawShape::U32le => int(4, false, false),
        RawShape::I32be => int(4, true, true),
        RawShape::I32le => int(4, true, false),
        RawShape::F32be => Shape::Float { big: true },
        RawShape::F32le => Shape::Float { big: false },
        RawShape::Flag => Shape::Flag {
            mask: u8::try_from(raw.mask.unwrap_or(0xff)).unwrap_or(0),
        },
        RawShape::Hex => Shape::Hex {
            length: raw.length.unwrap_or(0),
        },
        RawShape::Version => Shape::Version,
    };
    let (takes_mask, is_set) = match shape {
        Shape::Int { signed, mask, .. } => (!signed, mask != Some(0)),
        Shape::Flag { mask } => (true, mask != 0),
        Shape::Hex { length } => (false, length != 0),
        Shape::Float { .. } | Shape::Version => (false, true),
    };
    if raw.length.is_some() != matches!(shape, Shape::Hex { .. }) || !is_set {
        let text = "expected a length for hex only, and a mask (of one byte for flag) with a bit";
        return Err(fault(&raw.shape, text));
    }
    if raw.mask.is_some() && !takes_mask {
        let text = "only unsigned integers and flags take a mask";
        return Err(fault(&raw.shape, text));
    }
    if !matches!(shape, Shape::Int { .. }) && is_shaped(raw) {
        let text = "only integers take multiply, divide, add, names and sentinels";
        return Err(fault(&raw.shape, text));
    }
    Ok(shape)
}

/// Whether anything is said that only an integer can use.
fn is_shaped(raw: &RawField) -> bool {
    raw.multiply.is_some()
        || raw.divide.is_some()
        || raw.add.is_some()
        || !raw.names.is_empty()
        || !raw.sentinels.is_empty()
}

fn names(raw: &RawField) -> Result<Vec<(i64, String)>, Fault> {
    let names = raw.names.iter();
    names
        .map(|(value, name)| match value.parse() {
            Ok(value) => Ok((value, name.clone())),
            Err(_no_integer) => {
                let text = format!("expected whole numbers before the names, found {value:?}");
                Err(fault(&raw.name, &text))
            }
        })
        .collect()
}

fn sentinel(raw: &RawSentinel) -> Result<(i64, BadReason), Fault> {
    bad(&raw.bad).map(|bad| (raw.raw, bad))
}

fn bad(name: &Spanned<String>) -> Result<BadReason, Fault> {
    crate::plain::bad_reason(name.get_ref()).map_err(|refusal| fault(name, &refusal.text))
}

fn spoil(raw: &RawSpoil, channels: &[Channel], messages: &[Message]) -> Result<Spoil, Fault> {
    let mut fields = messages.iter().flat_map(|message| {
        let records = message.records.iter().flat_map(|record| &record.fields);
        message.fields.iter().chain(records)
    });
    if !fields.any(|field| field.name == *raw.field.get_ref()) {
        return Err(fault(&raw.field, "no message has a field of that name"));
    }
    Ok(Spoil {
        field: raw.field.get_ref().clone(),
        equals: raw.equals,
        channels: raw
            .channels
            .iter()
            .map(|name| index_of(name, channels))
            .collect::<Result<_, _>>()?,
        bad: bad(&raw.bad)?,
    })
}

fn index_of(name: &Spanned<String>, channels: &[Channel]) -> Result<usize, Fault> {
    let wanted = name.get_ref();
    channels
        .iter()
        .position(|channel| channel.name.as_str() == wanted)
        .ok_or_else(|| fault(name, "the profile has no channel of that name"))
}

fn checks(raw: &[RawCheck]) -> Result<Vec<Check>, Fault> {
    let check = |raw: &RawCheck| match raw.is.get_ref() {
        is if is.is_empty() => Err(fault(&raw.is, "expected at least one byte")),
        is => Ok(Check {
            at: raw.at,
            mask: raw.mask.unwrap_or(0xff),
            is: is.clone(),
        }),
    };
    raw.iter().map(check).collect()
}
