//! Ids hold what they promise.

use super::{IdError, SiteId, Slug};

#[test]
fn slugs_of_the_permitted_range_are_kept() {
    for text in ["a", "lot-1", "0", &"x".repeat(64)] {
        assert_eq!(Slug::new(text).unwrap().as_str(), text);
    }
}

#[test]
fn anything_else_is_refused_with_what_was_found() {
    assert_eq!(Slug::new(""), Err(IdError::Length(0)));
    assert_eq!(Slug::new(&"x".repeat(65)), Err(IdError::Length(65)));
    for (text, found) in [
        ("A", 'A'),
        ("a/b", '/'),
        ("a b", ' '),
        ("站", '站'),
        ("a+", '+'),
    ] {
        let Err(IdError::Character { found: got, .. }) = Slug::new(text) else {
            panic!("{text} was accepted")
        };
        assert_eq!(got, found);
    }
}

#[test]
fn deserialising_goes_through_the_check() {
    let bytes = postcard::to_allocvec("Not A Slug").unwrap();
    assert!(postcard::from_bytes::<SiteId>(&bytes).is_err());
}
