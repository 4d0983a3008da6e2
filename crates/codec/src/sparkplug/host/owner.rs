//! The metrics that one birth named: an edge node's own, or one of its devices'.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use huitian_model::UtcMs;

use crate::named::{Named, NamedMessage, NamedValue};
use crate::refusal::{Refusal, RefusalReason, quoted};
use crate::sparkplug::payload::{BD_SEQ, Metric, Payload};
use crate::sparkplug::value::value;

/// What a metric costs beside its name, bytes: its places in two ordered maps.
pub(super) const METRIC_BYTES: usize = 128;

/// Refusals of single metrics that are told of one message; the rest is of the same kind.
const REFUSED_MAX: usize = 16;

/// Names and aliases that data may use.
#[derive(Debug, Default)]
pub(super) struct Owner {
    /// Names with their datatypes.
    names: BTreeMap<Arc<str>, u32>,
    aliases: BTreeMap<u64, Arc<str>>,
    bytes: usize,
}

/// Metrics in a row of the same time: that, whether they are historical, and their values.
type Run = (Option<UtcMs>, bool, Vec<(String, NamedValue)>);

/// What a message led to beside its records.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Reading {
    /// A metric is none that the birth named.
    pub(super) is_strange: bool,
    /// The newest time of its metrics.
    pub(super) last_at: Option<UtcMs>,
}

impl Owner {
    /// What a birth names, and what is wrong with it.
    pub(super) fn born(payload: &Payload) -> (Self, Vec<Refusal>) {
        let (mut owner, mut faults) = (Self::default(), Vec::new());
        let (mut lower, mut doubled) = (BTreeSet::new(), BTreeSet::new());
        for metric in &payload.metrics {
            let Some(name) = &metric.name else {
                let text = "a metric of a birth: expected a name, found none";
                faults.push(Refusal::new(RefusalReason::MissingField, text));
                continue;
            };
            let name: Arc<str> = Arc::from(name.as_str());
            let is_new = !owner.names.contains_key(&name);
            if is_new && !lower.insert(name.to_lowercase()) {
                let text = format!(
                    "metric {} differs in case alone from another",
                    quoted(&name)
                );
                faults.push(Refusal::new(RefusalReason::DuplicateKey, text));
            }
            owner.bytes = owner.bytes.saturating_add(name.len() + METRIC_BYTES);
            owner
                .names
                .insert(Arc::clone(&name), metric.datatype.unwrap_or(0));
            if let Some(alias) = metric.alias
                && let Some(other) = owner.aliases.insert(alias, Arc::clone(&name))
                && other != name
            {
                doubled.insert(alias);
            }
        }
        for alias in doubled {
            // Which of the two is meant cannot be known: neither is.
            owner.aliases.remove(&alias);
            let text = format!("alias {alias} stands for two metrics");
            faults.push(Refusal::new(RefusalReason::DuplicateKey, text));
        }
        faults.truncate(REFUSED_MAX);
        (owner, faults)
    }

    pub(super) const fn bytes(&self) -> usize {
        self.bytes
    }

    /// Whether data with this alias would mean one of these metrics.
    pub(super) fn shares_alias(&self, other: &Self) -> Option<u64> {
        let aliases = other.aliases.keys();
        aliases
            .copied()
            .find(|alias| self.aliases.contains_key(alias))
    }

    fn resolve(&self, metric: &Metric) -> Option<(Arc<str>, u32)> {
        let name = match (&metric.name, metric.alias) {
            (Some(name), _) => self.names.get_key_value(name.as_str())?.0,
            (None, Some(alias)) => self.aliases.get(&alias)?,
            (None, None) => return None,
        };
        let datatype = self.names.get(name).copied().unwrap_or(0);
        let datatype = metric.datatype.unwrap_or(datatype);
        Some((Arc::clone(name), datatype))
    }

    /// The records of a message: one for each run of metrics of the same time.
    pub(super) fn read(&self, address: &str, payload: &Payload, to: &mut NamedMessage) -> Reading {
        let mut reading = Reading::default();
        let mut run: Option<Run> = None;
        let mut faults = Vec::new();
        for metric in &payload.metrics {
            let Some((name, datatype)) = self.resolve(metric) else {
                reading.is_strange = true;
                faults.push(strange(metric));
                continue;
            };
            if is_control(&name) {
                continue;
            }
            let value = match value(metric, datatype) {
                Ok(Some(value)) => value,
                Ok(None) => continue,
                Err(refusal) => {
                    faults.push(refusal.at(&quoted(&name)));
                    // That it said something else than before is known, what it said is not.
                    NamedValue::Missing
                }
            };
            let at = metric.at.or(payload.at);
            reading.last_at = reading.last_at.max(at);
            let value = (name.to_string(), value);
            match &mut run {
                Some((same, is_historical, values))
                    if *same == at && *is_historical == metric.is_historical =>
                {
                    values.push(value);
                }
                _ => {
                    // A message's number is its node's and starts anew every 256 messages: it
                    // names no reading.
                    let former = run.replace((at, metric.is_historical, vec![value]));
                    to.records
                        .extend(former.map(|run| Named::said(address, run.0, run.2)));
                }
            }
        }
        to.records
            .extend(run.map(|run| Named::said(address, run.0, run.2)));
        faults.truncate(REFUSED_MAX);
        to.refused.extend(faults);
        reading
    }

    /// The names that another birth does not name any more, or all.
    pub(super) fn gone<'a>(&'a self, next: Option<&'a Self>) -> Vec<(String, NamedValue)> {
        let names = self.names.keys().filter(|name| !is_control(name));
        let gone = names.filter(|name| next.is_none_or(|next| !next.names.contains_key(*name)));
        gone.map(|name| (name.to_string(), NamedValue::Missing))
            .collect()
    }
}

/// Whether a metric is the session's own and says nothing about the world.
fn is_control(name: &str) -> bool {
    name == BD_SEQ || name.starts_with("Node Control/") || name.starts_with("Device Control/")
}

fn strange(metric: &Metric) -> Refusal {
    let text = match (&metric.name, metric.alias) {
        (Some(name), _) => format!("metric {} was in no birth", quoted(name)),
        (None, Some(alias)) => format!("alias {alias} was in no birth"),
        (None, None) => "a metric: expected a name or an alias, found neither".to_owned(),
    };
    Refusal::new(RefusalReason::UnknownChannel, text)
}
