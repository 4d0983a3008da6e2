//! Delivery by webhook, signed as Standard Webhooks says.
//!
//! ```text
//! webhook-id: the message's id, the same for every try
//! webhook-timestamp: seconds since 1970 of this try
//! webhook-signature: "v1," base64(HMAC-SHA256(secret, id "." timestamp "." body))
//! ```
//!
//! Redirects are not followed, proxies of the environment are ignored, and no more than 64 KiB of
//! an answer is read.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use hmac::{Hmac, KeyInit, Mac};
use huitian_model::UtcMs;
use reqwest::{Client, StatusCode, redirect};
use sha2::Sha256;

use crate::Message;

/// Longest wait for a receiver: promises A2.
const ANSWER_WAIT_MAX: Duration = Duration::from_secs(10);

/// A signing secret.
#[derive(Clone)]
pub struct Secret(Vec<u8>);

/// Why a text is no secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("expected a secret of 24 to 64 bytes as `whsec_` and base64")]
pub struct SecretError;

impl Secret {
    /// Reads `whsec_` + base64 of 24 to 64 bytes.
    ///
    /// # Errors
    /// [`SecretError`]; it does not repeat the text.
    pub fn parse(text: &str) -> Result<Self, SecretError> {
        let key = text
            .strip_prefix("whsec_")
            .and_then(|key| BASE64.decode(key).ok());
        key.filter(|key| (24..=64).contains(&key.len()))
            .map(Self)
            .ok_or(SecretError)
    }

    fn sign(&self, id: &str, seconds: i64, body: &str) -> Option<String> {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.0).ok()?;
        mac.update(format!("{id}.{seconds}.{body}").as_bytes());
        Some(format!("v1,{}", BASE64.encode(mac.finalize().into_bytes())))
    }
}

/// Why a message was not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DeliveryError {
    /// Try again later.
    #[error("the receiver did not take it: {0}")]
    Again(String),
    /// The receiver will never take it.
    #[error("the receiver refuses it for good: {0}")]
    Never(String),
}

/// One receiver.
#[derive(Clone)]
pub struct Webhook {
    client: Client,
    url: String,
    secret: Option<Secret>,
}

impl Webhook {
    /// Prepares delivery. The process must have installed a rustls provider.
    ///
    /// # Errors
    /// A sentence where the HTTP client cannot be built.
    pub fn new(url: String, secret: Option<Secret>) -> Result<Self, String> {
        let client = Client::builder()
            .redirect(redirect::Policy::none())
            .no_proxy()
            .timeout(ANSWER_WAIT_MAX)
            .user_agent(concat!("huitian/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|error| error.to_string())?;
        Ok(Self {
            client,
            url,
            secret,
        })
    }

    /// Delivers one message; `now` is the time of this try.
    ///
    /// # Errors
    /// [`DeliveryError`]: only 2xx is success; 4xx except 408 and 429 is final.
    pub async fn deliver(&self, message: &Message, now: UtcMs) -> Result<(), DeliveryError> {
        let seconds = now.0.div_euclid(1_000);
        let mut request = self
            .client
            .post(&self.url)
            .header("content-type", "application/json")
            .header("webhook-id", &message.id)
            .header("webhook-timestamp", seconds);
        if let Some(secret) = &self.secret {
            let signature = secret.sign(&message.id, seconds, &message.body);
            let signature = signature
                .ok_or_else(|| DeliveryError::Never("the secret cannot sign".to_owned()))?;
            request = request.header("webhook-signature", signature);
        }
        let answer = request.body(message.body.clone()).send().await;
        let status = answer
            .map_err(|error| DeliveryError::Again(error.to_string()))?
            .status();
        judge(status)
    }
}

fn judge(status: StatusCode) -> Result<(), DeliveryError> {
    let later = [StatusCode::REQUEST_TIMEOUT, StatusCode::TOO_MANY_REQUESTS];
    match status {
        status if status.is_success() => Ok(()),
        status if status.is_client_error() && !later.contains(&status) => {
            Err(DeliveryError::Never(status.to_string()))
        }
        status => Err(DeliveryError::Again(status.to_string())),
    }
}

#[cfg(test)]
mod tests;
