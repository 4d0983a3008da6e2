//! What is typed in a spreadsheet is read, or refused with its line.

use std::path::Path;

use super::{FILES, InventoryFaults, load, write};

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
    load(dir.path(), &|profile| profile == "bosch-tps110")
}

#[test]
fn what_is_exported_can_be_imported() {
    let first = load_texts(&small()).unwrap();
    assert_eq!(first.devices.len(), 2);
    let dir = tempfile::tempdir().unwrap();
    write(&first, dir.path()).unwrap();
    assert_eq!(load(dir.path(), &|_| true).unwrap(), first);
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
    let faults = load(Path::new("no-such-folder"), &|_| true).unwrap_err().0;
    assert!(faults[0].to_string().contains("no-such-folder/sites.csv"));
}
