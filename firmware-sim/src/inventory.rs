//! The inventory of a world as plain structs, for those who must know what is out there.

/// Everything that stands in the world.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Inventory {
    /// Compounds.
    pub sites: Vec<Site>,
    /// Lots and stations.
    pub facilities: Vec<Facility>,
    /// Bays, gates and bins.
    pub assets: Vec<Asset>,
    /// Transmitters; [`crate::SimMessage::device`] is an index into it.
    pub devices: Vec<Device>,
    /// Quantities of devices.
    pub channels: Vec<Channel>,
}

/// A text in Chinese and English.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Bilingual {
    /// Chinese.
    pub zh: String,
    /// English.
    pub en: String,
}

/// One residential compound; all of it is invented but the subdistrict.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Site {
    /// Slug.
    pub id: String,
    /// Name.
    pub name: Bilingual,
    /// Subdistrict (街道).
    pub subdistrict: Bilingual,
    /// Property company.
    pub company: String,
    /// IANA time zone.
    pub zone: &'static str,
}

/// What a facility is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum FacilityKind {
    /// A parking lot.
    ParkingLot {
        /// Places.
        capacity: u32,
        /// Vehicles inside at the world's start, where the lot is counted by gates.
        initial_count: Option<u32>,
    },
    /// A waste-sorting station.
    WasteStation {
        /// Sorting mode.
        sorting_mode: &'static str,
    },
}

/// Something shared at a site.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Facility {
    /// Slug of the site.
    pub site: String,
    /// Slug, unique at its site.
    pub id: String,
    /// Name.
    pub name: Bilingual,
    /// What it is.
    pub kind: FacilityKind,
    /// `handed-over`, `purchased`, `converted`, `upgraded` or `new-built`.
    pub batch: &'static str,
}

/// What an asset is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum AssetKind {
    /// One place.
    Bay,
    /// A way in and out.
    Gate,
    /// A bin.
    Bin {
        /// What it takes in.
        stream: Stream,
        /// Volume, litres.
        volume_l: u32,
        /// Sensor to the bottom, mm.
        empty_distance_mm: u32,
        /// Sensor to the waste of a full bin, mm.
        full_distance_mm: u32,
    },
}

/// The four streams of GB/T 19095-2019.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Stream {
    /// Kitchen waste.
    Kitchen,
    /// Recyclables.
    Recyclable,
    /// Hazardous waste.
    Hazardous,
    /// Other waste.
    Other,
}

impl Stream {
    /// The four, in the order in which bins stand.
    pub const ALL: [Self; 4] = [
        Self::Kitchen,
        Self::Recyclable,
        Self::Hazardous,
        Self::Other,
    ];

    /// The name in files.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Kitchen => "kitchen",
            Self::Recyclable => "recyclable",
            Self::Hazardous => "hazardous",
            Self::Other => "other",
        }
    }
}

/// A part of a facility.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Asset {
    /// Slug of the site.
    pub site: String,
    /// Slug of the facility.
    pub facility: String,
    /// Slug, unique in its facility.
    pub id: String,
    /// What it is.
    pub kind: AssetKind,
}

/// A transmitter.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Device {
    /// Slug, unique in the world.
    pub id: String,
    /// Slug of the site.
    pub site: String,
    /// `DevEUI` in lower-case hex, or the id of a plain device.
    pub address: String,
    /// Device profile, `plain` for the plain JSON form.
    pub profile: &'static str,
    /// How often each channel speaks at least, s.
    pub expected_every_s: u32,
    /// How long a reading holds, s.
    pub valid_for_s: u32,
}

/// One quantity of one device.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Channel {
    /// Slug of the device.
    pub device: String,
    /// Name of the channel, a slug: `free-places` where the quantity is `free_places`.
    pub channel: &'static str,
    /// Quantity: `occupied`, `entries`, `exits`, `free_places`, `distance`, `fill`,
    /// `temperature`, `battery` or `tilt`.
    pub quantity: &'static str,
    /// Slug of the facility, at the device's site.
    pub facility: String,
    /// Slug of the asset; none where the channel speaks of the whole facility.
    pub asset: Option<String>,
}
