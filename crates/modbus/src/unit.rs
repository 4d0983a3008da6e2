//! What stands between planning and carrying: requests, answers, and the unit that makes both
//! into samples.

use huitian_codec::RegisterFunction;
use huitian_model::{ChannelName, DeviceId, Sample, UtcMs};

/// One read request. `count` is 1 to 2,000 bits or 1 to 125 registers.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Request {
    /// What is read.
    pub function: RegisterFunction,
    /// First address, zero-based as on the wire.
    pub address: u16,
    /// How many bits or registers.
    pub count: u16,
}

/// The answer to a request, with exactly as many items as were asked for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Answer {
    /// Of coils and discrete inputs.
    Bits(Vec<bool>),
    /// Of registers.
    Words(Vec<u16>),
}

/// A sample of one channel.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Sampled {
    /// The device.
    pub device: DeviceId,
    /// Its channel.
    pub channel: ChannelName,
    /// When the answer came.
    pub at: UtcMs,
    /// What was said.
    pub sample: Sample,
}

/// One unit on a line: plans its requests and makes samples of the answers.
///
/// The bus asks for [`Unit::requests`] at the begin of a cycle, carries them in order, gives back
/// every answer or exception, and ends the cycle with [`Unit::finish`]. A request that got no
/// answer (timeout, closed connection) is simply not given back.
pub trait Unit: Send {
    /// Unit id on the line, 0 to 255.
    fn id(&self) -> u8;

    /// The requests of one cycle, in order.
    fn requests(&self) -> &[Request];

    /// The answer to one request of this cycle.
    fn on_answer(&mut self, request: Request, answer: &Answer, at: UtcMs);

    /// The device refused a request with this exception code. Illegal addresses are learned here:
    /// the next cycle's requests differ.
    fn on_exception(&mut self, request: Request, code: u8);

    /// Ends the cycle: the samples of all that was answered in it.
    fn finish(&mut self, at: UtcMs) -> Vec<Sampled>;
}
