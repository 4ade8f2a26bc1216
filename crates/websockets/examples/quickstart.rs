//! Starts a server on loopback, connects a client, talks, closes, and says what happened.

use websockets::{Error, WebSocket, connect, serve};

/// Answers each message with the same message.
async fn echo(mut ws: WebSocket) -> Result<(), Error> {
    while let Some(message) = ws.recv().await? {
        println!("server: received {message:?}, sending it back");
        ws.send(message).await?;
    }
    println!("server: closed with code {:?}", ws.close_code());
    Ok(())
}

#[tokio::main]
async fn main() -> Result<(), Error> {
    let server = serve("127.0.0.1:0", echo).on_error(|failure| eprintln!("{failure}")).await?;
    let uri = format!("ws://{}/", server.local_addr());
    println!("server: listening on {uri}");

    let mut ws = connect(uri).await?;
    println!("client: connected");
    for message in ["hello", "how are you?"] {
        ws.send(message).await?;
        let reply = ws.recv().await?;
        println!("client: sent {message:?}, received {reply:?}");
        assert_eq!(reply, Some(message.into()));
    }
    ws.close(1000, "that was it").await?;
    println!("client: closed with code {:?}", ws.close_code());

    server.shutdown().await;
    println!("server: stopped");
    Ok(())
}
