//! How an answer can fail to be the answer to what was asked.

use thiserror::Error;

/// What did not fit. The first thing that does not fit is said, in the order of the bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
pub enum Mismatch {
    /// The answer belongs to another request, or a gateway numbers its answers as it likes.
    #[error(
        "transaction id {expected:#06x} was sent and {came:#06x} came back; a gateway that always \
         does this can be read with transaction_id = \"ignore\""
    )]
    TransactionId {
        /// What the request carried.
        expected: u16,
        /// What the answer carried.
        came: u16,
    },
    /// Not Modbus, or bytes that were left over from something else.
    #[error("protocol id 0 was expected and {came:#06x} came")]
    ProtocolId {
        /// What the answer carried.
        came: u16,
    },
    /// The header's length contradicts the answer.
    #[error("length {expected} was expected in the header and {came} came")]
    Length {
        /// What the answer's own content makes it.
        expected: u16,
        /// What the header said.
        came: u16,
    },
    /// Another unit answered.
    #[error("unit {expected} was asked and unit {came} answered")]
    Unit {
        /// Who was asked.
        expected: u8,
        /// Who answered.
        came: u8,
    },
    /// The answer to another function.
    #[error("function {expected} was asked for and {came:#04x} was answered")]
    Function {
        /// What was asked for.
        expected: u8,
        /// What was answered.
        came: u8,
    },
    /// Too few or too many items, none included.
    #[error("{expected} bytes of data were asked for and {came} were announced")]
    ByteCount {
        /// What the request asks for.
        expected: u8,
        /// What the answer announces.
        came: u8,
    },
    /// Exceptions have codes from 1.
    #[error("an exception with code 0 came; codes are 1 to 255")]
    ExceptionCode,
    /// Damaged on the way, or bytes of two answers in each other.
    #[error("checksum {expected:#06x} was computed and {came:#06x} came")]
    Checksum {
        /// Of the bytes that came.
        expected: u16,
        /// What the frame said.
        came: u16,
    },
    /// Bytes beyond the end of the answer: two answers glued together.
    #[error("{extra} bytes came beyond the end of the answer")]
    Trailing {
        /// How many more, at least.
        extra: usize,
    },
    /// Bytes came while nothing was asked: a late or doubled answer.
    #[error("{count} bytes came although nothing was asked")]
    Unsolicited {
        /// How many, at least.
        count: usize,
    },
    /// The line did not fall silent after it was opened.
    #[error("the line did not fall silent within {ms} ms")]
    Babble {
        /// How long was waited.
        ms: u64,
    },
}

/// The kind of a [`Mismatch`], for counting.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum MismatchKind {
    /// [`Mismatch::TransactionId`].
    TransactionId,
    /// [`Mismatch::ProtocolId`].
    ProtocolId,
    /// [`Mismatch::Length`].
    Length,
    /// [`Mismatch::Unit`].
    Unit,
    /// [`Mismatch::Function`].
    Function,
    /// [`Mismatch::ByteCount`].
    ByteCount,
    /// [`Mismatch::ExceptionCode`].
    ExceptionCode,
    /// [`Mismatch::Checksum`].
    Checksum,
    /// [`Mismatch::Trailing`].
    Trailing,
    /// [`Mismatch::Unsolicited`].
    Unsolicited,
    /// [`Mismatch::Babble`].
    Babble,
}

impl Mismatch {
    /// Its kind.
    pub const fn kind(&self) -> MismatchKind {
        match self {
            Self::TransactionId { .. } => MismatchKind::TransactionId,
            Self::ProtocolId { .. } => MismatchKind::ProtocolId,
            Self::Length { .. } => MismatchKind::Length,
            Self::Unit { .. } => MismatchKind::Unit,
            Self::Function { .. } => MismatchKind::Function,
            Self::ByteCount { .. } => MismatchKind::ByteCount,
            Self::ExceptionCode => MismatchKind::ExceptionCode,
            Self::Checksum { .. } => MismatchKind::Checksum,
            Self::Trailing { .. } => MismatchKind::Trailing,
            Self::Unsolicited { .. } => MismatchKind::Unsolicited,
            Self::Babble { .. } => MismatchKind::Babble,
        }
    }
}

impl From<Mismatch> for std::io::Error {
    fn from(mismatch: Mismatch) -> Self {
        Self::new(std::io::ErrorKind::InvalidData, mismatch)
    }
}
