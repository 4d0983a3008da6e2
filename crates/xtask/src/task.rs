//! The words on the command line and what each one starts.

use crate::command::Run;
use crate::{fuzz, repository, say, services, tidy};

/// What `cargo xtask help` prints.
pub const HELP: &str = "\
usage: cargo xtask <task>

  services   get what the tests need and this machine lacks: mosquitto, chromium, influxd,
             a Python with paho-mqtt, cargo-deny; skips what is there
  tidy       check the rules of the repository that the compiler cannot see
  fuzz       every decoder fed with anything: `cargo xtask fuzz [<target>...] [--seconds <n>]`;
             all targets of crates/fuzz for 45 s each where nothing is said; needs nightly Rust
  ci         everything a change must pass (.ci/run); `cargo xtask ci <step>...` for some
  help       this text

environment:
  HUITIAN_SERVICES_CACHE   where built programs are kept for the next clone
                           (default: $XDG_CACHE_HOME or ~/.cache, then /huitian-services)";

/// One task.
#[derive(Debug, PartialEq, Eq)]
pub enum Task {
    /// Get the programs that tests speak to.
    Services,
    /// Check the repository's own rules.
    Tidy,
    /// Run the continuous-integration script, or the named steps of it.
    Ci(Vec<String>),
    /// Feed the named targets, or all, with anything for so many seconds each.
    Fuzz(Vec<String>, u32),
    /// Print the help.
    Help,
}

impl Task {
    /// Reads the command line; the error says what was expected.
    pub fn parse(words: &[String]) -> Result<Self, String> {
        let Some((word, rest)) = words.split_first() else {
            return Err("a task was expected, nothing came".to_owned());
        };
        let task = match word.as_str() {
            "services" => Self::Services,
            "tidy" => Self::Tidy,
            "ci" => return Ok(Self::Ci(rest.to_vec())),
            "fuzz" => return fuzz_task(rest),
            "help" | "--help" | "-h" => Self::Help,
            other => {
                return Err(format!(
                    "services, tidy, fuzz, ci or help was expected, `{other}` came"
                ));
            }
        };
        match rest.first() {
            None => Ok(task),
            Some(extra) => Err(format!("`{word}` takes no more words, `{extra}` came")),
        }
    }

    /// The word that names this task.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Services => "services",
            Self::Tidy => "tidy",
            Self::Ci(_) => "ci",
            Self::Fuzz(..) => "fuzz",
            Self::Help => "help",
        }
    }

    /// Does the task; the error is one message for a person.
    pub fn run(&self) -> Result<(), String> {
        match self {
            Self::Services => services::run(&repository::root()?),
            Self::Tidy => tidy::run(&repository::root()?),
            Self::Ci(steps) => {
                let root = repository::root()?;
                Run::new(root.join(".ci/run"))
                    .args(steps)
                    .current_dir(&root)
                    .inherit()
            }
            Self::Fuzz(targets, seconds) => fuzz::run(&repository::root()?, targets, *seconds),
            Self::Help => {
                say::line(HELP);
                Ok(())
            }
        }
    }
}

/// The words behind `fuzz`: targets, and how long.
fn fuzz_task(words: &[String]) -> Result<Task, String> {
    let (mut targets, mut seconds) = (Vec::new(), fuzz::SECONDS);
    let mut words = words.iter();
    while let Some(word) = words.next() {
        if word == "--seconds" {
            let given = words.next().map(String::as_str).unwrap_or_default();
            seconds = match given.parse() {
                Ok(given @ 1..=86_400) => given,
                _ => return Err(format!("--seconds: expected 1 to 86400, found `{given}`")),
            };
        } else {
            targets.push(word.clone());
        }
    }
    Ok(Task::Fuzz(targets, seconds))
}

#[cfg(test)]
mod tests;
