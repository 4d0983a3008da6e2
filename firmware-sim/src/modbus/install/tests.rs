//! The units' ids, their inventory and the settings that read them.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::{Endpoint, Installation, UNITS_MAX};
use crate::{Config, FaultRates, World};

fn installation(bins: usize, bays: usize) -> Result<Installation, String> {
    let config = Config {
        seed: 7,
        scale: 1,
        faults: FaultRates::none(),
    };
    Installation::new(&Arc::new(World::new(config)), bins, bays)
}

#[test]
fn units_have_their_makers_ids_or_the_next_free_ones() {
    let line = installation(8, 2).unwrap().line(1);
    let units = line.units().iter();
    let found: Vec<_> = units.map(|(id, unit)| (*id, unit.device().map())).collect();
    let expected = [
        (1, "apg-mnu"),
        (2, "sommer-ush9"),
        (3, "fts-sdi-radar-300"),
        (4, "procon-ld120"),
        (11, "dfrobot-sen0310"),
        (12, "dfrobot-urm14"),
        (13, "dfrobot-sen0310"),
        (14, "dfrobot-urm14"),
        (80, "dfrobot-sen0492"),
        (254, "procon-ld120"),
    ];
    assert_eq!(found, expected);
}

#[test]
fn a_full_line_has_247_units_and_no_more() {
    let line = installation(100, UNITS_MAX - 100).unwrap().line(1);
    assert_eq!(line.units().len(), UNITS_MAX);
    for (bins, bays) in [(0, 0), (100, UNITS_MAX - 99), (usize::MAX, 1)] {
        let refused = installation(bins, bays).unwrap_err();
        assert!(refused.contains("1 to 247"), "{refused}");
    }
}

#[test]
fn every_row_of_the_inventory_finds_the_rows_it_names() {
    let inventory = installation(12, 5).unwrap().inventory();
    let sites: BTreeSet<_> = inventory.sites.iter().map(|one| &one.id).collect();
    let facilities: BTreeSet<_> = inventory
        .facilities
        .iter()
        .map(|one| (&one.site, &one.id))
        .collect();
    let assets: BTreeSet<_> = inventory
        .assets
        .iter()
        .map(|one| (&one.site, &one.facility, &one.id))
        .collect();
    assert_eq!((inventory.devices.len(), assets.len()), (17, 17));
    assert!(facilities.iter().all(|(site, _)| sites.contains(site)));
    assert!(
        assets
            .iter()
            .all(|(site, facility, _)| facilities.contains(&(*site, *facility)))
    );
    for channel in &inventory.channels {
        let mut devices = inventory.devices.iter();
        let device = devices.find(|one| one.id == channel.device).unwrap();
        let asset = channel.asset.as_ref().unwrap();
        assert!(
            assets.contains(&(&device.site, &channel.facility, asset)),
            "{channel:?}"
        );
    }
    let told: BTreeSet<_> = inventory.channels.iter().map(|one| &one.device).collect();
    assert_eq!(told.len(), 17);
}

#[test]
fn the_settings_use_telegrafs_names() {
    let one = installation(1, 1).unwrap();
    let tcp = one.edge_settings(&Endpoint::Tcp(([127, 0, 0, 1], 1_502).into()));
    let expected = "\
# Written by `firmware-sim modbus --inventory`.
[[modbus]]
name = \"line0\"
controller = \"tcp://127.0.0.1:1502\"
transmission_mode = \"TCP\"
timeout = \"1s\"
interval = \"10s\"

[[modbus.request]]
slave_id = 11
map = \"dfrobot-sen0310\"
device = \"dfrobot-sen0310-011\"

[[modbus.request]]
slave_id = 254
map = \"procon-ld120\"
device = \"procon-ld120-254\"
";
    assert_eq!(tcp, expected);
    let serial = one.edge_settings(&Endpoint::Serial {
        path: "/tmp/a \"line\"".into(),
        baud: 9_600,
    });
    let expected = "\
controller = \"file:///tmp/a \\\"line\\\"\"
transmission_mode = \"RTU\"
baud_rate = 9600
data_bits = 8
parity = \"N\"
stop_bits = 1
";
    assert!(serial.contains(expected), "{serial}");
}
