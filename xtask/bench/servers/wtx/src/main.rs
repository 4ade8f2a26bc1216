//! wtx with the payload origin that suits it best; its own extension "no masking" is off.
//! `--deflate`: level 6, windows of 15 bits.
//!
//! It writes each frame at once and has no other way to send, so its best style is the plain loop.

use echo_common::{args, serve_tcp};
use tokio::net::TcpStream;
use wtx::collection::Vector;
use wtx::rng::Xorshift64;
use wtx::web_socket::compression::{CompressionLevel, Flate2, NegotiatedCompression, WindowBits};
use wtx::web_socket::{
    DeflateConfig, OpCode, WebSocket, WebSocketAcceptor, WebSocketBuffer, WebSocketPayloadOrigin,
};

type Accepted<C> = WebSocket<C, Xorshift64, TcpStream, WebSocketBuffer, false>;

async fn echo<C: NegotiatedCompression>(mut ws: Accepted<C>) {
    let (mut common, mut reader, mut writer) = ws.split_mut();
    let mut buffer = Vector::new();
    loop {
        buffer.clear();
        let origin = WebSocketPayloadOrigin::Adaptive;
        let Ok(mut frame) = reader.read_frame(&mut buffer, &mut common, origin).await else {
            return;
        };
        match frame.op_code() {
            OpCode::Binary | OpCode::Text => {
                let written = writer.write_frame(&mut common, &mut frame).await;
                if written.is_err() {
                    return;
                }
            }
            OpCode::Close => return,
            _ => {}
        }
    }
}

fn main() {
    serve_tcp(args(), |stream, args| async move {
        let acceptor = WebSocketAcceptor::default().no_masking(false);
        if args.deflate {
            let deflate = Flate2::from(DeflateConfig {
                client_max_window_bits: WindowBits::Fifteen,
                server_max_window_bits: WindowBits::Fifteen,
                compression_level: CompressionLevel::Six,
            });
            let accepted: wtx::Result<_> = acceptor.compression(deflate).accept(stream).await;
            if let Ok(ws) = accepted {
                echo(ws).await;
            }
        } else {
            let accepted: wtx::Result<_> = acceptor.accept(stream).await;
            if let Ok(ws) = accepted {
                echo(ws).await;
            }
        }
    });
}
