//! The load generator: one thread, epoll, raw sockets, no WebSocket library.
//!
//! Frames are built and masked before the clock starts; the hot loop is one `send` of a slice, one
//! `recv` and a walk over headers, so that the generator costs less than any server. (TLS costs it as much as
//! them.) `main` reads the
//! arguments; each mode has a file of its own and prints one line of `name=value` pairs.

mod corpus;
mod echo;
mod frames;
mod handshake;
mod histogram;
mod idle;
mod options;
mod process;
mod receive;
mod rooms;
mod socket;
mod stream;

use options::Options;

const USAGE: &str = "\
loadgen MODE --addr IP:PORT --pid SERVER_PID [--NAME VALUE]...

modes: echo, handshake, idle, rooms; each option is explained where its mode reads it
";

fn main() {
    let mut args = std::env::args().skip(1);
    let mode = args.next().unwrap_or_default();
    let options = Options::parse(args.collect());
    match mode.as_str() {
        "echo" => echo::run(&options),
        "handshake" => handshake::run(&options),
        "idle" => idle::run(&options),
        "rooms" => rooms::run(&options),
        _ => {
            eprint!("{USAGE}");
            std::process::exit(2);
        }
    }
}
