//! What failing units may cost: an account of bus time.
//!
//! It earns a share of the time that passes, holds at most `cap`, and pays for every failed
//! request. So over any time `t` failures are paid for with no more than `cap + share * t`; what
//! is owed beyond that (at most the failures that make units degraded) delays the next probe.

use std::time::Duration;

use tokio::time::Instant;

/// In nanoseconds times 100, so that a percentage is earned exactly. 2^127 of them are more than
/// 10^19 years.
type Cents = i128;

#[derive(Debug)]
pub(super) struct Account {
    share_percent: u8,
    balance: Cents,
    cap: Cents,
    earned_until: Instant,
}

fn cents(time: Duration) -> Cents {
    Cents::try_from(time.as_nanos())
        .unwrap_or(Cents::MAX)
        .saturating_mul(100)
}

impl Account {
    /// Begins full. The share is held between 1 and 90 percent.
    pub fn new(share_percent: u8, cap: Duration, now: Instant) -> Self {
        Self {
            share_percent: share_percent.clamp(1, 90),
            balance: cents(cap),
            cap: cents(cap),
            earned_until: now,
        }
    }

    fn earn(&mut self, now: Instant) {
        let passed = now.saturating_duration_since(self.earned_until);
        self.earned_until = self.earned_until.max(now);
        let earned = cents(passed).saturating_mul(Cents::from(self.share_percent)) / 100;
        self.balance = self.balance.saturating_add(earned).min(self.cap);
    }

    /// Pays for a failed request.
    pub fn charge(&mut self, cost: Duration, now: Instant) {
        self.earn(now);
        self.balance = self.balance.saturating_sub(cents(cost));
    }

    /// Whether a probe that may cost this much can be paid for; a full account pays for any.
    pub fn affords(&mut self, cost: Duration, now: Instant) -> bool {
        self.earn(now);
        self.balance >= cents(cost).min(self.cap)
    }

    /// Whether failures have cost more than they may.
    pub fn is_overdrawn(&mut self, now: Instant) -> bool {
        self.earn(now);
        self.balance < 0
    }
}

#[cfg(test)]
mod tests {
    //! The account, to the nanosecond.

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn failures_cost_no_more_than_the_cap_and_the_share() {
        let begin = Instant::now();
        let cost = Duration::from_millis(1_500);
        let mut account = Account::new(5, cost * 3, begin);
        let mut spent = Duration::ZERO;
        for step in 0..100_000_u32 {
            let now = begin + Duration::from_millis(100) * step;
            if account.affords(cost, now) {
                account.charge(cost, now);
                spent += cost;
            }
            let may = cost * 3 + (now - begin) / 20;
            assert!(spent <= may, "{spent:?} of {may:?} after {step}");
        }
        // 10,000 s: and what may be spent is spent.
        assert!(
            spent + cost * 2 > Duration::from_secs(500) + cost * 3,
            "{spent:?}"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn a_debt_is_paid_off_before_the_next_probe() {
        let begin = Instant::now();
        let second = Duration::from_secs(1);
        let mut account = Account::new(10, second, begin);
        account.charge(second * 4, begin);
        assert!(account.is_overdrawn(begin));
        assert!(!account.affords(second, begin + second * 39));
        assert!(account.affords(second, begin + second * 40));
    }

    #[tokio::test(start_paused = true)]
    async fn a_clock_that_stands_earns_nothing() {
        let begin = Instant::now();
        let second = Duration::from_secs(1);
        let mut account = Account::new(50, second, begin + second * 10);
        account.charge(second, begin);
        assert!(!account.affords(second, begin + second * 11));
        assert!(account.affords(second, begin + second * 12));
    }
}
