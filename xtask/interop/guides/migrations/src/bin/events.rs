//! A server that shouts back what it hears, and a client that talks to it: by events, as with tokio-tungstenite.

use std::error::Error as StdError;

use futures_util::{SinkExt, StreamExt};
use http::Request;
use tokio::net::{TcpListener, TcpStream};
use websockets::bytes::Bytes;
use websockets::{Close, Error, Event, Handshake, Message, Response, accept, connect};

async fn shout(tcp: TcpStream) -> Result<(), Error> {
    let opening = accept(tcp).subprotocols(["shout"]).process_request(check);
    let mut ws = opening.await?.into_events();
    while let Some(event) = ws.next().await {
        match event? {
            Event::Message(Message::Text(text)) => {
                ws.send(Event::Message(text.to_uppercase().into())).await?;
            }
            Event::Message(Message::Binary(bytes)) => {
                let bytes: Bytes = bytes.iter().rev().copied().collect();
                ws.send(Event::Message(bytes.into())).await?;
            }
            // The answer was sent already. After another code than 1000 or 1001, `next` gives an error.
            Event::Close(close) => {
                print_end(&close);
                break;
            }
            _ => {}
        }
    }
    Ok(())
}

async fn check(handshake: Handshake) -> Result<Handshake, Response> {
    match handshake.request().headers().get("Authorization") {
        Ok(Some("Bearer secret")) => Ok(handshake),
        _ => Err(Response::text(401, "Who are you?\n")),
    }
}

async fn talk(url: &str, token: &str) -> Result<(), Box<dyn StdError>> {
    let request = Request::get(url)
        .header("Sec-WebSocket-Protocol", "shout")
        .header("Authorization", format!("Bearer {token}"))
        .body(())?;
    let ws = match connect(request).await {
        Ok(ws) => ws,
        Err(error) => match error.response() {
            Some(response) => {
                println!("refused: {}", response.status_code);
                return Ok(());
            }
            None => return Err(error.into()),
        },
    };
    println!("subprotocol: {}", ws.subprotocol().ok_or("none")?);

    let mut ws = ws.into_events();
    ws.send(Event::Message("hello".into())).await?;
    ws.send(Event::Message(Bytes::from_static(&[1, 2, 3]).into())).await?;
    ws.send(Event::Ping("are you there?".into())).await?;
    for _ in 0..3 {
        match ws.next().await.ok_or("closed too early")?? {
            Event::Message(Message::Text(text)) => println!("{text}"),
            Event::Message(Message::Binary(bytes)) => println!("{:?}", &bytes[..]),
            Event::Pong { .. } => println!("pong"),
            other => return Err(format!("unexpected: {other:?}").into()),
        }
    }
    ws.send(Event::Close(Close::new(4000, "done"))).await?;
    while let Some(event) = ws.next().await {
        if let Event::Close(close) = event? {
            print_end(&close);
            break;
        }
    }
    Ok(())
}

fn print_end(close: &Close) {
    println!("closed: {} {}", u16::from(close.code), close.reason);
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
