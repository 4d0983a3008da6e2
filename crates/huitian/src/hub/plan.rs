//! What the log is told of inventory and settings, at the start and on reload.
//!
//! Each version is a record in the log of every partition, with the position from which it holds.
//! What was told last stands in the store's meta table as a digest, so that a start with
//! unchanged files adds nothing to the log.

use std::sync::Arc;

use huitian_edge::buses;
use huitian_edge::site::{Site, SiteConfig};
use huitian_model::{Inventory, Partition, Record, Settings, partition_of, wire};
use huitian_store::{Sqlite, StoreError};
use tracing::info;

use crate::config::{Config, ConfigFault};

/// What is told: inventory, settings and the profiles that messages are read with.
#[derive(Clone)]
pub struct Plan {
    /// All that is out there.
    pub inventory: Arc<Inventory>,
    /// Settings of the engine.
    pub settings: Settings,
    /// The same with the profiles that messages are read with, and the register maps.
    pub site: Site,
}

/// Why there is no plan. Every fault stands alone with its place.
#[derive(Debug)]
pub struct PlanFaults(pub Vec<ConfigFault>);

impl From<ConfigFault> for PlanFaults {
    fn from(fault: ConfigFault) -> Self {
        Self(vec![fault])
    }
}

impl Plan {
    /// Reads profiles, register maps and inventory, and reckons what the buses bear.
    ///
    /// # Errors
    /// [`PlanFaults`] with every fault found.
    pub fn load(config: &Config) -> Result<Self, PlanFaults> {
        let site = Site::load(&Self::site(config)).map_err(PlanFaults)?;
        buses::prepare(&config.lines, &site).map_err(PlanFaults)?;
        Ok(Self {
            inventory: Arc::clone(&site.inventory),
            settings: config.settings.clone(),
            site,
        })
    }

    /// Where inventory, profiles and register maps are read from.
    pub fn site(config: &Config) -> SiteConfig {
        SiteConfig {
            inventory: config.inventory.clone(),
            profiles: config.profiles.clone(),
            registers: config.registers.clone(),
        }
    }

    /// The records that tell the log what is new; none where nothing is.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn news(&self, store: &Sqlite) -> Result<News, StoreError> {
        let mut records = Vec::new();
        let mut meta = Vec::new();
        let told = Told {
            store,
            meta: &mut meta,
        };
        let (inventory_version, settings_version) = told.versions(self)?;
        if let Some(version) = inventory_version {
            for partition in Partition::all() {
                let inventory = self.inventory.part(|site| partition_of(site) == partition);
                records.push((partition, Record::Inventory { version, inventory }));
            }
            info!(
                version,
                sites = self.inventory.sites.len(),
                devices = self.inventory.devices.len(),
                "inventory told to the log"
            );
        }
        if let Some(version) = settings_version {
            for partition in Partition::all() {
                let settings = self.settings.clone();
                records.push((partition, Record::Settings { version, settings }));
            }
            info!(version, "settings told to the log");
        }
        Ok(News { records, meta })
    }
}

/// Records to append, and what the meta table is told once they are on disk.
#[derive(Default)]
pub struct News {
    /// Inventory and settings, for every partition.
    pub records: Vec<(Partition, Record)>,
    /// Keys and values.
    pub meta: Vec<(String, String)>,
}

struct Told<'a> {
    store: &'a Sqlite,
    meta: &'a mut Vec<(String, String)>,
}

impl Told<'_> {
    fn versions(self, plan: &Plan) -> Result<(Option<u64>, Option<u64>), StoreError> {
        let refuse = |error: wire::WireError| StoreError::Refused(error.to_string());
        let inventory = digest(&wire::encode(plan.inventory.as_ref()).map_err(refuse)?);
        let settings = digest(&wire::encode(&plan.settings).map_err(refuse)?);
        let Self { store, meta } = self;
        let mut version = |what: &str, digest: String| -> Result<Option<u64>, StoreError> {
            let key = format!("told_{what}");
            let last = store.meta(&key)?.unwrap_or_default();
            let (number, known) = last.split_once(' ').unwrap_or(("0", ""));
            if known == digest {
                return Ok(None);
            }
            let damaged = || StoreError::Damaged(format!("meta {key}: {last:?}"));
            let next = number.parse::<u64>().map_err(|_not_a_number| damaged())? + 1;
            meta.push((key, format!("{next} {digest}")));
            Ok(Some(next))
        };
        Ok((
            version("inventory", inventory)?,
            version("settings", settings)?,
        ))
    }
}

/// FNV-1a-64: tells two versions of a file apart, guards against nobody.
fn digest(bytes: &[u8]) -> String {
    let hash = bytes.iter().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3)
    });
    format!("{hash:016x}")
}
