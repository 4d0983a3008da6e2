//! `device explain`: one message, value by value, to be checked against the data sheet.

use std::path::Path;

use huitian_codec::{Explanation, ExplanationRow};
use serde_json::{Value, json};

use super::{input, shelf};
use crate::cells::{bits, field, places};
use crate::cli::ExplainArgs;
use crate::table::{row, table};
use crate::{Failure, say};

/// Explains what was typed.
///
/// # Errors
/// [`Failure`]: no such profile, or no payload. What the profile refuses is told, exit code 1.
pub fn run(args: &ExplainArgs, folder: Option<&Path>) -> Result<(), Failure> {
    let (_, profile) = shelf::find(&args.profile, folder)?;
    let explanation = if let Some(values) = &args.values {
        profile.explain_named(&input::named(values).map_err(Failure::Other)?)
    } else {
        let typed = args.payload.join(" ");
        let bytes = input::bytes(&typed, args.base64).map_err(Failure::Other)?;
        profile.explain(args.port, &bytes)
    };
    if args.json {
        say(&as_json(&explanation).to_string())?;
    } else {
        say(&as_text(&explanation))?;
    }
    match explanation.refused {
        None => Ok(()),
        Some(_) => Err(Failure::Other(
            "the profile refuses this payload".to_owned(),
        )),
    }
}

fn as_text(it: &Explanation) -> String {
    let message = it
        .message
        .as_deref()
        .unwrap_or("none that the profile knows");
    let kind = it.kind.map_or("-", huitian_codec::MessageKind::name);
    let mut head = vec![
        row(["profile", &it.profile]),
        row(["message", message]),
        row(["kind", kind]),
    ];
    if let Some(refused) = &it.refused {
        head.push(row(["refused", refused]));
    }
    if let Some(at) = it.device_time {
        head.push(row(["device time", &at.to_string()]));
    }
    let titles = [
        "bytes", "bits", "hex", "field", "raw", "how", "value", "channel", "sample",
    ];
    let mut rows = vec![row(titles)];
    rows.extend(it.rows.iter().map(|row| {
        let field = field(row).unwrap_or_else(|| "(not read)".to_owned());
        let sample = sample(row);
        let (raw, how, value) = (row.raw.clone(), row.rule.clone(), row.value.clone());
        let channel = row.channel.clone().unwrap_or_default();
        vec![
            places(row),
            bits(row),
            row.hex.clone(),
            field,
            raw,
            how,
            value,
            channel,
            sample,
        ]
    }));
    let mut sections = vec![table(&head), table(&rows)];
    if !it.others.is_empty() {
        let mut others = vec![row(["other message", "why not"])];
        others.extend(it.others.iter().map(|it| row([&it.message, &it.why])));
        sections.push(table(&others));
    }
    sections.join("\n\n")
}

fn sample(row: &ExplanationRow) -> String {
    match (&row.sample, &row.at) {
        (Some(sample), Some(at)) => format!("{sample} ({at})"),
        (Some(sample), None) => sample.clone(),
        (None, _) => String::new(),
    }
}

fn as_json(it: &Explanation) -> Value {
    let rows = it.rows.iter().map(|row| {
        json!({
            "bytes": row.bytes.as_ref().map(|it| [it.start, it.end]),
            "bits": row.bits.as_ref().map(|it| [it.start, it.end]),
            "hex": row.hex,
            "field": row.field,
            "group": row.group.as_ref().map(|(name, n)| json!({"name": name, "number": n})),
            "raw": row.raw,
            "how": row.rule,
            "value": row.value,
            "channel": row.channel,
            "sample": row.sample,
            "at": row.at,
        })
    });
    let others = it
        .others
        .iter()
        .map(|it| json!({"message": it.message, "why": it.why}));
    json!({
        "profile": it.profile,
        "message": it.message,
        "kind": it.kind.map(huitian_codec::MessageKind::name),
        "refused": it.refused,
        "device_time": it.device_time.map(|at| at.to_string()),
        "rows": rows.collect::<Vec<_>>(),
        "others": others.collect::<Vec<_>>(),
    })
}
