//! The command line of `firmware-sim modbus`.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use firmware_sim::modbus::{Fault, Rates};

use crate::options::{parsed, within};

/// What `firmware-sim modbus` takes.
pub const USAGE: &str = "\
Usage: firmware-sim modbus [--tcp 127.0.0.1:1502] [--rtu ./line0] [--inventory DIR] [options]

  --tcp ADDR             serve Modbus TCP at this loopback address
  --rtu-over-tcp ADDR    serve serial frames over TCP
  --rtu PATH             make a pseudo-terminal and this link to it
  --inventory DIR        write the units' inventory and edge-modbus.toml
  --units bins=N,lot=N   sensors over bins, loops under bays (default bins=4,lot=1)
  --fault NAME=SHARE,..  what goes wrong, as shares of requests; or demo (default nothing):
                         lost late glued shifted wrong-tid wrong-unit wrong-function double
                         short byte-count-zero cut stray noise crc drip busy address value closed
  --dead ID,..           these units never answer
  --slow ID=MS,..        these units answer so late
  --baud N               let bytes take their time, 300 to 1000000 (default no time)
  --seed N               seed of the world and the faults (default 1)
  --speed N              times real time (default 1)
  --from INSTANT         begin here, RFC 3339 (default now)";

/// The command line, checked.
#[derive(Clone, PartialEq, Debug)]
pub struct LineOptions {
    pub tcp: Option<SocketAddr>,
    pub rtu_over_tcp: Option<SocketAddr>,
    pub rtu: Option<PathBuf>,
    pub inventory: Option<PathBuf>,
    pub bins: usize,
    pub bays: usize,
    pub rates: Rates,
    pub dead: Vec<u8>,
    pub slow: Vec<(u8, Duration)>,
    pub baud: Option<u32>,
    pub seed: u64,
    pub speed: u32,
    pub from_ms: Option<i64>,
}

impl LineOptions {
    /// Reads the arguments after `modbus`; none where help is asked for.
    ///
    /// # Errors
    /// A sentence that says which flag is wrong and what was expected.
    pub fn parse(mut arguments: impl Iterator<Item = String>) -> Result<Option<Self>, String> {
        let mut options = Self {
            tcp: None,
            rtu_over_tcp: None,
            rtu: None,
            inventory: None,
            bins: 4,
            bays: 1,
            rates: Rates::none(),
            dead: Vec::new(),
            slow: Vec::new(),
            baud: None,
            seed: 1,
            speed: 1,
            from_ms: None,
        };
        while let Some(flag) = arguments.next() {
            if flag == "--help" || flag == "-h" {
                return Ok(None);
            }
            let value = arguments
                .next()
                .ok_or_else(|| format!("expected a value after {flag}"))?;
            options.set(&flag, &value)?;
        }
        if !options.is_served() && options.inventory.is_none() {
            return Err("expected --tcp, --rtu-over-tcp, --rtu or --inventory".to_owned());
        }
        Ok(Some(options))
    }

    /// Whether there is an endpoint.
    pub const fn is_served(&self) -> bool {
        self.tcp.is_some() || self.rtu_over_tcp.is_some() || self.rtu.is_some()
    }

    fn set(&mut self, flag: &str, value: &str) -> Result<(), String> {
        match flag {
            "--tcp" => self.tcp = Some(loopback(flag, value)?),
            "--rtu-over-tcp" => self.rtu_over_tcp = Some(loopback(flag, value)?),
            "--rtu" => self.rtu = Some(PathBuf::from(value)),
            "--inventory" => self.inventory = Some(PathBuf::from(value)),
            "--units" => self.set_units(flag, value)?,
            "--fault" => self.rates = rates(flag, value)?,
            "--dead" => {
                let ids = value.split(',').map(|id| unit_id(flag, id));
                self.dead = ids.collect::<Result<_, _>>()?;
            }
            "--slow" => {
                let units = pairs(flag, value)?.into_iter().map(|(id, ms)| {
                    let ms = within(flag, ms, 60_000)?;
                    Ok((unit_id(flag, id)?, Duration::from_millis(u64::from(ms))))
                });
                self.slow = units.collect::<Result<_, String>>()?;
            }
            "--baud" => match within(flag, value, 1_000_000)? {
                baud @ 300.. => self.baud = Some(baud),
                _ => return Err(format!("{flag}: expected 300 to 1000000, found {value}")),
            },
            "--seed" => self.seed = parsed(flag, value, "a whole number")?,
            "--speed" => self.speed = within(flag, value, 100_000)?,
            "--from" => {
                let at: jiff::Timestamp = parsed(flag, value, "an RFC 3339 instant")?;
                self.from_ms = Some(at.as_millisecond());
            }
            _ => return Err(format!("unknown flag {flag}")),
        }
        Ok(())
    }

    fn set_units(&mut self, flag: &str, value: &str) -> Result<(), String> {
        (self.bins, self.bays) = (0, 0);
        for (kind, number) in pairs(flag, value)? {
            let number = parsed(flag, number, "a whole number")?;
            match kind {
                "bins" => self.bins = number,
                "lot" => self.bays = number,
                _ => return Err(format!("{flag}: expected bins or lot, found {kind:?}")),
            }
        }
        Ok(())
    }
}

fn loopback(flag: &str, value: &str) -> Result<SocketAddr, String> {
    let address = parsed::<SocketAddr>(flag, value, "an address such as 127.0.0.1:1502")?;
    if address.ip().is_loopback() {
        Ok(address)
    } else {
        Err(format!(
            "{flag}: expected a loopback address, found {value}"
        ))
    }
}

fn pairs<'a>(flag: &str, value: &'a str) -> Result<Vec<(&'a str, &'a str)>, String> {
    let pairs = value.split(',').map(|pair| {
        pair.split_once('=')
            .ok_or_else(|| format!("{flag}: expected NAME=VALUE, found {pair:?}"))
    });
    pairs.collect()
}

fn unit_id(flag: &str, value: &str) -> Result<u8, String> {
    parsed(flag, value, "a unit id, 0 to 255")
}

fn rates(flag: &str, value: &str) -> Result<Rates, String> {
    if value == "demo" {
        return Ok(Rates::demo());
    }
    let pairs = pairs(flag, value)?.into_iter();
    pairs
        .into_iter()
        .try_fold(Rates::none(), |rates, (name, share)| {
            let fault = Fault::named(name)
                .ok_or_else(|| format!("{flag}: expected the name of a fault, found {name:?}"))?;
            let number: f64 = parsed(flag, share, "a share of 0 to 1")?;
            if (0.0..=1.0).contains(&number) {
                Ok(rates.with(fault, number))
            } else {
                Err(format!("{flag}: expected a share of 0 to 1, found {share}"))
            }
        })
}

#[cfg(test)]
mod tests;
