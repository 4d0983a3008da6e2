//! Accounts: absolute counts that are never overwritten by smaller ones.

use huitian_model::{AssetKind, Quantity, UtcMs};

use super::{MINUTE, Story, at, in_use};

const DAY: i64 = 24 * 60 * MINUTE;

fn one_bay() -> Story {
    Story::lot(1, None)
        .asset("b", AssetKind::Bay, Quantity::Occupied)
        .tick(at(9, 58, 0))
}

/// How many readings the accounts hold at the end.
fn accepted(story: &Story) -> u64 {
    let told = story.told();
    let accounts = told.run.accounts();
    accounts.values().map(|row| row.counts.accepted).sum()
}

#[test]
fn a_tick_accounts_for_all_readings_before_it() {
    let story = one_bay()
        .said("b", at(10, 1, 0), in_use(true))
        .said("b", at(10, 2, 0), in_use(true))
        .tick(at(10, 2, 10));
    assert_eq!(accepted(&story), 2);
}

#[test]
fn an_account_survives_an_outage_of_eleven_days() {
    let eleven_days_later = UtcMs(at(12, 0, 0).0 + 11 * DAY);
    let story = one_bay()
        .said("b", at(10, 1, 0), in_use(true))
        .said("b", at(10, 2, 0), in_use(true))
        .tick(at(10, 2, 10))
        .tick(UtcMs(at(12, 0, 0).0 + DAY))
        .tick(eleven_days_later)
        .tick(eleven_days_later.plus(10 * MINUTE))
        // Received by the edge on the first day, and delivered only now.
        .said("b", at(10, 3, 0), in_use(true))
        .tick(eleven_days_later.plus(20 * MINUTE));
    assert_eq!(accepted(&story), 3);
}
