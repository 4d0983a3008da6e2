//! What people see.

use huitian_console::{Lang, catalogue_keys};
use huitian_model::{Bilingual, UtcMs};

use crate::desk::{Answer, Desk, NOW};
use crate::world::World;

fn with_lang(path: &str, lang: Lang) -> String {
    let sign = if path.contains('?') { '&' } else { '?' };
    format!("{path}{sign}lang={}", lang.tag())
}

#[tokio::test]
async fn every_page_is_rendered_in_both_languages() {
    let desk = Desk::new(12);
    for path in desk.pages() {
        for lang in Lang::ALL {
            let answer = desk.get(&with_lang(&path, lang)).await;
            let expected = if path == "/nothing" { 404 } else { 200 };
            assert_eq!(answer.status.as_u16(), expected, "{path} {lang:?}");
            assert!(
                answer.header("content-type").starts_with("text/html"),
                "{path}"
            );
            if path.starts_with("/tiles") {
                continue;
            }
            let shown = format!("<html lang=\"{}\">", lang.html());
            assert!(answer.text.contains(&shown), "{path} {lang:?}");
        }
    }
}

#[tokio::test]
async fn the_district_shows_every_compound_with_its_coverage_and_age() {
    let desk = Desk::new(127);
    let answer = desk.get("/?lang=en").await;
    assert_eq!(answer.text.matches("<article class=\"tile").count(), 127);
    for site in desk.world.inventory.sites.values() {
        assert!(answer.text.contains(&site.name.en), "{}", site.id);
    }
    for tile in answer.text.split("<article class=\"tile").skip(1) {
        let tile = tile.split("</article>").next().unwrap();
        assert!(tile.contains("data-age"), "an age: {tile}");
        assert!(
            tile.contains("channels have a valid reading"),
            "coverage: {tile}"
        );
        assert!(
            tile.contains("class=\"flag"),
            "a word with its icon: {tile}"
        );
    }
}

#[tokio::test]
async fn a_compound_that_needs_attention_is_found_by_each_filter_it_belongs_to() {
    let desk = Desk::new(127);
    for (show, flag) in [
        ("overflowing", "f-overflowing"),
        ("full", "f-full"),
        ("blind", "f-blind"),
    ] {
        let answer = desk.get(&format!("/?show={show}&lang=en")).await;
        let tiles: Vec<_> = answer.text.split("<article class=\"tile").skip(1).collect();
        assert!(
            !tiles.is_empty() && tiles.len() < 127,
            "{show}: {}",
            tiles.len()
        );
        assert!(tiles.iter().all(|it| it.contains(flag)), "{show}");
    }
}

#[tokio::test]
async fn the_search_finds_a_compound_by_its_chinese_name() {
    let desk = Desk::new(40);
    let answer = desk
        .get("/?q=%E9%BE%99%E8%85%BE%E8%8B%911%E5%8C%BA&lang=zh")
        .await;
    assert_eq!(answer.text.matches("<article class=\"tile").count(), 1);
    assert!(answer.text.contains("龙腾苑1区"));
}

#[tokio::test]
async fn a_name_with_markup_is_inert_on_every_page() {
    const EVIL: &str = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>";
    let mut world = World::new(2);
    for site in world.inventory.sites.values_mut() {
        let evil = Bilingual {
            zh: EVIL.to_owned(),
            en: EVIL.to_owned(),
        };
        site.name = evil.clone();
        site.subdistrict = evil.clone();
        site.company = EVIL.to_owned();
        for facility in site.facilities.values_mut() {
            facility.name = evil.clone();
        }
    }
    for device in world.inventory.devices.values_mut() {
        device.address = EVIL.to_owned();
        device.profile = EVIL.to_owned();
    }
    let desk = Desk::of(world);
    let mut paths = desk.pages();
    paths.push("/?q=%3Cscript%3Ealert(1)%3C/script%3E%22'%3E".to_owned());
    paths.push("/%3Cscript%3Ealert(1)%3C%2Fscript%3E".to_owned());
    for path in paths {
        let text = desk.get(&path).await.text;
        assert!(!text.contains("<script>alert"), "{path}");
        assert!(!text.contains("<img"), "{path}");
    }
}

#[tokio::test]
async fn what_an_unknown_device_sent_is_only_text() {
    let text = Desk::new(1).get("/devices/unknown").await.text;
    assert!(text.contains("&lt;script&gt;alert(1)&lt;"), "it is shown");
    assert!(!text.contains("<script>alert"), "and inert");
}

/// Addresses in a text that name a host.
fn hosts(text: &str) -> Vec<String> {
    let own = ["http://www.w3.org/2000/svg", "http://127.0.0.1:8080/"];
    let starts = text.match_indices("://").map(|(at, _)| at);
    let words = starts.map(|at| {
        let from = text[..at]
            .rfind([' ', '"', '\'', '(', '>', '`'])
            .map_or(0, |it| it + 1);
        text[from..].chars().take(60).collect::<String>()
    });
    words
        .filter(|it| !own.iter().any(|own| it.starts_with(own)))
        .collect()
}

#[tokio::test]
async fn nothing_refers_to_another_host_or_stands_inline() {
    let desk = Desk::new(6);
    let mut paths = desk.pages();
    let assets = ["base.css", "pages.css", "chart.css", "live.js", "icon.svg"];
    paths.extend(assets.map(|it| format!("/assets/{it}")));
    for path in paths {
        let text = desk.get(&path).await.text;
        assert_eq!(hosts(&text), Vec::<String>::new(), "{path}");
        assert!(
            !text.contains("=\"//") && !text.contains("url(//"),
            "{path}"
        );
        assert!(
            !text.contains(" style=\"") && !text.contains("<style"),
            "{path}"
        );
        assert!(
            !text.contains(" onclick=") && !text.contains("javascript:"),
            "{path}"
        );
    }
}

#[tokio::test]
async fn all_assets_that_pages_name_exist_and_are_not_sent_twice() {
    let desk = Desk::new(1);
    let page = desk.get("/").await.text;
    let named: Vec<&str> = page
        .match_indices("\"/assets/")
        .map(|(at, _)| page[at + 1..].split('"').next().unwrap())
        .collect();
    assert!(named.len() >= 5, "{named:?}");
    for path in named {
        let first = desk.get(path).await;
        assert_eq!(first.status.as_u16(), 200, "{path}");
        let tag = first.header("etag").to_owned();
        let again = desk.ask("GET", path, &[("if-none-match", &tag)]).await;
        assert_eq!(
            (again.status.as_u16(), again.text.len()),
            (304, 0),
            "{path}"
        );
    }
}

#[tokio::test]
async fn the_chosen_language_is_kept_and_live_updates_do_not_choose() {
    let desk = Desk::new(1);
    let is_english = |answer: &Answer| answer.text.contains("<html lang=\"en\">");
    let chosen = desk.get("/?lang=en").await;
    assert!(is_english(&chosen));
    assert!(chosen.header("set-cookie").starts_with("lang=en;"));
    let kept = desk
        .ask(
            "GET",
            "/",
            &[("cookie", "lang=en"), ("accept-language", "zh")],
        )
        .await;
    assert!(is_english(&kept), "the cookie goes before the browser");
    let browser = desk
        .ask("GET", "/", &[("accept-language", "en-GB,zh;q=0.5")])
        .await;
    assert!(is_english(&browser));
    let live = desk.ask("GET", "/?lang=en", &[("x-live", "now")]).await;
    assert_eq!(live.header("set-cookie"), "");
}

#[test]
fn both_catalogues_have_the_same_keys() {
    let keys = |lang| catalogue_keys(lang).unwrap();
    assert_eq!(keys(Lang::Zh), keys(Lang::En));
    assert!(keys(Lang::Zh).len() > 200);
}

#[test]
fn every_key_of_the_catalogue_is_used() {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/");
    let mut sources = String::new();
    for folder in ["templates", "src", "src/view", "src/pages"] {
        for entry in std::fs::read_dir(format!("{root}{folder}")).unwrap() {
            let path = entry.unwrap().path();
            if path.is_file() {
                sources.push_str(&std::fs::read_to_string(path).unwrap());
            }
        }
    }
    for key in catalogue_keys(Lang::En).unwrap() {
        // A key is named whole, or as a stem to which a name is added: `"flag." ~ name`.
        let is_stem = |(at, _): (usize, &str)| {
            sources.contains(&format!("\"{}", &key[..=at]))
                && (sources.contains(&format!("\"{}\" ~", &key[..=at]))
                    || sources.contains(&format!("\"{}{{", &key[..=at])))
        };
        let named = sources.contains(&format!("\"{key}\""));
        assert!(
            named || key.match_indices('.').any(is_stem),
            "{key} is not used"
        );
    }
}

#[tokio::test]
async fn silence_is_never_shown_as_empty_or_free() {
    let desk = Desk::new(6);
    // Compound 5 of the invented district is blind.
    let text = desk.get("/sites/site-005/facilities/p1?lang=en").await.text;
    assert!(text.contains("f-blind"), "it is flagged");
    assert!(text.contains("0%–100%"), "the bounds are all there is");
    let api = desk
        .get("/api/v1/sites/site-005/facilities/p1")
        .await
        .json();
    assert!(api["current"]["lot"]["occupancy"].is_null());
    assert_eq!(api["current"]["lot"]["free"], 0);
}

#[tokio::test]
async fn the_past_being_lived_through_is_shown_and_the_page_answers_meanwhile() {
    use huitian_console::{Phase, Progress};
    let desk = Desk::new(2);
    desk.board.set_progress(Some(Progress {
        phase: Phase::LivingThePast,
        done_ms: 3,
        total_ms: 12,
        from: NOW,
        to: UtcMs(NOW.0 + 12),
    }));
    let page = desk.get("/?lang=en").await;
    assert!(page.text.contains("<progress") && page.text.contains(">25%<"));
    assert_eq!(desk.get("/readyz").await.status.as_u16(), 503);
    desk.board.set_progress(None);
    assert_eq!(desk.get("/readyz").await.status.as_u16(), 200);
}

#[tokio::test]
async fn a_live_update_of_a_facility_asks_nothing_of_the_past() {
    let desk = Desk::new(1);
    let path = "/sites/site-000/facilities/w1";
    let whole = desk.get(path).await;
    assert!(whole.text.contains("id=\"history\"") && whole.text.contains("id=\"now\""));
    let now = desk.ask("GET", path, &[("x-live", "now")]).await;
    assert!(!now.text.contains("id=\"history\"") && now.text.contains("id=\"now\""));
}
