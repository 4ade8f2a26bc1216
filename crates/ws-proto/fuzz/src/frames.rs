//! Frames: headers and masking, and a [`Connection`] to which the same bytes come in different
//! pieces.

use std::sync::Arc;
use std::time::Duration;

use bytes::{Buf, BufMut};
use ws_errors::ConnectionClosed;
use ws_proto::{
    Config, Connection, Event, FrameHeader, MAX_HEADER_LEN, Message, MessageKind, ReadMemory,
    ReadSpace, apply_mask,
};
use ws_types::{Side, State};

use crate::dice::Dice;

/// The most memory that [`read`] lends, in bytes.
const LENT: u64 = 64 << 10;

/// What a connection may set aside for a long message before any of it has come, in bytes.
const STEP: u64 = 128 << 10;

/// The first byte chooses side and limits, the next two how the rest is cut.
pub fn frames(data: &[u8]) {
    let Some((&[options, a, b], wire)) = data.split_first_chunk() else { return };
    header(wire);
    masking(wire);

    let dice = || Dice::new(u64::from(a) << 8 | u64::from(b));
    let setup = Setup::new(options);
    let whole = setup.run(wire, Feed::Whole, Take::Messages, dice());
    for feed in [Feed::Pieces, Feed::Spaces] {
        for take in [Take::Messages, Take::Found, Take::Chunks] {
            let trace = setup.run(wire, feed, take, dice());
            assert_eq!(trace, whole, "{feed:?}, {take:?}");
        }
    }
    setup.check_memory(wire, dice());
}

/// A header that can be decoded is encoded to the same bytes, and needs every one of them.
fn header(wire: &[u8]) {
    for sender in [Side::Client, Side::Server] {
        let Ok(Some((header, len))) = FrameHeader::decode(wire, sender) else { continue };
        assert!(len <= MAX_HEADER_LEN && header.rsv < 8 && header.payload_len < 1 << 63);
        let mut encoded = Vec::new();
        header.encode(&mut encoded);
        assert_eq!(encoded, wire[..len]);
        for n in 0..len {
            assert_eq!(FrameHeader::decode(&wire[..n], sender), Ok(None));
        }
    }
}

/// Masking is the rule of the RFC, and undoes itself.
fn masking(wire: &[u8]) {
    let Some((&key, payload)) = wire.split_first_chunk::<4>() else { return };
    let mut masked = payload.to_vec();
    apply_mask(&mut masked, key);
    let rule = payload.iter().zip(key.iter().cycle()).map(|(byte, key)| byte ^ key);
    assert!(masked.iter().copied().eq(rule));
    apply_mask(&mut masked, key);
    assert_eq!(masked, payload);
}

/// How the bytes come.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Feed {
    /// In one piece.
    Whole,
    /// In pieces that are copied.
    Pieces,
    /// In pieces that are read to where the connection wants them.
    Spaces,
}

/// How messages are taken.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Take {
    Messages,
    /// Messages, by `poll_message` where it finds them.
    Found,
    Chunks,
}

/// All that can be seen of a connection from outside.
#[derive(Debug, PartialEq)]
struct Trace {
    /// Chunks of messages that became whole are joined; others are left out.
    events: Vec<Event>,
    output: Vec<u8>,
    /// Before the end of the stream, and after it.
    states: [State; 2],
    closed: ConnectionClosed,
}

struct Setup {
    side: Side,
    config: Arc<Config>,
}

impl Setup {
    fn new(options: u8) -> Self {
        let mut config = Config::default();
        config.max_message_size =
            [None, Some(1 << 20), Some(300), Some(60)][usize::from(options >> 1 & 3)];
        config.max_frame_size = if options & 8 != 0 { Some(200) } else { None };
        config.max_fragments = [None, Some(4096), Some(3), Some(1)][usize::from(options >> 4 & 3)];
        let side = if options & 1 == 0 { Side::Server } else { Side::Client };
        Self { side, config: Arc::new(config) }
    }

    fn connection(&self) -> Connection {
        match self.side {
            Side::Client => Connection::client(Arc::clone(&self.config), [7; 32], Duration::ZERO),
            Side::Server => Connection::server(Arc::clone(&self.config), Duration::ZERO),
        }
    }

    /// Feeds everything, then the end of the stream.
    fn run(&self, mut wire: &[u8], feed: Feed, take: Take, mut dice: Dice) -> Trace {
        let mut conn = self.connection();
        let mut taken = Taken::default();
        let mut output = Vec::new();
        while !wire.is_empty() {
            match feed {
                Feed::Whole => conn.receive_data(std::mem::take(&mut wire)),
                Feed::Pieces => conn.receive_data(dice.piece(&mut wire)),
                Feed::Spaces => wire = &wire[read(&mut conn, wire, &mut dice)..],
            }
            taken.take_all(&mut conn, take);
            write(&mut conn, &mut output, feed, &mut dice);
            if dice.below(3) == 0 && conn.holds_input() {
                drop(conn.reclaim_input());
            }
        }
        let before = conn.state();
        conn.receive_eof();
        taken.take_all(&mut conn, take);
        assert_eq!(conn.poll_timeout(), None);
        write(&mut conn, &mut output, Feed::Whole, &mut dice);
        assert!(conn.wants_shutdown());
        let states = [before, conn.state()];
        Trace { events: taken.events, output, states, closed: conn.closed() }
    }

    /// What is held follows what was received, not what was announced.
    fn check_memory(&self, wire: &[u8], mut dice: Dice) {
        let mut feed = |spaces: bool| {
            let mut rest = wire;
            let used = allocation_counter::measure(|| {
                let mut conn = self.connection();
                while !rest.is_empty() {
                    match spaces {
                        true => rest = &rest[read(&mut conn, rest, &mut dice)..],
                        false => conn.receive_data(dice.piece(&mut rest)),
                    }
                    while conn.poll_event(|| Duration::ZERO).is_some() {}
                    let written = conn.output_len();
                    conn.output().advance(written);
                }
            });
            used.bytes_max
        };
        let received = wire.len() as u64;
        let held = feed(false);
        assert!(held <= 6 * received + 4096, "{held} bytes held after {received} were received");
        let held = feed(true);
        assert!(held <= 6 * received + LENT + STEP + 4096, "{held} bytes held after {received}");
    }
}

/// The events so far.
#[derive(Default)]
struct Taken {
    events: Vec<Event>,
    /// The message of which chunks came.
    begun: Option<(MessageKind, Vec<u8>)>,
}

impl Taken {
    fn take_all(&mut self, conn: &mut Connection, take: Take) {
        loop {
            let mut place = None;
            let event = match take {
                Take::Found if conn.poll_message(&mut place) => place.map(Event::Message),
                Take::Messages | Take::Found => conn.poll_event(|| Duration::ZERO),
                Take::Chunks => conn.poll_chunk(|| Duration::ZERO),
            };
            match event {
                Some(Event::Chunk { data, last }) => {
                    assert_eq!(take, Take::Chunks);
                    self.chunk(&data, last);
                    assert_eq!(conn.in_chunks(), !last);
                }
                Some(Event::Message(_)) if take == Take::Chunks => panic!("not a chunk"),
                Some(event) => self.events.push(event),
                None => return,
            }
        }
    }

    fn chunk(&mut self, data: &Message, last: bool) {
        // Panics unless it is text by itself.
        let _ = data.as_text();
        let begun = self.begun.get_or_insert_with(|| (data.kind(), Vec::new()));
        assert_eq!(begun.0, data.kind());
        assert!(last || !data.is_empty());
        begun.1.extend_from_slice(data.as_bytes());
        if last && let Some((kind, bytes)) = self.begun.take() {
            let message = match kind {
                MessageKind::Text => Message::from(String::from_utf8(bytes).expect("whole text")),
                MessageKind::Binary => Message::from(bytes),
            };
            self.events.push(Event::Message(message));
        }
    }
}

/// Reads from the front of `wire` to where the connection wants it; gives how many bytes.
fn read(conn: &mut Connection, wire: &[u8], dice: &mut Dice) -> usize {
    let most = dice.piece(&mut &*wire).len();
    let size = [0, 4096, 5000, LENT as usize][dice.below(4)];
    let n = match conn.read_space(|| ReadMemory::with_capacity(size)) {
        ReadSpace::Input(space) => {
            let n = most.min(space.len());
            space[..n].copy_from_slice(&wire[..n]);
            n
        }
        ReadSpace::Payload(mut space) => {
            let n = most.min(space.remaining_mut());
            space.put_slice(&wire[..n]);
            n
        }
        _ => unreachable!("there are two kinds of space"),
    };
    assert!(n > 0, "no room would look like the end of the stream");
    conn.received(n);
    n
}

/// Writes what is queued: all of it when fed whole, else perhaps a part.
fn write(conn: &mut Connection, output: &mut Vec<u8>, feed: Feed, dice: &mut Dice) {
    while conn.output_len() > 0 && (feed == Feed::Whole || dice.below(3) > 0) {
        let queue = conn.output();
        let chunk = queue.chunk();
        let n = if feed == Feed::Whole { chunk.len() } else { 1 + dice.below(chunk.len()) };
        output.extend_from_slice(&chunk[..n]);
        queue.advance(n);
    }
    if let Some(memory) = conn.reclaim_output() {
        assert!(!conn.holds_output());
        if dice.below(2) == 0 {
            conn.lend_output(memory);
        }
    }
}
