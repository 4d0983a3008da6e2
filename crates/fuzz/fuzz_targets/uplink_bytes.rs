//! The target `uplink_bytes`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| huitian_fuzz::uplink_bytes(bytes));
