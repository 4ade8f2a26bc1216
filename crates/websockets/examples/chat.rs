//! A chat server with one room: the first message of a connection is the name of its user.
//!
//! usage: chat [ADDR]; then, in several terminals: client ws://127.0.0.1:8765/

use std::collections::{HashMap, hash_map::Entry};
use std::sync::{Arc, Mutex};

use websockets::{
    ByteString, Error, Message, PreparedMessage, Sender, TrySendError, WebSocket, serve,
};

/// The members by name, each with a handle that sends to it.
type Room = Arc<Mutex<HashMap<ByteString, Sender>>>;

/// Sends to all members and waits for none: one that reads too slowly has to go.
fn say(room: &Room, text: String) {
    let news = PreparedMessage::new(text);
    for member in room.lock().unwrap().values() {
        if let Err(TrySendError::Full(_)) = member.try_send(&news) {
            _ = member.start_close(1008, "you read too slowly");
        }
    }
}

async fn chat(mut ws: WebSocket, room: Room) -> Result<(), Error> {
    let Some(Message::Text(name)) = ws.recv().await? else { return Ok(()) };
    match room.lock().unwrap().entry(name.clone()) {
        Entry::Vacant(seat) => _ = seat.insert(ws.sender()),
        Entry::Occupied(_) => return ws.start_close(1008, "the name is taken"),
    }
    say(&room, format!("{name} has come"));
    let end = talk(&mut ws, &name, &room).await;
    room.lock().unwrap().remove(&name);
    say(&room, format!("{name} has left"));
    end
}

async fn talk(ws: &mut WebSocket, name: &str, room: &Room) -> Result<(), Error> {
    while let Some(message) = ws.recv().await? {
        say(room, format!("{name}: {}", message.into_text().unwrap_or_default()));
    }
    Ok(())
}

#[tokio::main]
async fn main() -> Result<(), Error> {
    let addr = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:8765".to_owned());
    let room = Room::default();
    let server = serve(addr, move |ws| chat(ws, room.clone()))
        .on_error(|failure| eprintln!("{failure}"))
        .await?;
    println!("listening on ws://{}/", server.local_addr());
    server.wait().await;
    Ok(())
}
