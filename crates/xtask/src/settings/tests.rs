//! Which cache folder wins.

use super::cache_from;
use std::path::PathBuf;

fn path(text: &str) -> PathBuf {
    PathBuf::from(text)
}

#[test]
fn the_named_cache_wins_over_xdg_and_xdg_over_home() {
    let named = cache_from(Some(path("/named")), Some(path("/xdg")), Some(path("/me")));
    assert_eq!(named, Ok(path("/named")));
    let xdg = cache_from(None, Some(path("/xdg")), Some(path("/me")));
    assert_eq!(xdg, Ok(path("/xdg/huitian-services")));
    let home = cache_from(Some(path("")), Some(path("relative")), Some(path("/me")));
    assert_eq!(home, Ok(path("/me/.cache/huitian-services")));
}

#[test]
fn a_relative_or_absent_cache_is_refused() {
    assert!(
        cache_from(Some(path("cache")), None, None)
            .unwrap_err()
            .contains("absolute")
    );
    assert!(
        cache_from(None, None, None)
            .unwrap_err()
            .contains("HUITIAN_SERVICES_CACHE")
    );
}
