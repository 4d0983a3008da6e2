//! How many places a lot has, by what the mapping says.

use std::collections::BTreeMap;
use std::ops::Range;

use super::Column;

/// Where the number of places of most facilities comes from.
#[derive(Clone, Debug)]
pub enum Places {
    /// A column of the series: the most frequent value of a facility.
    Column(Column),
    /// The same for all.
    Constant(u32),
    /// The greatest value in the series: a lower bound where nobody states the capacity.
    GreatestSeen,
    /// Only what `of` and the catalogue state.
    Stated,
}

/// How many places lots have.
#[derive(Clone, Debug)]
pub struct Capacity {
    /// For most.
    pub places: Places,
    /// By id, before all else.
    pub of: BTreeMap<String, u32>,
    /// Where the mapping says so, bytes.
    pub span: Range<usize>,
}

/// What a series says about one lot's places.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    /// How many rows stated which capacity.
    pub stated: BTreeMap<u32, u64>,
    /// The greatest value.
    pub greatest: Option<i64>,
}

/// The places of a lot, and the rows that state another number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decided {
    /// At least 1.
    pub places: u32,
    /// Rows that disagree.
    pub disagreeing: u64,
}

impl Capacity {
    /// The places of the lot `id`.
    ///
    /// # Errors
    /// Why they are not known, and what to write.
    pub fn decide(&self, id: &str, seen: &Seen) -> Result<Decided, String> {
        let decided = |places, disagreeing| Decided {
            places,
            disagreeing,
        };
        if let Some(places) = self.of.get(id) {
            return Ok(decided(*places, 0));
        }
        let places = match &self.places {
            Places::Constant(places) => Some(decided(*places, 0)),
            Places::Stated => None,
            Places::GreatestSeen => seen
                .greatest
                .and_then(|greatest| u32::try_from(greatest).ok())
                .map(|places| decided(places, 0)),
            Places::Column(_) => seen
                .stated
                .iter()
                .max_by_key(|(places, rows)| (**rows, **places))
                .map(|(places, rows)| decided(*places, seen.stated.values().sum::<u64>() - rows)),
        };
        places.filter(|found| found.places > 0).ok_or_else(|| {
            format!("the places of {id:?} are not known: write them as of = {{ \"{id}\" = 120 }}")
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn capacity(places: Places) -> Capacity {
        Capacity {
            places,
            of: BTreeMap::from([("b".to_owned(), 40)]),
            span: 0..0,
        }
    }

    #[test]
    fn the_most_frequent_capacity_wins_and_the_others_are_counted() {
        let column = Column {
            name: "Capacity".to_owned(),
            span: 0..0,
        };
        let rule = capacity(Places::Column(column));
        let seen = Seen {
            stated: BTreeMap::from([(100, 3), (120, 7), (90, 1)]),
            greatest: None,
        };
        let decided = rule.decide("a", &seen).unwrap();
        assert_eq!((decided.places, decided.disagreeing), (120, 4));
        assert_eq!(rule.decide("b", &seen).unwrap().places, 40);
    }

    #[test]
    fn a_lot_that_never_said_a_number_needs_one_from_a_person() {
        let rule = capacity(Places::GreatestSeen);
        let seen = |greatest| Seen {
            greatest,
            ..Seen::default()
        };
        assert_eq!(rule.decide("a", &seen(Some(77))).unwrap().places, 77);
        for nothing in [None, Some(0), Some(-1)] {
            let error = rule.decide("a", &seen(nothing)).unwrap_err();
            assert!(error.contains("of = { \"a\""), "{error}");
        }
    }
}
