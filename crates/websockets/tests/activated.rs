//! The example `activated`, started as systemd does it: its socket is file descriptor 3.

#![cfg(unix)]

use std::future::{Future, IntoFuture};
use std::net::TcpListener;
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use tokio::process::Command;
use websockets::connect;

/// Fails instead of waiting without end.
async fn in_time<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(60), future).await.expect("this waits without end")
}

/// The example, which `cargo test` builds with the tests.
fn example() -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let path = test.parent().unwrap().with_file_name("examples").join("activated");
    assert!(path.is_file(), "not built: cargo build -p websockets-kit --example activated");
    path
}

/// The shell puts its standard input where systemd puts the socket, and becomes the program, whose process id is its
/// own.
const SYSTEMD: &str = r#"exec 3<&0 </dev/null; LISTEN_PID=$$ LISTEN_FDS=1 exec "$0""#;

#[tokio::test]
async fn a_client_that_comes_before_the_program_is_served_by_it() {
    let socket = TcpListener::bind("127.0.0.1:0").unwrap();
    let uri = format!("ws://{}/", socket.local_addr().unwrap());
    let early = tokio::spawn(connect(&uri).into_future());
    let mut program = Command::new("sh")
        .args(["-c", SYSTEMD])
        .arg(example())
        .stdin(OwnedFd::from(socket))
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut ws = in_time(early).await.unwrap().unwrap();
    ws.send("hello").await.unwrap();
    assert_eq!(in_time(ws.recv()).await.unwrap(), Some("hello".into()));

    let pid = program.id().unwrap().to_string();
    assert!(Command::new("kill").args(["-s", "TERM", &pid]).status().await.unwrap().success());
    assert_eq!(in_time(ws.recv()).await.unwrap(), None);
    assert_eq!(ws.close_code().map(u16::from), Some(1001));
    let status = in_time(program.wait()).await.unwrap();
    assert!(status.success(), "{status}");
}

#[tokio::test]
async fn without_a_socket_it_says_so() {
    let ended = in_time(Command::new(example()).stdin(Stdio::null()).output()).await.unwrap();
    let said = String::from_utf8(ended.stderr).unwrap();
    assert!(!ended.status.success() && said.contains("it has to be started by systemd"), "{said}");
}
