//! The target `sparkplug_payload`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| huitian_fuzz::sparkplug_payload(bytes));
