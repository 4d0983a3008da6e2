//! Lines in Telegraf's words, in the light of maps and inventory.

use std::collections::BTreeMap;

use huitian_codec::RegisterMaps;
use huitian_model::{
    Binding, Channel, ChannelName, Device, DeviceId, FacilityId, Inventory, Quantity, SiteId,
};
use serde::Deserialize;

use super::{Endpoint, LineConfig, RawLine, Transmission, UnitRegisters};
use crate::Unit;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    modbus: Vec<RawLine>,
}

const FILE: &str = r#"
[[modbus]]
name = "gatehouse"
controller = "file:///dev/ttyUSB0"
backup_controller = "file:///dev/ttyUSB1"
baud_rate = 19200
timeout = "300ms"
busy_retries = 2
busy_retries_wait = "50ms"
interval = "10s"
dead_share = 25

[modbus.workarounds]
pause_between_requests = "10ms"

[[modbus.request]]
map = "dfrobot-urm14"
device = "bin-7"

[[modbus.request]]
slave_id = 3
device = "node-3"
register = "holding"
byte_order = "CDAB"
address_base = 1
fields = [
  { address = 10, name = "entries", type = "UINT32" },
  { address = 12, name = "spare", type = "UINT16", omit = true },
]

[[modbus.request]]
slave_id = 3
device = "node-3"
register = "discrete"
fields = [{ address = 0, name = "bay" }]
"#;

fn lines(text: &str) -> Result<Vec<LineConfig>, String> {
    let file: File = toml::from_str(text).map_err(|error| error.message().to_owned())?;
    LineConfig::all(file.modbus).map_err(|fault| fault.to_string())
}

fn device(id: &str, profile: &str, channels: &[(&str, Quantity)]) -> Device {
    let channel = |(name, quantity): &(&str, Quantity)| {
        let name = ChannelName::new(name).unwrap();
        let facility = FacilityId::new("f").unwrap();
        let binds = Binding {
            facility,
            asset: None,
        };
        let quantity = *quantity;
        (
            name.clone(),
            Channel {
                name,
                quantity,
                binds,
                counter: huitian_model::CounterRule::Unstated,
            },
        )
    };
    Device {
        id: DeviceId::new(id).unwrap(),
        site: SiteId::new("s").unwrap(),
        address: id.to_owned(),
        profile: profile.to_owned(),
        expected_every_ms: 60_000,
        valid_for_ms: None,
        channels: channels.iter().map(channel).collect(),
    }
}

fn inventory() -> Inventory {
    let devices = [
        device(
            "bin-7",
            "dfrobot-urm14",
            &[("distance", Quantity::Distance)],
        ),
        device(
            "node-3",
            "modbus",
            &[("entries", Quantity::Entries), ("bay", Quantity::Occupied)],
        ),
    ];
    let devices: BTreeMap<_, _> = devices
        .into_iter()
        .map(|device| (device.id.clone(), device))
        .collect();
    Inventory {
        devices,
        ..Inventory::default()
    }
}

#[test]
fn a_line_in_telegrafs_words_is_read() {
    let line = &lines(FILE).unwrap()[0];
    assert_eq!(line.endpoint, Endpoint::Serial("/dev/ttyUSB0".into()));
    assert_eq!(line.backup, Some(Endpoint::Serial("/dev/ttyUSB1".into())));
    assert_eq!(line.transmission, Transmission::Rtu);
    assert_eq!((line.interval_ms, line.dead_share), (10_000, 25));
    let timing = line.timing;
    assert_eq!((timing.timeout_ms, timing.busy_retries), (300, 2));
    assert_eq!(
        (
            timing.busy_retries_wait_ms,
            timing.pause_between_requests_ms
        ),
        (50, 10)
    );
    assert_eq!(
        line.units.len(),
        2,
        "two requests of one device are one unit"
    );
    let UnitRegisters::Inline(fields) = &line.units[1].registers else {
        panic!("{:?}", line.units)
    };
    let places: Vec<_> = fields
        .iter()
        .map(|f| (f.function.code(), f.address))
        .collect();
    assert_eq!(
        places,
        [(3, 9), (2, 0)],
        "address_base holds for its own request"
    );
}

#[test]
fn units_are_made_of_maps_and_inventory_and_fit_their_budget() {
    let line = &lines(FILE).unwrap()[0];
    let units = line
        .units(&RegisterMaps::builtin().unwrap(), &inventory())
        .unwrap();
    let ids: Vec<_> = units.iter().map(Unit::id).collect();
    assert_eq!(ids, [12, 3], "the map's id where none is said");
    let read: Vec<_> = units[1]
        .requests()
        .iter()
        .map(|request| (request.function.code(), request.address, request.count))
        .collect();
    assert_eq!(read, [(2, 0, 1), (3, 9, 2)]);
    let budget = line.budget(&units).unwrap();
    assert_eq!((budget.units.len(), budget.channels.len()), (2, 3));
    assert!(
        line.notes(&units).is_empty(),
        "as the device leaves the factory"
    );
    let mut fast = line.clone();
    fast.serial.baud_rate = 115_200;
    assert!(fast.notes(&units)[0].contains("unit 12 (bin-7)"));
    let mut slow = line.clone();
    slow.interval_ms = 100;
    assert!(
        slow.budget(&units)
            .unwrap_err()
            .to_string()
            .contains("interval is 100000 us")
    );
}

/// A change of `FILE` and a part of what is told.
const FAULTS: [(&str, &str, &str); 22] = [
    (
        "file:///dev/ttyUSB0",
        "COM1",
        "controller: expected tcp://host:port",
    ),
    (
        "file:///dev/ttyUSB0",
        "tcp://10.0.0.7",
        "controller: expected tcp://host:port",
    ),
    (
        "file:///dev/ttyUSB0",
        "tcp://10.0.0.7:502",
        "backup_controller: expected the same kind",
    ),
    (
        "file:///dev/ttyUSB1",
        "file:///dev/ttyUSB0",
        "another than controller",
    ),
    (
        "baud_rate = 19200",
        "baud_rate = 19",
        "baud_rate: expected 300",
    ),
    ("baud_rate = 19200", "parity = \"X\"", "expected N, E or O"),
    (
        "baud_rate = 19200",
        "transmission_mode = \"TCP\"",
        "expected auto, RTU of file://",
    ),
    (
        "baud_rate = 19200",
        "configuration_type = \"metric\"",
        "expected \"request\"",
    ),
    ("baud_rate = 19200", "tags = 1", "unknown field"),
    (
        "baud_rate = 19200",
        "optimization = \"max\"",
        "optimization: expected none",
    ),
    (
        "timeout = \"300ms\"",
        "timeout = \"1ms\"",
        "timeout: expected 10 to 60000 ms, found 1 ms",
    ),
    ("interval = \"10s\"", "interval = \"10\"", "such as 30s"),
    (
        "dead_share = 25",
        "dead_share = 100",
        "dead_share: expected 1 to 90",
    ),
    ("\"10ms\"", "\"2m\"", "pause_between_requests"),
    ("device = \"bin-7\"", "device = \"Bin 7\"", "a-z"),
    (
        "device = \"bin-7\"",
        "device = \"bin-7\"\naddress_base = 2",
        "expected 0 or 1",
    ),
    (
        "device = \"bin-7\"",
        "device = \"bin-7\"\nregister = \"input\"",
        "either a map or",
    ),
    (
        "device = \"bin-7\"",
        "device = \"node-3\"",
        "at most one map",
    ),
    (
        "register = \"holding\"",
        "register = \"holding_registers\"",
        "register: expected coil",
    ),
    ("\"CDAB\"", "\"DCAB\"", "byte_order: expected"),
    (
        "address = 10,",
        "address = 0,",
        "an address of 1 to 65535, found 0",
    ),
    ("\"UINT32\"", "\"STRING\"", "type: expected INT8L"),
];

#[test]
fn faults_of_a_line_say_what_was_expected() {
    for (from, to, told) in FAULTS {
        assert!(FILE.contains(from), "{from}");
        let fault = lines(&FILE.replacen(from, to, 1)).unwrap_err();
        assert!(fault.contains(told), "{to}: {fault}");
    }
}

#[test]
fn two_lines_share_no_endpoint_and_no_device() {
    let second = FILE.replace("gatehouse", "other");
    let fault = lines(&format!("{FILE}{second}")).unwrap_err();
    assert!(fault.contains("one endpoint is one line"), "{fault}");
    let second = second.replace("ttyUSB", "ttyS");
    let fault = lines(&format!("{FILE}{second}")).unwrap_err();
    assert!(fault.contains("device bin-7 is named twice"), "{fault}");
    let fault = lines(&format!("{FILE}{FILE}")).unwrap_err();
    assert!(fault.contains("two lines have this name"), "{fault}");
}

#[test]
fn what_does_not_fit_the_inventory_is_refused() {
    let maps = RegisterMaps::builtin().unwrap();
    let refused = |text: &str, change: &dyn Fn(&mut Inventory)| {
        let mut inventory = inventory();
        change(&mut inventory);
        let line = &lines(text).unwrap()[0];
        line.units(&maps, &inventory).unwrap_err().to_string()
    };
    let bin = DeviceId::new("bin-7").unwrap();
    let on_bin = |change: fn(&mut Device)| {
        let bin = bin.clone();
        move |inventory: &mut Inventory| change(inventory.devices.get_mut(&bin).unwrap())
    };
    let same = |_: &mut Inventory| {};
    let fault = refused(FILE, &|inventory| inventory.devices.clear());
    assert!(fault.contains("not in the inventory"), "{fault}");
    let fault = refused(FILE, &on_bin(|device| device.profile = "plain".to_owned()));
    assert!(fault.contains("expected \"dfrobot-urm14\""), "{fault}");
    let fault = refused(FILE, &on_bin(|device| device.channels.clear()));
    assert!(fault.contains("binds no channel"), "{fault}");
    let fault = refused(FILE, &on_bin(|device| device.expected_every_ms = 5_000));
    assert!(fault.contains("more often than the interval"), "{fault}");
    let fault = refused(
        FILE,
        &on_bin(|device| {
            for channel in device.channels.values_mut() {
                channel.quantity = Quantity::Fill;
            }
        }),
    );
    assert!(
        fault.contains("channel distance (fill) is not fed"),
        "{fault}"
    );
    assert!(fault.contains("distance (distance)"), "{fault}");
    let fault = refused(&FILE.replace("dfrobot-urm14", "acme"), &same);
    assert!(fault.contains("expected one of apg-mnu"), "{fault}");
    let fault = refused(&FILE.replace("\"entries\"", "\"exits\""), &same);
    assert!(fault.contains("no such channel"), "{fault}");
    let fault = refused(&FILE.replace("slave_id = 3", "slave_id = 12"), &same);
    assert!(
        fault.contains("slave_id 12 is the one of device bin-7"),
        "{fault}"
    );
    let urm = "map = \"dfrobot-urm14\"";
    let fault = refused(&FILE.replace(urm, &format!("slave_id = 248\n{urm}")), &same);
    assert!(
        fault.contains("slave_id: expected 1 to 247, found 248"),
        "{fault}"
    );
    let words = "[modbus.workarounds]\nmax_word_registers_per_request = 1";
    let fault = refused(&FILE.replace("[modbus.workarounds]", words), &same);
    assert!(fault.contains("longer than a request of 1"), "{fault}");
}

#[test]
fn endpoints_are_read_as_telegraf_writes_them() {
    let read = |text: &str| {
        let text = FILE.replace("file:///dev/ttyUSB0", text);
        let text = text.replace("backup_controller = \"file:///dev/ttyUSB1\"", "");
        lines(&text).map(|lines| lines[0].endpoint.clone())
    };
    let tcp = |host: &str, port| {
        let host = host.to_owned();
        Ok(Endpoint::Tcp { host, port })
    };
    assert_eq!(read("tcp://gateway.lan:1502"), tcp("gateway.lan", 1502));
    assert_eq!(read("tcp://[fe80::1]:502"), tcp("fe80::1", 502));
    for bad in [
        "tcp://:502",
        "tcp://a:0",
        "tcp://a:70000",
        "tcp://fe80::1:502",
        "file://tty",
        "a:1",
    ] {
        assert!(read(bad).is_err(), "{bad}");
    }
}
