//! A server that shouts back what it hears.

use axum::Router;
use axum::extract::ws::{Message, WebSocket, WebSocketUpgrade};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::any;
use tokio::net::TcpListener;

async fn upgrade(headers: HeaderMap, ws: WebSocketUpgrade) -> Response {
    if headers.get(header::AUTHORIZATION).is_none_or(|value| value != "Bearer secret") {
        return (StatusCode::UNAUTHORIZED, "Who are you?\n").into_response();
    }
    ws.protocols(["shout"]).on_upgrade(shout)
}

async fn shout(mut ws: WebSocket) {
    while let Some(Ok(message)) = ws.recv().await {
        let answer = match message {
            Message::Text(text) => Message::from(text.to_uppercase()),
            Message::Binary(bytes) => {
                Message::from(bytes.iter().rev().copied().collect::<Vec<u8>>())
            }
            Message::Close(Some(frame)) => {
                println!("closed: {} {}", frame.code, frame.reason);
                continue;
            }
            _ => continue,
        };
        if ws.send(answer).await.is_err() {
            return;
        }
    }
}

#[tokio::main]
async fn main() -> std::io::Result<()> {
    let app = Router::new().route("/", any(upgrade));
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    println!("listening on ws://{}/", listener.local_addr()?);
    axum::serve(listener, app).await
}
