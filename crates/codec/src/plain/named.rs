//! Values by name of a device with the profile `plain`: names are the names of its channels.

use huitian_model::{ChannelName, Quantity, Sample};

use super::PlainValue;
use crate::decoded::Decoded;
use crate::named::{Named, NamedValue};
use crate::refusal::{Refusal, RefusalReason, quoted};

impl Named {
    /// The samples of values whose names are those of channels for which `quantity_of` knows
    /// what they measure, and the refusals of the others among them.
    ///
    /// In a name, `_`, `.` and spaces may stand for `-`, and upper for lower case, since these
    /// formats have names that no channel may have: `SR04.Distance` is the channel
    /// `sr04-distance`. Names of no channel are left aside: such devices say much that nobody
    /// asked for.
    pub fn decode_plain(
        &self,
        quantity_of: impl Fn(&ChannelName) -> Option<Quantity>,
    ) -> (Vec<Decoded>, Vec<Refusal>) {
        let (mut samples, mut refused): (Vec<Decoded>, Vec<Refusal>) = (Vec::new(), Vec::new());
        for (name, value) in &self.values {
            let Some(channel) = channel(name) else {
                continue;
            };
            let Some(quantity) = quantity_of(&channel) else {
                continue;
            };
            let place = format!("channel {channel}");
            if samples.iter().any(|known| known.channel == channel) {
                let text = "stands twice, written in two ways";
                let refusal = Refusal::new(RefusalReason::DuplicateKey, text);
                refused.push(refusal.at(&place));
                continue;
            }
            match sample(value, quantity) {
                Ok(sample) => samples.push(Decoded {
                    channel,
                    at: self.at,
                    time_source: self.time_source,
                    sequence: self.sequence,
                    sample,
                }),
                Err(refusal) => refused.push(refusal.at(&place)),
            }
        }
        (samples, refused)
    }
}

fn channel(name: &str) -> Option<ChannelName> {
    if let Ok(channel) = ChannelName::new(name) {
        return Some(channel);
    }
    let name = name.to_ascii_lowercase().replace(['_', '.', ' '], "-");
    ChannelName::new(&name).ok()
}

fn sample(value: &NamedValue, quantity: Quantity) -> Result<Sample, Refusal> {
    match value {
        NamedValue::Bool(yes) => PlainValue::Bool(*yes).sample(quantity),
        NamedValue::Number(number) => PlainValue::Number(*number).sample(quantity),
        NamedValue::Missing => {
            PlainValue::Bad(huitian_model::BadReason::DeviceFault).sample(quantity)
        }
        NamedValue::Text(text) => {
            let text = format!("expected a number, true or false, found {}", quoted(text));
            Err(Refusal::new(RefusalReason::WrongType, text))
        }
    }
}
