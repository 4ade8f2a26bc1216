//! tokio-tungstenite with a channel and a task for each member, as its examples have it: see `limit.rs`.

#[path = "args.rs"]
mod args;
#[path = "listen.rs"]
mod listen;

use std::cell::RefCell;
use std::rc::Rc;

use futures_util::{SinkExt, StreamExt};
use tokio::net::TcpStream;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::{LocalSet, spawn_local};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;

type Rooms = Rc<RefCell<Vec<Vec<UnboundedSender<Message>>>>>;

fn main() {
    let args = args::read();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let rooms: Rooms = Rc::new(RefCell::new((0..args.rooms).map(|_| Vec::new()).collect()));
    LocalSet::new().block_on(&runtime.expect("a runtime"), async {
        let listener = listen::listen(args.addr);
        let mut connections = 0;
        loop {
            let Ok((tcp, _)) = listener.accept().await else { continue };
            let _ = tcp.set_nodelay(true);
            let Ok(ws) = tokio_tungstenite::accept_async(tcp).await else { continue };
            if connections == 0 {
                spawn_local(publish(ws, Rc::clone(&rooms)));
            } else {
                let (sender, messages) = unbounded_channel();
                rooms.borrow_mut()[(connections - 1) % args.rooms].push(sender);
                spawn_local(member(ws, messages));
            }
            connections += 1;
        }
    });
}

async fn publish(mut control: WebSocketStream<TcpStream>, rooms: Rooms) {
    while let Some(Ok(message)) = control.next().await {
        for member in rooms.borrow().iter().flatten() {
            let _ = member.send(message.clone());
        }
    }
}

async fn member(ws: WebSocketStream<TcpStream>, mut messages: UnboundedReceiver<Message>) {
    let (mut sink, mut stream) = ws.split();
    loop {
        tokio::select! {
            Some(message) = messages.recv() => if sink.send(message).await.is_err() { return },
            received = stream.next() => if !matches!(received, Some(Ok(_))) { return },
        }
    }
}
