//! When a message is tried again.

/// Tries before a message is given up: with the waits below these last 24 hours.
pub const ATTEMPTS_MAX: u32 = 33;

/// Longest wait between two tries, ms: one hour.
const WAIT_MAX_MS: i64 = 3_600_000;

/// First wait, ms.
const WAIT_FIRST_MS: i64 = 5_000;

/// How long to wait after `attempts` failed tries, ms: 5 s doubled each time, at most an hour,
/// less up to a quarter by `jitter` (any number: so that many messages do not come at once).
pub fn retry_after_ms(attempts: u32, jitter: u64) -> i64 {
    let doubled = WAIT_FIRST_MS.saturating_mul(1_i64 << attempts.saturating_sub(1).min(20));
    let wait = doubled.min(WAIT_MAX_MS);
    let share = i64::try_from(jitter % 1_000).unwrap_or_default();
    wait - wait / 4 * share / 1_000
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_to_an_hour_and_all_tries_last_about_a_day() {
        let total: i64 = (1..ATTEMPTS_MAX)
            .map(|attempt| retry_after_ms(attempt, 0))
            .sum();
        assert!((20 * 3_600_000..26 * 3_600_000).contains(&total), "{total}");
        assert_eq!(retry_after_ms(1, 0), 5_000);
        assert!(retry_after_ms(u32::MAX, 999) > 2_600_000);
        assert!(retry_after_ms(u32::MAX, 999) < retry_after_ms(u32::MAX, 0));
    }
}
