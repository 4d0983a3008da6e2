//! A device: the accounts of its readings, and its health.

use huitian_model::{
    AccountKey, AccountRow, ChannelName, Counts, DeviceId, DeviceRow, EdgeId, Output, Reason,
    SiteId, UtcMs,
};
use serde::{Deserialize, Serialize};

use crate::history::Standing;
use crate::kept::{DAY_MS, Kept};

/// An account that has not changed for so long is forgotten, ms. Its row is absolute, so readings
/// of its day that came later still would begin it anew: 90 days are as long as readings are kept
/// at all. A device costs some 100 bytes a day, 9 KB in all.
const ACCOUNT_KEPT_MS: i64 = 90 * DAY_MS;

/// A device's row is published at most so often, ms.
const ROW_EVERY_MS: i64 = 5 * 60_000;

/// In fast-forward, at most so often where nothing but its times changed, ms.
const ROW_EVERY_FAST_MS: i64 = 3_600_000;

/// How many of its last readings the skew of a device's clock is taken from.
const SKEW_OF: usize = 16;

/// The counts of one device at one edge on one UTC day.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Account {
    edge: u16,
    day: i32,
    counts: Counts,
    is_changed: bool,
    changed_at: UtcMs,
}

/// Where readings of one fate are counted; none is applied.
const fn place(counts: &mut Counts, reason: Option<Reason>) -> &mut u64 {
    match reason {
        None => &mut counts.applied,
        Some(reason) => counts.by_mut(reason),
    }
}

/// How a device is.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Health {
    /// Event time of its newest reading.
    pub watermark: Option<UtcMs>,
    /// `received_at` of its newest reading.
    pub heard_at: Option<UtcMs>,
    /// Battery, percent.
    pub battery: Option<u8>,
    /// `received_at - at` of the last readings, ms.
    skews: Vec<i64>,
    next_skew: u8,
    shown: Option<Shown>,
}

#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
struct Shown {
    row: DeviceRow,
    at: UtcMs,
}

/// A device, also one that no inventory knows.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Device {
    /// Which.
    pub id: DeviceId,
    /// Where; none while the inventory does not know it.
    pub site: Option<SiteId>,
    /// How long its readings hold, ms.
    pub valid_for_ms: i64,
    /// Its channels that the inventory binds.
    pub channels: Vec<(ChannelName, u32)>,
    /// How it is.
    pub health: Health,
    /// Whether it stands in the list of devices with news.
    pub is_listed: bool,
    accounts: Vec<Account>,
}

impl Device {
    /// A device that no inventory knows yet.
    pub fn new(id: DeviceId) -> Self {
        Self {
            id,
            site: None,
            valid_for_ms: 0,
            channels: Vec::new(),
            health: Health::default(),
            is_listed: false,
            accounts: Vec::new(),
        }
    }

    /// The counts of an edge and a UTC day, to count in.
    pub fn counts(&mut self, edge: u16, day: i32) -> Option<&mut Counts> {
        let is_it = |account: &Account| account.edge == edge && account.day == day;
        let known = self.accounts.iter().rposition(is_it);
        let place = known.unwrap_or_else(|| {
            self.accounts.push(Account {
                edge,
                day,
                counts: Counts::default(),
                is_changed: true,
                changed_at: UtcMs(i64::MIN),
            });
            self.accounts.len() - 1
        });
        let account = self.accounts.get_mut(place)?;
        account.is_changed = true;
        Some(&mut account.counts)
    }

    /// Counts one accepted reading by its fate; `None` is applied.
    pub fn count(&mut self, edge: u16, day: i32, reason: Option<Reason>) {
        if let Some(counts) = self.counts(edge, day) {
            counts.accepted += 1;
            *place(counts, reason) += 1;
        }
    }

    /// Accounts a reading otherwise than before. One that a repair took in stays late.
    pub fn restate(&mut self, kept: &Kept, before: Standing, now: Standing) {
        if kept.is_taken_in_late() {
            return;
        }
        if let Some(counts) = self.counts(kept.edge, kept.day()) {
            let old = place(counts, before.reason());
            *old = old.saturating_sub(1);
            *place(counts, now.reason()) += 1;
        }
    }

    /// Publishes the accounts that changed.
    pub fn publish_accounts(&mut self, edges: &[EdgeId], now: UtcMs, out: &mut Vec<Output>) {
        for account in self
            .accounts
            .iter_mut()
            .filter(|account| account.is_changed)
        {
            account.is_changed = false;
            account.changed_at = now;
            let Some(edge) = edges.get(usize::from(account.edge)) else {
                continue;
            };
            out.push(Output::Account(AccountRow {
                key: AccountKey {
                    edge: edge.clone(),
                    device: self.id.clone(),
                    day: UtcMs(i64::from(account.day) * DAY_MS),
                },
                site: self.site.clone(),
                counts: account.counts,
            }));
        }
    }

    /// Forgets accounts that have long been at rest.
    pub fn forget_accounts(&mut self, now: UtcMs) {
        let oldest = now.minus(ACCOUNT_KEPT_MS);
        let is_kept = |account: &Account| account.is_changed || account.changed_at >= oldest;
        self.accounts.retain(is_kept);
    }

    /// Takes in a reading that was applied.
    pub fn hear(&mut self, at: UtcMs, received_at: UtcMs) {
        let health = &mut self.health;
        health.watermark = health.watermark.max(Some(at));
        health.heard_at = health.heard_at.max(Some(received_at));
        let skew = received_at.since(at);
        let place = usize::from(health.next_skew);
        match health.skews.get_mut(place) {
            Some(old) => *old = skew,
            None => health.skews.push(skew),
        }
        let next = (place + 1) % SKEW_OF;
        health.next_skew = u8::try_from(next).unwrap_or(0);
    }

    /// Publishes its row where it changed and enough time has passed. Returns whether it is to
    /// be looked at again at the next tick.
    pub fn publish_row(&mut self, now: UtcMs, is_fast: bool, out: &mut Vec<Output>) -> bool {
        let Some(site) = &self.site else {
            return false;
        };
        let health = &mut self.health;
        let expiry = health.watermark.map(|at| at.plus(self.valid_for_ms));
        let idle = expiry.is_none_or(|expiry| expiry <= now);
        if let Some(shown) = &health.shown {
            let is_same_kind = shown.row.idle == idle && shown.row.battery == health.battery;
            let every = if is_fast && is_same_kind {
                ROW_EVERY_FAST_MS
            } else {
                ROW_EVERY_MS
            };
            if now.since(shown.at) < every {
                return true;
            }
        }
        let row = DeviceRow {
            device: self.id.clone(),
            site: site.clone(),
            watermark: health.watermark,
            heard_at: health.heard_at,
            idle,
            battery: health.battery,
            skew_ms: health.skews.iter().min().copied(),
        };
        if health.shown.as_ref().is_some_and(|shown| shown.row == row) {
            return !row.idle;
        }
        let is_awake = !row.idle;
        health.shown = Some(Shown {
            row: row.clone(),
            at: now,
        });
        out.push(Output::Device(row));
        is_awake
    }
}
