//! Settings as people write them, for every program of ours.
//!
//! - [`ConfigFault`]: what is wrong in a file, with the place underlined (exit code 78).
//! - [`Span`], [`Percent`], [`Bytes`]: values with their unit and range.
//! - [`Secret`]: files that only their owner can read.
//! - [`inventory`]: the five CSV files.
//!
//! What it is not: the settings of any one program; those stand with the program.

mod fault;
pub mod inventory;
mod secret;
mod values;

pub use fault::ConfigFault;
pub use secret::{Secret, read_secret};
pub use values::{Bytes, Percent, Span};
