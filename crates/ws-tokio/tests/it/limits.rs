//! Limits on the connections of a server.

use std::future::{Future, IntoFuture};
use std::time::Duration;

use tokio::io::AsyncReadExt;
use tokio::net::TcpSocket;
use tokio::net::TcpStream;
use ws_errors::InvalidStatus;
use ws_tokio::{Error, Server, WebSocket, connect, serve};

/// Fails instead of waiting without end.
async fn in_time<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(20), future).await.expect("this waits without end")
}

async fn wait(mut ws: WebSocket) -> Result<(), Error> {
    while ws.recv().await?.is_some() {}
    Ok(())
}

async fn open(server: &Server, local: &str) -> Result<WebSocket, Error> {
    let uri = format!("ws://{}/", server.local_addr());
    in_time(connect(uri).local_addr(local.parse::<std::net::IpAddr>().unwrap()).into_future()).await
}

async fn is_listed(server: &Server, connections: usize) {
    in_time(async {
        while server.connections().len() != connections {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    })
    .await;
}

#[tokio::test]
async fn a_client_above_the_limit_on_connections_is_told_to_come_later() {
    let server = serve("127.0.0.1:0", wait).max_connections(2).await.unwrap();
    let first = open(&server, "127.0.0.1").await.unwrap();
    let second = open(&server, "127.0.0.1").await.unwrap();
    for _ in 0..3 {
        let error = open(&server, "127.0.0.1").await.unwrap_err();
        assert_eq!(error.get::<InvalidStatus>().unwrap().response.status_code, 503);
        assert_eq!(error.retry_after(), Some(Duration::from_secs(5)));
    }
    first.close(1000, "").await.unwrap();
    is_listed(&server, 1).await;
    // The place is free once the task has ended.
    let third = in_time(async {
        loop {
            match open(&server, "127.0.0.1").await {
                Ok(ws) => return ws,
                Err(_) => tokio::time::sleep(Duration::from_millis(1)).await,
            }
        }
    });
    third.await.close(1000, "").await.unwrap();
    second.close(1000, "").await.unwrap();
}

#[tokio::test]
async fn a_flood_from_one_address_keeps_no_other_out() {
    let server = serve("127.0.0.1:0", wait).max_connections_per_address(3).await.unwrap();
    let mut flood = Vec::new();
    for _ in 0..20 {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind("127.0.0.2:0".parse().unwrap()).unwrap();
        flood.push(socket.connect(server.local_addr()).await.unwrap());
    }
    // All but three are dropped at once, long before the time limit of the handshake.
    let mut dropped = 0;
    for tcp in &mut flood {
        let end = tokio::time::timeout(Duration::from_millis(200), tcp.read(&mut [0])).await;
        dropped += usize::from(matches!(end, Ok(Ok(0) | Err(_))));
    }
    assert_eq!(dropped, 17);
    open(&server, "127.0.0.2").await.unwrap_err();
    let others: Vec<_> = [
        open(&server, "127.0.0.1").await.unwrap(),
        open(&server, "127.0.0.1").await.unwrap(),
        open(&server, "127.0.0.3").await.unwrap(),
    ]
    .into();
    is_listed(&server, 3).await;
    drop(flood);
    in_time(async {
        while open(&server, "127.0.0.2").await.is_err() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    })
    .await;
    drop(others);
}

#[tokio::test]
async fn more_handshakes_than_allowed_wait_for_the_first_ones() {
    let limit = Duration::from_millis(800);
    let server = serve("127.0.0.1:0", wait).max_handshakes(2).open_timeout(limit).await.unwrap();
    let mut silent = Vec::new();
    for _ in 0..2 {
        silent.push(TcpStream::connect(server.local_addr()).await.unwrap());
    }
    // It waits until these have timed out, and is served then.
    let begun = tokio::time::Instant::now();
    open(&server, "127.0.0.1").await.unwrap();
    assert!(begun.elapsed() > limit / 2, "{:?}", begun.elapsed());
    // An open connection isn't a handshake.
    let mut opened = Vec::new();
    for _ in 0..5 {
        opened.push(open(&server, "127.0.0.1").await.unwrap());
    }
}

#[tokio::test]
async fn a_shutdown_drops_the_connection_that_waits_for_a_handshake() {
    let server = serve("127.0.0.1:0", wait).max_handshakes(1).await.unwrap();
    let mut first = TcpStream::connect(server.local_addr()).await.unwrap();
    let mut second = TcpStream::connect(server.local_addr()).await.unwrap();
    let early = tokio::time::timeout(Duration::from_millis(50), second.read(&mut [0])).await;
    assert!(early.is_err(), "{early:?}");
    let shutdown = server.shutdown().limit(Duration::from_secs(1));
    let ended = async {
        assert!(matches!(in_time(second.read(&mut [0])).await, Ok(0) | Err(_)));
        // The other one may still ask, until the limit.
        let early = tokio::time::timeout(Duration::from_millis(50), first.read(&mut [0])).await;
        assert!(early.is_err(), "{early:?}");
        assert!(matches!(in_time(first.read(&mut [0])).await, Ok(0) | Err(_)));
    };
    let (report, ()) = tokio::join!(in_time(shutdown), ended);
    assert_eq!((report.closed, report.cut, report.failed), (0, 0, 0));
}
