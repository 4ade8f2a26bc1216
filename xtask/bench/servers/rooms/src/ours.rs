//! Rooms of our library, on one thread, with the defaults: see `limit.rs`.

#[path = "args.rs"]
mod args;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use websockets::rooms::Rooms;
use websockets::{Error, WebSocket, serve};

fn main() {
    let args = args::read();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.expect("a runtime").block_on(async {
        let (rooms, connections) = (Rooms::new(), Arc::new(AtomicUsize::new(0)));
        let handler = move |ws| {
            let number = connections.fetch_add(1, Ordering::Relaxed);
            handle(ws, rooms.clone(), number, args.rooms)
        };
        let server = serve(args.addr, handler).compression(None).await.expect("a free address");
        server.wait().await;
    });
}

async fn handle(mut ws: WebSocket, rooms: Rooms, number: usize, count: usize) -> Result<(), Error> {
    let Some(member) = number.checked_sub(1) else {
        let topics: Vec<_> = (0..count).map(|i| i.to_string()).collect();
        while let Some(message) = ws.recv().await? {
            for topic in &topics {
                rooms.publish(topic, &message);
            }
        }
        return Ok(());
    };
    let membership = rooms.member(ws.sender());
    membership.join(&(member % count).to_string())?;
    while ws.recv().await?.is_some() {}
    Ok(())
}
