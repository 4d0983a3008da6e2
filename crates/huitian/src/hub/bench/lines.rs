//! Lines for the inventory, so that nobody types an address of 16 digits.
//!
//! What only people know stands in capitals, which no id has: an inventory with such a word left
//! in it is refused with its line.

use huitian_codec::Profile;

/// Characters of an address that go into the suggested id: as many as a label shows.
const TAIL_CHARS: usize = 6;

/// How often the device is suggested to speak; the person knows better.
const EXPECTED_EVERY: &str = "1h";

/// The line for devices.csv, and those for channels.csv.
pub fn of(profile: &Profile, address: &str) -> (String, String) {
    let device = id(profile.id(), address);
    let (id, shown) = (device.as_str(), address.trim());
    let row = [id, "SITE", shown, profile.id(), EXPECTED_EVERY, ""];
    let channels = profile
        .channels()
        .map(|(name, quantity)| line(&[id, name.as_str(), quantity.name(), "FACILITY", "ASSET"]));
    (line(&row), channels.collect())
}

/// The end of the profile's id is the type of the device, the end of the address the device.
fn id(profile: &str, address: &str) -> String {
    // Of `GROUP/EDGE/DEVICE` the device.
    let own = address.rsplit('/').next().unwrap_or_default();
    let letters = own.chars().filter(char::is_ascii_alphanumeric);
    let tail: Vec<char> = letters.map(|it| it.to_ascii_lowercase()).collect();
    let from = tail.len().saturating_sub(TAIL_CHARS);
    let tail: String = tail.iter().skip(from).collect();
    let kind = profile
        .split_once('-')
        .map_or(profile, |(_maker, kind)| kind);
    let kind: String = kind.chars().take(40).collect();
    if tail.is_empty() {
        kind
    } else {
        format!("{kind}-{tail}")
    }
}

/// RFC 4180: quoted where needed.
fn line(cells: &[&str]) -> String {
    let mut writer = csv::WriterBuilder::new()
        .has_headers(false)
        .from_writer(Vec::new());
    let written = writer.write_record(cells).ok();
    let bytes = written.and_then(|()| writer.into_inner().ok());
    // Writing to memory cannot fail; a line that could not be written is no line.
    String::from_utf8(bytes.unwrap_or_default()).unwrap_or_default()
}
