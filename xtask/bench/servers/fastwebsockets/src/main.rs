//! fastwebsockets as its echo example has it: hyper's upgrade, `FragmentCollector`.
//!
//! It writes each frame at once and has no other way to send, so its best style is the plain loop.

use bytes::Bytes;
use echo_common::{MAX_MESSAGE, args, serve_tcp, spawn};
use fastwebsockets::upgrade::{UpgradeFut, upgrade};
use fastwebsockets::{FragmentCollector, OpCode, WebSocketError};
use http_body_util::Empty;
use hyper::{Request, Response, body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;

async fn echo(upgraded: UpgradeFut) -> Result<(), WebSocketError> {
    let mut ws = upgraded.await?;
    ws.set_max_message_size(MAX_MESSAGE);
    let mut ws = FragmentCollector::new(ws);
    loop {
        let frame = ws.read_frame().await?;
        match frame.opcode {
            OpCode::Close => return Ok(()),
            OpCode::Text | OpCode::Binary => ws.write_frame(frame).await?,
            _ => {}
        }
    }
}

async fn respond(mut request: Request<Incoming>) -> Result<Response<Empty<Bytes>>, WebSocketError> {
    let (response, upgraded) = upgrade(&mut request)?;
    spawn(async move {
        let _ = echo(upgraded).await;
    });
    Ok(response)
}

fn main() {
    serve_tcp(args(), |stream, _| async move {
        let connection =
            http1::Builder::new().serve_connection(TokioIo::new(stream), service_fn(respond));
        let _ = connection.with_upgrades().await;
    });
}
