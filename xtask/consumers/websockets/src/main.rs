//! Uses `websockets` as applications do: a server and a client over loopback, and the modules under
//! Python's names.

use websockets::datastructures::Headers;
use websockets::exceptions::{InvalidStatus, InvalidURI};
use websockets::typing::State;
use websockets::{
    ClientSettings, Close, CloseCode, Error, Handshake, Message, Response, ServerSettings,
    WebSocket, connect, serve,
};

async fn echo(mut ws: WebSocket) -> Result<(), Error> {
    if let Some(request) = ws.take_request() {
        let cookie = request.headers().get("cookie").ok().flatten();
        ws.send(format!("{} {cookie:?}", request.path())).await?;
    }
    while let Some(message) = ws.recv().await? {
        match &message {
            Message::Text(text) if text.starts_with("go away") => {
                return ws.close(4000, "as you wish").await;
            }
            // From a task of its own, by a handle of its own.
            Message::Text(text) if text == "later" => {
                let sender = ws.sender();
                tokio::spawn(async move { sender.send("now").await });
            }
            _ => ws.send(message).await?,
        }
    }
    Ok(())
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let settings = ServerSettings::new().subprotocols(["chat"]).process_request(
        async |handshake: Handshake| match handshake.request().path() {
            "/secret" => Err(Response::text(403, "")),
            _ => Ok(handshake),
        },
    );
    let server = serve("127.0.0.1:0", echo).settings(settings).await?;
    let uri = format!("ws://{}", server.local_addr());

    let mut headers = Headers::new();
    headers.insert("Cookie", "a=b")?;
    let settings = ClientSettings::new().subprotocols(["chat"]);
    let mut ws = connect(&uri).settings(settings.clone()).headers(headers).await?;
    println!("client: {:?}", ws.subprotocol().map(|name| name.as_str()));
    println!("client: {:?}", ws.recv().await?);
    ws.send("hello").await?;
    println!("client: {:?}", ws.recv().await?);
    ws.try_send("later")?;
    println!("client: {:?}", ws.recv().await?);
    ws.close(CloseCode::NORMAL_CLOSURE, "").await?;
    println!("client: {:?} {:?}", ws.recv().await?, ws.state() == State::Closed);

    let mut ws = connect(&uri).settings(settings).await?;
    println!("client: {:?}", ws.recv().await?);
    ws.send("go away").await?;
    let error = ws.recv().await.expect_err("the server closes with 4000");
    println!("client: {error}; {}", error.rcvd() == Some(&Close::new(4000, "as you wish")));

    let error = connect(format!("{uri}/secret")).await.expect_err("the server refuses");
    let text = error.to_string().replace(&server.local_addr().to_string(), "SERVER");
    println!("client: {text}; {}", error.get::<InvalidStatus>().is_some());
    let error = connect("localhost").await.expect_err("there is no scheme");
    println!("client: {error}; {}", error.get::<InvalidURI>().is_some());

    server.shutdown().await;
    Ok(())
}
