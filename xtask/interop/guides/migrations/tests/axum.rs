//! The differences that break programs, as `docs/howto/from-axum.md` lists them: both extractors in the same
//! situations.

use std::future::IntoFuture;
use std::time::Duration;

use axum::extract::ws;
use axum::response::Response;
use axum::routing::any;
use axum::{Router, serve};
use tokio::net::TcpListener;
use websockets::{Error, axum as ours, connect};

/// A server that runs until the runtime ends: on `/theirs` the extractor of axum, on `/ours` that of this library. The
/// handlers answer one message with its length.
async fn start() -> String {
    async fn theirs(ws: ws::WebSocketUpgrade) -> Response {
        ws.protocols(["a"]).on_upgrade(async |mut ws| {
            if let Some(Ok(ws::Message::Binary(bytes))) = ws.recv().await {
                _ = ws.send(bytes.len().to_string().into()).await;
            }
        })
    }
    async fn ours(ws: ours::WebSocketUpgrade) -> Response {
        ws.protocols(["a"]).on_upgrade(async |mut ws: ours::WebSocket| {
            if let Some(message) = ws.recv().await? {
                ws.send(message.len().to_string()).await?;
            }
            Ok::<_, Error>(())
        })
    }
    let app = Router::new().route("/theirs", any(theirs)).route("/ours", any(ours));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("ws://{}", listener.local_addr().unwrap());
    tokio::spawn(serve(listener, app).into_future());
    url
}

/// The answer to a message of this size, and the code of the close frame behind it.
async fn talk(url: &str, path: &str, size: usize) -> (Option<String>, Option<u16>) {
    let mut ws = connect(format!("{url}/{path}")).subprotocols(["a"]).await.unwrap();
    ws.send(vec![0; size]).await.unwrap();
    let mut answer = None;
    let talking = async {
        loop {
            match ws.recv().await {
                Ok(Some(message)) => answer = message.as_text().map(str::to_owned),
                Ok(None) => return ws.close_code(),
                Err(error) => return error.rcvd().map(|close| close.code),
            }
        }
    };
    let code = tokio::time::timeout(Duration::from_secs(20), talking).await;
    (answer, code.expect("it takes less than 20 seconds").map(u16::from))
}

#[tokio::test]
async fn a_handler_that_returns_closes_the_connection_only_here() {
    let url = start().await;
    assert_eq!(talk(&url, "theirs", 1).await, (Some("1".to_owned()), None));
    assert_eq!(talk(&url, "ours", 1).await, (Some("1".to_owned()), Some(1000)));
}

#[tokio::test]
async fn a_message_of_2_mib_is_too_big_only_here() {
    let url = start().await;
    assert_eq!(talk(&url, "theirs", 2 << 20).await, (Some("2097152".to_owned()), None));
    assert_eq!(talk(&url, "ours", 2 << 20).await, (None, Some(1009)));
}

#[tokio::test]
async fn a_client_without_the_subprotocol_is_refused_only_here() {
    let url = start().await;
    let opened = connect(format!("{url}/theirs")).subprotocols(["b"]).await.unwrap();
    assert_eq!(opened.subprotocol(), None);
    let refused: Error = connect(format!("{url}/ours")).subprotocols(["b"]).await.unwrap_err();
    assert_eq!(refused.response().unwrap().status_code, 400);
}

#[tokio::test]
async fn messages_are_compressed_only_here() {
    let url = start().await;
    for (path, compressed) in [("theirs", false), ("ours", true)] {
        let ws = connect(format!("{url}/{path}")).subprotocols(["a"]).await.unwrap();
        assert_eq!(ws.compression().is_some(), compressed, "{path}");
    }
}
