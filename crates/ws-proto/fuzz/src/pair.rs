//! A client and a server, two byte queues between them, and one clock; after every operation it is
//! checked that both keep what [`Connection`] promises.
//!
//! - A state only moves forward, and a closed connection stays as it is and waits for nothing.
//! - A timer that is due is resolved by `handle_timeout`.
//! - Nothing is queued for which there was no reason, and nothing once the writing side is to be
//!   closed; a call that fails queues nothing.
//! - What arrives is what was sent: in order, unchanged, from the first message on without a gap.
//! - Close frames that arrive are those that were sent; whoever answers one repeats it.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use bytes::Buf;
use ws_errors::ConnectionClosed;
use ws_proto::extension::Extensions;
use ws_proto::{Config, Connection, Event, Message, MessageKind, Payload, PingId};
use ws_types::{Close, CloseCode, State};

/// The longest control frame, in bytes.
const CONTROL: usize = 6 + 125;

/// The longest header of a frame, in bytes.
const HEADER: usize = 14;

pub(crate) struct Pair {
    /// The client, then the server.
    ends: [End; 2],
    now: Duration,
    /// Nothing has happened yet that can keep the closing handshake from being completed.
    calm: bool,
}

/// One end, with the half of the wire that leads to it.
struct End {
    conn: Connection,
    incoming: VecDeque<u8>,
    /// Nothing follows `incoming`.
    ended: bool,
    /// Bytes that are written to this half of the wire get lost.
    cut: bool,
    /// Bytes came in between that nobody sent.
    tainted: bool,
    /// The writing side was closed.
    shut: bool,

    /// Messages that were sent whole, and the one that was begun.
    sent: Vec<Message>,
    sending: Option<(MessageKind, Vec<u8>)>,
    /// Messages that were received; `None` was skipped.
    received: Vec<Option<Message>>,
    /// How many of these were compared with what was sent.
    compared: usize,
    receiving: Option<(MessageKind, Vec<u8>)>,
    chunks: bool,
    last_ping: Option<PingId>,
    acknowledged: Option<PingId>,

    /// How many bytes there was a reason to queue, and how many were written.
    allowed: usize,
    written: usize,
    state: State,
    closed: Option<ConnectionClosed>,
}

impl End {
    fn new(conn: Connection) -> Self {
        Self {
            conn,
            incoming: VecDeque::new(),
            ended: false,
            cut: false,
            tainted: false,
            shut: false,
            sent: Vec::new(),
            sending: None,
            received: Vec::new(),
            compared: 0,
            receiving: None,
            chunks: false,
            last_ping: None,
            acknowledged: None,
            // Failing the connection.
            allowed: CONTROL,
            written: 0,
            state: State::Open,
            closed: None,
        }
    }

    fn queued(&mut self) -> usize {
        self.conn.output().len()
    }

    /// Calls something that queues a frame with a payload of `len` bytes if it succeeds, else nothing.
    fn queue<T, E>(
        &mut self,
        len: usize,
        call: impl FnOnce(&mut Connection) -> Result<T, E>,
    ) -> Option<T> {
        let before = self.queued();
        let state = self.conn.state();
        let result = call(&mut self.conn).ok();
        match &result {
            Some(_) => {
                assert_ne!(state, State::Closed);
                assert!(self.queued() >= before + 2 + len);
                self.allowed += len + HEADER;
            }
            None => assert_eq!((self.queued(), self.conn.state()), (before, state)),
        }
        result
    }

    /// Pulls all events.
    fn pull(&mut self) {
        loop {
            let event = match self.chunks {
                true => self.conn.poll_chunk(),
                false => self.conn.poll_event(),
            };
            match event {
                Some(Event::Message(message)) => self.received.push(Some(message)),
                Some(Event::Chunk { data, last }) => self.take_chunk(&data, last),
                Some(Event::Pong { acknowledges: Some(id), .. }) => {
                    assert!(Some(id) > self.acknowledged);
                    self.acknowledged = Some(id);
                }
                Some(Event::Close(close)) => {
                    assert_eq!(self.conn.closed().rcvd(), Some(&close));
                    assert_eq!(self.conn.poll_event(), None);
                }
                Some(_) => {}
                None => return,
            }
        }
    }

    fn take_chunk(&mut self, data: &Message, last: bool) {
        assert!(self.chunks || self.receiving.is_some());
        let (kind, bytes) = self.receiving.get_or_insert_with(|| (data.kind(), Vec::new()));
        assert_eq!(*kind, data.kind());
        bytes.extend_from_slice(data.as_bytes());
        if last && let Some((kind, bytes)) = self.receiving.take() {
            self.received.push(Some(message(kind, bytes)));
        }
    }

    fn skip(&mut self) {
        self.conn.skip_message();
        if self.receiving.is_some() {
            // Whether it becomes whole nobody will know.
            self.receiving = None;
            self.received.push(None);
        }
    }

    /// Lets timers fire that are due; whether one changed the state.
    fn fire(&mut self, now: Duration) -> bool {
        let state = self.conn.state();
        let mut calls = 0;
        while self.conn.poll_timeout().is_some_and(|deadline| deadline <= now) {
            calls += 1;
            assert!(calls <= 4, "timers fire again and again");
            self.conn.handle_timeout(now);
            self.allowed += CONTROL;
        }
        self.conn.state() != state
    }

    /// Checks all that holds after every operation.
    fn check(&mut self) {
        let state = self.conn.state();
        assert!(rank(state) >= rank(self.state), "from {:?} to {state:?}", self.state);
        self.state = state;
        let queued = self.queued();
        assert!(self.written + queued <= self.allowed, "queued without a reason");
        assert!(!self.shut || queued == 0, "queued after the writing side was closed");
        self.shut |= self.conn.wants_shutdown();
        if state == State::Closed {
            assert_eq!(self.conn.poll_timeout(), None);
            let closed = self.conn.closed();
            assert_eq!(*self.closed.get_or_insert_with(|| closed.clone()), closed);
        }
        let closed = self.conn.closed();
        if closed.rcvd_then_sent() == Some(true) {
            assert_eq!(closed.rcvd(), closed.sent(), "an answer repeats the close frame");
        }
    }
}

impl Pair {
    pub(crate) fn new(client: Config, server: Config) -> Self {
        let now = Duration::ZERO;
        let client = Connection::client(Arc::new(client), Extensions::default(), [7; 32], now);
        let server = Connection::server(Arc::new(server), Extensions::default(), now);
        Self { ends: [client, server].map(End::new), now, calm: true }
    }

    pub(crate) fn send(&mut self, who: usize, message: Message) {
        let end = &mut self.ends[who];
        if end.queue(message.len(), |conn| conn.send(message.clone())).is_some() {
            assert!(end.sending.is_none());
            end.sent.push(message);
        }
        self.step(who);
    }

    pub(crate) fn send_chunk(&mut self, who: usize, data: Message, last: bool) {
        let end = &mut self.ends[who];
        if end.queue(data.len(), |conn| conn.send_chunk(data.clone(), last)).is_some() {
            let (kind, bytes) = end.sending.get_or_insert_with(|| (data.kind(), Vec::new()));
            assert_eq!(*kind, data.kind());
            bytes.extend_from_slice(data.as_bytes());
            if last && let Some((kind, bytes)) = end.sending.take() {
                end.sent.push(message(kind, bytes));
            }
        }
        self.step(who);
    }

    pub(crate) fn ping(&mut self, who: usize, payload: Option<Payload>) {
        let now = self.now;
        let end = &mut self.ends[who];
        let len = payload.as_ref().map_or(4, |payload| payload.len());
        if let Some(id) = end.queue(len, |conn| conn.ping(payload, now)) {
            assert!(Some(id) > end.last_ping);
            end.last_ping = Some(id);
        }
        self.step(who);
    }

    pub(crate) fn pong(&mut self, who: usize, payload: Payload) {
        self.ends[who].queue(payload.len(), |conn| conn.pong(payload));
        self.step(who);
    }

    pub(crate) fn send_close(&mut self, who: usize, close: Close) {
        let now = self.now;
        let end = &mut self.ends[who];
        // Inside a message, this fails the connection.
        self.calm &= end.sending.is_none();
        end.queue(0, |conn| conn.send_close(close, now));
        self.step(who);
    }

    pub(crate) fn fail(&mut self, who: usize, close: Close) {
        self.calm = false;
        self.ends[who].conn.fail(close, self.now);
        self.step(who);
    }

    pub(crate) fn abort(&mut self, who: usize) {
        self.calm = false;
        self.ends[who].conn.abort();
        // The other end finds the stream ended, sooner or later.
        self.end(1 - who);
        self.step(who);
    }

    pub(crate) fn advance(&mut self, time: Duration, timers: bool) {
        self.now += time;
        if timers {
            self.step(0);
            self.step(1);
        }
    }

    /// Writes up to `n` bytes that `who` has queued.
    pub(crate) fn write(&mut self, who: usize, n: usize) {
        let [end, peer] = self.both(who);
        let mut n = n.min(end.queued());
        end.written += n;
        while n > 0 {
            let queue = end.conn.output();
            let chunk = queue.chunk();
            assert!(!chunk.is_empty(), "bytes are queued that can't be seen");
            let step = chunk.len().min(n);
            if !peer.cut && !peer.ended {
                peer.incoming.extend(&chunk[..step]);
            }
            queue.advance(step);
            n -= step;
        }
        self.step(who);
        let [end, peer] = self.both(who);
        peer.ended |= end.shut && !peer.cut;
    }

    /// Lets up to `n` bytes arrive at `who`, and the end of the stream behind them.
    pub(crate) fn deliver(&mut self, who: usize, n: usize) {
        let now = self.now;
        let end = &mut self.ends[who];
        let n = n.min(end.incoming.len());
        let bytes: Vec<u8> = end.incoming.drain(..n).collect();
        end.conn.receive_data(&bytes, now);
        // A ping of two bytes makes a client send a pong of six.
        end.allowed += 3 * n;
        if end.ended && end.incoming.is_empty() {
            end.conn.receive_eof();
        }
        self.step(who);
    }

    pub(crate) fn exchange(&mut self) {
        // Whatever moves is an answer to something; answers aren't answered.
        for _ in 0..8 {
            for who in 0..2 {
                self.write(who, usize::MAX);
                self.deliver(1 - who, usize::MAX);
            }
            if self.ends.iter_mut().all(|end| end.queued() == 0 && end.incoming.is_empty()) {
                return;
            }
        }
        panic!("something moves for ever");
    }

    pub(crate) fn garbage(&mut self, who: usize, bytes: &[u8]) {
        let end = &mut self.ends[who];
        if !bytes.is_empty() && !end.ended {
            end.incoming.extend(bytes);
            end.tainted = true;
            self.calm = false;
        }
    }

    pub(crate) fn cut(&mut self) {
        self.calm = false;
        for end in &mut self.ends {
            end.cut = true;
            end.incoming.clear();
        }
    }

    pub(crate) fn end(&mut self, who: usize) {
        self.calm = false;
        let end = &mut self.ends[who];
        end.ended |= !end.cut;
    }

    pub(crate) fn take_chunks(&mut self, who: usize, chunks: bool) {
        self.ends[who].chunks = chunks;
    }

    pub(crate) fn skip(&mut self, who: usize) {
        self.ends[who].skip();
    }

    /// Does as a driver after something happened.
    fn step(&mut self, who: usize) {
        let end = &mut self.ends[who];
        end.pull();
        end.check();
        if end.fire(self.now) {
            self.calm = false;
        }
        end.pull();
        end.check();
        self.compare(who);
    }

    /// Checks that `who` has received the messages that the other end sent.
    fn compare(&mut self, who: usize) {
        let [end, peer] = self.both(who);
        if end.tainted {
            return;
        }
        let (closed, of_peer) = (end.conn.closed(), peer.conn.closed());
        if let Some(close) = closed.rcvd() {
            assert_eq!(Some(close), of_peer.sent(), "another close frame than was sent");
        }
        // A message that is being skipped counts as received from its first piece on.
        let begun = usize::from(end.received.last().is_some_and(Option::is_none));
        assert!(end.received.len() <= peer.sent.len() + begun, "more arrived than was sent");
        for (received, sent) in end.received.iter().zip(&peer.sent).skip(end.compared) {
            if let Some(received) = received {
                assert!(received == sent, "{sent:?} arrived as {received:?}");
            }
            end.compared += 1;
        }
        if closed.rcvd().is_some() && begun == 0 {
            assert_eq!(end.received.len(), peer.sent.len(), "messages before the close frame");
        }
    }

    /// Lets the two part: both have to end up closed, whatever happened before.
    pub(crate) fn finish(mut self) {
        for who in 0..2 {
            if self.ends[who].conn.state() == State::Open {
                self.send_close(who, Close::new(CloseCode::NORMAL_CLOSURE, "done"));
                assert_ne!(self.ends[who].conn.state(), State::Open);
            }
            if self.calm {
                self.exchange();
            }
        }
        for _ in 0..4 {
            self.exchange();
            let open = |end: &&End| end.conn.state() != State::Closed;
            let Some(end) = self.ends.iter().find(open) else { break };
            let deadline = end.conn.poll_timeout().expect("a connection that waits for nothing");
            let late = deadline.saturating_sub(self.now);
            self.advance(late, true);
        }
        let [client, server] = &self.ends;
        assert_eq!([client.conn.state(), server.conn.state()], [State::Closed; 2]);
        let [client, server] = [client, server].map(|end| end.conn.closed());
        // Not both can have been second.
        assert!(
            (client.rcvd_then_sent(), server.rcvd_then_sent()) != (Some(true), Some(true))
                || self.ends.iter().any(|end| end.tainted)
        );
        let violation = [&client, &server].iter().any(|closed| cause(closed));
        if self.calm && !violation {
            assert!(client.rcvd().is_some() && client.sent().is_some());
            assert_eq!((client.rcvd(), client.sent()), (server.sent(), server.rcvd()));
        }
    }

    fn both(&mut self, who: usize) -> [&mut End; 2] {
        let [client, server] = &mut self.ends;
        if who == 0 { [client, server] } else { [server, client] }
    }
}

fn cause(closed: &ConnectionClosed) -> bool {
    matches!(closed, ConnectionClosed::ConnectionClosedError(error) if error.cause.is_some())
}

fn message(kind: MessageKind, bytes: Vec<u8>) -> Message {
    match kind {
        MessageKind::Text => String::from_utf8(bytes).expect("pieces of text are text").into(),
        MessageKind::Binary => bytes.into(),
    }
}

fn rank(state: State) -> u8 {
    match state {
        State::Connecting => 0,
        State::Open => 1,
        State::Closing => 2,
        State::Closed => 3,
    }
}
