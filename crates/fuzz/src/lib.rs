//! Every decoder fed with anything, by cargo-fuzz and by an ordinary test.
//!
//! Each target is a function from bytes to nothing: it may refuse, but not panic, hang or take
//! more memory than a small multiple of its input. `cargo xtask fuzz` runs targets under
//! libFuzzer (a nightly compiler, minutes); `cargo test -p huitian-fuzz` runs each over its
//! corpus in `corpus/{target}/` (any compiler, seconds). A crash that was found goes into the
//! corpus, and so into every later test.
//!
//! To add a target: a function here, a line in [`TARGETS`], a file in `fuzz_targets/`, a `[[bin]]`
//! and a folder with at least one input.
//!
//! Not here: the broker's and the Modbus client's bytes, which have harnesses of their own.

use std::sync::OnceLock;

use huitian_codec::registers::RegisterImage;
use huitian_codec::{
    Profile, Profiles, RegisterFunction, RegisterMap, RegisterMaps, UPLINK_BYTES_MAX,
};
use huitian_model::uplink::{Down, Up};
use huitian_model::{Record, UtcMs, wire};

mod envelopes;
mod nodes;

pub use envelopes::{envelope, routed, routes_are_sound};
pub use nodes::{sparkplug_host, sparkplug_payload};

/// When all that is decoded here was received.
const NOW: UtcMs = UtcMs(1_795_406_400_000);

/// A decoder under test.
pub type Target = fn(&[u8]);

/// All targets by name.
pub const TARGETS: [(&str, Target); 9] = [
    ("envelope", envelope),
    ("profile_text", profile_text),
    ("register_map", register_map),
    ("registers", registers),
    ("routed", routed),
    ("sparkplug_host", sparkplug_host),
    ("sparkplug_payload", sparkplug_payload),
    ("uplink_bytes", uplink_bytes),
    ("wire", wire_forms),
];

/// All built-in profiles.
fn profiles() -> impl Iterator<Item = &'static Profile> {
    static PROFILES: OnceLock<Profiles> = OnceLock::new();
    let profiles = PROFILES.get_or_init(|| Profiles::builtin().unwrap_or_default());
    profiles.ids().filter_map(|id| profiles.get(id))
}

/// The bytes of a device under every built-in profile: a port, then the payload.
pub fn uplink_bytes(bytes: &[u8]) {
    let Some((port, payload)) = bytes.split_first() else {
        return;
    };
    for profile in profiles() {
        if let Ok(decoding) = profile.read(Some(*port), payload) {
            let _shown = (decoding.fields(), decoding.samples());
        }
        if payload.len() <= UPLINK_BYTES_MAX {
            let _explained = profile.explain(Some(*port), payload);
        }
    }
}

/// The text of a device profile, which may come from anybody.
pub fn profile_text(bytes: &[u8]) {
    if let Ok(text) = std::str::from_utf8(bytes) {
        let _profile = Profile::parse(text, "fuzz");
    }
}

/// The text of a register map.
pub fn register_map(bytes: &[u8]) {
    if let Ok(text) = std::str::from_utf8(bytes) {
        let _map = RegisterMap::parse(text, "fuzz");
    }
}

/// What registers hold, under every built-in register map: the words from address 0 on.
pub fn registers(bytes: &[u8]) {
    static MAPS: OnceLock<RegisterMaps> = OnceLock::new();
    let maps = MAPS.get_or_init(|| RegisterMaps::builtin().unwrap_or_default());
    let words: Vec<u16> = bytes
        .chunks_exact(2)
        .filter_map(|pair| Some(u16::from_be_bytes(pair.try_into().ok()?)))
        .collect();
    let bits: Vec<bool> = bytes.iter().map(|byte| byte & 1 != 0).collect();
    let mut image = RegisterImage::default();
    for function in RegisterFunction::ALL {
        if function.reads_bits() {
            image.put_bits(function, 0, &bits, UtcMs(0));
        } else {
            image.put_words(function, 0, &words, UtcMs(0));
        }
    }
    for map in maps.ids().filter_map(|id| maps.get(id)) {
        let _samples = map.samples(&image, &|_channel| true);
    }
}

/// What travels between edge and hub, and what lies in the log.
pub fn wire_forms(bytes: &[u8]) {
    let _up = huitian_model::uplink::decode::<Up>(bytes);
    let _down = huitian_model::uplink::decode::<Down>(bytes);
    let _record = wire::decode::<Record>(bytes);
}
