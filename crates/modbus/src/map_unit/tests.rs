//! Units by map.
