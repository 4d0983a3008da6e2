//! Messages with their records, blocks and groups.

use toml::Spanned;

use super::field::{self, Around, Source};
use super::{Fault, LAYOUTS_MAX, fault};
use crate::UPLINK_BYTES_MAX;
use crate::profile::Channel;
use crate::profile::CounterKind;
use crate::profile::bits::Shape;
use crate::profile::layout::{
    Block, Check, Field, Flags, Group, Message, RecordLength, Spacing, TaggedRecord,
};
use crate::profile::raw::{
    MessageKind, RawBlock, RawCheck, RawClock, RawGroup, RawMessage, RawNewest, RawRecord,
    RawRecordLength,
};
use crate::profile::text::Pattern;
use crate::profile::time::Clock;

/// The greatest step between two groups: a month.
const EVERY_S_MAX: i64 = 31 * 86_400;

pub(super) fn message(raw: &RawMessage, channels: &[Channel]) -> Result<Message, Fault> {
    let is_named = raw.fields.iter().any(|field| field.path.is_some());
    is_of_one_form(raw, is_named)?;
    let text = match &raw.text {
        Some(text) => Some(Pattern::parse(text.get_ref()).map_err(|told| fault(text, &told))?),
        None => None,
    };
    let source = match (&text, is_named) {
        (Some(pattern), _) => Source::Text(pattern),
        (None, true) => Source::Named,
        (None, false) => Source::Bytes,
    };
    let records = records(raw, channels)?;
    let flags = flags(raw, channels)?;
    let beside: Vec<&str> = records
        .iter()
        .flat_map(|record| &record.fields)
        .chain(
            flags
                .iter()
                .flat_map(|flags| &flags.blocks)
                .flat_map(|block| &block.fields),
        )
        .map(|field| field.name.as_str())
        .collect();
    let around = Around {
        channels,
        source,
        shortest: raw.lengths.iter().min().copied(),
        longest: raw.lengths.iter().max().copied(),
        beside: &beside,
    };
    let fields = field::fields(&raw.fields, &around)?;
    if let Some(text) = &raw.text {
        every_part_has_a_field(text, &around, &fields)?;
    }
    let of_message: Vec<&str> = fields.iter().map(|field| field.name.as_str()).collect();
    let groups = raw
        .groups
        .iter()
        .map(|raw| group(raw, channels, &of_message))
        .collect::<Result<Vec<_>, _>>()?;
    let message = Message {
        name: raw.name.get_ref().clone(),
        kind: *raw.kind.get_ref(),
        ports: raw.ports.clone(),
        lengths: raw.lengths.clone(),
        when: checks(&raw.when)?,
        is_named,
        has: raw.has.clone(),
        text,
        clock: clock(raw.clock.as_ref(), &fields)?,
        fields,
        records,
        record_length: match raw.record_length.as_ref().map(Spanned::get_ref) {
            None => RecordLength::Fixed,
            Some(RawRecordLength::Before) => RecordLength::Before,
            Some(RawRecordLength::After) => RecordLength::After,
        },
        records_at: raw.records_at,
        flags,
        groups,
    };
    kind_holds(raw, &message)?;
    interval_counts_have_a_time(raw, &message, channels)?;
    Ok(message)
}

/// Bytes, text and named values are read in ways that do not mix.
fn is_of_one_form(raw: &RawMessage, is_named: bool) -> Result<(), Fault> {
    let has_layout = !raw.records.is_empty() || raw.flags.is_some() || !raw.groups.is_empty();
    let has_bytes =
        has_layout || !raw.when.is_empty() || !raw.ports.is_empty() || !raw.lengths.is_empty();
    if is_named && (has_bytes || raw.text.is_some()) {
        let text = "a message of named values takes no ports, lengths, when, text, record, block \
                    and group";
        return Err(fault(&raw.name, text));
    }
    if !is_named && !raw.has.is_empty() {
        let text = "only a message of named values (fields with path) takes has";
        return Err(fault(&raw.name, text));
    }
    match &raw.text {
        Some(text) if has_layout => Err(fault(
            text,
            "a message of text takes no record, block and group",
        )),
        _ => Ok(()),
    }
}

fn every_part_has_a_field(
    text: &Spanned<String>,
    around: &Around,
    fields: &[Field],
) -> Result<(), Fault> {
    let Source::Text(pattern) = around.source else {
        return Ok(());
    };
    let mut names = pattern.names().filter(|name| !name.starts_with('_'));
    match names.find(|name| !fields.iter().any(|field| field.name == *name)) {
        Some(name) => {
            let told = format!("expected a field {name} (a part that is not needed begins with _)");
            Err(fault(text, &told))
        }
        None => Ok(()),
    }
}

/// Settings feed nothing, and history feeds nothing without its own time.
fn kind_holds(raw: &RawMessage, message: &Message) -> Result<(), Fault> {
    let feeds = |field: &&Field| field.channel.is_some();
    let untimed = message
        .records
        .iter()
        .filter(|record| !record.is_timed)
        .flat_map(|record| &record.fields);
    let has_own_time = message.has_time();
    match message.kind {
        MessageKind::Parameters => match raw.first_channel() {
            Some(channel) => Err(fault(channel, "a message of parameters feeds no channel")),
            None => Ok(()),
        },
        MessageKind::History
            if !has_own_time && message.fields.iter().chain(untimed).any(|f| feeds(&f)) =>
        {
            let text = "a message of history needs a field with time for all that it feeds";
            Err(fault(&raw.kind, text))
        }
        MessageKind::Status
        | MessageKind::Heartbeat
        | MessageKind::Startup
        | MessageKind::Alarm
        | MessageKind::History => Ok(()),
    }
}

/// A time that is only near the truth would count the vehicles of an interval twice.
fn interval_counts_have_a_time(
    raw: &RawMessage,
    message: &Message,
    channels: &[Channel],
) -> Result<(), Fault> {
    let is_interval = |index: usize| {
        let counter = channels.get(index).and_then(|channel| channel.counter);
        counter.is_some_and(|counter| counter.kind == CounterKind::Interval)
    };
    for (raw, group) in raw.groups.iter().zip(&message.groups) {
        let is_near = matches!(group.spacing, Spacing::Seconds(_) | Spacing::Field(_));
        let mut channels = group.fields.iter().filter_map(|field| field.channel);
        if is_near && !message.has_time() && channels.any(is_interval) {
            let text = "counts of intervals need a device time: by the uplink's time alone they \
                        would be counted twice";
            return Err(fault(&raw.name, text));
        }
    }
    Ok(())
}

fn records(raw: &RawMessage, channels: &[Channel]) -> Result<Vec<TaggedRecord>, Fault> {
    let width = raw
        .records
        .first()
        .map_or(0, |record| record.tag.get_ref().len());
    if let Some(length) = &raw.record_length
        && raw.records.is_empty()
    {
        return Err(fault(length, "record_length needs records"));
    }
    let mut records: Vec<TaggedRecord> = Vec::new();
    for record in &raw.records {
        let tag = record.tag.get_ref();
        if tag.is_empty() || tag.len() != width {
            let text = "expected tags of one length, at least one byte";
            return Err(fault(&record.tag, text));
        }
        if records.iter().any(|known| known.tag == *tag) {
            return Err(fault(&record.tag, "this tag stands twice"));
        }
        if records.len() == LAYOUTS_MAX {
            let text = format!("expected at most {LAYOUTS_MAX} records");
            return Err(fault(&record.tag, &text));
        }
        records.push(one_record(record, channels, raw.record_length.is_some())?);
    }
    Ok(records)
}

fn one_record(
    raw: &RawRecord,
    channels: &[Channel],
    says_length: bool,
) -> Result<TaggedRecord, Fault> {
    if raw.length.is_some() == says_length {
        let text = if says_length {
            "expected no length: record_length says where it stands in the bytes"
        } else {
            "expected the length of the record's value in bytes"
        };
        return Err(fault(&raw.tag, text));
    }
    let around = Around {
        channels,
        source: Source::Bytes,
        shortest: raw.length,
        longest: raw.length,
        beside: &[],
    };
    let fields = field::fields(&raw.fields, &around)?;
    let clock = clock(raw.clock.as_ref(), &fields)?;
    Ok(TaggedRecord {
        tag: raw.tag.get_ref().clone(),
        length: raw.length.unwrap_or(0),
        kind: raw.kind.as_ref().map(|kind| *kind.get_ref()),
        is_timed: clock.is_some() || fields.iter().any(|field| field.time.is_some()),
        fields,
        clock,
    })
}

fn flags(raw: &RawMessage, channels: &[Channel]) -> Result<Option<Flags>, Fault> {
    let Some(spanned) = &raw.flags else {
        return match raw.blocks.first() {
            Some(block) => Err(fault(&block.bit, "blocks need flags in their message")),
            None => Ok(None),
        };
    };
    let flags = spanned.get_ref();
    let shape = field::plain_shape(flags.shape)
        .filter(|shape| matches!(shape, Shape::Int { signed: false, .. }))
        .ok_or_else(|| fault(spanned, "expected flags of an unsigned integer type"))?;
    let mut blocks: Vec<Block> = Vec::new();
    for raw in &raw.blocks {
        if blocks
            .last()
            .is_some_and(|last| last.bit >= *raw.bit.get_ref())
        {
            return Err(fault(
                &raw.bit,
                "expected blocks in the order of their bits",
            ));
        }
        if usize::from(*raw.bit.get_ref()) >= shape.width() * 8 {
            return Err(fault(&raw.bit, "expected a bit of the flags"));
        }
        blocks.push(block(raw, channels)?);
    }
    if blocks.is_empty() {
        return Err(fault(spanned, "flags need blocks"));
    }
    Ok(Some(Flags {
        at: flags.at,
        shape,
        blocks_at: flags.blocks_at,
        blocks,
    }))
}

fn block(raw: &RawBlock, channels: &[Channel]) -> Result<Block, Fault> {
    let around = Around {
        channels,
        source: Source::Bytes,
        shortest: Some(raw.length),
        longest: Some(raw.length),
        beside: &[],
    };
    Ok(Block {
        bit: *raw.bit.get_ref(),
        length: raw.length,
        fields: field::fields(&raw.fields, &around)?,
    })
}

fn group(raw: &RawGroup, channels: &[Channel], of_message: &[&str]) -> Result<Group, Fault> {
    let length = *raw.length.get_ref();
    if length == 0 || length > UPLINK_BYTES_MAX {
        let text = format!("expected a length of 1 to {UPLINK_BYTES_MAX} bytes");
        return Err(fault(&raw.length, &text));
    }
    let around = Around {
        channels,
        source: Source::Bytes,
        shortest: Some(length),
        longest: Some(length),
        beside: of_message,
    };
    let fields = field::fields(&raw.fields, &around)?;
    let clock = clock(raw.clock.as_ref(), &fields)?;
    let is_timed = clock.is_some() || fields.iter().any(|field| field.time.is_some());
    let spacing = match (&raw.every_s, &raw.every) {
        (None, None) if is_timed => Spacing::Own,
        (None, None) => Spacing::Unknown,
        (Some(every), None) if !is_timed => {
            let seconds = *every.get_ref();
            if !(1..=EVERY_S_MAX).contains(&seconds) {
                let text = format!("expected 1 to {EVERY_S_MAX} seconds");
                return Err(fault(every, &text));
            }
            Spacing::Seconds(seconds)
        }
        (None, Some(every)) if !is_timed => {
            if !of_message.contains(&every.get_ref().as_str()) {
                return Err(fault(every, "the message has no field of that name"));
            }
            Spacing::Field(every.get_ref().clone())
        }
        _ => {
            let text = "expected one of a time of its own, every_s and every";
            return Err(fault(&raw.name, text));
        }
    };
    Ok(Group {
        name: raw.name.get_ref().clone(),
        at: raw.at,
        length,
        count: raw.count,
        newest_first: raw.newest == RawNewest::First,
        absent: raw.absent,
        spacing,
        fields,
        clock,
    })
}

fn clock(raw: Option<&RawClock>, fields: &[Field]) -> Result<Option<Clock>, Fault> {
    let Some(raw) = raw else {
        return Ok(None);
    };
    let known = |name: &Spanned<String>| {
        if fields.iter().any(|field| field.name == *name.get_ref()) {
            Ok(name.get_ref().clone())
        } else {
            Err(fault(name, "no field of that name stands beside the clock"))
        }
    };
    field::offset(raw.utc_offset_min).map_err(|text| fault(&raw.year, &text))?;
    Ok(Some(Clock {
        fields: [
            Some(known(&raw.year)?),
            Some(known(&raw.month)?),
            Some(known(&raw.day)?),
            Some(known(&raw.hour)?),
            Some(known(&raw.minute)?),
            raw.second.as_ref().map(known).transpose()?,
        ],
        utc_offset_min: raw.utc_offset_min,
    }))
}

pub(super) fn checks(raw: &[RawCheck]) -> Result<Vec<Check>, Fault> {
    let check = |raw: &RawCheck| match raw.is.get_ref() {
        is if is.is_empty() => Err(fault(&raw.is, "expected at least one byte")),
        is => Ok(Check {
            at: raw.at,
            mask: raw.mask.unwrap_or(0xff),
            is: is.clone(),
        }),
    };
    raw.iter().map(check).collect()
}
