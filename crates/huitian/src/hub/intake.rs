//! The ways in: the embedded broker, and sessions with external brokers.

use huitian_broker::{Broker, BrokerConfig, BrokerError};
use huitian_mqtt::{Delivery, Login, Session, SessionConfig, SessionError};
use tokio::sync::mpsc;
use tracing::info;

use super::appender::{Ask, Path};
use crate::config::Config;

/// Messages that wait between a way in and the appender. One group commit takes up to 4,096; as
/// many again may wait, at most 64 MiB of the 16 KiB that a device may send.
const INBOX_MAX: usize = 4_096;

/// The ways in that are open.
pub struct Intakes {
    broker: Option<Broker>,
    sessions: Vec<Session>,
}

/// Why a way in could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum IntakeError {
    /// The embedded broker.
    #[error(transparent)]
    Broker(#[from] BrokerError),
    /// A session with an external broker.
    #[error(transparent)]
    Session(#[from] SessionError),
}

impl Intakes {
    /// Opens all that the settings name.
    ///
    /// # Errors
    /// [`IntakeError`] where a port is taken or a setting cannot be used.
    pub async fn open(config: &Config, asks: &mpsc::Sender<Ask>) -> Result<Self, IntakeError> {
        let broker = match config.mqtt {
            None => None,
            Some(listen) => {
                let inbox = forward(asks.clone(), Path::Embedded);
                let broker = Broker::start(BrokerConfig::new(listen), inbox).await?;
                info!(addr = %broker.local_addr(), "embedded MQTT broker listens");
                Some(broker)
            }
        };
        let mut sessions = Vec::new();
        for external in &config.brokers {
            let topics: Vec<&str> = external.topics.iter().map(String::as_str).collect();
            let mut session =
                SessionConfig::new(&external.host, external.port, &external.client_id, &topics);
            if let Some(username) = &external.username {
                session.login = Some(Login {
                    username: username.clone(),
                    password: external
                        .password
                        .as_ref()
                        .map_or_else(String::new, |p| p.0.clone()),
                });
            }
            info!(
                host = external.host,
                port = external.port,
                "reading from an external broker"
            );
            sessions.push(Session::connect(
                session,
                forward(asks.clone(), Path::External),
            )?);
        }
        Ok(Self { broker, sessions })
    }

    /// Where the embedded broker listens.
    pub fn broker_addr(&self) -> Option<std::net::SocketAddr> {
        self.broker.as_ref().map(Broker::local_addr)
    }

    /// Closes all, after what is on its way has been answered.
    pub async fn stop(self) {
        if let Some(broker) = self.broker {
            broker.stop().await;
        }
        for session in self.sessions {
            session.stop().await;
        }
    }
}

/// A channel whose deliveries reach the appender.
fn forward(asks: mpsc::Sender<Ask>, path: Path) -> mpsc::Sender<Delivery> {
    let (inbox, mut deliveries) = mpsc::channel(INBOX_MAX);
    tokio::spawn(async move {
        while let Some(delivery) = deliveries.recv().await {
            if asks.send(Ask::Delivery(delivery, path)).await.is_err() {
                // The appender has stopped: what is not acknowledged will be sent again.
                return;
            }
        }
    });
    inbox
}
