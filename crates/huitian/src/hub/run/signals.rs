//! Signals of the system.

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::oneshot;

use super::HubError;

/// SIGHUP, however often it comes.
pub fn hangup() -> Result<Signal, HubError> {
    signal(SignalKind::hangup()).map_err(|error| HubError::Other(format!("no signals: {error}")))
}

/// Resolves at the first SIGTERM or SIGINT.
pub fn signals() -> Result<oneshot::Receiver<()>, HubError> {
    let other = |error: std::io::Error| HubError::Other(format!("no signals: {error}"));
    let mut terminate = signal(SignalKind::terminate()).map_err(other)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(other)?;
    let (sender, receiver) = oneshot::channel();
    tokio::spawn(async move {
        tokio::select! {
            _terminate = terminate.recv() => {}
            _interrupt = interrupt.recv() => {}
        }
        // Nobody waits any more where the hub has stopped for another reason.
        let _gone = sender.send(());
    });
    Ok(receiver)
}
