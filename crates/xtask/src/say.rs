//! What the tool says to the person who runs it.

use std::io::{self, Write as _};

/// One line on standard output.
pub fn line(text: &str) {
    // A reader that went away (`| head`) is no reason to stop building.
    if writeln!(io::stdout().lock(), "{text}").is_err() {}
}

/// A problem, on standard error.
pub fn problem(text: &str) {
    if writeln!(io::stderr().lock(), "{text}").is_err() {}
}
