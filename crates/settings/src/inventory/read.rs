//! Files to inventory: row by row, keeping every fault with its place.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::Path;

use huitian_model::{
    Asset, AssetKind, Bilingual, BinModel, Binding, Channel, Device, Facility, FacilityKind,
    FillSpan, Inventory, InventoryFault, Mount, Quantity, Site, Stream,
};
use serde::de::DeserializeOwned;

use super::rows::{AssetRow, AssetWord, ChannelRow, DeviceRow, FacilityRow, FacilityWord, SiteRow};
use super::{FAULTS_MAX, InventoryFaults, Profiles};
use crate::{ConfigFault, Span};

/// Where a thing was written: file, line of text, bytes.
#[derive(Clone)]
struct Place {
    file: usize,
    span: Range<usize>,
}

/// Reads the files in their order and remembers where each thing was written.
pub struct Loader<'a> {
    pub faults: Vec<ConfigFault>,
    inventory: Inventory,
    profiles: &'a dyn Profiles,
    texts: Vec<(String, String)>,
    places: BTreeMap<String, Place>,
}

impl<'a> Loader<'a> {
    pub fn new(profiles: &'a dyn Profiles) -> Self {
        Self {
            faults: Vec::new(),
            inventory: Inventory::default(),
            profiles,
            texts: Vec::new(),
            places: BTreeMap::new(),
        }
    }

    /// Reads one file.
    pub fn file(&mut self, name: &str, path: &Path, text: &str) {
        self.texts
            .push((path.display().to_string(), text.to_owned()));
        match name {
            "sites.csv" => self.rows(text, Self::site),
            "facilities.csv" => self.rows(text, Self::facility),
            "assets.csv" => self.rows(text, Self::asset),
            "devices.csv" => self.rows(text, Self::device),
            _ => self.rows(text, Self::channel),
        }
    }

    /// The checks that need all of it.
    pub fn finish(mut self) -> Result<Inventory, InventoryFaults> {
        if self.faults.is_empty() {
            let blind = blind_bins(&self.inventory, self.profiles);
            for fault in self.inventory.faults().into_iter().chain(blind) {
                let place = self.places.get(&fault.subject).cloned();
                self.fault(place, fault.to_string());
            }
        }
        if self.faults.is_empty() {
            return Ok(self.inventory);
        }
        let more = self.faults.len().saturating_sub(FAULTS_MAX);
        self.faults.truncate(FAULTS_MAX);
        if more > 0 {
            self.faults
                .push(ConfigFault::plain(format!("and {more} more faults")));
        }
        Err(InventoryFaults(self.faults))
    }

    fn fault(&mut self, place: Option<Place>, message: String) {
        let fault = match place.and_then(|place| {
            self.texts
                .get(place.file)
                .map(|(name, text)| (name, text, place.span))
        }) {
            Some((name, text, span)) => ConfigFault::at(name, text, Some(span), message),
            None => ConfigFault::plain(message),
        };
        self.faults.push(fault);
    }

    /// Feeds every row of a file to `take`, which says what the row is and what is wrong with it.
    fn rows<R: DeserializeOwned>(
        &mut self,
        text: &str,
        take: fn(&mut Self, R) -> Result<String, String>,
    ) {
        let file = self.texts.len().saturating_sub(1);
        let mut reader = csv::ReaderBuilder::new()
            .trim(csv::Trim::All)
            .from_reader(text.as_bytes());
        let headers = match reader.headers() {
            Ok(headers) => headers.clone(),
            Err(error) => return self.fault(Some(Place { file, span: 0..0 }), error.to_string()),
        };
        let mut record = csv::StringRecord::new();
        loop {
            match reader.read_record(&mut record) {
                Ok(false) => return,
                Ok(true) => {}
                Err(error) => {
                    let span = line_span(text, error.position());
                    self.fault(Some(Place { file, span }), error.to_string());
                    continue;
                }
            }
            let place = Place {
                file,
                span: line_span(text, record.position()),
            };
            let taken = record
                .deserialize::<R>(Some(&headers))
                .map_err(|error| csv_message(&error))
                .and_then(|row| take(self, row));
            match taken {
                Ok(subject) => {
                    if self.places.insert(subject.clone(), place.clone()).is_some() {
                        self.fault(Some(place), format!("{subject} is written twice"));
                    }
                }
                Err(message) => self.fault(Some(place), message),
            }
        }
    }

    #[expect(clippy::unnecessary_wraps, reason = "the shape of all takers of rows")]
    fn site(&mut self, row: SiteRow) -> Result<String, String> {
        let subject = format!("site {}", row.id);
        let site = Site {
            id: row.id.clone(),
            name: Bilingual {
                zh: row.name_zh,
                en: row.name_en,
            },
            subdistrict: Bilingual {
                zh: row.subdistrict_zh,
                en: row.subdistrict_en,
            },
            company: row.company,
            zone: row.zone,
            facilities: BTreeMap::new(),
        };
        self.inventory.sites.insert(row.id, site);
        Ok(subject)
    }

    fn facility(&mut self, row: FacilityRow) -> Result<String, String> {
        let subject = format!("facility {}/{}", row.site, row.id);
        let kind = match (row.kind, row.capacity) {
            (FacilityWord::ParkingLot, Some(capacity)) => FacilityKind::ParkingLot {
                capacity,
                initial_count: row.initial_count,
            },
            (FacilityWord::ParkingLot, None) => {
                return Err(format!("{subject}: a parking_lot needs its capacity"));
            }
            (FacilityWord::WasteStation, _) => FacilityKind::WasteStation {
                sorting_mode: row.sorting_mode,
            },
        };
        let site = self.inventory.sites.get_mut(&row.site);
        let site = site.ok_or_else(|| format!("site {} is not in sites.csv", row.site))?;
        let facility = Facility {
            id: row.id.clone(),
            name: Bilingual {
                zh: row.name_zh,
                en: row.name_en,
            },
            kind,
            batch: row.batch,
            assets: BTreeMap::new(),
        };
        site.facilities.insert(row.id, facility);
        Ok(subject)
    }

    fn asset(&mut self, row: AssetRow) -> Result<String, String> {
        let subject = format!("asset {}/{}/{}", row.site, row.facility, row.id);
        let kind = match (row.kind, row.stream) {
            (AssetWord::Bay, _) => AssetKind::Bay,
            (AssetWord::Gate, _) => AssetKind::Gate,
            (AssetWord::Bin, Some(stream)) => {
                bin(&row, stream).map_err(|fault| format!("{subject}: {fault}"))?
            }
            (AssetWord::Bin, None) => return Err(format!("{subject}: a bin needs its stream")),
        };
        let facility = self
            .inventory
            .sites
            .get_mut(&row.site)
            .and_then(|site| site.facilities.get_mut(&row.facility))
            .ok_or_else(|| format!("{}/{} is not in facilities.csv", row.site, row.facility))?;
        facility
            .assets
            .insert(row.id.clone(), Asset { id: row.id, kind });
        Ok(subject)
    }

    fn device(&mut self, row: DeviceRow) -> Result<String, String> {
        let subject = format!("device {}", row.id);
        if row.profile != "plain" && !self.profiles.has(&row.profile) {
            return Err(format!(
                "{subject}: unknown device profile {:?}",
                row.profile
            ));
        }
        let span = |column: &str, text: &str| {
            Span::parse(text)
                .map(|span| span.0)
                .map_err(|error| format!("{column}: {error}"))
        };
        let device = Device {
            id: row.id.clone(),
            site: row.site,
            address: row.address,
            profile: row.profile,
            expected_every_ms: span("expected_every", &row.expected_every)?,
            valid_for_ms: row
                .valid_for
                .as_deref()
                .map(|t| span("valid_for", t))
                .transpose()?,
            channels: BTreeMap::new(),
        };
        self.inventory.devices.insert(row.id, device);
        Ok(subject)
    }

    fn channel(&mut self, row: ChannelRow) -> Result<String, String> {
        let subject = format!("channel {}/{}", row.device, row.channel);
        let quantity = Quantity::from_name(&row.quantity).ok_or_else(|| {
            let known = Quantity::ALL.map(Quantity::name).join(", ");
            format!(
                "{subject}: expected a quantity of {known}, found {:?}",
                row.quantity
            )
        })?;
        let device = self.inventory.devices.get_mut(&row.device);
        let device =
            device.ok_or_else(|| format!("device {} is not in devices.csv", row.device))?;
        let written = row.counter.as_deref().map(str::parse).transpose();
        let written = written.map_err(|fault: String| format!("{subject}: {fault}"))?;
        let counts = matches!(quantity, Quantity::Entries | Quantity::Exits);
        if written.is_some() && !counts {
            return Err(format!(
                "{subject}: {quantity} is not counted, so it has no counter"
            ));
        }
        let stated = self.profiles.counter(&device.profile, row.channel.as_str());
        let binds = Binding {
            facility: row.facility,
            asset: row.asset,
        };
        let channel = Channel {
            name: row.channel.clone(),
            quantity,
            binds,
            counter: written.or(stated.filter(|_| counts)).unwrap_or_default(),
        };
        device.channels.insert(row.channel, channel);
        Ok(subject)
    }
}

/// A bin with the distances that are written, or else follow from its model.
fn bin(row: &AssetRow, stream: Stream) -> Result<AssetKind, String> {
    let model = row.bin_model.as_deref().map(str::parse::<BinModel>);
    let mount = model.transpose()?.map(|model| Mount {
        model,
        mounting_mm: row.mounting_mm.unwrap_or(0),
        full_at_mm: row.full_at_mm.unwrap_or(0),
    });
    if mount.is_none() && (row.mounting_mm.is_some() || row.full_at_mm.is_some()) {
        return Err("mounting_mm and full_at_mm need a bin_model".to_owned());
    }
    let span = mount.map(Mount::span).transpose()?;
    let written = (row.empty_distance_mm, row.full_distance_mm);
    Ok(AssetKind::Bin {
        stream,
        volume_l: row.volume_l.or(mount.map(|mount| mount.model.volume_l())),
        empty_distance_mm: written.0.or(span.map(|span| span.empty_mm)),
        full_distance_mm: written.1.or(span.map(|span| span.full_mm)),
        mount,
    })
}

/// The bins that their sensor cannot see full.
fn blind_bins(inventory: &Inventory, profiles: &dyn Profiles) -> Vec<InventoryFault> {
    let mut faults = Vec::new();
    for device in inventory.devices.values() {
        for channel in device.channels.values() {
            let blind_mm = profiles.blind_zone_mm(&device.profile, channel.name.as_str());
            let facility = inventory.facility(&device.site, &channel.binds.facility);
            let asset = channel.binds.asset.as_ref();
            let asset = facility.zip(asset).and_then(|(all, id)| all.assets.get(id));
            if let (Quantity::Distance, Some(blind_mm)) = (channel.quantity, blind_mm)
                && let Some(AssetKind::Bin {
                    empty_distance_mm: Some(empty_mm),
                    full_distance_mm: Some(full_mm),
                    mount,
                    ..
                }) = asset.map(|asset| asset.kind.clone())
                && let Err(fault) =
                    (FillSpan { empty_mm, full_mm }).check_blind_zone(blind_mm, mount)
            {
                faults.push(InventoryFault {
                    subject: format!("channel {}/{}", device.id, channel.name),
                    fault,
                });
            }
        }
    }
    faults
}

/// The bytes of the line at a position.
fn line_span(text: &str, position: Option<&csv::Position>) -> Range<usize> {
    let byte = position
        .and_then(|p| usize::try_from(p.byte()).ok())
        .unwrap_or(0)
        .min(text.len());
    let rest = text.get(byte..).unwrap_or_default();
    let skipped = rest.len() - rest.trim_start_matches(['\r', '\n']).len();
    let start = byte + skipped;
    let line = rest.get(skipped..).unwrap_or_default();
    start..start + line.find(['\r', '\n']).unwrap_or(line.len())
}

/// What is wrong with a row, without the reader's own numbering of lines.
fn csv_message(error: &csv::Error) -> String {
    if let csv::ErrorKind::Deserialize { err, .. } = error.kind() {
        let field = err
            .field()
            .map_or_else(String::new, |n| format!("column {}: ", n + 1));
        return format!("{field}{}", err.kind());
    }
    error.to_string()
}
