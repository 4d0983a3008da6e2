//! The target `registers`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| huitian_fuzz::registers(bytes));
