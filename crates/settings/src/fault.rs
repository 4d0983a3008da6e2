//! What is wrong in a configuration, with the place underlined.

use std::path::Path;

use miette::{Diagnostic, NamedSource, SourceSpan};

/// One fault of one file. Exit code 78.
#[derive(Debug, thiserror::Error, Diagnostic)]
#[error("{message}")]
pub struct ConfigFault {
    /// What was expected and what was found.
    message: String,
    #[source_code]
    source_code: Option<NamedSource<String>>,
    #[label("here")]
    span: Option<SourceSpan>,
    #[help]
    help: Option<String>,
}

impl ConfigFault {
    /// A fault without a place in a text.
    pub fn plain(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            source_code: None,
            span: None,
            help: None,
        }
    }

    /// A fault at a span (bytes) of a text.
    pub fn at(
        name: &str,
        text: &str,
        span: Option<std::ops::Range<usize>>,
        message: impl Into<String>,
    ) -> Self {
        Self {
            message: format!("{name}: {}", message.into()),
            source_code: Some(NamedSource::new(name, text.to_owned())),
            span: span.map(SourceSpan::from),
            help: None,
        }
    }

    /// A file that cannot be read.
    pub fn unreadable(path: &Path, error: &std::io::Error) -> Self {
        Self::plain(format!("cannot read {}: {error}", path.display()))
    }

    /// Adds what to do about it.
    #[must_use]
    pub fn with_help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }
}
