//! The target `wire`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| huitian_fuzz::wire_forms(bytes));
