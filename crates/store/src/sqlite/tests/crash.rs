//! Killed at any instant, the store keeps what it has acknowledged. The test runs its own binary
//! as the process that is killed.

use std::ffi::OsString;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use crate::WindowQuery;

use super::*;

/// Names the data folder to the child.
const DIR: &str = "HUITIAN_STORE_CRASH_DIR";

/// The test below, which the child runs as itself.
const TEST: &str = "sqlite::tests::crash::acknowledged_records_and_commits_survive_kill_9";

/// How often it is killed.
const KILLS: usize = 20;

/// Acknowledgements after which it is killed, by turns.
const LIVES: [usize; 4] = [1, 40, 150, 400];

/// The process that is killed: appends and commits, and prints what was acknowledged.
async fn live_until_killed(dir: OsString) {
    let store = Sqlite::open(StoreConfig::new(dir)).unwrap();
    let appends = (0..4_i64).map(|task| {
        let store = store.clone();
        tokio::spawn(async move {
            for n in 0..i64::MAX {
                let now = UtcMs(n * 4 + task);
                let position = store.append(vec![tick(now)]).await.unwrap()[0];
                println!("append {position} {}", now.0);
            }
        })
    });
    let appends: Vec<_> = appends.collect();
    loop {
        let number = store
            .head(part())
            .await
            .unwrap()
            .map_or(0, |head| head.number.0)
            + 1;
        let start = UtcMs(number.cast_signed() * 5 * MINUTE);
        say(
            &store,
            vec![Output::Window(window("lot-1", WindowLength::Min5, start))],
        )
        .await;
        println!("commit {number} 0");
        assert!(!appends.iter().any(tokio::task::JoinHandle::is_finished));
    }
}

fn start(folder: &Folder) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "--nocapture", TEST])
        .env(DIR, folder.dir.path())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

/// What a line of the child acknowledges. A torn last line acknowledges nothing.
fn parse(line: &str) -> Option<(bool, u64, i64)> {
    let mut words = line.split(' ');
    let is_append = match words.next()? {
        "append" => true,
        "commit" => false,
        _ => return None,
    };
    Some((
        is_append,
        words.next()?.parse().ok()?,
        words.next()?.parse().ok()?,
    ))
}

/// Lets the child live for so many acknowledgements, kills it, and gives all that it printed.
fn live(folder: &Folder, acknowledgements: usize) -> Vec<(bool, u64, i64)> {
    let mut child = start(folder);
    let mut lines = BufReader::new(child.stdout.take().unwrap()).split(b'\n');
    let mut seen = Vec::new();
    for line in lines.by_ref() {
        seen.extend(parse(&String::from_utf8(line.unwrap()).unwrap()));
        if seen.len() >= acknowledgements {
            break;
        }
    }
    child.kill().unwrap();
    child.wait().unwrap();
    for line in lines {
        seen.extend(parse(&String::from_utf8(line.unwrap()).unwrap()));
    }
    seen
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn acknowledged_records_and_commits_survive_kill_9() {
    if let Some(dir) = std::env::var_os(DIR) {
        return live_until_killed(dir).await;
    }
    let folder = Folder::new();
    let mut appends = std::collections::BTreeMap::new();
    let mut committed = 0;
    for life in 0..KILLS {
        let seen = live(&folder, LIVES[life % LIVES.len()]);
        assert!(!seen.is_empty());
        for (is_append, number, now) in seen {
            if is_append {
                assert_eq!(
                    appends.insert(number, now),
                    None,
                    "position {number} given twice"
                );
            } else {
                assert!(number > committed, "commit {number} made twice");
                committed = number;
            }
        }
        let store = folder.open();
        let log = store.read(part(), Position(1), usize::MAX).await.unwrap();
        let found: std::collections::BTreeMap<_, _> = log
            .into_iter()
            .map(|(position, record)| {
                let Record::Tick(tick) = record else {
                    panic!("{record:?}")
                };
                (position.0, tick.now.0)
            })
            .collect();
        for (position, now) in &appends {
            assert_eq!(
                found.get(position),
                Some(now),
                "position {position} was acknowledged"
            );
        }
        let head = store
            .head(part())
            .await
            .unwrap()
            .map_or(0, |head| head.number.0);
        assert!(
            head >= committed,
            "commit {committed} was acknowledged, the head is {head}"
        );
        let query = WindowQuery {
            site: site(),
            facility: facility("lot-1"),
            length: WindowLength::Min5,
            from: UtcMs(0),
            to: UtcMs(i64::MAX),
            after: None,
            limit: usize::MAX,
        };
        let windows = u64::try_from(store.windows(&query).unwrap().len()).unwrap();
        assert_eq!(windows, head, "a commit and its rows are one");
        assert_eq!(store.check().unwrap(), Vec::<String>::new());
    }
}
