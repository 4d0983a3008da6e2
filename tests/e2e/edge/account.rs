//! The loss checker: what was sent, against what the hub's log has under which number.

use std::collections::BTreeMap;

use huitian_model::{LossReason, Measurement, Partition, Record};

use crate::recovery::compare::{Mark, Stored};
use crate::recovery::load::Sent;

/// A reading's number: epoch, partition, n.
pub type Number = (u64, Partition, u64);

/// The log of one edge by number, as the engine's check of numbers takes it: the first counts.
#[derive(Default)]
pub struct Account {
    /// What the log has, and its value if it is a good one.
    pub numbers: BTreeMap<Number, (Mark, Option<Measurement>)>,
    /// Numbers that the log has again, with the same content: harmless.
    pub repeated: usize,
    /// Numbers that the log has again, with other content.
    pub contradicted: Vec<Number>,
    /// Numbers told as lost, by reason.
    pub lost: BTreeMap<Number, LossReason>,
    /// Numbers that the log has and that were told as lost.
    pub both: Vec<Number>,
}

impl Account {
    /// Reads what the hub has stored of gate-1.
    pub fn of(stored: &Stored) -> Self {
        let mut account = Self::default();
        for (partition, records) in &stored.records {
            for record in records {
                account.take(*partition, record);
            }
        }
        let lost = account.lost.keys();
        let both = lost.filter(|number| account.numbers.contains_key(number));
        account.both = both.copied().collect();
        account
    }

    fn take(&mut self, partition: Partition, record: &Record) {
        match record {
            Record::Frame(frame) if frame.edge.as_str() == "gate-1" => {
                for (n, (index, reading)) in (frame.first_n..).zip(&frame.readings) {
                    let channel = &frame.channels[usize::try_from(*index).unwrap()];
                    let mark = (
                        channel.device.to_string(),
                        channel.channel.to_string(),
                        reading.at.0,
                        reading.sequence.unwrap_or(0),
                    );
                    let value = reading.sample.value();
                    self.note((frame.epoch, partition, n), (mark, value));
                }
            }
            Record::Lost(lost) if lost.edge.as_str() == "gate-1" => {
                for n in lost.first_n..lost.first_n + lost.count {
                    self.lost.insert((lost.epoch, partition, n), lost.reason);
                }
            }
            _other => {}
        }
    }

    fn note(&mut self, number: Number, content: (Mark, Option<Measurement>)) {
        match self.numbers.get(&number) {
            None => {
                self.numbers.insert(number, content);
            }
            Some(known) if *known == content => self.repeated += 1,
            Some(_other) => self.contradicted.push(number),
        }
    }

    /// Numbers between 0 and the highest that are neither in the log nor told as lost.
    pub fn holes(&self) -> Vec<Number> {
        let mut next: BTreeMap<(u64, Partition), u64> = BTreeMap::new();
        let mut holes = Vec::new();
        let mut all: Vec<&Number> = self.numbers.keys().chain(self.lost.keys()).collect();
        all.sort_unstable();
        all.dedup();
        for (epoch, partition, n) in all {
            let expected = next.entry((*epoch, *partition)).or_default();
            holes.extend((*expected..*n).map(|hole| (*epoch, *partition, hole)));
            *expected = n + 1;
        }
        holes
    }

    /// How many epochs there are.
    pub fn epochs(&self) -> usize {
        let mut epochs: Vec<u64> = self.numbers.keys().map(|(epoch, ..)| *epoch).collect();
        epochs.dedup();
        epochs.len()
    }

    /// Compares with what was sent and acknowledged.
    pub fn against(&self, sent: &[Sent]) -> Verdict {
        let mut verdict = Verdict::default();
        let mut copies: BTreeMap<&Mark, usize> = BTreeMap::new();
        let wanted = expected(sent);
        for (mark, value) in self.numbers.values() {
            match wanted.get(mark) {
                None => verdict.unexpected.push(mark.clone()),
                Some(wanted) if Some(*wanted) != *value => verdict.corrupt.push(mark.clone()),
                Some(_same) => {}
            }
            *copies.entry(mark).or_default() += 1;
        }
        let missing = wanted.keys().filter(|mark| !copies.contains_key(mark));
        verdict.missing = missing.cloned().collect();
        verdict.copies = copies.values().map(|count| count - 1).sum();
        verdict
    }
}

/// How a log differs from what was sent and acknowledged.
#[derive(Default, Debug)]
pub struct Verdict {
    /// Acknowledged, and not in the log.
    pub missing: Vec<Mark>,
    /// With another value than was sent.
    pub corrupt: Vec<Mark>,
    /// Never sent.
    pub unexpected: Vec<Mark>,
    /// Further numbers of readings that were sent again since their acknowledgement was lost.
    pub copies: usize,
}

impl Verdict {
    /// Fails unless every reading is there, once for each time that it was sent, as it was sent.
    pub fn assert_whole(&self, account: &Account, sent_again: usize) {
        self.assert_unspoilt(account);
        let (missing, lost) = (&self.missing, &account.lost);
        assert!(missing.is_empty(), "{} lost: {missing:?}", missing.len());
        assert!(lost.is_empty(), "{} told as lost: {lost:?}", lost.len());
        let copies = self.copies;
        assert!(
            copies <= sent_again,
            "{copies} copies, but only {sent_again} readings were sent again"
        );
    }

    /// Fails where something is in the log that was not sent like that.
    pub fn assert_unspoilt(&self, account: &Account) {
        assert_eq!(self.corrupt, [], "other values than were sent");
        assert_eq!(self.unexpected, [], "never sent");
        assert_eq!(
            account.contradicted,
            [],
            "numbers that say different things"
        );
        assert_eq!(account.both, [], "told as lost, and there");
        assert_eq!(account.holes(), [], "numbers that nobody accounts for");
    }
}

/// What was sent, by mark.
fn expected(sent: &[Sent]) -> BTreeMap<Mark, Measurement> {
    let values = sent.iter().flat_map(|it| {
        it.values.iter().map(|(channel, value)| {
            let mark = (
                it.device.to_owned(),
                (*channel).to_owned(),
                it.at,
                it.sequence,
            );
            (mark, *value)
        })
    });
    values.collect()
}

#[cfg(test)]
mod control;
