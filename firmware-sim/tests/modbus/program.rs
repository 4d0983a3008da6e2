//! `firmware-sim modbus` as a user starts it.

use std::process::Stdio;

use firmware_sim::modbus::{Device, Line, Subject, Unit};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader};
use tokio::process::Command;

use crate::support::{Peer, python, world};

#[tokio::test]
async fn the_program_serves_its_units_writes_what_an_edge_needs_and_ends_when_told() {
    let Some(python) = python() else { return };
    let folder = tempfile::tempdir().unwrap();
    let link = folder.path().join("line0");
    let inventory = folder.path().join("inventory");
    let mut child = Command::new(env!("CARGO_BIN_EXE_firmware-sim"))
        .args([
            "modbus",
            "--seed",
            "7",
            "--units",
            "bins=1,lot=1",
            "--dead",
            "254",
        ])
        .args([
            "--from",
            "2026-11-10T12:00:00Z",
            "--rtu-over-tcp",
            "127.0.0.1:0",
        ])
        .arg("--rtu")
        .arg(&link)
        .arg("--inventory")
        .arg(&inventory)
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut says = BufReader::new(child.stderr.take().unwrap());
    let mut line = String::new();
    while !line.starts_with("serving a serial line") {
        line.clear();
        assert!(says.read_line(&mut line).await.unwrap() > 0, "ended early");
    }
    let mut peer = Peer::start(&python, &["rtu", link.to_str().unwrap(), "9600"]);
    // The clock runs, but a bin does not change by a centimetre within a test.
    let bin = Subject::bin(&world(), 0);
    let mut same = Line::new(1).with_unit(11, Unit::new(Device::DfrobotSen0310, bin));
    let cm = same.sight(11, 1_794_312_000_000).unwrap().distance_mm / 10;
    assert_eq!(peer.ask("11 3 5 1").await, cm.to_string());
    assert_eq!(peer.ask("254 2 1 1").await, "none");
    peer.end().await;
    let settings = std::fs::read_to_string(inventory.join("edge-modbus.toml")).unwrap();
    assert!(
        settings.contains("transmission_mode = \"RTUoverTCP\""),
        "{settings}"
    );
    let devices = std::fs::read_to_string(inventory.join("devices.csv")).unwrap();
    assert_eq!(devices.lines().count(), 3, "{devices}");
    let pid = child.id().unwrap().to_string();
    assert!(
        Command::new("kill")
            .arg(&pid)
            .status()
            .await
            .unwrap()
            .success()
    );
    assert!(child.wait().await.unwrap().success());
    let mut rest = String::new();
    says.read_to_string(&mut rest).await.unwrap();
    assert!(rest.starts_with("requests 2, unheard 1,"), "{rest}");
    assert!(!link.exists() && link.symlink_metadata().is_err());
}

#[tokio::test]
async fn a_write_makes_the_program_fail_and_say_so() {
    let Some(python) = python() else { return };
    let folder = tempfile::tempdir().unwrap();
    let link = folder.path().join("line0");
    let mut child = Command::new(env!("CARGO_BIN_EXE_firmware-sim"))
        .args(["modbus", "--units", "bins=1", "--rtu"])
        .arg(&link)
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut says = BufReader::new(child.stderr.take().unwrap());
    let mut line = String::new();
    while !line.starts_with("serving a serial line") {
        line.clear();
        assert!(says.read_line(&mut line).await.unwrap() > 0, "ended early");
    }
    let mut peer = Peer::start(&python, &["rtu", link.to_str().unwrap(), "9600"]);
    assert_eq!(peer.ask("11 6 2 12").await, "exception 1");
    peer.end().await;
    let pid = child.id().unwrap().to_string();
    assert!(
        Command::new("kill")
            .arg(&pid)
            .status()
            .await
            .unwrap()
            .success()
    );
    assert!(!child.wait().await.unwrap().success());
    let mut rest = String::new();
    says.read_to_string(&mut rest).await.unwrap();
    assert!(
        rest.contains("expected no request that writes, found 1 of 1"),
        "{rest}"
    );
}
