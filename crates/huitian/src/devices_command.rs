//! `huitian device heard`, also `huitian devices`: the devices of the inventory and when each was
//! last heard, from the store, also while a hub runs.

use std::collections::BTreeMap;

use huitian_store::{Sqlite, StoreConfig};

use crate::cli::DevicesArgs;
use crate::config::Config;
use crate::hub::Plan;
use crate::table::table;
use crate::{Failure, say, tell};

/// Prints them.
///
/// # Errors
/// [`Failure`] where inventory or store cannot be read.
pub fn run(args: &DevicesArgs, config: &Config) -> Result<(), Failure> {
    let plan = Plan::load(config)?;
    let store = Sqlite::open_to_read(StoreConfig::new(&config.data.dir))?;
    let heard: BTreeMap<_, _> = (store.devices()?.into_iter())
        .filter_map(|row| Some((row.device.clone(), row.heard_at?)))
        .collect();
    let head = ["device", "site", "address", "profile", "heard_at"];
    let mut rows = vec![head.map(str::to_owned).to_vec()];
    let all = plan.inventory.devices.values();
    let wanted = all
        .filter(|device| {
            args.site
                .as_deref()
                .is_none_or(|only| only == device.site.as_str())
        })
        .filter(|device| !args.never || !heard.contains_key(&device.id));
    for device in wanted {
        let at = heard.get(&device.id);
        rows.push(vec![
            device.id.to_string(),
            device.site.to_string(),
            device.address.clone(),
            device.profile.clone(),
            at.map_or_else(|| "never".to_owned(), ToString::to_string),
        ]);
    }
    say(&table(&rows))?;
    let (shown, all) = (rows.len() - 1, plan.inventory.devices.len());
    tell(&format!("{shown} of {all} devices"));
    Ok(())
}
