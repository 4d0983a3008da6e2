//! A receiver gets what the standard says, and its answer is taken at its word.

use huitian_model::UtcMs;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::{DeliveryError, Secret, Webhook};
use crate::Message;

/// The example of the Standard Webhooks specification.
const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

fn message() -> Message {
    Message {
        id: "msg_p5jXN8AQM9LWM0D4loKWxJek".to_owned(),
        at: UtcMs(1_614_265_330_000),
        body: "{\"test\": 2432232314}".to_owned(),
    }
}

/// Answers one request with `answer` and gives what was asked.
async fn deliver_to(answer: &'static str) -> (String, Result<(), DeliveryError>) {
    // A second test may have installed it first; either way there is one.
    let _installed_before = rustls::crypto::ring::default_provider()
        .install_default()
        .is_err();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/hook", listener.local_addr().unwrap());
    let webhook = Webhook::new(url, Some(Secret::parse(SECRET).unwrap())).unwrap();
    let receiver = async {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut asked = Vec::new();
        while !asked.ends_with(message().body.as_bytes()) {
            let mut part = [0; 4096];
            let length = stream.read(&mut part).await.unwrap();
            asked.extend_from_slice(&part[..length]);
        }
        stream.write_all(answer.as_bytes()).await.unwrap();
        String::from_utf8(asked).unwrap()
    };
    let message = message();
    tokio::join!(
        receiver,
        webhook.deliver(&message, UtcMs(1_614_265_330_999))
    )
}

#[tokio::test]
async fn the_signature_is_that_of_the_standards_example() {
    let (asked, delivered) = deliver_to("HTTP/1.1 204 No Content\r\n\r\n").await;
    assert_eq!(delivered, Ok(()));
    for header in [
        "webhook-id: msg_p5jXN8AQM9LWM0D4loKWxJek\r\n",
        "webhook-timestamp: 1614265330\r\n",
        "webhook-signature: v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=\r\n",
    ] {
        assert!(asked.contains(header), "{asked}");
    }
}

#[tokio::test]
async fn only_success_is_success_and_only_a_clear_no_is_final() {
    for (answer, again) in [
        ("HTTP/1.1 500 E\r\ncontent-length: 0\r\n\r\n", true),
        ("HTTP/1.1 429 E\r\ncontent-length: 0\r\n\r\n", true),
        (
            "HTTP/1.1 302 E\r\nlocation: http://127.0.0.1:1/\r\ncontent-length: 0\r\n\r\n",
            true,
        ),
        ("HTTP/1.1 410 E\r\ncontent-length: 0\r\n\r\n", false),
        ("", true),
    ] {
        let (_, delivered) = deliver_to(answer).await;
        let error = delivered.unwrap_err();
        assert_eq!(
            matches!(error, DeliveryError::Again(_)),
            again,
            "{answer}: {error}"
        );
    }
}

#[test]
fn a_secret_that_is_none_is_refused() {
    for text in ["", "secret", "whsec_", "whsec_c2hvcnQ=", "whsec_***"] {
        assert!(Secret::parse(text).is_err(), "{text}");
    }
}
