//! A server that shouts back what it hears, and a client that talks to it.

use std::error::Error as StdError;

use futures_util::{SinkExt, StreamExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::handshake::server::{ErrorResponse, Request, Response};
use tokio_tungstenite::tungstenite::http::{HeaderValue, StatusCode};
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::{Bytes, Error, Message};
use tokio_tungstenite::{accept_hdr_async, connect_async};

async fn shout(tcp: TcpStream) -> Result<(), Error> {
    let mut ws = accept_hdr_async(tcp, check).await?;
    while let Some(message) = ws.next().await {
        match message? {
            Message::Text(text) => ws.send(text.to_uppercase().into()).await?,
            Message::Binary(bytes) => {
                let bytes: Bytes = bytes.iter().rev().copied().collect();
                ws.send(bytes.into()).await?;
            }
            // `next` sends the answer, and then ends.
            Message::Close(frame) => print_end(frame.as_ref()),
            _ => {}
        }
    }
    Ok(())
}

#[expect(clippy::result_large_err, reason = "the type is tungstenite's")]
fn check(request: &Request, mut response: Response) -> Result<Response, ErrorResponse> {
    if request.headers().get("Authorization").is_none_or(|value| value != "Bearer secret") {
        let mut refusal = ErrorResponse::new(Some("Who are you?\n".to_owned()));
        *refusal.status_mut() = StatusCode::UNAUTHORIZED;
        return Err(refusal);
    }
    let offered = request.headers().get("Sec-WebSocket-Protocol");
    if offered.is_some_and(|offered| offered == "shout") {
        let chosen = HeaderValue::from_static("shout");
        response.headers_mut().insert("Sec-WebSocket-Protocol", chosen);
    }
    Ok(response)
}

async fn talk(url: &str, token: &str) -> Result<(), Box<dyn StdError>> {
    let mut request = url.into_client_request()?;
    let headers = request.headers_mut();
    headers.insert("Sec-WebSocket-Protocol", HeaderValue::from_static("shout"));
    headers.insert("Authorization", format!("Bearer {token}").parse()?);
    let (mut ws, response) = match connect_async(request).await {
        Ok(opened) => opened,
        Err(Error::Http(response)) => {
            println!("refused: {}", response.status().as_u16());
            return Ok(());
        }
        Err(error) => return Err(error.into()),
    };
    let subprotocol = response.headers().get("Sec-WebSocket-Protocol").ok_or("none")?;
    println!("subprotocol: {}", subprotocol.to_str()?);

    ws.send("hello".into()).await?;
    ws.send(Bytes::from_static(&[1, 2, 3]).into()).await?;
    ws.send(Message::Ping(Bytes::new())).await?;
    for _ in 0..3 {
        match ws.next().await.ok_or("closed too early")?? {
            Message::Text(text) => println!("{text}"),
            Message::Binary(bytes) => println!("{:?}", &bytes[..]),
            Message::Pong(_) => println!("pong"),
            other => return Err(format!("unexpected: {other:?}").into()),
        }
    }
    let frame = CloseFrame { code: 4000.into(), reason: "done".into() };
    ws.close(Some(frame)).await?;
    while let Some(message) = ws.next().await {
        if let Message::Close(frame) = message? {
            print_end(frame.as_ref());
        }
    }
    Ok(())
}

fn print_end(frame: Option<&CloseFrame>) {
    if let Some(CloseFrame { code, reason }) = frame {
        println!("closed: {} {reason}", u16::from(*code));
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
            if let Err(error) = shout(tcp).await {
                eprintln!("{addr}: {error}");
            }
        });
    }
}
