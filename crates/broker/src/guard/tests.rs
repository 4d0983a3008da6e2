//! Guessing is bounded by name and by address, and others are not made to pay for it.

use std::net::IpAddr;
use std::time::Duration;

use tokio::time::Instant;

use super::{Attempts, Door, GREETINGS_MAX, ROWS_MAX, Try};

const FIRST: Try = Try::Blocked { is_first: true };
const AGAIN: Try = Try::Blocked { is_first: false };

fn address(text: &str) -> IpAddr {
    text.parse().unwrap()
}

#[test]
fn five_wrong_passwords_block_a_name_for_a_minute() {
    let attempts = Attempts::default();
    let start = Instant::now();
    let try_at = |name, seconds: u64| {
        let now = start + Duration::from_secs(seconds);
        attempts.begin(address("192.0.2.7"), Some(name), now)
    };
    for n in 0..5 {
        assert_eq!(try_at("bin-1", n), Try::Permitted);
    }
    assert_eq!(try_at("bin-1", 5), FIRST);
    assert_eq!(try_at("bin-1", 59), AGAIN);
    assert_eq!(try_at("bin-2", 59), Try::Permitted, "another name");
    let elsewhere = attempts.begin(address("192.0.2.8"), Some("bin-1"), start);
    assert_eq!(elsewhere, Try::Permitted, "another address");
    assert_eq!(try_at("bin-1", 60), Try::Permitted);
}

#[test]
fn an_address_that_tries_many_names_is_blocked_as_a_whole() {
    let attempts = Attempts::default();
    let now = Instant::now();
    // One network of IPv6 is one address.
    let spray = |n: u32| {
        let from = address(&format!("2001:db8::{n:x}"));
        attempts.begin(from, Some(&format!("name-{n}")), now)
    };
    assert!((0..20).all(|n| spray(n) == Try::Permitted));
    assert_eq!(spray(20), FIRST);
    assert_eq!(spray(21), AGAIN);
    let other = attempts.begin(address("2001:db8:0:1::1"), Some("name-0"), now);
    assert_eq!(other, Try::Permitted);
}

#[test]
fn right_passwords_cost_nothing() {
    let attempts = Attempts::default();
    let now = Instant::now();
    let from = address("::ffff:192.0.2.7");
    for _ in 0..1_000 {
        assert_eq!(attempts.begin(from, Some("bin-1"), now), Try::Permitted);
        attempts.succeeded(from, "bin-1");
    }
}

#[test]
fn what_is_remembered_is_bounded() {
    let attempts = Attempts::default();
    let now = Instant::now();
    for n in 0..u32::try_from(ROWS_MAX).unwrap() * 2 {
        attempts.begin(IpAddr::V4(n.into()), None, now);
    }
    assert!(attempts.rows().len() <= ROWS_MAX);
}

#[test]
fn an_address_that_fills_the_door_does_not_keep_others_out() {
    let door = Door::default();
    let mut inside: Vec<_> = (0..GREETINGS_MAX)
        .map(|_| door.enter(address("192.0.2.7")).unwrap())
        .collect();
    assert!(door.enter(address("192.0.2.7")).is_none());
    assert!(door.enter(address("192.0.2.8")).is_some());
    inside.pop();
    assert!(door.enter(address("192.0.2.7")).is_some());
    drop(inside);
    assert!(door.0.lock().unwrap().is_empty(), "nothing stays behind");
}
