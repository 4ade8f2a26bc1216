//! A chat server with rooms, and a page for it on the same port. The first message of a connection is the name of its
//! user.
//!
//! usage: chat [ADDR] [--redis URL | --nats URL]; then open <http://127.0.0.1:8765/>, or, in several terminals: client
//! ws://127.0.0.1:8765/lobby
//!
//! With an engine, several servers have the same rooms.

use std::fmt::Display;

use lexopt::Arg::{Long, Value};
use lexopt::ValueExt;
use websockets::rooms::{NatsBackplane, RedisBackplane, Rooms};
use websockets::{
    Error, Handshake, Message, OriginRule, Response, Router, ServerSettings, WebSocket,
};

const PAGE: &str = include_str!("page.html");

async fn chat(mut ws: WebSocket, room: String, rooms: Rooms) -> Result<(), Error> {
    let Some(Message::Text(name)) = ws.recv().await? else { return Ok(()) };
    let member = rooms.member(ws.sender());
    if let Err(e) = member.join(&room) {
        return ws.start_close(1008, e.to_string());
    }
    // It comes back to its sender, too, who sees that it has arrived.
    let say = |text: &dyn Display| _ = rooms.publish(&room, text.to_string());
    say(&format_args!("{name} has come"));
    let end = talk(&mut ws, |text| say(&format_args!("{name}: {text}"))).await;
    drop(member);
    say(&format_args!("{name} has left"));
    end
}

async fn talk(ws: &mut WebSocket, say: impl Fn(&str)) -> Result<(), Error> {
    while let Some(message) = ws.recv().await? {
        say(message.as_text().unwrap_or("(not text)"));
    }
    Ok(())
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut addr = "127.0.0.1:8765".to_owned();
    let mut rooms = Rooms::builder().on_event(|event| eprintln!("{event}"));
    let mut args = lexopt::Parser::from_env();
    while let Some(arg) = args.next()? {
        match arg {
            Value(value) => addr = value.string()?,
            Long("redis") => {
                rooms = rooms.backplane("chat", RedisBackplane::new(args.value()?.string()?)?);
            }
            Long("nats") => {
                rooms = rooms.backplane("chat", NatsBackplane::new(args.value()?.string()?));
            }
            _ => return Err(arg.unexpected().into()),
        }
    }
    let rooms = rooms.build();

    // The page of this server, and programs, but no page of others.
    let origins = [OriginRule::SameHost, OriginRule::Absent];
    let server = Router::new()
        .http("/", async |_: Handshake| Response::html(200, PAGE))
        .route("/{room}", move |ws: WebSocket, room: String| chat(ws, room, rooms.clone()))
        .serve(addr)
        .settings(ServerSettings::new().origins(origins).max_message_size(4096))
        .on_error(|failure| eprintln!("{failure}"))
        .await?;
    println!("listening on http://{}/", server.local_addr());

    tokio::signal::ctrl_c().await?;
    let report = server.shutdown().await;
    println!("{} connections were closed", report.closed);
    Ok(())
}
