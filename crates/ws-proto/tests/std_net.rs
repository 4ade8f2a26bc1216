//! A driver for `std::net`, client and server, in a hundred lines: a thread for each connection, and the
//! time limit of the socket's reads as the timer. For real use it lacks a random nonce and seed, and a time
//! limit for writes to a peer that doesn't read.

use std::error::Error;
use std::io::{self, BufRead, BufReader, ErrorKind, Write};
use std::iter;
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use ws_errors::ConnectionClosed;
use ws_proto::client::{ClientHandshake, ClientOptions};
use ws_proto::server::{ServerHandshake, ServerOptions, negotiate};
use ws_proto::{Config, Connection, Event, Message, Outgoing};
use ws_types::{Close, State};

type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

/// A connection, the socket that it uses, and the time that it counts from.
struct WebSocket {
    conn: Connection,
    stream: BufReader<TcpStream>,
    origin: Instant,
}

impl WebSocket {
    /// Opens a connection, as a client.
    fn connect(uri: &str, config: Arc<Config>) -> Result<Self> {
        let (uri, options, origin) = (uri.parse()?, ClientOptions::default(), Instant::now());
        let mut opening = ClientHandshake::new(&uri, &options, [1; 16], Duration::ZERO)?;
        let mut stream = BufReader::new(TcpStream::connect((uri.host(), uri.port()))?);
        stream.get_mut().write_all(&opening.request().serialize())?;
        read_response(&mut stream, &mut opening, origin)?;
        let agreed = opening.into_negotiated().ok_or("no response")?;
        let conn = Connection::client(config, agreed.extensions, [2; 32], origin.elapsed());
        Ok(Self { conn, stream, origin })
    }

    /// Answers a client that has connected.
    fn accept(stream: TcpStream, config: Arc<Config>) -> Result<Self> {
        let (options, now) = (ServerOptions::default(), Duration::ZERO);
        let mut opening = ServerHandshake::new(&options, now);
        let mut stream = BufReader::new(stream);
        stream.get_ref().set_read_timeout(opening.poll_timeout())?;
        read_request(&mut stream, &mut opening)?;
        let agreed = negotiate(&opening.into_request().ok_or("no request")?, &options, None)?;
        stream.get_mut().write_all(&agreed.response.serialize())?;
        let conn = Connection::server(config, agreed.extensions, now);
        Ok(Self { conn, stream, origin: Instant::now() })
    }

    /// Sends a message.
    fn send(&mut self, message: impl Into<Outgoing>) -> Result<()> {
        self.conn.send(message)?;
        Ok(self.write()?)
    }

    /// Waits for the next message; `None` once the connection is closed.
    fn recv(&mut self) -> Option<Message> {
        let mut events = iter::from_fn(|| self.next_event());
        events.find_map(|event| if let Event::Message(it) = event { Some(it) } else { None })
    }

    /// Waits for the next event; `None` once the connection is closed.
    fn next_event(&mut self) -> Option<Event> {
        let mut has_read = false;
        loop {
            if let Some(event) = self.conn.poll_event() {
                return Some(event);
            }
            if has_read {
                self.conn.handle_timeout(self.origin.elapsed());
            }
            if self.conn.state() == State::Closed {
                return None;
            }
            if self.write().and_then(|()| self.read()).is_err() {
                self.conn.abort();
            }
            has_read = true;
        }
    }

    /// Carries out the closing handshake. Messages that still come are dropped.
    fn close(mut self, close: Close) -> Result<ConnectionClosed> {
        self.conn.send_close(close, self.origin.elapsed())?;
        while self.recv().is_some() {}
        Ok(self.conn.closed())
    }

    /// Writes what is queued.
    fn write(&mut self) -> io::Result<()> {
        self.stream.get_mut().write_all(&self.conn.output().take_all())?;
        if self.conn.wants_shutdown() {
            self.stream.get_mut().shutdown(Shutdown::Write)?;
        }
        Ok(())
    }

    /// Waits until something arrives, and takes it in; or until the time is up.
    fn read(&mut self) -> io::Result<()> {
        let limit = time_left(self.conn.poll_timeout(), self.origin);
        self.stream.get_ref().set_read_timeout(limit)?;
        match self.stream.fill_buf() {
            Ok([]) => self.conn.receive_eof(),
            Ok(data) => {
                self.conn.receive_data(data, self.origin.elapsed());
                let len = data.len();
                self.stream.consume(len);
            }
            Err(e) if matches!(e.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
            Err(e) => return Err(e),
        }
        Ok(())
    }
}

/// Reads until the whole request is there.
fn read_request(stream: &mut BufReader<TcpStream>, opening: &mut ServerHandshake) -> Result<()> {
    loop {
        let data = stream.fill_buf()?;
        let (arrived, taken) = (data.len(), opening.receive_data(data)?);
        stream.consume(taken.unwrap_or(arrived));
        match taken {
            Some(_) => return Ok(()),
            None if arrived == 0 => opening.receive_eof()?,
            None => {}
        }
    }
}

/// Reads until the whole response is there: of a refusal, only until there was time for its body.
fn read_response(
    stream: &mut BufReader<TcpStream>,
    opening: &mut ClientHandshake,
    origin: Instant,
) -> Result<()> {
    loop {
        stream.get_ref().set_read_timeout(time_left(opening.poll_timeout(), origin))?;
        match stream.fill_buf() {
            Ok(data) if !data.is_empty() => {
                let (arrived, taken) = (data.len(), opening.receive_data(data, origin.elapsed())?);
                stream.consume(taken.unwrap_or(arrived));
                if taken.is_some() {
                    return Ok(());
                }
            }
            Err(e) if matches!(e.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                opening.handle_timeout(origin.elapsed())?;
            }
            Ok(_) | Err(_) => opening.receive_eof()?,
        }
    }
}

/// The time until `deadline`, counted from `origin`; not zero, which isn't allowed.
fn time_left(deadline: Option<Duration>, origin: Instant) -> Option<Duration> {
    deadline.map(|at| at.saturating_sub(origin.elapsed()).max(MILLISECOND))
}

const MILLISECOND: Duration = Duration::from_millis(1);

/// Longer than anything here takes.
const LONG: Duration = Duration::from_secs(20);

/// Accepts one client, and echoes its messages, in a thread; gives the URI, and how the connection ends.
fn echo(config: Config) -> Result<(String, mpsc::Receiver<ConnectionClosed>)> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let uri = format!("ws://{}/", listener.local_addr()?);
    let (sender, closed) = mpsc::channel();
    thread::spawn(move || -> Result<()> {
        let mut ws = WebSocket::accept(listener.accept()?.0, Arc::new(config))?;
        while let Some(message) = ws.recv() {
            ws.send(message)?;
        }
        Ok(sender.send(ws.conn.closed())?)
    });
    Ok((uri, closed))
}

/// Keepalive pings in short intervals.
fn keepalive(interval: u64, timeout: Duration) -> Config {
    let mut config = Config::default();
    config.ping_interval = Some(Duration::from_millis(interval));
    config.ping_timeout = Some(timeout);
    config
}

#[test]
fn messages_are_echoed_and_the_closing_handshake_ends_both_sides() -> Result<()> {
    let (uri, closed) = echo(Config::default())?;
    let mut ws = WebSocket::connect(&uri, Arc::default())?;
    let long: Vec<u8> = (0..200_000_u32).map(|i| i as u8).collect();
    for message in [Message::from("hello"), Message::from(vec![1, 2, 3]), Message::from(long)] {
        ws.send(message.clone())?;
        assert_eq!(ws.recv(), Some(message));
    }
    let end = ws.close(Close::new(1000, "bye"))?;
    assert_eq!(end.to_string(), "sent 1000 (OK) bye; then received 1000 (OK) bye");
    let end = closed.recv_timeout(LONG)?;
    assert_eq!(end.to_string(), "received 1000 (OK) bye; then sent 1000 (OK) bye");
    Ok(())
}

#[test]
fn keepalive_pings_are_answered_while_nothing_is_sent() -> Result<()> {
    let (uri, closed) = echo(Config::default())?;
    let mut ws = WebSocket::connect(&uri, Arc::new(keepalive(10, LONG)))?;
    for _ in 0..3 {
        let event = ws.next_event();
        assert!(matches!(event, Some(Event::Pong { acknowledges: Some(_), .. })), "{event:?}");
    }
    assert!(ws.conn.stats().latency.is_some_and(|latency| latency < LONG));
    ws.close(Close::new(1001, ""))?;
    assert!(matches!(closed.recv_timeout(LONG)?, ConnectionClosed::ConnectionClosedOK(_)));
    Ok(())
}

#[test]
fn a_peer_that_does_not_answer_pings_is_given_up() -> Result<()> {
    let mut config = keepalive(10, Duration::from_millis(10));
    config.close_timeout = Some(Duration::from_millis(10));
    let (uri, closed) = echo(config)?;
    // It is open, but nobody reads.
    let ws = WebSocket::connect(&uri, Arc::default())?;
    let end = closed.recv_timeout(LONG)?;
    let expected = "sent 1011 (internal error) keepalive ping timeout; no close frame received";
    assert_eq!(end.to_string(), expected);
    drop(ws);
    Ok(())
}
