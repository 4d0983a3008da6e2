//! A district of three compounds, typed as CSV like a real one, and the settings of its hub.

use std::fmt::Write as _;
use std::fs;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// Compounds, each in a partition of its own.
const SITES: &str = "\
id,name_zh,name_en,subdistrict_zh,subdistrict_en,company,zone
north,北苑,North Court,东街,East Street,Example Property,Asia/Shanghai
middle,中苑,Middle Court,东街,East Street,Example Property,Asia/Shanghai
south,南苑,South Court,西街,West Street,Example Property,Asia/Shanghai
";

const FACILITIES: &str = "\
site,id,kind,name_zh,name_en,capacity,sorting_mode,batch,initial_count
north,lot,parking_lot,北停车场,North car park,4,,,
middle,station,waste_station,中投放站,Middle waste station,,,,
south,gates,parking_lot,南停车场,South car park,20,,,5
";

const ASSETS: &str = "\
site,facility,id,kind,stream,volume_l,empty_distance_mm,full_distance_mm
north,lot,bay-1,bay,,,,
north,lot,bay-2,bay,,,,
north,lot,bay-3,bay,,,,
north,lot,bay-4,bay,,,,
middle,station,kitchen-1,bin,kitchen,240,,
middle,station,other-1,bin,other,240,1000,200
south,gates,gate-1,gate,,,,
";

/// The addresses of the parking sensors are those of the published messages.
const DEVICES: &str = "\
id,site,address,profile,expected_every,valid_for
park-1,north,1000000000000001,bosch-tps110,10m,
park-2,north,1000000000000002,bosch-tps110,10m,
park-3,north,park-3,plain,2m,
park-4,north,park-4,plain,2m,
fill-1,middle,fill-1,plain,2m,
laser-1,middle,24e124713c000001,milesight-em400-tld,10m,
count-1,south,count-1,plain,2m,
";

const CHANNELS: &str = "\
device,channel,quantity,facility,asset
park-1,occupied,occupied,lot,bay-1
park-2,occupied,occupied,lot,bay-2
park-3,occupied,occupied,lot,bay-3
park-4,occupied,occupied,lot,bay-4
fill-1,fill,fill,station,kitchen-1
laser-1,distance,distance,station,other-1
count-1,entries,entries,gates,gate-1
count-1,exits,exits,gates,gate-1
";

/// Settings and inventory of one hub in a folder of its own.
#[derive(Debug)]
pub struct District {
    dir: tempfile::TempDir,
    /// Console and API.
    pub http: SocketAddr,
    /// Embedded broker.
    pub mqtt: SocketAddr,
}

impl District {
    /// Writes the inventory, and settings with `more` below ports and folders.
    pub fn new(more: &str) -> Self {
        let dir = tempfile::TempDir::with_prefix("huitian-e2e-").expect("a temporary folder");
        let district = Self {
            dir,
            http: crate::net::free_addr(),
            mqtt: crate::net::free_addr(),
        };
        fs::create_dir(district.inventory()).expect("a folder");
        for (file, text) in [
            ("sites.csv", SITES),
            ("facilities.csv", FACILITIES),
            ("assets.csv", ASSETS),
            ("devices.csv", DEVICES),
            ("channels.csv", CHANNELS),
        ] {
            fs::write(district.inventory().join(file), text).expect("a file");
        }
        district.settings(more);
        district
    }

    /// The folder of everything.
    pub fn path(&self) -> &Path {
        self.dir.path()
    }

    /// The data folder.
    pub fn data(&self) -> PathBuf {
        self.path().join("data")
    }

    /// The folder of the CSV files.
    pub fn inventory(&self) -> PathBuf {
        self.path().join("inventory")
    }

    /// The settings file.
    pub fn config(&self) -> PathBuf {
        self.path().join("huitian.toml")
    }

    /// Writes the settings again. `more` may begin with keys of `[mqtt]`.
    pub fn settings(&self, more: &str) {
        let (data, inventory) = (self.data(), self.inventory());
        let (data, inventory) = (data.display(), inventory.display());
        let mut text =
            format!("[data]\ndir = \"{data}\"\n\n[inventory]\ndir = \"{inventory}\"\n\n");
        let written = write!(
            text,
            "[http]\naddr = \"{}\"\n\n[mqtt]\naddr = \"{}\"\n{more}",
            self.http, self.mqtt
        );
        written.expect("a string takes everything");
        fs::write(self.config(), text).expect("a file");
    }

    /// Appends a line to a CSV file.
    pub fn append(&self, file: &str, line: &str) {
        let path = self.inventory().join(file);
        let text = fs::read_to_string(&path).expect("a file") + line + "\n";
        fs::write(path, text).expect("a file");
    }

    /// Writes a secret that only we can read.
    pub fn secret(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path().join(name);
        fs::write(&path, text).expect("a file");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).expect("our own file");
        path
    }
}
