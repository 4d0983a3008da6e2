//! `huitian device`: device profiles, from the first look at a data sheet to the file in the
//! folder; and when the devices of the inventory were last heard.

mod explain;
mod input;
mod listing;
mod shelf;
mod sketch;
mod trial;

pub use shelf::nobody_knows;

use crate::cli::{DeviceArgs, DeviceCommand};
use crate::config::Config;
use crate::{Failure, devices_command};

/// Does what was asked.
///
/// # Errors
/// [`Failure`]: a profile that is wrong (with its place), a payload that cannot be read, a file
/// that exists already, or a profile that nobody knows.
pub fn run(args: &DeviceArgs, config: &Config) -> Result<(), Failure> {
    let folder = args.profiles.as_deref().or(config.profiles.as_deref());
    match &args.command {
        DeviceCommand::Heard(args) => devices_command::run(args, config),
        DeviceCommand::List => listing::list(folder),
        DeviceCommand::Show { profile } => listing::show(profile, folder),
        DeviceCommand::Test { what } => trial::run(what.as_deref(), folder),
        DeviceCommand::New(args) => sketch::run(args, folder),
        DeviceCommand::Explain(args) => explain::run(args, folder),
    }
}
