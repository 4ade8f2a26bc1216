//! Giving bytes to a connection in every way in which a driver may do it: whole, cut in two at
//! every position, byte by byte, pulled late, and through lent memory of many sizes. The outcome
//! must not depend on the way.

use std::sync::Arc;
use std::time::Duration;

use bytes::{Buf, BufMut};
use ws_errors::{ConnectionClosed, WebSocketException};
use ws_proto::{Config, Connection, Event, Message, MessageKind, ReadMemory, ReadSpace};
use ws_types::{Side, State};

use crate::frames::{Frame, parse, wire};

/// The time at which everything in a scenario happens.
pub(crate) const NOW: Duration = Duration::from_secs(100);

/// Inputs of up to this many bytes are cut at every position, longer ones at some.
const CUT_EVERYWHERE: usize = 700;

/// A connection, brought into some state, to which a scripted peer talks.
pub(crate) struct Scenario<'a> {
    pub(crate) side: Side,
    config: Arc<Config>,
    setup: Box<dyn Fn(&mut Connection) + 'a>,
    stream: bool,
    /// Leaves out the pieces of a message whose end doesn't come: how much of it is handed out depends
    /// on how the bytes came.
    pub(crate) whole_only: bool,
}

/// What came of it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Outcome {
    pub(crate) events: Vec<Event>,
    /// What the connection has sent in answer.
    pub(crate) sent: Vec<Frame>,
    /// The state before the end of the stream.
    pub(crate) state: State,
    /// Whether the connection wanted its writing side closed before the end of the stream.
    pub(crate) shutdown: bool,
    /// How it has ended after the end of the stream.
    pub(crate) closed: ConnectionClosed,
}

impl Outcome {
    /// What the peer did wrong, in words.
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
    match side {
        Side::Client => Connection::client(Arc::clone(config), [0x5E; 32], now),
        Side::Server => Connection::server(Arc::clone(config), now),
    }
}

/// A configuration made from the default one.
pub(crate) fn config(change: impl FnOnce(&mut Config)) -> Arc<Config> {
    let mut config = Config::default();
    change(&mut config);
    Arc::new(config)
}

/// Memory to lend to a connection.
pub(crate) fn read_memory(capacity: usize) -> ReadMemory {
    ReadMemory::with_capacity(capacity)
}

/// Takes everything that is to be written.
pub(crate) fn take_output(conn: &mut Connection) -> Vec<u8> {
    let len = conn.output_len();
    let bytes = conn.output().copy_to_bytes(len).to_vec();
    assert_eq!(conn.output_len(), 0);
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
    conn.receive_data(&wire(conn.side().peer(), frames));
    pull(conn)
}

/// Pulls everything, as whole messages.
#[track_caller]
pub(crate) fn pull(conn: &mut Connection) -> Vec<Event> {
    std::iter::from_fn(|| conn.poll_event(|| NOW)).collect()
}

enum Way<'b> {
    /// Copied in, and pulled after each piece or at the end only.
    Copied { pieces: Vec<&'b [u8]>, late: bool },
    /// Read into what `read_space` offers, at most `step` bytes at once.
    Lent { memory: usize, step: usize, reclaim: bool },
}

impl<'a> Scenario<'a> {
    /// A new connection with the default configuration.
    pub(crate) fn new(side: Side) -> Self {
        let setup = Box::new(|_: &mut Connection| ());
        Self { side, config: config(|_| ()), setup, stream: false, whole_only: false }
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
        for late in [false, true] {
            let way = Way::Copied { pieces: bytes.chunks(1).collect(), late };
            assert_eq!(self.run_one(bytes, &way), whole, "byte by byte, pulled late: {late}");
        }
        for (memory, step) in
            [(0, 1), (1, 7), (4096, 4095), (5000, 3000), (64 << 10, 17_000), (64 << 10, 1 << 20)]
        {
            for reclaim in [false, true] {
                let way = Way::Lent { memory, step, reclaim };
                let outcome = self.run_one(bytes, &way);
                assert_eq!(outcome, whole, "lent {memory}, step {step}, reclaimed: {reclaim}");
            }
        }
        whole
    }

    fn run_one(&self, bytes: &[u8], way: &Way<'_>) -> Outcome {
        let mut conn = connect(self.side, &self.config, NOW);
        (self.setup)(&mut conn);
        take_output(&mut conn);
        let found = matches!(way, Way::Copied { late: true, .. } | Way::Lent { reclaim: true, .. });
        let mut run =
            Run { conn, stream: self.stream, found, events: Vec::new(), sent: Vec::new() };
        match way {
            Way::Copied { pieces, late } => {
                for piece in pieces {
                    run.conn.receive_data(piece);
                    if !late {
                        run.pull();
                    }
                }
                run.pull();
            }
            Way::Lent { memory, step, reclaim } => run.lend(bytes, *memory, *step, *reclaim),
        }
        let state = run.conn.state();
        let shutdown = run.conn.wants_shutdown();
        run.conn.receive_eof();
        run.pull();
        assert_eq!(run.conn.state(), State::Closed, "the end of the stream closes");
        assert_eq!(run.conn.poll_timeout(), None, "nothing to wait for");
        assert!(run.conn.wants_shutdown(), "everything was written, and nothing will follow");
        let sent = parse(self.side, &run.sent);
        if self.whole_only {
            run.events.pop_if(|event| matches!(event, Event::Chunk { last: false, .. }));
        }
        Outcome { events: run.events, sent, state, shutdown, closed: run.conn.closed() }
    }
}

struct Run {
    conn: Connection,
    stream: bool,
    /// Whole messages are taken by `poll_message` where it finds them.
    found: bool,
    events: Vec<Event>,
    sent: Vec<u8>,
}

impl Run {
    fn pull(&mut self) {
        loop {
            let mut place = None;
            let event = match self.stream {
                true => self.conn.poll_chunk(|| NOW),
                false if self.found && self.conn.poll_message(&mut place) => {
                    place.map(Event::Message)
                }
                false => self.conn.poll_event(|| NOW),
            };
            match event {
                Some(event) => self.note(event),
                None => break,
            }
        }
        self.sent.extend(take_output(&mut self.conn));
    }

    /// Notes an event; a piece of a message is joined to the piece before it.
    fn note(&mut self, event: Event) {
        if let Event::Chunk { data, last } = &event
            && let Some(Event::Chunk { data: before, last: end @ false }) = self.events.last_mut()
        {
            assert_eq!(data.kind(), before.kind());
            let joined = [before.as_bytes(), data.as_bytes()].concat();
            *before = match data.kind() {
                MessageKind::Text => Message::from(String::from_utf8(joined).unwrap()),
                MessageKind::Binary => Message::from(joined),
            };
            *end = *last;
            return;
        }
        self.events.push(event);
    }

    fn lend(&mut self, mut bytes: &[u8], memory: usize, step: usize, reclaim: bool) {
        while !bytes.is_empty() {
            let n = match self.conn.read_space(|| read_memory(memory)) {
                ReadSpace::Input(space) => {
                    let n = step.min(space.len()).min(bytes.len());
                    space[..n].copy_from_slice(&bytes[..n]);
                    n
                }
                ReadSpace::Payload(mut space) => {
                    let n = step.min(space.remaining_mut()).min(bytes.len());
                    space.put_slice(&bytes[..n]);
                    n
                }
                _ => unreachable!("no other space exists"),
            };
            assert!(n > 0, "a driver would take an empty read for the end of the stream");
            self.conn.received(n);
            bytes = &bytes[n..];
            self.pull();
            if reclaim {
                let memory = self.conn.reclaim_input();
                drop(memory);
            }
        }
    }
}
