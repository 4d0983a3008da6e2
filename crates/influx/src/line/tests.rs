//! One point is one line, by the judgement of a parser that others wrote.

use huitian_model::UtcMs;
use influxdb_line_protocol::{FieldValue, parse_lines};
use proptest::prelude::*;

use super::{Field, LineError, encode};

fn field() -> impl Strategy<Value = Field> {
    prop_oneof![
        any::<i64>().prop_map(Field::Integer),
        any::<f64>().prop_map(Field::Float),
        any::<bool>().prop_map(Field::Boolean),
        ".{0,20}".prop_map(Field::Text),
        "[a \\\\\",=\n]{0,8}".prop_map(Field::Text),
    ]
}

fn word() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-z][a-z0-9_ ,=-]{0,12}",
        ".{0,10}",
        "[a,= \\\\\n\"#_]{0,6}",
        "站[点 ,=]{0,3}"
    ]
}

fn same(sent: &Field, came: &FieldValue<'_>) -> bool {
    match (sent, came) {
        (Field::Integer(a), FieldValue::I64(b)) => a == b,
        (Field::Float(a), FieldValue::F64(b)) => a.to_bits() == b.to_bits(),
        (Field::Boolean(a), FieldValue::Boolean(b)) => a == b,
        (Field::Text(a), FieldValue::String(b)) => a == &b.to_string(),
        _ => false,
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4_000))]

    #[test]
    fn a_point_comes_back_as_exactly_itself_or_is_refused_leaving_nothing(
        measurement in word(),
        tags in prop::collection::vec((word(), word()), 0..4),
        fields in prop::collection::vec((word(), field()), 0..4),
        at in -4_000_000_000_000_i64..4_000_000_000_000,
    ) {
        let tags: Vec<(&str, &str)> =
            tags.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
        let fields: Vec<(&str, Field)> =
            fields.iter().map(|(k, v)| (k.as_str(), v.clone())).collect();
        let mut out = "before f=1i 1\n".to_owned();
        let length = out.len();
        if encode(&mut out, &measurement, &tags, &fields, UtcMs(at)).is_err() {
            prop_assert_eq!(out.len(), length);
            return Ok(());
        }
        let line = out.split_off(length);
        let parsed: Vec<_> = parse_lines(&line).collect::<Result<_, _>>().unwrap();
        prop_assert_eq!(parsed.len(), 1, "{:?}", line);
        let point = &parsed[0];
        prop_assert_eq!(point.series.measurement.to_string(), measurement);
        prop_assert_eq!(point.timestamp, Some(at));
        let back: Vec<(String, String)> = point.series.tag_set.iter().flatten()
            .map(|(k, v)| (k.to_string(), v.to_string())).collect();
        let sent: Vec<(String, String)> =
            tags.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        prop_assert_eq!(back, sent);
        prop_assert_eq!(point.field_set.len(), fields.len());
        for ((key, value), (key_back, value_back)) in fields.iter().zip(&point.field_set) {
            prop_assert_eq!(*key, key_back.to_string());
            prop_assert!(same(value, value_back), "{:?} became {:?}", value, value_back);
        }
    }
}

#[test]
fn what_would_be_two_lines_or_no_number_is_refused() {
    let tags = |value: &'static str| [("site", value)];
    let one = [("f", Field::Integer(1))];
    let mut out = String::new();
    let mut refused = |tags: &[(&str, &str)], fields: &[(&str, Field)]| {
        encode(&mut out, "m", tags, fields, UtcMs(0)).unwrap_err()
    };
    assert!(matches!(
        refused(&tags("a\nb f=1i"), &one),
        LineError::Character(..)
    ));
    assert!(matches!(
        refused(&tags("a\\"), &one),
        LineError::Character(..)
    ));
    assert!(matches!(refused(&tags(""), &one), LineError::Empty(_)));
    assert!(matches!(refused(&[], &[]), LineError::NoFields(_)));
    let same = [("f", Field::Integer(1)), ("f", Field::Integer(2))];
    assert!(matches!(refused(&[], &same), LineError::Twice(_)));
    for number in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        let error = refused(&[], &[("f", Field::Float(number))]);
        assert!(matches!(error, LineError::NotFinite(..)));
    }
    assert!(out.is_empty());
}
