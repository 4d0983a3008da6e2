//! Profiles tried on a payload: which of them reads it, and what it would say.
//!
//! A profile *fits* where it knows the message, leaves no byte unread, and every value lies within
//! its range. Of several that fit, the one stands first that most changes of the message would have
//! refuted, and then the one that says most: device types of one maker often share records, and
//! the right profile reads more of them. Many messages are short enough for a wrong profile to fit
//! by chance, so a person decides, with the rows at hand (decision 0125).

mod draft;
mod fit;
mod lines;
mod said;

use std::sync::Arc;

use huitian_codec::sparkplug::NAMESPACE;
use huitian_codec::{NamedMessage, Opened, Profiles, Routes, Uplink};
use huitian_console::{Bench, OpenedSample, Sample, Tried, With};
use tokio::sync::watch;

use fit::{Input, Judged};

/// Profiles that are told; of more, the nearest.
const TOLD_MAX: usize = 20;

/// Of those, so many with every row: an operator compares two or three.
const ROWS_MAX: usize = 5;

/// The profiles in force, on which payloads are tried.
pub struct Trials {
    profiles: watch::Receiver<Arc<Profiles>>,
    routes: watch::Receiver<Arc<Routes>>,
}

impl Trials {
    /// Of the profiles and routes in force, which a reload may replace.
    pub const fn new(
        profiles: watch::Receiver<Arc<Profiles>>,
        routes: watch::Receiver<Arc<Routes>>,
    ) -> Self {
        Self { profiles, routes }
    }
}

impl Bench for Trials {
    fn try_on(&self, sample: &Sample, with: &With) -> Result<Tried, String> {
        let profiles = Arc::clone(&self.profiles.borrow());
        let routes = Arc::clone(&self.routes.borrow());
        let (opened, input) = opened(sample, &routes);
        let mut tried = Tried {
            opened,
            ..Tried::default()
        };
        let address = tried.opened.address.clone().unwrap_or_default();
        let own;
        let mut judged: Vec<Judged> = match with {
            With::All => {
                tried.profiles = profiles.ids().count();
                let all = profiles.ids().filter_map(|id| profiles.get(id));
                let judged = all.filter_map(|it| Judged::new(it, input.as_ref()?));
                judged.collect()
            }
            With::Profile(id) => {
                let profile = profiles.get(id).ok_or_else(|| nobody(id, &profiles))?;
                tried.profiles = 1;
                let judged = input.as_ref().and_then(|it| Judged::new(profile, it));
                judged.into_iter().collect()
            }
            With::Draft(text) => {
                let (told, profile) = draft::judge(text);
                tried.draft = Some(told);
                tried.profiles = usize::from(profile.is_some());
                own = profile;
                let judged = own.as_ref().zip(input.as_ref());
                let judged = judged.and_then(|(own, input)| Judged::new(own, input));
                judged.into_iter().collect()
            }
        };
        judged.sort_by_key(Judged::order);
        tried.fitting = judged.iter().filter(|it| it.is_fitting()).count();
        let told = (0..).zip(judged).take(TOLD_MAX);
        tried.fits = told
            .map(|(n, it): (usize, Judged)| it.told(&address, n < ROWS_MAX))
            .collect();
        Ok(tried)
    }

    fn profiles(&self) -> Vec<(String, String)> {
        let profiles = self.profiles.borrow();
        let all = profiles.ids().filter_map(|id| profiles.get(id));
        all.map(|it| (it.id().to_owned(), format!("{} {}", it.vendor(), it.name())))
            .collect()
    }
}

fn nobody(id: &str, profiles: &Profiles) -> String {
    let known = profiles.ids().map(str::to_owned).collect();
    crate::device_command::nobody_knows(id, known)
}

/// What a message is before any profile, and what a profile may read of it.
fn opened(sample: &Sample, routes: &Routes) -> (OpenedSample, Option<Input>) {
    let (topic, payload, address, at) = match sample {
        Sample::Message {
            topic,
            payload,
            address,
            at,
        } => (topic, payload, address.as_deref(), *at),
        Sample::Bytes { bytes, port } => {
            let uplink = (*port, bytes.clone());
            return (of_bytes("bytes", None, &uplink), Some(Input::Bytes(uplink)));
        }
    };
    if topic.split('/').next() == Some(NAMESPACE) {
        return match said::read(address.unwrap_or_default(), payload) {
            Some(named) => of_names(named, address),
            None => (without("refused", said::NEEDS_BIRTH), None),
        };
    }
    match routes.open(topic, payload, at) {
        Ok(Opened::Uplink(uplink)) => {
            let Uplink {
                address,
                f_port,
                bytes,
                ..
            } = uplink;
            let bytes = (f_port, bytes);
            let told = of_bytes("uplink", Some(address), &bytes);
            (told, Some(Input::Bytes(bytes)))
        }
        Ok(Opened::Named(named)) => of_names(named, address),
        Ok(Opened::Plain(plain)) => {
            let told = OpenedSample {
                form: "plain",
                address: Some(plain.device.to_string()),
                note: plain.refused.into_iter().next().map(|it| it.text),
                ..OpenedSample::default()
            };
            (told, None)
        }
        Ok(Opened::NotReadings(kind)) => (without("not_readings", kind), None),
        Err(refusal) => (without("refused", &refusal.text), None),
    }
}

/// A message may speak for many devices: the first record of this one, else of the first.
fn of_names(named: NamedMessage, address: Option<&str>) -> (OpenedSample, Option<Input>) {
    let is_own = |it: &str| address.is_some_and(|own| own.eq_ignore_ascii_case(it));
    let own = named.records.iter().position(|it| is_own(&it.address));
    let record = named.records.into_iter().nth(own.unwrap_or(0));
    let told = OpenedSample {
        form: "values",
        address: record.as_ref().map(|it| it.address.clone()),
        note: named.refused.into_iter().next().map(|it| it.text),
        ..OpenedSample::default()
    };
    (told, record.map(Input::Named))
}

fn of_bytes(
    form: &'static str,
    address: Option<String>,
    (port, bytes): &(Option<u8>, Vec<u8>),
) -> OpenedSample {
    let digits = bytes.iter().map(|byte| format!("{byte:02x}"));
    OpenedSample {
        form,
        address,
        port: *port,
        hex: Some(digits.collect()),
        note: None,
    }
}

fn without(form: &'static str, note: &str) -> OpenedSample {
    OpenedSample {
        form,
        note: Some(note.to_owned()),
        ..OpenedSample::default()
    }
}

#[cfg(test)]
mod named_tests;
#[cfg(test)]
mod tests;
