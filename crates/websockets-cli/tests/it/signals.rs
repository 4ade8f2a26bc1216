//! SIGINT and SIGTERM.

use nix::sys::signal::Signal::{SIGINT, SIGTERM};

use crate::common::{Ended, Running, Stubborn, check_error, closing, in_time};

#[tokio::test]
async fn a_signal_closes_an_open_connection() {
    for signal in [SIGINT, SIGTERM] {
        let server = Stubborn::new().await;
        let mut tool = Running::start(&[&server.url()]);
        let mut ws = server.ws().await;
        ws.send("hello").await.unwrap();
        assert_eq!(tool.line().await.as_deref(), Some("hello"));
        tool.kill(signal);
        assert_eq!(in_time(ws.recv()).await.unwrap(), None);
        assert_eq!(ws.close_code(), Some(1000.into()), "{signal}");
        let stdin = tool.stdin.take();
        let expected = Ended { status: 0, stdout: String::new(), stderr: String::new() };
        assert_eq!(tool.end().await, expected, "{signal}");
        drop(stdin);
    }
}

#[tokio::test]
async fn a_signal_ends_it_while_it_connects_or_pauses() {
    for (signal, status) in [(SIGINT, 130), (SIGTERM, 143)] {
        let server = Stubborn::new().await;
        let tool = Running::start(&[&server.url()]);
        let connecting = server.tcp().await;
        tool.kill(signal);
        let expected = Ended { status, stdout: String::new(), stderr: String::new() };
        assert_eq!(tool.end().await, expected, "{signal}");
        drop(connecting);

        let mut tool = Running::start(&["--reconnect", &server.url()]);
        drop(server);
        tool.said("again in").await;
        tool.kill(signal);
        assert_eq!(tool.end().await.status, status, "{signal}");
    }
}

#[tokio::test]
async fn a_second_signal_ends_it_at_once() {
    for (first, second, status) in
        [(SIGINT, SIGINT, 130), (SIGTERM, SIGINT, 130), (SIGINT, SIGTERM, 143)]
    {
        let server = Stubborn::new().await;
        let mut tool = Running::start(&[&server.url()]);
        let ws = server.ws().await;
        ws.send("hello").await.unwrap();
        let (mut stream, _) = ws.into_inner().unwrap();
        assert_eq!(tool.line().await.as_deref(), Some("hello"));
        tool.kill(first);
        closing(&mut stream).await;
        tool.kill(second);
        let expected = Ended { status, stdout: String::new(), stderr: String::new() };
        assert_eq!(tool.end().await, expected);
    }
}

#[tokio::test]
async fn a_second_signal_does_not_wait_for_a_reader_of_the_output() {
    let server = Stubborn::new().await;
    let tool = Running::start(&[&server.url()]);
    let mut ws = server.ws().await;
    // More than a pipe holds.
    ws.send("x".repeat(1 << 20)).await.unwrap();
    let arrived = ws.ping(None).await.unwrap();
    in_time(async { tokio::join!(arrived, ws.recv_event()) }).await.0.unwrap();
    let (mut stream, _) = ws.into_inner().unwrap();
    tool.kill(SIGINT);
    closing(&mut stream).await;
    tool.kill(SIGTERM);
    let Running { mut child, stdout, .. } = tool;
    assert_eq!(in_time(child.wait()).await.unwrap().code(), Some(143));
    drop(stdout);
}

#[tokio::test]
async fn a_signal_without_a_clean_close_is_an_error() {
    let server = Stubborn::new().await;
    let mut tool = Running::start(&["--close-timeout", "0.2", &server.url()]);
    let ws = server.ws().await;
    ws.send("hello").await.unwrap();
    let (mut stream, _) = ws.into_inner().unwrap();
    assert_eq!(tool.line().await.as_deref(), Some("hello"));
    tool.kill(SIGINT);
    closing(&mut stream).await;
    check_error(&tool.end().await, 1, "1000", "no answer");
}
