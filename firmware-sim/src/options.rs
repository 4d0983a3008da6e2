//! The program's command line.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::str::FromStr;

/// What the program takes.
pub const USAGE: &str = "\
Usage: firmware-sim modbus ...        serves Modbus devices; see `firmware-sim modbus --help`
       firmware-sim [--mqtt 127.0.0.1:1883] [--write-inventory DIR] [options]

  --mqtt ADDR            publish to the broker at this loopback address, QoS 1
  --write-inventory DIR  write sites, facilities, assets, devices and channels as CSV
  --seed N               seed of the world (default 1)
  --scale N              times 127 compounds (default 1)
  --speed N              times real time (default 1)
  --from INSTANT         begin here, RFC 3339 (default now)
  --duration SPAN        end after this much simulated time, such as 2h or 14d
  --faults none|demo     what goes wrong (default demo)
  --connections N        connections to the broker, 1 to 256 (default 4)";

/// The command line, checked.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Options {
    pub mqtt: Option<SocketAddr>,
    pub seed: u64,
    pub scale: u32,
    pub speed: u32,
    pub from_ms: Option<i64>,
    pub duration_ms: Option<i64>,
    pub faults: bool,
    pub write_inventory: Option<PathBuf>,
    pub connections: usize,
}

impl Options {
    /// Reads the arguments after the program's name; none where help is asked for.
    ///
    /// # Errors
    /// A sentence that says which flag is wrong and what was expected.
    pub fn parse(arguments: impl Iterator<Item = String>) -> Result<Option<Self>, String> {
        let mut options = Self {
            mqtt: None,
            seed: 1,
            scale: 1,
            speed: 1,
            from_ms: None,
            duration_ms: None,
            faults: true,
            write_inventory: None,
            connections: 4,
        };
        let mut arguments = arguments;
        while let Some(flag) = arguments.next() {
            if flag == "--help" || flag == "-h" {
                return Ok(None);
            }
            let value = arguments
                .next()
                .ok_or_else(|| format!("expected a value after {flag}"))?;
            options.set(&flag, &value)?;
        }
        if options.mqtt.is_none() && options.write_inventory.is_none() {
            return Err("expected --mqtt, --write-inventory or both".to_owned());
        }
        Ok(Some(options))
    }

    fn set(&mut self, flag: &str, value: &str) -> Result<(), String> {
        match flag {
            "--mqtt" => {
                let address =
                    parsed::<SocketAddr>(flag, value, "an address such as 127.0.0.1:1883")?;
                if !address.ip().is_loopback() {
                    return Err(format!(
                        "--mqtt: expected a loopback address, found {value}"
                    ));
                }
                self.mqtt = Some(address);
            }
            "--seed" => self.seed = parsed(flag, value, "a whole number")?,
            "--scale" => self.scale = within(flag, value, 100)?,
            "--speed" => self.speed = within(flag, value, 100_000)?,
            "--connections" => {
                self.connections = usize::try_from(within(flag, value, 256)?).unwrap_or(1);
            }
            "--from" => {
                let at: jiff::Timestamp = parsed(flag, value, "an RFC 3339 instant")?;
                self.from_ms = Some(at.as_millisecond());
            }
            "--duration" => self.duration_ms = Some(span_ms(flag, value)?),
            "--faults" => {
                self.faults = match value {
                    "demo" => true,
                    "none" => false,
                    _ => return Err(format!("{flag}: expected none or demo, found {value}")),
                };
            }
            "--write-inventory" => self.write_inventory = Some(PathBuf::from(value)),
            _ => return Err(format!("unknown flag {flag}")),
        }
        Ok(())
    }
}

/// A value of `flag`, or a sentence that says what was expected.
pub fn parsed<T: FromStr>(flag: &str, value: &str, expected: &str) -> Result<T, String> {
    value
        .parse()
        .map_err(|_ignored| format!("{flag}: expected {expected}, found {value:?}"))
}

/// A whole number from 1 to `most`.
pub fn within(flag: &str, value: &str, most: u32) -> Result<u32, String> {
    let expected = format!("1 to {most}");
    let number = parsed(flag, value, &expected)?;
    if (1..=most).contains(&number) {
        Ok(number)
    } else {
        Err(format!("{flag}: expected {expected}, found {value}"))
    }
}

/// A span of days of 24 h, hours, minutes and seconds, ms.
fn span_ms(flag: &str, value: &str) -> Result<i64, String> {
    let expected = "a span such as 90s, 2h or 14d";
    let span: jiff::Span = parsed(flag, value, expected)?;
    let duration = span
        .to_duration(jiff::SpanRelativeTo::days_are_24_hours())
        .map_err(|error| format!("{flag}: expected {expected}: {error}"))?;
    match i64::try_from(duration.as_millis()) {
        Ok(ms) if ms > 0 => Ok(ms),
        _ => Err(format!("{flag}: expected {expected}, found {value:?}")),
    }
}
