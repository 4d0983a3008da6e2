//! How bytes become numbers, and numbers samples.

use huitian_model::{ChannelName, Measurement, Sample};
use proptest::prelude::*;

use super::super::vector::told;
use crate::profile::Profile;

const HEAD: &str = r#"
id = "shapes"
name = "Shapes"
vendor = "Ours"
channel = [
    { name = "distance", quantity = "distance", compensate = { with = "temperature", reference = 20 } },
    { name = "temperature", quantity = "temperature" },
    { name = "battery", quantity = "battery" },
    { name = "fill", quantity = "fill" },
]
"#;

fn profile(fields: &str) -> Profile {
    let text =
        format!("{HEAD}\n[[message]]\nname = \"m\"\nkind = \"status\"\nfield = [\n{fields}\n]");
    Profile::parse(&text, "shapes.toml").unwrap_or_else(|error| panic!("{error} in {fields}"))
}

/// The value of the last field, for people.
fn shown(fields: &str, bytes: &[u8]) -> String {
    let profile = profile(fields);
    let decoding = profile.read(None, bytes).unwrap();
    decoding.fields().pop().unwrap().1.to_string()
}

fn sample(fields: &str, bytes: &[u8], channel: &str) -> String {
    let profile = profile(fields);
    let channel = ChannelName::new(channel).unwrap();
    let samples = profile.read(None, bytes).unwrap().samples();
    told(
        samples
            .into_iter()
            .find(|(name, _)| *name == channel)
            .unwrap()
            .1,
    )
}

#[test]
fn integers_of_both_ends_and_signs_are_what_their_type_says() {
    for (shape, bytes, expected) in [
        ("u16be", &[0x01, 0x02][..], "258"),
        ("u16le", &[0x01, 0x02], "513"),
        ("i8", &[0xff], "-1"),
        ("i16be", &[0xff, 0x38], "-200"),
        ("i16le", &[0x38, 0xff], "-200"),
        ("u24be", &[0x01, 0x00, 0x02], "65538"),
        ("i24be", &[0xff, 0xff, 0xfe], "-2"),
        ("i24le", &[0xfe, 0xff, 0xff], "-2"),
        ("u32le", &[0xff, 0xff, 0xff, 0xff], "4294967295"),
        ("i32be", &[0xff, 0xff, 0xff, 0xff], "-1"),
        ("u64be", &[0, 0, 0, 0, 0, 0, 1, 0], "256"),
        ("u64be", &[0xff; 8], "none"),
    ] {
        let field = format!("{{ name = \"x\", at = 0, type = \"{shape}\" }}");
        assert_eq!(shown(&field, bytes), expected, "{shape}");
    }
}

#[test]
fn floats_are_ieee_and_what_is_no_number_is_none() {
    for (shape, bytes, expected) in [
        ("f32be", &1.5_f32.to_be_bytes()[..], "1.5"),
        ("f32le", &(-2.25_f32).to_le_bytes(), "-2.25"),
        ("f64be", &0.1_f64.to_be_bytes(), "0.1"),
        ("f64le", &1234.5_f64.to_le_bytes(), "1234.5"),
        ("f16be", &[0x3c, 0x00], "1"),
        ("f16be", &[0xc5, 0x00], "-5"),
        ("f16le", &[0x00, 0x3a], "0.75"),
        ("f16be", &[0x7c, 0x00], "none"),
        ("f32be", &f32::NAN.to_be_bytes(), "none"),
        ("f64be", &f64::INFINITY.to_be_bytes(), "none"),
    ] {
        let field = format!("{{ name = \"x\", at = 0, type = \"{shape}\" }}");
        assert_eq!(shown(&field, bytes), expected, "{shape} {bytes:?}");
    }
    let field =
        "{ name = \"x\", at = 0, type = \"f32be\", divide = 10, channel = \"temperature\" }";
    assert_eq!(
        sample(field, &215_f32.to_be_bytes(), "temperature"),
        "good 21.5"
    );
    assert_eq!(
        sample(field, &f32::NAN.to_be_bytes(), "temperature"),
        "bad out_of_range"
    );
}

#[test]
fn bit_fields_cross_bytes_from_either_end() {
    // 0xa5c3 is 1010_0101 1100_0011.
    for (shape, bit, bits, expected) in [
        ("ubits_be", 0, 4, "10"),
        ("ubits_be", 4, 8, "92"),
        ("ubits_be", 6, 3, "3"),
        ("ibits_be", 6, 3, "3"),
        ("ibits_be", 7, 3, "-1"),
        ("ubits_le", 0, 4, "5"),
        ("ubits_le", 4, 8, "58"),
        ("ibits_le", 4, 6, "-6"),
        ("ubits_be", 15, 1, "1"),
        ("ubits_le", 15, 1, "1"),
    ] {
        let field =
            format!("{{ name = \"x\", at = 0, type = \"{shape}\", bit = {bit}, bits = {bits} }}");
        assert_eq!(
            shown(&field, &[0xa5, 0xc3]),
            expected,
            "{shape} {bit} {bits}"
        );
    }
}

#[test]
fn decimal_digits_are_read_and_others_are_a_fault() {
    let field = "{ name = \"x\", at = 0, type = \"bcd_be\", length = 2, channel = \"distance\" }";
    assert_eq!(shown(field, &[0x12, 0x34]), "1234");
    assert_eq!(sample(field, &[0x12, 0x3a], "distance"), "bad device_fault");
    let field = "{ name = \"x\", at = 0, type = \"bcd_le\", length = 2 }";
    assert_eq!(shown(field, &[0x34, 0x12]), "1234");
}

#[test]
fn a_curve_turns_millivolts_into_percent_and_is_level_beyond_its_ends() {
    let field = "{ name = \"mv\", at = 0, type = \"u16be\", channel = \"battery\", \
                 curve = [[3000, 0], [3300, 60], [3600, 100]] }";
    for (mv, expected) in [
        (2_000_u16, "good 0"),
        (3_000, "good 0"),
        (3_150, "good 30"),
        (3_300, "good 60"),
        (3_450, "good 80"),
        (3_600, "good 100"),
        (4_200, "good 100"),
    ] {
        assert_eq!(
            sample(field, &mv.to_be_bytes(), "battery"),
            expected,
            "{mv}"
        );
    }
    assert_eq!(
        shown(field, &3_150_u16.to_be_bytes()),
        "3150",
        "shown as it came"
    );
}

#[test]
fn units_are_those_of_the_field_and_samples_those_of_the_quantity() {
    for (channel, unit, raw, expected) in [
        ("distance", "cm", 123_u8, "good 1230"),
        ("distance", "in", 10, "good 254"),
        ("temperature", "degF", 212, "good 100"),
        ("fill", "ratio", 1, "good 100"),
    ] {
        let field = format!(
            "{{ name = \"x\", at = 0, type = \"u8\", unit = \"{unit}\", channel = \"{channel}\" }}"
        );
        assert_eq!(sample(&field, &[raw], channel), expected, "{unit}");
        assert_eq!(shown(&field, &[raw]), raw.to_string());
    }
}

const SOUND: &str = "{ name = \"mm\", at = 0, type = \"u16be\", channel = \"distance\" },\n\
                     { name = \"t\", at = 2, type = \"i8\", sentinels = [{ raw = -128, bad = \
                     \"device_fault\" }], channel = \"temperature\", optional = true },";

#[test]
fn a_distance_is_put_right_by_the_temperature_of_the_same_message() {
    // Speeds by 331.3 + 0.606 T: 343.42 at 20, 319.18 at -20, 355.54 at 40 degrees.
    for (degrees, expected) in [(20_i8, "good 2000"), (-20, "good 1859"), (40, "good 2071")] {
        let bytes = [0x07, 0xd0, degrees.to_be_bytes()[0]];
        assert_eq!(sample(SOUND, &bytes, "distance"), expected, "{degrees}");
    }
    assert_eq!(
        sample(SOUND, &[0x07, 0xd0], "distance"),
        "good 2000",
        "no temperature"
    );
    assert_eq!(
        sample(SOUND, &[0x07, 0xd0, 0x80], "distance"),
        "good 2000",
        "a bad one"
    );
}

#[test]
fn sentinels_are_single_values_or_all_beyond_a_limit() {
    let field = "{ name = \"mm\", at = 0, type = \"u16be\", channel = \"distance\", sentinels = [\
                 { raw = 20, bad = \"no_echo\" }, { below = 5, bad = \"device_fault\" }, \
                 { above = 9000, bad = \"out_of_range\" }] }";
    for (mm, expected) in [
        (4_u16, "bad device_fault"),
        (5, "good 5"),
        (20, "bad no_echo"),
        (9_000, "good 9000"),
        (9_001, "bad out_of_range"),
    ] {
        assert_eq!(
            sample(field, &mm.to_be_bytes(), "distance"),
            expected,
            "{mm}"
        );
    }
}

#[test]
fn a_formula_is_bad_where_its_fields_are_and_silent_where_they_are_not_there() {
    let fields = "{ name = \"a\", at = 0, type = \"u8\", sentinels = [{ raw = 255, bad = \
                  \"no_echo\" }] },\n{ name = \"b\", at = 1, type = \"u8\", optional = true },\n\
                  { name = \"x\", formula = \"10 * max(a, 3) / (b - 4)\", channel = \"distance\" }";
    assert_eq!(sample(fields, &[6, 5], "distance"), "good 60");
    assert_eq!(sample(fields, &[1, 7], "distance"), "good 10");
    assert_eq!(sample(fields, &[255, 5], "distance"), "bad no_echo");
    assert_eq!(
        sample(fields, &[6, 4], "distance"),
        "bad out_of_range",
        "divided by zero"
    );
    let samples = profile(fields).read(None, &[6]).unwrap().samples();
    assert_eq!(samples, Vec::new(), "b is not there");
}

#[test]
fn a_flag_turned_round_by_its_formula_is_yes_or_no() {
    let text = "id = \"x\"\nname = \"x\"\nvendor = \"x\"\n\
                channel = [{ name = \"occupied\", quantity = \"occupied\" }]\n[[message]]\n\
                name = \"m\"\nkind = \"status\"\nfield = [\n\
                { name = \"free\", at = 0, type = \"flag\" },\n\
                { name = \"taken\", formula = \"1 - free\", channel = \"occupied\" }]";
    let profile = Profile::parse(text, "x").unwrap();
    for (byte, taken) in [(0, true), (1, false)] {
        let samples = profile.read(None, &[byte]).unwrap().samples();
        assert_eq!(samples[0].1, Sample::Good(Measurement::Occupied(taken)));
    }
}

proptest! {
    #[test]
    fn a_bit_field_agrees_with_counting_bits_one_by_one(
        bytes in proptest::array::uniform8(any::<u8>()),
        bit in 0_usize..32,
        bits in 1_usize..=32,
        big in any::<bool>(),
    ) {
        let of = |at: usize| {
            let byte = bytes[at / 8];
            let shift = if big { 7 - at % 8 } else { at % 8 };
            i64::from((byte >> shift) & 1)
        };
        let places = bit..bit + bits;
        let expected = if big {
            places.fold(0, |sum, at| sum * 2 + of(at))
        } else {
            places.rev().fold(0, |sum, at| sum * 2 + of(at))
        };
        let end = if big { "be" } else { "le" };
        let field = format!(
            "{{ name = \"x\", at = 0, type = \"ubits_{end}\", bit = {bit}, bits = {bits} }}"
        );
        prop_assert_eq!(shown(&field, &bytes), expected.to_string());
    }
}
