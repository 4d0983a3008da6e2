//! Asks a running edge through its local socket, and prints what it says.

use std::path::Path;
use std::process::ExitCode;

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::UnixStream;

use crate::agent::EdgeError;
use crate::{cli, local};

/// Asks, and prints every line until the edge or the reader hangs up.
///
/// # Errors
/// No edge runs on this data folder.
pub async fn ask(data: &Path, request: &str) -> Result<ExitCode, EdgeError> {
    let path = local::socket(data);
    let stream = UnixStream::connect(&path).await.map_err(|error| {
        EdgeError::Other(format!("no edge runs here ({}: {error})", path.display()))
    })?;
    let other = |error: std::io::Error| EdgeError::Other(error.to_string());
    let (read, mut write) = stream.into_split();
    write
        .write_all(format!("{request}\n").as_bytes())
        .await
        .map_err(other)?;
    let mut lines = BufReader::new(read).lines();
    while let Some(line) = lines.next_line().await.map_err(other)? {
        cli::say(&line)?;
    }
    Ok(ExitCode::SUCCESS)
}
