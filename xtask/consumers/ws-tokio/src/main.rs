//! Uses `ws-tokio` and nothing else of ours: a server and a client over loopback.

use std::sync::mpsc;

use ws_tokio::{Error, Message, WebSocket, connect, serve};

/// Answers in capital letters; tells how the connection ended.
async fn shout(mut ws: WebSocket, ends: mpsc::Sender<String>) -> Result<(), Error> {
    while let Some(message) = ws.recv().await? {
        let answer = match message.as_text() {
            Some(text) => Message::text(text.to_uppercase()),
            None => message,
        };
        ws.send(answer).await?;
    }
    let end = format!("server: {:?} {:?}", ws.close_code(), ws.close_reason());
    ends.send(end).expect("main waits for the handlers");
    Ok(())
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let (ends, ended) = mpsc::channel();
    let server =
        serve("127.0.0.1:0", move |ws| shout(ws, ends.clone())).max_message_size(10).await?;
    let uri = format!("ws://{}/", server.local_addr());

    let mut ws = connect(&uri).await?;
    ws.send("hello").await?;
    println!("client: {:?}", ws.recv().await?);
    ws.send(vec![1, 2, 3]).await?;
    println!("client: {:?}", ws.recv().await?);
    ws.close(1000, "done").await?;
    println!("client: {:?} {:?}", ws.close_code(), ws.recv().await?);

    let mut ws = connect(&uri).await?;
    ws.send("more than ten bytes").await?;
    match ws.recv().await {
        Err(Error::Closed(closed)) => println!("client: {}", closed.code()),
        other => println!("not refused: {other:?}"),
    }

    let ws = connect(&uri).await?;
    let (_sender, mut receiver) = ws.split();
    let (end, ()) = tokio::join!(receiver.recv(), server.shutdown());
    println!("client: {:?}", end?);
    // The order in which two tasks print would be left to chance.
    for end in ended.try_iter() {
        println!("{end}");
    }

    match connect("https://example.com/").await {
        Err(error) => println!("client: {error}"),
        Ok(_) => println!("connected to a web page"),
    }
    Ok(())
}
