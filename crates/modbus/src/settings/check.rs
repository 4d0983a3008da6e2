//! From a line as written to a checked one.

use huitian_codec::RegisterFunction;
use huitian_codec::registers::{DeviceLimits, Parity, RegisterKind, WordOrder};
use huitian_model::{ChannelName, DeviceId};
use huitian_settings::Span;

use super::raw::{RawField, RawLine, RawRequest};
use super::{
    Endpoint, FieldConfig, LineConfig, SerialParams, Timing, Transmission, UNITS_MAX, UnitConfig,
    UnitLimits, UnitRegisters,
};

/// Telegraf's default of `optimization_max_register_fill`.
const FILL_DEFAULT: u16 = 50;

pub(super) fn line(raw: RawLine) -> Result<LineConfig, String> {
    if raw.name.is_empty() || raw.name.chars().count() > 64 {
        return Err("name: expected 1 to 64 characters".to_owned());
    }
    if !matches!(raw.configuration_type.as_deref(), None | Some("request")) {
        return Err("configuration_type: expected \"request\"".to_owned());
    }
    let endpoint = endpoint("controller", &raw.controller)?;
    let transmission = transmission(raw.transmission_mode.as_deref(), &endpoint)?;
    let backup = raw.backup_controller.as_ref();
    let backup = backup
        .map(|text| self::endpoint("backup_controller", text))
        .transpose()?;
    let is_serial = |end: &Endpoint| matches!(end, Endpoint::Serial(_));
    if let Some(other) = &backup {
        if is_serial(other) != is_serial(&endpoint) {
            return Err("backup_controller: expected the same kind as controller".to_owned());
        }
        if *other == endpoint {
            return Err("backup_controller: expected another than controller".to_owned());
        }
    }
    let dead_share = raw.dead_share.unwrap_or(20);
    if !(1..=90).contains(&dead_share) {
        return Err(format!(
            "dead_share: expected 1 to 90 %, found {dead_share}"
        ));
    }
    let units = units(&raw)?;
    Ok(LineConfig {
        serial: serial(&raw)?,
        timing: timing(&raw)?,
        interval_ms: ms("interval", raw.interval, 10_000, (100, 86_400_000))?,
        name: raw.name,
        endpoint,
        backup,
        transmission,
        dead_share,
        units,
    })
}

fn endpoint(key: &str, text: &str) -> Result<Endpoint, String> {
    let refuse =
        || format!("{key}: expected tcp://host:port or file:///dev/ttyUSB0, found {text:?}");
    if let Some(path) = text.strip_prefix("file://") {
        return if path.starts_with('/') && path.len() > 1 {
            Ok(Endpoint::Serial(path.into()))
        } else {
            Err(refuse())
        };
    }
    let rest = text.strip_prefix("tcp://").ok_or_else(refuse)?;
    let (host, port) = rest.rsplit_once(':').ok_or_else(refuse)?;
    let bare = host
        .strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'));
    let host = match bare {
        Some(host) => host,
        None if host.contains(':') => return Err(refuse()),
        None => host,
    };
    match port.parse() {
        Ok(port @ 1..) if !host.is_empty() && !host.contains('/') => Ok(Endpoint::Tcp {
            host: host.to_owned(),
            port,
        }),
        _ => Err(refuse()),
    }
}

fn transmission(mode: Option<&str>, endpoint: &Endpoint) -> Result<Transmission, String> {
    let mode = mode.unwrap_or("auto");
    match (mode, endpoint) {
        ("auto" | "RTU", Endpoint::Serial(_)) => Ok(Transmission::Rtu),
        ("auto" | "TCP", Endpoint::Tcp { .. }) => Ok(Transmission::Tcp),
        ("RTUoverTCP", Endpoint::Tcp { .. }) => Ok(Transmission::RtuOverTcp),
        _ => Err(format!(
            "transmission_mode: expected auto, RTU of file:// or TCP or RTUoverTCP of tcp://, \
             found {mode:?}"
        )),
    }
}

fn serial(raw: &RawLine) -> Result<SerialParams, String> {
    let parity = raw.parity.as_deref().unwrap_or("N");
    Ok(SerialParams {
        baud_rate: within("baud_rate", raw.baud_rate, 9_600, (300, 4_000_000))?,
        data_bits: within("data_bits", raw.data_bits, 8, (7, 8))?,
        parity: Parity::from_name(parity)
            .ok_or_else(|| format!("parity: expected N, E or O, found {parity:?}"))?,
        stop_bits: within("stop_bits", raw.stop_bits, 1, (1, 2))?,
    })
}

fn timing(raw: &RawLine) -> Result<Timing, String> {
    let extra = &raw.workarounds;
    let pause = (0, 60_000);
    Ok(Timing {
        timeout_ms: ms("timeout", raw.timeout, 1_000, (10, 60_000))?,
        busy_retries: within("busy_retries", raw.busy_retries, 0, (0, 10))?,
        busy_retries_wait_ms: ms("busy_retries_wait", raw.busy_retries_wait, 100, pause)?,
        pause_after_connect_ms: ms("pause_after_connect", extra.pause_after_connect, 0, pause)?,
        pause_between_requests_ms: ms(
            "pause_between_requests",
            extra.pause_between_requests,
            0,
            pause,
        )?,
        close_connection_after_gather: extra.close_connection_after_gather,
        latency_ms: ms("latency", raw.latency, 20, (0, 60_000))?,
    })
}

fn ms(key: &str, span: Option<Span>, default: u64, range: (u64, u64)) -> Result<u64, String> {
    let found = span.map_or(default, |span| u64::try_from(span.0).unwrap_or(u64::MAX));
    if (range.0..=range.1).contains(&found) {
        return Ok(found);
    }
    let (least, most) = range;
    Err(format!(
        "{key}: expected {least} to {most} ms, found {found} ms"
    ))
}

fn within<T: Copy + PartialOrd + std::fmt::Display>(
    key: &str,
    found: Option<T>,
    default: T,
    (least, most): (T, T),
) -> Result<T, String> {
    let found = found.unwrap_or(default);
    if found < least || found > most {
        return Err(format!("{key}: expected {least} to {most}, found {found}"));
    }
    Ok(found)
}

/// Requests by device: several of one unit by fields become one unit.
fn units(raw: &RawLine) -> Result<Vec<UnitConfig>, String> {
    let mut units: Vec<UnitConfig> = Vec::new();
    for request in &raw.requests {
        let unit =
            unit(raw, request).map_err(|text| format!("device {}: {text}", request.device))?;
        let known = units.iter_mut().find(|known| known.device == unit.device);
        match (known, unit.registers) {
            (None, registers) => units.push(UnitConfig { registers, ..unit }),
            (Some(known), UnitRegisters::Inline(fields))
                if known.id == unit.id && known.limits == unit.limits =>
            {
                match &mut known.registers {
                    UnitRegisters::Inline(held) => held.extend(fields),
                    UnitRegisters::Map { .. } => {
                        return Err(format!("device {} has a map, and fields", unit.device));
                    }
                }
            }
            (Some(_), _) => {
                return Err(format!(
                    "device {}: its requests must have the same slave_id and optimization, and at \
                     most one map",
                    unit.device
                ));
            }
        }
    }
    if units.is_empty() || units.len() > UNITS_MAX {
        let found = units.len();
        return Err(format!(
            "request: expected 1 to {UNITS_MAX} units, found {found}"
        ));
    }
    Ok(units)
}

fn unit(line: &RawLine, raw: &RawRequest) -> Result<UnitConfig, String> {
    let registers = match &raw.map {
        Some(map) => {
            if !raw.fields.is_empty() || raw.register.is_some() || raw.byte_order.is_some() {
                return Err("expected either a map or register, byte_order and fields".to_owned());
            }
            UnitRegisters::Map {
                id: map.clone(),
                address_base: base(raw.address_base)?,
            }
        }
        None => UnitRegisters::Inline(fields(raw)?),
    };
    Ok(UnitConfig {
        id: raw.slave_id.or(line.slave_id),
        device: DeviceId::new(&raw.device).map_err(|error| error.to_string())?,
        registers,
        limits: limits(line, raw)?,
    })
}

fn base(base: Option<u8>) -> Result<Option<u8>, String> {
    match base {
        None | Some(0 | 1) => Ok(base),
        Some(other) => Err(format!("address_base: expected 0 or 1, found {other}")),
    }
}

fn limits(line: &RawLine, raw: &RawRequest) -> Result<UnitLimits, String> {
    let extra = &line.workarounds;
    let words = extra.max_word_registers_per_request;
    let bits = extra.max_bit_registers_per_request;
    let fill = raw.optimization_max_register_fill;
    let fill = fill.or(line.optimization_max_register_fill);
    let optimization = raw.optimization.as_ref().or(line.optimization.as_ref());
    let gap_max = match optimization.map(String::as_str) {
        None | Some("aggressive") => None,
        Some("none" | "shrink" | "rearrange") => Some(0),
        Some("max_insert") => Some(fill.unwrap_or(FILL_DEFAULT)),
        Some(other) => {
            return Err(format!(
                "optimization: expected none, shrink, rearrange, aggressive or max_insert, found \
                 {other:?}"
            ));
        }
    };
    let (words_most, bits_most) = (DeviceLimits::REGISTERS_MAX, DeviceLimits::BITS_MAX);
    Ok(UnitLimits {
        registers_max: within(
            "max_word_registers_per_request",
            words,
            words_most,
            (1, words_most),
        )?,
        bits_max: within(
            "max_bit_registers_per_request",
            bits,
            bits_most,
            (1, bits_most),
        )?,
        gap_max,
        one_request_per_field: extra.one_request_per_field,
        coils_from_zero: extra.read_coils_starting_at_zero,
    })
}

fn fields(raw: &RawRequest) -> Result<Vec<FieldConfig>, String> {
    let name = raw.register.as_deref().unwrap_or("");
    let function = RegisterFunction::from_name(name).ok_or_else(|| {
        format!("register: expected coil, discrete, holding or input, found {name:?}")
    })?;
    let name = raw.byte_order.as_deref().unwrap_or("ABCD");
    let order = WordOrder::from_name(name)
        .ok_or_else(|| format!("byte_order: expected ABCD, DCBA, BADC or CDAB, found {name:?}"))?;
    let base = base(raw.address_base)?.unwrap_or(0);
    let wanted = raw.fields.iter().filter(|field| !field.omit);
    let fields: Vec<_> = wanted
        .map(|field| self::field(field, function, base).map(|built| FieldConfig { order, ..built }))
        .collect::<Result<_, _>>()?;
    if fields.is_empty() {
        return Err("fields: expected at least one that is not omitted".to_owned());
    }
    Ok(fields)
}

fn field(raw: &RawField, function: RegisterFunction, base: u8) -> Result<FieldConfig, String> {
    let name = raw.name.as_deref().unwrap_or("");
    let at = |text: String| format!("field {name:?}: {text}");
    let address = raw.address.checked_sub(u32::from(base));
    let address = address
        .and_then(|address| u16::try_from(address).ok())
        .ok_or_else(|| {
            at(format!(
                "expected an address of {base} to 65535, found {}",
                raw.address
            ))
        })?;
    Ok(FieldConfig {
        channel: ChannelName::new(name).map_err(|error| at(error.to_string()))?,
        function,
        address,
        kind: kind(raw, function).map_err(at)?,
        order: WordOrder::default(),
        scale: raw.scale,
    })
}

fn kind(raw: &RawField, function: RegisterFunction) -> Result<RegisterKind, String> {
    if function.reads_bits() {
        return match (&raw.kind, raw.bit, raw.scale) {
            (None, None, None) => Ok(RegisterKind::Bit(None)),
            _ => Err("a coil or discrete input has no type, bit or scale".to_owned()),
        };
    }
    let int = |words, signed| Ok(RegisterKind::Int { words, signed });
    let byte = |high, signed| Ok(RegisterKind::Byte { high, signed });
    let name = raw.kind.as_deref().unwrap_or("");
    match (name, raw.bit) {
        ("BIT", Some(bit @ 0..=15)) => Ok(RegisterKind::Bit(Some(bit))),
        ("INT8L", None) => byte(false, true),
        ("INT8H", None) => byte(true, true),
        ("UINT8L", None) => byte(false, false),
        ("UINT8H", None) => byte(true, false),
        ("INT16", None) => int(1, true),
        ("UINT16", None) => int(1, false),
        ("INT32", None) => int(2, true),
        ("UINT32", None) => int(2, false),
        ("INT64", None) => int(4, true),
        ("UINT64", None) => int(4, false),
        ("FLOAT32", None) => Ok(RegisterKind::Float { words: 2 }),
        ("FLOAT64", None) => Ok(RegisterKind::Float { words: 4 }),
        _ => Err(format!(
            "type: expected INT8L, INT8H, UINT8L, UINT8H, INT16, UINT16, INT32, UINT32, INT64, \
             UINT64, FLOAT32, FLOAT64, or BIT with a bit of 0 to 15, found {name:?}"
        )),
    }
}
