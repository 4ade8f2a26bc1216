//! axum with our extractor, in the plain loop: `echo-axum-ours ADDR`.

use axum::Router;
use axum::response::Response;
use axum::routing::any;
use axum::serve::ListenerExt;
use echo_common::{MAX_MESSAGE, args};
use tokio::net::TcpListener;
use websockets::axum::{WebSocket, WebSocketUpgrade};
use websockets::{Error, ServerSettings};

async fn upgrade(ws: WebSocketUpgrade) -> Response {
    let settings = ServerSettings::new().max_message_size(MAX_MESSAGE).compression(None);
    ws.settings(settings).on_upgrade(echo)
}

async fn echo(mut ws: WebSocket) -> Result<(), Error> {
    // As in the example.
    drop(ws.take_request());
    while let Some(message) = ws.recv().await? {
        ws.send(message).await?;
    }
    Ok(())
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> std::io::Result<()> {
    let listener = TcpListener::bind(args().addr).await?;
    let listener = listener.tap_io(|tcp| _ = tcp.set_nodelay(true));
    axum::serve(listener, Router::new().route("/", any(upgrade))).await
}
