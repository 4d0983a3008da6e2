//! What an address may do before it has shown who it is: stand at the door, and guess passwords.
//!
//! Addresses are counted as their owners have them: IPv4 each, IPv6 by their /64.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// Wrong passwords for one name from one address, a minute.
const WRONG_FOR_NAME: u32 = 5;
/// Wrong log-ins from one address, a minute: four devices with an old password behind the router
/// that others share do not lock those out.
const WRONG_FROM_ADDRESS: u32 = 20;
const WITHIN: Duration = Duration::from_secs(60);
/// Addresses and names remembered within a minute; above it all are forgotten.
const ROWS_MAX: usize = 4_096;
/// Connections of one address that have not logged in yet. Each may take 20 s (handshake and
/// CONNECT): a silent flood holds 128 of 10,000 places. 128 edges that come back at once through
/// one router fit.
const GREETINGS_MAX: u32 = 128;

fn place(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => {
            let network = u128::from(address) >> 64 << 64;
            Ipv6Addr::from(network).into()
        }
        address @ IpAddr::V4(_) => address,
    }
}

#[derive(Debug, Clone, Copy)]
struct Row {
    since: Instant,
    tries: u32,
}

type Rows = BTreeMap<(IpAddr, Option<Arc<str>>), Row>;

/// Whether a password may be tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Try {
    Permitted,
    /// Too many were wrong. `is_first`: nobody was told yet.
    Blocked {
        is_first: bool,
    },
}

/// The log-ins that went wrong within the last minute.
#[derive(Debug, Default)]
pub(crate) struct Attempts(Mutex<Rows>);

impl Attempts {
    fn rows(&self) -> MutexGuard<'_, Rows> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts a try before its password is looked at, so that tries at the same time are counted
    /// too. `name` is none for names that no user can have.
    pub(crate) fn begin(&self, address: IpAddr, name: Option<&str>, now: Instant) -> Try {
        let mut rows = self.rows();
        let address = place(address);
        let named = (address, Some(name.unwrap_or_default().into()));
        let of_name = take(&mut rows, named, WRONG_FOR_NAME, now);
        if of_name != Try::Permitted {
            return of_name;
        }
        take(&mut rows, (address, None), WRONG_FROM_ADDRESS, now)
    }

    /// The password was right: the try does not count, and the name's earlier ones are forgotten.
    pub(crate) fn succeeded(&self, address: IpAddr, name: &str) {
        let mut rows = self.rows();
        let address = place(address);
        rows.remove(&(address, Some(name.into())));
        if let Some(row) = rows.get_mut(&(address, None)) {
            row.tries = row.tries.saturating_sub(1);
        }
    }
}

fn take(rows: &mut Rows, key: (IpAddr, Option<Arc<str>>), tries_max: u32, now: Instant) -> Try {
    let is_over = |row: &Row| now.saturating_duration_since(row.since) >= WITHIN;
    if rows.len() >= ROWS_MAX && !rows.contains_key(&key) {
        rows.retain(|_, row| !is_over(row));
        if rows.len() >= ROWS_MAX {
            // An attacker with thousands of addresses gains five more tries for each of them.
            rows.clear();
        }
    }
    let fresh = Row {
        since: now,
        tries: 0,
    };
    let row = rows.entry(key).or_insert(fresh);
    if is_over(row) {
        *row = fresh;
    }
    let is_first = row.tries == tries_max;
    row.tries = row.tries.saturating_add(1);
    if row.tries > tries_max {
        return Try::Blocked { is_first };
    }
    Try::Permitted
}

type Counts = Mutex<BTreeMap<IpAddr, u32>>;

/// Connections that have not logged in yet, by address.
#[derive(Debug, Clone, Default)]
pub(crate) struct Door(Arc<Counts>);

/// A place at the door, given back when dropped.
#[derive(Debug)]
pub(crate) struct Visit {
    counts: Arc<Counts>,
    place: IpAddr,
}

impl Door {
    /// None if as many of the address are there as may be.
    pub(crate) fn enter(&self, address: IpAddr) -> Option<Visit> {
        let place = place(address);
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let count = counts.entry(place).or_default();
        if *count >= GREETINGS_MAX {
            return None;
        }
        *count = count.saturating_add(1);
        let counts = Arc::clone(&self.0);
        Some(Visit { counts, place })
    }
}

impl Drop for Visit {
    fn drop(&mut self) {
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = counts.get_mut(&self.place) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                counts.remove(&self.place);
            }
        }
    }
}

#[cfg(test)]
mod tests;
