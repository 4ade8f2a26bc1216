//! One WebSocket connection after its opening handshake, as a state machine
//! ([RFC 6455 §5] to [§7]): [`Connection`].
//!
//! `recv` parses what arrives, `send` (in this file and `closing`) queues what leaves, `timers` are
//! deadlines as data. The opening handshake is in `client` and `server`, one level up.
//!
//! [RFC 6455 §5]: https://www.rfc-editor.org/rfc/rfc6455#section-5
//! [§7]: https://www.rfc-editor.org/rfc/rfc6455#section-7

mod closing;
mod input;
mod joined;
mod keepalive;
mod keys;
mod output;
mod partial;
mod recv;
mod send;
mod timers;

use std::sync::Arc;
use std::time::Duration;

use bytes::Buf;
use bytes::buf::Limit;
use ws_types::{Close, Opcode, Side, State};

use crate::extension::Extensions;
use crate::{Config, Message, MessageKind, Payload};
use closing::Closing;
use keepalive::Pings;
use keys::MaskingKeys;
use output::Output;
use recv::{Item, Receiver};
use timers::{Deadline, Timers};

pub use input::ReadMemory;
pub use keepalive::PingId;
pub use output::WriteMemory;

/// One WebSocket connection, as a state machine: bytes and times in, bytes and events out.
///
/// It owns no socket and no clock. Times are [`Duration`]s since an origin of the driver's choice, and
/// never go backwards. After every call that changes something, a driver does this, in this order:
///
/// 1. pull events with [`poll_event`](Self::poll_event), one at a time, as many as it can use: input is
///    parsed only as far as the event that is pulled;
/// 2. write what [`output`](Self::output) holds;
/// 3. if [`wants_shutdown`](Self::wants_shutdown), close the writing side of the stream;
/// 4. re-arm its one timer with [`poll_timeout`](Self::poll_timeout), and call
///    [`handle_timeout`](Self::handle_timeout) when it fires;
/// 5. read, into [`read_space`](Self::read_space) followed by [`received`](Self::received), or
///    through [`receive_data`](Self::receive_data), which copies; or tell the end of the stream with
///    [`receive_eof`](Self::receive_eof).
///
/// No method that takes input fails: what the peer did wrong becomes a close frame in the output and
/// the [`cause`](ws_errors::ConnectionClosedError::cause) of [`closed`](Self::closed).
///
/// The crate documentation has a complete example.
#[derive(Debug)]
pub struct Connection {
    config: Arc<Config>,
    side: Side,
    state: State,
    /// Everything that arrives is dropped: a close frame was received, or the connection failed.
    discarding: bool,
    eof: bool,
    receiver: Receiver,
    output: Output,
    /// A client's generator; servers don't mask.
    keys: Option<Box<MaskingKeys>>,
    extensions: Extensions,
    /// An extension encoded something since its timer was armed.
    encoder_used: bool,
    /// The kind of the message that is being sent in pieces.
    sending: Option<MessageKind>,
    closing: Option<Box<Closing>>,
    timers: Timers,
    pings: Pings,
}

/// Where bytes are to be read to: see [`Connection::read_space`].
#[derive(Debug)]
#[non_exhaustive]
pub enum ReadSpace<'a> {
    /// Memory for whatever comes next; all of it is initialised, none of it is empty.
    Input(&'a mut [u8]),
    /// The memory of a long message, for the rest of a frame's payload: a `BufMut`.
    Payload(Limit<&'a mut Vec<u8>>),
}

/// What happened on a connection.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Event {
    /// A whole message.
    Message(Message),
    /// A piece of a message, while streaming: see [`Connection::poll_chunk`].
    Chunk {
        /// What arrived; may be empty. Pieces of text end where a character ends.
        data: Message,
        /// Whether this ends the message.
        last: bool,
    },
    /// A ping; it has been answered already.
    Ping(Payload),
    /// A pong.
    Pong {
        /// What the pong carries.
        payload: Payload,
        /// The last ping that it acknowledges, if it acknowledges any; all earlier ones are
        /// acknowledged with it.
        acknowledges: Option<PingId>,
    },
    /// A close frame; nothing follows it.
    Close(Close),
}

impl Connection {
    /// The client's end of a connection that was opened at `now`.
    ///
    /// `seed` has to be random and secret: the masking keys come from it, and a peer or a proxy that
    /// can predict them can be made to see bytes of an attacker's choice
    /// ([RFC 6455 §10.3](https://www.rfc-editor.org/rfc/rfc6455#section-10.3)).
    #[must_use]
    pub fn client(config: Arc<Config>, seed: [u8; 32], now: Duration) -> Self {
        Self::new(Side::Client, config, Some(Box::new(MaskingKeys::new(seed))), now)
    }

    /// The server's end of a connection that was opened at `now`.
    #[must_use]
    pub fn server(config: Arc<Config>, now: Duration) -> Self {
        Self::new(Side::Server, config, None, now)
    }

    fn new(side: Side, config: Arc<Config>, keys: Option<Box<MaskingKeys>>, now: Duration) -> Self {
        let ping = config.ping_interval.map(|interval| now.saturating_add(interval));
        Self {
            side,
            state: State::Open,
            discarding: false,
            eof: false,
            receiver: Receiver::new(side.peer(), &config),

            output: Output::default(),
            keys,
            extensions: Extensions::default(),
            encoder_used: false,
            sending: None,
            closing: None,
            timers: Timers { ping: ping.into(), ..Timers::default() },
            pings: Pings::default(),
            config,
        }
    }

    /// The connection with the extensions that were agreed on in the opening handshake. To be called
    /// before anything is sent or received.
    #[must_use]
    pub fn with_extensions(mut self, extensions: Extensions) -> Self {
        if !extensions.is_empty() {
            self.receiver.tell_extensions();
        }
        self.extensions = extensions;
        self
    }

    /// Which end of the connection this is.
    #[must_use]
    pub const fn side(&self) -> Side {
        self.side
    }

    /// The state: open, closing or closed.
    #[must_use]
    pub const fn state(&self) -> State {
        self.state
    }

    /// The limits and timeouts.
    #[must_use]
    pub fn config(&self) -> &Arc<Config> {
        &self.config
    }

    /// Takes in bytes, in a copy. Bytes that nobody wants any more are dropped.
    pub fn receive_data(&mut self, data: &[u8]) {
        if self.discarding || self.eof || data.is_empty() {
            return;
        }
        self.receiver.input.append(data);
    }

    /// Where the next bytes are best read to; tell how many with [`received`](Self::received).
    ///
    /// `memory` is asked for memory when none is held, and [`reclaim_input`](Self::reclaim_input)
    /// gives it back. Within a long frame, the message's own memory is offered instead, which grows
    /// with what has been received.
    #[must_use]
    pub fn read_space(&mut self, memory: impl FnOnce() -> ReadMemory) -> ReadSpace<'_> {
        self.receiver.read_space(memory)
    }

    /// Counts `n` bytes of [`read_space`](Self::read_space) as received; at most as many as it had.
    pub fn received(&mut self, n: usize) {
        if !self.receiver.has_direct() {
            self.receiver.input.commit(n);
        }
        if self.discarding {
            self.receiver.discard();
        }
    }

    /// Whether memory for received bytes is held.
    #[must_use]
    pub fn holds_input(&self) -> bool {
        self.receiver.input.has_memory()
    }

    /// Takes the lent memory back, for use by another connection. Bytes that wait to be parsed move
    /// to memory of their own size: usually none, or the header of a frame. Extensions give back what
    /// they don't need while the connection waits.
    #[must_use]
    pub fn reclaim_input(&mut self) -> ReadMemory {
        self.extensions.release();
        self.receiver.input.reclaim()
    }

    /// Takes the end of the stream: the peer sends nothing more.
    ///
    /// Whole messages that arrived before can still be pulled. Without a closing handshake this is an
    /// abnormal closure, code 1006.
    pub fn receive_eof(&mut self) {
        self.eof = true;
    }

    /// Drops what is left of the connection: the stream failed. It is closed at once, with code 1006
    /// unless close frames were exchanged before.
    pub fn abort(&mut self) {
        self.output.discard();
        self.receiver.discard();
        self.set_closed();
    }

    /// Pulls the next event; `None` when more input is needed, or none will come any more.
    ///
    /// `now` is asked only when an event depends on the time: for pongs, and when the connection
    /// begins to close.
    #[inline]
    pub fn poll_event(&mut self, now: impl FnOnce() -> Duration) -> Option<Event> {
        self.poll(now, false)
    }

    /// Puts the next event into `place`, which has to be empty, if it is a message in one frame of less than
    /// 64 KiB that is there as a whole: what [`poll_event`](Self::poll_event) would give, for less. Tells
    /// whether it did; `false` says nothing more: ask `poll_event`.
    ///
    /// Nothing else happens: what the peer did wrong takes effect when the next event is pulled. So a
    /// driver may look for a message before anybody has asked for it.
    #[inline]
    pub fn poll_message(&mut self, place: &mut Option<Message>) -> bool {
        self.receiver.next_whole(place)
    }

    /// Whether bytes wait in the memory for input; if not, [`poll_message`](Self::poll_message) has nothing,
    /// but [`poll_event`](Self::poll_event) may have something.
    #[must_use]
    #[inline]
    pub fn has_input(&self) -> bool {
        !self.receiver.input.is_empty()
    }

    /// Like [`poll_event`](Self::poll_event), but hands out each message in pieces, as it arrives:
    /// the events are [`Event::Chunk`] where they would be [`Event::Message`].
    ///
    /// A message that was begun with this has to be continued with this, or
    /// [skipped](Self::skip_message): `poll_event` skips it.
    #[inline]
    pub fn poll_chunk(&mut self, now: impl FnOnce() -> Duration) -> Option<Event> {
        self.poll(now, true)
    }

    /// Whether a message is being handed out in pieces, and is not at its end.
    #[must_use]
    pub fn in_chunks(&self) -> bool {
        self.receiver.in_chunks()
    }

    /// Drops the rest of the message that is being handed out in pieces, when it arrives.
    pub fn skip_message(&mut self) {
        self.receiver.skip();
    }

    #[inline]
    fn poll(&mut self, now: impl FnOnce() -> Duration, stream: bool) -> Option<Event> {
        if self.receiver.is_drained() {
            return self.end_of_input(now);
        }
        let mut place = None;
        if self.receiver.next_whole(&mut place)
            && let Some(message) = place
        {
            return Some(match stream {
                true => Event::Chunk { data: message, last: true },
                false => Event::Message(message),
            });
        }
        self.poll_any(now, stream)
    }

    /// What few messages need, apart from what all do: less code is in their way.
    #[inline(never)]
    fn poll_any(&mut self, now: impl FnOnce() -> Duration, stream: bool) -> Option<Event> {
        if self.discarding {
            return self.end_of_input(now);
        }
        match self.receiver.next(&self.config, &mut self.extensions, stream) {
            Ok(Some(Item::Data { message, .. })) if !stream => Some(Event::Message(message)),
            Ok(Some(Item::Data { message, last })) => Some(Event::Chunk { data: message, last }),
            Ok(Some(Item::Control(opcode, payload))) => self.control(opcode, payload, now),
            Ok(None) => self.end_of_input(now),
            Err(violation) => {
                self.fail_because(*violation.0, now());
                None
            }
        }
    }

    /// Everything that arrived has been parsed.
    #[inline]
    fn end_of_input(&mut self, now: impl FnOnce() -> Duration) -> Option<Event> {
        if self.eof {
            self.set_closed();
        } else if self.encoder_used && self.timers.encoder == Deadline::NONE {
            self.schedule_forgetting(now());
        }
        None
    }

    /// Reacts to a control frame.
    fn control(
        &mut self,
        opcode: Opcode,
        payload: Payload,
        now: impl FnOnce() -> Duration,
    ) -> Option<Event> {
        match opcode {
            Opcode::Ping => {
                // RFC 6455 §5.5.2: "an endpoint MUST send a Pong frame in response, unless it
                // already received a Close frame"
                self.push_frame(true, Opcode::Pong, payload.clone());
                Some(Event::Ping(payload))
            }
            Opcode::Pong => {
                let acknowledges = self.acknowledge(&payload, now);
                Some(Event::Pong { payload, acknowledges })
            }
            _ => self.receive_close(&payload, now()).map(Event::Close),
        }
    }

    /// Whether a whole frame waits to be pulled: what is sent now may leave together with what will be
    /// sent in answer to that one.
    #[must_use]
    #[inline]
    pub fn has_buffered_frame(&self) -> bool {
        !self.discarding && self.receiver.has_frame()
    }

    /// What is to be written, as a queue of slices: write from the front, vectored if possible, and
    /// `advance` by what was written.
    #[must_use]
    pub fn output(&mut self) -> &mut impl Buf {
        &mut self.output
    }

    /// How many bytes are to be written.
    #[must_use]
    #[inline]
    pub fn output_len(&self) -> usize {
        self.output.len()
    }

    /// Whether memory for frames is held; if not, nothing is to be written, and this is the time to lend
    /// some.
    #[must_use]
    #[inline]
    pub fn holds_output(&self) -> bool {
        self.output.has_memory()
    }

    /// Lends memory for the frames that are to be written; if some is held, this is dropped. A connection
    /// that is lent none allocates its own when it has something to write.
    pub fn lend_output(&mut self, memory: WriteMemory) {
        self.output.lend(memory);
    }

    /// Takes the lent memory back when everything was written; `None` before, or if none is held.
    #[must_use]
    pub fn reclaim_output(&mut self) -> Option<WriteMemory> {
        self.output.reclaim()
    }
}
