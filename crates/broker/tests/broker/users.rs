//! A broker that knows its users.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use huitian_broker::{Access, Broker, BrokerConfig, Delivery, Notice, PasswordHash, Tls, Users};
use tempfile::TempDir;
use tokio::sync::mpsc;

use super::support::{Hello, any_port};

/// Every user's password.
pub const TOKEN: &str = "00112233445566778899aabbccddeeff";

pub const FILE: &[&str] = &[
    "bin-1 device site=yard",
    "bin-2 device site=yard",
    "bin device site=yard",
    "gate-3 edge",
    "central hub",
    "watch observer",
    "lora gateway publish=application/+/device/+/event/up",
];

/// Writes a file that only its owner can read.
pub fn write_secret(path: &Path, text: &str) {
    fs::write(path, text).unwrap();
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
    }
}

pub fn write_users(path: &Path, lines: &[&str]) {
    let hash = PasswordHash::of_token(TOKEN).unwrap();
    let lines: Vec<_> = lines
        .iter()
        .map(|line| format!("{line} password={hash}\n"))
        .collect();
    write_secret(path, &lines.concat());
}

pub struct Guarded {
    pub broker: Broker,
    pub users: Arc<Users>,
    pub file: PathBuf,
    pub deliveries: mpsc::Receiver<Delivery>,
    pub notices: mpsc::Receiver<Notice>,
    _folder: TempDir,
}

pub async fn guarded(tls: Option<Tls>) -> Guarded {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("users");
    write_users(&file, FILE);
    let users = Users::load(&file).unwrap();
    let (inbox, deliveries) = mpsc::channel(10_000);
    let (notice, notices) = mpsc::channel(100);
    let config = BrokerConfig {
        access: Access::Users(Arc::clone(&users)),
        tls,
        notices: Some(notice),
        ..BrokerConfig::new(any_port())
    };
    Guarded {
        broker: Broker::start(config, inbox).await.unwrap(),
        users,
        file,
        deliveries,
        notices,
        _folder: folder,
    }
}

/// A user who says who it is, with its own name as client id.
pub fn hello(level: u8, user: &'static str) -> Hello {
    Hello {
        level,
        user: Some(user),
        password: Some(TOKEN),
        ..Hello::v311(user)
    }
}
