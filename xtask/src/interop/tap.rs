//! A place on the way between a client and a server, where one sees what really passes.

use std::{
    io::{Read, Write},
    net::{Shutdown, TcpListener, TcpStream},
    sync::mpsc,
    time::Duration,
};

use crate::run::Result;

/// Forwards one connection to a server, and counts.
#[derive(Debug)]
pub(super) struct Tap {
    /// Where the client connects to.
    pub(super) url: String,
    seen: mpsc::Receiver<Box<Seen>>,
}

/// The traffic of a connection.
#[derive(Debug)]
pub(super) struct Seen {
    pub(super) to_server: Way,
    pub(super) to_client: Way,
}

/// The traffic in one direction: the head of the opening handshake, and frames.
#[derive(Debug, Default)]
pub(super) struct Way {
    /// The request or the response.
    pub(super) head: Vec<u8>,
    /// Messages, and those of which the first frame has RSV1.
    pub(super) messages: u64,
    pub(super) compressed: u64,
    /// Bytes of the payloads of data frames.
    pub(super) bytes: u64,
    /// A header that is not complete yet.
    pub(super) header: Vec<u8>,
    /// How much of the payload is still to come.
    pub(super) left: u64,
}

impl Tap {
    /// Waits for a client of the server at `url`, which has no path.
    pub(super) fn start(url: &str) -> Result<Self> {
        let server = url.strip_prefix("ws://").ok_or_else(|| format!("{url} isn't ws://"))?;
        let server = server.to_owned();
        let listener = TcpListener::bind(("127.0.0.1", 0)).map_err(|e| e.to_string())?;
        let address = listener.local_addr().map_err(|e| e.to_string())?;
        let (sender, seen) = mpsc::channel();
        // It ends with the connection; without one, with the program.
        std::thread::spawn(move || {
            let Ok((client, _)) = listener.accept() else { return };
            let Ok(server) = TcpStream::connect(server) else { return };
            let seen = std::thread::scope(|scope| {
                let to_client = scope.spawn(|| Way::watch(&server, &client));
                let to_server = Way::watch(&client, &server);
                to_client.join().map(|to_client| Seen { to_server, to_client })
            });
            // A thread that panicked, or a receiver that is gone: then nothing was seen.
            if let Ok(seen) = seen {
                let _ = sender.send(Box::new(seen));
            }
        });
        Ok(Self { url: format!("ws://{address}"), seen })
    }

    /// The traffic of the connection, which has to end now.
    pub(super) fn seen(self) -> Result<Box<Seen>> {
        let seen = self.seen.recv_timeout(Duration::from_secs(10));
        seen.map_err(|_| "no connection came to its end".to_owned())
    }
}

impl Way {
    /// Forwards until the end.
    fn watch(mut from: &TcpStream, mut to: &TcpStream) -> Self {
        let mut way = Self::default();
        let mut buffer = vec![0; 1 << 16];
        while let Ok(count @ 1..) = from.read(&mut buffer) {
            let bytes = buffer.get(..count).unwrap_or_default();
            way.feed(bytes);
            if to.write_all(bytes).is_err() {
                break;
            }
        }
        // They may be closed already.
        let _ = (to.shutdown(Shutdown::Write), from.shutdown(Shutdown::Read));
        way
    }

    fn feed(&mut self, mut bytes: &[u8]) {
        while let Some((&first, rest)) = bytes.split_first() {
            if !self.head.ends_with(b"\r\n\r\n") {
                self.head.push(first);
                bytes = rest;
            } else if self.left > 0 {
                let count = bytes.len().min(usize::try_from(self.left).unwrap_or(usize::MAX));
                self.left -= count as u64;
                bytes = bytes.get(count..).unwrap_or_default();
            } else {
                self.header.push(first);
                bytes = rest;
                self.begin_frame();
            }
        }
    }

    /// Counts a frame when its header is complete ([RFC 6455 §5.2]).
    ///
    /// [RFC 6455 §5.2]: https://www.rfc-editor.org/rfc/rfc6455#section-5.2
    fn begin_frame(&mut self) {
        let [flags, length, extended @ ..] = &self.header[..] else { return };
        let (opcode, mask) = (flags & 0x0F, if length & 0x80 == 0 { 0 } else { 4 });
        let size = match length & 0x7F {
            126 => 2,
            127 => 8,
            _ => 0,
        };
        if extended.len() < size + mask {
            return;
        }
        self.left = match size {
            0 => u64::from(length & 0x7F),
            _ => extended.iter().take(size).fold(0, |sum, byte| sum << 8 | u64::from(*byte)),
        };
        // Continuation, text and binary frames; the latter two begin a message.
        if opcode <= 2 {
            self.bytes += self.left;
            self.messages += u64::from(opcode > 0);
            self.compressed += u64::from(opcode > 0 && flags & 0x40 != 0);
        }
        self.header.clear();
    }

    /// The value of a header field of the head; `None` if there is none.
    pub(super) fn field(&self, name: &str) -> Option<String> {
        let head = String::from_utf8_lossy(&self.head);
        let mut fields = head.lines().filter_map(|line| line.split_once(':'));
        let (_, value) = fields.find(|(found, _)| found.eq_ignore_ascii_case(name))?;
        Some(value.trim().to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_counted_however_the_bytes_arrive() {
        let mut bytes = b"HTTP/1.1 101 x\r\nsec-websocket-extensions: y; z=1\r\n\r\n".to_vec();
        bytes.extend(b"\xC1\x03abc"); // compressed text
        bytes.extend(b"\x42\x82mask12\x89\x00\x80\x81mask3"); // compressed binary, a ping inside it
        bytes.extend([0x81, 126, 0, 200]); // plain text
        bytes.extend([b'x'; 200]);
        bytes.extend([0x82, 127, 0, 0, 0, 0, 0, 1, 0, 0]); // plain binary
        bytes.extend([b'x'; 65536]);
        bytes.extend(b"\x88\x02\x03\xE8");
        for step in [1, 2, 7, bytes.len()] {
            let mut way = Way::default();
            bytes.chunks(step).for_each(|part| way.feed(part));
            let counts = (way.messages, way.compressed, way.bytes, way.left);
            assert_eq!(counts, (4, 2, 3 + 2 + 1 + 200 + 65536, 0), "{step}");
            assert_eq!(way.field("Sec-WebSocket-Extensions").as_deref(), Some("y; z=1"));
            assert_eq!(way.field("Upgrade"), None);
        }
    }

    #[test]
    fn both_directions_pass_and_are_seen() -> Result<()> {
        let server = TcpListener::bind(("127.0.0.1", 0)).map_err(|e| e.to_string())?;
        let address = server.local_addr().map_err(|e| e.to_string())?;
        let tap = Tap::start(&format!("ws://{address}"))?;
        let talk = || -> std::io::Result<String> {
            let mut client = TcpStream::connect(tap.url.trim_start_matches("ws://"))?;
            let (mut server, _) = server.accept()?;
            client.write_all(b"GET\r\n\r\n\x81\x80mask")?;
            client.shutdown(Shutdown::Write)?;
            let mut request = Vec::new();
            server.read_to_end(&mut request)?;
            server.write_all(b"HTTP\r\n\r\n")?;
            drop(server);
            let mut response = String::new();
            client.read_to_string(&mut response)?;
            Ok(response)
        };
        assert_eq!(talk().map_err(|e| e.to_string())?, "HTTP\r\n\r\n");
        let seen = tap.seen()?;
        assert_eq!((seen.to_server.messages, seen.to_client.messages), (1, 0));
        Ok(())
    }
}
