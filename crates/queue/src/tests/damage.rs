//! Every byte cut off, every bit flipped, files missing, extra, exchanged.

use crate::number::{narrow, wide};
use crate::simulated::Simulated;
use crate::tests::faults::{opens, work};
use crate::tests::rig::{NOW, Rig, SMALL};
use crate::{DamageKind, Limits, Queue, QueueError, inspect};

/// A queue of some segments that was closed in order.
fn closed() -> Rig {
    let mut rig = Rig::new(Limits {
        reserve_bytes: 0,
        ..SMALL
    });
    for at in 0..12 {
        rig.append(&[(at % 2, 2, 150), (5, 1, 30)], at % 3 == 0)
            .unwrap();
    }
    rig.queue.take().unwrap().close().unwrap();
    rig
}

fn segments(disk: &Simulated) -> Vec<String> {
    let mut names = crate::Disk::list(disk).unwrap();
    names.retain(|name| crate::segment::parse_name(name).is_some());
    names
}

#[test]
fn every_flipped_bit_costs_one_frame_at_most_and_names_it() {
    let mut rig = closed();
    let image = rig.disk.copy();
    let mut largest = 0;
    for name in segments(&image) {
        let content = image.content(&name).unwrap();
        for bit in 0..content.len() * 8 {
            let mut bad = content.clone();
            bad[bit / 8] ^= 1 << (bit % 8);
            rig.disk = image.copy();
            rig.disk.put(&name, Some(bad));
            let opened = rig.reopen();
            assert!(!opened.damage.is_empty(), "{name} bit {bit} went unnoticed");
            assert_eq!(opened.epoch_before, None);
            let lost: u64 = [0, 1, 5].iter().map(|lane| rig.queue().lost(*lane)).sum();
            let named: u64 = opened
                .damage
                .iter()
                .flat_map(|one| &one.lost)
                .map(|lost| lost.count)
                .sum();
            assert_eq!(lost, named, "{name} bit {bit}: {:?}", opened.damage);
            assert!(lost <= 2, "{name} bit {bit} costs {lost} readings");
            largest = largest.max(lost);
            for page in rig.book.values_mut() {
                page.lost.clear();
            }
        }
    }
    assert_eq!(largest, 2, "some bit costs an entry");
}

#[test]
fn damage_is_counted_once_however_often_the_folder_is_opened() {
    let mut rig = closed();
    let name = segments(&rig.disk).remove(0);
    let mut content = rig.disk.content(&name).unwrap();
    let middle = content.len() / 2;
    content[middle] ^= 1;
    rig.disk.put(&name, Some(content));
    rig.reopen();
    let lost: u64 = [0, 1, 5].iter().map(|lane| rig.queue().lost(*lane)).sum();
    assert!(lost > 0);
    for _ in 0..4 {
        rig.reopen();
        assert_eq!(
            lost,
            [0, 1, 5]
                .iter()
                .map(|lane| rig.queue().lost(*lane))
                .sum::<u64>()
        );
    }
}

#[test]
fn a_frame_that_rots_while_the_queue_is_open_is_counted_when_it_is_read() {
    for index in [0, 1] {
        let mut rig = closed();
        rig.reopen();
        let name = segments(&rig.disk).remove(index);
        let mut content = rig.disk.content(&name).unwrap();
        let middle = content.len() / 2;
        content[middle] ^= 1;
        rig.disk.put(&name, Some(content));
        rig.check();
        let lost: u64 = [0, 1, 5].iter().map(|lane| rig.queue().lost(*lane)).sum();
        assert!(lost > 0);
        rig.reopen();
        assert_eq!(
            lost,
            [0, 1, 5]
                .iter()
                .map(|lane| rig.queue().lost(*lane))
                .sum::<u64>()
        );
    }
}

#[test]
fn every_truncation_opens_and_keeps_what_stands_before_it() {
    let rig = closed();
    let image = rig.disk.copy();
    for name in segments(&image) {
        let content = image.content(&name).unwrap();
        for length in 0..content.len() {
            let disk = image.copy();
            disk.put(&name, Some(content[..length].to_vec()));
            let (queue, opened) = Queue::open(disk, rig.limits, NOW, 9).unwrap();
            for (lane, page) in &rig.book {
                let is_newest = segments(&image).last() == Some(&name);
                let missing = page.next.saturating_sub(queue.next(*lane));
                assert!(
                    missing == 0 || is_newest,
                    "{name} cut at {length}: {opened:?}"
                );
            }
        }
    }
}

#[test]
fn the_newest_file_cut_anywhere_gives_back_every_whole_batch() {
    let mut rig = Rig::new(SMALL);
    let mut ends = Vec::new();
    for at in 0..4 {
        rig.append(&[(0, 1, 10 + at)], false).unwrap();
        ends.push(rig.queue().stats().bytes);
    }
    let name = segments(&rig.disk).remove(0);
    let content = rig.disk.content(&name).unwrap();
    for length in narrow(ends[0])..=content.len() {
        let disk = rig.disk.copy();
        disk.put(&name, Some(content[..length].to_vec()));
        let (queue, _) = Queue::open(disk, SMALL, NOW, 9).unwrap();
        let whole = ends.iter().filter(|end| **end <= wide(length)).count();
        assert_eq!(queue.next(0), wide(whole), "cut at {length} of {ends:?}");
    }
}

#[test]
fn a_missing_segment_is_one_gap_with_its_exact_count() {
    let image = closed();
    let names = segments(&image.disk);
    for (index, name) in names.iter().enumerate().take(names.len() - 1) {
        let mut rig = closed();
        rig.disk.put(name, None);
        let opened = rig.reopen();
        let missing = opened
            .damage
            .iter()
            .find(|one| one.what == DamageKind::Missing);
        let missing = missing.unwrap_or_else(|| panic!("{index}: {opened:?}"));
        assert_eq!(&missing.file, name);
        assert!(
            missing.lost.iter().map(|lost| lost.count).sum::<u64>() > 0,
            "{opened:?}"
        );
        assert!(rig.reopen().damage.is_empty(), "it is told once");
    }
}

#[test]
fn without_its_newest_segment_a_new_epoch_begins() {
    let mut rig = closed();
    let epoch = rig.open().map(|_| rig.queue().epoch()).unwrap();
    rig.queue = None;
    let name = segments(&rig.disk).pop().unwrap();
    rig.disk.put(&name, None);
    let opened = rig.open().unwrap();
    assert_eq!(opened.epoch_before, Some(epoch));
    assert!(
        opened
            .damage
            .iter()
            .any(|one| one.what == DamageKind::NewestMissing)
    );
    assert_ne!(rig.queue().epoch(), epoch);
}

#[test]
fn without_any_snapshot_a_new_epoch_begins_and_entries_are_kept() {
    let mut rig = Rig::new(SMALL);
    rig.append(&[(0, 3, 50)], false).unwrap();
    rig.append(&[(0, 2, 50)], false).unwrap();
    let name = segments(&rig.disk).remove(0);
    let mut content = rig.disk.content(&name).unwrap();
    // The one that the file began with, and the one that opening wrote.
    content[82 + 20] ^= 1;
    content[155 + 20] ^= 1;
    rig.disk.put(&name, Some(content));
    let opened = rig.open().unwrap();
    assert!(
        opened
            .damage
            .iter()
            .any(|one| one.what == DamageKind::NoState),
        "{opened:?}"
    );
    assert!(opened.epoch_before.is_some());
    let heads: Vec<(u64, u32)> = rig.read_all().iter().map(|e| (e.n, e.count)).collect();
    assert_eq!(heads, [(0, 3), (3, 2)]);
}

#[test]
fn exchanged_extra_and_foreign_files_are_named_and_cost_nothing() {
    let mut rig = closed();
    let names = segments(&rig.disk);
    let (one, two) = (rig.disk.content(&names[0]), rig.disk.content(&names[1]));
    rig.disk.put(&names[0], two);
    rig.disk.put(&names[1], one.clone());
    rig.disk.put("0000009999.seg", one);
    rig.disk.put("notes.txt", Some(b"hello".to_vec()));
    let opened = rig.reopen();
    let has = |what| opened.damage.iter().any(|one| one.what == what);
    assert!(
        has(DamageKind::Foreign) && has(DamageKind::Misnamed),
        "{opened:?}"
    );
    assert_eq!(rig.read_all().len(), 24);
    assert!(
        rig.disk.content("notes.txt").is_some(),
        "what is not ours is left alone"
    );
}

#[test]
fn a_tail_of_zeros_is_the_end() {
    let mut rig = Rig::new(SMALL);
    rig.append(&[(0, 3, 50)], false).unwrap();
    let name = segments(&rig.disk).remove(0);
    let mut content = rig.disk.content(&name).unwrap();
    content.resize(content.len() + 5000, 0);
    rig.disk.put(&name, Some(content));
    let opened = rig.reopen();
    assert_eq!(opened.damage.len(), 1);
    assert_eq!(opened.damage[0].what, DamageKind::ZeroTail);
    rig.append(&[(0, 3, 50)], false).unwrap();
    assert!(rig.reopen().damage.is_empty());
}

#[test]
fn another_version_is_refused_with_the_files_name() {
    let rig = closed();
    let name = segments(&rig.disk).remove(0);
    let mut content = rig.disk.content(&name).unwrap();
    for copy in [0, 41] {
        content[copy + 8] = 2;
        let crc = crc32fast::hash(&content[copy..copy + 37]);
        content[copy + 37..copy + 41].copy_from_slice(&crc.to_le_bytes());
    }
    rig.disk.put(&name, Some(content));
    let error = opens(&rig.disk).unwrap_err();
    assert!(
        matches!(&error, QueueError::Version { file, got: 2 } if *file == name),
        "{error}"
    );
}

#[test]
fn a_payload_that_looks_like_a_frame_is_never_taken_for_one() {
    let mut rig = Rig::new(SMALL);
    rig.append(&[(0, 1, 10)], false).unwrap();
    let name = segments(&rig.disk).remove(0);
    let content = rig.disk.content(&name).unwrap();
    // A device sends what another queue's disk holds; then the frame around it rots.
    let (mut other, _) = Queue::open(Simulated::default(), SMALL, NOW, 12345).unwrap();
    let entry = crate::NewEntry {
        lane: 0,
        count: 1,
        at_ms: NOW,
        payload: &content[82..],
    };
    other.append(NOW, &[entry]).unwrap();
    other
        .append(
            NOW,
            &[crate::NewEntry {
                payload: b"x",
                ..entry
            }],
        )
        .unwrap();
    let disk = other.disk.clone();
    drop(other);
    let name = segments(&disk).remove(0);
    let mut bytes = disk.content(&name).unwrap();
    let inner = bytes
        .windows(60)
        .position(|part| part == &content[82..142])
        .unwrap();
    bytes[inner - 3] ^= 1;
    disk.put(&name, Some(bytes));
    let (mut queue, _) = Queue::open(disk, SMALL, NOW, 5).unwrap();
    let out = queue
        .read(crate::Position::default(), 1 << 20, &mut |_, _| true)
        .unwrap();
    assert_eq!(out.entries.len(), 1);
    assert_eq!(out.entries[0].payload, b"x");
}

#[test]
fn inspecting_changes_nothing_and_says_what_opening_would_say() {
    let mut rig = Rig::new(SMALL);
    work(&mut rig).unwrap_or_else(|error| panic!("{error}"));
    rig.queue = None;
    let name = segments(&rig.disk).remove(0);
    let mut content = rig.disk.content(&name).unwrap();
    let middle = content.len() / 2;
    content[middle] ^= 4;
    rig.disk.put(&name, Some(content));
    let names = crate::Disk::list(&rig.disk).unwrap();
    let before: Vec<_> = names.iter().map(|name| rig.disk.content(name)).collect();
    let report = inspect(&rig.disk).unwrap();
    let after: Vec<_> = names.iter().map(|name| rig.disk.content(name)).collect();
    assert!(before == after, "the folder was changed");
    let opened = rig.open().unwrap();
    assert_eq!(report.damage, opened.damage);
    assert_eq!(report.epoch, Some(rig.queue().epoch()));
}

#[test]
fn rot_in_the_only_snapshot_that_removed_a_segment_makes_nothing_look_lost() {
    let mut rig = Rig::new(SMALL);
    for _ in 0..14 {
        rig.append(&[(0, 2, 300), (1, 1, 10)], false).unwrap();
    }
    let name = segments(&rig.disk).pop().unwrap();
    let (before, count) = (
        rig.disk.content(&name).unwrap().len(),
        segments(&rig.disk).len(),
    );
    rig.release(1, 12).unwrap();
    rig.release(0, 12).unwrap();
    assert!(segments(&rig.disk).len() < count, "segments went");
    rig.disk.kill();
    let image = rig.disk.copy();
    let content = image.content(&name).unwrap();
    assert!(content.len() > before);
    for at in before..content.len() {
        let mut bad = content.clone();
        bad[at] ^= 1;
        let disk = image.copy();
        disk.put(&name, Some(bad));
        let (queue, _) = Queue::open(disk, rig.limits, NOW, 9).unwrap();
        assert_eq!(queue.lost(0) + queue.lost(1), 0, "byte {at} of {before}..");
    }
}

#[test]
fn a_frame_that_rots_before_its_segment_is_thinned_or_dropped_is_in_the_ledger() {
    for when_full in [crate::WhenFull::DropOldest, crate::WhenFull::ThinOut] {
        for rounds in [12, 60] {
            let limits = Limits { when_full, ..SMALL };
            let mut rig = Rig::new(limits);
            for _ in 0..rounds {
                rig.append(&[(0, 2, 100), (1, 1, 100)], false).unwrap();
            }
            let name = segments(&rig.disk).remove(0);
            let mut content = rig.disk.content(&name).unwrap();
            let middle = content.len() / 2;
            content[middle] ^= 1;
            rig.disk.put(&name, Some(content));
            for _ in 0..rounds + 60 {
                rig.append(&[(0, 2, 100), (1, 1, 100)], false).unwrap();
            }
            rig.check();
            rig.reopen();
        }
    }
}

#[test]
fn a_release_is_never_forgotten_below_what_rotted_after_it() {
    let mut rig = Rig::new(SMALL);
    rig.append(&[(1, 1, 40), (1, 4, 40), (1, 1, 40), (1, 1, 40)], false)
        .unwrap();
    rig.release(1, 5).unwrap();
    assert_eq!(rig.queue().released(1), 2);
    // The entry that the released number cuts, and later the one behind it.
    for (n, lost) in [(1_u64, 3), (5, 4)] {
        rig.queue.take().unwrap().close().unwrap();
        let name = segments(&rig.disk).remove(0);
        let mut content = rig.disk.content(&name).unwrap();
        let entry = [&[1][..], &n.to_le_bytes()].concat();
        let at = content.windows(9).position(|part| part == entry).unwrap();
        content[at + 1] ^= 0x40;
        rig.disk.put(&name, Some(content));
        rig.reopen();
        assert_eq!((rig.queue().lost(1), rig.queue().released(1)), (lost, 2));
    }
}
