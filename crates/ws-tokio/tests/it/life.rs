//! The life of a server: the list of its connections, draining, the end and its report.

use std::future::{Future, IntoFuture, pending};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use ws_errors::InvalidStatus;
use ws_tokio::{Error, Handshake, Response, Server, ShutdownReport, WebSocket, connect, serve};

/// Fails instead of waiting without end.
async fn in_time<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(20), future).await.expect("this waits without end")
}

async fn open(server: &Server, path: &str) -> WebSocket {
    let uri = format!("ws://{}/{path}", server.local_addr());
    in_time(connect(uri).into_future()).await.unwrap()
}

async fn until(condition: impl Fn() -> bool) {
    in_time(async {
        while !condition() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    })
    .await;
}

async fn echo(mut ws: WebSocket) -> Result<(), Error> {
    while let Some(message) = ws.recv().await? {
        ws.send(message).await?;
    }
    Ok(())
}

fn counts(report: ShutdownReport) -> (usize, usize, usize) {
    (report.closed, report.cut, report.failed)
}

#[tokio::test]
async fn open_connections_are_listed_with_their_facts_and_reached_from_outside() {
    let server = serve("127.0.0.1:0", echo)
        .process_request(async |it: Handshake| {
            let name = it.request().path().to_owned();
            Ok(it.data(name))
        })
        .await
        .unwrap();
    assert!(server.connections().is_empty());
    let (mut anna, mut ben) = (open(&server, "anna").await, open(&server, "ben").await);
    anna.send("hello").await.unwrap();
    assert_eq!(in_time(anna.recv()).await.unwrap(), Some("hello".into()));

    until(|| server.connections().len() == 2).await;
    let listed = server.connections();
    let of = |name: &str| listed.iter().find(|it| it.data::<String>().unwrap() == name).unwrap();
    let to_anna = of("/anna");
    assert_eq!(to_anna.peer_addr(), anna.local_addr());
    assert_eq!(to_anna.request().unwrap().path(), "/anna");
    assert_eq!((to_anna.stats().received.messages, of("/ben").stats().received.messages), (1, 0));
    to_anna.try_send("news").unwrap();
    assert_eq!(in_time(anna.recv()).await.unwrap(), Some("news".into()));

    let to_ben = server.connection(of("/ben").id()).unwrap();
    to_ben.start_close(4000, "enough").unwrap();
    assert_eq!(in_time(ben.recv()).await.unwrap_err().closed().unwrap().code(), 4000);
    drop(listed);
    until(|| server.connections().len() == 1).await;
    assert!(server.connection(to_ben.id()).is_none());
    assert_eq!(counts(in_time(server.shutdown()).await), (1, 0, 0));
}

#[tokio::test]
async fn a_request_is_taken_from_a_connection_that_is_listed() {
    let server = serve("127.0.0.1:0", async |mut ws: WebSocket| {
        let path = ws.take_request().unwrap().path().to_owned();
        ws.send(path).await?;
        assert!(ws.request().is_none());
        pending::<Result<(), Error>>().await
    })
    .await
    .unwrap();
    let mut ws = open(&server, "a").await;
    assert_eq!(in_time(ws.recv()).await.unwrap(), Some("/a".into()));
    let listed = server.connections();
    assert!(listed[0].request().is_none() && listed[0].peer_addr() == ws.local_addr());
}

#[tokio::test]
async fn a_server_that_drains_refuses_new_clients_and_keeps_the_others() {
    let server = serve("127.0.0.1:0", echo)
        .process_request(async |it: Handshake| match it.request().path() {
            "/healthz" => Err(Response::text(200, "OK\n")),
            _ => Ok(it),
        })
        .await
        .unwrap();
    let addr = server.local_addr();
    let health = || async move {
        let mut tcp = TcpStream::connect(addr).await.unwrap();
        tcp.write_all(b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
        let mut response = String::new();
        in_time(tcp.read_to_string(&mut response)).await.unwrap();
        response[9..12].to_owned()
    };
    let mut ws = open(&server, "").await;
    assert_eq!(health().await, "200");
    server.drain();
    assert_eq!(health().await, "503");
    let error = in_time(connect(format!("ws://{addr}/")).into_future()).await.unwrap_err();
    assert_eq!(error.get::<InvalidStatus>().unwrap().response.status_code, 503);
    assert!(error.is_retryable());
    ws.send("still here").await.unwrap();
    assert_eq!(in_time(ws.recv()).await.unwrap(), Some("still here".into()));
    let (report, end) = tokio::join!(in_time(server.shutdown()), in_time(ws.recv()));
    assert_eq!((counts(report), end.unwrap()), ((1, 0, 0), None));
}

#[tokio::test]
async fn the_report_of_a_shutdown_tells_how_connections_ended() {
    let server = serve("127.0.0.1:0", async |mut ws: WebSocket| {
        let path = ws.request().unwrap().path().to_owned();
        match &*path {
            "/stays" => pending().await,
            "/fails" => {
                _ = ws.recv().await;
                Err("on purpose")
            }
            "/panics" => {
                _ = ws.recv().await;
                panic!("on purpose")
            }
            _ => {
                while ws.recv().await.is_ok_and(|message| message.is_some()) {}
                Ok(())
            }
        }
    })
    .close_timeout(Duration::from_secs(1))
    .await
    .unwrap();
    // This one ends before the shutdown.
    let early = open(&server, "").await;
    early.close(1000, "").await.unwrap();
    until(|| server.connections().is_empty()).await;

    let mut clients = Vec::new();
    for path in ["a", "b", "c", "stays", "fails", "panics"] {
        let mut ws = open(&server, path).await;
        clients.push(tokio::spawn(async move {
            _ = ws.recv().await;
            (ws.close_code().map(|code| code.as_u16()), ws.close_reason())
        }));
    }
    // A peer that answers nothing.
    let mut silent = TcpStream::connect(server.local_addr()).await.unwrap();
    silent.write_all(crate::common::REQUEST.as_bytes()).await.unwrap();
    until(|| server.connections().len() == 7).await;

    let shutdown = server.shutdown().close(1012, "restarting").limit(Duration::from_secs(3));
    // Closed: three, the one that failed, the one that panicked; cut: the silent one, the one that stays.
    assert_eq!(counts(in_time(shutdown).await), (5, 2, 2));
    for client in clients {
        let expected = (Some(1012), Some("restarting".to_owned()));
        assert_eq!(in_time(client).await.unwrap(), expected);
    }
}

#[tokio::test]
async fn a_close_that_cannot_be_sent_becomes_going_away() {
    for (code, reason) in [(1005, String::new()), (1012, "a".repeat(124))] {
        let server = serve("127.0.0.1:0", echo).await.unwrap();
        let mut ws = open(&server, "").await;
        let shutdown = in_time(server.shutdown().close(code, reason));
        let (_, end) = tokio::join!(shutdown, in_time(ws.recv()));
        assert_eq!((end.unwrap(), ws.close_code()), (None, Some(1001.into())));
    }
}
