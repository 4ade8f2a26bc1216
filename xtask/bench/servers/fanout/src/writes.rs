//! The limit: the frame is made once, then one write per socket.

use std::cell::RefCell;
use std::io::{Error, ErrorKind};
use std::rc::Rc;

use echo_common::{Args, minimal, upgrade};
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};

type Everybody = Rc<RefCell<Vec<Rc<TcpStream>>>>;

async fn relay(mut stream: TcpStream, everybody: Everybody) -> Result<(), Error> {
    let mut buf = vec![0; 64 << 10];
    let mut len = 0;
    while upgrade::head_len(&buf[..len]).is_none() {
        stream.readable().await?;
        match stream.try_read(&mut buf[len..]) {
            Ok(0) => return Ok(()),
            Ok(n) => len += n,
            Err(e) if e.kind() == ErrorKind::WouldBlock => {}
            Err(e) => return Err(e),
        }
    }
    let response = upgrade::response(&buf[..len]).unwrap_or_default();
    stream.write_all(response.as_bytes()).await?;
    let stream = Rc::new(stream);
    everybody.borrow_mut().push(Rc::clone(&stream));
    // What waits holds no buffer.
    drop(buf);
    let mut frame = vec![];
    loop {
        stream.readable().await?;
        let start = frame.len();
        frame.resize(start + (16 << 10), 0);
        let read = stream.try_read(&mut frame[start..]);
        frame.truncate(start + *read.as_ref().unwrap_or(&0));
        match read {
            Ok(0) => return Ok(()),
            Err(e) if e.kind() != ErrorKind::WouldBlock => return Err(e),
            _ => {}
        }
        let end = minimal::header(&frame).map_or(usize::MAX, |header| header.size + header.len);
        if frame.len() < end {
            continue;
        }
        let echoed = minimal::echo_in_place(&mut frame);
        for stream in everybody.borrow().iter() {
            // The client has read the one before, so there is room; one that is gone doesn't matter.
            let written = stream.try_write(&frame[..echoed.produced]);
            let full = |e: &Error| e.kind() == ErrorKind::WouldBlock;
            assert!(!written.is_err_and(|e| full(&e)), "the socket is full");
        }
        frame = vec![];
    }
}

pub fn run(args: Args) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let tasks = tokio::task::LocalSet::new();
    tasks.block_on(&runtime.expect("a runtime"), async move {
        let everybody = Everybody::default();
        let listener = TcpListener::bind(args.addr).await.expect("the address is free");
        loop {
            let Ok((stream, _)) = listener.accept().await else { continue };
            let _ = stream.set_nodelay(true);
            let everybody = Rc::clone(&everybody);
            tokio::task::spawn_local(async move {
                let _ = relay(stream, everybody).await;
            });
        }
    });
}
