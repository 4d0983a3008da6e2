//! `huitian tap`: readings as they become durable, read from the store's log beside a running hub.

use std::collections::BTreeMap;
use std::io::Write;
use std::time::Duration;

use huitian_edge::local::line;
use huitian_model::{DeviceId, Frame, Inventory, Partition, Position, Record, SiteId};
use huitian_store::{Backend, Sqlite, StoreConfig, StoreError};
use tokio::time::{MissedTickBehavior, interval};

use crate::Failure;
use crate::cli::TapArgs;
use crate::config::{Config, ConfigFault};
use crate::hub::Plan;

/// How often the log is looked at: an operator sees a reading within half a second.
const LOOK_EVERY: Duration = Duration::from_millis(250);

/// Records of one partition read at once.
const RECORDS_MAX: usize = 1_000;

/// Which readings are shown.
struct Wanted {
    site: Option<SiteId>,
    device: Option<DeviceId>,
}

impl Wanted {
    fn has(&self, inventory: &Inventory, device: &DeviceId) -> bool {
        let site = inventory.devices.get(device).map(|known| &known.site);
        self.device.as_ref().is_none_or(|only| only == device)
            && (self.site.as_ref()).is_none_or(|only| site == Some(only))
    }
}

/// Prints until interrupted, or until nobody reads any more.
///
/// # Errors
/// [`Failure`] where an id or the store cannot be used.
pub fn run(args: &TapArgs, config: &Config) -> Result<(), Failure> {
    let plan = Plan::load(config)?;
    let refuse = |what: &str, error: &dyn std::fmt::Display| {
        Failure::from(ConfigFault::plain(format!("{what}: {error}")))
    };
    let site = args.site.as_deref().map(SiteId::new).transpose();
    let device = args.device.as_deref().map(DeviceId::new).transpose();
    let wanted = Wanted {
        site: site.map_err(|error| refuse("site", &error))?,
        device: device.map_err(|error| refuse("device", &error))?,
    };
    let is_known = |device: &DeviceId| wanted.has(&plan.inventory, device);
    if !plan.inventory.devices.keys().any(is_known) {
        return Err(refuse(
            "--site, --device",
            &"no device of the inventory is such",
        ));
    }
    let store = Sqlite::open_to_read(StoreConfig::new(&config.data.dir))?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::Other(format!("cannot start: {error}")))?;
    runtime.block_on(async {
        let mut tail = Tail::at_the_end(store).await?;
        let mut looks = interval(LOOK_EVERY);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            looks.tick().await;
            let text: String = (tail.news().await?.into_iter())
                .flat_map(|(partition, frame)| lines(partition, frame, &plan.inventory, &wanted))
                .collect();
            let mut out = std::io::stdout().lock();
            match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
                Ok(()) => {}
                Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => return Ok(()),
                Err(error) => return Err(Failure::Other(format!("standard output: {error}"))),
            }
        }
    })
}

/// Where the log was read up to.
struct Tail<B> {
    store: B,
    next: BTreeMap<Partition, Position>,
}

impl<B: Backend> Tail<B> {
    /// Begins behind what is durable by now.
    async fn at_the_end(store: B) -> Result<Self, StoreError> {
        let mut tail = Self {
            store,
            next: BTreeMap::new(),
        };
        for partition in Partition::all() {
            // The engines have reached almost everything; the rest is read and left out.
            let reached = tail.store.head(partition).await?;
            let reached = reached.map_or(Position(0), |head| head.reached);
            tail.next.insert(partition, Position(reached.0 + 1));
        }
        // A look may find ticks alone, and more behind them.
        while tail.look(&mut Vec::new()).await? {}
        Ok(tail)
    }

    /// What has become durable since the last look.
    async fn news(&mut self) -> Result<Vec<(Partition, Frame)>, StoreError> {
        let mut news = Vec::new();
        self.look(&mut news).await?;
        Ok(news)
    }

    /// Reads on in every partition, once, and says whether there was anything.
    async fn look(&mut self, news: &mut Vec<(Partition, Frame)>) -> Result<bool, StoreError> {
        let mut is_any = false;
        for (partition, next) in &mut self.next {
            let records = self.store.read(*partition, *next, RECORDS_MAX).await?;
            is_any |= !records.is_empty();
            for (position, record) in records {
                *next = Position(position.0 + 1);
                if let Record::Frame(frame) = record {
                    news.push((*partition, frame));
                }
            }
        }
        Ok(is_any)
    }
}

/// A line for each reading of a frame that is wanted.
fn lines(
    partition: Partition,
    frame: Frame,
    inventory: &Inventory,
    wanted: &Wanted,
) -> Vec<String> {
    let channels = frame.channels;
    let numbered = frame.readings.into_iter().filter_map(|(index, reading)| {
        let channel = channels.get(usize::try_from(index).ok()?)?;
        let is_wanted = wanted.has(inventory, &channel.device);
        is_wanted.then(|| line(&(partition, channel.clone(), reading)))
    });
    numbered.collect()
}

#[cfg(test)]
mod tests;
