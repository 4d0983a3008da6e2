//! Opening a folder: whatever state it is in, the queue starts, and says what it found.

use crate::disk::{Disk, DiskFile};
use crate::error::QueueError;
use crate::ledger::LossReason;
use crate::limits::Limits;
use crate::queue::Queue;
use crate::survey::{Damage, DamageKind, LOCK, Survey, survey};
use crate::write::Active;

/// What opening found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Opened {
    /// There was no queue in the folder.
    pub is_new: bool,
    /// The epoch that was found, where a new one had to begin.
    pub epoch_before: Option<u64>,
    /// What is not as it was written. A torn tail alone is normal after a power cut.
    pub damage: Vec<Damage>,
}

impl<D: Disk> Queue<D> {
    /// Opens a folder, or makes it. `random` must be drawn anew for each call: epochs and salts
    /// come from it. Reads everything once (see `examples/measure.rs` for what that takes).
    ///
    /// # Errors
    ///
    /// See [`QueueError`]; nothing changed where it failed.
    pub fn open(
        disk: D,
        limits: Limits,
        now_ms: i64,
        random: u64,
    ) -> Result<(Self, Opened), QueueError> {
        limits.check()?;
        disk.make_folder()
            .map_err(QueueError::disk("make the queue's folder"))?;
        let lock = disk
            .lock(LOCK)
            .map_err(QueueError::disk("lock the queue's folder"))?;
        let lock = lock.ok_or(QueueError::InUse)?;
        let mut found = survey(&disk)?;
        let opened = settle(&mut found, now_ms, random);
        let active = if found.is_headless {
            None
        } else {
            last_file(&disk, &mut found)
        };
        let mut queue = Self {
            disk,
            _lock: lock,
            limits,
            state: found.state,
            segments: found
                .live
                .into_iter()
                .map(|(at, facts)| (at, facts.segment))
                .collect(),
            active,
            next_seq: found.next_seq,
            salt: random.rotate_left(17) ^ 0x6875_6974_6961_6E71,
            has_release: false,
            is_poisoned: false,
            has_reserve: found.has_reserve,
            leftovers: found.leftovers,
            thin: Vec::new(),
            on_drop: Self::no_detail(),
            #[cfg(test)]
            deletes_before_ledger: false,
        };
        // What does not count goes before a new file can get its name.
        queue.clear_leftovers();
        // The snapshot proves that all before it was durable. On a full disk it waits for the
        // next write; until then the folder would be found again as it was found now.
        match queue.change(&[], None, &|_| {}) {
            Err(error) if !error.is_no_space() => return Err(error),
            _ => {}
        }
        queue.sweep()?;
        queue.fill_reserve();
        Ok((queue, opened))
    }
}

/// Turns what was found into a state to go on from.
fn settle(found: &mut Survey, now_ms: i64, random: u64) -> Opened {
    let is_new = found.is_new();
    let old = found.state.epoch;
    let mut opened = Opened {
        is_new,
        epoch_before: None,
        damage: Vec::new(),
    };
    let rows = std::mem::take(&mut found.rows);
    found.state.lose(rows, LossReason::Damaged, now_ms);
    if let Some(number) = found.live.keys().next_back() {
        found.state.next_segment = found.state.next_segment.max(number.saturating_add(1));
    }
    if let Some(run) = found.state.runs.last() {
        found.state.next_segment = found.state.next_segment.max(run.end);
    }
    let lanes = found.state.lanes.values_mut();
    if is_new {
        found.state.epoch = random;
    } else if found.is_headless || !found.has_state {
        for lane in lanes {
            lane.base = lane.released;
            lane.limit = lane.released;
        }
        opened.epoch_before = Some(old);
        found.state.epoch = if random == old {
            random.wrapping_add(1)
        } else {
            random
        };
        let what = if found.has_state {
            DamageKind::NewestMissing
        } else {
            DamageKind::NoState
        };
        let file = String::new();
        found.damage.push(Damage {
            file,
            bytes: 0..0,
            what,
            lost: Vec::new(),
        });
    } else if !found.damage.is_empty() {
        // A permit may be among what is damaged: what was stored may have been sent.
        for lane in lanes {
            lane.limit = lane.limit.max(lane.next);
        }
    }
    opened.damage.clone_from(&found.damage);
    opened
}

/// The newest file to go on with: only a whole one, cut off behind its last good batch.
fn last_file<D: Disk>(disk: &D, found: &mut Survey) -> Option<Active<D::File>> {
    let (number, facts) = found.live.last_key_value()?;
    if !facts.bad.is_empty() || facts.start.is_none() {
        return None;
    }
    let file = disk.open(&facts.segment.name).ok()?;
    if facts.size != facts.segment.bytes {
        file.set_size(facts.segment.bytes).ok()?;
        file.sync().ok()?;
    }
    Some(Active {
        number: *number,
        file,
    })
}
