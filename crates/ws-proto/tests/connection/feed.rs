//! Giving bytes to a connection in every way in which a driver may do it: whole, cut in two at
//! every position, byte by byte, pulled late, and put straight into the memory of the connection in
//! steps of many sizes. The outcome must not depend on the way.

use std::sync::Arc;
use std::time::Duration;

use bytes::BufMut;
use ws_errors::{ConnectionClosed, WebSocketException};
use ws_proto::extension::Extensions;
use ws_proto::{Config, Connection, Event, Message, MessageKind};
use ws_types::{Side, State};

use crate::frames::{Frame, parse, wire};

/// The time at which everything in a scenario happens.
pub(crate) const NOW: Duration = Duration::from_secs(100);

/// Inputs of up to this many bytes are cut at every position, longer ones at some.
const CUT_EVERYWHERE: usize = 700;

/// Inputs of up to this many bytes come byte by byte in every way, longer ones in one way.
const BYTEWISE: usize = 5000;

type Make<'a> = Box<dyn Fn(&Arc<Config>) -> Connection + 'a>;

/// A connection, brought into some state, to which a scripted peer talks.
pub(crate) struct Scenario<'a> {
    pub(crate) side: Side,
    config: Arc<Config>,
    make: Make<'a>,
    setup: Box<dyn Fn(&mut Connection) + 'a>,
    stream: bool,
    /// Leaves out the pieces of a message that doesn't become whole: how much of it is handed out
    /// depends on how the bytes came.
    pub(crate) whole_only: bool,
}

/// The outcome of a scenario.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Outcome {
    pub(crate) events: Vec<Event>,
    /// The frames that the connection has sent in answer.
    pub(crate) sent: Vec<Frame>,
    /// The state before the end of the stream.
    pub(crate) state: State,
    /// Whether the connection wanted its writing side closed before the end of the stream.
    pub(crate) shutdown: bool,
    /// How it has ended after the end of the stream.
    pub(crate) closed: ConnectionClosed,
}

impl Outcome {
    /// The violation, if the connection ended with one.
    pub(crate) fn cause(&self) -> Option<&WebSocketException> {
        match &self.closed {
            ConnectionClosed::ConnectionClosedError(e) => e.cause.as_deref(),
            _ => None,
        }
    }

    pub(crate) fn is_ok(&self) -> bool {
        matches!(self.closed, ConnectionClosed::ConnectionClosedOK(_))
    }
}

pub(crate) fn connect(side: Side, config: &Arc<Config>, now: Duration) -> Connection {
    connect_with(side, config, Extensions::default(), now)
}

/// A connection with these extensions.
pub(crate) fn connect_with(
    side: Side,
    config: &Arc<Config>,
    extensions: impl Into<Extensions>,
    now: Duration,
) -> Connection {
    let (config, extensions) = (Arc::clone(config), extensions.into());
    match side {
        Side::Client => Connection::client(config, extensions, [0x5E; 32], now),
        Side::Server => Connection::server(config, extensions, now),
    }
}

/// Reads when nothing comes: the connection waits, and gives its memory back.
pub(crate) fn wait(conn: &mut Connection) {
    conn.receive_with(NOW, |_| ());
}

/// A configuration made from the default one.
pub(crate) fn config(change: impl FnOnce(&mut Config)) -> Arc<Config> {
    let mut config = Config::default();
    change(&mut config);
    Arc::new(config)
}

/// Takes everything that is to be written.
pub(crate) fn take_output(conn: &mut Connection) -> Vec<u8> {
    let bytes = conn.output().take_all();
    assert!(conn.output().is_empty());
    bytes
}

/// Takes everything that is to be written, as frames.
#[track_caller]
pub(crate) fn sent(conn: &mut Connection) -> Vec<Frame> {
    let side = conn.side();
    parse(side, &take_output(conn))
}

/// Gives frames of the peer to a connection, and pulls everything.
#[track_caller]
pub(crate) fn give(conn: &mut Connection, frames: &[Frame]) -> Vec<Event> {
    conn.receive_data(&wire(conn.side().peer(), frames), NOW);
    pull(conn)
}

/// Pulls everything, as whole messages.
#[track_caller]
pub(crate) fn pull(conn: &mut Connection) -> Vec<Event> {
    std::iter::from_fn(|| conn.poll_event()).collect()
}

enum Way<'b> {
    /// Copied in, and pulled after each piece or at the end only.
    Copied { pieces: Vec<&'b [u8]>, late: bool },
    /// Put into the memory of the connection, at most `step` bytes at once; `wait`: after each of them
    /// nothing comes for a while.
    Direct { step: usize, wait: bool },
}

impl<'a> Scenario<'a> {
    /// A new connection with the default configuration.
    pub(crate) fn new(side: Side) -> Self {
        Self::made(side, move |config| connect(side, config, NOW))
    }

    /// A connection that `make` makes from the default configuration.
    pub(crate) fn made(side: Side, make: impl Fn(&Arc<Config>) -> Connection + 'a) -> Self {
        let setup = Box::new(|_: &mut Connection| ());
        let config = config(|_| ());
        Self { side, config, make: Box::new(make), setup, stream: false, whole_only: false }
    }

    pub(crate) fn config(mut self, change: impl FnOnce(&mut Config)) -> Self {
        self.config = config(change);
        self
    }

    /// Does this to the connection first.
    pub(crate) fn after(mut self, setup: impl Fn(&mut Connection) + 'a) -> Self {
        self.setup = Box::new(setup);
        self
    }

    /// Pulls messages in pieces, which are put together again where nothing is between them.
    pub(crate) fn streaming(mut self) -> Self {
        self.stream = true;
        self
    }

    /// Gives the connection these frames of its peer, in every way.
    #[track_caller]
    pub(crate) fn run(&self, frames: &[Frame]) -> Outcome {
        self.run_bytes(&wire(self.side.peer(), frames))
    }

    /// Gives the connection these bytes, in every way.
    #[track_caller]
    pub(crate) fn run_bytes(&self, bytes: &[u8]) -> Outcome {
        let whole = self.run_one(bytes, &Way::Copied { pieces: vec![bytes], late: false });
        let len = bytes.len();
        let positions = (0..=len).filter(|at| {
            len <= CUT_EVERYWHERE || *at < 20 || len - at < 20 || at % (len / 64) == 0
        });
        for at in positions {
            let (a, b) = bytes.split_at(at);
            let way = Way::Copied { pieces: vec![a, b], late: false };
            assert_eq!(self.run_one(bytes, &way), whole, "cut at {at} of {len}");
        }
        let small = if len <= BYTEWISE { 1 } else { 11 };
        for (late, size) in [(false, 1), (true, small)] {
            let way = Way::Copied { pieces: bytes.chunks(size).collect(), late };
            assert_eq!(self.run_one(bytes, &way), whole, "{size} by {size}, pulled late: {late}");
        }
        for step in [small, 7 * small, 3000, 4095, 17_000, 1 << 20] {
            for wait in [false, true] {
                let outcome = self.run_one(bytes, &Way::Direct { step, wait });
                assert_eq!(outcome, whole, "step {step}, waiting: {wait}");
            }
        }
        whole
    }

    fn run_one(&self, bytes: &[u8], way: &Way<'_>) -> Outcome {
        let mut conn = (self.make)(&self.config);
        (self.setup)(&mut conn);
        take_output(&mut conn);
        let mut run = Run {
            conn,
            stream: self.stream,
            whole_only: self.whole_only,
            joined: None,
            events: Vec::new(),
            sent: Vec::new(),
        };
        match way {
            Way::Copied { pieces, late } => {
                for piece in pieces {
                    run.conn.receive_data(piece, NOW);
                    if !late {
                        run.pull();
                    }
                }
                run.pull();
            }
            Way::Direct { step, wait } => run.read(bytes, *step, *wait),
        }
        let state = run.conn.state();
        let shutdown = run.conn.wants_shutdown();
        run.conn.receive_eof();
        run.pull();
        assert_eq!(run.conn.state(), State::Closed, "the end of the stream closes");
        assert_eq!(run.conn.poll_timeout(), None, "nothing to wait for");
        assert!(run.conn.wants_shutdown(), "everything was written, and nothing will follow");
        run.cut_off();
        let sent = parse(self.side, &run.sent);
        Outcome { events: run.events, sent, state, shutdown, closed: run.conn.closed() }
    }
}

struct Run {
    conn: Connection,
    stream: bool,
    whole_only: bool,
    /// Pieces of a message, of which the last one was not the end.
    joined: Option<(MessageKind, Vec<u8>)>,
    events: Vec<Event>,
    sent: Vec<u8>,
}

impl Run {
    fn pull(&mut self) {
        loop {
            let event = match self.stream {
                true => self.conn.poll_chunk(),
                false => self.conn.poll_event(),
            };
            match event {
                Some(event) => self.note(event),
                None => break,
            }
        }
        self.sent.extend(take_output(&mut self.conn));
    }

    /// Notes an event; pieces of a message are joined until its end, or until something is between them.
    fn note(&mut self, event: Event) {
        if let Event::Chunk { data, last } = &event {
            let (kind, bytes) = self.joined.get_or_insert((data.kind(), Vec::new()));
            assert_eq!(data.kind(), *kind);
            bytes.extend_from_slice(data.as_bytes());
            if *last {
                self.end_joined(true);
            }
            return;
        }
        match event {
            Event::TooBig(_) => self.cut_off(),
            _ => self.end_joined(false),
        }
        self.events.push(event);
    }

    /// Notes that the message, if one was begun, doesn't become whole.
    fn cut_off(&mut self) {
        self.end_joined(false);
        if self.whole_only {
            let is_end = |event: &Event| match event {
                Event::Chunk { last, .. } => *last,
                event => matches!(event, Event::Message(_) | Event::TooBig(_)),
            };
            let begin = self.events.iter().rposition(is_end).map_or(0, |end| end + 1);
            let rest = self.events.split_off(begin);
            let is_piece = |event: &Event| matches!(event, Event::Chunk { .. });
            self.events.extend(rest.into_iter().filter(|event| !is_piece(event)));
        }
    }

    /// Notes the pieces that were joined.
    fn end_joined(&mut self, last: bool) {
        let Some((kind, bytes)) = self.joined.take() else { return };
        let data = match kind {
            MessageKind::Text => Message::from(String::from_utf8(bytes).unwrap()),
            MessageKind::Binary => Message::from(bytes),
        };
        self.events.push(Event::Chunk { data, last });
    }

    fn read(&mut self, mut bytes: &[u8], step: usize, wait: bool) {
        while !bytes.is_empty() {
            let n = self.conn.receive_with(NOW, |buffer| {
                let n = step.min(buffer.remaining_mut()).min(bytes.len());
                buffer.put_slice(&bytes[..n]);
                n
            });
            assert!(n > 0, "a driver would take an empty read for the end of the stream");
            bytes = &bytes[n..];
            self.pull();
            if wait {
                self::wait(&mut self.conn);
            }
        }
    }
}
