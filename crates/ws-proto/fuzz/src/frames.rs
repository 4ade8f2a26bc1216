//! Frames: headers and masking, and a [`Connection`] to which the same bytes come in different
//! pieces.

use std::sync::Arc;
use std::time::Duration;

use bytes::{Buf, BufMut};
use ws_errors::ConnectionClosed;
use ws_proto::extension::Extensions;
use ws_proto::{
    Config, Connection, Event, FrameHeader, MAX_HEADER_LEN, Message, MessageKind, apply_mask,
};
use ws_types::{Opcode, Side, State};

use crate::dice::Dice;

/// The most memory of a connection while bytes move, in bytes, apart from messages: a buffer that grows, and a
/// queue.
const MOVING: u64 = 256 << 10;

/// The time at which everything happens.
const NOW: Duration = Duration::ZERO;

/// The first byte chooses side and limits, and whether a long fragment comes first; the next two choose how
/// the rest is cut.
pub fn frames(data: &[u8]) {
    let Some((&[options, a, b], wire)) = data.split_first_chunk() else { return };
    header(wire);
    masking(wire);

    let dice = || Dice::new(u64::from(a) << 8 | u64::from(b));
    let setup = Setup::new(options);
    let wire = &*match options >> 6 {
        3 => [setup.long_fragment(), wire.to_vec()].concat(),
        _ => wire.to_vec(),
    };
    let whole = setup.run(wire, Feed::Whole, Take::Messages, dice());
    for feed in [Feed::Pieces, Feed::Reads] {
        for take in [Take::Messages, Take::Chunks] {
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
        assert!(len <= MAX_HEADER_LEN && header.payload_len < 1 << 63);
        let mut encoded = Vec::new();
        header.encode(&mut encoded).expect("a header that was decoded");
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
    /// In pieces that are put into memory of the connection.
    Reads,
}

/// How messages are taken.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Take {
    Messages,
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
        let (config, extensions) = (Arc::clone(&self.config), Extensions::default());
        match self.side {
            Side::Client => Connection::client(config, extensions, [7; 32], NOW),
            Side::Server => Connection::server(config, extensions, NOW),
        }
    }

    /// The beginning of a message, long enough to be read straight into it.
    fn long_fragment(&self) -> Vec<u8> {
        let mask = (self.side == Side::Server).then_some([1, 2, 3, 4]);
        let header = FrameHeader::new(Opcode::Binary, 40_000);
        let mut wire = Vec::new();
        FrameHeader { fin: false, mask, ..header }.encode(&mut wire).expect("a short length");
        wire.extend((0..40_000_u32).map(|i| (i ^ i >> 8) as u8));
        wire
    }

    /// Feeds everything, then the end of the stream.
    fn run(&self, mut wire: &[u8], feed: Feed, take: Take, mut dice: Dice) -> Trace {
        let mut conn = self.connection();
        let mut taken = Taken::default();
        let mut output = Vec::new();
        while !wire.is_empty() {
            match feed {
                Feed::Whole => conn.receive_data(std::mem::take(&mut wire), NOW),
                Feed::Pieces => conn.receive_data(dice.piece(&mut wire), NOW),
                Feed::Reads => wire = &wire[read(&mut conn, wire, &mut dice)..],
            }
            taken.take_all(&mut conn, take);
            write(&mut conn, &mut output, feed, &mut dice);
            if dice.below(3) == 0 {
                conn.receive_with(NOW, |_| ());
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

    /// Memory follows the bytes that were received, not the lengths that were announced; a connection that waits
    /// holds little more.
    fn check_memory(&self, wire: &[u8], mut dice: Dice) {
        let received = wire.len() as u64;
        for reads in [false, true] {
            let mut rest = wire;
            let mut conn = self.connection();
            let used = allocation_counter::measure(|| {
                while !rest.is_empty() {
                    match reads {
                        true => rest = &rest[read(&mut conn, rest, &mut dice)..],
                        false => conn.receive_data(dice.piece(&mut rest), NOW),
                    }
                    while conn.poll_event().is_some() {}
                    drop(conn.output().take_all());
                }
                conn.receive_with(NOW, |_| ());
            });
            let most = used.bytes_max;
            assert!(most <= 6 * received + MOVING, "{most} bytes held after {received} came");
            let held = -allocation_counter::measure(|| drop(conn)).bytes_current;
            assert!(held <= 3 * received as i64 + 4096, "{held} bytes left after {received} came");
        }
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
            let event = match take {
                Take::Messages => conn.poll_event(),
                Take::Chunks => conn.poll_chunk(),
            };
            match event {
                Some(Event::Chunk { data, last }) => {
                    assert_eq!(take, Take::Chunks);
                    self.chunk(&data, last);
                }
                Some(Event::Message(_)) if take == Take::Chunks => panic!("not a chunk"),
                Some(event) => self.events.push(event),
                None => return,
            }
        }
    }

    fn chunk(&mut self, data: &Message, last: bool) {
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

/// Puts bytes from the front of `wire` into memory of the connection; gives how many.
fn read(conn: &mut Connection, wire: &[u8], dice: &mut Dice) -> usize {
    let most = dice.piece(&mut &*wire).len();
    conn.receive_with(NOW, |buffer| {
        let n = most.min(buffer.remaining_mut());
        assert!(n > 0, "no room would look like the end of the stream");
        buffer.put_slice(&wire[..n]);
        n
    })
}

/// Writes what is queued: all of it when fed whole, else perhaps a part.
fn write(conn: &mut Connection, output: &mut Vec<u8>, feed: Feed, dice: &mut Dice) {
    let queue = conn.output();
    while !queue.is_empty() && (feed == Feed::Whole || dice.below(3) > 0) {
        let chunk = queue.chunk();
        let n = if feed == Feed::Whole { chunk.len() } else { 1 + dice.below(chunk.len()) };
        output.extend_from_slice(&chunk[..n]);
        queue.advance(n);
    }
}
