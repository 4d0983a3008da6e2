//! Sends batches of lines and isolates what the server refuses.
//!
//! - 204: all points are stored.
//! - 400, 413, 422: a line is refused, or there are too many. The batch is halved until the refused
//!   line stands alone: a dead letter.
//! - 401, 403, 404: token, organisation or bucket. [`WriteError::Refused`]: everything is kept, an
//!   operator is needed.
//! - Anything else, time-out, reset: unknown or busy. [`WriteError::Unavailable`]: the same bytes
//!   are sent again later.
//!
//! Any 2xx but 204 is *not* success: a captive portal answers 200. Sending twice is harmless:
//! a point is overwritten under its key.

use std::time::Duration;

use influxdb2::api::write::TimestampPrecision;
use influxdb2::{Client, RequestError};

use crate::Bucket;

/// Longest wait for an answer. InfluxDB took 1.5 s for 5,000 lines at its slowest here.
const ANSWER_WAIT_MAX: Duration = Duration::from_secs(15);

/// Longest text of the server's that is kept with a dead letter, characters.
const REASON_CHARS_MAX: usize = 300;

/// Where points go.
#[derive(Clone)]
pub struct Target {
    /// Base URL, such as `http://127.0.0.1:8086`.
    pub url: String,
    /// Organisation.
    pub org: String,
    /// API token; never printed.
    pub token: String,
    /// Bucket of live figures.
    pub live: String,
    /// Bucket of history.
    pub history: String,
}

/// Why a batch was not stored. Nothing of it is lost: send it again.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WriteError {
    /// The URL cannot be used.
    #[error("expected a URL such as http://127.0.0.1:8086, found {url:?}: {fault}")]
    Url {
        /// What was given.
        url: String,
        /// What is wrong with it.
        fault: String,
    },
    /// Token, organisation or bucket is wrong: an operator is needed.
    #[error("InfluxDB refuses us ({status}): {reason}")]
    Refused {
        /// HTTP status.
        status: u16,
        /// The server's words, cut.
        reason: String,
    },
    /// Busy, away or not InfluxDB: try again.
    #[error("InfluxDB did not take the batch: {0}")]
    Unavailable(String),
}

/// A line that InfluxDB will never take.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeadLetter {
    /// The line, without its end.
    pub line: String,
    /// The server's words, cut.
    pub reason: String,
}

/// One bucket's lines, each ended by a line feed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Batch {
    /// Where to.
    pub bucket: Bucket,
    /// The lines.
    pub lines: String,
}

/// Writes to one InfluxDB.
pub struct Writer {
    client: Client,
    target: Target,
}

enum Answer {
    Stored,
    Split(String),
}

impl Writer {
    /// Prepares writing; sends nothing yet.
    ///
    /// # Errors
    /// [`WriteError::Url`] where the URL cannot be used.
    pub fn new(target: Target) -> Result<Self, WriteError> {
        let refuse = |fault: String| WriteError::Url {
            url: target.url.clone(),
            fault,
        };
        // influxdb2 panics on a URL that it cannot parse, and drops its path: look first.
        let url = url::Url::parse(&target.url).map_err(|error| refuse(error.to_string()))?;
        if url.scheme() != "http" || url.host().is_none() || url.path() != "/" {
            return Err(refuse(
                "only http, a host and a port are supported so far".to_owned(),
            ));
        }
        let client = Client::new(&target.url, &target.org, &target.token);
        Ok(Self { client, target })
    }

    /// Writes a batch; the answer lists the lines that InfluxDB will never take.
    ///
    /// # Errors
    /// [`WriteError`]: send the whole batch again later.
    pub async fn write(&self, batch: &Batch) -> Result<Vec<DeadLetter>, WriteError> {
        let mut dead = Vec::new();
        // Halving keeps at most two parts per level: 17 levels hold 100,000 lines.
        let mut parts: Vec<&str> = vec![&batch.lines];
        while let Some(part) = parts.pop() {
            if part.is_empty() {
                continue;
            }
            if let Answer::Split(reason) = self.send(batch.bucket, part).await? {
                match halves(part) {
                    Some((first, second)) => parts.extend([second, first]),
                    None => dead.push(DeadLetter {
                        line: part.trim_end().to_owned(),
                        reason,
                    }),
                }
            }
        }
        Ok(dead)
    }

    async fn send(&self, bucket: Bucket, lines: &str) -> Result<Answer, WriteError> {
        let name = match bucket {
            Bucket::Live => &self.target.live,
            Bucket::History => &self.target.history,
        };
        let sent = self.client.write_line_protocol_with_precision(
            &self.target.org,
            name,
            lines.to_owned(),
            TimestampPrecision::Milliseconds,
        );
        match tokio::time::timeout(ANSWER_WAIT_MAX, sent).await {
            Ok(Ok(())) => Ok(Answer::Stored),
            Ok(Err(error)) => judge(error),
            Err(_elapsed) => {
                let seconds = ANSWER_WAIT_MAX.as_secs();
                Err(WriteError::Unavailable(format!(
                    "no answer within {seconds} s"
                )))
            }
        }
    }
}

fn judge(error: RequestError) -> Result<Answer, WriteError> {
    let RequestError::Http { status, text } = error else {
        return Err(WriteError::Unavailable(error.to_string()));
    };
    let reason: String = text.chars().take(REASON_CHARS_MAX).collect();
    match status.as_u16() {
        400 | 413 | 422 => Ok(Answer::Split(format!("{status}: {reason}"))),
        code @ (401 | 403 | 404) => Err(WriteError::Refused {
            status: code,
            reason,
        }),
        code => Err(WriteError::Unavailable(format!("status {code}: {reason}"))),
    }
}

/// The two halves of some lines; none where there is one line.
fn halves(lines: &str) -> Option<(&str, &str)> {
    let count = lines.lines().count();
    let (last, _) = lines.match_indices('\n').nth((count / 2).checked_sub(1)?)?;
    Some(lines.split_at(last + 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn halving_ends_with_single_lines_and_loses_none() {
        for count in 1..40 {
            let lines = (0..count)
                .map(|i| format!("m f={i}i {i}\n"))
                .collect::<Vec<_>>()
                .concat();
            let mut parts = vec![lines.as_str()];
            let mut single = String::new();
            while let Some(part) = parts.pop() {
                match halves(part) {
                    Some((first, second)) => {
                        assert!(!first.is_empty() && !second.is_empty());
                        parts.extend([second, first]);
                    }
                    None => single.push_str(part),
                }
            }
            assert_eq!(single, lines);
        }
    }

    #[test]
    fn a_url_that_would_panic_or_lose_its_path_is_refused() {
        for url in [
            "",
            "localhost:8086",
            "http://",
            "http://h/influx",
            "ftp://h",
        ] {
            let target = Target {
                url: url.to_owned(),
                org: String::new(),
                token: String::new(),
                live: String::new(),
                history: String::new(),
            };
            assert!(
                matches!(Writer::new(target), Err(WriteError::Url { .. })),
                "{url}"
            );
        }
    }
}
