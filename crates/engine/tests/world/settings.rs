//! Settings of a generated case.

use huitian_model::{FillLevel, Settings};

use super::pick;

const MINUTE: i64 = 60_000;

/// Settings by four drawn numbers: lateness, settling, limits of fill, and delays.
pub fn settings(drawn: (u8, u8, u8, u8)) -> Settings {
    let level = |hundredths| FillLevel::from_hundredths(hundredths).unwrap();
    let lateness = [48 * 60, 48 * 60, 48 * 60, 600, 60, 10, 3, 1];
    let settle = [2 * MINUTE, 2 * MINUTE, 0, 1, 60_001, 10 * MINUTE];
    let limits = [
        (9_000, 8_000, 4_000),
        (9_000, 8_000, 4_000),
        (5_000, 4_999, 1),
        (10_000, 0, 10_000),
        (9_000, 8_000, 1_000),
        (9_000, 8_000, 900),
        (9_000, 8_000, 1_000),
    ];
    let delays = [(5, 0), (0, 0), (1, 5), (0, 2)];
    let mut settings = Settings::with_defaults().unwrap();
    settings.lateness_ms = pick(&lateness, drawn.0) * MINUTE;
    settings.settle_ms = pick(&settle, drawn.1);
    let (on, off, drop) = pick(&limits, drawn.2);
    settings.overflow.on = level(on);
    settings.overflow.off = level(off);
    settings.emptied_drop = level(drop);
    settings.spike.limit = level(pick(&[2_000, 0, 500, 9_000], drawn.0 + drawn.3));
    settings.spike.rise_per_hour = pick(&[6_000, 0, 600, 100_000], drawn.1 + drawn.3 / 4);
    let (on_delay, off_delay) = pick(&delays, drawn.3);
    settings.overflow.on_delay_ms = on_delay * MINUTE;
    settings.overflow.off_delay_ms = off_delay * MINUTE;
    settings.gate_miscount_ppm = pick(&[10_000, 0, 500_000, 333_333], drawn.3 / 4 + drawn.2);
    settings
}
