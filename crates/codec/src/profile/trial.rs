//! A profile on trial: read without its vectors, and then judged by each of them.
//!
//! [`Profile::parse`] stops at the first fault, as whoever starts a hub wants it. Whoever writes a
//! profile wants to see all of its vectors.

use std::ops::Range;

use super::{PROFILE_BYTES_MAX, Profile, ProfileError, Profiles, build, builtin};

/// One vector of a profile, tried.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Trial {
    /// Its place in the profile's text, bytes.
    pub place: Range<usize>,
    /// What does not hold; none where all does.
    pub fault: Option<String>,
}

impl Profile {
    /// Reads a profile without trying its vectors.
    ///
    /// # Errors
    /// [`ProfileError`] with the place, where the text is no profile.
    pub fn draft(text: &str, name: &str) -> Result<Self, ProfileError> {
        let refuse = |(message, span)| ProfileError {
            profile: name.to_owned(),
            message,
            span,
        };
        if text.len() > PROFILE_BYTES_MAX {
            let found = text.len();
            let message = format!("expected at most {PROFILE_BYTES_MAX} bytes, found {found}");
            return Err(refuse((message, None)));
        }
        let raw = toml::from_str(text)
            .map_err(|error| refuse((error.message().to_owned(), error.span())))?;
        build::profile(raw).map_err(|fault| {
            let build::Fault { message, span } = fault;
            refuse((message, Some(span)))
        })
    }

    /// Tries every vector, in the order of the text.
    pub fn trials(&self) -> impl Iterator<Item = Trial> {
        let vectors = self.vectors.iter();
        vectors.map(|vector| Trial {
            place: vector.span.clone(),
            fault: vector.fault(self),
        })
    }
}

impl Profiles {
    /// The texts of the profiles that come with the program, each with the name of its file.
    pub fn builtin_texts() -> impl Iterator<Item = (&'static str, &'static str)> {
        builtin::BUILTIN.iter().copied()
    }
}
