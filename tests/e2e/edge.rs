//! An edge before its hub, with a broker between them that may die and forget: what the edge has
//! acknowledged is in the hub's log once, or told as lost.

use std::path::Path;

use huitian_tests::district::District;
use huitian_tests::gateway::Place;
use huitian_tests::{Edge, Hub, Mosquitto};

use crate::{EDGE, HUB};

mod account;
mod copies;
mod disk_full;
mod figures;
mod kills;
mod outage;
mod wide;

/// Everything between a device and the hub's log.
struct Chain {
    edge: Edge,
    broker: Mosquitto,
    hub: Hub,
}

impl Chain {
    /// Starts all three; the edge's data is in its own folder unless said otherwise.
    fn start(mosquitto: &Path, data: Option<&Path>, more: &str) -> Self {
        let district = District::new("");
        wide::extend(&district);
        let broker = Mosquitto::start(mosquitto, district.path());
        let (ip, port) = (broker.addr.ip(), broker.addr.port());
        district.settings(&format!(
            "\n[[mqtt.brokers]]\nhost = \"{ip}\"\nport = {port}\n"
        ));
        let hub = Hub::start(HUB, district);
        let inventory = hub.district.inventory();
        let place = Place {
            folder: hub.district.path(),
            data,
            inventory: &inventory,
            uplink: broker.addr,
        };
        let edge = Edge::start(EDGE, place, more);
        Self { edge, broker, hub }
    }

    /// Ends edge and hub in order.
    fn stop(&mut self) {
        let (status, _took) = self.edge.stop();
        assert!(status.success(), "{status}");
        let (status, _took) = self.hub.stop();
        assert!(status.success(), "{status}");
    }
}
