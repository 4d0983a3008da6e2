//! Where a line is reached: Modbus TCP, RTU over TCP, a serial port.

use std::fmt;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_serial::{DataBits, FlowControl, SerialPort, SerialPortBuilderExt};
pub use tokio_serial::{Parity, StopBits};

use crate::frame::Framing;

/// Where a line is reached.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Endpoint {
    /// Modbus TCP: a device, or a gateway with units behind it.
    Tcp {
        /// Name or address.
        host: String,
        /// Usually 502.
        port: u16,
    },
    /// RTU frames over TCP: a serial server that translates nothing.
    RtuOverTcp {
        /// Name or address.
        host: String,
        /// Whatever the serial server has.
        port: u16,
    },
    /// RTU on a serial port.
    Serial(SerialSettings),
}

/// A serial port. RTU has 8 data bits and no flow control.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SerialSettings {
    /// Such as `/dev/ttyUSB0`.
    pub path: String,
    /// Bits a second.
    pub baud: u32,
    /// Even by the standard, none in most devices.
    pub parity: Parity,
    /// One; two where there is no parity, by the standard.
    pub stop_bits: StopBits,
}

impl Endpoint {
    /// How frames look there.
    pub const fn framing(&self) -> Framing {
        match self {
            Self::Tcp { .. } => Framing::Tcp,
            Self::RtuOverTcp { .. } | Self::Serial(_) => Framing::Rtu,
        }
    }

    /// The silence that must stand between frames: 3.5 characters, and 1.75 ms above 19,200 baud
    /// (Serial Line 1.02, 2.5.1.1). Over TCP the serial server keeps it on its line; 1.75 ms leave
    /// time for doubled answers to be seen before the next request.
    pub fn silence(&self) -> Duration {
        const FAST: Duration = Duration::from_micros(1_750);
        /// 3.5 characters of 11 bits, in microseconds at one baud.
        const CHARACTERS_US: u64 = 38_500_000;
        match self {
            Self::Tcp { .. } => Duration::ZERO,
            Self::RtuOverTcp { .. } => FAST,
            Self::Serial(port) if port.baud > 19_200 => FAST,
            Self::Serial(port) => {
                Duration::from_micros(CHARACTERS_US / u64::from(port.baud.max(1)))
            }
        }
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp { host, port } => write!(f, "tcp://{host}:{port}"),
            Self::RtuOverTcp { host, port } => write!(f, "rtu+tcp://{host}:{port}"),
            Self::Serial(port) => write!(f, "{} at {} baud", port.path, port.baud),
        }
    }
}

/// A stream of bytes in both directions.
pub trait ByteStream: AsyncRead + AsyncWrite + Send + Unpin + fmt::Debug {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin + fmt::Debug> ByteStream for T {}

/// A connection being made.
pub type Dialing<'a> = Pin<Box<dyn Future<Output = io::Result<Box<dyn ByteStream>>> + Send + 'a>>;

/// Makes connections. [`Network`] is the real one; a simulator may be another.
pub trait Dial: Send {
    /// A new connection to this endpoint.
    fn dial<'a>(&'a mut self, endpoint: &'a Endpoint) -> Dialing<'a>;
}

/// Real sockets and serial ports.
#[derive(Clone, Copy, Debug)]
pub struct Network;

impl Dial for Network {
    fn dial<'a>(&'a mut self, endpoint: &'a Endpoint) -> Dialing<'a> {
        Box::pin(async move {
            match endpoint {
                Endpoint::Tcp { host, port } | Endpoint::RtuOverTcp { host, port } => {
                    let stream = TcpStream::connect((host.as_str(), *port)).await?;
                    // A request is one small segment: it must not wait for a second.
                    stream.set_nodelay(true)?;
                    let stream: Box<dyn ByteStream> = Box::new(stream);
                    Ok(stream)
                }
                Endpoint::Serial(port) => open_serial(port),
            }
        })
    }
}

fn open_serial(settings: &SerialSettings) -> io::Result<Box<dyn ByteStream>> {
    let port = tokio_serial::new(&settings.path, settings.baud)
        .data_bits(DataBits::Eight)
        .flow_control(FlowControl::None)
        .parity(settings.parity)
        .stop_bits(settings.stop_bits)
        .open_native_async()?;
    port.clear(tokio_serial::ClearBuffer::All)?;
    Ok(Box::new(port))
}
