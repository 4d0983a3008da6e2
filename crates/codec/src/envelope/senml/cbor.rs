//! The labels of `SenML` in CBOR (RFC 8949), by minicbor's pull decoder.
//!
//! Arrays and maps may have a definite or an indefinite length; texts and bytes behind known
//! labels must have a definite one, as RFC 8428 demands. Labels are integers, or texts.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use minicbor::data::Type;
use minicbor::decode::{Decoder, Error};

use super::{Content, Entry, Label};
use crate::number::Fixed;
use crate::refusal::{Refusal, RefusalReason, quoted};
use crate::{DEPTH_MAX, KEYS_MAX, TEXT_CHARS_MAX};

/// Tag 4: a decimal fraction, `[exponent, mantissa]`.
const DECIMAL_FRACTION: u64 = 4;

/// Reads a pack, calling `each` with every record.
pub(super) fn read(
    payload: &[u8],
    each: &mut impl FnMut(Entry) -> Result<(), Refusal>,
) -> Result<(), Refusal> {
    let mut decoder = Decoder::new(payload);
    expect(&decoder, "an array", |kind| {
        matches!(kind, Type::Array | Type::ArrayIndef)
    })?;
    let length = decoder.array().map_err(|error| refused(&error))?;
    items(&mut decoder, length, |decoder| {
        expect(decoder, "a map", |kind| {
            matches!(kind, Type::Map | Type::MapIndef)
        })?;
        each(entry(decoder)?)
    })?;
    if decoder.position() == payload.len() {
        return Ok(());
    }
    let text = format!(
        "expected the end of the message at byte {}",
        decoder.position()
    );
    Err(Refusal::new(RefusalReason::NotJson, text))
}

fn datatype(decoder: &Decoder<'_>) -> Result<Type, Refusal> {
    decoder.datatype().map_err(|error| refused(&error))
}

/// Reads so many items, or all up to the break.
fn items<'a>(
    decoder: &mut Decoder<'a>,
    length: Option<u64>,
    mut item: impl FnMut(&mut Decoder<'a>) -> Result<(), Refusal>,
) -> Result<(), Refusal> {
    let mut left = length;
    loop {
        match left {
            Some(0) => return Ok(()),
            Some(more) => left = Some(more - 1),
            None if datatype(decoder)? == Type::Break => {
                decoder.set_position(decoder.position() + 1);
                return Ok(());
            }
            None => {}
        }
        item(decoder)?;
    }
}

fn entry(decoder: &mut Decoder<'_>) -> Result<Entry, Refusal> {
    let mut entry = Entry::default();
    let mut seen: Vec<Result<Label, String>> = Vec::new();
    let length = decoder.map().map_err(|error| refused(&error))?;
    items(decoder, length, |decoder| {
        let label = label(decoder)?;
        if seen.len() == KEYS_MAX {
            let text = format!("expected at most {KEYS_MAX} labels in a record");
            return Err(Refusal::new(RefusalReason::TooManyKeys, text));
        }
        if seen.contains(&label) {
            let name = label
                .as_ref()
                .map_or_else(Clone::clone, |label| label.name().to_owned());
            let text = format!("label {} stands twice in one record", quoted(&name));
            return Err(Refusal::new(RefusalReason::DuplicateKey, text));
        }
        match &label {
            Ok(label) => {
                let content = content(decoder)?;
                entry.take(*label, content)?;
            }
            // An array of records and a record are open already.
            Err(_unknown) => skip(decoder, 2)?,
        }
        seen.push(label);
        Ok(())
    })?;
    Ok(entry)
}

/// A label, or the name of one that is not known.
fn label(decoder: &mut Decoder<'_>) -> Result<Result<Label, String>, Refusal> {
    let found = datatype(decoder)?;
    if found == Type::String {
        let name = text(decoder)?;
        return Ok(Label::of_name(&name)?.ok_or(name));
    }
    if is_integer(found) {
        let integer = decoder.int().map_err(|error| refused(&error))?;
        let known = i64::try_from(integer).ok().and_then(Label::of_integer);
        return Ok(known.ok_or_else(|| i128::from(integer).to_string()));
    }
    let text = format!("expected an integer or text as a label, found {found}");
    Err(Refusal::new(RefusalReason::WrongType, text))
}

/// What holds another value; a tag counts as such, so that tags of tags have an end too.
const fn is_container(kind: Type) -> bool {
    matches!(
        kind,
        Type::Array | Type::ArrayIndef | Type::Map | Type::MapIndef | Type::Tag
    )
}

const fn is_integer(kind: Type) -> bool {
    matches!(
        kind,
        Type::U8
            | Type::U16
            | Type::U32
            | Type::U64
            | Type::I8
            | Type::I16
            | Type::I32
            | Type::I64
            | Type::Int
    )
}

fn content(decoder: &mut Decoder<'_>) -> Result<Content, Refusal> {
    let found = datatype(decoder)?;
    let read = |error: Error| refused(&error);
    if is_integer(found) {
        let integer = i128::from(decoder.int().map_err(read)?);
        let whole = i64::try_from(integer).ok().and_then(Fixed::from_whole);
        return Ok(Content::Number(whole));
    }
    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "all that is not named here is of no use"
    )]
    Ok(match found {
        Type::F16 => Content::Number(Fixed::from_f64(half(decoder)?)),
        Type::F32 => {
            // By way of its shortest decimal: 23.1 as a single float is meant as 23.1.
            let shortest: Option<f64> = decoder.f32().map_err(read)?.to_string().parse().ok();
            Content::Number(shortest.and_then(Fixed::from_f64))
        }
        Type::F64 => Content::Number(Fixed::from_f64(decoder.f64().map_err(read)?)),
        Type::Bool => Content::Bool(decoder.bool().map_err(read)?),
        Type::String => Content::Text(text(decoder)?),
        Type::Bytes => data(decoder)?,
        Type::Tag => fraction(decoder)?,
        _other => {
            skip(decoder, 2)?;
            Content::Other
        }
    })
}

/// Bytes, as the text that JSON has in their place.
fn data(decoder: &mut Decoder<'_>) -> Result<Content, Refusal> {
    let bytes = decoder.bytes().map_err(|error| refused(&error))?;
    let most = TEXT_CHARS_MAX * 3 / 4;
    if bytes.len() > most {
        let text = format!("expected at most {most} bytes, found {}", bytes.len());
        return Err(Refusal::new(RefusalReason::TooLong, text));
    }
    Ok(Content::Data(URL_SAFE_NO_PAD.encode(bytes)))
}

fn text(decoder: &mut Decoder<'_>) -> Result<String, Refusal> {
    let text = decoder.str().map_err(|error| refused(&error))?;
    if text.len() > TEXT_CHARS_MAX && text.chars().count() > TEXT_CHARS_MAX {
        let text = format!("expected a text of at most {TEXT_CHARS_MAX} characters");
        return Err(Refusal::new(RefusalReason::TooLong, text));
    }
    Ok(text.to_owned())
}

/// A decimal fraction; what has another tag is no number.
fn fraction(decoder: &mut Decoder<'_>) -> Result<Content, Refusal> {
    let tag = decoder.tag().map_err(|error| refused(&error))?;
    if tag.as_u64() != DECIMAL_FRACTION {
        skip(decoder, 2)?;
        return Ok(Content::Other);
    }
    if decoder.array().map_err(|error| refused(&error))? != Some(2) {
        let text = "expected [exponent, mantissa] behind tag 4";
        return Err(Refusal::new(RefusalReason::WrongType, text));
    }
    let exponent = decoder.i64().map_err(|error| refused(&error))?;
    let mantissa = decoder.i64().map_err(|error| refused(&error))?;
    Ok(Content::Number(Fixed::from_json(&format!(
        "{mantissa}e{exponent}"
    ))))
}

/// A half float (RFC 8949, appendix D): sign, 5 bits of exponent, 10 of fraction.
fn half(decoder: &mut Decoder<'_>) -> Result<f64, Refusal> {
    let at = decoder.position();
    let bytes = decoder.input().get(at + 1..at + 3);
    let Some(bytes) = bytes.and_then(|bytes| <[u8; 2]>::try_from(bytes).ok()) else {
        let text = format!("ends too early, at byte {at}");
        return Err(Refusal::new(RefusalReason::NotJson, text));
    };
    decoder.set_position(at + 3);
    let bits = u16::from_be_bytes(bytes);
    let (exponent, fraction) = ((bits >> 10) & 0x1f, f64::from(bits & 0x3ff));
    let size = match exponent {
        0 => fraction * 2_f64.powi(-24),
        31 if fraction == 0.0 => f64::INFINITY,
        31 => f64::NAN,
        _normal => (1_024.0 + fraction) * 2_f64.powi(i32::from(exponent) - 25),
    };
    Ok(if bits & 0x8000 == 0 { size } else { -size })
}

/// Skips a value inside of so many open arrays and maps.
fn skip(decoder: &mut Decoder<'_>, depth: usize) -> Result<(), Refusal> {
    let found = datatype(decoder)?;
    if depth == DEPTH_MAX && is_container(found) {
        let text = format!("expected a depth of at most {DEPTH_MAX}");
        return Err(Refusal::new(RefusalReason::TooDeep, text));
    }
    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "all that is not named here holds no other value"
    )]
    match found {
        Type::Array | Type::ArrayIndef => {
            let length = decoder.array().map_err(|error| refused(&error))?;
            items(decoder, length, |decoder| skip(decoder, depth + 1))
        }
        Type::Map | Type::MapIndef => {
            let length = decoder.map().map_err(|error| refused(&error))?;
            items(decoder, length, |decoder| {
                skip(decoder, depth + 1)?;
                skip(decoder, depth + 1)
            })
        }
        Type::Tag => {
            decoder.tag().map_err(|error| refused(&error))?;
            skip(decoder, depth + 1)
        }
        Type::F16 => half(decoder).map(|_value| ()),
        Type::Break | Type::Unknown(_) => {
            let text = format!("expected a value at byte {}", decoder.position());
            Err(Refusal::new(RefusalReason::NotJson, text))
        }
        _scalar => decoder.skip().map_err(|error| refused(&error)),
    }
}

fn expect(
    decoder: &Decoder<'_>,
    expected: &str,
    is_such: impl Fn(Type) -> bool,
) -> Result<(), Refusal> {
    let found = datatype(decoder)?;
    if is_such(found) {
        return Ok(());
    }
    let text = format!("expected {expected}, found {found}");
    Err(Refusal::new(RefusalReason::WrongType, text))
}

fn refused(error: &Error) -> Refusal {
    let text = format!("expected CBOR: {error}");
    Refusal::new(RefusalReason::NotJson, text)
}
