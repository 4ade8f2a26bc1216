//! The description of connections on standard error.

use crate::common::{run, server};

#[tokio::test]
async fn heads_are_shown_without_secrets() {
    let server = server().await;
    let addr = server.local_addr();
    let url = format!("ws://me:secret@{addr}/redirect/1?token=secret");
    let args = [
        "-v",
        "-H",
        "Cookie: id=secret",
        "-H",
        "Proxy-Authorization: secret",
        "-H",
        "X: shown",
        &*url,
    ];
    let ended = run(&args, b"hello\n").await;
    assert_eq!((ended.status, &*ended.stdout), (0, "hello\n"), "{ended:?}");
    for line in [
        &*format!("* Connecting to ws://{addr}/redirect/1?token=***"),
        &*format!("* Redirected from ws://{addr}/redirect/1?token=*** to ws://{addr}/redirect/0"),
        "> GET /redirect/0 HTTP/1.1",
        &*format!("> Host: {addr}"),
        "> Authorization: ***",
        "> Cookie: ***",
        "> Proxy-Authorization: ***",
        "> X: shown",
        ">",
        "< HTTP/1.1 101 Switching Protocols",
        "< Upgrade: websocket",
        "<",
        "* Closed with 1000 (OK)",
    ] {
        assert!(ended.stderr.lines().any(|found| found == line), "{line}\n{}", ended.stderr);
    }
    assert!(ended.stderr.contains(&format!("\n* Connected to {addr} from 127.0.0.1:")));
    assert!(!ended.stderr.contains("secret"), "{}", ended.stderr);
    let marked = |line: &str| line.starts_with(['*', '<', '>']);
    assert!(ended.stderr.lines().all(marked), "{}", ended.stderr);
}

#[tokio::test]
async fn a_refusal_is_shown_with_its_head() {
    let server = server().await;
    let url = format!("ws://{}/refuse/404", server.local_addr());
    let ended = run(&["--verbose", &url], b"").await;
    assert_eq!(ended.status, 1);
    for line in ["< HTTP/1.1 404 No", "< Set-Cookie: ***", "<"] {
        assert!(ended.stderr.lines().any(|found| found == line), "{line}\n{}", ended.stderr);
    }
    assert!(ended.stderr.lines().last().unwrap().starts_with("error: "), "{}", ended.stderr);
}
