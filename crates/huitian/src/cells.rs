//! The cells of an explained value, the same in the terminal and on the pages.

use std::ops::Range;

use huitian_codec::ExplanationRow;

/// `3`, or `3-4`: the first byte is 0, the last is inside; empty for what has no bytes.
pub fn places(row: &ExplanationRow) -> String {
    let bytes = row.bytes.as_ref();
    bytes.map_or(String::new(), |it| span(it.start, it.end))
}

/// `0-6`: the lowest bit is 0, the last is inside; empty where all count.
pub fn bits(row: &ExplanationRow) -> String {
    let Some(Range { start, end }) = row.bits else {
        return String::new();
    };
    span(start, end)
}

/// The field, within its group; none where nothing reads the bytes.
pub fn field(row: &ExplanationRow) -> Option<String> {
    match &row.group {
        _ if row.field.is_empty() => None,
        Some((group, number)) => Some(format!("{group}[{number}].{}", row.field)),
        None => Some(row.field.clone()),
    }
}

fn span<N>(start: N, end: N) -> String
where
    N: Copy + PartialOrd + std::fmt::Display + std::ops::Sub<Output = N> + From<u8>,
{
    let last = if end > start { end - N::from(1) } else { start };
    if last > start {
        format!("{start}-{last}")
    } else {
        start.to_string()
    }
}
