//! `huitian edge`: what the running hub knows of edges, and what they shall do.

use std::path::Path;
use std::time::Duration;

use huitian_model::EdgeId;
use serde_json::{Value, json};
use tokio::time::{Instant, MissedTickBehavior, interval};

use crate::cli::EdgeCommand;
use crate::config::{Config, ConfigFault};
use crate::hub_client::{HubClient, text};
use crate::table::table;
use crate::{Failure, say, tell};

/// How long `push` and `back` wait for the edge: its trial takes 2 minutes.
const OUTCOME_WAIT: Duration = Duration::from_secs(180);

/// How often they look.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Most bytes of all files together: what a message to an edge may be.
const FILES_BYTES_MAX: usize = 512 * 1024;

/// The folders of a configuration and the files that are read in each.
const FOLDERS: [(&str, &str); 3] = [
    ("inventory", "csv"),
    ("profiles", "toml"),
    ("registers", "toml"),
];

/// Does what was asked.
///
/// # Errors
/// [`Failure`]: no hub, an id or a folder that cannot be used, a refusal by hub or edge.
pub fn run(command: &EdgeCommand, config: &Config) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::Other(format!("cannot start: {error}")))?;
    let hub = HubClient::at(config.http);
    runtime.block_on(ask(command, &hub))
}

async fn ask(command: &EdgeCommand, hub: &HubClient) -> Result<(), Failure> {
    match command {
        EdgeCommand::List => say(&table(&list(&hub.get("/api/v1/edges").await?))),
        EdgeCommand::Show { edge } => show(hub, &checked(edge)?).await,
        EdgeCommand::Enroll { edge, serves } => {
            let path = format!("/api/v1/edges/{}/enroll", checked(edge)?);
            let said = hub.post(&path, &json!({ "for": serves })).await?;
            tell(&format!(
                "serves once, within {serves}; on the gateway: huitian-edge enroll --token TOKEN"
            ));
            say(&text(&said, "token"))
        }
        EdgeCommand::Push { edge, dir, dry_run } => {
            let edge = checked(edge)?;
            let files = files(dir)?;
            let body = json!({ "files": files, "dry_run": dry_run });
            let path = format!("/api/v1/edges/{edge}/config");
            let said = hub.post(&path, &body).await?;
            outcome(hub, &edge, &said).await
        }
        EdgeCommand::Back { edge, to } => {
            let edge = checked(edge)?;
            let path = format!("/api/v1/edges/{edge}/back");
            let said = hub.post(&path, &json!({ "to": to })).await?;
            outcome(hub, &edge, &said).await
        }
    }
}

fn checked(edge: &str) -> Result<EdgeId, Failure> {
    EdgeId::new(edge).map_err(|error| ConfigFault::plain(format!("edge: {error}")).into())
}

fn items<'a>(value: &'a Value, name: &str) -> impl Iterator<Item = &'a Value> {
    let list = value.get(name).and_then(Value::as_array);
    list.into_iter().flatten()
}

fn is_true(value: &Value, name: &str) -> bool {
    value.get(name).and_then(Value::as_bool) == Some(true)
}

/// A row for each edge.
fn list(said: &Value) -> Vec<Vec<String>> {
    let head = [
        "edge", "state", "heard", "version", "clock", "queued", "lost", "buses", "config",
    ];
    let mut rows = vec![head.map(str::to_owned).to_vec()];
    for edge in items(said, "edges") {
        let beat = edge.get("heartbeat").unwrap_or(&Value::Null);
        let config = edge.get("configuration").unwrap_or(&Value::Null);
        let state = match (edge.get("conflict"), is_true(edge, "connected")) {
            (Some(Value::Object(_)), _) => "CONFLICT",
            (_, true) => "connected",
            (_, false) => "away",
        };
        let clock = match beat.get("clock_set") {
            None => "-",
            Some(Value::Bool(true)) => "set",
            Some(_) => "not set",
        };
        let up = items(beat, "buses")
            .filter(|bus| is_true(bus, "up"))
            .count();
        rows.push(vec![
            text(edge, "id"),
            state.to_owned(),
            text(edge, "heard_at"),
            text(beat, "software"),
            clock.to_owned(),
            text(beat, "queued"),
            text(beat, "edge_lost"),
            format!("{up}/{}", items(beat, "buses").count()),
            format!("{} {}", text(config, "standing"), text(config, "wanted")),
        ]);
    }
    rows
}

async fn show(hub: &HubClient, edge: &EdgeId) -> Result<(), Failure> {
    let said = hub.get("/api/v1/edges").await?;
    let Some(state) = items(&said, "edges").find(|it| text(it, "id") == edge.as_str()) else {
        let known: Vec<String> = items(&said, "edges").map(|it| text(it, "id")).collect();
        let fault = format!("there is no edge {edge}; there are: {}", known.join(", "));
        return Err(Failure::Other(fault));
    };
    let mut lines: Vec<Vec<String>> = Vec::new();
    for (name, value) in state.as_object().into_iter().flatten() {
        if let Value::Object(fields) = value {
            let plain = fields
                .iter()
                .filter(|(_, it)| !it.is_array() && !it.is_object());
            let rows = plain.map(|(field, _)| vec![format!("{name}.{field}"), text(value, field)]);
            lines.extend(rows);
        } else {
            lines.push(vec![name.clone(), text(state, name)]);
        }
    }
    say(&table(&lines))?;
    let beat = state.get("heartbeat").unwrap_or(&Value::Null);
    say(&columns(
        items(beat, "buses"),
        &[
            "name",
            "up",
            "units_ok",
            "units_down",
            "requests",
            "timeouts",
            "mismatches",
        ],
    ))?;
    let configs = hub.get(&format!("/api/v1/edges/{edge}/configs")).await?;
    say(&columns(
        items(&configs, "configs"),
        &[
            "version",
            "made_at",
            "dry_run",
            "outcome",
            "outcome_at",
            "outcome_text",
        ],
    ))
}

/// A table of some fields of objects.
fn columns<'a>(objects: impl Iterator<Item = &'a Value>, names: &[&str]) -> String {
    let head = names.iter().map(|name| (*name).to_owned()).collect();
    let rows = objects.map(|it| names.iter().map(|name| text(it, name)).collect());
    let rows: Vec<Vec<String>> = std::iter::once(head).chain(rows).collect();
    format!("\n{}", table(&rows))
}

/// The files of a configuration folder, in order of their names.
fn files(dir: &Path) -> Result<Vec<Value>, Failure> {
    let mut names = vec!["edge.toml".to_owned()];
    for (folder, ending) in FOLDERS {
        let path = dir.join(folder);
        if !path.exists() {
            continue;
        }
        let fault = |error: std::io::Error| Failure::from(ConfigFault::unreadable(&path, &error));
        let mut found = Vec::new();
        for entry in std::fs::read_dir(&path).map_err(fault)? {
            let name = entry.map_err(fault)?.file_name();
            let is_wanted = Path::new(&name).extension().is_some_and(|it| it == ending);
            if let (true, Some(name)) = (is_wanted, name.to_str()) {
                found.push(format!("{folder}/{name}"));
            }
        }
        found.sort();
        names.extend(found);
    }
    let mut bytes = 0;
    let mut files = Vec::new();
    for name in names {
        let path = dir.join(&name);
        let text = std::fs::read_to_string(&path)
            .map_err(|error| Failure::from(ConfigFault::unreadable(&path, &error)))?;
        bytes += text.len();
        if bytes > FILES_BYTES_MAX {
            let fault = format!(
                "{}: expected files of at most {FILES_BYTES_MAX} bytes together",
                dir.display()
            );
            return Err(ConfigFault::plain(fault).into());
        }
        files.push(json!({ "name": name, "text": text }));
    }
    Ok(files)
}

/// What is known of a version by now.
#[derive(Debug, PartialEq)]
enum Outcome {
    Waits(bool),
    Done(String),
    Failed(String),
}

fn of_version(configs: &Value, version: &Value) -> Outcome {
    let mut all = items(configs, "configs");
    let Some(config) = all.find(|it| it.get("version") == Some(version)) else {
        return Outcome::Waits(false);
    };
    let said = text(config, "outcome_text");
    match text(config, "outcome").as_str() {
        "applied" => Outcome::Done("applied: in force, and the edge is healthy with it".to_owned()),
        "accepted" if is_true(config, "dry_run") => {
            Outcome::Done("the edge's check found no fault; nothing was changed".to_owned())
        }
        "accepted" => Outcome::Waits(true),
        "refused" => Outcome::Failed(format!("refused by the edge:\n{said}")),
        "rolled_back" => Outcome::Failed(format!("rolled back by the edge: {said}")),
        _ => Outcome::Waits(false),
    }
}

/// Waits for what becomes of the version that the hub named.
async fn outcome(hub: &HubClient, edge: &EdgeId, said: &Value) -> Result<(), Failure> {
    let version = said.get("version").cloned().unwrap_or_default();
    tell(&format!("version {version} is kept; waiting for {edge}"));
    let ends = Instant::now() + OUTCOME_WAIT;
    let mut looks = interval(LOOK_EVERY);
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut on_trial = false;
    loop {
        looks.tick().await;
        let configs = hub.get(&format!("/api/v1/edges/{edge}/configs")).await?;
        match of_version(&configs, &version) {
            Outcome::Done(text) => return say(&format!("version {version} {text}")),
            Outcome::Failed(text) => {
                return Err(Failure::Other(format!("version {version} {text}")));
            }
            Outcome::Waits(is_tried) if is_tried && !on_trial => {
                tell("right on the edge; on trial");
                on_trial = true;
            }
            Outcome::Waits(_) => {}
        }
        if Instant::now() >= ends {
            let seconds = OUTCOME_WAIT.as_secs();
            return Err(Failure::Temporary(format!(
                "no outcome within {seconds} s: version {version} waits at the hub until {edge} \
                 takes it up; see `huitian edge show {edge}`"
            )));
        }
    }
}

#[cfg(test)]
mod tests;
