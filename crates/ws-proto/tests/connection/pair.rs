//! A client and a server, joined by two byte queues, under one fake clock.

use std::sync::Arc;
use std::time::Duration;

use ws_proto::extension::Extensions;
use ws_proto::{Config, Connection, Event};
use ws_types::{Side, State};

use crate::feed::{connect_with, take_output};

/// Rounds after which two connections that still talk without being asked are a livelock.
const LIVELOCK: usize = 200;

pub(crate) struct Pair {
    pub(crate) client: End,
    pub(crate) server: End,
    pub(crate) now: Duration,
    /// Which sides have closed their writing side, in order.
    pub(crate) shutdowns: Vec<Side>,
    cut: bool,
}

/// One side, with the driver's part of it.
pub(crate) struct End {
    pub(crate) conn: Connection,
    pub(crate) events: Vec<Event>,
    /// Bytes on their way to this side.
    queue: Vec<u8>,
    /// The peer has closed its writing side: the end comes behind the queue.
    end_follows: bool,
    shut: bool,
}

impl End {
    fn new(side: Side, config: &Arc<Config>, extensions: Extensions) -> Self {
        let conn = connect_with(side, config, extensions, Duration::ZERO);
        Self { conn, events: Vec::new(), queue: Vec::new(), end_follows: false, shut: false }
    }

    /// Takes the events that have happened since.
    pub(crate) fn events(&mut self) -> Vec<Event> {
        std::mem::take(&mut self.events)
    }

    /// Takes in what has come; whether there was anything.
    fn receive(&mut self, now: Duration) -> bool {
        let queue = std::mem::take(&mut self.queue);
        let end = std::mem::take(&mut self.end_follows);
        self.conn.receive_data(&queue, now);
        self.pull();
        if end {
            self.conn.receive_eof();
            self.pull();
        }
        end || !queue.is_empty()
    }

    fn pull(&mut self) {
        self.events.extend(std::iter::from_fn(|| self.conn.poll_event()));
    }
}

impl Pair {
    /// Two open connections with the same configuration.
    pub(crate) fn open(config: &Arc<Config>) -> Self {
        Self::open_with(config, Extensions::default(), Extensions::default())
    }

    /// Two open connections, the client's and the server's with these extensions.
    pub(crate) fn open_with(config: &Arc<Config>, client: Extensions, server: Extensions) -> Self {
        Self {
            client: End::new(Side::Client, config, client),
            server: End::new(Side::Server, config, server),
            now: Duration::ZERO,
            shutdowns: Vec::new(),
            cut: false,
        }
    }

    pub(crate) fn end(&mut self, side: Side) -> &mut End {
        match side {
            Side::Client => &mut self.client,
            Side::Server => &mut self.server,
        }
    }

    /// From now on nothing arrives any more, not even the end of a stream.
    pub(crate) fn cut_wire(&mut self) {
        self.cut = true;
    }

    /// Carries bytes to and fro until nothing moves.
    #[track_caller]
    pub(crate) fn drive(&mut self) {
        for _ in 0..LIVELOCK {
            let mut moved = false;
            for side in [Side::Client, Side::Server] {
                moved |= self.carry(side);
            }
            let now = self.now;
            moved |= self.client.receive(now) | self.server.receive(now);
            if !moved {
                return;
            }
        }
        panic!("the connections never come to rest");
    }

    /// Carries what one side has written; whether there was anything.
    fn carry(&mut self, side: Side) -> bool {
        let end = self.end(side);
        let bytes = take_output(&mut end.conn);
        // A driver drops the stream of a closed connection.
        let shut = !end.shut && (end.conn.wants_shutdown() || end.conn.state() == State::Closed);
        end.shut |= shut;
        if shut {
            self.shutdowns.push(side);
        }
        if !self.cut {
            let peer = self.end(side.peer());
            peer.queue.extend(&bytes);
            peer.end_follows |= shut;
        }
        shut || !bytes.is_empty()
    }

    /// Lets time pass, with everything that becomes due in it at its time.
    #[track_caller]
    pub(crate) fn advance(&mut self, by: Duration) {
        let target = self.now + by;
        self.drive();
        for _ in 0..LIVELOCK {
            let timeouts = [self.client.conn.poll_timeout(), self.server.conn.poll_timeout()];
            let due = timeouts.into_iter().flatten().min();
            let Some(due) = due.filter(|due| *due <= target) else {
                self.now = target;
                return;
            };
            self.now = self.now.max(due);
            self.client.conn.handle_timeout(self.now);
            self.server.conn.handle_timeout(self.now);
            self.drive();
        }
        panic!("the timers never come to rest");
    }
}
