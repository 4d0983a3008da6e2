//! Numbers for showing: from integers and back, in one place.

/// `n` for showing; exact up to 2^53.
#[expect(
    clippy::cast_precision_loss,
    clippy::as_conversions,
    reason = "for showing only: 2^53 ms are 285,000 years"
)]
pub const fn float(n: i64) -> f64 {
    n as f64
}

/// The whole number nearest to `x`, held within the range of `i64`; 0 for NaN.
#[expect(
    clippy::cast_possible_truncation,
    clippy::as_conversions,
    reason = "a float cast holds at the ends of the range and turns NaN into 0"
)]
pub fn whole(x: f64) -> i64 {
    x.round() as i64
}
