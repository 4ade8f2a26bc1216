//! permessage-deflate under arbitrary frames and arbitrary compressed data: a [`Connection`] to which
//! the same bytes come in different pieces, with and without streaming.

use std::sync::Arc;
use std::time::Duration;

use ws_errors::ConnectionClosed;
use ws_proto::extension::{
    ClientDeflate, ClientExtensionFactory, ClientWindow, CompressionLevel, Extension, Extensions,
    Rsv, ServerDeflate, ServerExtensionFactory, WindowBits,
};
use ws_proto::{Config, Connection, Event, FrameHeader, Message, MessageKind, Oversize};
use ws_types::{Opcode, Side, State};

use crate::dice::Dice;

/// The most memory of the decoder apart from the message, in bytes: decompressor, history and pieces.
const WORKING: u64 = 512 << 10;

/// The time at which everything happens.
const NOW: Duration = Duration::ZERO;

/// The first byte chooses side and limits, the second parameters, the next two how the rest is cut. The
/// rest is what arrives: as it is, and again as the payloads of frames with a right header.
pub fn deflate(data: &[u8]) {
    let Some((&[options, params, a, b], rest)) = data.split_first_chunk() else { return };
    let dice = || Dice::new(u64::from(a) << 8 | u64::from(b));
    let setup = Setup::new(options, params);
    for wire in [rest.to_vec(), setup.framed(rest, dice())] {
        let whole = setup.run(&wire, false, Take::Messages, dice());
        for (pieces, take) in [(true, Take::Messages), (false, Take::Chunks), (true, Take::Chunks)]
        {
            assert_eq!(setup.run(&wire, pieces, take, dice()), whole, "{pieces}, {take:?}");
        }
        setup.check_memory(&wire, dice());
    }
}

/// How messages are taken.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Take {
    Messages,
    Chunks,
}

/// All that must not depend on how the input is cut, or taken.
#[derive(Debug, PartialEq)]
struct Trace {
    /// Chunks of messages that became whole are joined; others are left out.
    events: Vec<Event>,
    output: Vec<u8>,
    state: State,
    closed: ConnectionClosed,
}

struct Setup {
    side: Side,
    config: Arc<Config>,
    client: ClientDeflate,
    server: ServerDeflate,
}

impl Setup {
    fn new(options: u8, params: u8) -> Self {
        let mut config = Config::default();
        // Without a limit, a small input could make a large message; that is what limits are for.
        config.max_message_size = Some([1 << 20, 70_000, 300, 0][usize::from(options >> 1 & 3)]);
        config.max_frame_size = if options & 8 != 0 { Some(200) } else { None };
        if options & 64 != 0 {
            config.oversize = Oversize::Skip { max_inflated: 100_000 };
        }
        config.max_fragments = [None, Some(4096), Some(3), Some(1)][usize::from(options >> 4 & 3)];
        let side = if options & 1 == 0 { Side::Server } else { Side::Client };
        let (client, server) = factories(params, 64);
        Self { side, config: Arc::new(config), client, server }
    }

    fn connection(&self) -> Connection {
        let [client, server] = agree(&self.client, &self.server).expect("an offer that fits");
        let config = Arc::clone(&self.config);
        match self.side {
            Side::Client => Connection::client(config, client, [7; 32], NOW),
            Side::Server => Connection::server(config, server, NOW),
        }
    }

    /// The bytes as payloads of messages, most of them marked as compressed.
    fn framed(&self, mut rest: &[u8], mut dice: Dice) -> Vec<u8> {
        let mut wire = Vec::new();
        let mut within = false;
        while !rest.is_empty() {
            let payload = dice.piece(&mut rest);
            let fin = dice.below(3) > 0;
            let opcode = match (within, dice.below(4)) {
                (true, _) => Opcode::Continuation,
                (false, 0) => Opcode::Text,
                (false, _) => Opcode::Binary,
            };
            let rsv = if !within && dice.below(8) > 0 { Rsv::RSV1 } else { Rsv::NONE };
            let mask = (self.side == Side::Server).then_some([0; 4]);
            let header = FrameHeader::new(opcode, payload.len() as u64);
            FrameHeader { fin, rsv, mask, ..header }.encode(&mut wire).expect("short");
            wire.extend_from_slice(payload);
            within = !fin;
        }
        wire
    }

    /// Feeds everything, then the end of the stream.
    fn run(&self, mut wire: &[u8], pieces: bool, take: Take, mut dice: Dice) -> Trace {
        let mut conn = self.connection();
        let mut taken = Taken::new(self.config.max_message_size.unwrap_or(usize::MAX));
        while !wire.is_empty() {
            match pieces {
                true => conn.receive_data(dice.piece(&mut wire), NOW),
                false => conn.receive_data(std::mem::take(&mut wire), NOW),
            }
            taken.take_all(&mut conn, take);
            // Decompressors are given back whenever the driver waits, or not.
            if pieces && dice.below(3) == 0 {
                conn.receive_with(NOW, |_| ());
            }
        }
        conn.receive_eof();
        taken.take_all(&mut conn, take);
        assert_eq!(conn.poll_timeout(), None);
        let output = conn.output().take_all();
        assert!(conn.wants_shutdown());
        Trace { events: taken.events, output, state: conn.state(), closed: conn.closed() }
    }

    /// Memory follows the limit on messages and the bytes that were received, however much the input
    /// would become.
    fn check_memory(&self, wire: &[u8], mut dice: Dice) {
        let mut rest = wire;
        let used = allocation_counter::measure(|| {
            let mut conn = self.connection();
            while !rest.is_empty() {
                conn.receive_data(dice.piece(&mut rest), NOW);
                while conn.poll_event().is_some() {}
                drop(conn.output().take_all());
            }
        });
        let limit = self.config.max_message_size.unwrap_or_default() as u64;
        let most = 3 * limit + 6 * wire.len() as u64 + WORKING;
        assert!(used.bytes_max <= most, "{} bytes held, at most {most} expected", used.bytes_max);
    }
}

/// The events so far.
struct Taken {
    events: Vec<Event>,
    limit: usize,
    /// The message of which chunks came.
    begun: Option<(MessageKind, Vec<u8>)>,
}

impl Taken {
    fn new(limit: usize) -> Self {
        Self { events: Vec::new(), limit, begun: None }
    }

    fn take_all(&mut self, conn: &mut Connection, take: Take) {
        loop {
            let event = match take {
                Take::Messages => conn.poll_event(),
                Take::Chunks => conn.poll_chunk(),
            };
            match event {
                Some(Event::Chunk { data, last }) => self.chunk(&data, last),
                Some(Event::Message(message)) => {
                    assert!(take == Take::Messages && message.len() <= self.limit);
                    self.events.push(Event::Message(message));
                }
                Some(event) => {
                    if matches!(event, Event::TooBig(_)) {
                        self.begun = None;
                    }
                    self.events.push(event);
                }
                None => return,
            }
        }
    }

    fn chunk(&mut self, data: &Message, last: bool) {
        let begun = self.begun.get_or_insert_with(|| (data.kind(), Vec::new()));
        assert_eq!(begun.0, data.kind());
        begun.1.extend_from_slice(data.as_bytes());
        assert!(begun.1.len() <= self.limit, "more than the limit was handed out");
        if last && let Some((kind, bytes)) = self.begun.take() {
            self.events.push(Event::Message(match kind {
                MessageKind::Text => String::from_utf8(bytes).expect("whole text").into(),
                MessageKind::Binary => bytes.into(),
            }));
        }
    }
}

/// Both sides' settings of permessage-deflate, out of the bits of `params`.
pub(crate) fn factories(params: u8, min_size: usize) -> (ClientDeflate, ServerDeflate) {
    let window = [9, 10, 12, 15][usize::from(params >> 2 & 3)];
    let window_of_client = [9, 11, 13, 15][usize::from(params >> 4 & 3)];
    let level = [1, 6, 0, 9][usize::from(params >> 6)];
    let level = CompressionLevel::new(level).expect("0 to 9");
    let bits = |n| WindowBits::new(n).expect("8 to 15");
    let client = ClientDeflate::default()
        .client_no_context_takeover(params & 1 != 0)
        .client_max_window_bits(ClientWindow::AtMost(bits(window_of_client)))
        .level(level)
        .min_size(min_size);
    let server = ServerDeflate::default()
        .server_no_context_takeover(params & 2 != 0)
        .server_max_window_bits(bits(window))
        .level(level)
        .min_size(min_size);
    (client, server)
}

/// The extensions that a client and a server with these settings agree on; `None` if the offer is declined.
pub(crate) fn agree(client: &ClientDeflate, server: &ServerDeflate) -> Option<[Extensions; 2]> {
    let (answer, of_server) = server.process_offer(&client.offer()).ok()?;
    let of_client = client.process_response(&answer).expect("an answer that fits the offer");
    let extensions = |extension: Box<dyn Extension>| Extensions::from(vec![extension]);
    Some([of_client, of_server].map(extensions))
}
