//! Who may speak through the pipe.

use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixListener as StdListener;
use std::process::{Command, Stdio};

use tokio::io::AsyncReadExt;
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};

use super::{Pipe, accept};
use crate::config::SessionConfig;

/// A name in a folder, so that a program of another's can be told of it.
fn listener(folder: &tempfile::TempDir) -> (UnixListener, String) {
    let path = folder.path().join("pipe");
    let listener = StdListener::bind(&path).unwrap();
    listener.set_nonblocking(true).unwrap();
    let listener = UnixListener::from_std(listener).unwrap();
    (listener, path.to_string_lossy().into_owned())
}

/// Where the stranger is to knock; only in its own process.
const KNOCK: &str = "HUITIAN_TEST_PIPE";

#[tokio::test]
async fn another_process_is_not_let_in() {
    if let Some(path) = std::env::var_os(KNOCK) {
        return be_the_stranger(&path);
    }
    let folder = tempfile::tempdir().unwrap();
    let (listener, path) = listener(&folder);
    let mut stranger = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "pipe::tests::another_process_is_not_let_in"])
        .env(KNOCK, &path)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut said = BufReader::new(stranger.stdout.take().unwrap()).lines();
    let is_there = |line: std::io::Result<String>| line.unwrap() == "there";
    assert!(said.any(is_there), "it never came");
    // The stranger stands in the queue, in front of us.
    let _ours = UnixStream::connect(&path).await.unwrap();
    let let_in = accept(&listener).await.unwrap();
    let process = let_in.peer_cred().unwrap().pid().unwrap();
    assert_eq!(u32::try_from(process), Ok(std::process::id()));
    // It was hung up on, and so ends.
    assert!(said.all(|line| line.is_ok()));
    assert!(stranger.wait().unwrap().success());
}

/// What the test does in the process that it starts of itself.
fn be_the_stranger(path: &OsStr) {
    let mut pipe = std::os::unix::net::UnixStream::connect(path).unwrap();
    // Past the test runner, which keeps what a test prints.
    std::io::stdout().write_all(b"\nthere\n").unwrap();
    assert_eq!(pipe.read(&mut [0]).unwrap_or(0), 0);
}

#[tokio::test]
async fn a_pipe_whose_library_never_comes_costs_the_broker_nothing() {
    let broker = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = broker.local_addr().unwrap().port();
    let config = SessionConfig::new("127.0.0.1", port, "hub", &["huitian/#"]);
    let pipe = Pipe::open(&config).await.unwrap();
    assert!(pipe.address.starts_with('\0'), "no file is left behind");
    let (taken, _) = broker.accept().await.unwrap();
    let ours = UnixStream::connect(&pipe.address).await.unwrap();
    drop(ours);
    // With the library the connection to the broker ends.
    is_closed(taken).await;
}

async fn is_closed(mut socket: TcpStream) {
    let mut nothing = Vec::new();
    let count = socket.read_to_end(&mut nothing).await.unwrap();
    assert_eq!(count, 0);
}
