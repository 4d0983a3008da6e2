//! The target `profile_text`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| huitian_fuzz::profile_text(bytes));
