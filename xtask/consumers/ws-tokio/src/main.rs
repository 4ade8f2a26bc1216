//! Uses `ws-tokio` and nothing else of ours: a server and clients over loopback.

use std::sync::mpsc;
use std::time::Duration;

use ws_tokio::{
    ClientSettings, Error, Event, Message, Sender, ServerSettings, TrySendError, WebSocket,
    connect, serve,
};

/// Answers in capital letters; tells how the connection ended.
async fn shout(mut ws: WebSocket, ends: mpsc::Sender<String>) -> Result<(), Error> {
    while let Some(message) = ws.recv().await? {
        let answer = match message {
            // Text is a `str`, checked already.
            Message::Text(text) => Message::text(text.to_uppercase()),
            binary => binary,
        };
        ws.send(answer).await?;
    }
    let end = format!("server: {:?} {:?}", ws.close_code(), ws.close_reason());
    ends.send(end).expect("main waits for the handlers");
    Ok(())
}

/// Sends through a handle of its own: from a task, and from code that can't await.
async fn send_more(sender: Sender) -> Result<(), Error> {
    sender.send("from another task").await?;
    match sender.try_send(vec![1, 2, 3]) {
        Err(TrySendError::Closed(error)) => Err(error),
        result => {
            println!("client: can send: {:?}", result.is_ok());
            Ok(())
        }
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let (ends, ended) = mpsc::channel();
    let settings = ServerSettings::new().max_message_size(20).write_timeout(Duration::from_secs(5));
    let server = serve("127.0.0.1:0", move |ws| shout(ws, ends.clone())).settings(settings).await?;
    let uri = format!("ws://{}/", server.local_addr());

    let settings = ClientSettings::new().open_timeout(Duration::from_secs(5)).max_backlog(1 << 20);
    let mut ws = connect(&uri).settings(settings.clone()).await?;
    println!("client: connected to the server: {}", ws.peer_addr() == Some(server.local_addr()));
    ws.send("hello").await?;
    println!("client: {:?}", ws.recv().await?);
    let task = tokio::spawn(send_more(ws.sender()));
    println!("client: {:?}", ws.recv().await?);
    println!("client: {:?}", ws.recv().await?);
    task.await.expect("no panic")?;

    let pong = ws.queue_ping(Some(b"?".into()))?;
    match ws.recv_event().await? {
        Some(Event::Pong { payload, .. }) => println!("client: a pong for {payload:?}"),
        event => println!("client: not a pong: {event:?}"),
    }
    println!("client: its time is known: {}", pong.await.is_some());

    let (sender, receiver) = ws.split();
    let ws = receiver.reunite(sender).expect("two halves of one connection");
    ws.close(1000, "done").await?;
    println!("client: {:?} {:?}", ws.close_code(), ws.close_reason());
    println!("client: {}", ws.send("too late").await.expect_err("it is closed"));

    let mut ws = connect(&uri).settings(settings).await?;
    ws.send("more than twenty bytes").await?;
    match ws.recv().await {
        Err(Error::Closed(closed)) => println!("client: {}", closed.code()),
        other => println!("not refused: {other:?}"),
    }

    let ws = connect(&uri).await?;
    let (_sender, mut receiver) = ws.split();
    let (end, _) = tokio::join!(receiver.recv(), server.shutdown());
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
