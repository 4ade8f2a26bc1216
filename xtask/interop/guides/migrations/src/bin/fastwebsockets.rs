//! A server that shouts back what it hears, and a client that talks to it.

use std::error::Error as StdError;

use fastwebsockets::handshake::{self, generate_key};
use fastwebsockets::upgrade::{UpgradeFut, upgrade};
use fastwebsockets::{FragmentCollector, Frame, OpCode, Payload, WebSocketError};
use http_body_util::{Empty, Full};
use hyper::body::{Bytes, Incoming};
use hyper::header::{AUTHORIZATION, HOST, HeaderValue, SEC_WEBSOCKET_PROTOCOL};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode, Uri};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::{TcpListener, TcpStream};

async fn shout(upgrade: UpgradeFut) -> Result<(), WebSocketError> {
    let mut ws = FragmentCollector::new(upgrade.await?);
    loop {
        let frame = ws.read_frame().await?;
        match frame.opcode {
            OpCode::Text => {
                let text = String::from_utf8_lossy(&frame.payload).to_uppercase();
                ws.write_frame(Frame::text(text.into_bytes().into())).await?;
            }
            OpCode::Binary => {
                let bytes: Vec<u8> = frame.payload.iter().rev().copied().collect();
                ws.write_frame(Frame::binary(bytes.into())).await?;
            }
            // The answer was sent already.
            OpCode::Close => {
                print_end(&frame.payload);
                return Ok(());
            }
            _ => {}
        }
    }
}

async fn service(mut request: Request<Incoming>) -> Result<Response<Full<Bytes>>, WebSocketError> {
    let headers = request.headers();
    if headers.get(AUTHORIZATION).is_none_or(|value| value != "Bearer secret") {
        let mut refusal = Response::new("Who are you?\n".into());
        *refusal.status_mut() = StatusCode::UNAUTHORIZED;
        return Ok(refusal);
    }
    let chosen = headers.get(SEC_WEBSOCKET_PROTOCOL).is_some_and(|offered| offered == "shout");
    let (mut response, upgrade) = upgrade(&mut request)?;
    if chosen {
        response.headers_mut().insert(SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static("shout"));
    }
    tokio::spawn(async {
        if let Err(error) = shout(upgrade).await {
            eprintln!("{error}");
        }
    });
    Ok(response.map(|_| Full::default()))
}

async fn talk(url: &str, token: &str) -> Result<(), Box<dyn StdError>> {
    let uri: Uri = url.parse()?;
    let host = uri.authority().ok_or("no host")?.as_str();
    let request = Request::get(url)
        .header(HOST, host)
        .header("Connection", "Upgrade")
        .header("Upgrade", "websocket")
        .header("Sec-WebSocket-Key", generate_key())
        .header("Sec-WebSocket-Version", "13")
        .header(SEC_WEBSOCKET_PROTOCOL, "shout")
        .header(AUTHORIZATION, format!("Bearer {token}"))
        .body(Empty::<Bytes>::new())?;
    let tcp = TcpStream::connect(host).await?;
    let (ws, response) = match handshake::client(&TokioExecutor::new(), request, tcp).await {
        Ok(opened) => opened,
        Err(WebSocketError::InvalidStatusCode(status)) => {
            println!("refused: {status}");
            return Ok(());
        }
        Err(error) => return Err(error.into()),
    };
    let subprotocol = response.headers().get(SEC_WEBSOCKET_PROTOCOL).ok_or("none")?;
    println!("subprotocol: {}", subprotocol.to_str()?);

    let mut ws = FragmentCollector::new(ws);
    ws.write_frame(Frame::text(Payload::Borrowed(b"hello"))).await?;
    ws.write_frame(Frame::binary(Payload::Borrowed(&[1, 2, 3]))).await?;
    ws.write_frame(Frame::new(true, OpCode::Ping, None, Payload::Borrowed(b""))).await?;
    for _ in 0..3 {
        let frame = ws.read_frame().await?;
        match frame.opcode {
            OpCode::Text => println!("{}", String::from_utf8_lossy(&frame.payload)),
            OpCode::Binary => println!("{:?}", &frame.payload[..]),
            OpCode::Pong => println!("pong"),
            _ => return Err("an unexpected frame".into()),
        }
    }
    ws.write_frame(Frame::close(4000, b"done")).await?;
    loop {
        let frame = ws.read_frame().await?;
        if frame.opcode == OpCode::Close {
            print_end(&frame.payload);
            return Ok(());
        }
    }
}

fn print_end(payload: &[u8]) {
    if let Some((code, reason)) = payload.split_first_chunk() {
        println!("closed: {} {}", u16::from_be_bytes(*code), String::from_utf8_lossy(reason));
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn StdError>> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    if let [url, token] = &args[..] {
        return talk(url, token).await;
    }
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    println!("listening on ws://{}/", listener.local_addr()?);
    loop {
        let (tcp, addr) = listener.accept().await?;
        tokio::spawn(async move {
            let http =
                http1::Builder::new().serve_connection(TokioIo::new(tcp), service_fn(service));
            if let Err(error) = http.with_upgrades().await {
                eprintln!("{addr}: {error}");
            }
        });
    }
}
