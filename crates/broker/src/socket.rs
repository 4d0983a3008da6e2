//! The two halves of a connection, with or without TLS.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{self as tokio_io, AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio_rustls::server::TlsStream;

type Secure = TlsStream<TcpStream>;

/// What a client sends.
pub(crate) enum Incoming {
    Plain(OwnedReadHalf),
    Secure(tokio_io::ReadHalf<Secure>),
}

/// What a client is sent. After a write it must be flushed: TLS may hold a part back.
pub(crate) enum Outbound {
    Plain(OwnedWriteHalf),
    Secure(tokio_io::WriteHalf<Secure>),
}

pub(crate) fn split_plain(socket: TcpStream) -> (Incoming, Outbound) {
    let (incoming, outbound) = socket.into_split();
    (Incoming::Plain(incoming), Outbound::Plain(outbound))
}

pub(crate) fn split_secure(socket: Secure) -> (Incoming, Outbound) {
    let (incoming, outbound) = tokio_io::split(socket);
    (Incoming::Secure(incoming), Outbound::Secure(outbound))
}

impl AsyncRead for Incoming {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(half) => Pin::new(half).poll_read(cx, buffer),
            Self::Secure(half) => Pin::new(half).poll_read(cx, buffer),
        }
    }
}

impl AsyncWrite for Outbound {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(half) => Pin::new(half).poll_write(cx, bytes),
            Self::Secure(half) => Pin::new(half).poll_write(cx, bytes),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(half) => Pin::new(half).poll_flush(cx),
            Self::Secure(half) => Pin::new(half).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(half) => Pin::new(half).poll_shutdown(cx),
            Self::Secure(half) => Pin::new(half).poll_shutdown(cx),
        }
    }
}
