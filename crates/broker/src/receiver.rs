//! The receiving half of a socket, cut into packets.
//!
//! Memory a client can take: 4 KiB while it sends little, 64 KiB while it sends much. A packet
//! above 16 KiB first takes its size out of a budget that all connections share, and keeps it
//! until its message is answered.

use std::sync::Arc;
use std::time::Duration;

use bytes::{Buf, Bytes, BytesMut};
use tokio::io::AsyncReadExt;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use crate::PACKET_BYTES_MAX;
use crate::codec::{Header, split_header};
use crate::ending::Ending;
use crate::socket::Incoming;

/// One read of a quiet client: some forty messages of 100 bytes. 10,000 clients: 40 MiB.
const READ_BYTES_QUIET: usize = 4 << 10;
/// One read of a busy client, such as a network server: some 400 messages for one system call.
const READ_BYTES_BUSY: usize = 64 << 10;
/// Packets above this are large: no device's payload is allowed to be longer.
const LARGE_BYTES: usize = 16 << 10;
/// Budget of all large packets being received or waiting for the disk: 64 of the largest.
pub(crate) const LARGE_KIB_MAX: usize = 64 << 10;
/// A packet must be whole this long after its last byte came, whatever the keep-alive says:
/// 1 MiB needs no more than that at 20 KiB/s between stalls.
const STALL_MAX: Duration = Duration::from_secs(60);

/// A packet, cut out of the stream.
pub(crate) struct Received {
    pub(crate) first: u8,
    pub(crate) body: Bytes,
    /// A large packet's part of the budget, to be dropped with the packet.
    pub(crate) claim: Option<OwnedSemaphorePermit>,
}

pub(crate) struct Receiver {
    socket: Incoming,
    buffer: BytesMut,
    last_read_bytes: usize,
    large: Arc<Semaphore>,
    claim: Option<OwnedSemaphorePermit>,
}

impl Receiver {
    pub(crate) fn new(socket: Incoming, large: Arc<Semaphore>) -> Self {
        Self {
            socket,
            buffer: BytesMut::new(),
            last_read_bytes: 0,
            large,
            claim: None,
        }
    }

    /// The next packet. Safe to cancel: what was read stays for the next call.
    ///
    /// # Errors
    /// The connection's end: nothing came for `idle_max`, the peer is gone, or the packet breaks
    /// the framing or the size limit.
    pub(crate) async fn packet(&mut self, idle_max: Option<Duration>) -> Result<Received, Ending> {
        loop {
            match split_header(&self.buffer, PACKET_BYTES_MAX)? {
                Header::Complete {
                    first,
                    body_at,
                    total,
                } => {
                    self.claim(total).await?;
                    if self.buffer.len() >= total {
                        let mut body = self.buffer.split_to(total).freeze();
                        body.advance(body_at);
                        let claim = self.claim.take();
                        return Ok(Received { first, body, claim });
                    }
                    let missing = total.saturating_sub(self.buffer.len());
                    self.buffer.reserve(missing.max(self.read_bytes()));
                }
                Header::Incomplete => self.buffer.reserve(self.read_bytes()),
            }
            self.read(idle_max).await?;
        }
    }

    fn read_bytes(&self) -> usize {
        if self.last_read_bytes < READ_BYTES_QUIET {
            READ_BYTES_QUIET
        } else {
            READ_BYTES_BUSY
        }
    }

    async fn claim(&mut self, total: usize) -> Result<(), Ending> {
        if total > LARGE_BYTES && self.claim.is_none() {
            let kib = u32::try_from(total.div_ceil(1 << 10)).unwrap_or(u32::MAX);
            let claim = Arc::clone(&self.large).acquire_many_owned(kib).await;
            self.claim = Some(claim.map_err(|_closed| Ending::Stopped)?);
        }
        Ok(())
    }

    async fn read(&mut self, idle_max: Option<Duration>) -> Result<(), Ending> {
        let limit = match idle_max {
            _ if !self.buffer.is_empty() => Some(idle_max.unwrap_or(STALL_MAX).min(STALL_MAX)),
            limit => limit,
        };
        let reading = self.socket.read_buf(&mut self.buffer);
        let read = match limit {
            Some(limit) => timeout(limit, reading)
                .await
                .map_err(|_late| Ending::Silent)?,
            None => reading.await,
        };
        self.last_read_bytes = read.map_err(Ending::Lost)?;
        if self.last_read_bytes == 0 {
            return Err(Ending::Closed);
        }
        Ok(())
    }
}
