//! A unit that is described by a register map.
//!
//! Per cycle it keeps one [`RegisterImage`] of what was answered; [`MapUnit::finish`] makes samples
//! of it and forgets it. So:
//!
//! - what was not answered in this cycle gives no sample, never an old one;
//! - an answer that was not asked for, or has another length, is not looked at;
//! - a value comes out of one answer, so it is never torn;
//! - a channel with a fenced register gives *no sample* rather than a bad one: `bad` is what a
//!   device says of its measurement, and here it says nothing. Silence makes the channel's last
//!   reading run out, as it must, and [`MapUnit::fences`] and [`MapUnit::silenced`] report why.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use huitian_codec::registers::RegisterImage;
use huitian_codec::{RegisterMap, RegisterSpan};
use huitian_model::{ChannelName, DeviceId, UtcMs};

use crate::plan::{Fence, Knowledge, PlanLimits, plan};
use crate::{Answer, Request, Sampled, Unit};

/// A unit on a line whose registers are described by a map.
#[derive(Clone, Debug)]
pub struct MapUnit {
    id: u8,
    device: DeviceId,
    map: Arc<RegisterMap>,
    bound: BTreeSet<ChannelName>,
    wanted: Vec<RegisterSpan>,
    limits: PlanLimits,
    knowledge: Knowledge,
    /// The version of the knowledge that `planned` was made of.
    version: u64,
    planned: Vec<Request>,
    /// `planned`, and a probe where one is due.
    requests: Vec<Request>,
    asked: BTreeSet<Request>,
    image: RegisterImage,
    exceptions: BTreeMap<u8, u64>,
    misfits: u64,
}

impl MapUnit {
    /// A unit that feeds the channels `bound` of a device.
    pub fn new(
        id: u8,
        device: DeviceId,
        map: Arc<RegisterMap>,
        bound: BTreeSet<ChannelName>,
        limits: PlanLimits,
    ) -> Self {
        let wanted = map.spans(&|name| bound.contains(name));
        let mut unit = Self {
            knowledge: Knowledge::new(map.holes()),
            id,
            device,
            map,
            bound,
            wanted,
            limits,
            version: 0,
            planned: Vec::new(),
            requests: Vec::new(),
            asked: BTreeSet::new(),
            image: RegisterImage::default(),
            exceptions: BTreeMap::new(),
            misfits: 0,
        };
        unit.planned = plan(&unit.wanted, unit.limits, &unit.knowledge);
        unit.ask();
        unit
    }

    /// The device that it feeds.
    pub const fn device(&self) -> &DeviceId {
        &self.device
    }

    /// Its register map.
    pub fn map(&self) -> &RegisterMap {
        &self.map
    }

    /// The channels that it feeds.
    pub const fn bound(&self) -> &BTreeSet<ChannelName> {
        &self.bound
    }

    /// Runs of addresses that the device refuses.
    pub fn fences(&self) -> Vec<Fence> {
        self.knowledge.fences()
    }

    /// The channels that say nothing because something they need is fenced.
    pub fn silenced(&self) -> BTreeSet<ChannelName> {
        let is_shut = |span: &RegisterSpan| !self.knowledge.is_readable(*span);
        let shut: Vec<_> = self.wanted.iter().copied().filter(is_shut).collect();
        let silenced = self.map.silenced(&shut);
        silenced
            .filter(|name| self.bound.contains(*name))
            .cloned()
            .collect()
    }

    /// Exceptions by code since the begin.
    pub const fn exceptions(&self) -> &BTreeMap<u8, u64> {
        &self.exceptions
    }

    /// Answers that were not asked for in their cycle or had another length, since the begin.
    pub const fn misfits(&self) -> u64 {
        self.misfits
    }

    fn ask(&mut self) {
        self.requests.clone_from(&self.planned);
        let probe = self.knowledge.probe(&self.wanted, &self.planned);
        self.requests.extend(probe);
        self.asked = self.requests.iter().copied().collect();
    }
}

impl Unit for MapUnit {
    fn id(&self) -> u8 {
        self.id
    }

    fn requests(&self) -> &[Request] {
        &self.requests
    }

    fn on_answer(&mut self, request: Request, answer: &Answer, at: UtcMs) {
        let (length, is_bits) = match answer {
            Answer::Bits(bits) => (bits.len(), true),
            Answer::Words(words) => (words.len(), false),
        };
        let fits = length == usize::from(request.count) && is_bits == request.function.reads_bits();
        if !fits || !self.asked.contains(&request) {
            self.misfits += 1;
            return;
        }
        self.knowledge.on_answer(request);
        let Request {
            function, address, ..
        } = request;
        match answer {
            Answer::Bits(bits) => self.image.put_bits(function, address, bits, at),
            Answer::Words(words) => self.image.put_words(function, address, words, at),
        }
    }

    fn on_exception(&mut self, request: Request, code: u8) {
        *self.exceptions.entry(code).or_insert(0) += 1;
        if self.asked.contains(&request) {
            self.knowledge.on_exception(request, code);
        }
    }

    fn finish(&mut self, at: UtcMs) -> Vec<Sampled> {
        // Most devices are bound whole: then no name need be looked up.
        let is_whole = self.bound.len() == self.map.channels().count();
        let is_bound = |name: &ChannelName| is_whole || self.bound.contains(name);
        let samples = self.map.samples(&self.image, &is_bound);
        let sampled = samples
            .into_iter()
            .map(|sample| Sampled {
                device: self.device.clone(),
                channel: sample.channel.clone(),
                at: sample.at,
                sample: sample.sample,
            })
            .collect();
        self.image.clear();
        self.knowledge.finish(at);
        if self.version != self.knowledge.version() {
            self.version = self.knowledge.version();
            self.planned = plan(&self.wanted, self.limits, &self.knowledge);
        }
        self.ask();
        sampled
    }
}

#[cfg(test)]
mod tests;
