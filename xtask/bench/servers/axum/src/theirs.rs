//! axum with its own WebSocket: `echo-axum [--plain] ADDR`.

use axum::Router;
use axum::extract::ws::{Message, WebSocket, WebSocketUpgrade};
use axum::response::Response;
use axum::routing::any;
use axum::serve::ListenerExt;
use echo_common::{MAX_MESSAGE, args, echo_batched, echo_plain};
use tokio::net::TcpListener;

async fn upgrade(ws: WebSocketUpgrade) -> Response {
    ws.max_message_size(MAX_MESSAGE).max_frame_size(MAX_MESSAGE).on_upgrade(echo)
}

async fn echo(ws: WebSocket) {
    let keep = |m: &Message| matches!(m, Message::Text(_) | Message::Binary(_));
    match args().plain {
        true => echo_plain(ws, keep).await,
        false => echo_batched(ws, keep).await,
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> std::io::Result<()> {
    let listener = TcpListener::bind(args().addr).await?;
    let listener = listener.tap_io(|tcp| _ = tcp.set_nodelay(true));
    axum::serve(listener, Router::new().route("/", any(upgrade))).await
}
