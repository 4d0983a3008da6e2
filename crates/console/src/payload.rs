//! A payload for people: hex, text and indented JSON. Whatever it says is only text, without
//! control characters and without those that turn the direction of what stands beside them.

use serde_json::Value;

use crate::show::hex;

/// Bytes on one line of a hex dump.
const ROW: usize = 16;

/// Characters of indented JSON: a payload of 16 KiB with room for its blanks.
const JSON_CHARS_MAX: usize = 128 * 1024;

/// Sixteen bytes a line, with their place.
pub(crate) fn dump(bytes: &[u8]) -> String {
    let lines = (0_usize..).zip(bytes.chunks(ROW));
    let lines = lines.map(|(n, line)| format!("{:04x}  {}", n * ROW, hex(line.iter(), " ")));
    lines.collect::<Vec<_>>().join("\n")
}

/// As text, where it is text; none else.
pub(crate) fn text(bytes: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(bytes).ok()?;
    Some(calm(text))
}

/// Indented, where it is JSON of a depth that serde reads; none else.
pub(crate) fn json(bytes: &[u8]) -> Option<String> {
    let value: Value = serde_json::from_slice(bytes).ok()?;
    if !value.is_object() && !value.is_array() {
        return None;
    }
    let text = serde_json::to_string_pretty(&value).ok()?;
    Some(calm(&text).chars().take(JSON_CHARS_MAX).collect())
}

/// The beginning of a payload on one line: text where it is text, else hex.
pub(crate) fn short(bytes: &[u8]) -> String {
    const SHOWN: usize = 600;
    // The list has the beginning alone, which may end within a character.
    let is_cut = |error: &std::str::Utf8Error| error.error_len().is_none();
    let text = match std::str::from_utf8(bytes) {
        Ok(text) => Some(text),
        Err(error) if is_cut(&error) => {
            let whole = bytes.get(..error.valid_up_to()).unwrap_or_default();
            std::str::from_utf8(whole)
                .ok()
                .filter(|text| !text.is_empty())
        }
        Err(_no_text) => None,
    };
    match text {
        Some(text) => calm(text).chars().take(SHOWN).collect(),
        None => hex(bytes.iter().take(SHOWN / 3), " "),
    }
}

/// Without what a terminal or a browser would obey: control characters become blanks, and marks
/// of direction and of nothing are left out.
pub(crate) fn calm(text: &str) -> String {
    let is_mark = |c: &char| match *c {
        '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' => true,
        c => matches!(c, '\u{2060}'..='\u{206f}' | '\u{feff}'),
    };
    let shown = text.chars().filter(|c| !is_mark(c));
    shown
        .map(|c| if c.is_control() && c != '\n' { ' ' } else { c })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_payload_is_shown_in_three_ways_and_obeyed_in_none() {
        assert_eq!(
            dump(&[0; 17]),
            format!("0000 {}\n0010  00", " 00".repeat(16))
        );
        assert_eq!(text(b"a\x1b[2J\xe2\x80\xaeb").unwrap(), "a [2Jb");
        assert_eq!(text(&[0xff]), None);
        assert_eq!(
            json(br#"{"a":[1]}"#).unwrap(),
            "{\n  \"a\": [\n    1\n  ]\n}"
        );
        assert_eq!(json(b"12"), None);
        let deep = "[".repeat(10_000);
        assert_eq!(json(deep.as_bytes()), None);
    }

    #[test]
    fn a_text_that_is_cut_within_a_character_is_still_text() {
        let text = "温".repeat(300);
        assert_eq!(short(&text.as_bytes()[..599]), "温".repeat(199));
        assert_eq!(short(&[0xff, 0xfe]), "ff fe");
    }
}
