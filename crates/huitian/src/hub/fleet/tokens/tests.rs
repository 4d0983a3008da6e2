//! What a token lets in, at a real broker, before and after its time.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::Arc;

use huitian_broker::{Access, Broker, BrokerConfig, Users};
use huitian_edge::Way;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinHandle;

use super::super::{FleetAsk, FleetEvent};
use super::*;
use crate::clock::Clock;
use crate::hub::appender::Ask;
use crate::hub::doors::Doors;
use crate::hub::downlink::Downlinks;
use crate::hub::uplink::Answer;
use crate::metrics::Metrics;

/// What the file says of others, and must go on saying.
const OTHERS: &str = "# who may come in\nhub hub password=pbkdf2-sha256:1:\
    00112233445566778899aabbccddeeff:\
    00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff\n";

/// Longest wait for a sweep, in real time.
const PATIENCE: Duration = Duration::from_secs(10);

/// A hub's door: users file, broker, and the books that let in.
struct Gatehouse {
    dir: tempfile::TempDir,
    users: Arc<Users>,
    broker: Broker,
    store: Sqlite,
    clock: Clock,
}

/// The books while they are kept.
struct Books {
    events: mpsc::Sender<(FleetEvent, Way)>,
    operators: mpsc::Sender<FleetAsk>,
    answers: mpsc::Receiver<Answer>,
    stop: watch::Sender<bool>,
    task: JoinHandle<Result<(), StoreError>>,
    _asks: mpsc::Receiver<Ask>,
}

fn write(path: &Path, text: &str) {
    use std::os::unix::fs::PermissionsExt;
    std::fs::write(path, text).unwrap();
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).unwrap();
}

fn gate() -> EdgeId {
    EdgeId::new("gate-3").unwrap()
}

impl Gatehouse {
    async fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("users");
        write(&file, OTHERS);
        let users = Users::load(&file).unwrap();
        let mut config = BrokerConfig::new((Ipv4Addr::LOCALHOST, 0).into());
        config.access = Access::Users(Arc::clone(&users));
        let (inbox, _deliveries) = mpsc::channel(8);
        Self {
            dir,
            users,
            broker: Broker::start(config, inbox).await.unwrap(),
            store: Sqlite::open_ephemeral().unwrap(),
            clock: Clock::Moved {
                from: UtcMs(1_790_000_000_000),
                started: Instant::now(),
            },
        }
    }

    fn file(&self) -> String {
        std::fs::read_to_string(self.dir.path().join("users")).unwrap()
    }

    fn fleet(&self) -> (Fleet, mpsc::Receiver<Answer>, mpsc::Receiver<Ask>) {
        let (downlinks, answers) = Downlinks::new(Arc::new(Metrics::new()));
        let (ask, asks) = mpsc::channel(64);
        let file = self.dir.path().join("users");
        let doors = Doors::new((file, Arc::clone(&self.users)));
        let pens = (self.store.clone(), self.clock.clone());
        let fleet = Fleet::open(pens, downlinks, ask, Some(doors)).unwrap();
        (fleet, answers, asks)
    }

    fn open(&self) -> Books {
        let (fleet, answers, asks) = self.fleet();
        let (events, heard) = mpsc::channel(8);
        let (operators, operator) = mpsc::channel(8);
        let (stop, stopped) = watch::channel(false);
        Books {
            events,
            operators,
            answers,
            stop,
            task: tokio::spawn(fleet.run(heard, operator, stopped)),
            _asks: asks,
        }
    }

    async fn lets_in(&self, password: &str) -> bool {
        connect(self.broker.local_addr(), password).await == 0
    }

    /// Waits until the sweep has been: a session of that password would end with it.
    async fn until_refused(&self, password: &str) {
        let swept = async {
            while self.lets_in(password).await {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(PATIENCE, swept)
            .await
            .expect("the log-in goes on");
    }
}

impl Books {
    async fn token(&self, for_ms: i64) -> String {
        let (answer, told) = oneshot::channel();
        let ask = FleetAsk::Enroll(gate(), for_ms, answer);
        self.operators
            .send(ask)
            .await
            .unwrap_or_else(|_gone| panic!("the books are closed"));
        told.await.unwrap().unwrap()
    }

    /// After this the books have done all that was due.
    async fn settle(&self) {
        let (answer, told) = oneshot::channel();
        let ask = FleetAsk::List(answer);
        self.operators
            .send(ask)
            .await
            .unwrap_or_else(|_gone| panic!("the books are closed"));
        told.await.unwrap().unwrap();
    }

    async fn close(self) {
        self.stop.send_replace(true);
        self.task.await.unwrap().unwrap();
    }
}

/// The code with which the broker answers a log-in as gate-3 (MQTT 3.1.1, 3.1 and 3.2).
async fn connect(broker: SocketAddr, password: &str) -> u8 {
    let mut body = b"\x00\x04MQTT\x04\xc2\x00\x00".to_vec();
    for text in ["gate-3-a", "gate-3", password] {
        body.extend(u16::try_from(text.len()).unwrap().to_be_bytes());
        body.extend(text.as_bytes());
    }
    let mut packet = vec![0x10, u8::try_from(body.len()).unwrap()];
    packet.extend(body);
    let mut stream = TcpStream::connect(broker).await.unwrap();
    stream.write_all(&packet).await.unwrap();
    let mut answer = [0; 4];
    stream.read_exact(&mut answer).await.unwrap();
    assert_eq!(answer[..2], [0x20, 2]);
    answer[3]
}

/// Lets time pass for all timers, and then as usual again.
async fn pass(ms: u64) {
    tokio::time::pause();
    tokio::time::advance(Duration::from_millis(ms)).await;
    tokio::time::resume();
}

#[tokio::test]
async fn an_unused_token_lets_nobody_in_past_its_time() {
    let house = Gatehouse::new().await;
    let books = house.open();
    let token = books.token(3_600_000).await;
    pass(3_590_000).await;
    books.settle().await;
    assert!(house.lets_in(&token).await);
    pass(10_001).await;
    house.until_refused(&token).await;
    assert_eq!(house.file(), OTHERS);
    books.settle().await;
    assert_eq!(house.store.meta_below(ENROLMENT).unwrap(), []);
    books.close().await;
}

#[tokio::test]
async fn a_token_that_ran_out_while_the_hub_was_down_is_ended_by_the_start() {
    let house = Gatehouse::new().await;
    let books = house.open();
    let token = books.token(60_000).await;
    books.close().await;
    pass(60_001).await;
    assert!(house.lets_in(&token).await, "nobody is there to end it");
    let books = house.open();
    house.until_refused(&token).await;
    assert_eq!(house.file(), OTHERS);
    books.close().await;
}

#[tokio::test]
async fn a_token_in_its_time_outlives_a_restart_and_no_more() {
    let house = Gatehouse::new().await;
    let books = house.open();
    let token = books.token(3_600_000).await;
    books.close().await;
    let books = house.open();
    books.settle().await;
    assert!(house.lets_in(&token).await);
    pass(3_600_001).await;
    house.until_refused(&token).await;
    books.close().await;
}

#[tokio::test]
async fn what_an_edge_was_given_for_its_token_never_ends_with_it() {
    let house = Gatehouse::new().await;
    let mut books = house.open();
    let token = books.token(60_000).await;
    let shown = FleetEvent::Enroll {
        edge: gate(),
        instance: 7,
        token: token.clone(),
    };
    books.events.send((shown, Way::Embedded)).await.unwrap();
    let answer = books.answers.recv().await.unwrap();
    let huitian_model::uplink::Down::Enrolled { password, .. } = answer.down else {
        panic!("{answer:?}");
    };
    assert!(!house.lets_in(&token).await);
    pass(8 * 86_400_000).await;
    books.settle().await;
    assert!(house.lets_in(&password).await);
    books.close().await;
    let books = house.open();
    books.settle().await;
    assert!(house.lets_in(&password).await);
    books.close().await;
}

#[tokio::test]
async fn a_log_in_that_was_written_by_hand_since_stays() {
    let house = Gatehouse::new().await;
    let books = house.open();
    let token = books.token(60_000).await;
    let own = PasswordHash::of_token("0123456789abcdef0123456789abcdef").unwrap();
    let text = format!("{OTHERS}gate-3 edge password={own}\n");
    write(&house.dir.path().join("users"), &text);
    house.users.reload().unwrap();
    pass(60_001).await;
    let swept = async {
        while !house.store.meta_below(ENROLMENT).unwrap().is_empty() {
            books.settle().await;
        }
    };
    tokio::time::timeout(PATIENCE, swept)
        .await
        .expect("the token is not swept");
    assert_eq!(house.file(), text);
    assert!(!house.lets_in(&token).await);
    books.close().await;
}

#[tokio::test]
async fn a_users_file_that_cannot_be_written_is_tried_again_a_minute_later_and_not_at_once() {
    let house = Gatehouse::new().await;
    let mut fleet = house.fleet().0;
    let token = fleet.token(gate(), 60_000).await.unwrap();
    // A folder where the new file would be written.
    let blocked = house.dir.path().join("users.new");
    std::fs::create_dir(&blocked).unwrap();
    pass(60_001).await;
    fleet.sweep().await.unwrap();
    assert!(house.lets_in(&token).await);
    let again = fleet.waiting.deadline(house.clock.now(), 1).unwrap();
    assert!(again > Instant::now() + RETRY / 2);
    std::fs::remove_dir(&blocked).unwrap();
    fleet.sweep().await.unwrap();
    assert!(!house.lets_in(&token).await);
    assert_eq!(fleet.waiting.deadline(house.clock.now(), 1), None);
}
