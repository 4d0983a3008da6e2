//! An edge that runs in a task, and a hub played by the test.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::time::Duration;

use huitian_broker::{Broker, BrokerConfig};
use huitian_edge::agent::{self, EdgeError, Options};
use huitian_edge::clock::{self, Wall};
use huitian_edge::settings::Overrides;
use huitian_model::EdgeId;
use huitian_model::uplink::{self, ConfigFile, ConfigOutcome, Down, HubMark, Up};
use huitian_mqtt::{Delivery, Qos, Verdict};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;

/// Longest wait for what must happen.
pub const LONGEST: Duration = Duration::from_secs(30);

/// An address of this machine at which nobody listens.
pub fn free_addr() -> SocketAddr {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    listener.local_addr().unwrap()
}

pub fn edge_id() -> EdgeId {
    EdgeId::new("gate-1").unwrap()
}

/// The inventory: one bin with one fill sensor that speaks the plain form.
pub const INVENTORY: [(&str, &str); 5] = [
    (
        "sites.csv",
        "id,name_zh,name_en,subdistrict_zh,subdistrict_en,company,zone\n\
         middle,中苑,Middle Court,东街,East Street,Example Property,Asia/Shanghai\n",
    ),
    (
        "facilities.csv",
        "site,id,kind,name_zh,name_en,capacity,sorting_mode,batch,initial_count\n\
         middle,station,waste_station,中投放站,Middle waste station,,,,\n",
    ),
    (
        "assets.csv",
        "site,facility,id,kind,stream,volume_l,empty_distance_mm,full_distance_mm\n\
         middle,station,kitchen-1,bin,kitchen,240,,\n",
    ),
    (
        "devices.csv",
        "id,site,address,profile,expected_every,valid_for\nfill-1,middle,fill-1,plain,2m,\n",
    ),
    (
        "channels.csv",
        "device,channel,quantity,facility,asset\nfill-1,fill,fill,station,kitchen-1\n",
    ),
];

/// The hub, as far as an edge sees it.
pub struct Hub {
    pub broker: Broker,
    inbox: mpsc::Receiver<Delivery>,
    wanted: u64,
}

impl Hub {
    pub async fn open() -> Self {
        Self::with(BrokerConfig::new((Ipv4Addr::LOCALHOST, 0).into())).await
    }

    pub async fn with(config: BrokerConfig) -> Self {
        let (sender, inbox) = mpsc::channel(256);
        let broker = Broker::start(config, sender).await.unwrap();
        Self {
            broker,
            inbox,
            wanted: 0,
        }
    }

    /// Hears and answers the edge until `is_it` finds what was waited for.
    pub async fn until<T>(&mut self, mut is_it: impl FnMut(&Up) -> Option<T>) -> T {
        let hearing = async {
            loop {
                let delivery = self.inbox.recv().await.unwrap();
                let up = uplink::decode::<Up>(&delivery.payload).unwrap();
                delivery.answer(Verdict::Durable);
                self.answer(&up);
                if let Some(found) = is_it(&up) {
                    return found;
                }
            }
        };
        let heard = tokio::time::timeout(LONGEST, hearing).await;
        heard.expect("the edge does not say what was waited for")
    }

    fn answer(&self, up: &Up) {
        let now = clock::wall();
        match up {
            Up::Hello {
                instance,
                epoch,
                lanes,
                ..
            } => {
                let marks = lanes.iter().map(|lane| {
                    let mut mark = HubMark::new(lane.partition);
                    mark.next = lane.released;
                    mark
                });
                self.say(&Down::Welcome {
                    instance: *instance,
                    epoch: *epoch,
                    marks: marks.collect(),
                    now,
                    config_version: self.wanted,
                });
            }
            Up::Frame {
                instance,
                epoch,
                frame,
            } => {
                let mut mark = HubMark::new(frame.partition);
                mark.next = frame.first_n + u64::try_from(frame.readings.len()).unwrap();
                self.say(&Down::Durable {
                    instance: *instance,
                    epoch: *epoch,
                    marks: vec![mark],
                    now,
                });
            }
            Up::Notes { instance, id, .. } => self.say(&Down::Noted {
                instance: *instance,
                id: *id,
            }),
            Up::Lost { .. } | Up::Heartbeat { .. } | Up::Config { .. } | Up::Enroll { .. } => {}
        }
    }

    pub fn say(&self, down: &Down) {
        let bytes = uplink::encode(down).unwrap();
        let topic = uplink::topic_down(&edge_id());
        self.broker
            .publish(&topic, bytes.into(), Qos::AtLeastOnce, false)
            .unwrap();
    }

    /// Sends a configuration.
    pub fn push(&mut self, version: u64, files: &[ConfigFile], dry_run: bool) {
        if !dry_run {
            self.wanted = version;
        }
        self.say(&Down::Config {
            version,
            files: files.to_vec(),
            dry_run,
        });
    }

    /// The next word on a configuration.
    pub async fn outcome(&mut self) -> (u64, ConfigOutcome) {
        self.until(|up| {
            let Up::Config {
                version, outcome, ..
            } = up
            else {
                return None;
            };
            Some((*version, outcome.clone()))
        })
        .await
    }

    /// The configuration with which the edge says hello.
    pub async fn hello(&mut self) -> u64 {
        self.until(|up| {
            let Up::Hello { config_version, .. } = up else {
                return None;
            };
            Some(*config_version)
        })
        .await
    }
}

/// An edge's folder.
pub struct Place(tempfile::TempDir);

impl Place {
    /// With its file and its inventory; it listens at `listen`, and has `more` in its settings.
    pub fn new(hub: &Hub, listen: SocketAddr, more: &str) -> Self {
        let place = Self(tempfile::tempdir().unwrap());
        let (data, port) = (place.data(), hub.broker.local_addr().port());
        let data = data.display();
        let text = format!(
            "[edge]\nid = \"gate-1\"\ndata = \"{data}\"\ntrial = \"1s\"\n\n\
             [uplink]\nhost = \"127.0.0.1\"\nport = {port}\n{more}\n\n{}",
            listening(listen)
        );
        std::fs::create_dir(place.path().join("inventory")).unwrap();
        std::fs::create_dir(place.data()).unwrap();
        for (name, text) in INVENTORY {
            std::fs::write(place.path().join("inventory").join(name), text).unwrap();
        }
        std::fs::write(place.file(), text).unwrap();
        place
    }

    pub fn path(&self) -> &Path {
        self.0.path()
    }

    pub fn file(&self) -> PathBuf {
        self.path().join("edge.toml")
    }

    pub fn data(&self) -> PathBuf {
        self.path().join("data")
    }
}

/// Settings that listen there.
pub fn listening(addr: SocketAddr) -> String {
    format!("[mqtt]\naddr = \"{addr}\"\n")
}

/// A whole configuration with these settings.
pub fn files(settings: &str) -> Vec<ConfigFile> {
    let file = |name: String, text: &str| ConfigFile {
        name,
        text: text.to_owned(),
    };
    std::iter::once(file("edge.toml".to_owned(), settings))
        .chain(INVENTORY.map(|(name, text)| file(format!("inventory/{name}"), text)))
        .collect()
}

/// A running edge.
pub struct Edge {
    stop: watch::Sender<bool>,
    pub task: JoinHandle<Result<(), EdgeError>>,
}

impl Edge {
    pub fn start(place: &Place) -> Self {
        Self::with(place, clock::wall, None)
    }

    pub fn with(place: &Place, wall: Wall, enroll: Option<&str>) -> Self {
        let options = Options {
            file: place.file(),
            flags: Overrides::default(),
            wall,
            enroll: enroll.map(str::to_owned),
        };
        let (stop, stopped) = watch::channel(false);
        let task = tokio::spawn(agent::run(options, stopped));
        Self { stop, task }
    }

    pub async fn stop(self) {
        self.stop.send_replace(true);
        self.task.await.unwrap().unwrap();
    }
}

/// Whether somebody listens there.
pub async fn answers(addr: SocketAddr) -> bool {
    tokio::net::TcpStream::connect(addr).await.is_ok()
}
