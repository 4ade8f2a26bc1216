//! The arguments of a server of rooms.

use std::net::SocketAddr;

pub struct Args {
    pub addr: SocketAddr,
    pub rooms: usize,
}

/// Reads `ADDR [--rooms N]`.
pub fn read() -> Args {
    let mut args = Args { addr: SocketAddr::from(([127, 0, 0, 1], 9001)), rooms: 1 };
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        match word.as_str() {
            "--rooms" => {
                args.rooms = words.next().and_then(|n| n.parse().ok()).expect("--rooms N");
            }
            addr => args.addr = addr.parse().expect("ADDR: ip:port"),
        }
    }
    args
}
