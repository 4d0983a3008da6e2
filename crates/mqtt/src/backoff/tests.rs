//! Waits grow, are jittered and stay within their bounds.

use std::time::Duration;

use super::Backoff;

#[test]
fn waits_double_up_to_half_a_minute_and_begin_again() {
    let mut backoff = Backoff::new();
    let waits: Vec<u64> = (0..8)
        .map(|_| backoff.wait_with(u32::MAX).as_secs())
        .collect();
    assert_eq!(waits, [1, 2, 4, 8, 16, 30, 30, 30]);
    assert_eq!(backoff.wait_with(0), Duration::from_secs(15));
    backoff.reset();
    assert_eq!(backoff.wait_with(0), Duration::from_millis(500));
}

#[test]
fn no_wait_is_longer_than_the_longest_nor_shorter_than_half_the_first() {
    let mut backoff = Backoff::new();
    for _ in 0..1_000 {
        let wait = backoff.wait();
        assert!(
            (Duration::from_millis(500)..=Duration::from_secs(30)).contains(&wait),
            "{wait:?}"
        );
    }
}
