//! The command line: flags that every command knows, and the commands.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::config::Overrides;

/// Watches the shared facilities of a large residential district.
///
/// Without a command and without --config it runs everything on this machine with a simulated
/// district: MQTT broker, log, engine, store and live pages.
#[derive(Parser, Debug)]
#[command(version, arg_required_else_help = false)]
pub struct Cli {
    /// Flags of every command.
    #[command(flatten)]
    pub flags: Flags,
    /// What to do.
    #[command(subcommand)]
    pub command: Option<Command>,
}

/// Flags of every command.
#[derive(Args, Debug)]
pub struct Flags {
    /// Settings in TOML; without it the district is simulated.
    #[arg(long, global = true, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Data folder [default: huitian-data].
    #[arg(long, global = true, value_name = "DIR")]
    pub data: Option<PathBuf>,
    /// Keep nothing after the process ends.
    #[arg(long, global = true)]
    pub ephemeral: bool,
    /// Console and API listen here [default: 127.0.0.1:8080].
    #[arg(long, global = true, value_name = "ADDR")]
    pub http: Option<SocketAddr>,
    /// The embedded MQTT broker listens here [default: 127.0.0.1:1883].
    #[arg(long, global = true, value_name = "ADDR")]
    pub mqtt: Option<SocketAddr>,
    /// How the program writes its log messages.
    #[arg(long, global = true, value_enum, default_value_t = LogFormat::Text)]
    pub log_format: LogFormat,
    /// Simulated district: demo seconds in a second, 1 to 3600.
    #[arg(long, global = true, value_name = "N")]
    pub demo_speed: Option<u32>,
    /// Simulated district: times the home district, 1 to 100.
    #[arg(long, global = true, value_name = "N")]
    pub demo_scale: Option<u32>,
    /// Simulated district: seed of the world.
    #[arg(long, global = true, value_name = "N")]
    pub seed: Option<u64>,
}

/// How log messages are written.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

/// What to do.
#[derive(Subcommand, Debug)]
pub enum Command {
    /// Run the hub (the default).
    Run,
    /// Check settings, profiles and inventory: the same as `config check`.
    Check,
    /// Look at settings.
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Look for what commonly goes wrong: ports, data folder, clock, settings, brokers, InfluxDB.
    Doctor,
    /// Ask the running hub about edges, and tell it what they shall do.
    #[command(subcommand)]
    Edge(EdgeCommand),
    /// Device profiles: list, show, test, begin and explain them; and when devices were heard.
    Device(DeviceArgs),
    /// List the devices of the inventory and when each was last heard: the same as `device heard`.
    Devices(DevicesArgs),
    /// Print readings as they become durable, one JSON object a line, until interrupted.
    Tap(TapArgs),
    /// Check, import and export the inventory's CSV files.
    #[command(subcommand)]
    Inventory(InventoryCommand),
    /// Show a facility's windows for a time range.
    History(HistoryArgs),
    /// Write windows of many facilities as CSV.
    Export(ExportArgs),
    /// Recompute windows with the readings that came too late for them; a running hub does it.
    Repair(RepairArgs),
    /// Feed a recorded series through the engine; --config is the mapping of its columns.
    Replay(crate::replay::ReplayArgs),
}

/// What to do with settings.
#[derive(Subcommand, Debug)]
pub enum ConfigCommand {
    /// Check settings, profiles and inventory; exit code 78 where something is wrong.
    Check,
}

/// What to do with edges.
#[derive(Subcommand, Debug)]
pub enum EdgeCommand {
    /// List all edges.
    List,
    /// Show one edge: heartbeat, buses, versions of its configuration.
    Show {
        /// Edge id.
        edge: String,
    },
    /// Get a token with which an edge enrols once.
    Enroll {
        /// Edge id.
        edge: String,
        /// How long the token serves, 1m to 7d.
        #[arg(long = "for", value_name = "SPAN", default_value = "24h")]
        serves: String,
    },
    /// Send a configuration and wait for what becomes of it: edge.toml, inventory/*.csv,
    /// profiles/*.toml and registers/*.toml of a folder.
    Push {
        /// Edge id.
        edge: String,
        /// The folder.
        dir: PathBuf,
        /// Only let the edge check it.
        #[arg(long)]
        dry_run: bool,
    },
    /// Go back to the files of an earlier version, as a new version.
    Back {
        /// Edge id.
        edge: String,
        /// To which version [default: the one applied before the last].
        #[arg(long, value_name = "N")]
        to: Option<u64>,
    },
}

/// `huitian device`
#[derive(Args, Debug)]
pub struct DeviceArgs {
    /// A folder of more profiles [default: that of the settings, `[inventory] profiles`].
    #[arg(long, global = true, value_name = "DIR")]
    pub profiles: Option<PathBuf>,
    /// What to do.
    #[command(subcommand)]
    pub command: DeviceCommand,
}

/// What to do with device profiles.
#[derive(Subcommand, Debug)]
pub enum DeviceCommand {
    /// List the known profiles: channels, vectors, and where each comes from.
    List,
    /// Show one profile: channels, messages, fields, sources and their licences.
    Show {
        /// Its id, or a .toml file.
        profile: String,
    },
    /// Try every vector; exit code 78 where one does not hold.
    Test {
        /// A file, a folder, or a profile's id [default: all known profiles].
        what: Option<String>,
    },
    /// Write a profile to begin with, whose vector holds at once; nothing is overwritten.
    New(NewArgs),
    /// Say how a profile reads one message: byte by byte, to be checked against the data sheet.
    Explain(ExplainArgs),
    /// List the devices of the inventory and when each was last heard: the same as `devices`.
    Heard(DevicesArgs),
}

/// `huitian device new`
#[derive(Args, Debug)]
pub struct NewArgs {
    /// Its id: a-z, 0-9 and '-'. The file is ID.toml in the folder of profiles, else here.
    pub id: String,
    /// Begin with a copy of this profile.
    #[arg(long, value_name = "PROFILE", conflicts_with = "kind")]
    pub from: Option<String>,
    /// Begin with a device of this kind.
    #[arg(long, value_enum, default_value_t = SketchKind::Bits)]
    pub kind: SketchKind,
}

/// How a device writes its messages.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub enum SketchKind {
    /// Values at fixed places, down to bits.
    Bits,
    /// Tagged records in any order.
    Tlv,
    /// Text with values between fixed characters.
    Ascii,
    /// Values by name.
    Json,
}

/// `huitian device explain`
#[derive(Args, Debug)]
pub struct ExplainArgs {
    /// The profile's id, or a .toml file.
    pub profile: String,
    /// The bytes in hex (blanks, ':' and '0x' may stand between) or base64.
    #[arg(value_name = "HEX", required_unless_present = "values")]
    pub payload: Vec<String>,
    /// The port that the message came on.
    #[arg(long, value_name = "N", value_parser = port)]
    pub port: Option<u8>,
    /// The bytes are base64, also where they could be hex.
    #[arg(long)]
    pub base64: bool,
    /// Values by name in place of bytes: a JSON object.
    #[arg(long, value_name = "JSON", conflicts_with = "payload")]
    pub values: Option<String>,
    /// Write JSON instead of tables.
    #[arg(long)]
    pub json: bool,
}

/// `huitian device heard`
#[derive(Args, Debug)]
pub struct DevicesArgs {
    /// Only those that never spoke.
    #[arg(long)]
    pub never: bool,
    /// Only those of this site.
    #[arg(long)]
    pub site: Option<String>,
}

/// `huitian tap`
#[derive(Args, Debug)]
pub struct TapArgs {
    /// Only devices of this site.
    #[arg(long)]
    pub site: Option<String>,
    /// Only this device.
    #[arg(long)]
    pub device: Option<String>,
}

/// What to do with the inventory.
#[derive(Subcommand, Debug)]
pub enum InventoryCommand {
    /// Check a folder of CSV files (default: the inventory in force).
    Check {
        /// The folder.
        dir: Option<PathBuf>,
    },
    /// Check a folder of CSV files and put them in force; a running hub takes them up.
    Import {
        /// The folder.
        dir: PathBuf,
    },
    /// Write the inventory in force into a folder.
    Export {
        /// The folder.
        dir: PathBuf,
    },
}

/// A range of windows.
#[derive(Args, Debug, Clone)]
pub struct RangeArgs {
    /// Window length: 5m, 15m, 1h or 1d.
    #[arg(long, default_value = "1h")]
    pub window: String,
    /// From, RFC 3339 or ms since 1970 [default: 24 hours before --to].
    #[arg(long)]
    pub from: Option<String>,
    /// Until before, RFC 3339 or ms since 1970 [default: now].
    #[arg(long)]
    pub to: Option<String>,
}

/// `huitian history`
#[derive(Args, Debug)]
pub struct HistoryArgs {
    /// Site id.
    pub site: String,
    /// Facility id.
    pub facility: String,
    /// Which windows.
    #[command(flatten)]
    pub range: RangeArgs,
    /// Write CSV instead of one JSON object a line.
    #[arg(long)]
    pub csv: bool,
}

/// `huitian export`
#[derive(Args, Debug)]
pub struct ExportArgs {
    /// Only this site.
    #[arg(long)]
    pub site: Option<String>,
    /// Which windows.
    #[command(flatten)]
    pub range: RangeArgs,
    /// Write to a file instead of standard output.
    #[arg(long, short, value_name = "FILE")]
    pub output: Option<PathBuf>,
}

/// `huitian repair`
#[derive(Args, Debug)]
pub struct RepairArgs {
    /// Only this site.
    #[arg(long)]
    pub site: Option<String>,
    /// Say what would be amended, and amend nothing.
    #[arg(long)]
    pub dry_run: bool,
}

impl Flags {
    /// What they say over the file.
    pub fn overrides(&self) -> Overrides {
        Overrides {
            data: self.data.clone(),
            ephemeral: self.ephemeral,
            http: self.http,
            mqtt: self.mqtt,
            demo_speed: self.demo_speed,
            demo_scale: self.demo_scale,
            seed: self.seed,
        }
    }
}

fn port(text: &str) -> Result<u8, String> {
    (text.parse()).map_err(|_no_port| "expected 0 to 255".to_owned())
}
