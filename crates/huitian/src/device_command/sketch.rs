//! `device new`: a profile to begin with, whose vector holds at once.

use std::io::Write;
use std::path::Path;

use huitian_codec::Profile;

use super::shelf;
use crate::cli::{NewArgs, SketchKind};
use crate::config::ConfigFault;
use crate::{Failure, say, tell};

const BITS: &str = include_str!("../../templates/bits.toml");
const TLV: &str = include_str!("../../templates/tlv.toml");
const ASCII: &str = include_str!("../../templates/ascii.toml");
const JSON: &str = include_str!("../../templates/json.toml");

/// The id that every template has.
const TEMPLATE_ID: &str = "my-device";

/// Writes the file, into the folder of profiles where there is one, else here.
///
/// # Errors
/// [`Failure`]: no id, an id that is known, a file that exists.
pub fn run(args: &NewArgs, folder: Option<&Path>) -> Result<(), Failure> {
    let (text, of) = match &args.from {
        Some(name) => {
            let (sheet, profile) = shelf::find(name, folder)?;
            (sheet.text, profile.id().to_owned())
        }
        None => (template(args.kind).to_owned(), TEMPLATE_ID.to_owned()),
    };
    let text = renamed(&text, &of, &args.id);
    let profile = Profile::parse(&text, &args.id)
        .map_err(|error| ConfigFault::at(&args.id, &text, error.span.clone(), error.message))?;
    if profile.id() != args.id {
        let message = format!("could not put the id {:?} into the template", args.id);
        return Err(Failure::Other(message));
    }
    for sheet in shelf::all(folder)? {
        if sheet.draft().is_ok_and(|known| known.id() == args.id) {
            let message = format!("the id {:?} is taken ({})", args.id, sheet.origin());
            return Err(Failure::Other(message));
        }
    }
    let path = folder
        .unwrap_or(Path::new("."))
        .join(format!("{}.toml", args.id));
    let mut file = std::fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .open(&path)
        .map_err(|error| {
            let path = path.display();
            Failure::Other(if error.kind() == std::io::ErrorKind::AlreadyExists {
                format!("{path} exists already and is left as it is")
            } else {
                format!("cannot write {path}: {error}")
            })
        })?;
    file.write_all(text.as_bytes())
        .map_err(|error| Failure::Other(format!("cannot write {}: {error}", path.display())))?;
    let path = path.display();
    tell(&format!("next: edit it, then huitian device test {path}"));
    say(&path.to_string())
}

fn template(kind: SketchKind) -> &'static str {
    match kind {
        SketchKind::Bits => BITS,
        SketchKind::Tlv => TLV,
        SketchKind::Ascii => ASCII,
        SketchKind::Json => JSON,
    }
}

/// The text with another id: on the first line that sets it, before any table.
fn renamed(text: &str, from: &str, to: &str) -> String {
    let mut is_done = false;
    let lines = text.split_inclusive('\n').map(|line| {
        let is_id = line
            .trim_start()
            .strip_prefix("id")
            .is_some_and(|rest| rest.trim_start().starts_with('='));
        if is_done || !is_id {
            return line.to_owned();
        }
        is_done = true;
        line.replacen(&format!("\"{from}\""), &format!("\"{to}\""), 1)
    });
    lines.collect()
}
