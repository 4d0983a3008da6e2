//! A log as text, for whoever reads a failure.

use std::fmt::Write;

use huitian_model::Record;

/// One line for every record, with one more for every reading.
pub fn describe(log: &[Record]) -> String {
    let mut text = String::new();
    for (index, record) in log.iter().enumerate() {
        write!(text, "{:>3} ", index + 1).unwrap();
        match record {
            Record::Tick(tick) => writeln!(text, "tick {}", tick.now).unwrap(),
            Record::Settings { settings, .. } => writeln!(text, "{settings:?}").unwrap(),
            Record::Inventory { inventory, .. } => {
                writeln!(text, "inventory").unwrap();
                describe_inventory(&mut text, inventory);
            }
            Record::Lost(lost) => writeln!(text, "{lost:?}").unwrap(),
            Record::Frame(frame) => {
                let (edge, epoch, n) = (&frame.edge, frame.epoch, frame.first_n);
                writeln!(text, "frame {edge} epoch {epoch} from {n}").unwrap();
                for (channel, reading) in &frame.readings {
                    let channel = &frame.channels[usize::try_from(*channel).unwrap()];
                    let (at, sample) = (reading.at, reading.sample);
                    let delay = reading.received_at.since(at);
                    let sequence = reading.sequence;
                    writeln!(
                        text,
                        "      {channel} {at} {sample:?} seq {sequence:?} +{delay} ms"
                    )
                    .unwrap();
                }
            }
        }
    }
    text
}

fn describe_inventory(text: &mut String, inventory: &huitian_model::Inventory) {
    for site in inventory.sites.values() {
        for facility in site.facilities.values() {
            let (id, kind) = (&facility.id, &facility.kind);
            writeln!(text, "      {}/{id} ({}) {kind:?}", site.id, site.zone).unwrap();
            for asset in facility.assets.values() {
                writeln!(text, "        {} {:?}", asset.id, asset.kind).unwrap();
            }
        }
    }
    for device in inventory.devices.values() {
        for channel in device.channels.values() {
            let asset = channel
                .binds
                .asset
                .as_ref()
                .map_or("-", huitian_model::AssetId::as_str);
            let valid = device.valid_for_ms();
            writeln!(
                text,
                "      {}/{} of {asset}, holds {valid} ms",
                device.id, channel.name
            )
            .unwrap();
        }
    }
}
