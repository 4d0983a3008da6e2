//! The target `sparkplug_host`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| huitian_fuzz::sparkplug_host(bytes));
