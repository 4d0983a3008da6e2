//! What a topic below `spBv1.0/` says about its message.

use crate::TOPIC_BYTES_MAX;
use crate::refusal::{Refusal, RefusalReason, quoted};

use super::NAMESPACE;

/// What an edge node does with a message.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Verb {
    /// NBIRTH, DBIRTH: says all its metrics.
    Birth,
    /// NDATA, DDATA: says what has changed.
    Data,
    /// NDEATH, DDEATH: it is gone.
    Death,
}

/// A message of an edge node.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Speech<'a> {
    /// What it does.
    pub verb: Verb,
    /// Its group.
    pub group: &'a str,
    /// The edge node.
    pub edge: &'a str,
    /// The device of the node that it is about; none: the node itself.
    pub device: Option<&'a str>,
}

/// What a topic below `spBv1.0/` is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Topic<'a> {
    /// An edge node speaks.
    Node(Speech<'a>),
    /// A host commands: NCMD and DCMD. No affair of a host that hears them.
    Command,
    /// A host application says whether it is there.
    State(&'a str),
}

/// Reads a topic.
///
/// # Errors
/// [`RefusalReason::WrongTopic`] where Sparkplug B 3.0 has no such topic.
pub fn topic(text: &str) -> Result<Topic<'_>, Refusal> {
    let wrong = || {
        let expected = "spBv1.0/{group}/{N or D}{BIRTH, DEATH, DATA or CMD}/{edge}[/{device}] or \
                        spBv1.0/STATE/{host}";
        let text = format!("expected topic {expected}, found {}", quoted(text));
        Refusal::new(RefusalReason::WrongTopic, text)
    };
    if text.len() > TOPIC_BYTES_MAX {
        return Err(wrong());
    }
    let levels: Vec<&str> = text.splitn(6, '/').collect();
    if levels.first() != Some(&NAMESPACE) || levels.iter().any(|level| level.is_empty()) {
        return Err(wrong());
    }
    match levels.as_slice() {
        [_, "STATE", host] => Ok(Topic::State(host)),
        [_, group, verb, edge] => Ok(match *verb {
            "NCMD" => Topic::Command,
            "NBIRTH" => node(Verb::Birth, (group, edge), None),
            "NDATA" => node(Verb::Data, (group, edge), None),
            "NDEATH" => node(Verb::Death, (group, edge), None),
            _ => return Err(wrong()),
        }),
        [_, group, verb, edge, device] => Ok(match *verb {
            "DCMD" => Topic::Command,
            "DBIRTH" => node(Verb::Birth, (group, edge), Some(device)),
            "DDATA" => node(Verb::Data, (group, edge), Some(device)),
            "DDEATH" => node(Verb::Death, (group, edge), Some(device)),
            _ => return Err(wrong()),
        }),
        _ => Err(wrong()),
    }
}

const fn node<'a>(
    verb: Verb,
    (group, edge): (&'a str, &'a str),
    device: Option<&'a str>,
) -> Topic<'a> {
    Topic::Node(Speech {
        verb,
        group,
        edge,
        device,
    })
}
