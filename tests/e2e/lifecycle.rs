//! How the program starts, refuses, takes up changes and ends.

use std::net::TcpListener;
use std::process::{Command, Output};
use std::time::Duration;

use huitian_tests::district::District;
use huitian_tests::mqtt::Publisher;
use huitian_tests::running::{FastClock, command};
use huitian_tests::wall::now_ms;
use huitian_tests::{Hub, Process, until};

use crate::HUB;

/// Wrong configuration.
const EXIT_CONFIG: i32 = 78;

/// A port or folder is in use.
const EXIT_TEMPORARY: i32 = 75;

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

/// Checks a configuration that must be refused, and gives what was said.
fn refused(district: &District, arguments: &[&str]) -> String {
    let output = command(HUB, district, arguments);
    let said = text(&output);
    assert_eq!(output.status.code(), Some(EXIT_CONFIG), "{said}");
    said
}

/// Whether a line that holds `part` has marks below all of it.
fn underlines(said: &str, part: &str) -> bool {
    let lines: Vec<&str> = said.lines().collect();
    lines.windows(2).any(|pair| {
        let Some((before, _behind)) = pair[0].split_once(part) else {
            return false;
        };
        let below = pair[1].chars().skip(before.chars().count());
        let marks = below.take_while(|mark| "^|\u{2500}\u{252c}".contains(*mark));
        marks.count() == part.chars().count()
    })
}

#[test]
fn a_right_configuration_is_said_to_be_right() {
    let output = command(HUB, &District::new(""), &["config", "check"]);
    let said = text(&output);
    assert!(output.status.success(), "{said}");
    assert!(said.contains("3 sites, 7 devices"), "{said}");
}

#[test]
fn a_wrong_setting_is_refused_with_its_place_underlined() {
    let cases = [
        (
            "\n[engine]\nlatenes = \"48h\"\n",
            "latenes",
            "unknown field",
        ),
        (
            "\n[engine]\nlateness = \"48 parsecs\"\n",
            "\"48 parsecs\"",
            "expected a duration",
        ),
        ("\n[overflow]\non = \"140%\"\n", "\"140%\"", "100"),
        ("\n[overflow]\nseverity = \"loud\"\n", "\"loud\"", "warning"),
    ];
    for (settings, place, reason) in cases {
        let said = refused(&District::new(settings), &["config", "check"]);
        assert!(said.contains(reason), "{said}");
        assert!(
            underlines(&said, place),
            "{place} is not underlined:\n{said}"
        );
        // Starting says the same.
        assert!(refused(&District::new(settings), &[]).contains(reason));
    }
}

#[test]
fn an_unknown_device_profile_is_refused_with_its_line_underlined() {
    let district = District::new("");
    let line = "park-9,north,1000000000000009,bosch-tps999,10m,";
    district.append("devices.csv", line);
    let said = refused(&district, &["config", "check"]);
    assert!(said.contains("profile \"bosch-tps999\""), "{said}");
    assert!(said.contains("devices.csv"), "{said}");
    assert!(underlines(&said, line), "{said}");
}

#[test]
fn a_limit_that_must_be_below_another_is_refused() {
    let said = refused(
        &District::new("\n[overflow]\non = \"70%\"\n"),
        &["config", "check"],
    );
    assert!(
        said.contains("overflow.off") && said.contains("overflow.on"),
        "{said}"
    );
}

#[test]
fn an_address_beyond_this_machine_is_refused() {
    // Console: never. Broker: only where a file says who may log in.
    for (flag, parts) in [
        ("--http", ["loopback", "--http"]),
        ("--mqtt", ["loopback", "users_file"]),
    ] {
        let said = refused(&District::new(""), &[flag, "0.0.0.0:0"]);
        assert!(parts.iter().all(|part| said.contains(part)), "{said}");
    }
}

#[test]
fn a_taken_port_is_named_with_the_flag_that_changes_it() {
    let district = District::new("");
    for (flag, addr) in [("--http", district.http), ("--mqtt", district.mqtt)] {
        let taken = TcpListener::bind(addr).unwrap();
        let mut start = Command::new(HUB);
        start.arg("--config").arg(district.config());
        let mut hub = Process::start("taken", district.path(), &mut start);
        let status = hub.ends_within(Duration::from_secs(20));
        let said = hub.said();
        assert_eq!(status.code(), Some(EXIT_TEMPORARY), "{said}");
        assert!(
            said.contains(&addr.port().to_string()) && said.contains(flag),
            "{said}"
        );
        drop(taken);
    }
}

#[test]
fn a_second_process_on_the_same_folder_is_refused() {
    let hub = Hub::start(HUB, District::new(""));
    let (http, mqtt) = (
        huitian_tests::net::free_addr(),
        huitian_tests::net::free_addr(),
    );
    let (http, mqtt) = (http.to_string(), mqtt.to_string());
    let output = command(HUB, &hub.district, &["--http", &http, "--mqtt", &mqtt]);
    let said = text(&output);
    assert_eq!(output.status.code(), Some(EXIT_TEMPORARY), "{said}");
    let data = hub.district.data().display().to_string();
    assert!(said.contains(&data), "the folder is not named: {said}");
    assert_eq!(hub.get("/readyz").status, 200);
}

#[test]
fn sigterm_ends_it_within_five_seconds_also_with_clients_connected() {
    let mut hub = Hub::start(HUB, District::new(""));
    let _device = Publisher::connect(hub.district.mqtt, "idle-1").unwrap();
    let _page = std::net::TcpStream::connect(hub.district.http).unwrap();
    let (status, took) = hub.stop();
    assert_eq!(status.code(), Some(0));
    assert!(took <= Duration::from_secs(5), "{took:?}");
}

#[test]
fn a_device_typed_into_the_files_is_heard_without_a_restart() {
    let hub = Hub::start(HUB, District::new(""));
    let mut device = Publisher::connect(hub.district.mqtt, "gateway-1").unwrap();
    let longest = Duration::from_secs(10);
    let message = |percent: u32, at: i64| {
        let payload = format!(r#"{{"at":{at},"readings":{{"fill":{percent}}}}}"#);
        vec![("huitian/v1/middle/fill-9".to_owned(), payload.into_bytes())]
    };
    device.deliver(&message(30, now_ms() - 1_000), longest);
    assert_eq!(hub.metric("huitian_readings_durable_total"), 0);
    hub.district.append(
        "assets.csv",
        "middle,station,recyclable-1,bin,recyclable,240,,",
    );
    hub.district
        .append("channels.csv", "fill-9,fill,fill,station,recyclable-1");
    hub.district
        .append("devices.csv", "fill-9,middle,fill-9,plain,2m,");
    hub.until("/api/v1/devices", Duration::from_secs(15), |said| {
        let devices = said["devices"].as_array()?;
        devices.iter().find(|it| it["id"] == "fill-9").map(drop)
    });
    device.deliver(&message(55, now_ms()), longest);
    hub.until("/api/v1/sites/middle/facilities/station", longest, |said| {
        let bins = said["current"]["bins"].as_array()?;
        let bin = bins.iter().find(|bin| bin["asset"] == "recyclable-1")?;
        (bin["fill"] == 55.0).then_some(())
    });
}

#[test]
fn an_exported_inventory_is_the_one_in_force_and_a_changed_one_is_imported_while_it_runs() {
    let hub = Hub::start(HUB, District::new(""));
    let folder = hub.district.path().join("exported");
    let name = folder.display().to_string();
    let output = command(HUB, &hub.district, &["inventory", "export", &name]);
    assert!(output.status.success(), "{}", text(&output));
    let output = command(HUB, &hub.district, &["inventory", "check", &name]);
    assert!(output.status.success(), "{}", text(&output));
    let devices = folder.join("devices.csv");
    let exported = std::fs::read_to_string(&devices).unwrap();
    assert_eq!(exported.lines().count(), 8, "{exported}");
    // What is wrong is refused and changes nothing.
    std::fs::write(
        &devices,
        exported.clone() + "park-9,nowhere,park-9,plain,2m,\n",
    )
    .unwrap();
    let said = refused(&hub.district, &["inventory", "import", &name]);
    assert!(said.contains("park-9") && said.contains("here"), "{said}");
    std::fs::write(&devices, exported + "park-9,north,park-9,plain,2m,\n").unwrap();
    let output = command(HUB, &hub.district, &["inventory", "import", &name]);
    assert!(output.status.success(), "{}", text(&output));
    hub.until("/api/v1/devices", Duration::from_secs(15), |said| {
        let devices = said["devices"].as_array()?;
        let found = devices.iter().any(|it| it["id"] == "park-9");
        (found && devices.len() == 8).then_some(())
    });
}

#[test]
fn a_wrong_line_typed_while_it_runs_changes_nothing_and_is_said() {
    let hub = Hub::start(HUB, District::new(""));
    hub.district
        .append("devices.csv", "fill-9,nowhere,fill-9,plain,2m,");
    until("the fault in its log", Duration::from_secs(15), || {
        hub.process.said().contains("not reloaded").then_some(())
    });
    let devices = hub.json("/api/v1/devices");
    assert_eq!(devices["devices"].as_array().unwrap().len(), 7);
    assert_eq!(hub.get("/readyz").status, 200);
}

/// 1 August 2026, 00:00 UTC.
const FROM_MS: i64 = 1_785_542_400_000;

#[test]
fn history_and_export_answer_while_the_hub_runs() {
    let clock = FastClock::starting_at(FROM_MS, 400);
    let hub = Hub::start_at(HUB, District::new(""), Some(clock));
    let mut device = Publisher::connect(hub.district.mqtt, "gateway-1").unwrap();
    let payload = format!(r#"{{"at":{},"readings":{{"fill":42}}}}"#, clock.now());
    let message = ("huitian/v1/middle/fill-1".to_owned(), payload.into_bytes());
    device.deliver(&[message], Duration::from_secs(10));
    let (from, to) = (FROM_MS.to_string(), (FROM_MS + 3_600_000).to_string());
    let range = ["--window", "5m", "--from", &from, "--to", &to];
    let history = |csv: &[&str]| {
        let arguments = [&["history", "middle", "station"], &range[..], csv].concat();
        let output = command(HUB, &hub.district, &arguments);
        assert!(output.status.success(), "{}", text(&output));
        String::from_utf8(output.stdout).unwrap()
    };
    let csv = until("final windows", Duration::from_secs(60), || {
        let csv = history(&["--csv"]);
        (csv.lines().filter(|line| line.contains(",final")).count() >= 2).then_some(csv)
    });
    assert!(
        csv.lines().nth(1).is_some_and(|line| line.contains("42")),
        "{csv}"
    );
    assert!(history(&[]).contains("42"), "the table for people");
    let api = format!("/api/v1/history?site=middle&facility=station&window=5m&from={from}&to={to}");
    let windows = hub.json(&api);
    let text_of = windows.to_string();
    assert!(text_of.contains("\"final\""), "{text_of}");
    let file = hub.district.path().join("all.csv");
    let file_text = file.display().to_string();
    let arguments = [&["export", "--output", &file_text], &range[..]].concat();
    let output = command(HUB, &hub.district, &arguments);
    assert!(output.status.success(), "{}", text(&output));
    let exported = std::fs::read_to_string(&file).unwrap();
    for site in ["north", "middle", "south"] {
        assert!(exported.contains(site), "{site} is not exported");
    }
    assert_eq!(exported.lines().next(), csv.lines().next());
}
