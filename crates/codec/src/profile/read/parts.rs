//! Parts of a message that are not at fixed places: records, blocks, groups.

use super::{Decoding, Scope, When, shape};
use crate::profile::MessageKind;
use crate::profile::bits::Raw;
use crate::profile::layout::{Flags, Group, Message, RecordLength, Spacing, TaggedRecord, start};
use crate::refusal::Refusal;

/// Groups of a message: one of one byte each in the longest payload.
const GROUPS_MAX: usize = 255;
/// The greatest step between two groups, in seconds: a month.
const EVERY_S_MAX: i64 = 31 * 86_400;

impl<'a> Decoding<'a> {
    /// Reads records up to the end, or up to one that the profile does not know and whose length
    /// nothing says: behind it nothing can be read.
    pub(super) fn read_records(
        &mut self,
        message: &'a Message,
        bytes: &'a [u8],
    ) -> Result<(), Refusal> {
        let mut at = message.records_at.min(bytes.len());
        let mut known_records = 0_usize;
        while at < bytes.len() {
            let rest = bytes.get(at..).unwrap_or(&[]);
            match record(message, rest)? {
                Part::Unknown {
                    length: Some(length),
                } => {
                    self.unread += length;
                    at += length;
                }
                Part::Unknown { length: None } => {
                    self.unread += rest.len();
                    break;
                }
                Part::Known {
                    record,
                    value,
                    from,
                    length,
                } => {
                    self.read_record(record, (value, at + from))?;
                    known_records += 1;
                    at += length;
                }
            }
        }
        if known_records == 0 && !bytes.is_empty() {
            self.message = None;
        }
        Ok(())
    }

    fn read_record(
        &mut self,
        record: &'a TaggedRecord,
        part: (&'a [u8], usize),
    ) -> Result<(), Refusal> {
        if self.kind != Some(MessageKind::Startup) {
            self.kind = record.kind.or(self.kind);
        }
        let from = self.values.len();
        let scope = if record.is_timed {
            self.scopes.push(Scope {
                group: None,
                when: When::Unknown,
            });
            self.scopes.len()
        } else {
            0
        };
        self.read_fields(&record.fields, part, scope)?;
        self.compute(&record.fields, from, scope);
        if record.is_timed {
            self.set_own_time(record.clock.as_ref(), from, scope);
        }
        Ok(())
    }

    pub(super) fn read_blocks(&mut self, flags: &'a Flags, bytes: &'a [u8]) -> Result<(), Refusal> {
        let width = flags.shape.width();
        let part = start(bytes.len(), flags.at, width)
            .and_then(|start| bytes.get(start..start.checked_add(width)?));
        let Some(Raw::Int(set)) = part.map(|part| flags.shape.read(part)) else {
            return Err(shape(format!("flags: found {} bytes", bytes.len())));
        };
        let mut at = flags.blocks_at;
        for block in &flags.blocks {
            if (set >> block.bit) & 1 == 0 {
                continue;
            }
            let Some(part) = bytes.get(at..at.saturating_add(block.length)) else {
                let (bit, length, found) = (block.bit, block.length, bytes.len());
                let text =
                    format!("block of bit {bit}: expected {length} bytes at {at}, found {found}");
                return Err(shape(text));
            };
            let from = self.values.len();
            self.read_fields(&block.fields, (part, at), 0)?;
            self.compute(&block.fields, from, 0);
            at += block.length;
        }
        self.unread += bytes.len().saturating_sub(at);
        Ok(())
    }

    pub(super) fn read_group(&mut self, group: &'a Group, bytes: &'a [u8]) -> Result<(), Refusal> {
        let rest = bytes.get(group.at..).unwrap_or(&[]);
        let found = rest.chunks_exact(group.length).len();
        let count = group.count.unwrap_or(found).min(GROUPS_MAX);
        if found < count {
            let name = &group.name;
            return Err(shape(format!(
                "group {name}: expected {count}, found {found}"
            )));
        }
        if group.count.is_none() {
            self.unread += rest.len() - (rest.len() / group.length) * group.length;
        }
        let every_s = match &group.spacing {
            Spacing::Own | Spacing::Unknown => None,
            Spacing::Seconds(seconds) => Some(*seconds),
            Spacing::Field(name) => self
                .value(name, 0, 0)
                .and_then(|value| value.field.judged_number(value.raw).ok()?.whole())
                .filter(|seconds| (1..=EVERY_S_MAX).contains(seconds)),
        };
        for (index, part) in rest.chunks_exact(group.length).take(count).enumerate() {
            let back = if group.newest_first {
                index
            } else {
                count - 1 - index
            };
            // The newest one is read all the same: a measurement of nothing is no silence, and
            // the profile's spoils must see it.
            let is_newest = back == 0 && group.spacing != Spacing::Own;
            let is_empty = |absent: u8| !is_newest && part.iter().all(|byte| *byte == absent);
            if group.absent.is_some_and(is_empty) {
                continue;
            }
            self.read_one_group(
                group,
                (part, group.at + index * group.length),
                (index, back),
            )?;
            if group.spacing == Spacing::Own || back == 0 {
                continue;
            }
            let steps = i64::try_from(back).unwrap_or(i64::MAX);
            if let (Some(scope), Some(every_s)) = (self.scopes.last_mut(), every_s) {
                let every_ms = every_s * 1_000;
                scope.when = When::Back { steps, every_ms };
            }
        }
        Ok(())
    }

    fn read_one_group(
        &mut self,
        group: &'a Group,
        part: (&'a [u8], usize),
        (index, back): (usize, usize),
    ) -> Result<(), Refusal> {
        let from = self.values.len();
        let when = if back == 0 && group.spacing != Spacing::Own {
            When::Message
        } else {
            When::Unknown
        };
        self.scopes.push(Scope {
            group: Some((&group.name, index)),
            when,
        });
        let scope = self.scopes.len();
        self.read_fields(&group.fields, part, scope)?;
        self.compute(&group.fields, from, scope);
        if group.spacing == Spacing::Own {
            self.set_own_time(group.clock.as_ref(), from, scope);
        }
        Ok(())
    }
}

/// The next part of a stream.
enum Part<'a, 'b> {
    Known {
        record: &'a TaggedRecord,
        value: &'b [u8],
        /// Where the value begins.
        from: usize,
        /// Of the record with tag and length.
        length: usize,
    },
    Unknown {
        length: Option<usize>,
    },
}

/// The record at the beginning of `rest`, which is not empty.
fn record<'a, 'b>(message: &'a Message, rest: &'b [u8]) -> Result<Part<'a, 'b>, Refusal> {
    let (head, counted) = match message.record_length {
        RecordLength::Before => (1, rest.first().map(|length| usize::from(*length))),
        RecordLength::Fixed | RecordLength::After => (0, None),
    };
    let tagged = rest.get(head..).unwrap_or(&[]);
    let known = message
        .records
        .iter()
        .find(|record| tagged.starts_with(&record.tag));
    let width = message.records.first().map_or(0, |record| record.tag.len());
    let (from, value) = match message.record_length {
        RecordLength::Fixed => match known {
            Some(record) => (width, record.length),
            None => return Ok(Part::Unknown { length: None }),
        },
        RecordLength::Before => {
            let value = counted.and_then(|counted| counted.checked_sub(width));
            let text = "record: its length is shorter than its tag";
            (1 + width, value.ok_or_else(|| shape(text.to_owned()))?)
        }
        RecordLength::After => {
            let text = "record: cut off before its length";
            let value = rest.get(width).ok_or_else(|| shape(text.to_owned()))?;
            (1 + width, usize::from(*value))
        }
    };
    let length = from + value;
    let (Some(part), tag) = (rest.get(from..length), rest.get(head..head + width)) else {
        let tag = rest.get(head..rest.len().min(head + width)).unwrap_or(&[]);
        let text = format!("record {tag:02x?}: expected {value} bytes more");
        return Err(shape(text));
    };
    match known {
        Some(record) if tag.is_some() => Ok(Part::Known {
            record,
            value: part,
            from,
            length,
        }),
        Some(_) | None => Ok(Part::Unknown {
            length: Some(length),
        }),
    }
}
