//! File to series: row by row, counting what cannot be used.

use std::io::Read;

use csv::StringRecord;
use huitian_codec::{Fixed, PlainValue};
use huitian_model::{Reading, Sample, TimeSource, UtcMs};

use super::facilities::Facilities;
use super::{Intake, READINGS_MAX, RefusedReason, Row, Series};
use crate::config::ConfigFault;
use crate::replay::mapping::{Capacity, Column, Form, Mapping, Places, Value, wide_id};

/// Reads a series from `input`, which the messages call `name`.
pub fn read(mapping: &Mapping, name: &str, input: Box<dyn Read>) -> Result<Series, ConfigFault> {
    let mut csv = csv::ReaderBuilder::new()
        .delimiter(mapping.delimiter)
        .trim(csv::Trim::All)
        .from_reader(input);
    let headers = csv
        .headers()
        .map_err(|error| ConfigFault::plain(format!("{name}: {error}")))?
        .clone();
    let mut reader = Reader::new(mapping, name, &headers)?;
    let mut record = StringRecord::new();
    loop {
        match csv.read_record(&mut record) {
            Ok(false) => break,
            Ok(true) => {
                let line = record.position().map_or(0, csv::Position::line);
                reader.intake.rows_read += 1;
                if let Err(Refusal(reason, text)) = reader.row(line, &record) {
                    reader.intake.refuse_row(reason, line, text);
                }
            }
            Err(error) => reader.unreadable(name, &error)?,
        }
        if reader.readings.len() > READINGS_MAX {
            return Err(ConfigFault::plain(format!(
                "{name}: expected at most {READINGS_MAX} readings: cut the file"
            )));
        }
    }
    reader.finish(name)
}

/// Why a row or cell is refused.
struct Refusal(RefusedReason, String);

/// Where the mapping's columns stand in the file.
struct Columns {
    keep: Option<usize>,
    at: usize,
    received_at: Option<usize>,
    form: FormColumns,
    /// Of each sentinel rule, the column it asks.
    bad: Vec<Option<usize>>,
}

enum FormColumns {
    Long {
        id: usize,
        name: usize,
        value: usize,
        capacity: Option<usize>,
    },
    /// Each column with its facility.
    Wide(Vec<(usize, usize)>),
}

struct Reader<'a> {
    mapping: &'a Mapping,
    columns: Columns,
    facilities: Facilities,
    rows: Vec<Row>,
    readings: Vec<(usize, Reading)>,
    intake: Intake,
}

impl<'a> Reader<'a> {
    fn new(mapping: &'a Mapping, name: &str, headers: &StringRecord) -> Result<Self, ConfigFault> {
        let find = |column: &Column| {
            let clean = |header: &str| header.trim_start_matches('\u{feff}') == column.name;
            headers.iter().position(clean).ok_or_else(|| {
                let has = headers.iter().collect::<Vec<_>>().join(", ");
                let message = format!("no column {:?} in {name}: it has {has}", column.name);
                mapping.text.fault(column.span.clone(), message)
            })
        };
        let mut facilities = Facilities::new(mapping.site.id.clone());
        let form = match &mapping.form {
            Form::Long { id, name, value } => FormColumns::Long {
                id: find(id)?,
                name: find(name)?,
                value: find(value)?,
                capacity: match &mapping.capacity {
                    Some(Capacity {
                        places: Places::Column(column),
                        ..
                    }) => Some(find(column)?),
                    _ => None,
                },
            },
            Form::Wide { columns, prefix } => {
                let mut found = Vec::with_capacity(columns.len());
                for column in columns {
                    let wrong = |message| mapping.text.fault(column.span.clone(), message);
                    let id = wide_id(prefix.as_deref(), &column.name).map_err(wrong)?;
                    let facility = facilities.index(&column.name, &id, &column.name);
                    found.push((find(column)?, facility.map_err(wrong)?));
                }
                FormColumns::Wide(found)
            }
        };
        let columns = Columns {
            keep: mapping
                .keep
                .as_ref()
                .map(|(column, _)| find(column))
                .transpose()?,
            at: find(&mapping.time.at.column)?,
            received_at: mapping
                .time
                .received_at
                .as_ref()
                .map(|it| find(&it.column))
                .transpose()?,
            form,
            bad: mapping
                .value
                .bad
                .iter()
                .map(|rule| {
                    rule.only
                        .as_ref()
                        .map(|(column, _)| find(column))
                        .transpose()
                })
                .collect::<Result<_, _>>()?,
        };
        Ok(Self {
            mapping,
            columns,
            facilities,
            rows: Vec::new(),
            readings: Vec::new(),
            intake: Intake::default(),
        })
    }

    /// A row that is none is counted; a file that cannot be read on is a fault.
    fn unreadable(&mut self, name: &str, error: &csv::Error) -> Result<(), ConfigFault> {
        let line = error.position().map_or(0, csv::Position::line);
        if matches!(error.kind(), csv::ErrorKind::Io(_)) {
            let message = format!("cannot read {name} beyond line {line}: {error}");
            return Err(ConfigFault::plain(message));
        }
        self.intake.rows_read += 1;
        self.intake
            .refuse_row(RefusedReason::Malformed, line, error.to_string());
        Ok(())
    }

    fn row(&mut self, line: u64, record: &StringRecord) -> Result<(), Refusal> {
        let mapping = self.mapping;
        if let (Some(column), Some((_, kept))) = (self.columns.keep, &mapping.keep) {
            let cell = cell(record, column);
            if !kept.iter().any(|text| text == cell) {
                self.intake.rows_filtered += 1;
                return Ok(());
            }
        }
        let (at, received_at) = self.times(record)?;
        let time_source = match mapping.time.received_at {
            Some(_) => TimeSource::Device,
            None => TimeSource::Receiver,
        };
        let first = self.readings.len();
        let reading = |sample| Reading {
            at,
            received_at,
            time_source,
            sequence: None,
            sample,
        };
        for (facility, sample) in self.samples(line, record)? {
            self.readings.push((facility, reading(sample)));
        }
        self.rows.push(Row {
            line,
            received_at,
            first,
            count: self.readings.len() - first,
        });
        Ok(())
    }

    fn times(&mut self, record: &StringRecord) -> Result<(UtcMs, UtcMs), Refusal> {
        let time = &self.mapping.time;
        let at = time
            .at
            .read(cell(record, self.columns.at), &time.zone)
            .map_err(|text| Refusal(RefusedReason::EventTime, text))?;
        let received_at = match (&time.received_at, self.columns.received_at) {
            (Some(column), Some(index)) => column
                .read(cell(record, index), &time.zone)
                .map_err(|text| Refusal(RefusedReason::ArrivalTime, text))?,
            _ => at,
        };
        if at.is_ambiguous || received_at.is_ambiguous {
            self.intake.ambiguous_times += 1;
        }
        Ok((at.instant, received_at.instant))
    }

    /// The samples of a row, each with its facility.
    fn samples(
        &mut self,
        line: u64,
        record: &StringRecord,
    ) -> Result<Vec<(usize, Sample)>, Refusal> {
        let wrong_value = |text| Refusal(RefusedReason::Value, text);
        match &self.columns.form {
            FormColumns::Long {
                id,
                name,
                value,
                capacity,
            } => {
                let (id, name) = (cell(record, *id), cell(record, *name));
                let sample = self
                    .sample(record, cell(record, *value))
                    .map_err(wrong_value)?;
                let places = capacity
                    .map(|column| places(cell(record, column)))
                    .transpose()?;
                let index = self.facilities.index(id, id, name);
                let index = index.map_err(|text| Refusal(RefusedReason::Facility, text))?;
                self.note(index, sample, places);
                Ok(vec![(index, sample)])
            }
            FormColumns::Wide(columns) => {
                let mut samples = Vec::with_capacity(columns.len());
                for (column, facility) in columns {
                    match cell(record, *column) {
                        "" => self.intake.cells_empty += 1,
                        text => match self.sample(record, text) {
                            Ok(sample) => samples.push((*facility, sample)),
                            Err(text) => {
                                self.intake.refuse_cell(RefusedReason::Value, line, text);
                            }
                        },
                    }
                }
                for (facility, sample) in &samples {
                    self.note(*facility, *sample, None);
                }
                Ok(samples)
            }
        }
    }

    fn sample(&self, record: &StringRecord, text: &str) -> Result<Sample, String> {
        let Value {
            quantity,
            scale,
            bad,
            ..
        } = &self.mapping.value;
        let holds = |column: &Option<usize>, wanted: Option<&str>| match (column, wanted) {
            (Some(column), Some(wanted)) => cell(record, *column) == wanted,
            _ => true,
        };
        let sentinel = bad.iter().zip(&self.columns.bad).find(|(rule, column)| {
            let wanted = rule.only.as_ref().map(|(_, wanted)| wanted.as_str());
            rule.value == text && holds(column, wanted)
        });
        if let Some((rule, _)) = sentinel {
            return Ok(Sample::Bad(*quantity, rule.reason));
        }
        let number = text.parse::<f64>().ok().and_then(Fixed::from_f64);
        let scaled = number
            .and_then(|number| number.micros().checked_mul(*scale))
            .map(Fixed::from_micros)
            .ok_or_else(|| format!("expected a number, found {text:?}"))?;
        PlainValue::Number(scaled)
            .sample(*quantity)
            .map_err(|refusal| refusal.to_string())
    }

    /// Keeps what a row says of a lot's places.
    fn note(&mut self, facility: usize, sample: Sample, places: Option<u32>) {
        let Some(found) = self.facilities.get_mut(facility) else {
            return;
        };
        let value = sample.value().map(huitian_model::Measurement::as_i64);
        found.seen.greatest = found.seen.greatest.max(value);
        if let Some(places) = places {
            *found.seen.stated.entry(places).or_default() += 1;
        }
    }

    fn finish(self, name: &str) -> Result<Series, ConfigFault> {
        let capacities = self.facilities.capacities(self.mapping)?;
        let (inventory, channels) = self.facilities.inventory(self.mapping, &capacities)?;
        let mut series = Series {
            inventory,
            channels,
            rows: self.rows,
            intake: self.intake,
            readings: self.readings,
        };
        let decided = capacities.iter().flatten();
        series.intake.other_capacity = decided.map(|it| it.disagreeing).sum();
        series.refuse_far_away();
        let places: Vec<Option<u32>> = capacities.iter().map(|it| it.map(|it| it.places)).collect();
        series.count(&places);
        if series.rows.is_empty() {
            let first = series
                .intake
                .refused
                .values()
                .find_map(|it| it.first.first());
            let why = first.map_or_else(
                || "every row is filtered out, or there is none".to_owned(),
                |(line, text)| format!("line {line}: {text}"),
            );
            return Err(ConfigFault::plain(format!(
                "{name}: no row can be used: {why}"
            )));
        }
        Ok(series)
    }
}

fn cell(record: &StringRecord, column: usize) -> &str {
    record.get(column).unwrap_or_default()
}

fn places(text: &str) -> Result<u32, Refusal> {
    let found = text.parse().ok().filter(|places| *places > 0);
    found.ok_or_else(|| {
        let text = format!("expected a number of places, found {text:?}");
        Refusal(RefusedReason::Capacity, text)
    })
}
