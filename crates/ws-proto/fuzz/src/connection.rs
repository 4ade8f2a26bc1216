//! Operations on a client and a server that are joined by a wire; what is checked is in `pair`.

use std::time::Duration;

use arbitrary::{Arbitrary, Unstructured};
use ws_proto::{Config, Message, MessageKind};
use ws_types::{Close, CloseCode};

use crate::pair::Pair;

/// No more operations than this are carried out.
const MAX_OPERATIONS: usize = 300;

/// The bytes are a [`Plan`].
pub fn connection(data: &[u8]) {
    let Ok(plan) = Plan::arbitrary_take_rest(Unstructured::new(data)) else { return };
    let [client, server] = [plan.client, plan.server].map(|settings| settings.config());
    let mut pair = Pair::new(client, server);
    for operation in plan.operations.into_iter().take(MAX_OPERATIONS) {
        operation.carry_out(&mut pair);
    }
    pair.finish();
}

#[derive(Arbitrary, Debug)]
struct Plan {
    client: Settings,
    server: Settings,
    operations: Vec<Operation>,
}

/// Differences from the default configuration; times in seconds.
#[derive(Arbitrary, Debug)]
struct Settings {
    ping_interval: Option<u8>,
    ping_timeout: Option<u8>,
    close_timeout: u8,
    max_message_size: Option<u16>,
    max_fragments: Option<u8>,
}

impl Settings {
    fn config(&self) -> Config {
        let seconds = |n: u8| Duration::from_secs(u64::from(n % 32));
        let mut config = Config::default();
        config.ping_interval = self.ping_interval.map(|n| seconds(n).max(Duration::from_secs(1)));
        config.ping_timeout = self.ping_timeout.map(seconds);
        config.close_timeout = Some(seconds(self.close_timeout));
        config.max_message_size = self.max_message_size.map(usize::from);
        config.max_fragments = self.max_fragments.map(usize::from);
        config
    }
}

#[derive(Arbitrary, Clone, Copy, Debug)]
enum Who {
    Client,
    Server,
}

/// A payload of text or not: up to 300 bytes, or, in one of sixteen cases, up to `len`.
#[derive(Arbitrary, Debug)]
struct Body {
    text: bool,
    len: u16,
    first: u8,
}

impl Body {
    fn message(&self) -> Message {
        let len = usize::from(if self.first < 0xF0 { self.len % 300 } else { self.len });
        if !self.text {
            return (0..len).map(|i| self.first.wrapping_add(i as u8)).collect::<Vec<_>>().into();
        }
        // Characters of one to four bytes.
        let cycle = "aé€😀".chars().cycle().skip(usize::from(self.first % 4));
        let mut text = String::with_capacity(len);
        for c in cycle {
            if text.len() + c.len_utf8() > len {
                return text.into();
            }
            text.push(c);
        }
        unreachable!("the cycle has no end")
    }
}

#[derive(Arbitrary, Debug)]
enum Operation {
    Send(Who, Body),
    /// A piece of a message, the last one or not.
    SendChunk(Who, Body, bool),
    /// A ping with a payload of so many bytes, or with one of its own.
    Ping(Who, Option<u8>),
    Pong(Who, u8),
    /// A close frame with this code and a reason of so many bytes.
    SendClose(Who, u16, u8),
    Fail(Who, u16, u8),
    /// The stream failed.
    Abort(Who),
    /// So many milliseconds pass; timers that are due fire, unless the driver is late.
    Advance(u16, bool),
    /// Up to so many queued bytes are written to the wire.
    Write(Who, u16),
    /// Up to so many bytes on the wire arrive at this end.
    Deliver(Who, u16),
    /// Everything is written, and arrives, until nothing moves.
    Exchange,
    /// These bytes get between those that are on the wire to this end and those that follow.
    Garbage(Who, Vec<u8>),
    /// The wire delivers nothing any more, in either direction, and nobody is told.
    Cut,
    /// The stream to this end ends behind what is on the wire.
    End(Who),
    /// From now on, messages are taken in pieces, or not.
    TakeChunks(Who, bool),
    /// The rest of the message is skipped, if pieces of it were taken.
    Skip(Who),
}

impl Operation {
    fn carry_out(self, pair: &mut Pair) {
        match self {
            Self::Send(who, body) => pair.send(who as usize, body.message()),
            Self::SendChunk(who, body, last) => {
                pair.send_chunk(who as usize, body.message(), last);
            }
            Self::Ping(who, len) => {
                pair.ping(who as usize, len.map(|len| vec![len; usize::from(len)].into()));
            }
            Self::Pong(who, len) => pair.pong(who as usize, vec![len; usize::from(len)].into()),
            Self::SendClose(who, code, len) => pair.send_close(who as usize, close(code, len)),
            Self::Fail(who, code, len) => pair.fail(who as usize, close(code, len)),
            Self::Abort(who) => pair.abort(who as usize),
            Self::Advance(millis, timers) => {
                pair.advance(Duration::from_millis(u64::from(millis)), timers);
            }
            Self::Write(who, n) => pair.write(who as usize, usize::from(n)),
            Self::Deliver(who, n) => pair.deliver(who as usize, usize::from(n)),
            Self::Exchange => pair.exchange(),
            Self::Garbage(who, bytes) => pair.garbage(who as usize, &bytes),
            Self::Cut => pair.cut(),
            Self::End(who) => pair.end(who as usize),
            Self::TakeChunks(who, chunks) => pair.take_chunks(who as usize, chunks),
            Self::Skip(who) => pair.skip(who as usize),
        }
    }
}

/// Mostly a code that can be sent, since others end the matter early.
fn close(code: u16, len: u8) -> Close {
    let code = match code % 8 {
        0 => CloseCode::new(code),
        1 => CloseCode::ABNORMAL_CLOSURE,
        2 => CloseCode::NO_STATUS_RCVD,
        3 => CloseCode::NORMAL_CLOSURE,
        4 => CloseCode::GOING_AWAY,
        _ => CloseCode::new(3000 + code % 2000),
    };
    // A reason of a single kind of character, of two bytes, so that cutting it is tried.
    let body = Body { text: true, len: u16::from(len), first: 1 };
    let message = body.message();
    debug_assert_eq!(message.kind(), MessageKind::Text);
    Close::new(code, message.as_text().unwrap_or_default())
}
