//! A socket of this machine through which a running edge is watched: `edge.sock` in the data
//! folder, which only its owner can open.
//!
//! ```text
//! request = "status" or "tap", and a line feed
//! answer  = lines of JSON: one for status; one for each reading for tap, until the caller hangs up
//! ```

use std::path::{Path, PathBuf};

use huitian_model::{Partition, Reading};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{broadcast, watch};
use tokio::task::JoinHandle;

use crate::keeper::Standing;
use crate::number::Numbered;

/// The socket of a data folder.
pub fn socket(data: &Path) -> PathBuf {
    data.join("edge.sock")
}

/// The open socket.
pub struct Local {
    task: JoinHandle<()>,
    path: PathBuf,
}

impl Local {
    /// Opens it; a socket that a killed process left is replaced.
    ///
    /// # Errors
    /// What the system says.
    pub fn open(
        data: &Path,
        tap: broadcast::Sender<Numbered>,
        standing: watch::Receiver<Standing>,
    ) -> std::io::Result<Self> {
        use std::os::unix::fs::PermissionsExt;
        let path = socket(data);
        match std::fs::remove_file(&path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let listener = UnixListener::bind(&path)?;
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600))?;
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (tap, standing) = (tap.clone(), standing.clone());
                tokio::spawn(async move {
                    if let Err(error) = serve(stream, &tap, &standing).await {
                        tracing::debug!(%error, "a watcher is gone");
                    }
                });
            }
        });
        Ok(Self { task, path })
    }

    /// Closes it.
    pub fn close(self) {
        self.task.abort();
        if let Err(error) = std::fs::remove_file(&self.path) {
            tracing::debug!(%error, "the local socket stays behind");
        }
    }
}

async fn serve(
    stream: UnixStream,
    tap: &broadcast::Sender<Numbered>,
    standing: &watch::Receiver<Standing>,
) -> std::io::Result<()> {
    let (read, mut write) = stream.into_split();
    let mut request = String::new();
    BufReader::new(read).read_line(&mut request).await?;
    if request.trim() != "tap" {
        let line = status_line(&standing.borrow());
        return write.write_all(line.as_bytes()).await;
    }
    let mut readings = tap.subscribe();
    loop {
        let line = match readings.recv().await {
            Ok(numbered) => line(&numbered),
            Err(broadcast::error::RecvError::Lagged(count)) => {
                format!("{}\n", json!({ "not_shown": count }))
            }
            Err(broadcast::error::RecvError::Closed) => return Ok(()),
        };
        write.write_all(line.as_bytes()).await?;
    }
}

fn status_line(standing: &Standing) -> String {
    let status = json!({
        "linked": standing.is_linked,
        "accepted": standing.accepted,
        "waiting": standing.waiting,
        "unchanged": standing.unchanged,
        "lost": standing.lost,
        "blocked": standing.blocked,
    });
    format!("{status}\n")
}

/// A reading as a line of JSON.
pub fn line(
    (partition, channel, reading): &(Partition, huitian_model::ChannelRef, Reading),
) -> String {
    let quantity = reading.sample.quantity();
    let value = match reading.sample.value() {
        None => Value::Null,
        Some(value) => match value {
            huitian_model::Measurement::Occupied(yes) | huitian_model::Measurement::Tilt(yes) => {
                json!(yes)
            }
            huitian_model::Measurement::Fill(fill) => json!(fill.percent()),
            huitian_model::Measurement::Temperature(hundredths) => {
                json!(f64::from(hundredths) / 100.0)
            }
            other @ (huitian_model::Measurement::InUse(_)
            | huitian_model::Measurement::FreePlaces(_)
            | huitian_model::Measurement::Entries(_)
            | huitian_model::Measurement::Exits(_)
            | huitian_model::Measurement::Distance(_)
            | huitian_model::Measurement::Battery(_)) => json!(other.as_i64()),
        },
    };
    let quality = match reading.sample {
        huitian_model::Sample::Good(_) => "good".to_owned(),
        huitian_model::Sample::Uncertain(_, reason) => format!("uncertain: {reason:?}"),
        huitian_model::Sample::Bad(_, reason) => format!("bad: {}", reason.name()),
    };
    let line = json!({
        "at": reading.at.to_string(),
        "received_at": reading.received_at.to_string(),
        "device": channel.device.as_str(),
        "channel": channel.channel.as_str(),
        "quantity": quantity.name(),
        "value": value,
        "unit": quantity.unit(),
        "quality": quality,
        "partition": partition.number(),
    });
    format!("{line}\n")
}
