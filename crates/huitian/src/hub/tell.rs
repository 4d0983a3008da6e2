//! Sends what the outbox holds. The outbox is written with the commit that decided to tell, so a
//! stop at any instant costs at most a repeated try with the same message id.

use std::sync::Arc;
use std::time::Duration;

use huitian_model::{AlertRow, AssetKind, Bilingual, Inventory};
use huitian_notify::{ATTEMPTS_MAX, DeliveryError, Names, Webhook, message, retry_after_ms};
use huitian_store::{OutboxItem, Sqlite, StoreError};
use tokio::sync::watch;
use tracing::{error, info, warn};

use crate::clock::Clock;
use huitian_edge::random;

/// Messages taken from the outbox at once.
const ITEMS_MAX: usize = 50;

/// How often the outbox is looked at where nobody woke us: a retry may be due.
const IDLE_WAIT: Duration = Duration::from_secs(2);

/// Sends messages until told to stop.
pub struct Teller {
    /// The outbox.
    pub store: Sqlite,
    /// The receiver.
    pub webhook: Webhook,
    /// Names for ids.
    pub inventory: watch::Receiver<Arc<Inventory>>,
    /// What time it is.
    pub clock: Clock,
}

impl Teller {
    /// Runs until `stop`; `commits` wakes it.
    ///
    /// # Errors
    /// [`StoreError`] that waiting does not mend.
    pub async fn run(
        self,
        mut commits: watch::Receiver<u64>,
        mut stop: watch::Receiver<bool>,
    ) -> Result<(), StoreError> {
        loop {
            let sent = tokio::select! {
                sent = self.send_due() => sent,
                _stopped = stop.wait_for(|stop| *stop) => return Ok(()),
            };
            match sent {
                Ok(()) => {}
                Err(error) if error.is_retryable() => {
                    warn!(%error, "outbox not read or marked: messages may come twice");
                }
                Err(error) => return Err(error),
            }
            tokio::select! {
                changed = commits.changed() => if changed.is_err() { return Ok(()) },
                () = tokio::time::sleep(IDLE_WAIT) => {}
                _stopped = stop.wait_for(|stop| *stop) => return Ok(()),
            }
        }
    }

    async fn send_due(&self) -> Result<(), StoreError> {
        loop {
            let store = self.store.clone();
            let now = self.clock.now();
            let due = tokio::task::spawn_blocking(move || store.outbox_due(now, ITEMS_MAX)).await;
            let due = due.map_err(|error| StoreError::Io(error.to_string()))??;
            if due.is_empty() {
                return Ok(());
            }
            for item in due {
                self.send(item).await?;
            }
        }
    }

    async fn send(&self, item: OutboxItem) -> Result<(), StoreError> {
        let names = names(&self.inventory.borrow().clone(), &item.alert);
        let message = message(&item.alert, &names);
        match self.webhook.deliver(&message, self.clock.now()).await {
            Ok(()) => {
                info!(
                    alert = message.id,
                    attempts = item.attempts + 1,
                    "told by webhook"
                );
                self.store.outbox_done(item.id, self.clock.now()).await
            }
            Err(DeliveryError::Again(reason)) if item.attempts + 1 < ATTEMPTS_MAX => {
                let wait_ms = retry_after_ms(item.attempts + 1, random());
                warn!(
                    alert = message.id,
                    reason, wait_ms, "webhook did not take it: trying again"
                );
                let next = self.clock.now().plus(wait_ms);
                self.store.outbox_retry(item.id, next, &reason).await
            }
            Err(DeliveryError::Again(reason) | DeliveryError::Never(reason)) => {
                error!(
                    alert = message.id,
                    reason, "undelivered: nobody was told of this alert"
                );
                self.store.outbox_undeliverable(item.id, &reason).await
            }
        }
    }
}

fn names(inventory: &Inventory, alert: &AlertRow) -> Names {
    let id = &alert.id;
    let unnamed = |id: &str| Bilingual {
        zh: id.to_owned(),
        en: id.to_owned(),
    };
    let site = inventory.sites.get(&id.site);
    let facility = site.and_then(|site| site.facilities.get(&id.facility));
    let asset = facility
        .zip(id.asset.as_ref())
        .and_then(|(f, asset)| f.assets.get(asset));
    Names {
        site: site.map_or_else(|| unnamed(id.site.as_str()), |site| site.name.clone()),
        facility: facility.map_or_else(|| unnamed(id.facility.as_str()), |f| f.name.clone()),
        stream: asset.and_then(|asset| match asset.kind {
            AssetKind::Bin { stream, .. } => Some(stream),
            AssetKind::Bay | AssetKind::Gate => None,
        }),
    }
}
