//! A map out of fields that stand in the settings, as Telegraf has them.

use huitian_model::{ChannelName, Quantity};

use super::build::FACTOR_MAX;
use super::layout::{Field, Scale, UnitRule};
use super::place::span;
use super::unit::Conversion;
use super::{
    Channel, DeviceLimits, FIELDS_MAX, LineDefaults, RegisterFunction, RegisterKind, RegisterMap,
    WordOrder,
};
use crate::number::{Fixed, MICRO};

/// One field that stands in the settings. It feeds the channel of its name.
#[derive(Clone, PartialEq, Debug)]
pub struct InlineField {
    /// The channel.
    pub channel: ChannelName,
    /// What it measures.
    pub quantity: Quantity,
    /// What is read.
    pub function: RegisterFunction,
    /// The first address, zero-based.
    pub address: u16,
    /// How the value stands there.
    pub kind: RegisterKind,
    /// The order of its bytes.
    pub order: WordOrder,
    /// Factor to the unit of the quantity; none is 1.
    pub scale: Option<f64>,
}

/// A map of fields that stand in the settings, without a proof by vectors.
///
/// # Errors
/// A sentence, where a field cannot be read or two feed the same channel.
pub fn inline_map(id: &str, fields: &[InlineField]) -> Result<RegisterMap, String> {
    if fields.len() > FIELDS_MAX {
        let found = fields.len();
        return Err(format!(
            "expected at most {FIELDS_MAX} fields, found {found}"
        ));
    }
    let mut map = RegisterMap {
        id: id.to_owned(),
        name: id.to_owned(),
        vendor: String::new(),
        sources: Vec::new(),
        address_base: 0,
        line: LineDefaults::default(),
        limits: DeviceLimits {
            unit_ids: (0, 255),
            ..DeviceLimits::default()
        },
        holes: Vec::new(),
        channels: Vec::new(),
        fields: Vec::new(),
        spoils: Vec::new(),
        vectors: Vec::new(),
    };
    for field in fields {
        let name = &field.channel;
        if map.channels.iter().any(|channel| channel.name == *name) {
            return Err(format!("field {name} stands twice"));
        }
        if field.function.reads_bits() != (field.kind == RegisterKind::Bit(None)) {
            return Err(format!(
                "field {name}: coils and discrete inputs have no type"
            ));
        }
        map.fields.push(Field {
            name: name.to_string(),
            span: span(field.function, field.address, field.kind.words())
                .map_err(|text| format!("field {name}: {text}"))?,
            kind: field.kind,
            order: field.order,
            scale: scale(field.scale).map_err(|text| format!("field {name}: {text}"))?,
            sentinels: Vec::new(),
            unit: UnitRule::Fixed(Conversion::NONE),
            decimals: None,
            channel: Some(map.channels.len()),
        });
        map.channels.push(Channel {
            name: name.clone(),
            quantity: field.quantity,
            valid: None,
            plausible: None,
        });
    }
    Ok(map)
}

/// A decimal factor as a ratio of whole numbers, so that 257 tenths are 25.7 exactly.
fn scale(factor: Option<f64>) -> Result<Scale, String> {
    let factor = factor.unwrap_or(1.0);
    let micros = Fixed::from_f64(factor).map_or(0, Fixed::micros);
    let divisor = gcd(micros.unsigned_abs(), MICRO.unsigned_abs());
    let divisor = i64::try_from(divisor).unwrap_or(1);
    let (multiply, divide) = (micros / divisor, MICRO / divisor);
    if micros == 0 || multiply.abs() > FACTOR_MAX {
        return Err(format!(
            "expected a scale other than 0 with at most six decimals and six digits, found {factor}"
        ));
    }
    Ok(Scale {
        multiply,
        divide,
        add: 0,
    })
}

const fn gcd(a: u64, b: u64) -> u64 {
    let (mut a, mut b) = (a, b);
    while b != 0 {
        (a, b) = (b, a % b);
    }
    // Never 0, so it can divide.
    if a == 0 { 1 } else { a }
}
