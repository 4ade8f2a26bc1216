//! A server that shouts back what it hears.

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::any;
use tokio::net::TcpListener;
use websockets::axum::{Connections, WebSocket, WebSocketUpgrade};
use websockets::{Error, Message};

async fn upgrade(
    State(connections): State<Connections>,
    headers: HeaderMap,
    ws: WebSocketUpgrade,
) -> Response {
    if headers.get(header::AUTHORIZATION).is_none_or(|value| value != "Bearer secret") {
        return (StatusCode::UNAUTHORIZED, "Who are you?\n").into_response();
    }
    ws.connections(&connections).protocols(["shout"]).on_upgrade(shout)
}

async fn shout(mut ws: WebSocket) -> Result<(), Error> {
    loop {
        match ws.recv().await {
            Ok(Some(Message::Text(text))) => ws.send(text.to_uppercase()).await?,
            Ok(Some(Message::Binary(bytes))) => {
                ws.send(bytes.iter().rev().copied().collect::<Vec<u8>>()).await?;
            }
            // The client has closed: with 1000 or 1001, or with another code.
            Ok(None) => break,
            Err(error) if error.rcvd().is_some() => break,
            Err(error) => return Err(error),
        }
    }
    if let (Some(code), Some(reason)) = (ws.close_code(), ws.close_reason()) {
        println!("closed: {} {reason}", u16::from(code));
    }
    Ok(())
}

#[tokio::main]
async fn main() -> std::io::Result<()> {
    let connections = Connections::with_on_error(|failure| eprintln!("{failure}"));
    let app = Router::new().route("/", any(upgrade)).with_state(connections.clone());
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    println!("listening on ws://{}/", listener.local_addr()?);
    let stop = async move {
        _ = tokio::signal::ctrl_c().await;
        connections.shutdown().await;
    };
    axum::serve(listener, app).with_graceful_shutdown(stop).await
}
