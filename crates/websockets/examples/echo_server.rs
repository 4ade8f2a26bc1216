//! An echo server: text and binary, on every path.

use std::process::ExitCode;
use std::time::Duration;

use lexopt::prelude::*;
use tokio::runtime;
use tokio::signal::unix::{SignalKind, signal};
use websockets::extensions::{CompressionLevel, MemoryLevel, WindowBits};
use websockets::{Error, ServerDeflate, WebSocket, serve};

const HELP: &str = "\
An echo server for WebSocket.

usage: echo_server [ADDR] [options]

  ADDR                         where to listen (default: 127.0.0.1:8765)
  --threads N                  worker threads; 1: a current-thread runtime (default: the cores)
  --max-size BYTES|none        the longest message (default: 1048576)
  --max-fragments N|none       the most fragments of a message (default: 4096)
  --ping-interval SECONDS|none between keepalive pings (default: 20)
  --no-compression             without permessage-deflate
  --deflate-level N            how hard to compress, 0 to 9 (default: 6)
  --deflate-window-bits N      the server's window, 8 to 15; 8 counts as 9 (default: 12)
  --deflate-memory-level N     the compressor's memory, 1 to 9 (default: 5)
  --no-context-takeover        compress each message on its own, in both directions
  --help                       print this
";

struct Args {
    addr: String,
    threads: usize,
    max_size: Option<usize>,
    max_fragments: Option<usize>,
    ping_interval: Option<Duration>,
    compression: Option<ServerDeflate>,
}

/// The plain loop: receive, then send.
async fn echo(mut ws: WebSocket) -> Result<(), Error> {
    // The request is not needed; without it, a connection takes less memory.
    drop(ws.take_request());
    while let Some(message) = ws.recv().await? {
        ws.send(message).await?;
    }
    Ok(())
}

fn main() -> ExitCode {
    let args = match parse_args() {
        Ok(Some(args)) => args,
        Ok(None) => return ExitCode::SUCCESS,
        Err(e) => {
            eprintln!("echo_server: {e}");
            return ExitCode::from(2);
        }
    };
    let runtime = match args.threads {
        1 => runtime::Builder::new_current_thread().enable_all().build(),
        n => runtime::Builder::new_multi_thread().worker_threads(n).enable_all().build(),
    };
    match runtime.map_err(Error::from).and_then(|runtime| runtime.block_on(run(args))) {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) => {
            eprintln!("echo_server: {e}");
            ExitCode::FAILURE
        }
    }
}

async fn run(args: Args) -> Result<(), Error> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let server = serve(args.addr, echo)
        .max_message_size(args.max_size)
        .max_fragments(args.max_fragments)
        .ping_interval(args.ping_interval)
        .compression(args.compression)
        .on_error(|failure| eprintln!("{failure}"))
        .await?;
    println!("listening on ws://{}", server.local_addr());
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
    server.shutdown().await;
    Ok(())
}

fn parse_args() -> Result<Option<Args>, lexopt::Error> {
    let mut args = Args {
        addr: "127.0.0.1:8765".to_owned(),
        threads: std::thread::available_parallelism().map_or(1, usize::from),
        max_size: Some(1 << 20),
        max_fragments: Some(4096),
        ping_interval: Some(Duration::from_secs(20)),
        compression: None,
    };
    let mut deflate = ServerDeflate::default();
    let mut compression = true;
    let mut parser = lexopt::Parser::from_env();
    let mut addr = None;
    while let Some(arg) = parser.next()? {
        match arg {
            Long("threads") => {
                args.threads = parser.value()?.parse()?;
                if args.threads == 0 {
                    return Err("--threads must be at least 1".into());
                }
            }
            Long("max-size") => args.max_size = or_none(&parser.value()?)?,
            Long("max-fragments") => args.max_fragments = or_none(&parser.value()?)?,
            Long("ping-interval") => {
                let seconds: Option<f64> = or_none(&parser.value()?)?;
                args.ping_interval = seconds
                    .map(Duration::try_from_secs_f64)
                    .transpose()
                    .map_err(|e| e.to_string())?;
            }
            Long("no-compression") => compression = false,
            Long("deflate-level") => {
                let level = CompressionLevel::new(parser.value()?.parse()?);
                deflate = deflate.level(level.map_err(|e| e.to_string())?);
            }
            Long("deflate-window-bits") => {
                let bits = WindowBits::new(parser.value()?.parse()?);
                deflate = deflate.server_max_window_bits(bits.map_err(|e| e.to_string())?);
            }
            Long("deflate-memory-level") => {
                let level = MemoryLevel::new(parser.value()?.parse()?);
                deflate = deflate.memory_level(level.map_err(|e| e.to_string())?);
            }
            Long("no-context-takeover") => {
                deflate = deflate.server_no_context_takeover(true).client_no_context_takeover(true);
            }
            Long("help") => {
                print!("{HELP}");
                return Ok(None);
            }
            Value(value) if addr.is_none() => addr = Some(value.string()?),
            arg => return Err(arg.unexpected()),
        }
    }
    args.addr = addr.unwrap_or(args.addr);
    args.compression = compression.then_some(deflate);
    Ok(Some(args))
}

/// A value, or the word "none".
fn or_none<T>(value: &std::ffi::OsString) -> Result<Option<T>, lexopt::Error>
where
    T: std::str::FromStr<Err: Into<Box<dyn std::error::Error + Send + Sync>>>,
{
    if value == "none" { Ok(None) } else { value.parse().map(Some) }
}
