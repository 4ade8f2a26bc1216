//! sockudo-ws: `accept_raw`, which erases no types; its timers are off, since no other peer has them
//! on. `--deflate`: level 6, windows of 15 bits, contexts of its own, through the types that its own
//! server is made of, since `accept_raw` doesn't negotiate.
//!
//! Best style: `Stream` and `Sink`, one flush when nothing more is ready.

use bytes::{Buf, BytesMut};
use echo_common::{Args, MAX_MESSAGE, args, echo_batched, echo_plain, serve_tcp};
use futures_util::{Sink, Stream};
use sockudo_ws::deflate::{DeflateConfig, negotiate_server_deflate};
use sockudo_ws::handshake::{build_response, generate_accept_key, parse_request};
use sockudo_ws::server::WebSocketServer;
use sockudo_ws::stream::CompressedWebSocketStream;
use sockudo_ws::{Config, Http1, Message};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

fn config() -> Config {
    Config::builder()
        .max_message_size(MAX_MESSAGE)
        .max_frame_size(MAX_MESSAGE)
        .idle_timeout(0)
        .auto_ping(false)
        .build()
}

async fn accept_compressed(mut stream: TcpStream) -> Option<CompressedWebSocketStream<TcpStream>> {
    let mut buf = BytesMut::with_capacity(2048);
    loop {
        if stream.read_buf(&mut buf).await.ok()? == 0 {
            return None;
        }
        let Ok(Some((request, len))) = parse_request(&buf) else { continue };
        let offer = request.extensions?;
        let negotiated = negotiate_server_deflate(offer, &DeflateConfig::default())?;
        let header = negotiated.to_response_header();
        let accept = generate_accept_key(request.key);
        stream.write_all(&build_response(&accept, None, Some(&header))).await.ok()?;
        buf.advance(len);
        let deflate = negotiated.config;
        return Some(CompressedWebSocketStream::server_with_leftover(
            stream,
            config(),
            deflate,
            None,
        ));
    }
}

async fn echo<W, E>(ws: W, args: Args)
where
    W: Stream<Item = Result<Message, E>> + Sink<Message> + Unpin,
{
    let keep = |m: &Message| m.is_text() || m.is_binary();
    match args.plain {
        true => echo_plain(ws, keep).await,
        false => echo_batched(ws, keep).await,
    }
}

fn main() {
    serve_tcp(args(), |stream, args| async move {
        if args.deflate {
            if let Some(ws) = accept_compressed(stream).await {
                echo(ws, args).await;
            }
        } else if let Ok((ws, _)) = WebSocketServer::<Http1>::new(config()).accept_raw(stream).await
        {
            echo(ws, args).await;
        }
    });
}
