//! Sockets, epoll, and opening a connection.

use std::net::{Ipv4Addr, SocketAddrV4, TcpStream};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::sync::Arc;
use std::time::Duration;

use rustix::event::epoll;
use rustix::net::{AddressFamily, SocketType, ipproto, sockopt};

use crate::options::{Options, fail};
use crate::stream::{self, Stream};

const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";
const ACCEPT: &str = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

/// How a connection is opened: over which stream, with which request.
pub struct Opening {
    pub addr: SocketAddrV4,
    tls: Option<Arc<rustls::ClientConfig>>,
    /// The 12 header lines that Chromium sends, instead of the 5 that a handshake needs.
    browser: bool,
    /// Whether compression is offered, and has to be accepted.
    deflate: bool,
}

impl Opening {
    pub fn new(options: &Options) -> Self {
        let (browser, deflate) = (options.flag("browser"), options.flag("deflate"));
        let tls = options.flag("tls").then(stream::tls);
        Self { addr: options.addr(), tls, browser, deflate }
    }

    fn request(&self) -> String {
        let addr = self.addr;
        if self.browser {
            return format!(
                "GET / HTTP/1.1\r\nHost: {addr}\r\nConnection: Upgrade\r\nPragma: no-cache\r\n\
                Cache-Control: no-cache\r\nUser-Agent: Mozilla/5.0 (X11; Linux x86_64) \
                AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0 Safari/537.36\r\n\
                Upgrade: websocket\r\nOrigin: http://{addr}\r\nSec-WebSocket-Version: 13\r\n\
                Accept-Encoding: gzip, deflate, br, zstd\r\nAccept-Language: en-US,en;q=0.9\r\n\
                Sec-WebSocket-Key: {KEY}\r\nSec-WebSocket-Extensions: permessage-deflate; \
                client_max_window_bits\r\n\r\n"
            );
        }
        let offer = match self.deflate {
            true => "Sec-WebSocket-Extensions: permessage-deflate\r\n",
            false => "",
        };
        format!(
            "GET / HTTP/1.1\r\nHost: {addr}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
            Sec-WebSocket-Key: {KEY}\r\nSec-WebSocket-Version: 13\r\n{offer}\r\n"
        )
    }

    /// Checks a whole response.
    fn check(&self, response: &[u8]) {
        let head = String::from_utf8_lossy(response);
        if !head.ends_with("\r\n\r\n")
            || !head.starts_with("HTTP/1.1 101")
            || !head.contains(ACCEPT)
        {
            fail(&format!("no upgrade: {head}"));
        }
        let accepted = head.to_ascii_lowercase().contains("permessage-deflate");
        // A browser offers it always, and takes either answer.
        if accepted != self.deflate && (self.deflate || !self.browser) {
            fail(&format!("compression wasn't accepted as asked for: {head}"));
        }
    }

    /// Connects and sends the request; with TLS it leaves once that is ready.
    pub fn begin(&self, source: Option<Ipv4Addr>) -> Stream {
        let mut stream = Stream::new(connect(self.addr, source), self.tls.as_ref());
        let request = self.request();
        assert_eq!(stream.send(request.as_bytes()), Some(request.len()), "the socket is empty");
        stream
    }

    /// Receives some of the response; whether it is whole. It is checked then.
    pub fn receive(&self, stream: &mut Stream, head: &mut Vec<u8>, buf: &mut [u8]) -> bool {
        match stream.recv(buf) {
            None => return false,
            Some(0) => fail("closed during the handshake"),
            Some(n) => head.extend_from_slice(&buf[..n]),
        }
        let whole = head.ends_with(b"\r\n\r\n");
        if whole {
            self.check(head);
        }
        whole
    }

    /// Connects and waits for the response.
    pub fn open(&self, source: Option<Ipv4Addr>, buf: &mut [u8]) -> Stream {
        let (mut stream, mut head) = (self.begin(source), vec![]);
        while !self.receive(&mut stream, &mut head, buf) {}
        stream
    }
}

/// Connects from any of our addresses: 127.0.0.0/8 has more ports than one address has.
pub fn connect(addr: SocketAddrV4, source: Option<Ipv4Addr>) -> TcpStream {
    let connected = || -> rustix::io::Result<OwnedFd> {
        let fd = rustix::net::socket(AddressFamily::INET, SocketType::STREAM, Some(ipproto::TCP))?;
        sockopt::set_tcp_nodelay(&fd, true)?;
        if let Some(source) = source {
            choose_port_late(&fd);
            sockopt::set_socket_reuseaddr(&fd, true)?;
            rustix::net::bind(&fd, &SocketAddrV4::new(source, 0))?;
        }
        rustix::net::connect(&fd, &addr)?;
        Ok(fd)
    };
    connected().unwrap_or_else(|e| fail(&format!("connect: {e}"))).into()
}

/// Lets `connect` choose the port: `bind`, which doesn't know the other end, searches for one that
/// nobody has, and takes a millisecond for it when there are many.
fn choose_port_late(fd: &OwnedFd) {
    let one: libc::c_int = 1;
    let len = size_of_val(&one) as libc::socklen_t;
    let (level, name) = (libc::IPPROTO_IP, libc::IP_BIND_ADDRESS_NO_PORT);
    // SAFETY: the descriptor is open, `one` is an integer of `len` bytes that lives through the call.
    let set =
        unsafe { libc::setsockopt(fd.as_raw_fd(), level, name, (&raw const one).cast(), len) };
    assert_eq!(set, 0, "Linux has this option since 4.2");
}

/// The sockets that something may happen on.
pub struct Poll {
    epoll: OwnedFd,
    events: Vec<epoll::Event>,
}

impl Poll {
    pub fn new() -> Self {
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC).expect("epoll");
        Self { epoll, events: Vec::with_capacity(512) }
    }

    /// Watches a socket for input; events carry `id`.
    pub fn add(&self, stream: &TcpStream, id: u64) {
        stream.set_nonblocking(true).expect("a socket");
        let data = epoll::EventData::new_u64(id);
        epoll::add(&self.epoll, stream, data, epoll::EventFlags::IN).expect("epoll");
    }

    /// Watches for room to write, too, or no longer.
    pub fn watch_output(&self, stream: impl AsFd, id: u64, output: bool) {
        let flags = epoll::EventFlags::IN;
        let flags = if output { flags | epoll::EventFlags::OUT } else { flags };
        epoll::modify(&self.epoll, stream, epoll::EventData::new_u64(id), flags).expect("epoll");
    }

    /// Waits for events, at most `limit`; how many there are.
    pub fn wait(&mut self, limit: Duration) -> usize {
        self.events.clear();
        let limit = rustix::event::Timespec {
            tv_sec: limit.as_secs() as i64,
            tv_nsec: i64::from(limit.subsec_nanos()),
        };
        let events = rustix::buffer::spare_capacity(&mut self.events);
        match epoll::wait(&self.epoll, events, Some(&limit)) {
            Ok(n) => n,
            Err(rustix::io::Errno::INTR) => 0,
            Err(e) => fail(&format!("epoll: {e}")),
        }
    }

    /// Waits for events until the benchmark is obviously stuck.
    pub fn wait_for_progress(&mut self, done: u64) -> usize {
        match self.wait(Duration::from_secs(10)) {
            0 => fail(&format!("nothing happened for 10 s, after {done}")),
            n => n,
        }
    }

    /// The id of the `i`th event, and whether there is anything to read.
    pub fn event(&self, i: usize) -> (usize, bool) {
        let event = self.events[i];
        let flags = event.flags;
        (event.data.u64() as usize, flags != epoll::EventFlags::OUT)
    }
}

/// The result of a read or write that must not fail; `None`: it would block.
pub fn progress<T>(result: rustix::io::Result<T>) -> Option<T> {
    match result {
        Ok(done) => Some(done),
        Err(rustix::io::Errno::AGAIN | rustix::io::Errno::INTR) => None,
        Err(e) => fail(&format!("socket: {e}")),
    }
}
