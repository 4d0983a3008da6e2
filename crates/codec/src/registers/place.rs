//! Addresses as vendors write them, and as the wire has them.

use std::ops::Range;

use toml::Spanned;

use super::{RegisterFunction, RegisterSpan};

/// What is wrong, and where.
pub(super) struct Fault {
    pub message: String,
    pub span: Range<usize>,
}

pub(super) fn fault<T>(at: &Spanned<T>, message: impl Into<String>) -> Fault {
    Fault {
        message: message.into(),
        span: at.span(),
    }
}

/// An address as written: a function and a number, or a number whose first digit says both.
pub(super) struct Written<'a> {
    pub function: Option<&'a Spanned<String>>,
    pub address: Option<&'a Spanned<u32>>,
    pub printed: Option<&'a Spanned<String>>,
    /// Where to point if nothing was written.
    pub owner: Range<usize>,
}

impl Written<'_> {
    /// The place on the wire; `base` is what the vendor's first address is called.
    pub(super) fn place(&self, base: Option<u8>) -> Result<(RegisterFunction, u16), Fault> {
        match (self.function, self.address, self.printed) {
            (Some(function), Some(address), None) => {
                let name = function.get_ref();
                let known = RegisterFunction::from_name(name).ok_or_else(|| {
                    let text = format!("expected coil, discrete, holding or input, found {name:?}");
                    fault(function, text)
                })?;
                let wire = wire(*address.get_ref(), base.unwrap_or(0));
                wire.map(|wire| (known, wire))
                    .map_err(|text| fault(address, text))
            }
            (None, None, Some(printed)) => {
                let Some(base) = base else {
                    let text = "a printed address needs address_base: 1 where 40001 is the first \
                                register on the wire, 0 where 40000 is";
                    return Err(fault(printed, text));
                };
                traditional(printed.get_ref(), base).map_err(|text| fault(printed, text))
            }
            _ => Err(Fault {
                message: "expected either function and address, or printed".to_owned(),
                span: self.owner.clone(),
            }),
        }
    }
}

fn wire(address: u32, base: u8) -> Result<u16, String> {
    let moved = address.checked_sub(u32::from(base));
    moved
        .and_then(|moved| u16::try_from(moved).ok())
        .ok_or_else(|| {
            let most = 65_535 + u32::from(base);
            format!("expected an address of {base} to {most}, found {address}")
        })
}

/// `40010` or `400010`: the first digit is the kind, the rest counts from `base`.
fn traditional(text: &str, base: u8) -> Result<(RegisterFunction, u16), String> {
    let refuse = || {
        format!(
            "expected 5 or 6 digits that begin with 0 (coil), 1 (discrete), 3 (input) or \
             4 (holding), found {text:?}"
        )
    };
    let is_number = matches!(text.len(), 5 | 6) && text.bytes().all(|byte| byte.is_ascii_digit());
    let (kind, rest) = text.split_at_checked(1).ok_or_else(refuse)?;
    let function = match kind {
        "0" => RegisterFunction::Coils,
        "1" => RegisterFunction::DiscreteInputs,
        "3" => RegisterFunction::InputRegisters,
        "4" => RegisterFunction::HoldingRegisters,
        _ => return Err(refuse()),
    };
    match rest.parse() {
        Ok(number) if is_number => Ok((function, wire(number, base)?)),
        _ => Err(refuse()),
    }
}

/// A span that stays within 0 to 65535.
pub(super) fn span(
    function: RegisterFunction,
    address: u16,
    count: u16,
) -> Result<RegisterSpan, String> {
    let span = RegisterSpan {
        function,
        address,
        count,
    };
    if count == 0 || span.end() > 65_536 {
        return Err(format!(
            "expected at least one address, and none beyond 65535, found {count} from {address}"
        ));
    }
    Ok(span)
}
