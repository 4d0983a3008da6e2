//! A route as it is written, and the check of what no single key can say about itself.

use serde::Deserialize;

use super::{Filter, Form, Place, Route};
use crate::TEXT_CHARS_MAX;
use crate::envelope::csv::{Table, check_columns};
use crate::envelope::line::Lines;
use crate::envelope::mapped::Mapping;
use crate::envelope::senml::Coding;
use crate::instant::TimeUnit;
use crate::refusal::quoted;

/// `[[mqtt.routes]]`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawRoute {
    topic: Filter,
    format: Format,
    device: Option<Device>,
    time: Option<Time>,
    sequence: Option<Name>,
    records: Option<Name>,
    columns: Option<Columns>,
    delimiter: Option<Delimiter>,
    utc_offset: Option<UtcOffset>,
    with_measurement: Option<bool>,
}

#[derive(Deserialize, Clone, Copy, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
enum Format {
    Loriot,
    Csv,
    Line,
    SenmlJson,
    SenmlCbor,
    NgsiLd,
    Ultralight,
    Tasmota,
    Zigbee2mqtt,
    Json,
}

/// Where the device's name stands.
#[derive(Deserialize, Clone, PartialEq, Eq)]
#[serde(deny_unknown_fields, rename_all = "lowercase")]
enum Device {
    Level(Level),
    Path(Name),
    Column(Name),
    Tag(Name),
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
struct Time {
    path: Option<Name>,
    column: Option<Name>,
    unit: Option<Unit>,
}

#[derive(Deserialize, Clone, Copy, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
enum Unit {
    S,
    Ms,
    Us,
    Ns,
    Rfc3339,
}

/// The number of a topic's level, from 1.
#[derive(Deserialize, Clone, Copy, PartialEq, Eq)]
#[serde(try_from = "i64")]
struct Level(usize);

/// A path, a column or a tag.
#[derive(Deserialize, Clone, PartialEq, Eq)]
#[serde(try_from = "String")]
struct Name(String);

#[derive(Deserialize)]
#[serde(try_from = "Vec<String>")]
struct Columns(Vec<String>);

#[derive(Deserialize, Clone, Copy)]
#[serde(try_from = "String")]
struct Delimiter(u8);

/// Minutes east of UTC.
#[derive(Deserialize, Clone, Copy)]
#[serde(try_from = "String")]
struct UtcOffset(i32);

impl TryFrom<i64> for Level {
    type Error = String;

    fn try_from(level: i64) -> Result<Self, String> {
        let index = usize::try_from(level)
            .ok()
            .and_then(|level| level.checked_sub(1));
        index
            .map(Self)
            .ok_or_else(|| format!("expected a level from 1, found {level}"))
    }
}

impl TryFrom<String> for Name {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        if text.is_empty() || text.chars().count() > TEXT_CHARS_MAX {
            let found = quoted(&text);
            return Err(format!(
                "expected 1 to {TEXT_CHARS_MAX} characters, found {found}"
            ));
        }
        Ok(Self(text))
    }
}

impl TryFrom<Vec<String>> for Columns {
    type Error = String;

    fn try_from(names: Vec<String>) -> Result<Self, String> {
        check_columns(&names).map_err(|refusal| refusal.text)?;
        Ok(Self(names))
    }
}

impl TryFrom<String> for Delimiter {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        match text.as_bytes() {
            [byte @ (b',' | b';' | b'|' | b'\t')] => Ok(Self(*byte)),
            _other => {
                let found = quoted(&text);
                Err(format!(
                    "expected \",\", \";\", \"|\" or \"\\t\", found {found}"
                ))
            }
        }
    }
}

impl TryFrom<String> for UtcOffset {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let minutes = || {
            let sign = match text.chars().next()? {
                '+' => 1,
                '-' => -1,
                _other => return None,
            };
            let (hours, minutes) = text.get(1..)?.split_once(':')?;
            let two = |text: &str| {
                let is_two = text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_digit());
                is_two.then(|| text.parse::<i32>().ok()).flatten()
            };
            let (hours, minutes) = (two(hours)?, two(minutes)?);
            (hours <= 14 && minutes < 60).then(|| sign * (hours * 60 + minutes))
        };
        minutes().map(Self).ok_or_else(|| {
            let found = quoted(&text);
            format!("expected an offset of -14:59 to +14:59 such as \"+08:00\", found {found}")
        })
    }
}

impl Format {
    const fn name(self) -> &'static str {
        match self {
            Self::Loriot => "loriot",
            Self::Csv => "csv",
            Self::Line => "line",
            Self::SenmlJson => "senml-json",
            Self::SenmlCbor => "senml-cbor",
            Self::NgsiLd => "ngsi-ld",
            Self::Ultralight => "ultralight",
            Self::Tasmota => "tasmota",
            Self::Zigbee2mqtt => "zigbee2mqtt",
            Self::Json => "json",
        }
    }

    /// The keys that mean something beside `topic` and `format`.
    const fn keys(self) -> &'static [&'static str] {
        match self {
            Self::Loriot | Self::NgsiLd => &[],
            Self::Csv => &["device", "time", "sequence", "columns", "delimiter"],
            Self::Line => &["device", "time", "with_measurement"],
            Self::SenmlJson | Self::SenmlCbor | Self::Ultralight | Self::Zigbee2mqtt => &["device"],
            Self::Tasmota => &["device", "utc_offset"],
            Self::Json => &["device", "time", "sequence", "records"],
        }
    }
}

impl TryFrom<RawRoute> for Route {
    type Error = String;

    fn try_from(raw: RawRoute) -> Result<Self, String> {
        raw.check_keys()?;
        let form = raw.form()?;
        Ok(Self {
            filter: raw.topic,
            form,
        })
    }
}

impl RawRoute {
    fn check_keys(&self) -> Result<(), String> {
        let given = [
            ("device", self.device.is_some()),
            ("time", self.time.is_some()),
            ("sequence", self.sequence.is_some()),
            ("records", self.records.is_some()),
            ("columns", self.columns.is_some()),
            ("delimiter", self.delimiter.is_some()),
            ("utc_offset", self.utc_offset.is_some()),
            ("with_measurement", self.with_measurement.is_some()),
        ];
        let permitted = self.format.keys();
        let other = given
            .iter()
            .find(|(key, is_given)| *is_given && !permitted.contains(key));
        let Some((key, _)) = other else { return Ok(()) };
        let expected = match permitted {
            [] => "no more keys".to_owned(),
            keys => keys.join(", "),
        };
        let format = self.format.name();
        Err(format!("format {format:?} takes {expected}, found {key}"))
    }

    fn form(&self) -> Result<Form, String> {
        let name = |name: &Option<Name>| name.as_ref().map(|name| name.0.clone());
        Ok(match self.format {
            Format::Loriot => Form::Loriot,
            Format::NgsiLd => Form::NgsiLd,
            Format::Tasmota => Form::Tasmota {
                device: self.topic_place()?,
                utc_offset: self.utc_offset.map(|offset| offset.0),
            },
            Format::Zigbee2mqtt => Form::Zigbee2mqtt(self.topic_place()?),
            Format::Ultralight => Form::UltraLight(self.topic_place()?),
            Format::SenmlJson => Form::Senml(Coding::Json, self.level()?),
            Format::SenmlCbor => Form::Senml(Coding::Cbor, self.level()?),
            Format::Json => {
                let device = self.named("path")?;
                let records = name(&self.records).unwrap_or_default();
                let keys = records.split('.').filter(|key| !key.is_empty());
                let mapping = Mapping {
                    time: self.time("path")?,
                    sequence: name(&self.sequence),
                    records: keys.map(str::to_owned).collect(),
                    device: device.clone(),
                };
                Form::Json(self.place(device.is_none())?, mapping)
            }
            Format::Csv => {
                let device = self.named("column")?;
                let table = Table {
                    columns: self.columns.as_ref().map(|columns| columns.0.clone()),
                    delimiter: self.delimiter.map_or(b',', |delimiter| delimiter.0),
                    time: self.time("column")?,
                    sequence: name(&self.sequence),
                    device: device.clone(),
                };
                check_table(&table)?;
                Form::Csv(self.place(device.is_none())?, table)
            }
            Format::Line => {
                let device = self.named("tag")?;
                let lines = Lines {
                    unit: self.line_unit()?,
                    with_measurement: self.with_measurement.unwrap_or(false),
                    device: device.clone(),
                };
                Form::Line(self.place(device.is_none())?, lines)
            }
        })
    }

    /// The place in the topic, where the topic names the device.
    fn place(&self, is_from_topic: bool) -> Result<Option<Place>, String> {
        is_from_topic.then(|| self.topic_place()).transpose()
    }

    fn topic_place(&self) -> Result<Place, String> {
        match self.level()? {
            Some(place) => Ok(place),
            None if self.topic.has_wildcard() => Ok(Place::Wildcard),
            None => {
                let levels = self.topic.levels();
                Err(format!(
                    "device is missing: expected device = {{ level = 1 to {levels} }}, or a \
                     wildcard in topic that stands for it"
                ))
            }
        }
    }

    /// The level that is said to name the device.
    fn level(&self) -> Result<Option<Place>, String> {
        match &self.device {
            None => Ok(None),
            Some(Device::Level(Level(index))) => {
                let levels = self.topic.levels();
                let most = if self.topic.is_open() {
                    super::filter::LEVELS_MAX
                } else {
                    levels
                };
                if *index >= most {
                    let found = index + 1;
                    return Err(format!("device.level: expected 1 to {most}, found {found}"));
                }
                Ok(Some(Place::Level(*index)))
            }
            Some(Device::Path(_) | Device::Column(_) | Device::Tag(_)) => {
                let format = self.format.name();
                Err(format!("format {format:?} takes device = {{ level = N }}"))
            }
        }
    }

    /// The name that stands for the device, of the kind that the format has.
    fn named(&self, kind: &str) -> Result<Option<String>, String> {
        let (found, name) = match &self.device {
            None | Some(Device::Level(_)) => return Ok(None),
            Some(Device::Path(name)) => ("path", name),
            Some(Device::Column(name)) => ("column", name),
            Some(Device::Tag(name)) => ("tag", name),
        };
        if found != kind {
            let format = self.format.name();
            return Err(format!(
                "format {format:?} takes device = {{ level = N }} or {{ {kind} = NAME }}, \
                 found {found}"
            ));
        }
        Ok(Some(name.0.clone()))
    }

    fn time(&self, kind: &str) -> Result<Option<(String, TimeUnit)>, String> {
        let Some(time) = &self.time else {
            return Ok(None);
        };
        let (name, other) = match kind {
            "path" => (&time.path, &time.column),
            _column => (&time.column, &time.path),
        };
        let (Some(name), None) = (name, other) else {
            let format = self.format.name();
            return Err(format!(
                "format {format:?} takes time = {{ {kind} = NAME, unit = UNIT }}"
            ));
        };
        let unit = match time.unit {
            Some(Unit::S) => TimeUnit::Seconds,
            Some(Unit::Ms) => TimeUnit::Milliseconds,
            Some(Unit::Rfc3339) => TimeUnit::Rfc3339,
            Some(Unit::Us | Unit::Ns) | None => {
                return Err("time.unit: expected one of s, ms, rfc3339".to_owned());
            }
        };
        Ok(Some((name.0.clone(), unit)))
    }

    fn line_unit(&self) -> Result<TimeUnit, String> {
        let Some(time) = &self.time else {
            return Ok(TimeUnit::Nanoseconds);
        };
        if time.path.is_some() || time.column.is_some() {
            return Err("format \"line\" takes time = { unit = UNIT }".to_owned());
        }
        match time.unit {
            Some(Unit::S) => Ok(TimeUnit::Seconds),
            Some(Unit::Ms) => Ok(TimeUnit::Milliseconds),
            Some(Unit::Us) => Ok(TimeUnit::Microseconds),
            Some(Unit::Ns) | None => Ok(TimeUnit::Nanoseconds),
            Some(Unit::Rfc3339) => Err("time.unit: expected one of s, ms, us, ns".to_owned()),
        }
    }
}

/// Where the columns are written, those that the others name are among them.
fn check_table(table: &Table) -> Result<(), String> {
    let Some(columns) = &table.columns else {
        return Ok(());
    };
    let time = table.time.as_ref().map(|(column, _unit)| column);
    let named = [table.device.as_ref(), time, table.sequence.as_ref()];
    for name in named.into_iter().flatten() {
        if !columns.contains(name) {
            let (known, found) = (columns.join(", "), quoted(name));
            return Err(format!(
                "expected one of the columns {known}, found {found}"
            ));
        }
    }
    Ok(())
}
