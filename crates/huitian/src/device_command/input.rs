//! A payload as a person types or pastes it: hex with or without blanks, base64, or JSON values.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use huitian_codec::{
    DEPTH_MAX, Fixed, KEYS_MAX, Named, NamedValue, TEXT_CHARS_MAX, UPLINK_BYTES_MAX,
};
use huitian_model::TimeSource;
use serde_json::Value;

/// Characters of a typed payload: 255 bytes as `0xNN, ` with room.
const TYPED_CHARS_MAX: usize = 4 * 1024;

/// Bytes from hex digits (blanks, `:`, `-`, `,` and `0x` between them are left aside), or from
/// base64 where the text is no hex or `is_base64` says so.
///
/// # Errors
/// What was expected and what was found, for people.
pub fn bytes(typed: &str, is_base64: bool) -> Result<Vec<u8>, String> {
    if typed.len() > TYPED_CHARS_MAX {
        let found = typed.len();
        return Err(format!(
            "expected at most {TYPED_CHARS_MAX} characters, found {found}"
        ));
    }
    let digits: String = (typed.split([' ', '\t', '\n', '\r', ':', '-', ',']))
        .map(|part| part.strip_prefix("0x").unwrap_or(part))
        .collect();
    let wrong = digits.chars().find(|digit| !digit.is_ascii_hexdigit());
    let bytes = match wrong {
        None if !is_base64 => from_hex(&digits)?,
        _ => from_base64(typed).ok_or_else(|| match wrong {
            Some(digit) if !is_base64 => {
                format!("expected hex digits or base64, found {digit:?}")
            }
            _ => "expected base64".to_owned(),
        })?,
    };
    match bytes.len() {
        0 => Err("expected at least one byte, found none".to_owned()),
        found if found > UPLINK_BYTES_MAX => Err(format!(
            "expected at most {UPLINK_BYTES_MAX} bytes, found {found}"
        )),
        _ => Ok(bytes),
    }
}

fn from_hex(digits: &str) -> Result<Vec<u8>, String> {
    if !digits.len().is_multiple_of(2) {
        let found = digits.len();
        return Err(format!(
            "expected an even number of hex digits, found {found}"
        ));
    }
    let pairs = digits.as_bytes().chunks_exact(2);
    let bytes = pairs.map(|pair| {
        let pair = std::str::from_utf8(pair).ok()?;
        u8::from_str_radix(pair, 16).ok()
    });
    bytes
        .collect::<Option<_>>()
        .ok_or_else(|| "expected hex digits".to_owned())
}

fn from_base64(typed: &str) -> Option<Vec<u8>> {
    let text: String = typed.split_whitespace().collect();
    (STANDARD.decode(&text))
        .or_else(|_no_padding| STANDARD_NO_PAD.decode(&text))
        .ok()
}

/// Values by name from a JSON object; a path into objects is joined by `.`.
///
/// # Errors
/// What was expected and what was found, for people.
pub fn named(json: &str) -> Result<Named, String> {
    let value: Value =
        serde_json::from_str(json).map_err(|error| format!("--values: expected JSON: {error}"))?;
    let Value::Object(_) = value else {
        return Err("--values: expected a JSON object such as {\"a\": 1}".to_owned());
    };
    let mut values = Vec::new();
    flatten("", &value, 0, &mut values)?;
    Ok(Named {
        address: String::new(),
        at: None,
        time_source: TimeSource::Receiver,
        sequence: None,
        values,
    })
}

fn flatten(
    path: &str,
    value: &Value,
    depth: usize,
    into: &mut Vec<(String, NamedValue)>,
) -> Result<(), String> {
    if depth > DEPTH_MAX {
        let place: String = path.chars().take(TEXT_CHARS_MAX).collect();
        return Err(format!(
            "--values: expected at most {DEPTH_MAX} levels, found more at {place:?}"
        ));
    }
    if into.len() >= KEYS_MAX {
        return Err(format!(
            "--values: expected at most {KEYS_MAX} values, found more"
        ));
    }
    let below = |key: &str| match path {
        "" => key.to_owned(),
        path => format!("{path}.{key}"),
    };
    let one = match value {
        Value::Object(map) => {
            return map
                .iter()
                .try_for_each(|(key, value)| flatten(&below(key), value, depth + 1, into));
        }
        Value::Array(items) => {
            return (0..).zip(items).try_for_each(|(n, value): (usize, _)| {
                flatten(&below(&n.to_string()), value, depth + 1, into)
            });
        }
        Value::Null => NamedValue::Missing,
        Value::Bool(yes) => NamedValue::Bool(*yes),
        Value::Number(number) => {
            Fixed::from_json(&number.to_string()).map_or(NamedValue::Missing, NamedValue::Number)
        }
        Value::String(text) => NamedValue::Text(text.chars().take(TEXT_CHARS_MAX).collect()),
    };
    into.push((path.to_owned(), one));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_payload_is_read_as_people_paste_it() {
        let cases = [
            "ac01ff",
            "AC 01 FF",
            "ac:01:ff",
            "0xac, 0x01, 0xff",
            "ac-01-ff",
            "rAH/",
        ];
        for typed in cases {
            assert_eq!(bytes(typed, false), Ok(vec![0xac, 1, 0xff]), "{typed}");
        }
        assert_eq!(bytes("abcd", false), Ok(vec![0xab, 0xcd]));
        assert_eq!(bytes("abcd", true), Ok(vec![0x69, 0xb7, 0x1d]));
        let faults = [
            ("abc", "even number of hex digits, found 3"),
            ("zz!", "found 'z'"),
            ("", "at least one byte"),
            (&"00".repeat(256), "at most 255 bytes, found 256"),
            (&"0".repeat(5_000), "at most 4096 characters"),
        ];
        for (typed, expected) in faults {
            let fault = bytes(typed, false).unwrap_err();
            assert!(fault.contains(expected), "{typed:.20}: {fault}");
        }
    }

    #[test]
    fn values_by_name_are_joined_by_points_and_bounded() {
        let named = |json| super::named(json).map(|it| it.values);
        let values = named(r#"{"SR04":{"Distance":16.7},"on":true,"n":null}"#).unwrap();
        let number = NamedValue::Number(Fixed::from_json("16.7").unwrap());
        let has = |name: &str, value: NamedValue| values.contains(&(name.to_owned(), value));
        assert!(has("SR04.Distance", number));
        assert!(has("on", NamedValue::Bool(true)) && has("n", NamedValue::Missing));
        let deep = format!("{}1{}", r#"{"a":"#.repeat(12), "}".repeat(12));
        assert!(named(&deep).unwrap_err().contains("at most 8 levels"));
        let many: Vec<String> = (0..100).map(|n| format!("\"k{n}\":{n}")).collect();
        let many = format!("{{{}}}", many.join(","));
        assert!(named(&many).unwrap_err().contains("64 values"));
        assert!(named("[1]").unwrap_err().contains("JSON object"));
        assert!(named("{").unwrap_err().contains("expected JSON"));
    }
}
