//! How a command asks the running hub: its HTTP API on loopback, with the header that a call
//! which changes something must bring.

use std::net::SocketAddr;
use std::time::Duration;

use huitian_console::OPERATOR_HEADER;
use reqwest::{Client, RequestBuilder};
use serde_json::Value;

use crate::Failure;

/// How long the hub may take: its own limit is 15 s.
const PATIENCE: Duration = Duration::from_secs(20);

/// A running hub.
pub struct HubClient {
    at: SocketAddr,
    client: Client,
}

impl HubClient {
    /// The hub that listens there.
    ///
    /// # Errors
    /// [`Failure`] where no client can be made.
    pub fn at(at: SocketAddr) -> Result<Self, Failure> {
        // What the environment says of proxies is not meant for loopback.
        let client = Client::builder().no_proxy().timeout(PATIENCE).build();
        let client = client.map_err(|error| Failure::Other(error.to_string()))?;
        Ok(Self { at, client })
    }

    /// What it answers to GET.
    ///
    /// # Errors
    /// [`Failure`]: no hub there, or what it says of its refusal.
    pub async fn get(&self, path: &str) -> Result<Value, Failure> {
        self.send(self.client.get(self.url(path))).await
    }

    /// What it answers to POST of an operator.
    ///
    /// # Errors
    /// [`Failure`]: no hub there, or what it says of its refusal.
    pub async fn post(&self, path: &str, body: &Value) -> Result<Value, Failure> {
        let request = self.client.post(self.url(path));
        let request = request
            .header(OPERATOR_HEADER, "huitian")
            .header("content-type", "application/json")
            .body(body.to_string());
        self.send(request).await
    }

    fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.at)
    }

    async fn send(&self, request: RequestBuilder) -> Result<Value, Failure> {
        let no_hub = |error: reqwest::Error| {
            Failure::Temporary(format!(
                "no hub answers at http://{}: {error}; start it, or say where with --http",
                self.at
            ))
        };
        let response = request.send().await.map_err(no_hub)?;
        let status = response.status();
        let bytes = response.bytes().await.map_err(no_hub)?;
        let answer: Result<Value, _> = serde_json::from_slice(&bytes);
        let said = match answer {
            Ok(answer) if status.is_success() => return Ok(answer),
            Ok(problem) => text(&problem, "detail"),
            Err(_not_json) => format!("it answered {status}, and not as a hub does"),
        };
        if status.as_u16() == 503 {
            return Err(Failure::Temporary(said));
        }
        Err(Failure::Other(said))
    }
}

/// A text of an answer; a dash where there is none.
pub fn text(value: &Value, name: &str) -> String {
    match value.get(name) {
        Some(Value::String(text)) => text.clone(),
        None | Some(Value::Null) => "-".to_owned(),
        Some(other) => other.to_string(),
    }
}
