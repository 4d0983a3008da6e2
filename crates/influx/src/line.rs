//! One point = exactly one line of line protocol, or an error.
//!
//! ```text
//! measurement,tag=value,... field=value,... at_ms \n
//! ```
//!
//! Measurement, tag keys and field keys are names of ours; tag values are ids. Text that would
//! have to be escaped in surprising ways (control characters, a trailing backslash) is refused,
//! as are numbers that InfluxDB cannot hold: escaping is where injected lines come from.
//! Limits by InfluxDB 2: a series key of 65,535 bytes, a string field of 1 MiB.

use huitian_model::UtcMs;

/// Longest name or tag value, bytes: 20 of them stay far below the series key's 65,535.
pub const TEXT_LEN_MAX: usize = 1_024;
/// Longest string field, bytes: a sixteenth of what InfluxDB takes.
pub const STRING_LEN_MAX: usize = 65_536;

/// A field's value.
#[derive(Debug, Clone, PartialEq)]
pub enum Field {
    /// A whole number, written with `i`.
    Integer(i64),
    /// A number; NaN and infinities are refused.
    Float(f64),
    /// Yes or no.
    Boolean(bool),
    /// Text.
    Text(String),
}

/// Why a point is no line.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LineError {
    /// A name or tag value is empty.
    #[error("expected a {0} of 1 to 1024 bytes, found none")]
    Empty(&'static str),
    /// A name, tag value or text is too long.
    #[error("expected a {0} of at most {1} bytes, found {2}")]
    TooLong(&'static str, usize, usize),
    /// A character that no escape makes safe.
    #[error("expected a {0} without control characters or a final backslash, found {1:?}")]
    Character(&'static str, String),
    /// A measurement or tag key that begins with `_` or `#` has a meaning of its own.
    #[error("expected a name that does not begin with '_' or '#', found {0:?}")]
    Reserved(String),
    /// NaN or infinite.
    #[error("expected a finite number in field {0}, found {1}")]
    NotFinite(String, String),
    /// Nothing to write.
    #[error("expected at least one field in measurement {0}")]
    NoFields(String),
    /// A tag or field named twice.
    #[error("{0} is named twice in one point")]
    Twice(String),
}

/// Appends one line, with its end, or nothing at all.
///
/// # Errors
/// [`LineError`]; `out` is as it was before.
pub fn encode(
    out: &mut String,
    measurement: &str,
    tags: &[(&str, &str)],
    fields: &[(&str, Field)],
    at: UtcMs,
) -> Result<(), LineError> {
    let length = out.len();
    let written = write(out, measurement, tags, fields, at);
    if written.is_err() {
        out.truncate(length);
    }
    written
}

fn write(
    out: &mut String,
    measurement: &str,
    tags: &[(&str, &str)],
    fields: &[(&str, Field)],
    at: UtcMs,
) -> Result<(), LineError> {
    name("measurement", measurement)?;
    if fields.is_empty() {
        return Err(LineError::NoFields(measurement.to_owned()));
    }
    let keys = tags
        .iter()
        .map(|(key, _)| *key)
        .chain(fields.iter().map(|(key, _)| *key));
    let mut keys: Vec<&str> = keys.collect();
    keys.sort_unstable();
    if let Some(pair) = keys.windows(2).find(|pair| pair.first() == pair.last()) {
        return Err(LineError::Twice(pair.concat()));
    }
    escape(out, measurement, &[',', ' ']);
    for (key, value) in tags {
        name("tag key", key)?;
        text("tag value", value)?;
        out.push(',');
        escape(out, key, &[',', ' ', '=']);
        out.push('=');
        escape(out, value, &[',', ' ', '=']);
    }
    let mut separator = ' ';
    for (key, value) in fields {
        name("field key", key)?;
        out.push(separator);
        separator = ',';
        escape(out, key, &[',', ' ', '=']);
        out.push('=');
        field(out, key, value)?;
    }
    out.push(' ');
    out.push_str(itoa::Buffer::new().format(at.0));
    out.push('\n');
    Ok(())
}

fn field(out: &mut String, key: &str, value: &Field) -> Result<(), LineError> {
    match value {
        Field::Integer(number) => {
            out.push_str(itoa::Buffer::new().format(*number));
            out.push('i');
        }
        Field::Float(number) if number.is_finite() => out.push_str(&number.to_string()),
        Field::Float(number) => {
            return Err(LineError::NotFinite(key.to_owned(), number.to_string()));
        }
        Field::Boolean(yes) => out.push_str(if *yes { "true" } else { "false" }),
        Field::Text(words) => {
            if words.len() > STRING_LEN_MAX {
                return Err(LineError::TooLong(
                    "string field",
                    STRING_LEN_MAX,
                    words.len(),
                ));
            }
            if words.chars().any(char::is_control) {
                return Err(LineError::Character("string field", cut(words)));
            }
            out.push('"');
            escape(out, words, &['"', '\\']);
            out.push('"');
        }
    }
    Ok(())
}

fn name(what: &'static str, words: &str) -> Result<(), LineError> {
    text(what, words)?;
    if words.starts_with(['_', '#']) {
        return Err(LineError::Reserved(cut(words)));
    }
    Ok(())
}

/// A backslash before `,`, `=`, a space or the end would escape what follows it, so a text of a
/// key or tag may hold none at all.
fn text(what: &'static str, words: &str) -> Result<(), LineError> {
    match words.len() {
        0 => Err(LineError::Empty(what)),
        length if length > TEXT_LEN_MAX => Err(LineError::TooLong(what, TEXT_LEN_MAX, length)),
        _ if words.chars().any(|c| c.is_control() || c == '\\') => {
            Err(LineError::Character(what, cut(words)))
        }
        _ => Ok(()),
    }
}

fn cut(words: &str) -> String {
    words.chars().take(80).collect()
}

fn escape(out: &mut String, words: &str, special: &[char]) {
    for c in words.chars() {
        if special.contains(&c) {
            out.push('\\');
        }
        out.push(c);
    }
}

#[cfg(test)]
mod tests;
