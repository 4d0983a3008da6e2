//! Looks at a whole folder without changing it: what is there, what is damaged, what is missing.

use std::collections::BTreeMap;
use std::io;
use std::ops::Range;

use crate::account;
use crate::disk::Disk;
use crate::error::QueueError;
use crate::frame::{HEAD_BYTES, Head, HeadRead};
use crate::ledger::Missing;
use crate::missing;
use crate::segment::{Facts, Segment, Tail, file_name, parse_name, scan};
use crate::state::State;
use crate::track::Track;
use crate::write::RESERVE;

/// The file that is locked.
pub(crate) const LOCK: &str = "lock";

/// What is wrong with a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DamageKind {
    /// One of the two copies of the head; nothing is lost.
    Head,
    /// Bytes that are no frame, with good frames after them.
    Frames,
    /// An append that was never finished, or the last ones of a file that rotted.
    TornTail,
    /// Space that was set aside and never written.
    ZeroTail,
    /// The file is not there.
    Missing,
    /// The file has no head, or the disk does not give it back.
    Unreadable,
    /// The file has another segment's name, and was read as what it says it is.
    Misnamed,
    /// The same segment stands under another name already.
    Twice,
    /// Not a file of a queue; left alone.
    Foreign,
    /// The newest segment is gone, so a new epoch began.
    NewestMissing,
    /// No snapshot was left, so a new epoch began.
    NoState,
}

/// Numbers of a lane of which `count` are lost.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LostRange {
    /// The lane.
    pub lane: u8,
    /// The numbers, in the epoch in which the folder was found.
    pub numbers: Range<u64>,
    /// How many of them.
    pub count: u64,
}

/// Something in the folder that is not as it was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Damage {
    /// The file's name.
    pub file: String,
    /// Which bytes; all of them where it is the file itself.
    pub bytes: Range<u64>,
    /// What.
    pub what: DamageKind,
    /// Which numbers are lost with it; empty where none are or that cannot be known.
    pub lost: Vec<LostRange>,
}

/// Everything that was found.
#[derive(Debug, Default)]
pub(crate) struct Survey {
    pub(crate) state: State,
    pub(crate) has_state: bool,
    pub(crate) live: BTreeMap<u64, Facts>,
    pub(crate) rows: Vec<Missing>,
    pub(crate) damage: Vec<Damage>,
    pub(crate) leftovers: Vec<String>,
    pub(crate) next_seq: u64,
    pub(crate) has_reserve: bool,
    /// The newest segment is missing.
    pub(crate) is_headless: bool,
}

impl Survey {
    /// Whether there are no segments at all.
    pub(crate) fn is_new(&self) -> bool {
        self.live.is_empty() && !self.has_state
    }

    fn damaged(&mut self, file: &str, bytes: Range<u64>, what: DamageKind) {
        self.damage.push(Damage {
            file: file.to_owned(),
            bytes,
            what,
            lost: Vec::new(),
        });
    }
}

/// Reads everything.
pub(crate) fn survey<D: Disk>(disk: &D) -> Result<Survey, QueueError> {
    let mut survey = Survey::default();
    let heads = heads(disk, &mut survey)?;
    let mut track = Track::default();
    let mut facts: BTreeMap<(u64, u32), Facts> = BTreeMap::new();
    for (key, (name, head)) in &heads {
        let mut later = heads.iter().filter(|((number, _), _)| *number > key.0);
        let seq_end = later
            .next()
            .map_or(u64::MAX, |(_, (_, head))| head.first_seq);
        let mut read = || {
            let file = disk.open(name)?;
            scan(
                &file,
                Segment::new(*head, name.clone()),
                seq_end,
                &mut track,
            )
        };
        // Twice, since a disk may give on the second try what it refused at first; replaying
        // what was replayed already changes nothing.
        match read().or_else(|_| read()) {
            Ok(found) => {
                survey.next_seq = survey.next_seq.max(found.next_seq);
                facts.insert(*key, found);
            }
            // A disk that cannot give back one segment must not cost the others.
            Err(error) if is_bad_sector(&error) => {
                survey.damaged(name, 0..0, DamageKind::Unreadable);
            }
            Err(error) => return Err(QueueError::disk("read a segment")(error)),
        }
    }
    (survey.state, survey.has_state) = (track.state, track.has_state);
    choose(&mut survey, facts);
    judge(disk, &mut survey)?;
    Ok(survey)
}

/// Files by the number and generation of their heads.
type Heads = BTreeMap<(u64, u32), (String, Head)>;

/// The heads of all segment files, by what they say they are.
fn heads<D: Disk>(disk: &D, survey: &mut Survey) -> Result<Heads, QueueError> {
    let mut heads: Heads = BTreeMap::new();
    let mut names = disk
        .list()
        .map_err(QueueError::disk("list the queue's folder"))?;
    // Files with the name that they should have come first.
    names.sort_by_key(|name| (parse_name(name).is_none(), name.clone()));
    let mut misnamed = Vec::new();
    for name in names {
        if name == RESERVE || name == LOCK {
            survey.has_reserve |= name == RESERVE;
            continue;
        }
        let Some(key) = parse_name(&name) else {
            survey.damaged(&name, 0..0, DamageKind::Foreign);
            continue;
        };
        let read = || disk.open(&name).and_then(|file| Head::read(&file));
        match read().or_else(|_| read()) {
            Ok(HeadRead::Version(got)) => return Err(QueueError::Version { file: name, got }),
            Ok(HeadRead::Good { head, damaged }) => {
                if damaged {
                    survey.damaged(&name, 0..HEAD_BYTES, DamageKind::Head);
                }
                if (head.number, head.generation) == key {
                    heads.insert(key, (name, head));
                } else {
                    misnamed.push((name, head));
                }
            }
            Ok(HeadRead::Bad) => survey.damaged(&name, 0..HEAD_BYTES, DamageKind::Unreadable),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) if is_bad_sector(&error) => {
                survey.damaged(&name, 0..0, DamageKind::Unreadable);
            }
            Err(error) => return Err(QueueError::disk("read a segment")(error)),
        }
    }
    for (name, head) in misnamed {
        let key = (head.number, head.generation);
        let what = if heads.contains_key(&key) {
            DamageKind::Twice
        } else {
            DamageKind::Misnamed
        };
        survey.damaged(&name, 0..0, what);
        heads.entry(key).or_insert((name, head));
    }
    Ok(heads)
}

/// `EIO`: the data is gone. Anything else (no file handles left, no rights) says nothing of it.
fn is_bad_sector(error: &io::Error) -> bool {
    const EIO: i32 = 5;
    error.raw_os_error() == Some(EIO)
}

/// Keeps of each segment the generation that counts.
fn choose(survey: &mut Survey, facts: BTreeMap<(u64, u32), Facts>) {
    let state = &survey.state;
    let is_live = |number: u64| {
        !survey.has_state || number >= state.next_segment || state.generation(number).is_some()
    };
    let mut keys: Vec<(u64, u32)> = facts.keys().copied().collect();
    // The generation of the state first, then the highest.
    keys.sort_by_key(|(number, generation)| {
        let is_other = state.generation(*number) != Some(*generation);
        (*number, is_other, std::cmp::Reverse(*generation))
    });
    let mut chosen: BTreeMap<u64, u32> = BTreeMap::new();
    for (number, generation) in keys {
        if is_live(number) {
            chosen.entry(number).or_insert(generation);
        }
    }
    for ((number, generation), found) in facts {
        let is_empty = found.segment.bytes == HEAD_BYTES && found.bad.is_empty();
        let is_chosen = chosen.get(&number) == Some(&generation);
        if is_chosen && !(is_empty && number >= survey.state.next_segment) {
            survey.live.insert(number, found);
        } else {
            survey.leftovers.push(found.segment.name);
        }
    }
}

/// A file without a head that no snapshot knows was being made when the power went.
fn unborn(survey: &mut Survey) {
    let newest = survey.live.last_key_value();
    let is_sealed = newest.is_some_and(|(_, facts)| facts.trailer.is_some());
    for one in survey
        .damage
        .iter_mut()
        .filter(|one| one.what == DamageKind::Unreadable)
    {
        let Some((number, generation)) = parse_name(&one.file) else {
            continue;
        };
        let is_next = number >= survey.state.next_segment && !is_sealed;
        let is_copy = generation > 0 && survey.state.generation(number) != Some(generation);
        if survey.has_state && (is_next || is_copy) {
            one.what = DamageKind::TornTail;
            survey.leftovers.push(one.file.clone());
        }
    }
}

/// Says what is damaged and what is missing.
fn judge<D: Disk>(disk: &D, survey: &mut Survey) -> Result<(), QueueError> {
    unborn(survey);
    let mut damage = std::mem::take(&mut survey.damage);
    let runs = survey.state.runs.iter().flat_map(|run| run.first..run.end);
    let absent: Vec<u64> = runs
        .filter(|number| !survey.live.contains_key(number))
        .collect();
    for number in &absent {
        let generation = survey.state.generation(*number).unwrap_or_default();
        let file = file_name(*number, generation);
        if !damage
            .iter()
            .any(|one| one.file == file && one.what == DamageKind::Unreadable)
        {
            damage.push(Damage {
                file,
                bytes: 0..0,
                what: DamageKind::Missing,
                lost: Vec::new(),
            });
        }
    }
    for facts in survey.live.values() {
        for bytes in &facts.bad {
            damage.push(damage_of(facts, bytes.clone(), DamageKind::Frames));
        }
        let bytes = facts.segment.bytes..facts.size;
        match facts.tail {
            Tail::Torn => damage.push(damage_of(facts, bytes, DamageKind::TornTail)),
            Tail::Zeros => damage.push(damage_of(facts, bytes, DamageKind::ZeroTail)),
            Tail::Clean => {}
        }
    }
    if let Some((number, facts)) = survey.live.last_key_value() {
        let is_behind = absent.last().is_some_and(|absent| absent > number);
        survey.is_headless = facts.trailer.is_some() || is_behind;
    } else if !absent.is_empty() {
        survey.is_headless = true;
    }
    let counts = count(disk, survey)?;
    let rows = {
        let present = survey
            .live
            .iter()
            .map(|(number, facts)| (*number, Some(facts)));
        let mut live: Vec<missing::Live<'_>> = present
            .chain(absent.iter().map(|number| (*number, None)))
            .collect();
        live.sort_by_key(|(number, _)| *number);
        missing::find(&survey.state, &live, &counts)
    };
    for (number, row) in rows {
        attribute(survey, &mut damage, number, &row);
        survey.rows.push(row);
    }
    survey.damage = damage;
    Ok(())
}

/// How many readings of each lane are lost that were not known to be.
fn count<D: Disk>(disk: &D, survey: &mut Survey) -> Result<BTreeMap<u8, u64>, QueueError> {
    let (live, state) = (&survey.live, &mut survey.state);
    let mut counts = BTreeMap::new();
    for (number, lane) in &mut state.lanes {
        let segments = || live.values().map(|facts| &facts.segment);
        let mut stored_from = |at| account::stored_from(disk, segments(), *number, at);
        if state.is_unmarked {
            // Older folders say only how many readings the segments should hold.
            let missing = lane.stored.saturating_sub(stored_from(0)?);
            let absent = lane.absent(lane.mark, stored_from(lane.mark)?);
            lane.gone = absent.saturating_sub(missing);
        }
        counts.insert(*number, account::new_losses(lane, &mut stored_from)?);
    }
    state.is_unmarked = false;
    Ok(counts)
}

fn damage_of(facts: &Facts, bytes: Range<u64>, what: DamageKind) -> Damage {
    Damage {
        file: facts.segment.name.clone(),
        bytes,
        what,
        lost: Vec::new(),
    }
}

/// Names the lost numbers with the first damage of the segment that had them.
fn attribute(survey: &Survey, damage: &mut Vec<Damage>, number: u64, row: &Missing) {
    let at = survey.state.lane(row.lane);
    let lost = LostRange {
        lane: row.lane,
        numbers: at.visible(row.first)..at.visible(row.end),
        count: row.count,
    };
    let generation = survey.state.generation(number).unwrap_or_default();
    let name = survey
        .live
        .get(&number)
        .map(|facts| facts.segment.name.clone());
    let file = name.unwrap_or_else(|| file_name(number, generation));
    match damage
        .iter_mut()
        .find(|one| one.file == file && one.what != DamageKind::Head)
    {
        Some(one) => one.lost.push(lost),
        None => damage.push(Damage {
            file,
            bytes: 0..0,
            what: DamageKind::Frames,
            lost: vec![lost],
        }),
    }
}
