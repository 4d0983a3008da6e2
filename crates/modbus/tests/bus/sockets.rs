//! The same over real sockets: resets, published frames, and the check that writes would be seen.

use std::time::Duration;

use huitian_modbus::{
    Endpoint, Framing, Line, LineSettings, MismatchKind, RegisterFunction, TransactionId,
};
use huitian_model::UtcMs;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::bench::{mixed, read, settings, truths};
use crate::device::{Act, Device, crc};
use crate::words::Words;

async fn listener() -> (TcpListener, Endpoint) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    let endpoint = Endpoint::Tcp {
        host: address.ip().to_string(),
        port: address.port(),
    };
    (listener, endpoint)
}

fn over(endpoint: Endpoint) -> LineSettings {
    LineSettings {
        endpoint,
        timeout: Duration::from_millis(300),
        settle: Some(Duration::from_millis(20)),
        ..settings(Framing::Tcp)
    }
}

/// Serves a scripted device until the test's runtime ends.
async fn serve(device: Device) -> Endpoint {
    let (listener, endpoint) = listener().await;
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(device.clone().serve(stream));
        }
    });
    endpoint
}

#[tokio::test]
async fn faults_over_a_real_socket_cost_one_request_and_no_wrong_value() {
    let device = Device::new(Framing::Tcp);
    let endpoint = serve(device.clone()).await;
    let (units, given) = truths(&[(3, mixed())]);
    let mut line = Line::new(over(endpoint), units);
    for act in [
        Act::Twice,
        Act::TwoFunctions,
        Act::Stray4,
        Act::TidBehind,
        Act::CloseMidFrame,
        Act::Half,
        Act::Late(Duration::from_millis(310)),
        Act::GluedToNext,
    ] {
        device.script([Act::Good, act.clone()]);
        line.poll_once(|| UtcMs(0)).await;
        line.poll_once(|| UtcMs(0)).await;
        given.lock().unwrap().answers.clear();
        line.poll_once(|| UtcMs(0)).await;
        assert_eq!(given.lock().unwrap().answers.len(), 5, "after {act:?}");
    }
    assert_eq!(given.lock().unwrap().wrong, Vec::<String>::new());
    assert_eq!(device.not_reads(), Vec::<u8>::new());
}

#[tokio::test]
async fn a_connection_reset_in_mid_request_is_replaced() {
    let (listener, endpoint) = listener().await;
    let device = Device::new(Framing::Tcp);
    let served = device.clone();
    tokio::spawn(async move {
        let (mut first, _) = listener.accept().await.unwrap();
        let mut request = [0; 12];
        first.read_exact(&mut request).await.unwrap();
        first.set_zero_linger().unwrap();
        drop(first);
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(served.clone().serve(stream));
        }
    });
    let (units, given) = truths(&[(3, mixed())]);
    let mut line = Line::new(over(endpoint), units);
    line.poll_once(|| UtcMs(0)).await;
    let counts = line.health().borrow().units[0].counts.clone();
    assert_eq!(counts.broken, 1, "{counts:?}");
    assert_eq!(given.lock().unwrap().answers.len(), 4);
    assert_eq!(given.lock().unwrap().wrong, Vec::<String>::new());
}

/// A server that answers every request with these bytes, with the ids made to fit where the
/// fault is not the id.
async fn answer_with(answer: impl Fn([u8; 2]) -> Vec<u8> + Send + Clone + 'static) -> Endpoint {
    let (listener, endpoint) = listener().await;
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let answer = answer.clone();
            tokio::spawn(async move {
                let mut request = [0; 12];
                while stream.read_exact(&mut request).await.is_ok() {
                    let bytes = answer([request[0], request[1]]);
                    stream.write_all(&bytes).await.unwrap();
                }
            });
        }
    });
    endpoint
}

/// From github.com/kellerza/sunsynk, issue 680: a Waveshare gateway answers id 2 to id 1.
const ALWAYS_ID_2: [u8; 25] = [
    0x00, 0x02, 0x00, 0x00, 0x00, 0x13, 0x01, 0x03, 0x10, 0x00, 0x05, 0x00, 0x01, 0x01, 0x04, 0x32,
    0x32, 0x31, 0x30, 0x32, 0x34, 0x39, 0x31, 0x33, 0x31,
];

#[tokio::test]
async fn the_published_answer_with_id_2_is_refused_and_taken_only_where_ids_are_ignored() {
    let endpoint = answer_with(|_| ALWAYS_ID_2.to_vec()).await;
    let request = read(RegisterFunction::HoldingRegisters, 3, 8);
    let (unit, seen) = Words::new(1, request);
    let mut line = Line::new(over(endpoint.clone()), vec![unit]);
    line.poll_once(|| UtcMs(0)).await;
    assert_eq!(seen.lock().unwrap().len(), 0);
    let counts = line.health().borrow().units[0].counts.clone();
    assert_eq!(
        counts.mismatches.get(&MismatchKind::TransactionId),
        Some(&1)
    );

    let (unit, seen) = Words::new(1, request);
    let settings = LineSettings {
        transaction_id: TransactionId::Ignore,
        ..over(endpoint)
    };
    Line::new(settings, vec![unit]).poll_once(|| UtcMs(0)).await;
    let words = [5, 1, 0x0104, 0x3232, 0x3130, 0x3234, 0x3931, 0x3331];
    assert_eq!(*seen.lock().unwrap(), [words.to_vec()]);
}

/// From github.com/pymodbus-dev/pymodbus, issue 2777: two whole answers in one segment, of which
/// the first is late. Its register says 0, that of the second 2.
const LATE_AND_GLUED: [u8; 22] = [
    0x00, 0x1b, 0x00, 0x00, 0x00, 0x05, 0x00, 0x04, 0x02, 0x00, 0x00, 0x00, 0x1c, 0x00, 0x00, 0x00,
    0x05, 0x00, 0x04, 0x02, 0x00, 0x02,
];

#[tokio::test]
async fn the_published_late_and_glued_answers_give_no_value() {
    // As published, and with the second id, or the first, that of the request.
    for fits in [None, Some(11), Some(0)] {
        let endpoint = answer_with(move |id| {
            let mut bytes = LATE_AND_GLUED.to_vec();
            if let Some(at) = fits {
                bytes[at..at + 2].copy_from_slice(&id);
            }
            bytes
        })
        .await;
        let (unit, seen) = Words::new(0, read(RegisterFunction::InputRegisters, 0, 1));
        let mut line = Line::new(over(endpoint), vec![unit]);
        line.poll_once(|| UtcMs(0)).await;
        assert_eq!(*seen.lock().unwrap(), Vec::<Vec<u16>>::new(), "{fits:?}");
        let counts = line.health().borrow().units[0].counts.clone();
        assert_eq!(
            counts.mismatches.values().sum::<u64>(),
            1,
            "{fits:?} {counts:?}"
        );
    }
}

#[tokio::test]
async fn a_function_code_that_writes_would_be_seen_by_the_scripted_device() {
    for (framing, function) in [(Framing::Tcp, 6), (Framing::Rtu, 5), (Framing::Tcp, 16)] {
        let device = Device::new(framing);
        let (mut client, server) = tokio::io::duplex(64);
        let serving = tokio::spawn(device.clone().serve(server));
        let body = [1, function, 0, 1, 0, 1];
        let bytes = match framing {
            Framing::Tcp => [&[0, 1, 0, 0, 0, 6][..], &body].concat(),
            Framing::Rtu => [&body[..], &crc(&body)].concat(),
        };
        client.write_all(&bytes).await.unwrap();
        drop(client);
        serving.await.unwrap();
        assert_eq!(device.not_reads(), [function]);
    }
}

#[tokio::test]
async fn an_endpoint_that_refuses_is_named() {
    let (listener, endpoint) = listener().await;
    drop(listener);
    let (units, _) = truths(&[(3, mixed())]);
    let mut line = Line::new(over(endpoint.clone()), units);
    line.poll_once(|| UtcMs(0)).await;
    let reason = line.health().borrow().reason.clone();
    assert!(reason.contains(&endpoint.to_string()), "{reason}");
    let missing = huitian_modbus::SerialSettings {
        path: "/dev/huitian-no-such-port".to_owned(),
        baud: 9_600,
        parity: huitian_modbus::Parity::Even,
        stop_bits: huitian_modbus::StopBits::One,
    };
    let (units, _) = truths(&[(3, mixed())]);
    let mut line = Line::new(over(Endpoint::Serial(missing)), units);
    line.poll_once(|| UtcMs(0)).await;
    let health = line.health().borrow().clone();
    assert_eq!(health.failed_connects, 1);
    assert!(
        health.reason.contains("huitian-no-such-port"),
        "{}",
        health.reason
    );
}

#[tokio::test]
async fn a_connection_that_is_closed_between_cycles_costs_one_request() {
    let device = Device::new(Framing::Tcp);
    let endpoint = serve(device.clone()).await;
    let (units, given) = truths(&[(3, mixed())]);
    let mut line = Line::new(over(endpoint.clone()), units);
    line.poll_once(|| UtcMs(0)).await;
    device.set_reachable(false);
    // The close is on its way; a connection of our own shows that the server has run.
    let Endpoint::Tcp { host, port } = endpoint else {
        unreachable!("a TCP endpoint")
    };
    drop(TcpStream::connect((host.as_str(), port)).await.unwrap());
    given.lock().unwrap().answers.clear();
    line.poll_once(|| UtcMs(0)).await;
    assert!(given.lock().unwrap().answers.len() >= 4);
    given.lock().unwrap().answers.clear();
    line.poll_once(|| UtcMs(0)).await;
    assert_eq!(given.lock().unwrap().answers.len(), 5);
}
