//! The reader accepts exactly what RFC 8259 does, inside its bounds.

use proptest::prelude::*;
use serde_json::Value;

use super::{Reader, Scalar};
use crate::{DEPTH_MAX, KEYS_MAX, Refusal, RefusalReason, TEXT_CHARS_MAX};

/// The whole value, as the oracle would build it.
fn tree(reader: &mut Reader) -> Result<Value, Refusal> {
    if reader.peek()? == b'{' {
        let mut map = serde_json::Map::new();
        reader.object(|reader, key| {
            map.insert(key.into_owned(), tree(reader)?);
            Ok(())
        })?;
        return Ok(Value::Object(map));
    }
    if reader.peek()? == b'[' {
        let mut items = Vec::new();
        reader.array(|reader, index| {
            assert_eq!(index, items.len());
            items.push(tree(reader)?);
            Ok(())
        })?;
        return Ok(Value::Array(items));
    }
    Ok(match reader.scalar()? {
        Scalar::Null => Value::Null,
        Scalar::Bool(yes) => Value::Bool(yes),
        Scalar::Number(digits) => serde_json::from_str(digits).unwrap_or(Value::Null),
        Scalar::Text(text) => Value::String(text.into_owned()),
        Scalar::Container => unreachable!("containers are read above"),
    })
}

fn read(payload: &[u8]) -> Result<Value, Refusal> {
    let mut reader = Reader::new(payload, TEXT_CHARS_MAX)?;
    let value = tree(&mut reader)?;
    reader.end()?;
    Ok(value)
}

fn skip(payload: &[u8]) -> Result<(), Refusal> {
    let mut reader = Reader::new(payload, TEXT_CHARS_MAX)?;
    reader.skip()?;
    reader.end()
}

/// Ours and the oracle's answer agree; where a bound of ours speaks, the oracle is not asked.
fn check(payload: &[u8]) {
    let ours = read(payload);
    assert_eq!(
        skip(payload),
        ours.clone().map(|_value| ()),
        "skipping is reading"
    );
    match (ours, serde_json::from_slice::<Value>(payload)) {
        (Ok(ours), Ok(oracle)) => assert_eq!(ours, oracle),
        (Err(refusal), Ok(oracle)) => {
            assert_ne!(refusal.reason, RefusalReason::NotJson, "{refusal} {oracle}");
        }
        // The oracle refuses numbers that no float can hold; ours leaves that to the quantity.
        (Ok(_), Err(oracle)) => assert!(oracle.to_string().contains("out of range"), "{oracle}"),
        (Err(_), Err(_)) => {}
    }
}

fn reason(payload: &str) -> RefusalReason {
    read(payload.as_bytes()).unwrap_err().reason
}

#[test]
fn documents_of_the_grammar_are_read_and_others_refused_like_the_oracle() {
    for text in [
        "{}",
        "[]",
        " [ ] ",
        "{\"a\":1}",
        "[1,2]",
        "\"\"",
        "null",
        "true",
        "false",
        "-0",
        "0.5",
        "1e5",
        "1E+5",
        "1e-5",
        "-1.5e3",
        "[[],{}]",
        "\"\\u00e9\\n\\\"\\/\\\\\"",
        "\"\\ud83d\\ude00\"",
        "\"\u{4e2d}\"",
        // None of these is JSON.
        "",
        " ",
        "{",
        "[",
        "\"",
        "{\"a\"}",
        "{\"a\":}",
        "{a:1}",
        "{\"a\":1,}",
        "[1,]",
        "[,1]",
        "01",
        "+1",
        ".5",
        "1.",
        "1e",
        "--1",
        "NaN",
        "Infinity",
        "-Infinity",
        "nul",
        "truex",
        "\"\\x\"",
        "\"\\u12\"",
        "\"\\ud800\"",
        "\"\\ud800\\u0041\"",
        "\"\\udc00\"",
        "\"a\nb\"",
        "1 2",
        "{} {}",
        "'a'",
        "/* */ 1",
        "\u{feff}1",
        "[1}",
        "{\"a\":1]",
        "\"\\u+123\"",
    ] {
        check(text.as_bytes());
    }
    check(b"\"\xff\"");
}

#[test]
fn nan_is_told_to_be_no_json() {
    let refusal = read(b"{\"fill\": NaN}").unwrap_err();
    assert_eq!(refusal.reason, RefusalReason::NotJson);
    assert!(refusal.text.contains("at byte 9, found 'N'"), "{refusal}");
}

#[test]
fn the_deepest_permitted_document_is_read_and_one_deeper_is_not() {
    let nested = |depth| format!("{}1{}", "[".repeat(depth), "]".repeat(depth));
    assert!(read(nested(DEPTH_MAX).as_bytes()).is_ok());
    assert_eq!(reason(&nested(DEPTH_MAX + 1)), RefusalReason::TooDeep);
    // A bomb that never closes: refused at the ninth level, not at its end.
    assert_eq!(reason(&"[".repeat(16_000)), RefusalReason::TooDeep);
    assert_eq!(reason(&"{\"a\":".repeat(3_000)), RefusalReason::TooDeep);
    // Siblings do not add up.
    let siblings = format!("[{}[]]", "[],".repeat(500));
    assert!(read(siblings.as_bytes()).is_ok());
}

#[test]
fn an_object_holds_so_many_keys_and_no_more() {
    let object = |keys| {
        let members: Vec<_> = (0..keys).map(|key| format!("\"k{key}\":{key}")).collect();
        format!("{{{}}}", members.join(","))
    };
    assert!(read(object(KEYS_MAX).as_bytes()).is_ok());
    assert_eq!(reason(&object(KEYS_MAX + 1)), RefusalReason::TooManyKeys);
    // Each object counts for itself.
    let two = format!("[{},{}]", object(KEYS_MAX), object(KEYS_MAX));
    assert!(read(two.as_bytes()).is_ok());
}

#[test]
fn a_key_that_stands_twice_is_refused_also_in_another_spelling() {
    assert_eq!(
        reason("{\"a\":1,\"b\":2,\"a\":3}"),
        RefusalReason::DuplicateKey
    );
    assert_eq!(
        reason("{\"a\":1,\"\\u0061\":3}"),
        RefusalReason::DuplicateKey
    );
    assert_eq!(
        reason("[{\"x\":{\"a\":1,\"a\":1}}]"),
        RefusalReason::DuplicateKey
    );
    for fine in [
        "{\"a\":{\"a\":1}}",
        "[{\"a\":1},{\"a\":1}]",
        "{\"b\":{\"a\":1},\"a\":1}",
    ] {
        assert!(read(fine.as_bytes()).is_ok(), "{fine}");
    }
}

#[test]
fn texts_and_keys_are_counted_in_characters() {
    let text = |count| format!("\"{}\"", "\u{4e2d}".repeat(count));
    assert!(read(text(TEXT_CHARS_MAX).as_bytes()).is_ok());
    assert_eq!(reason(&text(TEXT_CHARS_MAX + 1)), RefusalReason::TooLong);
    let key = format!("{{{}:1}}", text(TEXT_CHARS_MAX + 1));
    assert_eq!(reason(&key), RefusalReason::TooLong);
}

fn any_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        "\\PC{0,12}".prop_map(Value::from),
        "[\\x00-\\x7f]{0,12}".prop_map(Value::from),
    ];
    leaf.prop_recursive(5, 40, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::btree_map("[a-z\"\\\\]{0,4}", inner, 0..6)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn any_document_is_read_like_the_oracle(value in any_value(), pretty in any::<bool>()) {
        let text = if pretty {
            serde_json::to_string_pretty(&value).unwrap()
        } else {
            value.to_string()
        };
        check(text.as_bytes());
    }

    #[test]
    fn any_damage_is_seen_like_the_oracle_sees_it(
        value in any_value(),
        at in any::<prop::sample::Index>(),
        byte in prop_oneof![any::<u8>(), prop::sample::select(b"{}[]\",:\\0-.eEtn ".to_vec())],
        is_insert in any::<bool>(),
    ) {
        let mut bytes = value.to_string().into_bytes();
        let at = at.index(bytes.len());
        if is_insert {
            bytes.insert(at, byte);
        } else {
            bytes[at] = byte;
        }
        check(&bytes);
    }

    #[test]
    fn any_bytes_are_read_like_the_oracle(text in "[\\[\\]{}\",:0-9eE.+\\\\tfnu -]{0,24}") {
        check(text.as_bytes());
    }
}
