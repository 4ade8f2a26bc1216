//! Connections that the program opens itself: their handlers, their list and their end.

use std::future::{Future, IntoFuture, pending, ready};
use std::sync::mpsc::channel;
use std::time::Duration;

use tokio::io::{DuplexStream, duplex};
use tokio::runtime::Handle;
use ws_errors::AbortHandshake;
use ws_tokio::{
    ClientSettings, ClientUpgrader, Connections, Error, FailureKind, ServerSettings,
    ShutdownReport, Upgrader, accept, client,
};

type WebSocket = ws_tokio::WebSocket<DuplexStream>;

/// Fails instead of waiting without end.
async fn in_time<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(20), future).await.expect("this waits without end")
}

async fn echo(mut ws: WebSocket) -> Result<(), Error> {
    while let Some(message) = ws.recv().await? {
        ws.send(message).await?;
    }
    Ok(())
}

/// Opens a connection, whose handler is this.
async fn open<H, F>(connections: &Connections<DuplexStream>, handler: H) -> WebSocket
where
    H: FnOnce(WebSocket) -> F + Send + 'static,
    F: Future<Output: ws_tokio::Outcome> + Send + 'static,
{
    let (near, far) = duplex(4096);
    tokio::spawn(connections.run(accept(far), handler));
    in_time(client(near, "ws://localhost/chat").into_future()).await.unwrap()
}

fn counts(report: ShutdownReport) -> (usize, usize, usize) {
    (report.closed, report.cut, report.failed)
}

#[tokio::test]
async fn the_end_of_a_handler_closes_its_connection_and_is_reported() {
    let (report, reports) = channel();
    let connections = Connections::with_on_error(move |failure| {
        report.send((failure.kind(), failure.to_string())).unwrap();
    });
    for (code, end) in [(1000, "return"), (1011, "fail"), (1011, "panic")] {
        let handler = async move |_ws: WebSocket| match end {
            "return" => Ok(()),
            "fail" => Err("no such room"),
            _ => panic!("at the disco"),
        };
        let mut ws = open(&connections, handler).await;
        _ = in_time(ws.recv()).await;
        assert_eq!(ws.close_code(), Some(code.into()));
    }
    let (near, far) = duplex(4096);
    drop(near);
    in_time(connections.run(accept(far), echo)).await;
    let reports: Vec<_> = reports.try_iter().collect();
    let expected = [
        (FailureKind::Handler, "GET /chat: the handler failed: no such room"),
        (FailureKind::Panic, "GET /chat: the handler panicked: at the disco"),
        (FailureKind::Handshake, "the opening handshake failed: "),
    ];
    assert_eq!(reports.len(), expected.len(), "{reports:?}");
    for ((kind, line), (expected_kind, start)) in reports.iter().zip(expected) {
        assert!(*kind == expected_kind && line.starts_with(start), "{line}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_shutdown_closes_all_and_cuts_those_that_are_left_after_its_limit() {
    let connections = Connections::new();
    let mut ws = open(&connections, echo).await;
    let stuck = open(&connections, async |ws: WebSocket| {
        pending::<()>().await;
        drop(ws);
    })
    .await;
    let mut failing = open(&connections, async |mut ws: WebSocket| {
        _ = ws.recv().await;
        Err("I'm not done")
    })
    .await;
    ws.send("hello").await.unwrap();
    assert_eq!(in_time(ws.recv()).await.unwrap(), Some("hello".into()));
    assert_eq!((connections.len(), connections.list().len()), (3, 3));
    assert!(!connections.is_draining());

    let shutdown = connections.shutdown().close(4000, "bye").limit(Duration::from_secs(5));
    let (report, end, failed) =
        tokio::join!(in_time(shutdown), in_time(ws.recv()), in_time(failing.recv()));
    assert_eq!(counts(report), (2, 1, 1));
    for end in [end, failed] {
        assert_eq!(end.unwrap_err().rcvd().unwrap().to_string(), "4000 (private use) bye");
    }
    drop(stuck);
    assert!(connections.is_empty() && connections.is_draining());

    // Too late.
    let (near, far) = duplex(4096);
    tokio::spawn(connections.run(accept(far), echo));
    in_time(client(near, "ws://localhost/").into_future()).await.unwrap_err();
}

#[tokio::test]
async fn a_connection_that_opens_during_the_shutdown_is_closed_and_waited_for() {
    let connections = Connections::new();
    let (near, far) = duplex(4096);
    let running = tokio::spawn(connections.run(accept(far), echo));
    let shutdown = tokio::spawn(connections.shutdown());
    tokio::task::yield_now().await;
    assert!(connections.is_draining());
    let mut ws = in_time(client(near, "ws://localhost/").into_future()).await.unwrap();
    assert_eq!(in_time(ws.recv()).await.unwrap(), None);
    assert_eq!(ws.close_code(), Some(1001.into()));
    assert_eq!(counts(in_time(shutdown).await.unwrap()), (1, 0, 0));
    running.await.unwrap();
}

#[tokio::test]
async fn an_upgrader_refuses_requests_while_its_connections_drain() {
    let connections = Connections::<DuplexStream>::new();
    let upgrader = Upgrader::new(ServerSettings::new()).unwrap().connections(&connections);
    let request = || {
        let client = ClientUpgrader::new("ws://localhost/", ClientSettings::new()).unwrap();
        client.request().clone()
    };
    assert_eq!(upgrader.negotiate(request()).unwrap().response().status_code, 101);
    connections.drain();
    let refusal = upgrader.negotiate(request()).unwrap_err();
    assert_eq!(refusal.response.status_code, 503);
    assert_eq!(refusal.response.body, b"Server is shutting down.\n");
    assert!(Error::from(refusal.error).get::<AbortHandshake>().is_some());
}

#[tokio::test]
async fn an_upgraded_connection_has_what_was_noted_and_leaves_no_task_behind() {
    let connections = Connections::new();
    let tasks = || Handle::current().metrics().num_alive_tasks();
    let before = tasks();
    let (near, far) = duplex(4096);
    let client = ClientUpgrader::new("ws://localhost/", ClientSettings::new()).unwrap();
    let upgrader = Upgrader::new(ServerSettings::new()).unwrap();
    let upgrade = upgrader.negotiate(client.request().clone()).unwrap();
    let response = upgrade.response().clone();
    let addr = ([192, 0, 2, 1], 50412).into();
    let ws = upgrade.peer_addr(addr).data("Anna").into_web_socket(far, b"");
    assert_eq!((ws.peer_addr(), ws.data::<&str>()), (Some(addr), Some(&"Anna")));

    let running = tokio::spawn(connections.run(ready(Ok(ws)), echo));
    let mut ws = client.receive_response(response).unwrap().into_web_socket(near, b"");
    ws.send("hello").await.unwrap();
    assert_eq!(in_time(ws.recv()).await.unwrap(), Some("hello".into()));
    assert_eq!(connections.list()[0].peer_addr(), Some(addr));
    in_time(ws.close(1000, "")).await.unwrap();
    in_time(running).await.unwrap();
    drop(ws);
    in_time(async {
        while tasks() > before {
            tokio::task::yield_now().await;
        }
    })
    .await;
}
