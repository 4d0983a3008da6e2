//! An entry is whole or absent, and belongs to one recipe.

use super::{Cache, fingerprint};
use std::fs;

fn cache(name: &str) -> Cache {
    let folder = std::env::temp_dir().join(format!("xtask-cache-{name}-{}", std::process::id()));
    Cache::at(folder).unwrap()
}

#[test]
fn an_entry_is_found_again_by_its_recipe_only() {
    let cache = cache("recipe");
    let made = cache
        .make(("tool", "1", "a"), |folder| {
            fs::write(folder.join("tool"), "x").map_err(|error| error.to_string())
        })
        .unwrap();
    assert_eq!(cache.entry("tool", "1", "a"), Some(made.clone()));
    assert!(made.join("tool").is_file());
    assert_eq!(cache.entry("tool", "1", "b"), None);
    assert_eq!(cache.entry("tool", "2", "a"), None);
    fs::remove_dir_all(cache.folder()).unwrap();
}

#[test]
fn a_build_that_fails_leaves_no_entry() {
    let cache = cache("failed");
    let failed = cache.make(("tool", "1", "a"), |folder| {
        fs::write(folder.join("half"), "x").map_err(|error| error.to_string())?;
        Err("no compiler".to_owned())
    });
    assert_eq!(failed, Err("no compiler".to_owned()));
    assert_eq!(cache.entry("tool", "1", "a"), None);
    assert_eq!(fs::read_dir(cache.folder()).unwrap().count(), 0);
    fs::remove_dir_all(cache.folder()).unwrap();
}

#[test]
fn the_fingerprint_is_fnv_1a() {
    // Published test vector of the 64-bit variant.
    assert_eq!(fingerprint(b"a"), 0xaf63_dc4c_8601_ec8c);
}
