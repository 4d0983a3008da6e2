//! The queue on real file systems: the kept fixture, the lock, and a disk of 24 MB that fills up.
#![expect(clippy::unwrap_used, reason = "tests, and what helps them")]

use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use huitian_queue::{
    Folder, Limits, LossReason, NewEntry, Position, Queue, QueueError, WhenFull, inspect,
};

const AT: i64 = 1_790_000_000_000;

fn read_all(queue: &mut Queue<Folder>) -> Vec<huitian_queue::StoredEntry> {
    let (mut from, mut all) = (Position::default(), Vec::new());
    loop {
        let out = queue.read(from, 1 << 20, &mut |_, _| true).unwrap();
        if out.entries.is_empty() {
            return all;
        }
        from = out.next;
        all.extend(out.entries);
    }
}

fn fixture() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/v1")
}

#[test]
fn version_one_is_read_as_it_was_written() {
    let dir = tempfile::tempdir().unwrap();
    for file in std::fs::read_dir(fixture()).unwrap() {
        let file = file.unwrap();
        std::fs::copy(file.path(), dir.path().join(file.file_name())).unwrap();
    }
    let report = inspect(&Folder::new(dir.path())).unwrap();
    assert!(report.damage.is_empty(), "{:?}", report.damage);
    let limits = Limits {
        bytes_max: 1 << 20,
        segment_bytes: 4096,
        ..Limits::default()
    };
    let (mut queue, opened) = Queue::open(Folder::new(dir.path()), limits, AT, 2).unwrap();
    assert_eq!((opened.is_new, opened.epoch_before), (false, None));
    assert_eq!(queue.epoch(), 1);
    assert_eq!((queue.next(0), queue.next(1), queue.next(63)), (30, 30, 60));
    assert_eq!((queue.released(0), queue.send_limit(63)), (20, 60));
    let reasons: Vec<LossReason> = queue.losses().iter().map(|loss| loss.reason).collect();
    assert!(reasons.contains(&LossReason::Thinned), "{reasons:?}");
    let all = read_all(&mut queue);
    let mut stored: BTreeMap<u8, u64> = BTreeMap::new();
    for entry in &all {
        let at = u8::try_from(entry.at_ms - AT).unwrap();
        assert_eq!(entry.payload, [at; 100]);
        *stored.entry(entry.lane).or_default() += u64::from(entry.count);
    }
    for lane in [1, 63] {
        assert_eq!(
            stored[&lane] + queue.lost(lane),
            queue.next(lane),
            "lane {lane}"
        );
    }
}

#[test]
fn a_folder_that_is_in_use_is_refused_until_it_is_left() {
    let dir = tempfile::tempdir().unwrap();
    let folder = Folder::new(dir.path().join("new/deeper"));
    let (queue, opened) = Queue::open(folder.clone(), Limits::default(), AT, 1).unwrap();
    assert!(opened.is_new);
    let second = Queue::open(folder.clone(), Limits::default(), AT, 2);
    assert!(matches!(second, Err(QueueError::InUse)));
    queue.close().unwrap();
    let (_, opened) = Queue::open(folder, Limits::default(), AT, 3).unwrap();
    assert!(!opened.is_new && opened.damage.is_empty());
}

/// A file system of 24 MB in memory, gone when dropped.
struct Small(tempfile::TempDir);

impl Small {
    fn mount() -> Option<Self> {
        let dir = tempfile::tempdir().unwrap();
        let mut mount = Command::new("mount");
        mount
            .args(["-t", "tmpfs", "-o", "size=24m", "huitian-queue-test"])
            .arg(dir.path());
        if mount.output().is_ok_and(|output| output.status.success()) {
            return Some(Self(dir));
        }
        let name = std::thread::current().name().unwrap_or_default().to_owned();
        let said = format!("SKIPPED (needs root to mount a tmpfs): {name}\n");
        std::io::stderr().write_all(said.as_bytes()).unwrap();
        #[expect(clippy::disallowed_methods, reason = "the one setting of this test")]
        let required = std::env::var("HUITIAN_REQUIRE_SERVICES");
        assert_ne!(
            required.as_deref(),
            Ok("1"),
            "a skip where none is permitted"
        );
        None
    }
}

impl Drop for Small {
    fn drop(&mut self) {
        let unmounted = Command::new("umount").arg(self.0.path()).status();
        assert!(unmounted.is_ok_and(|status| status.success()) || std::thread::panicking());
    }
}

#[test]
fn a_disk_of_24_mb_fills_up_and_the_ledger_is_exact_under_each_policy() {
    for when_full in [WhenFull::Block, WhenFull::DropOldest, WhenFull::ThinOut] {
        let Some(small) = Small::mount() else { return };
        let limits = Limits {
            bytes_max: 1 << 30,
            segment_bytes: 1 << 20,
            when_full,
            ..Limits::default()
        };
        let filler = small.0.path().join("filler");
        std::fs::write(&filler, vec![1; 4 << 20]).unwrap();
        let folder = Folder::new(small.0.path().join("queue"));
        let (mut queue, _) = Queue::open(folder.clone(), limits, AT, 1).unwrap();
        let (mut accepted, mut refused) = (0_u64, 0_u64);
        let append = |queue: &mut Queue<Folder>, n: u64| {
            let payload = n.to_le_bytes().repeat(64);
            let entry = NewEntry {
                lane: 5,
                count: 1,
                at_ms: AT,
                payload: &payload,
            };
            queue.append(AT, &[entry])
        };
        for _ in 0..80_000 {
            match append(&mut queue, accepted) {
                Ok(_) => accepted += 1,
                Err(QueueError::Full { .. }) => refused += 1,
                Err(other) => panic!("{when_full:?} after {accepted}: {other}"),
            }
        }
        check(&mut queue, accepted);
        assert_eq!(refused > 0, when_full == WhenFull::Block);
        assert_eq!(queue.lost(5) > 0, when_full != WhenFull::Block);
        std::fs::remove_file(&filler).unwrap();
        for _ in 0..1000 {
            append(&mut queue, accepted).unwrap();
            accepted += 1;
        }
        check(&mut queue, accepted);
        drop(queue);
        let (mut queue, opened) = Queue::open(folder, limits, AT, 2).unwrap();
        assert!(
            opened.damage.is_empty(),
            "{when_full:?}: {:?}",
            opened.damage
        );
        check(&mut queue, accepted);
        drop(queue);
    }
}

/// Reference less stored is what the ledger says, and what is stored is what was appended.
fn check(queue: &mut Queue<Folder>, accepted: u64) {
    let all = read_all(queue);
    for entry in &all {
        assert_eq!(entry.payload, entry.n.to_le_bytes().repeat(64));
    }
    let stored = u64::try_from(all.len()).unwrap();
    assert_eq!(queue.next(5), accepted);
    assert_eq!(queue.lost(5), accepted - stored);
    let told: u64 = queue.losses().iter().map(|loss| loss.count).sum();
    assert_eq!(told, accepted - stored);
}
