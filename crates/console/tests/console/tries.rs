//! Unknown devices, and profiles that are tried on what they sent.

use huitian_console::{DRAFT_BYTES_MAX, Sample, With};

use super::desk::Desk;

const HEADER: (&str, &str) = (huitian_console::OPERATOR_HEADER, "desk");
const TRY: &str = "/api/v1/devices/try";
const STRANGER: &str = "/devices/unknown?address=24e124fffef12345";

/// The address of a hostile device in a query.
fn hostile() -> String {
    let address = crate::strangers::HOSTILE.bytes();
    address
        .map(|byte| format!("%{byte:02X}"))
        .collect::<Vec<_>>()
        .concat()
}

#[tokio::test]
async fn a_call_that_tries_must_come_from_an_operator_and_say_one_thing() {
    let desk = Desk::new(1);
    let ask = async |headers: &[(&str, &str)], body: &str| {
        let answer = desk.post(TRY, headers, body).await;
        (answer.status.as_u16(), answer.text)
    };
    let body = r#"{"payload_hex":"01755c","port":85}"#;
    assert_eq!(ask(&[], body).await.0, 403);
    let (status, text) = ask(&[HEADER], body).await;
    assert_eq!(status, 200, "{text}");
    let asked = desk.tried();
    let bytes = Sample::Bytes {
        bytes: vec![1, 0x75, 0x5c],
        port: Some(85),
    };
    assert_eq!(asked, [(bytes, With::All)]);
    for wrong in [
        "{}",
        r#"{"payload_hex":"0"}"#,
        r#"{"payload_hex":"zz"}"#,
        r#"{"payload":"x"}"#,
        r#"{"payload":"x","payload_hex":"00","topic":"a"}"#,
        r#"{"payload_hex":"00","profile":"a","toml":"b"}"#,
        r#"{"payload_hex":"00","port":256}"#,
        r#"{"payload_hex":"00","more":1}"#,
    ] {
        assert_eq!(ask(&[HEADER], wrong).await.0, 400, "{wrong}");
    }
    let long = format!(r#"{{"payload_hex":"{}"}}"#, "00".repeat(16_385));
    assert_eq!(ask(&[HEADER], &long).await.0, 413);
    let long = format!(
        r#"{{"payload_hex":"00","toml":"{}"}}"#,
        "#".repeat(DRAFT_BYTES_MAX + 1)
    );
    assert_eq!(ask(&[HEADER], &long).await.0, 413);
    let (status, text) = ask(&[HEADER], r#"{"payload_hex":"00","profile":"nobody"}"#).await;
    assert_eq!(status, 422);
    assert!(text.contains("no device profile"), "{text}");
    let absent = ask(&[HEADER], r#"{"address":"nobody"}"#).await;
    assert_eq!(absent.0, 404);
}

#[tokio::test]
async fn what_an_unknown_device_sent_is_tried_as_it_came() {
    let desk = Desk::new(1);
    let body = r#"{"address":"24e124fffef12345","profile":"milesight-em400-tld"}"#;
    let tried = desk.post(TRY, &[HEADER], body).await.json();
    assert_eq!(tried["fits"][0]["profile"], "milesight-em400-tld");
    assert_eq!(tried["fits"][0]["rows"][1]["value"], "92");
    let (sample, with) = desk.tried().remove(0);
    let Sample::Message { topic, payload, .. } = sample else {
        panic!("{sample:?}");
    };
    assert_eq!(topic, "application/7/device/24e124fffef12345/event/up");
    assert!(String::from_utf8(payload).unwrap().contains("\"fPort\":85"));
    assert_eq!(with, With::Profile("milesight-em400-tld".to_owned()));
}

#[tokio::test]
async fn the_api_lists_in_short_and_shows_one_whole() {
    let desk = Desk::new(1);
    let list = desk.get("/api/v1/devices/unknown").await.json();
    assert_eq!(list["made_room"], 12);
    assert_eq!(list["devices"].as_array().unwrap().len(), 3);
    assert!(list["devices"][0]["payload_hex"].is_null());
    let one = desk
        .get("/api/v1/devices/unknown?address=24e124fffef12345")
        .await
        .json();
    assert_eq!(one["opened"]["port"], 85);
    assert!(
        one["payload_text"]
            .as_str()
            .unwrap()
            .starts_with("{\"deviceInfo\"")
    );
    assert!(one["payload_hex"].as_str().unwrap().starts_with("7b22"));
}

/// Every field of an answer is described.
#[tokio::test]
async fn every_field_of_a_trial_is_described() {
    let desk = Desk::new(1);
    let document = desk.get("/openapi.json").await.text;
    let body = r#"{"payload_hex":"00","toml":"x"}"#;
    let mut answers = vec![desk.post(TRY, &[HEADER], body).await.json()];
    answers.push(
        desk.get("/api/v1/devices/unknown?address=bin-77")
            .await
            .json(),
    );
    for answer in answers {
        let mut fields = std::collections::BTreeSet::new();
        super::api::names(&answer, &mut fields);
        for field in fields {
            assert!(document.contains(&format!("\"{field}\": {{")), "{field}");
        }
    }
}

#[tokio::test]
async fn a_device_that_the_inventory_knows_by_now_is_unknown_no_longer() {
    let mut world = crate::world::World::new(1);
    let device = world.inventory.devices.values_mut().next().unwrap();
    device.address = "24E124FFFEF12345".to_owned();
    let desk = Desk::of(world);
    let list = desk.get("/api/v1/devices/unknown").await.text;
    assert!(!list.contains("24e124fffef12345") && list.contains("bin-77"));
    let page = desk.get("/devices/unknown").await.text;
    assert!(!page.contains("24e124fffef12345") && page.contains("bin-77"));
    assert_eq!(desk.get(STRANGER).await.status.as_u16(), 404);
    let page = desk.get("/devices").await.text;
    assert!(
        page.contains("(2)</a>"),
        "how many there are stands at the link"
    );
}

#[tokio::test]
async fn whatever_a_device_or_a_pasted_profile_says_is_only_text() {
    let desk = Desk::new(1);
    let address = hostile();
    let mut texts = Vec::new();
    for path in [
        "/devices/unknown".to_owned(),
        STRANGER.to_owned(),
        format!("{STRANGER}&profile=milesight-em400-tld"),
        format!("/devices/unknown?address={address}"),
        "/devices/unknown?address=%3Cscript%3Ealert(1)%3C%2Fscript%3E".to_owned(),
    ] {
        texts.push(desk.get(&path).await.text);
    }
    let body = r#"{"address":"24e124fffef12345","toml":"</textarea><script>alert(5)</script>"}"#;
    let draft = desk.post("/devices/unknown", &[HEADER], body).await;
    assert_eq!(draft.status.as_u16(), 200);
    assert!(
        draft.text.contains("<mark>&quot;&lt;script&gt;alert(9)"),
        "{}",
        draft.text
    );
    texts.push(draft.text);
    for text in &texts {
        for harm in [
            "<script>alert",
            "<img",
            "<svg onload",
            "</textarea><script",
            "\u{202e}",
        ] {
            assert!(!text.contains(harm), "{harm}");
        }
    }
    assert!(
        texts[3].contains("&lt;script&gt;alert(3)"),
        "it is shown, and inert"
    );
    assert!(
        texts[1].contains("&lt;script&gt;alert(9)"),
        "what a profile says too"
    );
}

#[tokio::test]
async fn a_pasted_profile_is_tried_from_this_page_alone_and_within_its_bounds() {
    let desk = Desk::new(1);
    let path = "/devices/unknown";
    let body = r#"{"address":"24e124fffef12345","toml":"id = 1"}"#;
    assert_eq!(desk.post(path, &[], body).await.status.as_u16(), 403);
    let long = "#".repeat(DRAFT_BYTES_MAX + 1);
    let long = format!(r#"{{"address":"24e124fffef12345","toml":"{long}"}}"#);
    assert_eq!(desk.post(path, &[HEADER], &long).await.status.as_u16(), 413);
    assert!(desk.tried().is_empty());
    assert_eq!(desk.post(path, &[HEADER], body).await.status.as_u16(), 200);
    assert_eq!(desk.tried()[0].1, With::Draft("id = 1".to_owned()));
}

#[tokio::test]
async fn the_page_of_a_device_says_which_profile_fits_in_both_languages() {
    let desk = Desk::new(1);
    for (lang, says) in [
        (
            "en",
            [
                "1 of 16 profiles fit",
                "fits",
                "Lines for the inventory",
                "Try profiles",
            ],
        ),
        (
            "zh",
            [
                "16 个设备描述中有 1 个合适",
                "合适",
                "要加进台账的行",
                "试用设备描述",
            ],
        ),
    ] {
        let page = desk.get(&format!("{STRANGER}&lang={lang}")).await.text;
        for word in says {
            assert!(page.contains(word), "{lang}: {word}");
        }
        assert!(page.contains("24e124fffef12345,milesight-em400-tld,1h"));
    }
}
