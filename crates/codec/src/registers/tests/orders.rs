//! Words to numbers: every type in every order, computed by hand.

use huitian_model::{BadReason, ChannelName, Quantity, Sample, UtcMs};

use super::super::{
    InlineField, RegisterFunction, RegisterImage, RegisterKind, WordOrder, inline_map,
};
use super::said;
use crate::profile::told;

/// The sample of one inline field that reads `words` at the very end of the addresses.
fn read(kind: RegisterKind, order: WordOrder, quantity: Quantity, words: &[u16]) -> Sample {
    let address = u16::try_from(65_536 - words.len()).unwrap();
    let field = InlineField {
        channel: ChannelName::new("x").unwrap(),
        quantity,
        function: RegisterFunction::HoldingRegisters,
        address,
        kind,
        order,
        scale: None,
    };
    let map = inline_map("x", &[field]).unwrap();
    let mut image = RegisterImage::default();
    image.put_words(RegisterFunction::HoldingRegisters, address, words, UtcMs(0));
    said(&map, &image)[0]
}

/// Type, order, quantity, registers, and the sample: 0x00bc614e is 12345678, 0xfb2e is -1234,
/// 0x449a5000 and 0x40934a0000000000 are 1234.5.
const CASES: &str = "
u16 ABCD in_use 1234 = good 4660
u16 CDAB in_use 1234 = good 4660
u16 BADC in_use 3412 = good 4660
u16 DCBA in_use 3412 = good 4660
i16 ABCD free_places fb2e = uncertain implausible -1234
i16 DCBA free_places 2efb = uncertain implausible -1234
u8h ABCD in_use 12ff = good 18
u8l ABCD in_use 12ff = good 255
u8h BADC in_use 12ff = good 255
i8l ABCD free_places 12ff = uncertain implausible -1
i8h ABCD free_places 80ff = uncertain implausible -128
u32 ABCD entries 00bc 614e = good 12345678
u32 CDAB entries 614e 00bc = good 12345678
u32 BADC entries bc00 4e61 = good 12345678
u32 DCBA entries 4e61 bc00 = good 12345678
u32 ABCD exits ffff ffff = good 4294967295
i32 ABCD free_places ffff fb2e = uncertain implausible -1234
i32 CDAB free_places fb2e ffff = uncertain implausible -1234
i32 BADC free_places ffff 2efb = uncertain implausible -1234
i32 DCBA free_places 2efb ffff = uncertain implausible -1234
u64 ABCD entries 0 0 00bc 614e = good 12345678
u64 CDAB entries 614e 00bc 0 0 = good 12345678
u64 BADC entries 0 0 bc00 4e61 = good 12345678
u64 DCBA entries 4e61 bc00 0 0 = good 12345678
i64 ABCD free_places ffff ffff ffff fb2e = uncertain implausible -1234
i64 CDAB free_places fb2e ffff ffff ffff = uncertain implausible -1234
i64 BADC free_places ffff ffff ffff 2efb = uncertain implausible -1234
i64 DCBA free_places 2efb ffff ffff ffff = uncertain implausible -1234
f32 ABCD distance 449a 5000 = good 1235
f32 CDAB distance 5000 449a = good 1235
f32 BADC distance 9a44 0050 = good 1235
f32 DCBA distance 0050 9a44 = good 1235
f64 ABCD distance 4093 4a00 0 0 = good 1235
f64 CDAB distance 0 0 4a00 4093 = good 1235
f64 BADC distance 9340 004a 0 0 = good 1235
f64 DCBA distance 0 0 004a 9340 = good 1235
bcd16 ABCD distance 1803 = good 1803
bcd16 DCBA distance 0318 = good 1803
bcd32 ABCD distance 0001 1803 = good 11803
bcd32 CDAB distance 1803 0001 = good 11803
bit15 ABCD occupied 8000 = good true
bit15 ABCD occupied 7fff = good false
bit0 ABCD occupied 0001 = good true
bit15 BADC occupied 0080 = good true
";

fn kind(name: &str) -> RegisterKind {
    let int = |words, signed| RegisterKind::Int { words, signed };
    let byte = |high, signed| RegisterKind::Byte { high, signed };
    match name {
        "u8h" => byte(true, false),
        "u8l" => byte(false, false),
        "i8h" => byte(true, true),
        "i8l" => byte(false, true),
        "u16" => int(1, false),
        "i16" => int(1, true),
        "u32" => int(2, false),
        "i32" => int(2, true),
        "u64" => int(4, false),
        "i64" => int(4, true),
        "f32" => RegisterKind::Float { words: 2 },
        "f64" => RegisterKind::Float { words: 4 },
        "bcd16" => RegisterKind::Bcd { words: 1 },
        "bcd32" => RegisterKind::Bcd { words: 2 },
        _ => RegisterKind::Bit(Some(name.strip_prefix("bit").unwrap().parse().unwrap())),
    }
}

#[test]
fn every_type_is_read_in_every_order_as_computed_by_hand() {
    let mut read_cases = 0;
    for case in CASES.lines().filter(|line| !line.is_empty()) {
        let (given, expected) = case.split_once(" = ").unwrap();
        let given: Vec<_> = given.split(' ').collect();
        let words: Vec<_> = given[3..]
            .iter()
            .map(|word| u16::from_str_radix(word, 16).unwrap())
            .collect();
        let order = WordOrder::from_name(given[1]).unwrap();
        let quantity = Quantity::from_name(given[2]).unwrap();
        let found = read(kind(given[0]), order, quantity, &words);
        assert_eq!(told(found), expected, "{case}");
        read_cases += 1;
    }
    assert_eq!(read_cases, 44);
}

#[test]
fn what_is_no_finite_number_is_bad_and_never_a_value() {
    let f32s = RegisterKind::Float { words: 2 };
    let f64s = RegisterKind::Float { words: 4 };
    let bcd = RegisterKind::Bcd { words: 1 };
    let u64s = RegisterKind::Int {
        words: 4,
        signed: false,
    };
    let cases: [(RegisterKind, &[u16]); 8] = [
        (f32s, &[0x7fc0, 0]),
        (f32s, &[0x7f80, 0]),
        (f32s, &[0xff80, 0]),
        (f32s, &[0x7f7f, 0xffff]),
        (f64s, &[0x7ff8, 0, 0, 0]),
        (f64s, &[0x7fef, 0xffff, 0xffff, 0xffff]),
        (bcd, &[0x18a3]),
        (u64s, &[0xffff; 4]),
    ];
    for (kind, words) in cases {
        let found = read(kind, WordOrder::Abcd, Quantity::Distance, words);
        let expected = Sample::Bad(Quantity::Distance, BadReason::OutOfRange);
        assert_eq!(found, expected, "{kind:?} {words:x?}");
    }
}
