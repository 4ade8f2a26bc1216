//! Uses `ws-axum` and nothing else of ours: a server and a client over loopback.

use std::future::IntoFuture;

use axum::Router;
use axum::extract::State;
use axum::response::Response;
use axum::routing::any;
use ws_axum::ws_tokio::connect;
use ws_axum::{Connections, Error, WebSocket, WebSocketUpgrade};

async fn upgrade(State(connections): State<Connections>, ws: WebSocketUpgrade) -> Response {
    ws.connections(&connections).protocols(["shout"]).on_upgrade(shout)
}

async fn shout(mut ws: WebSocket) -> Result<(), Error> {
    while let Some(message) = ws.recv().await? {
        ws.send(message.into_text()?.to_uppercase()).await?;
    }
    Ok(())
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let connections = Connections::new();
    let app = Router::new().route("/", any(upgrade)).with_state(connections.clone());
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let uri = format!("ws://{}/", listener.local_addr()?);
    tokio::spawn(axum::serve(listener, app).into_future());

    match connect(&uri).await {
        Err(error) => println!("client: {:?}", error.response().map(|it| it.status_code)),
        Ok(_) => println!("client: opened without a subprotocol"),
    }
    let mut ws = connect(&uri).subprotocols(["shout"]).await?;
    ws.send("hello").await?;
    println!("client: {:?}", ws.recv().await?);
    let (report, end) = tokio::join!(connections.shutdown(), ws.recv());
    println!("client: {:?} {:?}", end?, ws.close_code());
    println!("server: {} closed, {} cut", report.closed, report.cut);
    Ok(())
}
