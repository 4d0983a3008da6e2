//! The hub's own socket in its data folder, by which a command asks the running hub.
//!
//! ```text
//! request = one line of JSON: { "repair": Wish }
//! answer  = one line of JSON: [Report ...], or { "error": text }
//! ```
//!
//! A file that only the owner of the data folder can open: no port, and nothing that a page in a
//! browser could reach.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{mpsc, oneshot, watch};
use tracing::warn;

use super::repair::{Asked, Report, Wish};

/// The socket's name in the data folder.
const FILE_NAME: &str = "control.sock";

/// A request is one wish, bytes.
const REQUEST_BYTES_MAX: u64 = 4_096;

/// A request must have come within.
const REQUEST_TIME_MAX: Duration = Duration::from_secs(5);

/// An answer of a whole district is some 1,000 rows of 200 bytes; 16 MiB are far above.
const ANSWER_BYTES_MAX: u64 = 16 * 1024 * 1024;

#[derive(serde::Serialize, serde::Deserialize)]
enum Request {
    #[serde(rename = "repair")]
    Repair(Wish),
}

#[derive(serde::Serialize, serde::Deserialize)]
enum Answer {
    #[serde(rename = "reports")]
    Reports(Vec<Report>),
    #[serde(rename = "error")]
    Error(String),
}

fn path(dir: &Path) -> PathBuf {
    dir.join(FILE_NAME)
}

/// Answers commands until `stop`, one after the other. Where the socket cannot be made (a path
/// may be 107 bytes long) the hub runs without it, and says so.
pub async fn serve(dir: PathBuf, wishes: mpsc::Sender<Asked>, mut stop: watch::Receiver<bool>) {
    let path = path(&dir);
    // What an ended hub has left: the folder's lock says that no other hub is running.
    let _nothing_there = std::fs::remove_file(&path);
    let listener = UnixListener::bind(&path).and_then(|listener| {
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600))?;
        Ok(listener)
    });
    let listener = match listener {
        Ok(listener) => listener,
        Err(error) => {
            warn!(%error, "no control socket: `huitian repair` cannot ask this hub");
            return;
        }
    };
    loop {
        let stream = tokio::select! {
            accepted = listener.accept() => accepted,
            _stopped = stop.wait_for(|stop| *stop) => break,
        };
        let Ok((stream, _)) = stream else { continue };
        tokio::select! {
            done = answer(stream, &wishes) => if let Err(error) = done {
                warn!(%error, "a command was not answered");
            },
            _stopped = stop.wait_for(|stop| *stop) => break,
        }
    }
    // Left behind it would do no harm: see above.
    let _gone = std::fs::remove_file(&path);
}

async fn answer(stream: UnixStream, wishes: &mpsc::Sender<Asked>) -> std::io::Result<()> {
    let (input, mut output) = stream.into_split();
    let mut line = String::new();
    let mut input = BufReader::new(input.take(REQUEST_BYTES_MAX));
    tokio::time::timeout(REQUEST_TIME_MAX, input.read_line(&mut line)).await??;
    let answer = match serde_json::from_str(&line) {
        Err(error) => Answer::Error(error.to_string()),
        Ok(Request::Repair(wish)) => {
            let (sender, reports) = oneshot::channel();
            let sent = wishes.send((wish, sender)).await;
            match (sent, reports.await) {
                (Ok(()), Ok(reports)) => Answer::Reports(reports),
                _ => Answer::Error("the hub is stopping".to_owned()),
            }
        }
    };
    let mut text = serde_json::to_vec(&answer)?;
    text.push(b'\n');
    output.write_all(&text).await
}

/// Asks the hub that has a data folder.
///
/// # Errors
/// A text: no hub answers there, or it could not do it.
pub async fn ask(dir: &Path, wish: Wish) -> Result<Vec<Report>, String> {
    let path = path(dir);
    let no_answer = |error: std::io::Error| {
        format!(
            "the hub that has this folder does not answer at {}: {error}",
            path.display()
        )
    };
    let mut stream = UnixStream::connect(&path).await.map_err(no_answer)?;
    let mut text = serde_json::to_vec(&Request::Repair(wish)).map_err(|e| e.to_string())?;
    text.push(b'\n');
    stream.write_all(&text).await.map_err(no_answer)?;
    let mut answer = String::new();
    let mut stream = stream.take(ANSWER_BYTES_MAX);
    stream
        .read_to_string(&mut answer)
        .await
        .map_err(no_answer)?;
    match serde_json::from_str(&answer).map_err(|error| error.to_string())? {
        Answer::Reports(reports) => Ok(reports),
        Answer::Error(error) => Err(error),
    }
}
