//! A bucket lets through its burst and its rate, and no more, whatever the rhythm.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::*;
use tokio::time::Instant;

use super::{BUCKETS_MAX, ROWS_MAX, RateLimit, Rates};

#[test]
fn a_burst_passes_and_then_the_rate() {
    let rates = Rates::default();
    let start = Instant::now();
    let bucket = rates.bucket(&"bin-1".into(), RateLimit::DEVICE, start);
    let at = |ms| start + Duration::from_millis(ms);
    assert_eq!((0..60).filter(|_| bucket.take(start)).count(), 50);
    assert!(!bucket.take(at(199)));
    assert!(bucket.take(at(200)) && !bucket.take(at(200)));
    assert_eq!((0..60).filter(|_| bucket.take(at(5_200))).count(), 25);
    assert_eq!((0..60).filter(|_| bucket.take(at(60_000))).count(), 50);
    let same = rates.bucket(&"bin-1".into(), RateLimit::DEVICE, at(60_000));
    assert!(
        !same.take(at(60_000)),
        "a new connection has the same bucket"
    );
    let other = rates.bucket(&"bin-2".into(), RateLimit::DEVICE, at(60_000));
    assert!(other.take(at(60_000)));
}

#[test]
fn buckets_and_rows_are_bounded() {
    let rates = Rates::default();
    let now = Instant::now();
    let used = rates.bucket(&"zz".into(), RateLimit::DEVICE, now);
    assert_eq!((0..60).filter(|_| used.take(now)).count(), 50);
    for n in 0..BUCKETS_MAX * 2 {
        rates.bucket(&format!("id-{n}").into(), RateLimit::DEVICE, now);
    }
    assert!(rates.buckets.lock().unwrap().len() <= BUCKETS_MAX);
    let again = rates.bucket(&"zz".into(), RateLimit::DEVICE, now);
    assert!(
        !again.take(now),
        "an empty bucket is not forgotten for full ones"
    );
    let noted = (0..ROWS_MAX + 5).filter(|n| rates.note_limited(&format!("{n}").into()));
    assert_eq!(noted.count(), ROWS_MAX);
    let one: Arc<str> = "7".into();
    assert!(!rates.note_limited(&one));
    let taken = rates.take_limited();
    assert_eq!(taken.len(), ROWS_MAX);
    assert_eq!(
        taken
            .iter()
            .find(|row| row.client_id == one)
            .unwrap()
            .messages,
        2
    );
    assert_eq!(rates.take_limited(), []);
    assert!(rates.note_limited(&one), "told anew");
}

proptest! {
    #[test]
    fn no_rhythm_passes_more_than_burst_and_rate(
        per_second in 1..50_u32,
        burst in 1..50_u32,
        gaps_ms in proptest::collection::vec(0..300_u64, 1..400),
    ) {
        let limit = RateLimit {
            per_second: NonZeroU32::new(per_second).unwrap(),
            burst: NonZeroU32::new(burst).unwrap(),
        };
        let start = Instant::now();
        let bucket = Rates::default().bucket(&"x".into(), limit, start);
        let (mut now, mut passed) = (start, 0_u64);
        for gap in gaps_ms {
            now += Duration::from_millis(gap);
            passed += u64::from(bucket.take(now));
            let elapsed_us = u64::try_from((now - start).as_micros()).unwrap();
            let permitted = u64::from(burst) + elapsed_us * u64::from(per_second) / 1_000_000 + 1;
            prop_assert!(passed <= permitted, "{passed} > {permitted}");
        }
    }
}
