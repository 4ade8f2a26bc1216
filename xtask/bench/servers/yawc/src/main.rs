//! yawc as its documentation has it: hyper's upgrade. UTF-8 is checked, which is off by default;
//! `--deflate`: its default level "balanced" (6), context takeover, zlib-rs.
//!
//! Best style: `Stream` and `Sink`, one flush when nothing more is ready.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use echo_common::{Args, MAX_MESSAGE, args, echo_batched, echo_plain, serve_tcp, spawn};
use futures_util::{Sink, Stream};
use http_body_util::Empty;
use hyper::{Request, Response, body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use yawc::{CompressionLevel, Frame, HttpWebSocket, Options, WebSocket, frame::OpCode};

/// Its stream has bare frames as items; the others have results.
struct Results(HttpWebSocket);

impl Stream for Results {
    type Item = Result<Frame, ()>;
    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        Pin::new(&mut self.0).poll_next(cx).map(|frame| frame.map(Ok))
    }
}

impl Sink<Frame> for Results {
    type Error = yawc::WebSocketError;
    fn poll_ready(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Pin::new(&mut self.0).poll_ready(cx)
    }
    fn start_send(mut self: Pin<&mut Self>, frame: Frame) -> Result<(), Self::Error> {
        Pin::new(&mut self.0).start_send(frame)
    }
    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }
    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Pin::new(&mut self.0).poll_close(cx)
    }
}

async fn respond(
    mut request: Request<Incoming>,
    args: Args,
) -> yawc::Result<Response<Empty<Bytes>>> {
    let options = Options::default().with_limits(MAX_MESSAGE, MAX_MESSAGE).with_utf8();
    let options = match args.deflate {
        true => options.with_compression_level(CompressionLevel::new(6)),
        false => options.without_compression(),
    };
    let (response, upgraded) = WebSocket::upgrade_with_options(&mut request, options)?;
    spawn(async move {
        let Ok(ws) = upgraded.await else { return };
        let keep = |frame: &Frame| matches!(frame.opcode(), OpCode::Text | OpCode::Binary);
        match args.plain {
            true => echo_plain(Results(ws), keep).await,
            false => echo_batched(Results(ws), keep).await,
        }
    });
    Ok(response)
}

fn main() {
    serve_tcp(args(), |stream, args| async move {
        let service = service_fn(move |request| respond(request, args));
        let connection = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
        let _ = connection.with_upgrades().await;
    });
}
