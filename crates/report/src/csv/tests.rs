//! What is exported comes back the same, and no cell is a formula.

use huitian_model::{
    AssetId, BinFigures, Dwell, FacilityId, FillLevel, LotFigures, SiteId, StationFigures, Stream,
    Usage, UtcMs, WindowBody, WindowKey, WindowLength, WindowRow, WindowStatus,
};

use super::*;

fn row(body: WindowBody) -> WindowRow {
    WindowRow {
        key: WindowKey {
            site: SiteId::new("s1").unwrap(),
            facility: FacilityId::new("f1").unwrap(),
            length: WindowLength::Hour1,
            start: UtcMs(0),
        },
        end: UtcMs(3_600_000),
        revision: 2,
        status: WindowStatus::Amended,
        body,
    }
}

fn read(bytes: &[u8]) -> Vec<Vec<String>> {
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .from_reader(bytes);
    let record = |it: Result<csv::StringRecord, _>| it.unwrap().iter().map(str::to_owned).collect();
    reader.records().map(record).collect()
}

fn lot() -> WindowBody {
    WindowBody::Lot(LotFigures {
        capacity: 10,
        usage: Usage {
            in_use_ms: 18_000_000,
            free_ms: 9_000_000,
            total_ms: 36_000_000,
        },
        peak: Some((7, UtcMs(60_000))),
        dwell: Dwell::default(),
        ..LotFigures::default()
    })
}

fn station() -> WindowBody {
    let bin = |asset: &str, stream| BinFigures {
        asset: AssetId::new(asset).unwrap(),
        stream,
        known_ms: 1_800_000,
        fill_ms: 1_800_000 * 5_000,
        min: FillLevel::from_hundredths(4_000),
        max: FillLevel::from_hundredths(6_000),
        last: FillLevel::from_hundredths(6_000),
        overflow_ms: 0,
        emptied: 1,
        rejected: 0,
    };
    WindowBody::Station(StationFigures {
        length_ms: 3_600_000,
        bins: vec![bin("k1", Stream::Kitchen), bin("o1", Stream::Other)],
    })
}

#[test]
fn every_row_has_a_cell_for_every_column() {
    let head = read(&header().unwrap());
    let rows = read(&windows(&[row(lot()), row(station())]).unwrap());
    assert_eq!(
        rows.len(),
        1 + 3,
        "one row for the lot, three for the station"
    );
    for cells in head.iter().chain(&rows) {
        assert_eq!(cells.len(), COLUMNS.len());
    }
}

#[test]
fn ratios_are_those_of_the_sums() {
    let rows = read(&windows(&[row(lot()), row(station())]).unwrap());
    let cell = |index: usize, name: &str| {
        let column = COLUMNS.iter().position(|it| it.name == name).unwrap();
        rows[index][column].clone()
    };
    assert_eq!(cell(0, "coverage"), "0.75");
    assert_eq!(cell(0, "occupancy_low"), "0.5");
    assert_eq!(cell(0, "occupancy_high"), "0.75");
    assert_eq!(cell(0, "availableSpotNumber"), "3", "2.5 places, rounded");
    assert_eq!(cell(0, "fillingLevel"), "", "a lot has no fill");
    assert_eq!(cell(1, "fillingLevel"), "0.5");
    assert_eq!(cell(2, "coverage"), "0.5");
    assert_eq!(cell(2, "stream"), "kitchen");
    assert_eq!(cell(3, "fill_max"), "60");
    assert_eq!(cell(1, "emptied"), "2");
}

#[test]
fn a_formula_in_a_text_cell_is_inert_and_a_negative_number_stays_a_number() {
    for payload in [
        "=1+1", "+1", "-1", "@x", "\t=1", "\r=1", "＝1", "＋1", "－1", "＠x",
    ] {
        let cells = [Cell::Text(payload.to_owned()), Cell::Whole(-1)];
        let found = read(&lines([cells.as_slice()]).unwrap());
        assert_eq!(found, [vec![format!("'{payload}"), "-1".to_owned()]]);
    }
}

#[test]
fn quotes_commas_and_line_breaks_come_back_as_they_went() {
    let text = "a \"b\", c\r\nd";
    let bytes = lines([[Cell::from(text)].as_slice()]).unwrap();
    assert_eq!(read(&bytes), [vec![text.to_owned()]]);
    assert!(bytes.ends_with(b"\r\n"));
}

#[test]
fn column_names_are_unique() {
    let names: std::collections::BTreeSet<_> = COLUMNS.iter().map(|it| it.name).collect();
    assert_eq!(names.len(), COLUMNS.len());
}
