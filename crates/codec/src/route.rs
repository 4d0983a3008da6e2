//! Routes: which format a topic carries, where the topic's shape does not say it.
//!
//! ```toml
//! [[mqtt.routes]]
//! topic = "loriot/+/up"                        # an MQTT filter
//! format = "loriot"
//!
//! [[mqtt.routes]]
//! topic = "city/+/+/csv"
//! format = "csv"
//! device = { level = 3 }                       # levels count from 1
//! columns = ["time", "distance", "battery"]    # left out: the first row
//! time = { column = "time", unit = "ms" }
//! ```
//!
//! | format | keys beside `topic` and `format` |
//! |---|---|
//! | `loriot`, `ngsi-ld` | none: the message names its devices |
//! | `zigbee2mqtt`, `ultralight`, `senml-json`, `senml-cbor` | `device = { level = N }` |
//! | `tasmota` | `device = { level = N }`, `utc_offset = "+08:00"` |
//! | `json` | `device` (level or `{ path = P }`), `time = { path, unit }`, `sequence`, `records` |
//! | `csv` | `device` (level or `{ column = C }`), `time = { column, unit }`, `sequence`, ... |
//! | `line` | `device = { level = N }` or `{ tag = NAME }`, `time = { unit }`, `with_measurement` |
//!
//! - `sequence` and `records` are paths, in `csv` `sequence` is a column; `csv` takes `columns` and
//!   `delimiter` too.
//! - `unit` is `s`, `ms` or `rfc3339`; in the line protocol `s`, `ms`, `us` or `ns`, the default.
//! - Where `device` is left out, the part of the topic that the first wildcard stands for is the
//!   device: one level for `+`, all that follow for `#`. `SenML` then takes the base name.
//! - The first route that matches decides, at most [`ROUTES_MAX`]; then the topic's shape does.
//! - Topics under `huitian/`, `spBv1.0/` and those that begin with `$` are never routed: what we
//!   say ourselves, and what is read with a state of its own, must not become something else.

use huitian_model::UtcMs;
use serde::Deserialize;

use crate::envelope::csv::{self, Table};
use crate::envelope::line::{self, Lines};
use crate::envelope::mapped::{self, Mapping};
use crate::envelope::senml::{self, Coding};
use crate::envelope::{Opened, check_size, loriot, ngsi, open, tasmota, ultralight, zigbee2mqtt};
use crate::refusal::{Refusal, RefusalReason, quoted};

mod filter;
mod raw;

use filter::Filter;
use raw::RawRoute;

/// Routes that are permitted: each is compared with every message's topic, some 50 ns each.
pub const ROUTES_MAX: usize = 64;

/// Which topics carry which format.
#[derive(Clone, PartialEq, Eq, Debug, Default, Deserialize)]
#[serde(try_from = "Vec<Route>")]
pub struct Routes {
    routes: Vec<Route>,
}

/// One topic filter with the format of what is published there.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[serde(try_from = "RawRoute")]
pub struct Route {
    filter: Filter,
    form: Form,
}

/// A format with what a route says about it.
#[derive(Clone, PartialEq, Eq, Debug)]
enum Form {
    Loriot,
    Tasmota {
        device: Place,
        utc_offset: Option<i32>,
    },
    Zigbee2mqtt(Place),
    UltraLight(Place),
    Json(Option<Place>, Mapping),
    Csv(Option<Place>, Table),
    Line(Option<Place>, Lines),
    Senml(Coding, Option<Place>),
    NgsiLd,
}

/// Where in a topic the device stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Place {
    /// The level of that number, from 0.
    Level(usize),
    /// What the first wildcard of the filter stands for.
    Wildcard,
}

impl TryFrom<Vec<Route>> for Routes {
    type Error = String;

    fn try_from(routes: Vec<Route>) -> Result<Self, String> {
        if routes.len() > ROUTES_MAX {
            let found = routes.len();
            return Err(format!(
                "expected at most {ROUTES_MAX} routes, found {found}"
            ));
        }
        for (index, route) in routes.iter().enumerate() {
            if routes
                .iter()
                .take(index)
                .any(|known| known.filter == route.filter)
            {
                let topic = quoted(route.filter.as_str());
                return Err(format!(
                    "topic {topic} has two routes: the first would always win"
                ));
            }
        }
        Ok(Self { routes })
    }
}

impl Routes {
    /// Reads a message by the first route that matches its topic, else by the topic's shape.
    ///
    /// `received_at` is what times that a format gives relative to now are counted from.
    ///
    /// # Errors
    /// [`Refusal`] where nothing of the message can be used.
    pub fn open(&self, topic: &str, payload: &[u8], received_at: UtcMs) -> Result<Opened, Refusal> {
        let route = self.routes.iter().find(|route| route.filter.matches(topic));
        let Some(route) = route else {
            return open(topic, payload);
        };
        check_size(topic, payload)?;
        route.open(topic, payload, received_at)
    }

    /// The topic filters of all routes that none of these subscriptions takes in: what a session
    /// must ask its broker for besides.
    pub fn topics_beyond<'a>(&'a self, subscribed: &[String]) -> Vec<&'a str> {
        let filters = self.routes.iter().map(|route| &route.filter);
        filters
            .filter(|filter| !subscribed.iter().any(|known| filter.is_within(known)))
            .map(Filter::as_str)
            .collect()
    }

    /// How many there are.
    pub const fn len(&self) -> usize {
        self.routes.len()
    }

    /// Whether there are none.
    pub const fn is_empty(&self) -> bool {
        self.routes.is_empty()
    }
}

impl Route {
    fn open(&self, topic: &str, payload: &[u8], received_at: UtcMs) -> Result<Opened, Refusal> {
        let device = |place: Option<Place>| place.map(|place| self.device(topic, place));
        let last = topic.rsplit('/').next().unwrap_or_default();
        match &self.form {
            Form::Loriot => loriot::open(payload),
            Form::NgsiLd => ngsi::read(payload),
            Form::Tasmota { device, utc_offset } => {
                let device = self.device(topic, *device)?;
                // Where `#` stands for the device and the kind of message behind it.
                let parts = device.rsplit_once('/').filter(|(_, kind)| *kind == last);
                let device = parts.map_or(device, |(device, _kind)| device);
                tasmota::read(device, last, *utc_offset, payload)
            }
            Form::Zigbee2mqtt(place) => zigbee2mqtt::read(self.device(topic, *place)?, payload),
            Form::UltraLight(place) => {
                let device = self.device(topic, *place)?;
                let single = topic.rsplit('/').nth(1) == Some("attrs");
                ultralight::read(device, single.then_some(last), payload)
            }
            Form::Json(place, mapping) => {
                mapped::read(mapping, device(*place).transpose()?, payload)
            }
            Form::Csv(place, table) => csv::read(table, device(*place).transpose()?, payload),
            Form::Line(place, lines) => line::read(lines, device(*place).transpose()?, payload),
            Form::Senml(coding, place) => {
                senml::read(*coding, device(*place).transpose()?, payload, received_at)
            }
        }
    }

    fn device<'a>(&self, topic: &'a str, place: Place) -> Result<&'a str, Refusal> {
        let device = match place {
            Place::Level(index) => topic.split('/').nth(index),
            Place::Wildcard => self.filter.wild(topic),
        };
        device.filter(|device| !device.is_empty()).ok_or_else(|| {
            let text = format!(
                "expected a topic that names the device, found {}",
                quoted(topic)
            );
            Refusal::new(RefusalReason::WrongTopic, text)
        })
    }
}

#[cfg(test)]
mod tests;
