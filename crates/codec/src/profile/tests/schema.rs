//! The schema for editors says what the parser takes: key by key, both ways.

use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::profile::builtin::BUILTIN;
use crate::profile::raw;

fn schema() -> Value {
    serde_json::from_str(include_str!("../../../profile.schema.json")).unwrap()
}

/// What a parser says that it expects when it meets `key = value`.
fn expected<T: DeserializeOwned>(text: &str) -> Vec<String> {
    let Err(error) = toml::from_str::<T>(text) else {
        panic!("{text} was taken")
    };
    let told = error.message().to_owned();
    let (_, list) = told
        .split_once("expected ")
        .unwrap_or_else(|| panic!("{told}"));
    let mut names: Vec<_> = list
        .split('`')
        .skip(1)
        .step_by(2)
        .map(str::to_owned)
        .collect();
    names.sort();
    names
}

fn keys(of: &Value) -> Vec<String> {
    of["properties"]
        .as_object()
        .unwrap()
        .keys()
        .cloned()
        .collect()
}

/// Compares one table of the parser with its definition: keys, and which of them must be there.
fn check<T: DeserializeOwned>(schema: &Value, name: &str) {
    let of = if name == "profile" {
        schema
    } else {
        &schema["$defs"][name]
    };
    let mut known = keys(of);
    known.sort();
    assert_eq!(expected::<T>("zzz = 1"), known, "{name}");
    let least = least(schema, of);
    let least = least.as_object().unwrap();
    assert!(
        toml::from_str::<T>(&toml_of(least)).is_ok(),
        "{name}: {}",
        toml_of(least)
    );
    for key in least.keys() {
        let mut without = least.clone();
        without.remove(key);
        let error = toml::from_str::<T>(&toml_of(&without)).err();
        let told = error.unwrap_or_else(|| panic!("{name}: {key} need not be there"));
        assert!(told.message().contains("missing field"), "{name}: {told}");
    }
}

/// The least that a definition takes.
fn least(schema: &Value, of: &Value) -> Value {
    let of = resolved(schema, of);
    if let Some(first) = of["enum"].as_array().and_then(|all| all.first()) {
        return first.clone();
    }
    match of["type"].as_str().unwrap() {
        "string" => Value::from("a"),
        "integer" | "number" => Value::from(1),
        "boolean" => Value::from(true),
        "array" => {
            let count = of["minItems"].as_u64().unwrap_or(0);
            (0..count).map(|_| least(schema, &of["items"])).collect()
        }
        "object" => {
            let required = of["required"].as_array().unwrap().iter();
            let required = required.map(|key| key.as_str().unwrap().to_owned());
            let pair = |key: String| {
                let value = least(schema, &of["properties"][&key]);
                (key, value)
            };
            Value::Object(required.map(pair).collect())
        }
        other => panic!("{other}"),
    }
}

fn resolved<'a>(schema: &'a Value, of: &'a Value) -> &'a Value {
    match of["$ref"].as_str() {
        Some(reference) => &schema["$defs"][reference.strip_prefix("#/$defs/").unwrap()],
        None => of,
    }
}

fn toml_of(table: &Map<String, Value>) -> String {
    let lines = table
        .iter()
        .map(|(key, value)| format!("{key} = {}\n", inline(value)));
    lines.collect()
}

fn inline(value: &Value) -> String {
    match value {
        Value::Object(table) => {
            let pairs = table
                .iter()
                .map(|(key, value)| format!("{key} = {}", inline(value)));
            format!("{{ {} }}", pairs.collect::<Vec<_>>().join(", "))
        }
        Value::Array(items) => {
            format!(
                "[{}]",
                items.iter().map(inline).collect::<Vec<_>>().join(", ")
            )
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => value.to_string(),
    }
}

#[test]
fn the_schema_has_every_key_of_the_parser_and_no_other() {
    let schema = schema();
    check::<raw::RawProfile>(&schema, "profile");
    check::<raw::RawSource>(&schema, "source");
    check::<raw::RawChannel>(&schema, "channel");
    check::<raw::RawCompensate>(&schema, "compensate");
    check::<raw::RawCounter>(&schema, "counter");
    check::<raw::RawCheck>(&schema, "check");
    check::<raw::RawSpoil>(&schema, "spoil");
    check::<raw::RawMessage>(&schema, "message");
    check::<raw::RawRecord>(&schema, "record");
    check::<raw::RawFlags>(&schema, "flags");
    check::<raw::RawBlock>(&schema, "block");
    check::<raw::RawGroup>(&schema, "group");
    check::<raw::RawClock>(&schema, "clock");
    check::<raw::RawField>(&schema, "field");
    check::<raw::RawPiece>(&schema, "piece");
    check::<raw::RawSentinel>(&schema, "sentinel");
    check::<raw::RawVector>(&schema, "vector");
    assert_eq!(
        schema["$defs"].as_object().unwrap().len(),
        16,
        "each is checked above"
    );
}

#[test]
fn the_schema_has_every_word_of_the_parser_and_no_other() {
    let schema = schema();
    let words = |of: &Value| {
        let words = of["enum"].as_array().unwrap().iter();
        let mut words: Vec<_> = words
            .map(|word| word.as_str().unwrap().to_owned())
            .collect();
        words.sort();
        words
    };
    let defs = &schema["$defs"];
    let field = "name = \"a\"\n";
    let types = expected::<raw::RawField>(&format!("{field}type = \"zzz\""));
    assert_eq!(words(&defs["field"]["properties"]["type"]), types);
    assert_eq!(words(&defs["flags"]["properties"]["type"]), types);
    let times = expected::<raw::RawField>(&format!("{field}time = \"zzz\""));
    assert_eq!(words(&defs["field"]["properties"]["time"]), times);
    let kinds = expected::<raw::RawMessage>(&format!("{field}kind = \"zzz\""));
    assert_eq!(words(&defs["message"]["properties"]["kind"]), kinds);
    assert_eq!(words(&defs["record"]["properties"]["kind"]), kinds);
    let place = "name = \"a\"\nkind = \"status\"\nrecord_length = \"zzz\"";
    let places = expected::<raw::RawMessage>(place);
    assert_eq!(
        words(&defs["message"]["properties"]["record_length"]),
        places
    );
    let newest = expected::<raw::RawGroup>("name = \"a\"\nat = 0\nlength = 1\nnewest = \"zzz\"");
    assert_eq!(words(&defs["group"]["properties"]["newest"]), newest);
    let counter = expected::<raw::RawCounter>("kind = \"zzz\"");
    assert_eq!(words(&defs["counter"]["properties"]["kind"]), counter);
    let mut quantities = huitian_model::Quantity::ALL.map(|quantity| quantity.name().to_owned());
    quantities.sort();
    assert_eq!(
        words(&defs["channel"]["properties"]["quantity"]),
        quantities
    );
    let units: std::collections::BTreeSet<_> = huitian_model::Quantity::ALL
        .into_iter()
        .filter_map(|quantity| crate::registers::unit::conversion("zzz", quantity).err())
        .filter_map(|told| {
            let (_, list) = told.split_once("one of ")?;
            let (list, _) = list.rsplit_once(", found")?;
            Some(list.split(", ").map(str::to_owned).collect::<Vec<_>>())
        })
        .flatten()
        .collect();
    let units: Vec<_> = units.into_iter().collect();
    assert_eq!(words(&defs["field"]["properties"]["unit"]), units);
}

/// Says nothing of a value: `$schema` and the like.
const NOTES: [&str; 5] = ["$schema", "title", "description", "$defs", "$ref"];

/// What does not hold, for the part of JSON schema that ours uses; another part is a panic.
fn fault(schema: &Value, of: &Value, value: &Value) -> Option<String> {
    let table = of.as_object().unwrap();
    let followed = of
        .get("$ref")
        .map(|_| fault(schema, resolved(schema, of), value));
    let mut rules = table
        .iter()
        .filter(|(key, _)| !NOTES.contains(&key.as_str()));
    followed.flatten().or_else(|| {
        rules.find_map(|(key, rule)| {
            let holds = match key.as_str() {
                "type" => is_of(rule.as_str().unwrap(), value),
                "enum" => rule.as_array().unwrap().contains(value),
                "minimum" => value.as_f64() >= rule.as_f64(),
                "maximum" => value.as_f64() <= rule.as_f64(),
                "minItems" => value.as_array().map(Vec::len) >= size(rule),
                "maxItems" => value.as_array().map(Vec::len) <= size(rule),
                "maxLength" => value.as_str().map(str::len) <= size(rule),
                "pattern" => value.as_str().is_some_and(|id| {
                    let is_slug = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
                    id.bytes().all(is_slug)
                }),
                "items" => {
                    let mut items = value.as_array().into_iter().flatten();
                    return items.find_map(|item| fault(schema, rule, item));
                }
                "required" => {
                    let mut keys = rule.as_array().unwrap().iter();
                    keys.all(|key| value.get(key.as_str().unwrap()).is_some())
                }
                "properties" => {
                    let mut pairs = value.as_object().into_iter().flatten();
                    return pairs.find_map(|(key, value)| {
                        let told = fault(schema, rule.get(key)?, value)?;
                        Some(format!("{key}: {told}"))
                    });
                }
                "additionalProperties" => {
                    let of = table.get("properties");
                    let mut pairs = value.as_object().into_iter().flatten();
                    return pairs.find_map(|(key, value)| {
                        match (of.and_then(|of| of.get(key)), rule) {
                            (Some(_), _) => None,
                            (None, Value::Bool(false)) => Some(format!("unknown key {key}")),
                            (None, rule) => fault(schema, rule, value),
                        }
                    });
                }
                other => panic!("a keyword that this check does not know: {other}"),
            };
            (!holds).then(|| format!("{value} does not hold {key} {rule}"))
        })
    })
}

fn size(rule: &Value) -> Option<usize> {
    rule.as_u64().and_then(|size| usize::try_from(size).ok())
}

fn is_of(kind: &str, value: &Value) -> bool {
    match kind {
        "string" => value.is_string(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        "boolean" => value.is_boolean(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        other => panic!("{other}"),
    }
}

fn json(text: &str) -> Value {
    let table: toml::Table = toml::from_str(text).unwrap();
    serde_json::to_value(table).unwrap()
}

#[test]
fn every_built_in_profile_holds_the_schema() {
    let schema = schema();
    for (name, text) in BUILTIN {
        assert_eq!(fault(&schema, &schema, &json(text)), None, "{name}");
    }
}

#[test]
fn the_schema_refuses_what_the_parser_refuses() {
    let schema = schema();
    let (_, text) = BUILTIN[0];
    for (from, to) in [
        ("vendor =", "vendro ="),
        ("kind = \"status\"", "kind = \"state\""),
        ("quantity = \"occupied\"", "quantity = \"ocupied\""),
        ("ports = [1]", "ports = [1000]"),
        ("at = 0", "at = \"0\""),
        ("id = \"", "id = \"A"),
    ] {
        let broken = text.replacen(from, to, 1);
        assert_ne!(broken, text, "{from}");
        assert!(fault(&schema, &schema, &json(&broken)).is_some(), "{to}");
        assert!(crate::Profile::parse(&broken, "x").is_err(), "{to}");
    }
}
