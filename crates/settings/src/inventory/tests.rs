//! What is typed in a spreadsheet is read, or refused with its line.

use std::path::Path;

use huitian_model::{AssetKind, CounterBits, CounterRule};

use super::{FILES, InventoryFaults, Profiles, load, write};

/// A small inventory as text, file by file.
fn small() -> [(&'static str, String); 5] {
    [
        (
            FILES[0],
            "id,name_zh,name_en,subdistrict_zh,subdistrict_en,company,zone\n\
                    s1,甲,A,街,Street,c,Asia/Shanghai\n"
                .to_owned(),
        ),
        (
            FILES[1],
            "site,id,kind,name_zh,name_en,capacity,sorting_mode,batch,initial_count\n\
                    s1,lot,parking_lot,场,Lot,2,,converted,\n\
                    s1,bins,waste_station,站,Bins,,smart,,\n"
                .to_owned(),
        ),
        (
            FILES[2],
            "site,facility,id,kind,stream,volume_l,empty_distance_mm,full_distance_mm\n\
                    s1,lot,b1,bay,,,,\n\
                    s1,bins,k1,bin,kitchen,240,1000,200\n"
                .to_owned(),
        ),
        (
            FILES[3],
            "id,site,address,profile,expected_every,valid_for\n\
                    d1,s1,0102030405060708,bosch-tps110,1h,\n\
                    d2,s1,d2,plain,30m,2h\n"
                .to_owned(),
        ),
        (
            FILES[4],
            "device,channel,quantity,facility,asset\n\
                    d1,occupied,occupied,lot,b1\n\
                    d2,distance,distance,bins,k1\n"
                .to_owned(),
        ),
    ]
}

fn load_texts(texts: &[(&str, String)]) -> Result<huitian_model::Inventory, InventoryFaults> {
    let dir = tempfile::tempdir().unwrap();
    for (name, text) in texts {
        std::fs::write(dir.path().join(name), text).unwrap();
    }
    load(dir.path(), &|profile: &str| profile == "bosch-tps110")
}

#[test]
fn what_is_exported_can_be_imported() {
    let first = load_texts(&small()).unwrap();
    assert_eq!(first.devices.len(), 2);
    let dir = tempfile::tempdir().unwrap();
    write(&first, dir.path()).unwrap();
    assert_eq!(load(dir.path(), &|_: &str| true).unwrap(), first);
}

#[test]
fn each_fault_is_reported_with_its_line() {
    for (file, from, to, expected) in [
        (
            3,
            "bosch-tps110",
            "bosch-tps999",
            "unknown device profile \"bosch-tps999\"",
        ),
        (
            3,
            "30m",
            "30 minutes",
            "expected_every: expected a duration",
        ),
        (4, "distance,distance", "distance,depth", "found \"depth\""),
        (4, "lot,b1", "lot,b9", "asset b9 is not in facility lot"),
        (
            4,
            "d2,distance,distance,bins,k1",
            "d2,occupied,occupied,bins,k1",
            "of a bin",
        ),
        (1, "parking_lot", "parkinglot", "unknown variant"),
        (1, "Lot,2", "Lot,", "needs its capacity"),
        (2, "1000,200", "200,1000", "must be less than"),
        (0, "s1,甲", "S 1,甲", "only a-z, 0-9"),
        (0, "Asia/Shanghai", "Beijing", "IANA time zone"),
    ] {
        let mut texts = small();
        texts[file].1 = texts[file].1.replacen(from, to, 1);
        let faults = load_texts(&texts).expect_err(expected).0;
        let theme = miette::GraphicalTheme::unicode_nocolor();
        let handler = miette::GraphicalReportHandler::new_themed(theme).with_width(400);
        let mut shown = String::new();
        handler.render_report(&mut shown, &faults[0]).unwrap();
        assert!(shown.contains(expected), "{shown}");
        assert!(shown.contains(FILES[file]), "names the file: {shown}");
        assert!(shown.contains("╰── here"), "underlines the line: {shown}");
    }
}

#[test]
fn a_missing_folder_names_the_file() {
    let faults = load(Path::new("no-such-folder"), &|_: &str| true)
        .unwrap_err()
        .0;
    assert!(faults[0].to_string().contains("no-such-folder/sites.csv"));
}

/// Bins by their model, gates by what their counters mean.
fn with_models() -> [(&'static str, String); 5] {
    let mut texts = small();
    texts[2].1 = "site,facility,id,kind,stream,volume_l,empty_distance_mm,full_distance_mm,\
                  bin_model,mounting_mm,full_at_mm\n\
                  s1,lot,b1,bay,,,,,,,\n\
                  s1,lot,g1,gate,,,,,,,\n\
                  s1,bins,k1,bin,kitchen,,,,wheelie-240,50,100\n"
        .to_owned();
    texts[4].1 = "device,channel,quantity,facility,asset,counter\n\
                  d1,occupied,occupied,lot,b1,\n\
                  d1,entries,entries,lot,g1,\n\
                  d1,exits,exits,lot,g1,interval\n\
                  d2,distance,distance,bins,k1,\n"
        .to_owned();
    texts
}

/// Profiles that say what their counters and their blind zones are.
struct Stated {
    blind_mm: u32,
}

impl Profiles for Stated {
    fn has(&self, _profile: &str) -> bool {
        true
    }

    fn counter(&self, profile: &str, _channel: &str) -> Option<CounterRule> {
        (profile == "bosch-tps110").then_some(CounterRule::Total {
            wrap: Some(CounterBits::Sixteen),
            stored: false,
        })
    }

    fn blind_zone_mm(&self, _profile: &str, channel: &str) -> Option<u32> {
        (channel == "distance").then_some(self.blind_mm)
    }
}

fn load_stated(
    texts: &[(&str, String)],
    blind_mm: u32,
) -> Result<huitian_model::Inventory, InventoryFaults> {
    let dir = tempfile::tempdir().unwrap();
    for (name, text) in texts {
        std::fs::write(dir.path().join(name), text).unwrap();
    }
    load(dir.path(), &Stated { blind_mm })
}

fn bin_of(inventory: &huitian_model::Inventory) -> (Option<u32>, Option<u32>, Option<u32>) {
    let site = inventory.sites.values().next().unwrap();
    let assets = site.facilities.values().flat_map(|one| one.assets.values());
    let mut bins = assets.filter_map(|asset| match asset.kind {
        AssetKind::Bin {
            volume_l,
            empty_distance_mm,
            full_distance_mm,
            ..
        } => Some((volume_l, empty_distance_mm, full_distance_mm)),
        AssetKind::Bay | AssetKind::Gate => None,
    });
    bins.next().unwrap()
}

#[test]
fn a_bin_model_gives_the_distances_that_are_not_written() {
    let inventory = load_stated(&with_models(), 150).unwrap();
    assert_eq!(bin_of(&inventory), (Some(240), Some(950), Some(150)));
    let mut texts = with_models();
    texts[2].1 = texts[2].1.replace("kitchen,,,,", "kitchen,,1100,,");
    let inventory = load_stated(&texts, 150).unwrap();
    assert_eq!(bin_of(&inventory), (Some(240), Some(1_100), Some(150)));
    let dir = tempfile::tempdir().unwrap();
    write(&inventory, dir.path()).unwrap();
    let again = load(dir.path(), &Stated { blind_mm: 150 }).unwrap();
    assert_eq!(again, inventory, "export and import");
}

#[test]
fn what_a_channel_counts_is_said_by_its_row_or_else_by_its_profile() {
    let inventory = load_stated(&with_models(), 0).unwrap();
    let device = &inventory.devices[&huitian_model::DeviceId::new("d1").unwrap()];
    let rules = device.channels.values().map(|one| one.counter.to_string());
    let rules: Vec<String> = rules.collect();
    // By name: entries, exits, occupied.
    assert_eq!(rules, ["total-16", "interval", "unstated"]);
}

#[test]
fn a_mounting_that_contradicts_its_bin_is_refused_with_the_arithmetic() {
    for (file, from, to, blind_mm, expected) in [
        (
            2,
            "wheelie-240",
            "wheelie-250",
            0,
            "wheelie-120, wheelie-240",
        ),
        (
            2,
            "240,50,100",
            "240,-200,100",
            0,
            "= -100 mm; mounting_mm must be at least -100",
        ),
        (
            2,
            "240,50,100",
            "240,50,900",
            0,
            "full_at_mm must be 0 to 899",
        ),
        (2, "wheelie-240,50,100", ",50,100", 0, "need a bin_model"),
        (
            2,
            "240,50,100",
            "240,50,100",
            280,
            "inside its blind zone of 280 mm",
        ),
        (4, "g1,interval", "g1,total-12", 0, "total-16"),
        (4, "lot,b1,", "lot,b1,total", 0, "is not counted"),
    ] {
        let mut texts = with_models();
        texts[file].1 = texts[file].1.replacen(from, to, 1);
        let faults = load_stated(&texts, blind_mm).expect_err(expected).0;
        let theme = miette::GraphicalTheme::unicode_nocolor();
        let handler = miette::GraphicalReportHandler::new_themed(theme).with_width(400);
        let mut shown = String::new();
        handler.render_report(&mut shown, &faults[0]).unwrap();
        assert!(shown.contains(expected), "{shown}");
        assert!(shown.contains("╰── here"), "underlines the line: {shown}");
    }
}
