//! Sparkplug at the hub: a node of its own program, mosquitto, and figures that follow it.

use std::fs;
use std::io::Write;
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use huitian_tests::district::District;
use huitian_tests::net::post;
use huitian_tests::services::{need, python_with, root, say};
use huitian_tests::{Hub, Mosquitto, until};
use serde_json::{Value, json};

use crate::HUB;

const STATION: &str = "/api/v1/sites/middle/facilities/station";

const PATIENCE: Duration = Duration::from_secs(20);

/// Reads a metric by its name; a bin's sensor sees 1,000 mm down an empty one, 200 mm a full one.
const PROFILE: &str = r#"
id = "court-level"
name = "Level of a bin"
vendor = "Tests"

[[source]]
what = "the node of the tests"
licence = "this repository's"

[[channel]]
name = "distance"
quantity = "distance"

[[message]]
name = "level"
kind = "status"
has = ["distance"]

[[message.field]]
name = "distance_mm"
path = "distance"
channel = "distance"

[[vector]]
source = "the node of the tests"
values = { distance = 600 }
message = "level"
samples = { distance = "good 600" }
"#;

/// The edge node of the edge's own tests, in a process of its own; ends with its test.
struct Node(Child);

impl Node {
    fn start(python: &Path, addr: SocketAddr) -> Self {
        let script = root().join("crates/edge/tests/edge/sparkplug/node.py");
        let mut command = Command::new(python);
        let command = command.arg(script);
        let command = command.args(["127.0.0.1", &addr.port().to_string(), "0"]);
        let quiet = command.stdin(Stdio::piped()).stdout(Stdio::null());
        Self(quiet.spawn().unwrap())
    }

    fn tell(&mut self, order: &str) {
        writeln!(self.0.stdin.as_mut().unwrap(), "{order}").unwrap();
    }

    /// SIGKILL.
    fn kill(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        // It may have ended already.
        let _ended = self.0.kill();
        let _ended = self.0.wait();
    }
}

/// A district whose bin `other-1` has a sensor behind a Sparkplug node.
fn district(broker: SocketAddr) -> District {
    let port = broker.port();
    let district = District::new(&format!(
        "[[mqtt.brokers]]\nhost = \"127.0.0.1\"\nport = {port}\nsparkplug = \"huitian\"\n"
    ));
    let profiles = district.path().join("profiles");
    fs::create_dir(&profiles).unwrap();
    fs::write(profiles.join("court-level.toml"), PROFILE).unwrap();
    let settings = fs::read_to_string(district.config()).unwrap();
    let line = format!("[inventory]\nprofiles = \"{}\"\n", profiles.display());
    fs::write(district.config(), settings.replace("[inventory]\n", &line)).unwrap();
    let devices = district.inventory().join("devices.csv");
    let text = fs::read_to_string(&devices).unwrap();
    let text = text.replace(
        "24e124713c000001,milesight-em400-tld",
        "court/gw/bin,court-level",
    );
    fs::write(devices, text).unwrap();
    district
}

/// The fill level of the bin, none where it is unknown.
fn fill(station: &Value) -> Option<f64> {
    let bins = station["current"]["bins"].as_array()?;
    let bin = bins.iter().find(|bin| bin["asset"] == "other-1")?;
    bin["fill"].as_f64()
}

fn until_fill(hub: &Hub, wanted: Option<f64>) -> Duration {
    let begun = Instant::now();
    hub.until(STATION, PATIENCE, |said| {
        (fill(said) == wanted).then_some(())
    });
    begun.elapsed()
}

#[test]
fn a_sparkplug_device_is_read_by_its_alias_and_unknown_once_its_node_is_dead() {
    let Some([mosquitto]) = need(["mosquitto"]) else {
        return;
    };
    let Some(python) = python_with("paho.mqtt.client") else {
        return;
    };
    let folder = tempfile::TempDir::with_prefix("huitian-sparkplug-").unwrap();
    let broker = Mosquitto::start(&mosquitto, folder.path());
    let hub = Hub::start(HUB, district(broker.addr));
    let mut node = Node::start(&python, broker.addr);
    // Of the birth: 80 mm is a bin that is full.
    let born = until_fill(&hub, Some(100.0));
    node.tell("say 600");
    let told = until_fill(&hub, Some(50.0));
    // The node's own metric belongs to no device of the inventory.
    let list = until("the unknown node", PATIENCE, || {
        let list = hub.json("/api/v1/devices/unknown")["devices"].clone();
        (list[0]["address"] == "court/gw").then_some(list)
    });
    assert_eq!(list.as_array().unwrap().len(), 1, "{list}");
    is_tried(&hub);
    node.kill();
    let dead = until_fill(&hub, None);
    say(&format!("birth {born:?}, alias {told:?}, death {dead:?}"));
    // What it said is kept: a death is nothing to try a profile on.
    is_tried(&hub);
    let mut node = Node::start(&python, broker.addr);
    until_fill(&hub, Some(100.0));
    node.kill();
}

/// The unknown node's metric of 20.5, read by a profile that is pasted: whole millimetres.
fn is_tried(hub: &Hub) {
    let toml = PROFILE
        .replace("has = [\"distance\"]", "has = [\"temp\"]")
        .replace("path = \"distance\"", "path = \"temp\"")
        .replace("{ distance = 600 }", "{ temp = 600 }");
    let headers = ["Content-Type: application/json", "X-Huitian-Operator: test"];
    let headers = headers.map(str::to_owned);
    let body = json!({ "address": "court/gw", "toml": toml }).to_string();
    let tried = post(hub.district.http, "/api/v1/devices/try", &headers, &body).json();
    assert_eq!(tried["opened"]["form"], "values", "{tried:#}");
    let samples = json!([{ "channel": "distance", "sample": "good 21" }]);
    assert_eq!(tried["fits"][0]["samples"], samples, "{tried:#}");
}
