//! Live time: the simulated devices speak MQTT to the broker.

use firmware_sim::PublishConfig;
use tokio::sync::watch;
use tracing::info;

use super::{DemoError, DemoRun};

/// Connections that the simulated district shares: network servers have one each, plain devices
/// of a compound share a gateway's.
const CONNECTIONS: usize = 8;

/// How far ahead the world is asked for: longer than any run.
const AHEAD_MS: i64 = 366 * 86_400_000;

impl DemoRun {
    /// Publishes what the devices say until `stopped`.
    ///
    /// # Errors
    /// [`DemoError`] where there is no broker to send to.
    pub async fn publish(self, stopped: watch::Receiver<bool>) -> Result<(), DemoError> {
        let Some(broker) = self.ways.broker else {
            let reason = "it needs the embedded broker, which is switched off";
            return Err(DemoError::Other(reason.to_owned()));
        };
        let clock = self.ways.clock.clone();
        let from = clock.now();
        let world = self.demo.world();
        let messages = world.messages(from.0, from.plus(AHEAD_MS).0);
        let config = PublishConfig {
            broker,
            connections: CONNECTIONS,
            acknowledged: true,
        };
        let sent = firmware_sim::publish(config, messages, move || clock.now().0, stopped)
            .await
            .map_err(|error| DemoError::Other(error.to_string()))?;
        info!(?sent, "the simulated district has stopped");
        Ok(())
    }
}
