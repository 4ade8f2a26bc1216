//! Connections that a client of hyper opens.

use std::net::SocketAddr;
use std::time::Duration;

use http_body_util::Empty;
use hyper::body::Bytes;
use hyper::client::conn::http1::SendRequest;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use ws_hyper::{Connections, connect};
use ws_tokio::exceptions::{HandshakeTimeout, InvalidStatus, InvalidURI};
use ws_tokio::{ClientSettings, Error, OriginRule, ServerSettings};

use super::common::{in_time, serve, talk};

async fn open(addr: SocketAddr) -> SendRequest<Empty<Bytes>> {
    let io = TokioIo::new(TcpStream::connect(addr).await.unwrap());
    let (sender, connection) = hyper::client::conn::http1::handshake(io).await.unwrap();
    tokio::spawn(connection.with_upgrades());
    sender
}

#[tokio::test]
async fn a_client_of_hyper_opens_a_connection_to_any_server() {
    let ours = ws_tokio::serve("127.0.0.1:0", async |mut ws: ws_tokio::WebSocket| {
        while let Some(message) = ws.recv().await? {
            ws.send(message).await?;
        }
        Ok::<_, Error>(())
    });
    let ours = ours.subprotocols(["chat"]).await.unwrap();
    let settings = ServerSettings::new().subprotocols(["chat"]);
    let theirs = serve(settings, &Connections::new()).await;
    for addr in [ours.local_addr(), theirs] {
        let mut sender = open(addr).await;
        let settings = ClientSettings::new().subprotocols(["chat"]);
        let uri = format!("ws://{addr}/chat?room=1");
        let ws = connect(uri, settings, |request| sender.send_request(request));
        let ws = in_time(ws).await.unwrap();
        assert_eq!(ws.subprotocol().unwrap().as_str(), "chat");
        assert_eq!(ws.request().unwrap().target(), "/chat?room=1");
        talk(ws).await;
    }
}

#[tokio::test]
async fn a_refusal_is_an_error_with_its_body() {
    let settings = ServerSettings::new().origins([OriginRule::SameHost]);
    let addr = serve(settings, &Connections::new()).await;
    let mut sender = open(addr).await;
    let opening = connect(format!("ws://{addr}/"), ClientSettings::new(), |request| {
        sender.send_request(request)
    });
    let error = in_time(opening).await.unwrap_err();
    let response = &error.get::<InvalidStatus>().unwrap().response;
    assert_eq!(response.status_code, 403);
    let text = b"Failed to open a WebSocket connection: missing Origin header.\n";
    assert_eq!(response.body, text);

    let mut sender = open(addr).await;
    let opening =
        connect("ftp://localhost/", ClientSettings::new(), |request| sender.send_request(request));
    assert!(in_time(opening).await.unwrap_err().get::<InvalidURI>().is_some());
}

#[tokio::test]
async fn a_server_that_is_silent_takes_too_long_and_one_that_is_gone_fails() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    let mut sender = open(addr).await;
    let silent = listener.accept().await.unwrap();
    let uri = format!("ws://{addr}/");
    let settings = ClientSettings::new().open_timeout(Duration::from_millis(1));
    let opening = connect(&uri, settings, |request| sender.send_request(request));
    assert!(in_time(opening).await.unwrap_err().get::<HandshakeTimeout>().is_some());
    drop(silent);

    let mut sender = open(addr).await;
    drop(listener.accept().await.unwrap());
    let opening = connect(&uri, ClientSettings::new(), |request| sender.send_request(request));
    assert!(matches!(in_time(opening).await.unwrap_err(), Error::Io(_)));
}
