//! A file system of 24 MB is full: nothing is spoilt, what is given up is counted exactly, and
//! when the hub is back the edge goes on by itself.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use huitian_model::UtcMs;
use huitian_store::{Sqlite, StoreConfig};
use huitian_tests::services::{need, say, setting};

use super::Chain;
use super::account::Account;
use super::wide::{CHANNELS, Wide};
use crate::recovery::compare::Stored;

/// Bytes that something else has on the file system, so that 3 MB are soon full and soon read by
/// the hub. With `HUITIAN_EDGE_DISK_WHOLE=1` the edge has all 24 MB.
const BALLAST_BYTES: usize = 22_000_000;

/// Readings given up before the hub comes back: more than one segment of the queue.
const LOST_MIN: u64 = 50_000;

/// A blocked edge acknowledges nothing for so long before the hub comes back.
const QUIET: Duration = Duration::from_secs(2);

/// Longest wait for the disk to be full, or for the hub to have all.
const LONGEST: Duration = Duration::from_secs(180);

/// A file system in memory; gone when dropped.
struct SmallDisk(PathBuf);

impl SmallDisk {
    /// Mounts it; none where we may not.
    fn mount(folder: &Path) -> Option<Self> {
        let point = folder.join("small");
        fs::create_dir(&point).unwrap();
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", "size=24m", "tmpfs"])
            .arg(&point)
            .output();
        if !mounted.is_ok_and(|output| output.status.success()) {
            say("SKIPPED (needs the right to mount a file system of 24 MB): disk_full");
            return None;
        }
        if !has_all_of_the_disk() {
            fs::write(point.join("ballast"), vec![7; BALLAST_BYTES]).unwrap();
        }
        Some(Self(point))
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // Lazily: the edge may still have files open when a test fails.
        let gone = Command::new("umount").arg("-l").arg(&self.0).status();
        if !gone.is_ok_and(|status| status.success()) {
            say(&format!("{} stays mounted", self.0.display()));
        }
    }
}

fn has_all_of_the_disk() -> bool {
    setting("HUITIAN_EDGE_DISK_WHOLE").as_deref() == Some("1")
}

/// A queue that may have more than there is. Where there is little its segments are of 1 MB, so
/// that giving one up leaves others.
fn queue(when_full: &str) -> String {
    let size = if has_all_of_the_disk() { "32MB" } else { "8MB" };
    format!("[queue]\nsize = \"{size}\"\nwhen_full = \"{when_full}\"\n")
}

/// Whether the edge says why it cannot keep anything.
fn is_blocked(chain: &Chain) -> bool {
    let status = chain.edge.status();
    status.is_some_and(|status| status["blocked"].is_string())
}

#[test]
fn what_a_full_disk_cost_is_counted_exactly_and_the_rest_is_there() {
    let Some([mosquitto]) = need(["mosquitto"]) else {
        return;
    };
    let folder = tempfile::TempDir::with_prefix("huitian-disk-").unwrap();
    let Some(disk) = SmallDisk::mount(folder.path()) else {
        return;
    };
    let mut chain = Chain::start(
        &mosquitto,
        Some(&disk.0.join("edge")),
        &queue("drop_oldest"),
    );
    let (mqtt, begun) = (chain.edge.mqtt, Instant::now());
    chain.broker.kill();
    let mut wide = Wide::default();
    wide.deliver_until(mqtt, |_wide| {
        assert!(begun.elapsed() < LONGEST, "the disk is never full");
        chain
            .edge
            .figure("lost")
            .is_some_and(|lost| lost > LOST_MIN)
    });
    assert_eq!(wide.again, 0, "a full disk delays no acknowledgement");
    chain.broker.restart_without_database();
    chain.edge.wait_drained(LONGEST);
    chain.stop();
    let dir = chain.hub.district.data();
    let account = Account::of(&Stored::read(&dir));
    let verdict = account.against(&wide.said);
    verdict.assert_unspoilt(&account);
    let ledger = Sqlite::open_to_read(StoreConfig::new(&dir)).unwrap();
    let ledger = ledger.losses(UtcMs(0), UtcMs(i64::MAX)).unwrap();
    let told: u64 = ledger.iter().map(|lost| lost.count).sum();
    let by_device = ledger.iter().flat_map(|lost| &lost.devices);
    let by_device: u64 = by_device.map(|(_device, count)| count).sum();
    let sent = wide.said.len() * CHANNELS.len();
    say(&format!(
        "{sent} readings acknowledged, {} at the hub, {told} told as lost in {} rows",
        account.numbers.len(),
        ledger.len()
    ));
    assert_eq!(account.numbers.len() + account.lost.len(), sent);
    assert_eq!(verdict.missing.len(), account.lost.len());
    assert_eq!(usize::try_from(told).unwrap(), account.lost.len());
    assert_eq!(by_device, told, "all of it is known by device");
    assert_eq!(verdict.copies, 0);
}

#[test]
fn an_edge_that_blocks_on_a_full_disk_acknowledges_nothing_more_and_loses_nothing() {
    let Some([mosquitto]) = need(["mosquitto"]) else {
        return;
    };
    let folder = tempfile::TempDir::with_prefix("huitian-disk-").unwrap();
    let Some(disk) = SmallDisk::mount(folder.path()) else {
        return;
    };
    let mut chain = Chain::start(&mosquitto, Some(&disk.0.join("edge")), &queue("block"));
    let (mqtt, begun) = (chain.edge.mqtt, Instant::now());
    chain.broker.kill();
    let mut wide = Wide::default();
    let mut last = (0, Instant::now());
    wide.send_until(mqtt, |wide| {
        assert!(begun.elapsed() < LONGEST, "the disk is never full");
        let acknowledged = wide.said.len() - wide.open.len();
        if acknowledged > last.0 {
            last = (acknowledged, Instant::now());
        }
        last.1.elapsed() > QUIET && is_blocked(&chain)
    });
    assert!(
        !wide.open.is_empty(),
        "what is not kept is not acknowledged"
    );
    let (kept, open) = (last.0, wide.open.len());
    chain.broker.restart_without_database();
    wide.finish(mqtt);
    chain.edge.wait_drained(LONGEST);
    assert!(!is_blocked(&chain), "it goes on by itself");
    chain.stop();
    let account = Account::of(&Stored::read(&chain.hub.district.data()));
    say(&format!(
        "{kept} messages kept, then {open} refused {} times, at last {} readings at the hub",
        wide.again,
        account.numbers.len()
    ));
    let verdict = account.against(&wide.said);
    verdict.assert_whole(&account, wide.again * CHANNELS.len());
}
