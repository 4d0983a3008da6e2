//! `device list` and `device show`.

use std::path::Path;

use huitian_codec::Profile;

use super::shelf::{self, Sheet};
use crate::table::{row, table};
use crate::{Failure, say, tell};

/// What stands in tables of a profile's text by itself, and not among "how it is read".
const APART: [&str; 4] = ["name", "at", "type", "channel"];

/// Lists all profiles. Those that are wrong are told, and end with their exit code.
///
/// # Errors
/// [`Failure`].
pub fn list(folder: Option<&Path>) -> Result<(), Failure> {
    let mut rows = vec![row([
        "id", "vendor", "name", "channels", "vectors", "source",
    ])];
    let mut faults = Vec::new();
    for sheet in shelf::all(folder)? {
        match sheet.draft() {
            Ok(profile) => rows.push(listed(&sheet, &profile)),
            Err(fault) => faults.push(fault),
        }
    }
    say(&table(&rows))?;
    tell(&format!("{} profiles", rows.len() - 1));
    if faults.is_empty() {
        return Ok(());
    }
    Err(Failure::Config(faults))
}

fn listed(sheet: &Sheet, profile: &Profile) -> Vec<String> {
    let channels: Vec<String> = (profile.channels())
        .map(|(name, quantity)| match quantity.unit() {
            "" => name.to_string(),
            unit => format!("{name} [{unit}]"),
        })
        .collect();
    vec![
        profile.id().to_owned(),
        profile.vendor().to_owned(),
        profile.name().to_owned(),
        channels.join(", "),
        profile.vectors().to_string(),
        sheet.origin().to_owned(),
    ]
}

/// Shows one profile: what it reads, and where that is from.
///
/// # Errors
/// [`Failure`].
pub fn show(name: &str, folder: Option<&Path>) -> Result<(), Failure> {
    let (sheet, profile) = shelf::find(name, folder)?;
    let head = [
        row(["id", profile.id()]),
        row(["name", profile.name()]),
        row(["vendor", profile.vendor()]),
        row(["source", sheet.origin()]),
        vec!["vectors".to_owned(), profile.vectors().to_string()],
    ];
    let mut sections = vec![table(&head)];
    sections.extend(profile.notes().map(str::to_owned));
    let mut channels = vec![row(["channel", "quantity", "unit", "limits"])];
    // The text is a profile, so it is a table; the layout is shown as its author wrote it.
    let toml: toml::Table = toml::from_str(&sheet.text)
        .map_err(|error| Failure::Other(format!("{}: {error}", sheet.file)))?;
    for (index, (name, quantity)) in profile.channels().enumerate() {
        let written = array(&toml, "channel").nth(index);
        let limits = written.map_or(String::new(), |it| rest(it, &["name", "quantity"]));
        let (quantity, unit) = (quantity.name(), quantity.unit());
        channels.push(vec![
            name.to_string(),
            quantity.to_owned(),
            unit.to_owned(),
            limits,
        ]);
    }
    sections.push(table(&channels));
    sections.extend(array(&toml, "message").map(shown));
    let mut sources = vec![row(["from", "licence"])];
    sources.extend(
        profile
            .sources()
            .map(|(what, licence)| row([what, licence])),
    );
    sections.push(table(&sources));
    say(&sections.join("\n\n"))
}

fn array<'a>(table: &'a toml::Table, key: &str) -> impl Iterator<Item = &'a toml::Table> {
    let items = table.get(key).and_then(toml::Value::as_array);
    items
        .into_iter()
        .flatten()
        .filter_map(toml::Value::as_table)
}

/// One message: its conditions, then its fields and whatever they stand in.
fn shown(message: &toml::Table) -> String {
    let said = |key: &str| {
        message
            .get(key)
            .and_then(toml::Value::as_str)
            .unwrap_or_default()
    };
    let mut lines = vec![format!("message {} ({})", said("name"), said("kind"))];
    let conditions = rest(message, &["name", "kind"]);
    if !conditions.is_empty() {
        lines.push(conditions);
    }
    let mut rows = vec![row(["in", "field", "at", "type", "channel", "how"])];
    fields(message, "", &mut rows);
    if rows.len() > 1 {
        lines.push(table(&rows).replace('\n', "\n  "));
    }
    lines.join("\n  ")
}

/// Rows of the fields of a message, record, block or group, and of all that stands within.
fn fields(within: &toml::Table, place: &str, rows: &mut Vec<Vec<String>>) {
    for field in array(within, "field") {
        let cell = |key: &str| field.get(key).map_or(String::new(), plain);
        let at = ["at", "path", "formula", "bit"]
            .into_iter()
            .find(|key| field.contains_key(*key));
        let at = at.map_or(String::new(), cell);
        let how = rest(field, &APART);
        let (name, shape, channel) = (cell("name"), cell("type"), cell("channel"));
        rows.push(vec![place.to_owned(), name, at, shape, channel, how]);
    }
    for kind in ["record", "block", "group"] {
        for inner in array(within, kind) {
            let what = rest(inner, &[]);
            let place = format!("{kind} {what}");
            let before = rows.len();
            fields(inner, &place, rows);
            if rows.len() == before {
                rows.push(row([&place, "-", "", "", "", "left aside"]));
            }
        }
    }
}

/// All other keys on one line, without what has a table of its own.
fn rest(table: &toml::Table, but: &[&str]) -> String {
    let is_nested = |value: &toml::Value| {
        let items = value.as_array();
        items.is_some_and(|items| items.first().is_some_and(toml::Value::is_table))
    };
    let nested = ["field", "record", "block", "group"];
    let kept = table.iter().filter(|(key, value)| {
        let is_apart = is_nested(value) && nested.contains(&key.as_str());
        !(is_apart || but.contains(&key.as_str()))
    });
    let kept: Vec<String> = kept
        .map(|(key, value)| format!("{key} = {}", bytes(key, value)))
        .collect();
    kept.join(", ")
}

/// Text without quotes, all else as it is written.
fn plain(value: &toml::Value) -> String {
    value.as_str().map_or_else(|| written(value), str::to_owned)
}

/// Bytes in hex as data sheets have them, all else as it is written.
fn bytes(key: &str, value: &toml::Value) -> String {
    let items = value.as_array().filter(|_| ["tag", "is"].contains(&key));
    let digits = items.map(|items| {
        let bytes = items.iter().filter_map(toml::Value::as_integer);
        bytes.map(|byte| format!("{byte:02x}")).collect::<Vec<_>>()
    });
    digits.map_or_else(|| written(value), |digits| digits.join(" "))
}

/// As it is written on one line.
fn written(value: &toml::Value) -> String {
    match value {
        toml::Value::Table(table) => {
            let pairs = table
                .iter()
                .map(|(key, value)| format!("{key} = {}", bytes(key, value)));
            format!("{{ {} }}", pairs.collect::<Vec<_>>().join(", "))
        }
        toml::Value::Array(items) => {
            let items: Vec<String> = items.iter().map(written).collect();
            format!("[{}]", items.join(", "))
        }
        toml::Value::String(_)
        | toml::Value::Integer(_)
        | toml::Value::Float(_)
        | toml::Value::Boolean(_)
        | toml::Value::Datetime(_) => value.to_string(),
    }
}
