//! Whether a client is let in, and as whom.
//!
//! A refusal must not tell whether the user exists: an unknown name is compared with a decoy, and
//! every refusal for the password is answered at the same time after CONNECT.

use std::net::IpAddr;
use std::sync::Arc;

use tokio::time::Instant;

use crate::codec::{Connect, reason};
use crate::guard::Try;
use crate::notice::Notice;
use crate::password::PasswordHash;
use crate::shared::Shared;
use crate::users::{Table, User, Users};

/// Longest user name that is looked at, as in the users file.
const NAME_LEN_MAX: usize = 64;

/// Who may use the broker.
#[derive(Debug, Clone, Default)]
pub enum Access {
    /// Whoever reaches the port, and for everything: on loopback only.
    #[default]
    Open,
    /// The users of a file, each with its rights.
    Users(Arc<Users>),
}

/// A client before it is let in.
pub(crate) struct Caller<'a> {
    pub(crate) address: IpAddr,
    /// The name in its certificate, where the broker asks for certificates.
    pub(crate) certified: Option<&'a str>,
    pub(crate) connect: &'a Connect,
}

/// A refusal's reason code (MQTT 5.0, 3.2.2.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) reason: u8,
    /// It is answered late, so that the time tells nothing.
    pub(crate) is_guess: bool,
}

impl From<u8> for Refusal {
    fn from(reason: u8) -> Self {
        Self {
            reason,
            is_guess: false,
        }
    }
}

impl Shared {
    /// The user a client logs in as; none where access is open.
    ///
    /// # Errors
    /// The client is refused.
    pub(crate) async fn log_in(&self, caller: &Caller<'_>) -> Result<Option<Arc<User>>, Refusal> {
        let Access::Users(users) = &self.access else {
            return Ok(None);
        };
        let table = users.table();
        let asks_for_certificates = self
            .tls
            .as_ref()
            .is_some_and(|tls| tls.asks_for_certificates());
        let user = if asks_for_certificates {
            certified_user(&table, caller)?
        } else {
            self.user_by_password(&table, caller).await?
        };
        let will = caller.connect.will.as_ref();
        if will.is_some_and(|will| !user.may_publish(&will.topic)) {
            return Err(reason::NOT_AUTHORIZED.into());
        }
        let client_id = &caller.connect.client_id;
        if !client_id.is_empty() && table.owner_of(client_id) != Some(&user) {
            return Err(reason::CLIENT_IDENTIFIER_NOT_VALID.into());
        }
        Ok(Some(user))
    }

    async fn user_by_password(
        &self,
        table: &Table,
        caller: &Caller<'_>,
    ) -> Result<Arc<User>, Refusal> {
        let connect = caller.connect;
        let (Some(name), Some(password)) = (&connect.user, &connect.password) else {
            return Err(reason::NOT_AUTHORIZED.into());
        };
        let user = table.get(name);
        let known = user.and_then(|user| user.password.clone());
        let hash = known.unwrap_or_else(PasswordHash::decoy);
        // Held while a slow hash is computed, so that its try is counted before the next begins.
        let slow = if hash.is_quick() {
            None
        } else {
            self.hashing.acquire().await.ok()
        };
        let is_possible = name.len() <= NAME_LEN_MAX;
        let counted = Some(name.as_str()).filter(|_| is_possible);
        match self.attempts.begin(caller.address, counted, Instant::now()) {
            Try::Permitted => {}
            Try::Blocked { is_first } => {
                if is_first {
                    let address = caller.address;
                    tracing::warn!(%address, "too many wrong log-ins: refused for a minute");
                    self.notices.say(Notice::LoginsBlocked { address });
                }
                return Err(reason::CONNECTION_RATE_EXCEEDED.into());
            }
        }
        let password = password.0.clone();
        let is_right = if slow.is_none() {
            hash.verify(&password)
        } else {
            let verifying = tokio::task::spawn_blocking(move || hash.verify(&password));
            verifying.await.unwrap_or(false)
        };
        match user {
            Some(user) if is_right => {
                self.attempts.succeeded(caller.address, name);
                Ok(Arc::clone(user))
            }
            _ => Err(Refusal {
                reason: reason::BAD_USER_NAME_OR_PASSWORD,
                is_guess: true,
            }),
        }
    }
}

/// The certificate is the identity; a user name may repeat it, a password is not looked at.
fn certified_user(table: &Table, caller: &Caller<'_>) -> Result<Arc<User>, Refusal> {
    let user = caller.certified.and_then(|name| table.get(name));
    let said = caller.connect.user.as_deref();
    let user = user.filter(|user| said.is_none_or(|said| said == &*user.name));
    user.cloned().ok_or_else(|| reason::NOT_AUTHORIZED.into())
}
