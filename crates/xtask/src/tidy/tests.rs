//! The repository itself follows every rule. (What each rule catches is tested beside it.)

use super::{check, tree::Tree};

#[test]
fn the_repository_is_tidy() {
    let root = crate::repository::root().unwrap();
    let tree = Tree::read(&root).unwrap();
    let findings: Vec<String> = check(&tree).iter().map(ToString::to_string).collect();
    assert!(
        findings.is_empty(),
        "{} findings:\n{}",
        findings.len(),
        findings.join("\n")
    );
}

#[test]
fn the_walk_sees_the_repository() {
    let tree = Tree::read(&crate::repository::root().unwrap()).unwrap();
    for path in [
        "Cargo.toml",
        "crates/xtask/src/tidy/tests.rs",
        ".clippy.toml",
        ".ci/run",
    ] {
        assert!(tree.text(path).is_some(), "{path} is not in the tree");
    }
    assert!(tree.texts().all(|(path, _)| !path.starts_with("target/")));
}
