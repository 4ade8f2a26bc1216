//! Connections over HTTP/1.1.

use std::future::IntoFuture;
use std::sync::mpsc::channel;

use http::Request;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use ws_hyper::{Connections, upgrade};
use ws_tokio::exceptions::{AbortHandshake, InvalidStatus};
use ws_tokio::{FailureKind, OriginRule, ServerSettings, Upgrader, connect};

use super::common::{echo, in_time, serve, serve_with, talk};

#[tokio::test]
async fn a_client_talks_to_a_server_of_hyper() {
    let connections = Connections::new();
    let addr = serve(ServerSettings::new().subprotocols(["chat"]), &connections).await;
    let ws = connect(format!("ws://{addr}/chat?room=1")).subprotocols(["chat"]);
    let mut ws = in_time(ws.into_future()).await.unwrap();
    assert_eq!(ws.subprotocol().unwrap().as_str(), "chat");
    assert_eq!(ws.compression().is_some(), cfg!(feature = "deflate"));
    ws.send("hello").await.unwrap();
    in_time(ws.recv()).await.unwrap();
    {
        let listed = connections.list();
        let request = listed[0].request().unwrap();
        assert_eq!((request.path(), request.query()), ("/chat", Some("room=1")));
        assert_eq!(listed[0].peer_addr(), ws.local_addr());
        assert_eq!(listed[0].data::<&str>(), Some(&"Anna"));
    }
    talk(ws).await;
}

/// Sends these lines, and gives the response.
async fn raw(addr: std::net::SocketAddr, lines: &str) -> String {
    let mut tcp = TcpStream::connect(addr).await.unwrap();
    let request = format!("{}\r\n\r\n", lines.replace('\n', "\r\n"));
    tcp.write_all(request.as_bytes()).await.unwrap();
    let mut response = String::new();
    in_time(tcp.read_to_string(&mut response)).await.unwrap();
    response
}

const OPENING: &str = "Upgrade: websocket\nConnection: Upgrade\nSec-WebSocket-Version: 13\n\
                       Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==";

#[tokio::test]
async fn refusals_have_their_status_and_text() {
    let settings = ServerSettings::new().origins([OriginRule::SameHost]);
    let addr = serve(settings, &Connections::new()).await;
    for (lines, status, text) in [
        ("GET / HTTP/1.1\nHost: a".to_owned(), 426, "missing Connection header"),
        (format!("POST / HTTP/1.1\nHost: a\n{OPENING}"), 405, "unsupported HTTP method: POST"),
        (format!("GET / HTTP/1.1\n{OPENING}"), 400, "missing Host header"),
        (format!("GET / HTTP/1.1\nHost: a b\n{OPENING}"), 400, "invalid Host header: a b"),
        (format!("GET / HTTP/1.1\nHost: a\n{OPENING}"), 403, "missing Origin header"),
        (
            format!("GET / HTTP/1.1\nHost: a\nOrigin: https://evil.example\n{OPENING}"),
            403,
            "invalid Origin header: https://evil.example",
        ),
        ("GET /page HTTP/1.1\nHost: a\nConnection: close".to_owned(), 200, "a page"),
    ] {
        let response = raw(addr, &lines).await;
        assert!(response.starts_with(&format!("HTTP/1.1 {status} ")), "{lines}: {response}");
        assert!(response.contains(text), "{lines}: {response}");
    }
}

#[tokio::test]
async fn a_request_that_cannot_be_upgraded_is_a_fault_of_the_server() {
    let upgrader = Upgrader::new(ServerSettings::new()).unwrap();
    let mut request = Request::get("/chat").header("Host", "a");
    for line in OPENING.lines() {
        let (name, value) = line.split_once(": ").unwrap();
        request = request.header(name, value);
    }
    let refusal = upgrade(&mut request.body(()).unwrap(), &upgrader).unwrap_err();
    assert_eq!(refusal.response.status(), 500);
    assert!(refusal.to_string().contains("can't be upgraded"), "{refusal}");

    // The response promises what the server can't do.
    let (sender, reports) = channel();
    let connections = Connections::with_on_error(move |failure| {
        sender.send((failure.kind(), failure.to_string())).unwrap();
    });
    let of_server = connections.clone();
    let answer = move |mut request: Request<_>, _| {
        let (response, upgrade) = upgrade(&mut request, &upgrader).unwrap();
        tokio::spawn(of_server.run(upgrade, echo));
        response
    };
    let addr = serve_with(answer, false).await;
    raw(addr, &format!("GET / HTTP/1.1\nHost: a\n{OPENING}")).await;
    in_time(connections.shutdown()).await;
    let (kind, line) = reports.recv().unwrap();
    assert_eq!(kind, FailureKind::Handshake);
    assert!(line.starts_with("the opening handshake failed: "), "{line}");
}

#[tokio::test]
async fn a_shutdown_closes_upgraded_connections_and_refuses_new_ones() {
    let connections = Connections::new();
    let addr = serve(ServerSettings::new(), &connections).await;
    let uri = format!("ws://{addr}/");
    let mut ws = in_time(connect(&uri).into_future()).await.unwrap();
    connections.drain();
    let error = in_time(connect(&uri).into_future()).await.unwrap_err();
    assert_eq!(error.get::<InvalidStatus>().unwrap().response.status_code, 503);
    assert!(error.is_retryable() && error.get::<AbortHandshake>().is_none());
    let shutdown = connections.shutdown().close(1012, "restarting");
    let (report, end) = tokio::join!(in_time(shutdown), in_time(ws.recv()));
    assert_eq!((report.closed, report.cut, report.failed), (1, 0, 0));
    let closed = end.unwrap_err();
    assert_eq!(closed.rcvd().unwrap().reason.as_ref(), "restarting");
}

#[tokio::test]
async fn frames_that_come_with_the_request_are_the_first_ones() {
    let addr = serve(ServerSettings::new(), &Connections::new()).await;
    let mut tcp = TcpStream::connect(addr).await.unwrap();
    let head = format!("GET / HTTP/1.1\nHost: a\n{OPENING}\n\n").replace('\n', "\r\n");
    // A message and a close frame, masked with zeros.
    let frames = b"\x81\x85\0\0\0\0early\x88\x82\0\0\0\0\x03\xe8";
    tcp.write_all(&[head.as_bytes(), frames].concat()).await.unwrap();
    let mut answer = Vec::new();
    in_time(tcp.read_to_end(&mut answer)).await.unwrap();
    assert!(answer.starts_with(b"HTTP/1.1 101 "), "{}", answer.escape_ascii());
    assert!(
        answer.ends_with(b"\r\n\r\n\x81\x05early\x88\x02\x03\xe8"),
        "{}",
        answer.escape_ascii()
    );
}

#[cfg(not(feature = "http2"))]
#[test]
fn without_the_feature_requests_of_http2_are_refused_with_505() {
    let upgrader = Upgrader::new(ServerSettings::new()).unwrap();
    let mut request = Request::connect("https://example.com/chat")
        .version(http::Version::HTTP_2)
        .header("Sec-WebSocket-Version", "13")
        .body(())
        .unwrap();
    assert!(ws_hyper::is_upgrade_request(&request));
    let refusal = upgrade(&mut request, &upgrader).unwrap_err();
    assert_eq!(refusal.response.status(), 505);
    // A tunnel, or another protocol.
    request.headers_mut().clear();
    assert!(!ws_hyper::is_upgrade_request(&request));
}
