//! `huitian-edge once`: every bus is read once, nothing is kept or sent.

use huitian_model::{ChannelRef, Reading, TimeSource};

use crate::agent::EdgeError;
use crate::settings::EdgeConfig;
use crate::{clock, local, plant};

/// One line of JSON for every sample; of a unit that did not answer, why.
///
/// # Errors
/// [`EdgeError::Settings`], and where no bus is in the settings.
pub async fn read(config: &EdgeConfig) -> Result<String, EdgeError> {
    let (site, lines) = plant::check(&config.plant).map_err(EdgeError::Settings)?;
    if lines.is_empty() {
        let text = "no bus is in the settings: expected [[modbus]]".to_owned();
        return Err(EdgeError::Other(text));
    }
    let mut text = String::new();
    for mut prepared in lines {
        for sampled in prepared.line.poll_once(clock::wall).await {
            let device = site.inventory.devices.get(&sampled.device);
            let partition = device.map(|device| huitian_model::partition_of(&device.site));
            let Some(partition) = partition else { continue };
            let channel = ChannelRef {
                device: sampled.device,
                channel: sampled.channel,
            };
            let reading = Reading {
                at: sampled.at,
                received_at: sampled.at,
                time_source: TimeSource::Receiver,
                sequence: None,
                sample: sampled.sample,
            };
            text.push_str(&local::line(&(partition, channel, reading)));
        }
        let health = prepared.line.health();
        let health = health.borrow();
        if !health.reason.is_empty() {
            text.extend(["# ", &health.name, ": ", &health.reason, "\n"]);
        }
        for unit in health.units.iter().filter(|unit| !unit.reason.is_empty()) {
            let id = unit.id.to_string();
            let line = ["# ", &health.name, " unit ", &id, ": ", &unit.reason, "\n"];
            text.extend(line);
        }
    }
    Ok(text)
}
