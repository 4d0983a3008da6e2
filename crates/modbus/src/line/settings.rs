//! What a line is told: plain data, with the reasons of the defaults.

use std::time::Duration;

use crate::endpoint::Endpoint;
use crate::guard::TransactionId;

/// A line: one endpoint, the units behind it, and how they are treated.
#[derive(Clone, Debug)]
pub struct LineSettings {
    /// In messages and health. Also decides when in the interval cycles start.
    pub name: String,
    /// Where it is reached.
    pub endpoint: Endpoint,
    /// Where else, while the first cannot be reached.
    pub backup: Option<Endpoint>,
    /// A cycle starts this often.
    pub interval: Duration,
    /// From the begin of a request to the end of its answer.
    pub timeout: Duration,
    /// How long a connection may take to come about.
    pub connect_timeout: Duration,
    /// From a failed request to the next connection: a late answer then meets nobody. None is
    /// 100 ms over Modbus TCP, and as long as `timeout` where frames are RTU.
    pub settle: Option<Duration>,
    /// For devices that lose what comes at once.
    pub pause_after_connect: Duration,
    /// The least time between an answer and the next request (APG sensors: 300 ms). Where frames
    /// are RTU it is at least 3.5 characters.
    pub pause_between_requests: Duration,
    /// For gateways that serve few connections.
    pub close_after_cycle: bool,
    /// Whether an answer's transaction id must be the request's.
    pub transaction_id: TransactionId,
    /// How often a request is repeated after exception 5, 6, 10 or 11.
    pub busy_retries: u8,
    /// The wait before each repetition.
    pub busy_retries_wait: Duration,
    /// A unit is degraded after so many failures without a success between.
    pub degrade_after: u32,
    /// The share of the bus time that failing units may cost the others, 1 to 90.
    pub dead_share_percent: u8,
    /// The backup is taken after so many failed connects, and the first again likewise.
    pub backup_after: u32,
    /// While on the backup, the first endpoint is tried this often.
    pub primary_retry: Duration,
}

impl LineSettings {
    /// A line with the defaults, which are Telegraf's where it has them.
    pub fn new(name: &str, endpoint: Endpoint) -> Self {
        Self {
            name: name.to_owned(),
            endpoint,
            backup: None,
            interval: Duration::from_secs(10),
            timeout: Duration::from_secs(1),
            connect_timeout: Duration::from_secs(3),
            settle: None,
            pause_after_connect: Duration::ZERO,
            pause_between_requests: Duration::ZERO,
            close_after_cycle: false,
            transaction_id: TransactionId::Check,
            busy_retries: 0,
            busy_retries_wait: Duration::from_millis(100),
            degrade_after: 3,
            dead_share_percent: 5,
            backup_after: 3,
            primary_retry: Duration::from_secs(60),
        }
    }

    /// [`LineSettings::settle`], decided.
    pub(crate) fn settle_at(&self, endpoint: &Endpoint) -> Duration {
        const TCP: Duration = Duration::from_millis(100);
        self.settle.unwrap_or(match endpoint {
            Endpoint::Tcp { .. } => TCP,
            Endpoint::RtuOverTcp { .. } | Endpoint::Serial(_) => self.timeout,
        })
    }

    /// When in the interval this line starts, so that lines do not all start at once: FNV-1a of
    /// its name, modulo the interval.
    pub(crate) fn offset(&self) -> Duration {
        let hash = self
            .name
            .bytes()
            .fold(0xCBF2_9CE4_8422_2325_u64, |hash, byte| {
                (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01B3)
            });
        let interval = u64::try_from(self.interval.as_millis()).unwrap_or(u64::MAX);
        Duration::from_millis(hash % interval.max(1))
    }
}
