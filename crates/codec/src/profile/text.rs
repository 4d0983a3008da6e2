//! Patterns of ASCII payloads: fixed text with parts between, such as `(U{volt}T{temp})`.
//!
//! A part ends where the fixed text behind it first stands, so reading never goes back.

/// Parts of a pattern; a radio payload of 255 bytes holds few more numbers.
const PARTS_MAX: usize = 32;
/// Characters of a part: 18 digits, sign and point are 20.
const PART_CHARS_MAX: usize = 32;

/// A pattern, checked.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Pattern {
    /// As it is written.
    pub text: String,
    /// What stands before the first part.
    before: String,
    /// Each part's name and the fixed text behind it.
    parts: Vec<(String, String)>,
}

impl Pattern {
    /// Reads a pattern.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        if !text.is_ascii() {
            return Err("expected a pattern of ASCII characters".to_owned());
        }
        let mut pieces = text.split('{');
        let before = pieces.next().unwrap_or("").to_owned();
        let mut parts: Vec<(String, String)> = Vec::new();
        for piece in pieces {
            let Some((name, behind)) = piece.split_once('}') else {
                return Err("expected } behind the name of a part".to_owned());
            };
            if name.is_empty() || parts.iter().any(|(known, _)| known == name) {
                return Err(format!(
                    "expected a name for each part, once, found {name:?}"
                ));
            }
            if parts.last().is_some_and(|(_, behind)| behind.is_empty()) {
                return Err(format!("expected a character before {{{name}}}"));
            }
            parts.push((name.to_owned(), behind.to_owned()));
        }
        if parts.is_empty() || parts.len() > PARTS_MAX {
            return Err(format!("expected 1 to {PARTS_MAX} parts such as {{name}}"));
        }
        Ok(Self {
            text: text.to_owned(),
            before,
            parts,
        })
    }

    /// The index of a part.
    pub(super) fn index(&self, name: &str) -> Option<usize> {
        self.parts.iter().position(|(known, _)| known == name)
    }

    /// The names of all parts.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.parts.iter().map(|(name, _)| name.as_str())
    }

    /// The parts of a payload with their places; none where it is not of this pattern.
    pub(super) fn captures<'a>(&self, bytes: &'a [u8]) -> Option<Vec<(usize, &'a str)>> {
        let text = std::str::from_utf8(bytes)
            .ok()
            .filter(|text| text.is_ascii())?;
        let mut at = self.before.len();
        let mut rest = text.strip_prefix(self.before.as_str())?;
        let mut found = Vec::with_capacity(self.parts.len());
        for (_name, behind) in &self.parts {
            let (part, next) = if behind.is_empty() {
                (rest, "")
            } else {
                rest.split_once(behind.as_str())?
            };
            if part.len() > PART_CHARS_MAX {
                return None;
            }
            found.push((at, part));
            at += part.len() + behind.len();
            rest = next;
        }
        rest.is_empty().then_some(found)
    }
}
