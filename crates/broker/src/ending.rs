//! The ways a connection ends, and what follows from each.

use std::io;

use crate::codec::{Fault, reason};

/// Why a connection ends.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Ending {
    /// The client said DISCONNECT; `with_will` if it asked for its will all the same.
    #[error("the client said good-bye")]
    Left { with_will: bool },
    /// The client closed the connection without a word.
    #[error("the client closed without a word")]
    Closed,
    /// The socket failed.
    #[error("the socket failed: {0}")]
    Lost(io::Error),
    /// Nothing came for one and a half keep-alives.
    #[error("nothing came or went in time")]
    Silent,
    /// The client broke the protocol or a limit.
    #[error("{0}")]
    Fault(Fault),
    /// The same client id has connected again.
    #[error("the client id has connected again")]
    TakenOver,
    /// The client's user is gone from the users file, or changed.
    #[error("the user is gone or changed")]
    Revoked,
    /// The client may not publish what it published, and there is no other way to say so.
    #[error("the client may not publish to the topic")]
    Forbidden,
    /// The intake could not keep a message: the client must send it again.
    #[error("the intake could not keep a message")]
    NotKept,
    /// The intake is gone.
    #[error("the intake is gone")]
    IntakeGone,
    /// The broker stops.
    #[error("the broker stops")]
    Stopped,
}

impl From<Fault> for Ending {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

impl Ending {
    /// The reason code of the DISCONNECT to send; none if there is nobody to tell.
    pub(crate) fn reason(&self) -> Option<u8> {
        match self {
            Self::Left { .. } | Self::Closed | Self::Lost(_) => None,
            Self::Silent => Some(reason::KEEP_ALIVE_TIMEOUT),
            Self::Fault(fault) => Some(fault.reason()),
            Self::TakenOver => Some(reason::SESSION_TAKEN_OVER),
            Self::Revoked | Self::Forbidden => Some(reason::NOT_AUTHORIZED),
            Self::NotKept => Some(reason::IMPLEMENTATION_SPECIFIC),
            Self::IntakeGone | Self::Stopped => Some(reason::SERVER_SHUTTING_DOWN),
        }
    }

    /// True if the client's will is to be published. When the broker stops nobody is left to read
    /// it, and a restart is not the device's death.
    pub(crate) fn publishes_will(&self) -> bool {
        match self {
            Self::Left { with_will } => *with_will,
            Self::Stopped | Self::IntakeGone | Self::Revoked => false,
            Self::Closed
            | Self::Lost(_)
            | Self::Silent
            | Self::Fault(_)
            | Self::TakenOver
            | Self::Forbidden
            | Self::NotKept => true,
        }
    }
}
