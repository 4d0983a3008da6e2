//! What stands in `vectors/published.json` stands in the profiles too, so that who reads a
//! profile sees the maker's examples, and so that none can be left out.

use crate::profile::builtin::BUILTIN;

#[test]
fn every_published_vector_stands_in_its_profile() {
    let text = include_str!("../../../vectors/published.json");
    let published: serde_json::Value = serde_json::from_str(text).unwrap();
    let mut found = 0;
    for device in published["devices"].as_array().unwrap() {
        let id = device["profile"].as_str().unwrap();
        let file = format!("{id}.toml");
        let (_, profile) = BUILTIN.iter().find(|(name, _)| *name == file).unwrap();
        for vector in device["vectors"].as_array().unwrap() {
            let hex = vector["bytes_hex"].as_str().unwrap();
            assert!(profile.contains(&format!("hex = \"{hex}\"")), "{id}: {hex}");
            found += 1;
        }
    }
    assert_eq!(found, 38);
}
