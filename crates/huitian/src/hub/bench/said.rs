//! What a Sparkplug device said, as the hub keeps it of unknown ones: values by name, in JSON.

use huitian_codec::{Fixed, Named, NamedMessage, NamedValue};
use huitian_model::TimeSource;
use serde_json::Value;

/// Why a Sparkplug message by itself is not tried.
pub const NEEDS_BIRTH: &str = "expected the values by name that the host read with the node's \
     birth, found a Sparkplug message by itself, in which numbers may stand for names: let the \
     device speak to this hub (mqtt `sparkplug`), then its page shows what it says";

/// The values of a device, none where they are no such object.
pub fn read(address: &str, payload: &[u8]) -> Option<NamedMessage> {
    let Ok(Value::Object(object)) = serde_json::from_slice(payload) else {
        return None;
    };
    let values = object.into_iter().map(|(name, value)| {
        let value = match value {
            Value::Bool(value) => NamedValue::Bool(value),
            Value::Number(value) => {
                Fixed::from_json(&value.to_string()).map_or(NamedValue::Missing, NamedValue::Number)
            }
            Value::String(value) => NamedValue::Text(value),
            Value::Null => NamedValue::Missing,
            Value::Array(_) | Value::Object(_) => return None,
        };
        Some((name, value))
    });
    let record = Named {
        address: address.to_owned(),
        at: None,
        time_source: TimeSource::Receiver,
        sequence: None,
        values: values.collect::<Option<_>>()?,
    };
    Some(NamedMessage {
        records: vec![record],
        refused: Vec::new(),
    })
}
