//! The limit of rooms: a bare loop of `write` calls. `rooms-limit ADDR [--rooms N]`.
//!
//! As for all servers of rooms: the first connection is the control; the others are members of N rooms in
//! turn. A message from the control is published once in each room.

#[path = "args.rs"]
mod args;
#[path = "listen.rs"]
mod listen;

use std::cell::RefCell;
use std::io::Write;
use std::net::TcpStream;
use std::rc::Rc;

use echo_common::{minimal, upgrade};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::task::{LocalSet, spawn_local};

type Rooms = Rc<RefCell<Vec<Vec<TcpStream>>>>;

fn main() {
    let args = args::read();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let rooms: Rooms = Rc::new(RefCell::new((0..args.rooms).map(|_| Vec::new()).collect()));
    LocalSet::new().block_on(&runtime.expect("a runtime"), async {
        let listener = listen::listen(args.addr);
        let mut control = None;
        let mut members = 0;
        loop {
            let Ok((mut tcp, _)) = listener.accept().await else { continue };
            let _ = tcp.set_nodelay(true);
            let mut head = vec![0; 1024];
            let mut len = 0;
            while upgrade::head_len(&head[..len]).is_none() {
                match tcp.read(&mut head[len..]).await {
                    Ok(n @ 1..) => len += n,
                    // A connection that only looks whether somebody is there.
                    _ => break,
                }
            }
            let Some(response) = upgrade::response(&head[..len]) else { continue };
            let _ = tcp.write_all(response.as_bytes()).await;
            if control.is_none() {
                control = Some(spawn_local(publish(tcp, Rc::clone(&rooms))));
                continue;
            }
            let tcp = tcp.into_std().expect("a socket");
            rooms.borrow_mut()[members % args.rooms].push(tcp);
            members += 1;
        }
    });
}

async fn publish(mut control: tokio::net::TcpStream, rooms: Rooms) {
    let mut buf = vec![0; 64 << 10];
    let mut have = 0;
    while let Ok(n @ 1..) = control.read(&mut buf[have..]).await {
        have += n;
        // One message at a time comes; as a server sends it, it is shorter.
        let echoed = minimal::echo_in_place(&mut buf[..have]);
        if echoed.produced == 0 {
            continue;
        }
        assert_eq!(echoed.consumed, have, "the next one comes when all have this one");
        let frame = &buf[..echoed.produced];
        for mut member in rooms.borrow().iter().flatten() {
            assert_eq!(member.write(frame).ok(), Some(frame.len()), "the socket has room");
        }
        have = 0;
    }
}
