//! Checks and services for the people who build Huitian: `cargo xtask <task>`.
//!
//! Terms: a *task* is one word on the command line; *tidy* is every rule of the repository that
//! the compiler and clippy cannot see; a *service* is a foreign program that tests speak to.
//! This crate is *not* part of the product: no crate of ours may depend on it.

mod command;
mod fuzz;
mod repository;
mod say;
mod services;
mod settings;
mod task;
mod tidy;

use std::process::ExitCode;

use task::Task;

/// The usual code for a command line that could not be understood.
const EXIT_USAGE: u8 = 2;

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let task = match Task::parse(&words) {
        Ok(task) => task,
        Err(problem) => {
            say::problem(&format!("{problem}\n\n{}", task::HELP));
            return ExitCode::from(EXIT_USAGE);
        }
    };
    match task.run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            say::problem(&format!("cargo xtask {}: {problem}", task.word()));
            ExitCode::FAILURE
        }
    }
}
