//! The pages in a real browser.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use huitian_tests::district::District;
use huitian_tests::mqtt::Publisher;
use huitian_tests::net::{free_addr, try_get};
use huitian_tests::services::{need, say};
use huitian_tests::wall::now_ms;
use huitian_tests::{Hub, Process, until};
use serde_json::Value;

use crate::HUB;

/// Longest that a browser may take on a busy machine.
const BROWSER_MAX: Duration = Duration::from_secs(60);

/// What a browser made of a page.
struct Seen {
    /// The document after scripts have run.
    dom: String,
    /// What the browser's console said.
    console: Vec<String>,
    /// Addresses that the page asked for.
    asked: Vec<String>,
}

fn browse(browser: &Path, url: &str) -> Seen {
    let profile = tempfile::TempDir::with_prefix("huitian-browser-").unwrap();
    let net_log = profile.path().join("net.json");
    let mut command = Command::new(browser);
    command
        .args([
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--no-first-run",
        ])
        .args([
            "--disable-background-networking",
            "--disable-component-update",
        ])
        .arg("--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1")
        .args(["--enable-logging=stderr", "--log-level=0", "--dump-dom"])
        .arg(format!(
            "--user-data-dir={}",
            profile.path().join("profile").display()
        ))
        .arg(format!("--log-net-log={}", net_log.display()))
        .arg(url);
    let mut process = Process::start("browser", profile.path(), &mut command);
    let status = process.ends_within(BROWSER_MAX);
    let said = process.said();
    assert!(status.success(), "{said}");
    let is_console = |line: &&str| line.contains(":CONSOLE");
    Seen {
        console: said.lines().filter(is_console).map(str::to_owned).collect(),
        asked: asked(&std::fs::read_to_string(&net_log).unwrap(), url),
        dom: said,
    }
}

/// The addresses in a net log that `url`'s origin asked for; what the browser wants for itself has
/// no origin.
fn asked(net_log: &str, url: &str) -> Vec<String> {
    let log: Value = serde_json::from_str(net_log).unwrap();
    let origin: String = url.splitn(4, '/').take(3).collect::<Vec<_>>().join("/");
    let events = log["events"].as_array().unwrap().iter();
    let asked = events.filter_map(|event| {
        let by = event["params"]["initiator"].as_str()?;
        (by == origin).then(|| event["params"]["url"].as_str().map(str::to_owned))?
    });
    asked.collect()
}

fn judge(seen: &Seen, origin: &str) {
    assert_eq!(seen.console, [""; 0], "the console is not quiet");
    assert!(
        !seen.asked.is_empty(),
        "the net log says nothing of the page"
    );
    let elsewhere: Vec<&String> = seen
        .asked
        .iter()
        .filter(|url| !url.starts_with(origin))
        .collect();
    assert!(elsewhere.is_empty(), "asked elsewhere: {elsewhere:?}");
}

#[test]
fn every_page_names_the_facilities_in_both_languages_and_asks_no_other_host() {
    let Some([browser]) = need(["chromium"]) else {
        return;
    };
    let hub = Hub::start(HUB, District::new(""));
    let payload = format!(r#"{{"at":{},"readings":{{"fill":95}}}}"#, now_ms());
    let message = ("huitian/v1/middle/fill-1".to_owned(), payload.into_bytes());
    let mut device = Publisher::connect(hub.district.mqtt, "gateway-1").unwrap();
    device.deliver(&[message], Duration::from_secs(10));
    let origin = format!("http://{}", hub.district.http);
    let pages = [
        ("/?lang=zh", ["北苑", "中苑", "南苑"]),
        ("/?lang=en", ["North Court", "Middle Court", "South Court"]),
        (
            "/sites/north/facilities/lot?lang=zh",
            ["北停车场", "北苑", "车位"],
        ),
        (
            "/sites/middle/facilities/station?lang=zh",
            ["中投放站", "中苑", "厨余"],
        ),
        (
            "/sites/middle/facilities/station?lang=en",
            ["Middle waste station", "95", "itchen"],
        ),
    ];
    for (path, names) in pages {
        let begun = Instant::now();
        let seen = browse(&browser, &format!("{origin}{path}"));
        judge(&seen, &origin);
        for name in names {
            assert!(
                seen.dom.contains(name),
                "{path} does not say {name}:\n{}",
                seen.dom
            );
        }
        say(&format!(
            "{path}: {:?}, {} requests",
            begun.elapsed(),
            seen.asked.len()
        ));
    }
}

#[test]
fn a_noisy_page_that_asks_another_host_would_be_seen() {
    let Some([browser]) = need(["chromium"]) else {
        return;
    };
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let origin = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let page =
                "<img src='http://elsewhere.invalid/x'><script>console.error('loud')</script>";
            let head = "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nConnection: close\r\n";
            let length = page.len();
            let answer = format!("{head}Content-Length: {length}\r\n\r\n{page}");
            // A request line is not read to its end by so simple a server; the browser minds not.
            let _asked = stream.read(&mut [0; 4_096]);
            let _gone = stream.write_all(answer.as_bytes());
        }
    });
    let seen = browse(&browser, &format!("{origin}/"));
    assert!(
        seen.console.iter().any(|line| line.contains("loud")),
        "{:?}",
        seen.console
    );
    assert!(
        seen.asked
            .iter()
            .any(|url| url.contains("elsewhere.invalid")),
        "{:?}",
        seen.asked
    );
}

#[test]
fn the_demo_answers_before_its_past_is_lived_and_shows_how_far_it_has_come() {
    let folder = tempfile::TempDir::with_prefix("huitian-demo-").unwrap();
    let (http, mqtt) = (free_addr(), free_addr());
    let mut command = Command::new(HUB);
    command
        .current_dir(folder.path())
        .args(["--ephemeral", "--demo-scale", "1"])
        .args(["--http", &http.to_string(), "--mqtt", &mqtt.to_string()]);
    let mut hub = Process::start("demo", folder.path(), &mut command);
    let answer = until("the page", Duration::from_secs(20), || {
        assert!(hub.runs(), "{}", hub.said());
        try_get(http, "/?lang=en").ok()
    });
    assert_eq!(answer.status, 200);
    assert!(
        answer.body.to_lowercase().contains("simulated"),
        "no banner:\n{}",
        answer.body
    );
    let ready = try_get(http, "/readyz").unwrap();
    assert_eq!(ready.status, 503, "{}", ready.body);
    let before = progress(http);
    until("progress", Duration::from_secs(60), || {
        (progress(http) > before).then_some(())
    });
    let (status, took) = hub.terminate();
    assert_eq!(status.code(), Some(0), "{}", hub.said());
    assert!(took <= Duration::from_secs(5), "SIGTERM took {took:?}");
}

/// How much of the past has been lived, ms, as `/readyz` says it; 0 before it begins.
fn progress(http: std::net::SocketAddr) -> u64 {
    let text = try_get(http, "/readyz")
        .map(|answer| answer.body)
        .unwrap_or_default();
    let of = text.split("lived through: ").nth(1);
    of.and_then(|rest| rest.split(' ').next()?.parse().ok())
        .unwrap_or(0)
}
