//! The byte stream that tokio-modbus is given: it lets one read request out, and only the whole,
//! checked answer to it in.
//!
//! tokio-modbus throws away what is in its buffer before a request, searches an RTU stream for
//! something that has a good checksum, and believes an answer of any length. The guard sees every
//! byte before it does, so none of that ever matters.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::frame::{ANSWER_BYTES_MAX, Expected, Framing, Progress, REQUEST_BYTES_MAX};
use crate::mismatch::Mismatch;
use crate::wire::Wire;

/// Read at once: more than an answer can have, so that what is glued to it is seen with it.
const CHUNK_BYTES: usize = 2 * ANSWER_BYTES_MAX;

/// Whether an answer's transaction id must be that of the request.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub enum TransactionId {
    /// It must; anything else is refused.
    #[default]
    Check,
    /// Any is taken, for gateways that number as they like. Then every request has a connection
    /// of its own, so that no older answer can be in flight on it.
    Ignore,
}

#[derive(Debug)]
enum State {
    /// Nothing is asked.
    Idle,
    /// This much of the request is written.
    Sending(Expected, usize),
    /// The answer is awaited.
    Waiting(Expected),
    /// This much of the answer is handed on.
    Giving(usize),
    /// Something did not fit: nothing passes any more.
    Refused,
}

/// A stream with the guard before it.
#[derive(Debug)]
pub(crate) struct Guard<T> {
    stream: T,
    framing: Framing,
    transaction_id: TransactionId,
    wire: Arc<Wire>,
    state: State,
    request: Vec<u8>,
    asked_as: [u8; 2],
    answer: Vec<u8>,
}

impl<T> Guard<T> {
    pub fn new(
        stream: T,
        framing: Framing,
        transaction_id: TransactionId,
        wire: Arc<Wire>,
    ) -> Self {
        Self {
            stream,
            framing,
            transaction_id,
            wire,
            state: State::Idle,
            request: Vec::with_capacity(REQUEST_BYTES_MAX),
            asked_as: [0; 2],
            answer: Vec::with_capacity(ANSWER_BYTES_MAX),
        }
    }

    fn refuse(&mut self, mismatch: Mismatch) -> io::Error {
        self.state = State::Refused;
        mismatch.into()
    }

    /// Takes a request over, under a transaction id of the line's own: tokio-modbus begins with 0
    /// on every connection, and an answer to an earlier one must not fit.
    fn take_over(&mut self, request: &[u8]) -> io::Result<()> {
        self.request.clear();
        self.request.extend_from_slice(request);
        let mut transaction = None;
        if self.framing == Framing::Tcp
            && let Some(id) = self.request.first_chunk_mut::<2>()
        {
            let ours = self.wire.next_transaction();
            self.asked_as = *id;
            *id = ours.to_be_bytes();
            transaction = Some(ours).filter(|_| self.transaction_id == TransactionId::Check);
        }
        let expected = Expected::to(self.framing, &self.request, transaction)?;
        self.answer.clear();
        self.state = State::Sending(expected, 0);
        Ok(())
    }
}

impl<T: AsyncRead + Unpin> Guard<T> {
    /// What the stream has, at most one chunk. Zero bytes are its end.
    fn poll_more(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<io::Result<([u8; CHUNK_BYTES], usize)>> {
        let mut chunk = [0; CHUNK_BYTES];
        let mut buffer = ReadBuf::new(&mut chunk);
        ready!(Pin::new(&mut self.stream).poll_read(context, &mut buffer))?;
        let count = buffer.filled().len();
        self.wire.count_received(count);
        Poll::Ready(Ok((chunk, count)))
    }

    /// Whether the stream is silent, as it must be while nothing is asked.
    fn check_silent(&mut self, context: &mut Context<'_>) -> io::Result<()> {
        match self.poll_more(context) {
            Poll::Pending => Ok(()),
            Poll::Ready(Ok((_, 0))) => Err(io::ErrorKind::UnexpectedEof.into()),
            Poll::Ready(Ok((_, count))) => Err(self.refuse(Mismatch::Unsolicited { count })),
            Poll::Ready(Err(error)) => Err(error),
        }
    }

    fn poll_answer(
        &mut self,
        context: &mut Context<'_>,
        expected: Expected,
    ) -> Poll<io::Result<()>> {
        loop {
            let (chunk, count) = ready!(self.poll_more(context))?;
            if count == 0 {
                return Poll::Ready(Err(io::ErrorKind::UnexpectedEof.into()));
            }
            self.answer.extend(chunk.iter().take(count));
            match expected.check(&self.answer) {
                Err(mismatch) => return Poll::Ready(Err(self.refuse(mismatch))),
                Ok(Progress::More) => {}
                Ok(Progress::Complete) => break,
            }
        }
        // What came in the same moment, in a segment of its own, is as wrong as glued bytes.
        if let Poll::Ready(Ok((_, extra @ 1..))) = self.poll_more(context) {
            return Poll::Ready(Err(self.refuse(Mismatch::Trailing { extra })));
        }
        if self.framing == Framing::Tcp
            && let Some(id) = self.answer.first_chunk_mut::<2>()
        {
            *id = self.asked_as;
        }
        self.state = State::Giving(0);
        Poll::Ready(Ok(()))
    }

    fn give(&mut self, given: usize, buffer: &mut ReadBuf<'_>) {
        let rest = self.answer.get(given..).unwrap_or_default();
        let now = rest.get(..buffer.remaining()).unwrap_or(rest);
        buffer.put_slice(now);
        let given = given + now.len();
        self.state = if given == self.answer.len() {
            State::Idle
        } else {
            State::Giving(given)
        };
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for Guard<T> {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let guard = self.get_mut();
        if let State::Waiting(expected) = guard.state {
            ready!(guard.poll_answer(context, expected))?;
        }
        match guard.state {
            State::Giving(given) => {
                guard.give(given, buffer);
                Poll::Ready(Ok(()))
            }
            State::Idle => {
                guard.check_silent(context)?;
                Poll::Pending
            }
            State::Sending(..) | State::Waiting(_) | State::Refused => {
                Poll::Ready(Err(io::ErrorKind::NotConnected.into()))
            }
        }
    }
}

impl<T: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Guard<T> {
    /// Takes one whole request; it leaves with the flush.
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        request: &[u8],
    ) -> Poll<io::Result<usize>> {
        let guard = self.get_mut();
        if !matches!(guard.state, State::Idle) {
            return Poll::Ready(Err(io::ErrorKind::NotConnected.into()));
        }
        guard.check_silent(context)?;
        guard.take_over(request)?;
        Poll::Ready(Ok(request.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let guard = self.get_mut();
        while let State::Sending(expected, written) = guard.state {
            let rest = guard.request.get(written..).unwrap_or_default();
            if rest.is_empty() {
                guard.state = State::Waiting(expected);
                break;
            }
            let count = ready!(Pin::new(&mut guard.stream).poll_write(context, rest))?;
            if count == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            guard.wire.count_sent(count);
            guard.state = State::Sending(expected, written + count);
        }
        Pin::new(&mut guard.stream).poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(context)
    }
}
