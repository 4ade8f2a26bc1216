//! One WebSocket connection after its opening handshake, as a state machine ([RFC 6455 §5] to [§7]):
//! [`Connection`], whose whole public face is in this file.
//!
//! Received bytes wait in `read_buffer`; `receive` parses them, and `assembler` puts messages together.
//! `send` encodes what is sent, and `output` queues it. `phase`, `close` and `keepalive` hold the rules of
//! the closing handshake and of time.
//!
//! [RFC 6455 §5]: https://www.rfc-editor.org/rfc/rfc6455#section-5
//! [§7]: https://www.rfc-editor.org/rfc/rfc6455#section-7

mod assembler;
mod close;
mod keepalive;
mod masking_keys;
mod output;
mod phase;
mod pool;
mod read_buffer;
mod receive;
mod send;
mod stats;
mod violation;

use std::sync::Arc;
use std::time::Duration;

use bytes::BufMut;
use bytes::buf::Limit;
use ws_errors::{
    ConcurrencyError, ConcurrencyErrorKind, ConnectionClosed, PayloadTooBig, WebSocketException,
};
use ws_types::{Close, Opcode, Side, State};

use crate::extension::Extensions;
use crate::{Config, Message, Outgoing, Payload};
use keepalive::{Due, Keepalive, Pings};
use masking_keys::MaskingKeys;
use phase::Phase;
use receive::{Item, Receiver};

pub use keepalive::PingId;
pub use output::Output;
pub use stats::{Stats, Traffic};

/// One WebSocket connection, as a state machine: bytes and times in, bytes and events out.
///
/// It owns no socket and no clock. Times are [`Duration`]s since an origin of the driver's choice, and never
/// go backwards. Its methods come in four families:
///
/// - **What has arrived**: bytes go in by [`receive_data`](Self::receive_data) or
///   [`receive_with`](Self::receive_with), the end of the stream by [`receive_eof`](Self::receive_eof);
///   events come out of [`poll_event`](Self::poll_event).
/// - **What to send**: [`send`](Self::send), [`send_chunk`](Self::send_chunk), [`ping`](Self::ping),
///   [`pong`](Self::pong), [`send_close`](Self::send_close) and [`fail`](Self::fail) queue frames.
/// - **What to write**: [`output`](Self::output) holds the queued bytes, and
///   [`wants_shutdown`](Self::wants_shutdown) tells when nothing will follow them.
/// - **Time**: [`poll_timeout`](Self::poll_timeout) is the one deadline, and
///   [`handle_timeout`](Self::handle_timeout) does what is due.
///
/// A driver repeats these steps:
///
/// 1. pull events until there are none, or until the program wants no more for now: input is parsed only
///    as far as the event that is pulled;
/// 2. write what [`output`](Self::output) holds;
/// 3. if [`wants_shutdown`](Self::wants_shutdown), close the writing side of the stream; if the
///    [`state`](Self::state) is closed, drop the stream;
/// 4. wait until bytes can be read, until bytes can be written if some are left, until the program sends
///    something, or until the deadline; read what has arrived.
///
/// After step 1, a deadline that has passed is [handled](Self::handle_timeout), once what had arrived by
/// then was read, and all of it pulled: a pong that waits to be read isn't missing. So a driver that stops
/// reading, because its program takes no more messages, doesn't handle the timeout either while the state
/// is open.
///
/// Pings are answered as they are pulled. A driver that reads on while its output doesn't leave would queue
/// answers without end for a peer that reads nothing; it reads on when [`output`](Self::output) has become
/// short again.
///
/// No method that takes input fails. A rule that the peer breaks becomes a close frame in the output, and
/// the [`cause`](ws_errors::ConnectionClosedError::cause) of [`closed`](Self::closed). A connection that
/// waits holds no buffers: they are shared by the connections of a thread.
///
/// The crate documentation has an example, and so does the test `std_net` with a driver for `std::net`.
#[derive(Debug)]
pub struct Connection {
    config: Arc<Config>,
    side: Side,
    phase: Phase,
    /// The time of the last input.
    now: Duration,
    /// The stream has ended; there may be input that was not parsed.
    eof: bool,
    receiver: Receiver,
    output: Output,
    /// A client's generator; servers don't mask.
    keys: Option<Box<MaskingKeys>>,
    extensions: Extensions,
    /// When the encoders of the extensions are to forget, unless they are used again before.
    encoder_idle: Option<Duration>,
    /// The encoders were used since `encoder_idle` was set.
    encoder_used: bool,
    keepalive: Keepalive,
    pings: Pings,
    /// When the peer has last shown that it is alive.
    alive: Duration,
    received: Traffic,
    /// The written bytes are counted by the output.
    sent: Traffic,
}

/// An event on a connection.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Event {
    /// A whole message.
    Message(Message),
    /// A piece of a message: see [`Connection::poll_chunk`].
    Chunk {
        /// The piece; may be empty. Pieces of text end where a character ends.
        data: Message,
        /// Whether this ends the message.
        last: bool,
    },
    /// The end of a message that has exceeded a limit, and was skipped: see
    /// [`Oversize::Skip`](crate::Oversize::Skip).
    ///
    /// It comes where the message would, or its last piece; pieces that came before it are all that
    /// there is of the message.
    TooBig(PayloadTooBig),
    /// A ping; it has been answered already.
    Ping(Payload),
    /// A pong.
    Pong {
        /// The payload of the pong.
        payload: Payload,
        /// The last ping that it acknowledges, if it acknowledges any; all earlier ones are
        /// acknowledged with it.
        acknowledges: Option<PingId>,
    },
    /// A close frame; nothing follows it.
    Close(Close),
}

/// # Making one, and what is known of it
impl Connection {
    /// The client's end of a connection that was opened at `now`, with the extensions that were agreed on
    /// in the opening handshake.
    ///
    /// `seed` has to be random and secret: the masking keys come from it, and a peer or a proxy that
    /// can predict them can be made to see bytes of an attacker's choice
    /// ([RFC 6455 §10.3](https://www.rfc-editor.org/rfc/rfc6455#section-10.3)).
    #[must_use]
    pub fn client(
        config: Arc<Config>,
        extensions: Extensions,
        seed: [u8; 32],
        now: Duration,
    ) -> Self {
        let keys = Some(Box::new(MaskingKeys::new(seed)));
        Self { keys, ..Self::new(Side::Client, config, extensions, now) }
    }

    /// The server's end of a connection that was opened at `now`, with the extensions that were agreed on
    /// in the opening handshake.
    #[must_use]
    pub fn server(config: Arc<Config>, extensions: Extensions, now: Duration) -> Self {
        Self::new(Side::Server, config, extensions, now)
    }

    fn new(side: Side, config: Arc<Config>, extensions: Extensions, now: Duration) -> Self {
        Self {
            side,
            phase: Phase::Open { sending: None },
            now,
            eof: false,
            receiver: Receiver::new(side.peer()),
            output: Output::default(),
            keys: None,
            extensions,
            encoder_idle: None,
            encoder_used: false,
            keepalive: Keepalive::new(&config, now),
            pings: Pings::default(),
            alive: now,
            received: Traffic::default(),
            sent: Traffic::default(),
            config,
        }
    }

    /// Which end of the connection this is.
    #[must_use]
    pub const fn side(&self) -> Side {
        self.side
    }

    /// The state: open, closing or closed.
    #[must_use]
    pub fn state(&self) -> State {
        self.phase.state()
    }

    /// Whether this side has failed the connection ([RFC 6455 §7.1.7]): because the peer broke a rule or
    /// didn't answer a keepalive ping, or by [`fail`](Self::fail). Nothing more is received, so a program
    /// that waits for messages can be told at once, with [`closed`](Self::closed); the driver goes on until
    /// the state is closed.
    ///
    /// [RFC 6455 §7.1.7]: https://www.rfc-editor.org/rfc/rfc6455#section-7.1.7
    #[must_use]
    pub fn has_failed(&self) -> bool {
        self.phase.ending().is_some_and(|ending| ending.failed)
    }

    /// How the connection ended: final once the state is closed, before that as far as it is known.
    #[must_use]
    pub fn closed(&self) -> ConnectionClosed {
        self.phase.closed()
    }

    /// Counts of messages, bytes, pings and pongs since the connection was opened, its latency, and what
    /// waits now.
    #[must_use]
    pub fn stats(&self) -> Stats {
        Stats {
            sent: Traffic { wire_bytes: self.output.written(), ..self.sent },
            received: self.received,
            latency: self.pings.latency(),
            unwritten: self.output.len(),
            unread: self.receiver.unread(),
        }
    }
}

/// # Receiving
impl Connection {
    /// Takes in bytes that have arrived at `now`, in a copy. Bytes that nobody wants any more are dropped.
    /// An empty slice tells that nothing has arrived: the connection waits, and holds no buffer meanwhile.
    pub fn receive_data(&mut self, mut data: &[u8], now: Duration) {
        loop {
            self.receive_with(now, |buffer| {
                let (front, rest) = data.split_at(buffer.remaining_mut().min(data.len()));
                buffer.put_slice(front);
                data = rest;
            });
            if data.is_empty() {
                return;
            }
        }
    }

    /// Lets `read` put bytes that have arrived at `now` into memory of the connection, a
    /// [`BufMut`] with room for at least one byte, and gives its result: for drivers that read without
    /// a copy. When nothing is put there, the connection waits, and holds no buffer meanwhile. Use only the
    /// methods of `BufMut`: what was there already has to stay.
    ///
    /// ```
    /// # use std::{sync::Arc, time::Duration};
    /// use bytes::BufMut;
    /// use ws_proto::{Connection, Event, Message};
    ///
    /// # let mut conn = Connection::client(Arc::default(), Default::default(), [7; 32], Duration::ZERO);
    /// let n = conn.receive_with(Duration::from_secs(1), |buffer| {
    ///     buffer.put_slice(b"\x81\x02hi");
    ///     4
    /// });
    /// assert_eq!((n, conn.poll_event()), (4, Some(Event::Message(Message::from("hi")))));
    /// ```
    pub fn receive_with<R>(
        &mut self,
        now: Duration,
        read: impl FnOnce(&mut Limit<&mut Vec<u8>>) -> R,
    ) -> R {
        if self.eof {
            // Nothing comes after the end, and what came before it still waits.
            return read(&mut (&mut Vec::new()).limit(usize::MAX));
        }
        let (n, result) = self.receiver.read(read);
        match n {
            0 => self.extensions.release(),
            _ => self.now = now,
        }
        self.received.wire_bytes += n as u64;
        if !self.phase.is_receiving() {
            self.receiver.discard();
            self.start_close_timeout(now);
        } else if self.receiver.take_alive() {
            self.alive = now;
        }
        if self.encoder_used && self.encoder_idle.is_none() {
            self.encoder_rests(now);
        }
        result
    }

    /// Takes the end of the stream: the peer sends nothing more.
    ///
    /// Whole messages that arrived before can still be pulled; then the state is closed. Without a
    /// closing handshake this is an abnormal closure, code 1006.
    pub fn receive_eof(&mut self) {
        self.eof = true;
    }

    /// Ends the connection at once, since the stream failed, or goes on without WebSocket. Everything queued
    /// is dropped. The code is 1006 unless close frames were exchanged before.
    ///
    /// Gives the bytes that were received and not parsed.
    pub fn abort(&mut self) -> Vec<u8> {
        let unread = self.receiver.take_unread();
        self.output.clear();
        self.set_closed();
        unread
    }

    /// Pulls the next event; `None` when more input is needed, or none will come any more.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.poll(false)
    }

    /// Like [`poll_event`](Self::poll_event), but hands out each message in pieces, as it arrives:
    /// the events are [`Event::Chunk`] where they would be [`Event::Message`].
    ///
    /// Once a piece of a message was handed out, `poll_event` gives its rest in pieces, too, unless it is
    /// [skipped](Self::skip_message).
    pub fn poll_chunk(&mut self) -> Option<Event> {
        self.poll(true)
    }

    /// Drops the rest of the message of which pieces were handed out, when it arrives; no event tells of its
    /// end. Without such a message it does nothing.
    pub fn skip_message(&mut self) {
        self.receiver.skip_message();
    }

    /// Whether a whole frame waits to be pulled: what is sent now may leave together with the answer to
    /// that one.
    #[must_use]
    pub fn has_buffered_frame(&self) -> bool {
        self.phase.is_receiving() && self.receiver.has_frame()
    }

    fn poll(&mut self, pieces: bool) -> Option<Event> {
        if self.phase.is_receiving() {
            let item = self.receiver.next(&self.config, &mut self.extensions, pieces);
            if self.receiver.take_alive() {
                self.alive = self.now;
            }
            match item {
                Ok(Some(Item::Message(message))) => {
                    self.received.message(message.len());
                    return Some(Event::Message(message));
                }
                Ok(Some(Item::Chunk { data, last })) => {
                    self.received.piece(data.len(), last);
                    return Some(Event::Chunk { data, last });
                }
                Ok(Some(Item::TooBig(too_big))) => {
                    self.received.message(0);
                    return Some(Event::TooBig(*too_big));
                }
                Ok(Some(Item::Control(opcode, payload))) => {
                    if let Some(event) = self.control(opcode, payload) {
                        return Some(event);
                    }
                }
                Ok(None) => {}
                Err(violation) => self.fail_because(violation.0),
            }
        }
        if self.eof {
            self.set_closed();
        }
        None
    }

    /// Reacts to a control frame.
    fn control(&mut self, opcode: Opcode, payload: Payload) -> Option<Event> {
        match opcode {
            Opcode::Ping => {
                // RFC 6455 §5.5.2: "an endpoint MUST send a Pong frame in response, unless it
                // already received a Close frame"
                self.received.pings += 1;
                self.push_control(Opcode::Pong, payload.clone());
                Some(Event::Ping(payload))
            }
            Opcode::Pong => {
                self.received.pongs += 1;
                let acknowledges = self.pings.acknowledge(&payload, self.now);
                if let Some(id) = acknowledges {
                    self.keepalive.acknowledged(id, &self.pings, &self.config, self.now);
                }
                Some(Event::Pong { payload, acknowledges })
            }
            _ => self.receive_close(&payload).map(Event::Close),
        }
    }
}

/// # Sending
impl Connection {
    /// Queues a message, as one frame. Long payloads of a server are queued by reference, those of a
    /// client are copied while they are masked.
    ///
    /// # Errors
    /// [`InvalidState`](ws_errors::InvalidState) unless the connection is open; [`ConcurrencyError`]
    /// within a message that is being sent in pieces. The message is dropped.
    pub fn send(&mut self, message: impl Into<Outgoing>) -> Result<(), WebSocketException> {
        self.send_message(message.into())
    }

    /// Queues one piece of a message, as one fragment; `last` ends the message. Control frames may be
    /// queued between the pieces, other messages may not ([RFC 6455 §5.4]). The wish about compression
    /// that comes with the first piece holds for all of them.
    ///
    /// # Errors
    /// [`InvalidState`](ws_errors::InvalidState) unless the connection is open; [`ConcurrencyError`] when
    /// the piece isn't of the same kind as the one before: it would begin another message.
    ///
    /// [RFC 6455 §5.4]: https://www.rfc-editor.org/rfc/rfc6455#section-5.4
    pub fn send_chunk(
        &mut self,
        data: impl Into<Outgoing>,
        last: bool,
    ) -> Result<(), WebSocketException> {
        self.send_piece(data.into(), last)
    }

    /// Queues a ping; `None` makes a payload of 4 bytes that no unanswered ping has. The event
    /// [`Pong`](Event::Pong) tells when it was answered.
    ///
    /// # Errors
    /// [`ProtocolError`](ws_errors::ProtocolError) for more than 125 bytes; [`ConcurrencyError`] when
    /// a ping with the same payload is unanswered; [`InvalidState`](ws_errors::InvalidState) when the
    /// connection is closed, has failed, or a close frame was received.
    pub fn ping(
        &mut self,
        payload: Option<Payload>,
        now: Duration,
    ) -> Result<PingId, WebSocketException> {
        self.check_can_send(Opcode::Ping, payload.as_deref().unwrap_or_default())?;
        let payload = payload.unwrap_or_else(|| self.pings.fresh_payload());
        let Some(id) = self.pings.push(payload.clone(), now) else {
            return Err(ConcurrencyError::new(ConcurrencyErrorKind::SamePing).into());
        };
        self.push_control(Opcode::Ping, payload);
        Ok(id)
    }

    /// Queues a pong that nobody asked for, such as a one-way heartbeat ([RFC 6455 §5.5.3]); pings are
    /// answered without it.
    ///
    /// # Errors
    /// [`ProtocolError`](ws_errors::ProtocolError) for more than 125 bytes;
    /// [`InvalidState`](ws_errors::InvalidState) when the connection is closed, has failed, or a close
    /// frame was received.
    ///
    /// [RFC 6455 §5.5.3]: https://www.rfc-editor.org/rfc/rfc6455#section-5.5.3
    pub fn pong(&mut self, payload: Payload) -> Result<(), WebSocketException> {
        self.check_can_send(Opcode::Pong, &payload)?;
        self.push_control(Opcode::Pong, payload);
        Ok(())
    }

    /// Begins the closing handshake: queues a close frame with this code and reason, or an empty one
    /// for [`Close::no_status`]. The connection is closing then; messages are still received until
    /// the peer's close frame comes.
    ///
    /// Within a message that is being sent in pieces, the connection fails with 1011 instead.
    ///
    /// # Errors
    /// [`ProtocolError`](ws_errors::ProtocolError) for a close frame that can't be
    /// [encoded](crate::encode_close); the connection stays as it is.
    /// [`InvalidState`](ws_errors::InvalidState) unless the connection is open.
    pub fn send_close(&mut self, close: Close, now: Duration) -> Result<(), WebSocketException> {
        self.start_close(close, now)
    }

    /// Fails the connection ([RFC 6455 §7.1.7]): queues a close frame with this code and reason
    /// unless one was sent before, and drops all further input. A code that can't be sent, such as
    /// 1006, sends nothing. A reason is cut to 123 bytes.
    ///
    /// [RFC 6455 §7.1.7]: https://www.rfc-editor.org/rfc/rfc6455#section-7.1.7
    pub fn fail(&mut self, close: Close, now: Duration) {
        self.fail_with(close, None);
        self.start_close_timeout(now);
    }
}

/// # Output
impl Connection {
    /// The bytes to be written: a [`Buf`](https://docs.rs/bytes/latest/bytes/trait.Buf.html).
    #[must_use]
    pub fn output(&mut self) -> &mut Output {
        &mut self.output
    }

    /// Whether the writing side of the stream is to be closed now: everything was written, and nothing
    /// will follow. A server does this once the close frames were exchanged, a client when the server
    /// has done it ([RFC 6455 §7.1.1]).
    ///
    /// [RFC 6455 §7.1.1]: https://www.rfc-editor.org/rfc/rfc6455#section-7.1.1
    #[must_use]
    pub fn wants_shutdown(&self) -> bool {
        self.is_finished() && self.output.is_empty()
    }
}

/// # Time
impl Connection {
    /// When [`handle_timeout`](Self::handle_timeout) is to be called next; `None` if there is nothing
    /// to wait for. It may be in the past: then at once. It changes rarely. Set the timer again when this
    /// becomes earlier; when it becomes later, the timer may fire as it was set, since `handle_timeout` does
    /// nothing then.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Duration> {
        match &self.phase {
            Phase::Open { .. } => [self.keepalive.deadline(), self.encoder_idle],
            _ => [self.close_deadline(), self.encoder_idle],
        }
        .into_iter()
        .flatten()
        .min()
    }

    /// Does what is due at `now`: sends a keepalive ping; fails a connection whose peer has neither
    /// answered one in time nor sent anything else (a whole frame, or 4 KiB of an unfinished one); closes
    /// a connection whose closing handshake took too long; makes a compressor that wasn't used for a
    /// while give its memory back. Does nothing when nothing is due.
    pub fn handle_timeout(&mut self, now: Duration) {
        match &self.phase {
            Phase::Open { .. } => {
                match self.keepalive.handle_timeout(&mut self.pings, &self.config, self.alive, now)
                {
                    Due::Nothing => {}
                    Due::Ping(payload) => self.push_control(Opcode::Ping, payload),
                    Due::Dead(timeout) => {
                        self.fail_because(Box::new(timeout.into()));
                        self.start_close_timeout(now);
                    }
                }
            }
            _ => {
                self.start_close_timeout(now);
                if self.close_deadline().is_some_and(|deadline| deadline <= now) {
                    self.abort();
                }
            }
        }
        if self.encoder_idle.is_some_and(|deadline| deadline <= now) {
            self.encoder_idle = None;
            match self.encoder_used {
                true => self.encoder_rests(now),
                false => _ = self.extensions.forget(),
            }
        }
    }

    /// The encoders forget after a while, unless they are used again.
    fn encoder_rests(&mut self, now: Duration) {
        self.encoder_used = false;
        self.encoder_idle = self.extensions.encoder_idle().map(|idle| now.saturating_add(idle));
    }
}
