//! A server that shouts back what it hears, and a client that talks to it.

use std::error::Error as StdError;

use websockets::{Error, Handshake, Message, Response, WebSocket, connect, serve};

async fn shout(mut ws: WebSocket) -> Result<(), Error> {
    loop {
        match ws.recv().await {
            Ok(Some(Message::Text(text))) => ws.send(text.to_uppercase()).await?,
            Ok(Some(Message::Binary(bytes))) => {
                ws.send(bytes.iter().rev().copied().collect::<Vec<u8>>()).await?;
            }
            // The client has closed: with 1000 or 1001, or with another code.
            Ok(None) => break,
            Err(error) if error.rcvd().is_some() => break,
            Err(error) => return Err(error),
        }
    }
    print_end(&ws);
    Ok(())
}

async fn check(handshake: Handshake) -> Result<Handshake, Response> {
    match handshake.request().headers().get("Authorization") {
        Ok(Some("Bearer secret")) => Ok(handshake),
        _ => Err(Response::text(401, "Who are you?\n")),
    }
}

async fn talk(url: &str, token: &str) -> Result<(), Box<dyn StdError>> {
    let connecting =
        connect(url).subprotocols(["shout"]).header("Authorization", &format!("Bearer {token}"));
    let mut ws = match connecting.await {
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

    ws.send("hello").await?;
    ws.send(&[1, 2, 3][..]).await?;
    for _ in 0..2 {
        match ws.recv().await?.ok_or("closed too early")? {
            Message::Text(text) => println!("{text}"),
            Message::Binary(bytes) => println!("{:?}", &bytes[..]),
        }
    }
    ws.ping(None).await?.await.ok_or("no pong")?;
    println!("pong");
    // Waits for the answer of the server.
    ws.close(4000, "done").await?;
    print_end(&ws);
    Ok(())
}

fn print_end(ws: &WebSocket) {
    if let (Some(code), Some(reason)) = (ws.close_code(), ws.close_reason()) {
        println!("closed: {} {reason}", u16::from(code));
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn StdError>> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    if let [url, token] = &args[..] {
        return talk(url, token).await;
    }
    let server = serve("127.0.0.1:0", shout)
        .subprotocols(["shout"])
        .process_request(check)
        .on_error(|failure| eprintln!("{failure}"))
        .await?;
    println!("listening on ws://{}/", server.local_addr());
    server.wait().await;
    Ok(())
}
