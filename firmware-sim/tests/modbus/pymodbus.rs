//! What pymodbus reads from the simulated lines.

use std::sync::Arc;

use firmware_sim::World;
use firmware_sim::modbus::{Device, Fault, Line, Server, Subject, Unit};

use crate::support::{EVENING, LOCAL, Peer, counting, python, world};

/// A line with one unit of each kind, under the ids that their makers give.
fn all_kinds(world: &Arc<World>) -> Line {
    let mut line = Line::new(1);
    for (number, device) in Device::OVER_BINS.into_iter().enumerate() {
        let id = [(Device::SommerUsh9, 2), (Device::FtsSdiRadar300, 3)]
            .into_iter()
            .find_map(|(kind, id)| (kind == device).then_some(id))
            .unwrap_or(device.unit_id());
        let bin = Subject::bin(world, number);
        assert!(bin.is_some());
        line = line.with_unit(id, Unit::new(device, bin));
    }
    line.with_unit(254, Unit::new(Device::ProconLd120, Subject::bay(world, 0)))
}

async fn check_all_kinds(peer: &mut Peer, line: &mut Line) {
    let mut sight = |unit| line.sight(unit, EVENING).unwrap();
    let temperature = u16::try_from(sight(11).temperature_dc).unwrap();
    let cm = sight(11).distance_mm / 10;
    assert_eq!(peer.ask("11 3 5 2").await, format!("{cm} {temperature}"));
    let tenths = sight(12).distance_mm * 10;
    assert_eq!(peer.ask("12 3 5 1").await, tenths.to_string());
    assert_eq!(
        peer.ask("80 3 52 1").await,
        sight(80).distance_mm.to_string()
    );
    assert_eq!(peer.ask("80 3 51 2").await, "exception 2");
    assert_eq!(
        peer.ask("1 4 300 1").await,
        sight(1).distance_mm.to_string()
    );
    let bits = f32::from(sight(2).distance_mm).to_bits();
    let words = format!("{} {}", bits >> 16, bits & 0xffff);
    assert_eq!(peer.ask("2 4 36 2").await, words);
    let radar = sight(3);
    let words = format!("1 {} {}", radar.distance_mm, radar.empty_mm / 10);
    assert_eq!(peer.ask("3 3 20 3").await, words);
    let detect = sight(254);
    let bits = format!("0 {}", u8::from(detect.is_detected));
    assert_eq!(peer.ask("254 2 0 2").await, bits);
    let words = format!("{} {}", detect.vehicles >> 16, detect.vehicles & 0xffff);
    assert_eq!(peer.ask("254 3 9 2").await, words);
    assert_eq!(peer.ask("254 3 9 9").await, "exception 3");
}

#[tokio::test]
async fn pymodbus_reads_every_kind_over_tcp_rtu_over_tcp_and_a_serial_line() {
    let Some(python) = python() else { return };
    let world = world();
    for way in ["tcp", "rtu-over-tcp", "rtu"] {
        let mut server = Server::new(all_kinds(&world), || EVENING);
        let place = match way {
            "tcp" => server
                .listen_tcp(LOCAL.into())
                .await
                .map(|at| at.port().to_string()),
            "rtu" => server.open_pty(None).map(|path| path.display().to_string()),
            _ => server
                .listen_rtu_over_tcp(LOCAL.into())
                .await
                .map(|at| at.port().to_string()),
        };
        let mut peer = Peer::start(&python, &[way, &place.unwrap(), "19200"]);
        check_all_kinds(&mut peer, &mut all_kinds(&world)).await;
        peer.end().await;
        let counts = server.end().await.unwrap();
        assert_eq!((counts.requests, counts.junk, counts.too_soon), (10, 0, 0));
    }
}

#[tokio::test]
async fn pymodbus_cannot_write_and_the_attempt_is_told_at_the_end() {
    let Some(python) = python() else { return };
    let mut server = Server::new(counting(1), || EVENING);
    let at = server.listen_tcp(LOCAL.into()).await.unwrap();
    let mut peer = Peer::start(&python, &["tcp", &at.port().to_string()]);
    assert_eq!(peer.ask("1 6 3 99").await, "exception 1");
    assert_eq!(peer.ask("1 3 3 1").await, "10");
    peer.end().await;
    let told = server.end().await.unwrap_err();
    assert_eq!((told.0.writes, told.0.requests), (1, 2));
    assert!(told.to_string().contains("found 1 of 2"));
}

#[tokio::test]
async fn pymodbus_gets_nothing_or_an_error_from_a_spoilt_reply_and_the_truth_after_it() {
    let Some(python) = python() else { return };
    // Those that pymodbus notices within its second; what it makes of others is its affair.
    let script = [
        Fault::Lost,
        Fault::Late,
        Fault::Cut,
        Fault::Crc,
        Fault::Noise,
        Fault::Busy,
    ];
    let mut server = Server::new(counting(1), || EVENING);
    let at = server.listen_rtu_over_tcp(LOCAL.into()).await.unwrap();
    for fault in script {
        server.change(|line| line.with_script([None, Some(fault)]));
        let mut peer = Peer::start(&python, &["rtu-over-tcp", &at.port().to_string()]);
        assert_eq!(peer.ask("1 3 7 2").await, "22 25", "{fault:?}");
        let expected = if fault == Fault::Busy {
            "exception 6"
        } else {
            "none"
        };
        assert_eq!(peer.ask("1 3 7 2").await, expected, "{fault:?}");
        peer.end().await;
        assert_eq!(server.counts().faults.get(&fault), Some(&1));
    }
    server.end().await.unwrap();
}
