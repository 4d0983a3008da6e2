//! Names to ids.

use huitian_model::{IdError, Slug};

/// Letters with a mark, and the letter without it: the Latin ones of Western Europe.
const FOLDED: [(&str, char); 8] = [
    ("àáâãäåÀÁÂÃÄÅ", 'a'),
    ("çÇ", 'c'),
    ("èéêëÈÉÊË", 'e'),
    ("ìíîïÌÍÎÏ", 'i'),
    ("ñÑ", 'n'),
    ("òóôõöÒÓÔÕÖ", 'o'),
    ("ùúûüÙÚÛÜ", 'u'),
    ("ýÿÝ", 'y'),
];

/// An id of a name: lower case, marks left off, all else a single `-`; at most 64 characters.
///
/// # Errors
/// [`IdError`] where nothing is left of the name, or more than 64 characters.
pub fn slug(name: &str) -> Result<Slug, IdError> {
    let mut id = String::with_capacity(name.len());
    for c in name.chars() {
        let folded = FOLDED.iter().find(|(marked, _)| marked.contains(c));
        let c = folded.map_or(c.to_ascii_lowercase(), |(_, plain)| *plain);
        if c.is_ascii_alphanumeric() {
            id.push(c);
        } else if !id.is_empty() && !id.ends_with('-') {
            id.push('-');
        }
    }
    Slug::new(id.trim_end_matches('-'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_become_ids_that_people_recognise() {
        for (name, id) in [
            ("Lansdown P+R", "lansdown-p-r"),
            ("  Tejón y Rodriguez ", "tejon-y-rodriguez"),
            ("AL", "al"),
            ("Pz. de la Marina", "pz-de-la-marina"),
        ] {
            assert_eq!(slug(name).unwrap().as_str(), id);
        }
        assert!(slug("停车场").is_err());
        assert!(slug(&"x".repeat(65)).is_err());
    }
}
