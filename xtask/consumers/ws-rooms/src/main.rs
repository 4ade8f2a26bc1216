//! Uses `ws-rooms` and nothing else of ours: a room of two clients over loopback.

use ws_rooms::ws_tokio::{Error, WebSocket, connect, serve};
use ws_rooms::{MemberSettings, Rooms, WhenFull};

/// The path is the topic.
async fn member(mut ws: WebSocket, rooms: Rooms) -> Result<(), Error> {
    let topic = ws.request().map_or("", |request| request.path()).trim_matches('/').to_owned();
    let settings = MemberSettings::new().max_queue(8).when_full(WhenFull::DropOldest);
    let member = rooms.member_with(ws.sender(), settings);
    member.join(&topic)?;
    ws.send("welcome").await?;
    while let Some(message) = ws.recv().await? {
        let published = member.publish(&topic, message);
        println!("server: {} sent, {} dropped", published.sent, published.dropped);
    }
    Ok(())
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let rooms = Rooms::new();
    let server = {
        let rooms = rooms.clone();
        serve("127.0.0.1:0", move |ws| member(ws, rooms.clone())).await?
    };
    let url = |path: &str| format!("ws://{}/{path}", server.local_addr());

    let (mut ada, mut bob) = (connect(url("lobby")).await?, connect(url("lobby")).await?);
    for ws in [&mut ada, &mut bob] {
        println!("client: {:?}", ws.recv().await?);
    }
    println!("rooms: {:?} with {} members", rooms.topics(), rooms.len("lobby"));
    ada.send("hello").await?;
    println!("bob: {:?}", bob.recv().await?);
    println!("all: {}", rooms.publish("lobby", vec![1, 2, 3]).sent);
    println!("ada: {:?}", ada.recv().await?);

    // The server refuses a topic that is none.
    let mut eve = connect(url("")).await?;
    println!("eve: {:?} {:?}", eve.recv().await.is_err(), eve.close_code());
    bob.close(1000, "").await?;
    while rooms.len("lobby") > 1 {
        tokio::task::yield_now().await;
    }
    println!("rooms: {:?}", rooms.members("lobby").len());
    Ok(())
}
