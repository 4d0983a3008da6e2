//! The target `register_map`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| huitian_fuzz::register_map(bytes));
