//! Helper program of the interop tests: a server that does what the path says, and prints one line of
//! JSON for each connection that has ended.
//!
//! usage: interop_server [--deflate PARAMETERS]
//!
//! `xtask/interop/README.md` describes the paths, the JSON and PARAMETERS; without them, nothing is
//! compressed. It listens on two free ports of
//! 127.0.0.1; on the second one for clients that offer a subprotocol, since a server that knows some
//! refuses those that offer none.

use std::process::ExitCode;

use interop_programs::{agreed, frame, letters, parameters, pattern, quote};
use tokio::signal::unix::{SignalKind, signal};
use websockets::extensions::WindowBits;
use websockets::{Closed, Error, MessageKind, ServerDeflate, WebSocket, serve};

#[tokio::main]
async fn main() -> ExitCode {
    match run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) => {
            eprintln!("interop_server: {e}");
            ExitCode::FAILURE
        }
    }
}

async fn run() -> Result<(), Box<dyn std::error::Error>> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let compression = match args.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [] => None,
        ["--deflate", parameters] => Some(deflate(parameters)?),
        _ => return Err("usage: interop_server [--deflate PARAMETERS]".into()),
    };
    let mut terminate = signal(SignalKind::terminate())?;
    let plain = serve("127.0.0.1:0", handle).compression(compression.clone()).await?;
    let choosing = serve("127.0.0.1:0", handle)
        .compression(compression)
        .subprotocols(["chat", "superchat"])
        .await?;
    println!("listening on ws://{} ws://{}", plain.local_addr(), choosing.local_addr());
    terminate.recv().await;
    tokio::join!(plain.shutdown(), choosing.shutdown());
    Ok(())
}

/// The settings that these parameters of the header field stand for.
fn deflate(text: &str) -> Result<ServerDeflate, Box<dyn std::error::Error>> {
    let mut deflate = ServerDeflate::default();
    for parameter in parameters(text) {
        deflate = match parameter {
            ("server_no_context_takeover", "") => deflate.server_no_context_takeover(true),
            ("client_no_context_takeover", "") => deflate.client_no_context_takeover(true),
            ("server_max_window_bits", bits) => {
                deflate.server_max_window_bits(WindowBits::new(bits.parse()?)?)
            }
            ("client_max_window_bits", bits) => {
                deflate.client_max_window_bits(WindowBits::new(bits.parse()?)?)
            }
            _ => return Err(format!("no such parameter: {parameter:?}").into()),
        };
    }
    Ok(deflate)
}

/// The messages that a connection received.
#[derive(Default)]
struct Seen {
    texts: usize,
    binaries: usize,
    bytes: usize,
}

impl Seen {
    fn count(&mut self, kind: MessageKind, bytes: usize) {
        match kind {
            MessageKind::Text => self.texts += 1,
            MessageKind::Binary => self.binaries += 1,
        }
        self.bytes += bytes;
    }
}

async fn handle(ws: WebSocket) -> Result<(), Error> {
    let path = ws.request().map(|request| request.target().to_owned()).unwrap_or_default();
    let subprotocol = ws.subprotocol().map(ToString::to_string);
    let deflate = agreed(&ws);
    let mut seen = Seen::default();
    let ended = match path.split('?').next() {
        Some("/piecewise") => echo_pieces(ws, &mut seen).await,
        _ => greet_and_echo(ws, &path, &mut seen).await,
    };
    match ended {
        Err(Error::Closed(closed)) => {
            print_record(&path, subprotocol.as_deref(), &deflate, &seen, &closed);
            Ok(())
        }
        other => {
            eprintln!("interop_server: {path}: {other:?}");
            other
        }
    }
}

/// Does what the path asks for, then echoes; the error says how the connection ended.
async fn greet_and_echo(mut ws: WebSocket, path: &str, seen: &mut Seen) -> Result<(), Error> {
    match path.split('?').next() {
        Some("/close") => {
            ws.close(number::<u16>(path, "code"), text(path, "reason")).await?;
        }
        Some("/fragmented") => {
            let (size, fragments): (usize, usize) =
                (number(path, "size"), number(path, "fragments"));
            let step = size.div_ceil(fragments).max(1);
            let mut writer = ws.send_streaming();
            if text(path, "type") == "text" {
                let letters: Vec<char> = letters(size).chars().collect();
                for piece in letters.chunks(step) {
                    writer.write(piece.iter().collect::<String>()).await?;
                }
            } else {
                for piece in pattern(size).chunks(step) {
                    writer.write(piece.to_vec()).await?;
                }
            }
            writer.finish().await?;
        }
        Some("/ping") => {
            let payload = text(path, "payload");
            let pong = ws.ping(Some(payload.clone().into_bytes().into())).await?;
            // This is a handler: the pong is received while it waits for it.
            if pong.await.is_some() {
                ws.send(format!("pong {payload}")).await?;
            }
        }
        Some("/big") => ws.send(pattern(number(path, "size"))).await?,
        Some("/subprotocol") => {
            let chosen = ws.subprotocol().map_or("None".to_owned(), ToString::to_string);
            ws.send(chosen).await?;
        }
        _ => {}
    }
    while let Some(message) = ws.recv().await? {
        seen.count(message.kind(), message.len());
        ws.send(message).await?;
    }
    // After a proper close, too, the error of sending has both close frames.
    ws.send("").await
}

/// Echoes each message piece by piece, as it arrives; the error says how the connection ended.
async fn echo_pieces(ws: WebSocket, seen: &mut Seen) -> Result<(), Error> {
    let (sender, mut receiver) = ws.split();
    while let Some(mut reader) = receiver.recv_streaming().await? {
        let mut bytes = 0;
        let mut writer = sender.send_streaming();
        while let Some(piece) = reader.next().await? {
            bytes += piece.len();
            writer.write(piece).await?;
        }
        writer.finish().await?;
        seen.count(reader.kind(), bytes);
    }
    sender.send("").await
}

fn print_record(
    path: &str,
    subprotocol: Option<&str>,
    deflate: &str,
    seen: &Seen,
    closed: &Closed,
) {
    println!(
        r#"{{"path": {}, "subprotocol": {}, "deflate": {deflate}, "texts": {}, "binaries": {}, "bytes": {}, "rcvd": {}, "sent": {}, "rcvd_then_sent": {}}}"#,
        quote(path),
        subprotocol.map_or("null".to_owned(), quote),
        seen.texts,
        seen.binaries,
        seen.bytes,
        frame(closed.rcvd()),
        frame(closed.sent()),
        closed.rcvd_then_sent().map_or("null".to_owned(), |first| first.to_string()),
    );
}

/// The number of this name in the query; 0 if there is none.
fn number<T: std::str::FromStr + Default>(path: &str, name: &str) -> T {
    text(path, name).parse().unwrap_or_default()
}

/// The text of this name in the query; empty if there is none.
fn text(path: &str, name: &str) -> String {
    let query = path.split_once('?').map_or("", |(_, query)| query);
    let value = query.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='));
    let mut bytes = Vec::new();
    let mut rest = value.unwrap_or_default().as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        rest = after;
        let escaped = after.get(..2).and_then(|hex| std::str::from_utf8(hex).ok());
        match (first, escaped.and_then(|hex| u8::from_str_radix(hex, 16).ok())) {
            (b'%', Some(byte)) => {
                bytes.push(byte);
                rest = after.get(2..).unwrap_or_default();
            }
            (b'+', _) => bytes.push(b' '),
            (byte, _) => bytes.push(byte),
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
