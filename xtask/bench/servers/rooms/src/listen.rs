//! The listener of a server of rooms that isn't ours.

use std::net::SocketAddr;

use tokio::net::{TcpListener, TcpSocket};

pub fn listen(addr: SocketAddr) -> TcpListener {
    let socket = TcpSocket::new_v4().expect("a socket");
    socket.set_reuseaddr(true).expect("a socket");
    socket.bind(addr).expect("the address is free");
    socket.listen(4096).expect("a socket")
}
