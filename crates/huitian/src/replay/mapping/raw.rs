//! The mapping as it is written: unknown keys refused, every fault with its place.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use huitian_model::{
    BadReason, Bilingual, ChannelName, Quantity, Site, SiteId, Stream, zone_is_known,
};
use jiff::tz::TimeZone;
use serde::Deserialize;
use toml::Spanned;

use super::capacity::Places;
use super::catalogue::Catalogue;
use super::{
    BadRule, Bins, Capacity, Column, Form, Instants, Mapping, Text, TimeColumn, Value, slug,
};
use crate::config::ConfigFault;
use huitian_settings::Span;

/// Most places of a lot, as the inventory permits.
const PLACES_MAX: u32 = 100_000;
/// Scales that are of use: thousandths to percent at one end, whole dozens at the other.
const SCALE: std::ops::RangeInclusive<i64> = 1..=1_000;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Raw {
    site: RawSite,
    #[serde(default)]
    file: RawFile,
    time: RawTime,
    value: RawValue,
    long: Option<RawLong>,
    wide: Option<Spanned<RawWide>>,
    capacity: Option<Spanned<RawCapacity>>,
    bin: Option<Spanned<RawBin>>,
    catalogue: Option<RawCatalogue>,
    #[serde(default)]
    names: BTreeMap<String, Bilingual>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawSite {
    id: SiteId,
    name: Bilingual,
    subdistrict: Option<Bilingual>,
    #[serde(default)]
    company: String,
    zone: Spanned<String>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
struct RawFile {
    delimiter: Option<Spanned<String>>,
    keep: Option<RawKeep>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawKeep {
    column: Spanned<String>,
    is: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawTime {
    at: RawInstant,
    received_at: Option<RawInstant>,
    zone: Option<Spanned<String>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawInstant {
    column: Spanned<String>,
    format: Spanned<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawValue {
    quantity: Spanned<String>,
    scale: Option<Spanned<i64>>,
    expected_every: Spanned<Span>,
    valid_for: Option<Spanned<Span>>,
    #[serde(default)]
    bad: Vec<RawBad>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawBad {
    value: String,
    column: Option<Spanned<String>>,
    is: Option<String>,
    reason: Option<Spanned<String>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawLong {
    id: Spanned<String>,
    name: Option<Spanned<String>>,
    value: Spanned<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawWide {
    columns: Vec<Spanned<String>>,
    prefix: Option<Spanned<String>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawCapacity {
    column: Option<Spanned<String>>,
    places: Option<Spanned<u32>>,
    #[serde(default)]
    greatest_seen: bool,
    #[serde(default)]
    of: BTreeMap<String, Spanned<u32>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawBin {
    stream: Stream,
    #[serde(default)]
    streams: Vec<RawStream>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawStream {
    name_contains: String,
    stream: Stream,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawCatalogue {
    file: PathBuf,
    id: Spanned<String>,
    name: Spanned<String>,
    capacity: Option<Spanned<String>>,
}

type Fallible<T> = Result<T, ConfigFault>;

/// Reads a mapping's text; what it says of a catalogue comes beside it.
pub fn read(text: &Text) -> Fallible<(Mapping, Option<Catalogue>)> {
    let raw: Raw = toml::from_str(&text.text).map_err(|error| {
        let name = text.path.display().to_string();
        ConfigFault::at(&name, &text.text, error.span(), error.message().to_owned())
    })?;
    let value = raw.value.check(text)?;
    let is_lot = value.quantity != Quantity::Fill;
    let zone = raw.time.zone.as_ref().unwrap_or(&raw.site.zone);
    let zone = time_zone(text, zone)?;
    let form = form(text, raw.long, raw.wide)?;
    let mapping = Mapping {
        delimiter: raw.file.delimiter(text)?,
        keep: raw.file.keep.map(|keep| (column(keep.column), keep.is)),
        time: Instants {
            at: raw.time.at.check(text)?,
            received_at: raw.time.received_at.map(|it| it.check(text)).transpose()?,
            zone,
        },
        capacity: capacity(text, raw.capacity, is_lot, &form)?,
        bins: bins(text, raw.bin, is_lot)?,
        form,
        value,
        site: raw.site.check(text)?,
        names: raw.names,
        text: text.clone(),
    };
    let catalogue = raw.catalogue.map(|catalogue| Catalogue {
        file: catalogue.file,
        id: column(catalogue.id),
        name: column(catalogue.name),
        capacity: catalogue.capacity.map(column),
    });
    Ok((mapping, catalogue))
}

fn column(name: Spanned<String>) -> Column {
    Column {
        span: name.span(),
        name: name.into_inner(),
    }
}

fn time_zone(text: &Text, zone: &Spanned<String>) -> Fallible<TimeZone> {
    TimeZone::get(zone.get_ref()).map_err(|_unknown| {
        let message = format!(
            "expected an IANA time zone such as Europe/London, found {:?}",
            zone.get_ref()
        );
        text.fault(zone.span(), message)
    })
}

impl RawSite {
    fn check(self, text: &Text) -> Fallible<Site> {
        if !zone_is_known(self.zone.get_ref()) {
            time_zone(text, &self.zone)?;
        }
        Ok(Site {
            subdistrict: self.subdistrict.unwrap_or_else(|| self.name.clone()),
            id: self.id,
            name: self.name,
            company: self.company,
            zone: self.zone.into_inner(),
            facilities: BTreeMap::new(),
        })
    }
}

impl RawFile {
    fn delimiter(&self, text: &Text) -> Fallible<u8> {
        let Some(delimiter) = &self.delimiter else {
            return Ok(b',');
        };
        match delimiter.get_ref().as_bytes() {
            [one] => Ok(*one),
            _ => Err(text.fault(
                delimiter.span(),
                format!(
                    "expected one ASCII character between cells, found {:?}",
                    delimiter.get_ref()
                ),
            )),
        }
    }
}

impl RawInstant {
    fn check(self, text: &Text) -> Fallible<TimeColumn> {
        let Self {
            column: name,
            format,
        } = self;
        TimeColumn::new(column(name), format.get_ref())
            .map_err(|message| text.fault(format.span(), message))
    }
}

impl RawValue {
    fn check(self, text: &Text) -> Fallible<Value> {
        let named = self.quantity.get_ref();
        let quantity = Quantity::from_name(named).filter(|quantity| {
            [Quantity::InUse, Quantity::FreePlaces, Quantity::Fill].contains(quantity)
        });
        let quantity = quantity.ok_or_else(|| {
            let message = format!("expected in_use, free_places or fill, found {named:?}");
            text.fault(self.quantity.span(), message)
        })?;
        let scale = self.scale.as_ref().map_or(1, |scale| *scale.get_ref());
        if let Some(written) = self.scale.as_ref().filter(|_| !SCALE.contains(&scale)) {
            let message = format!("expected a scale of 1 to 1000, found {scale}");
            return Err(text.fault(written.span(), message));
        }
        let channel = slug(quantity.name())
            .and_then(|slug| ChannelName::new(slug.as_str()))
            .map_err(|error| text.fault(self.quantity.span(), error.to_string()))?;
        Ok(Value {
            quantity,
            channel,
            scale,
            bad: self
                .bad
                .into_iter()
                .map(|bad| bad.check(text))
                .collect::<Fallible<_>>()?,
            expected_every_ms: within(text, &self.expected_every, "expected_every", 31)?,
            valid_for_ms: self
                .valid_for
                .map(|span| within(text, &span, "valid_for", 90))
                .transpose()?,
        })
    }
}

/// A span of 1 s to so many days, as the inventory permits.
fn within(text: &Text, span: &Spanned<Span>, key: &str, days: i64) -> Fallible<i64> {
    let ms = span.get_ref().0;
    if (1_000..=days * 86_400_000).contains(&ms) {
        return Ok(ms);
    }
    let found = span.get_ref();
    Err(text.fault(
        span.span(),
        format!("{key} must be 1s to {days}d, found {found}"),
    ))
}

impl RawBad {
    fn check(self, text: &Text) -> Fallible<BadRule> {
        let only = match (self.column, self.is) {
            (Some(name), Some(is)) => Some((column(name), is)),
            (None, None) => None,
            (Some(name), None) => {
                return Err(text.fault(name.span(), "a column needs the `is` it must hold"));
            }
            (None, Some(is)) => {
                let message = format!("is = {is:?} needs the column that must hold it");
                return Err(ConfigFault::plain(message));
            }
        };
        let reason = match &self.reason {
            None => BadReason::OutOfRange,
            Some(name) => {
                reason_named(name.get_ref()).map_err(|message| text.fault(name.span(), message))?
            }
        };
        Ok(BadRule {
            value: self.value,
            only,
            reason,
        })
    }
}

fn reason_named(name: &str) -> Result<BadReason, String> {
    let all = [
        BadReason::NoEcho,
        BadReason::OutOfRange,
        BadReason::LidOpen,
        BadReason::Tilted,
        BadReason::DeviceFault,
    ];
    all.into_iter().find(|it| it.name() == name).ok_or_else(|| {
        let known = all.map(BadReason::name).join(", ");
        format!("expected a reason of {known}, found {name:?}")
    })
}

fn form(text: &Text, long: Option<RawLong>, wide: Option<Spanned<RawWide>>) -> Fallible<Form> {
    match (long, wide) {
        (Some(long), None) => {
            let id = column(long.id);
            Ok(Form::Long {
                name: long.name.map_or_else(|| id.clone(), column),
                id,
                value: column(long.value),
            })
        }
        (None, Some(wide)) => wide_form(text, wide),
        (Some(_), Some(wide)) => {
            Err(text.fault(wide.span(), "a series is [long] or [wide], not both"))
        }
        (None, None) => Err(text.fault(
            0..0,
            "expected [long] (one row = one facility) or [wide] (one column = one facility)",
        )),
    }
}

fn wide_form(text: &Text, wide: Spanned<RawWide>) -> Fallible<Form> {
    let span = wide.span();
    let RawWide { columns, prefix } = wide.into_inner();
    if let Some(prefix) = &prefix {
        slug(prefix.get_ref()).map_err(|error| text.fault(prefix.span(), error.to_string()))?;
    }
    let prefix = prefix.map(Spanned::into_inner);
    let mut seen = BTreeSet::new();
    for written in &columns {
        let id = wide_id(prefix.as_deref(), written.get_ref())
            .map_err(|error| text.fault(written.span(), error))?;
        if !seen.insert(id.clone()) {
            let message = format!("another column already has the id {id:?}");
            return Err(text.fault(written.span(), message));
        }
    }
    if columns.is_empty() {
        return Err(text.fault(span, "expected at least one column"));
    }
    Ok(Form::Wide {
        columns: columns.into_iter().map(column).collect(),
        prefix,
    })
}

/// The facility's id of a column of a wide series.
pub fn wide_id(prefix: Option<&str>, column: &str) -> Result<String, String> {
    let whole = prefix.map_or_else(|| column.to_owned(), |prefix| format!("{prefix} {column}"));
    slug(&whole)
        .map(|slug| slug.as_str().to_owned())
        .map_err(|error| error.to_string())
}

fn capacity(
    text: &Text,
    raw: Option<Spanned<RawCapacity>>,
    is_lot: bool,
    form: &Form,
) -> Fallible<Option<Capacity>> {
    let Some(raw) = raw else {
        return if is_lot {
            Err(text.fault(0..0, "lots need [capacity]: how many places they have"))
        } else {
            Ok(None)
        };
    };
    let span = raw.span();
    if !is_lot {
        return Err(text.fault(span, "bins have no [capacity]"));
    }
    let raw = raw.into_inner();
    for places in raw.of.values().chain(&raw.places) {
        if !(1..=PLACES_MAX).contains(places.get_ref()) {
            let found = places.get_ref();
            let message = format!("expected 1 to {PLACES_MAX} places, found {found}");
            return Err(text.fault(places.span(), message));
        }
    }
    let places = match (raw.column, raw.places, raw.greatest_seen) {
        (Some(name), None, false) => {
            if matches!(form, Form::Wide { .. }) {
                return Err(text.fault(name.span(), "a wide series has no column of capacities"));
            }
            Places::Column(column(name))
        }
        (None, Some(places), false) => Places::Constant(places.into_inner()),
        (None, None, true) => Places::GreatestSeen,
        (None, None, false) => Places::Stated,
        _ => {
            let message = "expected one of column, places and greatest_seen";
            return Err(text.fault(span, message));
        }
    };
    let of = raw.of.into_iter();
    Ok(Some(Capacity {
        places,
        of: of.map(|(id, places)| (id, places.into_inner())).collect(),
        span,
    }))
}

fn bins(text: &Text, raw: Option<Spanned<RawBin>>, is_lot: bool) -> Fallible<Option<Bins>> {
    match (raw, is_lot) {
        (None, true) => Ok(None),
        (None, false) => Err(text.fault(0..0, "bins need [bin]: what they take in")),
        (Some(raw), true) => Err(text.fault(raw.span(), "[bin] is for quantity = \"fill\"")),
        (Some(raw), false) => {
            let raw = raw.into_inner();
            let streams = raw.streams.into_iter();
            Ok(Some(Bins {
                streams: streams.map(|it| (it.name_contains, it.stream)).collect(),
                otherwise: raw.stream,
            }))
        }
    }
}
