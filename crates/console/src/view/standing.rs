//! How a facility stands, in one word: the same for tiles, lists and filters.

use huitian_model::{BinCurrent, Current, CurrentBody, LotCurrent};
use serde::Serialize;

/// Of the places of a full lot at most one in ten may be unknown.
const FULL_UNKNOWN_SHARE: i64 = 10;

/// A lot is nearly full when at most one place in twenty may be free.
const NEARLY_FULL_SHARE: i64 = 20;

/// A word with its icon and colour, gravest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Standing {
    /// A bin is above its limit.
    Overflowing,
    /// No place is known to be free.
    Full,
    /// Nothing is known.
    Blind,
    /// Few places are free.
    NearlyFull,
    /// Nothing of note.
    Normal,
}

impl Standing {
    /// The name, which is a CSS class, an icon and the end of a text key too.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Overflowing => "overflowing",
            Self::Full => "full",
            Self::Blind => "blind",
            Self::NearlyFull => "nearly-full",
            Self::Normal => "normal",
        }
    }

    /// Whether somebody should look.
    pub const fn needs_attention(self) -> bool {
        match self {
            Self::Overflowing | Self::Full | Self::Blind => true,
            Self::NearlyFull | Self::Normal => false,
        }
    }
}

/// How a facility stands.
pub(crate) fn of(current: &Current) -> Standing {
    if current.is_blind() {
        // A bin that overflowed when it was last heard is still not emptied for all we know.
        return match &current.body {
            CurrentBody::Station(bins) if bins.iter().any(overflows) => Standing::Overflowing,
            CurrentBody::Station(_) | CurrentBody::Lot(_) => Standing::Blind,
        };
    }
    match &current.body {
        CurrentBody::Lot(lot) if is_full(lot) => Standing::Full,
        CurrentBody::Lot(lot) if is_nearly_full(lot) => Standing::NearlyFull,
        CurrentBody::Station(bins) if bins.iter().any(overflows) => Standing::Overflowing,
        CurrentBody::Lot(_) | CurrentBody::Station(_) => Standing::Normal,
    }
}

/// Whether a bin overflows.
pub(crate) const fn overflows(bin: &BinCurrent) -> bool {
    bin.overflow_since.is_some()
}

/// No place is known to be free, and at most one in ten is unknown.
pub(crate) fn is_full(lot: &LotCurrent) -> bool {
    let unknown = i64::from(lot.unknown.max(0));
    lot.free <= 0 && unknown * FULL_UNKNOWN_SHARE <= i64::from(lot.capacity)
}

/// At most one place in twenty may be free.
fn is_nearly_full(lot: &LotCurrent) -> bool {
    let may_be_free = i64::from(lot.free.max(0)) + i64::from(lot.unknown.max(0));
    may_be_free * NEARLY_FULL_SHARE <= i64::from(lot.capacity)
}

#[cfg(test)]
mod tests {
    use huitian_model::{AssetId, FacilityId, FillLevel, SiteId, Stream, UtcMs};

    use super::*;

    fn current(fresh: u32, body: CurrentBody) -> Current {
        Current {
            site: SiteId::new("s").unwrap(),
            facility: FacilityId::new("f").unwrap(),
            as_of: UtcMs(0),
            newest_at: None,
            channels_fresh: fresh,
            channels_total: 4,
            body,
        }
    }

    fn lot(in_use: i32, free: i32, unknown: i32) -> Current {
        let capacity = u32::try_from(in_use + free + unknown).unwrap();
        let lot = LotCurrent {
            capacity,
            in_use,
            free,
            unknown,
            bays: Vec::new(),
            gates: None,
        };
        current(4, CurrentBody::Lot(lot))
    }

    fn station(fresh: u32, overflow: bool) -> Current {
        let bin = BinCurrent {
            asset: AssetId::new("b").unwrap(),
            stream: Stream::Kitchen,
            fill: None,
            last_fill: Some(FillLevel::FULL),
            bad: None,
            newest_at: None,
            overflow_since: overflow.then_some(UtcMs(0)),
            emptied_at: None,
        };
        current(fresh, CurrentBody::Station(vec![bin]))
    }

    #[test]
    fn a_lot_is_full_only_if_nearly_all_places_are_known() {
        assert_eq!(of(&lot(100, 0, 0)), Standing::Full);
        assert_eq!(of(&lot(90, 0, 10)), Standing::Full);
        assert_eq!(of(&lot(80, 0, 20)), Standing::Normal);
        assert_eq!(of(&lot(96, 4, 0)), Standing::NearlyFull);
        assert_eq!(of(&lot(94, 6, 0)), Standing::Normal);
    }

    #[test]
    fn silence_never_hides_an_overflow() {
        assert_eq!(of(&station(0, true)), Standing::Overflowing);
        assert_eq!(of(&station(0, false)), Standing::Blind);
    }

    #[test]
    fn a_lot_of_which_nothing_is_known_is_blind_and_not_free() {
        let mut blind = lot(0, 0, 100);
        blind.channels_fresh = 0;
        assert_eq!(of(&blind), Standing::Blind);
    }
}
