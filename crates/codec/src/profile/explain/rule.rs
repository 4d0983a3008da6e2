//! How a value is read, in words and numbers.

use std::ops::Range;

use crate::number::Fixed;
use crate::profile::bits::Shape;
use crate::profile::layout::{Field, Place, Scale};
use crate::registers::unit::Conversion;

impl Shape {
    /// The bits of the value as one number, 0 the lowest; none where all count.
    pub(super) fn bits_that_count(self) -> Option<Range<u32>> {
        match self {
            Self::Int {
                mask: Some(mask), ..
            } => Some(mask.trailing_zeros()..32 - mask.leading_zeros()),
            Self::Flag { mask } if mask != 0xff => {
                Some(mask.trailing_zeros()..8 - mask.leading_zeros())
            }
            Self::Bits { bit, bits, big, .. } => {
                let width = u32::try_from(self.width() * 8).unwrap_or(u32::MAX);
                let least = if big {
                    width.saturating_sub(bit).saturating_sub(bits)
                } else {
                    bit
                };
                Some(least..least + bits)
            }
            Self::Int { .. }
            | Self::Flag { .. }
            | Self::Float { .. }
            | Self::Bcd { .. }
            | Self::Hex { .. }
            | Self::Version
            | Self::Value
            | Self::Text => None,
        }
    }

    fn rule(self) -> String {
        let end = |big: bool, width: usize| match (width, big) {
            (1, _) => "",
            (_, true) => ", big end first",
            (_, false) => ", little end first",
        };
        let sign = |signed: bool| if signed { "signed" } else { "unsigned" };
        match self {
            Self::Int {
                width,
                signed,
                big,
                mask,
            } => {
                let letter = if signed { "i" } else { "u" };
                let mask = mask.map_or(String::new(), |mask| format!(", mask {mask:#x}"));
                format!("{letter}{}{}{mask}", width * 8, end(big, width))
            }
            Self::Bits {
                bit,
                bits,
                signed,
                big,
            } => {
                let from = if big { "highest" } else { "lowest" };
                let sign = sign(signed);
                format!(
                    "{bits} bits {sign} from bit {bit}, counted from the {from} of the first byte"
                )
            }
            Self::Float { width, big } => format!("f{}{}", width * 8, end(big, width)),
            Self::Bcd { length, big } => {
                format!("{} decimal digits{}", length * 2, end(big, length))
            }
            Self::Flag { mask } => format!("yes if any bit of {mask:#04x}"),
            Self::Hex { .. } => "bytes".to_owned(),
            Self::Version => "version".to_owned(),
            Self::Value => "value".to_owned(),
            Self::Text => "text".to_owned(),
        }
    }
}

impl Field {
    /// How it is read, in words.
    pub(super) fn rule(&self) -> String {
        let mut rule = match &self.place {
            Place::Computed(formula) => format!("= {}", formula.text),
            Place::Path(path) => format!("{path}: {}", self.shape.rule()),
            Place::Part(_) => format!("part of the text, {}", self.shape.rule()),
            Place::Bytes(_) => self.shape.rule(),
        };
        let Scale {
            multiply,
            divide,
            add,
        } = self.scale;
        let mut add_part = |part: String| rule.push_str(&part);
        if multiply != 1 {
            add_part(format!(", * {multiply}"));
        }
        if divide != 1 {
            add_part(format!(", / {divide}"));
        }
        if add.micros() != 0 {
            add_part(format!(", + {add}"));
        }
        for piece in &self.pieces {
            let (from, is, step) = (piece.from, piece.is, piece.step);
            add_part(format!("; from {from}: {is} + {step} each"));
        }
        if !self.curve.is_empty() {
            let points = self.curve.iter().map(|(from, to)| format!("{from}->{to}"));
            add_part(format!(", curve {}", points.collect::<Vec<_>>().join(" ")));
        }
        if self.unit != Conversion::NONE {
            add_part(", for the channel".to_owned());
            if self.unit.add != 0 {
                add_part(format!(" + {}", Fixed::from_micros(self.unit.add)));
            }
            if self.unit.multiply != 1 {
                add_part(format!(" * {}", self.unit.multiply));
            }
            if self.unit.divide != 1 {
                add_part(format!(" / {}", self.unit.divide));
            }
        }
        if self.time.is_some() {
            add_part(", device time".to_owned());
        }
        if self.is_sequence {
            add_part(", sequence".to_owned());
        }
        rule
    }
}
