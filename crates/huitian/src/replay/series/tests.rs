//! What becomes of rows, good and bad.

use std::io::Write;

use huitian_model::{BadReason, Measurement, Sample};
use miette::Diagnostic;

use super::*;

const MAPPING: &str = r#"
[site]
id = "town"
name = { zh = "镇", en = "Town" }
zone = "UTC"

[time]
at = { column = "at", format = "%Y-%m-%dT%H:%M:%S" }
received_at = { column = "seen", format = "%Y-%m-%dT%H:%M:%S" }

[value]
quantity = "in_use"
expected_every = "5m"
bad = [{ value = "-9" }]

[long]
id = "lot"
value = "cars"

[capacity]
column = "places"
"#;

const HEADER: &str = "lot,at,seen,cars,places\n";

fn mapping(toml: &str) -> Mapping {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("mapping.toml");
    std::fs::write(&path, toml).unwrap();
    Mapping::load(&path).unwrap()
}

fn read(toml: &str, bytes: &[u8], name: &str) -> Result<Series, ConfigFault> {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join(name);
    std::fs::write(&path, bytes).unwrap();
    Series::read(&mapping(toml), &path)
}

/// A series of rows given as `lot,at,seen,cars,places` with times of day.
fn series(rows: &[&str]) -> Series {
    let text = HEADER.to_owned() + &rows.join("\n");
    read(MAPPING, text.as_bytes(), "rows.csv").unwrap()
}

fn day(time: &str) -> String {
    format!("2024-03-05T{time}:00")
}

fn row(lot: &str, time: &str, cars: &str) -> String {
    let at = day(time);
    format!("{lot},{at},{at},{cars},10")
}

#[test]
fn bad_rows_are_counted_with_their_lines_and_stop_nothing() {
    let good = row("North", "10:00", "3");
    let rows = [
        good.clone(),
        "North,2024-03-05".to_owned(),
        good.replacen("2024-03-05T10:00:00", "yesterday", 1),
        format!("North,{},tomorrow,3,10", day("10:00")),
        row("North", "10:05", "many"),
        row("North", "10:05", "NaN"),
        row("North", "10:05", "3.5"),
        row("停车场", "10:05", "3"),
        row("NORTH", "10:05", "3"),
        row("North", "10:10", "3")
            .replace(",10", ",none")
            .replace("T,none", "T10"),
        good.replace("2024", "1970"),
        row("North", "10:15", "4"),
    ];
    let rows: Vec<&str> = rows.iter().map(String::as_str).collect();
    let series = series(&rows);
    let lines = |reason| -> Vec<u64> {
        let refused = series.intake.refused.get(&reason).unwrap();
        refused.first.iter().map(|(line, _)| *line).collect()
    };
    assert_eq!(lines(RefusedReason::Malformed), [3]);
    assert_eq!(lines(RefusedReason::EventTime), [4]);
    assert_eq!(lines(RefusedReason::ArrivalTime), [5]);
    assert_eq!(lines(RefusedReason::Value), [6, 7, 8]);
    assert_eq!(lines(RefusedReason::Facility), [9, 10]);
    assert_eq!(lines(RefusedReason::FarAway), [12]);
    assert_eq!(series.intake.rows_read, 12);
    let taken = u64::try_from(series.rows.len()).unwrap();
    assert_eq!(series.intake.rows_refused + taken, 12);
    assert!(series.rows.iter().any(|row| row.line == 13));
}

#[test]
fn a_sentinel_is_a_reading_without_a_value_and_odd_counts_are_kept_as_they_came() {
    let series = series(&[
        &row("a", "10:00", "-9"),
        &row("a", "10:05", "-2"),
        &row("a", "10:10", "12"),
        &row("a", "10:15", "10"),
    ]);
    let samples: Vec<Sample> = series
        .rows
        .iter()
        .map(|row| series.readings_of(row)[0].1.sample)
        .collect();
    assert_eq!(
        samples[0],
        Sample::Bad(huitian_model::Quantity::InUse, BadReason::OutOfRange)
    );
    assert_eq!(samples[1].value(), Some(Measurement::InUse(-2)));
    assert_eq!(samples[2].value(), Some(Measurement::InUse(12)));
    let intake = &series.intake;
    let found = (
        intake.without_value,
        intake.below_zero,
        intake.above_capacity,
    );
    assert_eq!(found, (1, 1, 1));
}

#[test]
fn a_wide_row_gives_one_reading_for_every_cell_that_holds_one() {
    let toml = MAPPING
        .replace(
            "[long]\nid = \"lot\"\nvalue = \"cars\"",
            "[wide]\ncolumns = [\"A\", \"B\", \"C\"]",
        )
        .replace("column = \"places\"", "greatest_seen = true")
        .replace(
            "[time]",
            "[file]\nkeep = { column = \"ok\", is = [\"yes\"] }\n[time]",
        );
    let at = day("10:00");
    let text =
        format!("at,seen,ok,A,B,C\n{at},{at},yes,5,,7\n{at},{at},no,,,\n{at},{at},yes,-9,6,x\n");
    let series = read(&toml, text.as_bytes(), "wide.csv").unwrap();
    let intake = &series.intake;
    assert_eq!(
        (intake.rows_read, intake.rows_filtered, intake.rows_refused),
        (3, 1, 0)
    );
    assert_eq!(
        (intake.readings, intake.cells_empty, intake.cells_refused),
        (4, 1, 1)
    );
    assert_eq!(intake.refused[&RefusedReason::Value].first[0].0, 4);
    assert_eq!(series.channels.len(), 3);
}

#[test]
fn a_lot_without_any_number_needs_a_capacity_from_a_person() {
    let toml = MAPPING.replace("column = \"places\"", "greatest_seen = true");
    let text = HEADER.to_owned() + &row("a", "10:00", "-9");
    let fault = read(&toml, text.as_bytes(), "rows.csv").err().unwrap();
    let label = fault.labels().unwrap().next().unwrap();
    assert!(
        toml.get(label.offset()..)
            .unwrap()
            .starts_with("[capacity]")
    );
    assert!(
        fault.to_string().contains("of = { \"a\" = 120 }"),
        "{fault}"
    );
}

#[test]
fn a_column_that_the_file_does_not_have_is_underlined_in_the_mapping() {
    let fault = read(MAPPING, b"lot,at,seen,vehicles,places\n", "rows.csv")
        .err()
        .unwrap();
    let label = fault.labels().unwrap().next().unwrap();
    assert_eq!(
        MAPPING
            .get(label.offset()..label.offset() + label.len())
            .unwrap(),
        "\"cars\""
    );
    assert!(
        fault.to_string().contains("it has lot, at, seen, vehicles"),
        "{fault}"
    );
}

#[test]
fn a_packed_file_is_unpacked_and_a_torn_one_is_a_fault_not_a_short_series() {
    let mut text = HEADER.to_owned();
    for minute in 0..60 {
        text += &row("a", &format!("10:{minute:02}"), "3");
        text.push('\n');
    }
    let mut writer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    writer.write_all(text.as_bytes()).unwrap();
    let packed = writer.finish().unwrap();
    let series = read(MAPPING, &packed, "rows.csv.gz").unwrap();
    assert_eq!(series.rows.len(), 60);
    let torn = packed.get(..packed.len() / 2).unwrap();
    let fault = read(MAPPING, torn, "rows.csv.gz").err().unwrap();
    assert!(fault.to_string().contains("cannot read"), "{fault}");
}

#[test]
fn a_file_without_a_usable_row_is_a_fault_that_says_why() {
    let text = format!("{HEADER}a,today,today,3,10\n");
    let fault = read(MAPPING, text.as_bytes(), "rows.csv").err().unwrap();
    assert!(fault.to_string().contains("line 2"), "{fault}");
}
