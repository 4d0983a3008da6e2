//! The parameters of a request, each checked and refused by name with what is permitted.

use axum::extract::{FromRequestParts, Query};
use axum::http::request::Parts;
use huitian_model::{FacilityId, SiteId, UtcMs};
use huitian_report::Span;
use jiff::Timestamp;

use crate::problem::Problem;

/// Longest span of one question, ms: five years, as long as results are kept.
const SPAN_MAX_MS: i64 = 5 * 366 * 86_400_000;

/// The query of a request.
#[derive(Debug, Clone, Default)]
pub(crate) struct Params(Vec<(String, String)>);

impl<S: Send + Sync> FromRequestParts<S> for Params {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let query = Query::<Vec<(String, String)>>::from_request_parts(parts, state).await;
        query
            .map(|Query(pairs)| Self(pairs))
            .map_err(|error| Problem::parameter("query", &error.to_string(), "a=b&c=d in UTF-8"))
    }
}

impl Params {
    /// The value of a parameter; none where it is absent or empty.
    pub fn get(&self, name: &str) -> Option<&str> {
        let found = self.0.iter().find(|(key, _)| key == name);
        found
            .map(|(_, value)| value.as_str())
            .filter(|it| !it.is_empty())
    }

    /// All values of a parameter.
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        let of_name = self.0.iter().filter(move |(key, _)| key == name);
        of_name.map(|(_, value)| value.as_str())
    }

    /// Refuses parameters that this path does not know, and any that is named twice.
    pub fn only(&self, known: &[&str]) -> Result<(), Problem> {
        for (index, (name, value)) in self.0.iter().enumerate() {
            if name != "lang" && !known.contains(&name.as_str()) {
                let list = known.join(", ");
                let permitted = if known.is_empty() {
                    "no parameters".to_owned()
                } else {
                    format!("only {list}")
                };
                return Err(Problem::parameter(name, value, &permitted));
            }
            if self
                .0
                .iter()
                .skip(index + 1)
                .any(|(other, _)| other == name)
            {
                return Err(Problem::parameter(name, value, "the parameter once"));
            }
        }
        Ok(())
    }

    /// One of some names, or `default`.
    pub fn one_of<'a>(
        &self,
        name: &str,
        from: &[&'a str],
        default: &'a str,
    ) -> Result<&'a str, Problem> {
        let Some(found) = self.get(name) else {
            return Ok(default);
        };
        let known = from.iter().copied().find(|it| *it == found);
        known.ok_or_else(|| Problem::parameter(name, found, &from.join(", ")))
    }

    /// A whole number within `1..=max`, or `default`.
    pub fn count(&self, name: &str, max: usize, default: usize) -> Result<usize, Problem> {
        let Some(found) = self.get(name) else {
            return Ok(default);
        };
        let number = found.parse().ok().filter(|n| (1..=max).contains(n));
        number.ok_or_else(|| Problem::parameter(name, found, &format!("1 to {max}")))
    }

    /// A site id.
    pub fn site(&self) -> Result<Option<SiteId>, Problem> {
        let Some(found) = self.get("site") else {
            return Ok(None);
        };
        SiteId::new(found)
            .map(Some)
            .map_err(|error| Problem::parameter("site", found, &error.to_string()))
    }

    /// A facility id.
    pub fn facility(&self) -> Result<Option<FacilityId>, Problem> {
        let Some(found) = self.get("facility") else {
            return Ok(None);
        };
        FacilityId::new(found)
            .map(Some)
            .map_err(|error| Problem::parameter("facility", found, &error.to_string()))
    }

    /// `from` and `to`; without them the last `default_ms` before `now`.
    pub fn span(&self, now: UtcMs, default_ms: i64) -> Result<Span, Problem> {
        let to = self.instant("to")?.unwrap_or(now);
        let from = self.instant("from")?.unwrap_or(to.minus(default_ms));
        let length = to.since(from);
        if length <= 0 || length > SPAN_MAX_MS {
            let found = format!("{from} to {to}");
            let permitted = "a span of more than 0 and at most 5 years, from before to";
            return Err(Problem::parameter("from", &found, permitted));
        }
        Ok(Span { from, to })
    }

    /// An instant: RFC 3339, or ms since 1970.
    pub fn instant(&self, name: &str) -> Result<Option<UtcMs>, Problem> {
        // 1970 to 9999: what both forms can say.
        const MS_MAX: i64 = 253_402_300_799_999;
        let Some(found) = self.get(name) else {
            return Ok(None);
        };
        let ms = found.parse().ok().or_else(|| {
            let instant: Timestamp = found.replace(' ', "+").parse().ok()?;
            Some(instant.as_millisecond())
        });
        let permitted = "RFC 3339 such as 2026-11-23T16:00:00+08:00, or ms since 1970, \
                         1970 to 9999";
        ms.filter(|ms| (0..=MS_MAX).contains(ms))
            .map(|ms| Some(UtcMs(ms)))
            .ok_or_else(|| Problem::parameter(name, found, permitted))
    }
}
