//! Links are made once and follow their target; programs are found in the order asked for.

use super::{Place, find_program, is_executable};
use std::fs;
use std::path::{Path, PathBuf};

fn folder(name: &str) -> PathBuf {
    let folder = std::env::temp_dir().join(format!("xtask-place-{name}-{}", std::process::id()));
    fs::create_dir_all(&folder).unwrap();
    folder
}

#[test]
fn linking_again_replaces_a_stale_link() {
    let root = folder("link");
    let place = Place::new(&root).unwrap();
    place.link("tool", Path::new("/gone")).unwrap();
    place.link("tool", Path::new("/bin/sh")).unwrap();
    place.link("tool", Path::new("/bin/sh")).unwrap();
    assert_eq!(
        fs::read_link(place.bin().join("tool")).unwrap(),
        Path::new("/bin/sh")
    );
    assert!(is_executable(&place.bin().join("tool")));
    fs::remove_dir_all(root).unwrap();
}

#[test]
fn the_first_name_that_exists_is_found_and_a_plain_file_is_no_program() {
    assert!(
        find_program(&["no-such-program", "sh"])
            .unwrap()
            .ends_with("sh")
    );
    assert_eq!(find_program(&["no-such-program"]), None);
    let root = folder("plain");
    fs::write(root.join("plain"), "text").unwrap();
    assert!(!is_executable(&root.join("plain")));
    fs::remove_dir_all(root).unwrap();
}
