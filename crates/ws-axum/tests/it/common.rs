//! A server, and what is done with connections to it.

use std::future::{Future, IntoFuture};
use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use ws_axum::{Error, WebSocket};

/// Fails instead of waiting without end.
pub(crate) async fn in_time<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(20), future).await.expect("this waits without end")
}

pub(crate) async fn echo(mut ws: WebSocket) -> Result<(), Error> {
    while let Some(message) = ws.recv().await? {
        ws.send(message).await?;
    }
    Ok(())
}

/// Serves as long as the test runs.
pub(crate) async fn serve(app: Router) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    let app = app.into_make_service_with_connect_info::<SocketAddr>();
    tokio::spawn(axum::serve(listener, app).into_future());
    addr
}

/// Sends these lines, one of which ends the connection, and gives the response.
pub(crate) async fn raw(addr: SocketAddr, lines: &str) -> String {
    let mut tcp = TcpStream::connect(addr).await.unwrap();
    let request = format!("{}\r\n\r\n", lines.replace('\n', "\r\n"));
    tcp.write_all(request.as_bytes()).await.unwrap();
    let mut response = String::new();
    in_time(tcp.read_to_string(&mut response)).await.unwrap();
    response
}

pub(crate) async fn open(connect: ws_tokio::Connect) -> ws_tokio::WebSocket {
    in_time(connect.into_future()).await.unwrap()
}

/// Sends a message, and receives it again.
pub(crate) async fn ask<S>(ws: &mut ws_tokio::WebSocket<S>, text: &str) -> String
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin,
{
    ws.send(text).await.unwrap();
    let message = in_time(ws.recv()).await.unwrap();
    message.expect("the connection is open").into_text().unwrap().to_string()
}
