//! Extensions of a user: grown out of the example in the documentation.

use ws_errors::{NegotiationError, PayloadTooBig, ProtocolError};
use ws_proto::extension::{
    ClientExtensionFactory, DataFrame, Extension, Extensions, Rsv, ServerExtensionFactory,
};
use ws_proto::{Compress, Connection, Event, Message, Oversize, PreparedMessage};
use ws_types::{ExtensionParameter, Side};

use crate::feed::{NOW, Scenario, config, connect_with, pull, sent, take_output, wait};
use crate::frames::{SIDES, binary, close, cont, ping, wire};
use crate::judge::Judge;
use crate::received::messages;
use crate::setup::{DEFAULT, RSV1, letters, noise};

const RSV2: u8 = 2;
const RSV3: u8 = 1;

/// A factory of extensions that claim bits and do nothing.
#[derive(Debug)]
pub(crate) struct Tagged {
    pub(crate) name: &'static str,
    pub(crate) bits: Rsv,
}

#[derive(Debug)]
struct Idle(Rsv);

impl Extension for Idle {
    fn reserved_bits(&self) -> Rsv {
        self.0
    }

    fn encode(&mut self, _: DataFrame, _: &[u8], _: &mut Vec<u8>) -> Option<Rsv> {
        None
    }

    fn begin_decode(&mut self, _: DataFrame) -> Result<bool, ProtocolError> {
        Ok(false)
    }

    fn decode(
        &mut self,
        _: &mut &[u8],
        _: bool,
        _: &mut Vec<u8>,
        _: usize,
    ) -> Result<bool, ProtocolError> {
        unreachable!("nothing is to be decoded")
    }
}

impl ClientExtensionFactory for Tagged {
    fn name(&self) -> &str {
        self.name
    }

    fn offer(&self) -> Vec<ExtensionParameter> {
        Vec::new()
    }

    fn process_response(
        &self,
        _: &[ExtensionParameter],
    ) -> Result<Box<dyn Extension>, NegotiationError> {
        Ok(Box::new(Idle(self.bits)))
    }
}

impl ServerExtensionFactory for Tagged {
    fn name(&self) -> &str {
        self.name
    }

    fn process_offer(
        &self,
        _: &[ExtensionParameter],
    ) -> Result<(Vec<ExtensionParameter>, Box<dyn Extension>), NegotiationError> {
        Ok((Vec::new(), Box::new(Idle(self.bits))))
    }
}

/// Turns all bits of a message around, and marks it with RSV2.
#[derive(Debug, Default)]
pub(crate) struct Flip {
    decoding: bool,
}

impl Extension for Flip {
    fn reserved_bits(&self) -> Rsv {
        Rsv::RSV2
    }

    fn encode(&mut self, frame: DataFrame, payload: &[u8], out: &mut Vec<u8>) -> Option<Rsv> {
        out.extend(payload.iter().map(|byte| !byte));
        Some(if frame.first { Rsv::RSV2 } else { Rsv::NONE })
    }

    fn begin_decode(&mut self, frame: DataFrame) -> Result<bool, ProtocolError> {
        if frame.first {
            self.decoding = !frame.rsv.is_empty();
        } else if !frame.rsv.is_empty() {
            return Err(ProtocolError::custom("flipped in the middle"));
        }
        Ok(self.decoding)
    }

    fn decode(
        &mut self,
        input: &mut &[u8],
        _end: bool,
        out: &mut Vec<u8>,
        room: usize,
    ) -> Result<bool, ProtocolError> {
        let (now, later) = input.split_at(input.len().min(room));
        out.extend(now.iter().map(|byte| !byte));
        *input = later;
        Ok(later.is_empty())
    }

    fn forget(&mut self) -> bool {
        true
    }

    fn prepared_key(&self) -> Option<u64> {
        Some(0)
    }
}

/// Puts a checksum behind each message, and marks all of its frames with RSV3.
#[derive(Debug, Default)]
struct Seal {
    sum: u8,
    received: u8,
    /// The last byte that came: perhaps the checksum.
    held: Option<u8>,
    fin: bool,
}

impl Extension for Seal {
    fn reserved_bits(&self) -> Rsv {
        Rsv::RSV3
    }

    fn encode(&mut self, frame: DataFrame, payload: &[u8], out: &mut Vec<u8>) -> Option<Rsv> {
        if frame.first {
            self.sum = 0;
        }
        self.sum = payload.iter().fold(self.sum, |sum, byte| sum.wrapping_add(*byte));
        out.extend_from_slice(payload);
        if frame.fin {
            out.push(self.sum);
        }
        Some(Rsv::RSV3)
    }

    fn begin_decode(&mut self, frame: DataFrame) -> Result<bool, ProtocolError> {
        if frame.first {
            (self.received, self.held) = (0, None);
        }
        self.fin = frame.fin;
        match frame.rsv.is_empty() {
            true => Err(ProtocolError::custom("not sealed")),
            false => Ok(true),
        }
    }

    fn decode(
        &mut self,
        input: &mut &[u8],
        end: bool,
        out: &mut Vec<u8>,
        mut room: usize,
    ) -> Result<bool, ProtocolError> {
        while let [byte, rest @ ..] = *input {
            if let Some(byte) = self.held {
                if room == 0 {
                    return Ok(false);
                }
                room -= 1;
                self.received = self.received.wrapping_add(byte);
                out.push(byte);
            }
            self.held = Some(*byte);
            *input = rest;
        }
        if end && self.fin && self.held.take() != Some(self.received) {
            return Err(ProtocolError::custom("broken seal"));
        }
        Ok(true)
    }

    fn forget(&mut self) -> bool {
        true
    }

    fn prepared_key(&self) -> Option<u64> {
        Some(0)
    }
}

/// Makes four bytes of each, all or none of them.
#[derive(Debug, Default)]
struct Quadruple {
    /// How often it was called without room for four.
    stuck: usize,
}

impl Extension for Quadruple {
    fn reserved_bits(&self) -> Rsv {
        Rsv::RSV3
    }

    fn encode(&mut self, _: DataFrame, _: &[u8], _: &mut Vec<u8>) -> Option<Rsv> {
        None
    }

    fn begin_decode(&mut self, _: DataFrame) -> Result<bool, ProtocolError> {
        Ok(true)
    }

    fn decode(
        &mut self,
        input: &mut &[u8],
        _end: bool,
        out: &mut Vec<u8>,
        mut room: usize,
    ) -> Result<bool, ProtocolError> {
        while let [byte, rest @ ..] = *input {
            if room < 4 {
                self.stuck += 1;
                assert!(self.stuck < 1000, "called without end");
                return Ok(false);
            }
            room -= 4;
            out.extend([*byte; 4]);
            *input = rest;
        }
        Ok(true)
    }
}

/// Makes the extensions of one side.
type Make = fn(Side) -> Vec<Box<dyn Extension>>;

fn deflate(side: Side) -> Box<dyn Extension> {
    DEFAULT.extension(side, 6)
}

/// Two and three extensions in all orders that make a difference.
const CHAINS: [(&str, Make); 8] = [
    ("flip", |_| vec![Box::<Flip>::default()]),
    ("seal", |_| vec![Box::<Seal>::default()]),
    ("deflate, flip", |side| vec![deflate(side), Box::<Flip>::default()]),
    ("flip, deflate", |side| vec![Box::<Flip>::default(), deflate(side)]),
    ("deflate, seal", |side| vec![deflate(side), Box::<Seal>::default()]),
    ("seal, deflate", |side| vec![Box::<Seal>::default(), deflate(side)]),
    ("seal, deflate, flip", |side| {
        vec![Box::<Seal>::default(), deflate(side), Box::<Flip>::default()]
    }),
    ("flip, deflate, seal", |side| {
        vec![Box::<Flip>::default(), deflate(side), Box::<Seal>::default()]
    }),
];

fn connected(side: Side, make: Make) -> Connection {
    let config = config(|c| c.max_message_size = Some(1 << 22));
    connect_with(side, &config, Extensions::from(make(side)), NOW)
}

/// Messages, of which some become much shorter.
fn sent_messages() -> Vec<Message> {
    vec![
        Message::from("Hello"),
        Message::from(vec![7; 150_000]),
        Message::from(""),
        Message::from(letters(300, 1)),
        Message::from(letters(300, 1)),
        Message::from("wide €".repeat(10_000)),
        Message::from(noise(10_000, 2)),
    ]
}

/// Sends them whole, in pieces and prepared.
fn send_all(conn: &mut Connection) -> Vec<u8> {
    for message in sent_messages() {
        conn.send(message.clone().compress(Compress::Always)).unwrap();
        conn.send(PreparedMessage::new(message.clone().compress(Compress::Always))).unwrap();
        conn.send_chunk(message.clone().compress(Compress::Always), false).unwrap();
        conn.ping(None, NOW).unwrap();
        conn.send_chunk(message, true).unwrap();
    }
    take_output(conn)
}

fn expected() -> Vec<Message> {
    let thrice = |message: Message| {
        let twice = [message.as_bytes(), message.as_bytes()].concat();
        let twice = match &message {
            Message::Text(_) => Message::from(String::from_utf8(twice).unwrap()),
            Message::Binary(_) => Message::from(twice),
        };
        [message.clone(), message, twice]
    };
    sent_messages().into_iter().flat_map(thrice).collect()
}

#[test]
fn what_is_sent_passes_through_them_in_the_order_of_the_answer() {
    let text = letters(300, 1);
    let flipped: Vec<u8> = text.iter().map(|byte| !byte).collect();
    let first = |make: Make| {
        let mut conn = connected(Side::Server, make);
        conn.send(text.clone()).unwrap();
        sent(&mut conn).remove(0)
    };
    let [flip, _, deflate_flip, flip_deflate, deflate_seal, seal_deflate, ..] =
        CHAINS.map(|(_, make)| first(make));
    assert_eq!((flip.rsv, &flip.payload), (RSV2, &flipped));
    let inflated = |data: &[u8]| Judge::default().message(data);
    assert_eq!(flip_deflate.rsv, RSV1 | RSV2);
    assert_eq!(inflated(&flip_deflate.payload), Ok(flipped));
    assert_eq!(deflate_flip.rsv, RSV1 | RSV2);
    let payload: Vec<u8> = deflate_flip.payload.iter().map(|byte| !byte).collect();
    assert_eq!(inflated(&payload), Ok(text.clone()));
    let sum = |bytes: &[u8]| bytes.iter().fold(0, |sum: u8, byte| sum.wrapping_add(*byte));
    assert_eq!(seal_deflate.rsv, RSV1 | RSV3);
    assert_eq!(inflated(&seal_deflate.payload), Ok([&text[..], &[sum(&text)]].concat()));
    assert_eq!(deflate_seal.rsv, RSV1 | RSV3);
    let (seal, payload) = deflate_seal.payload.split_last().unwrap();
    assert_eq!((*seal, inflated(payload)), (sum(payload), Ok(text.clone())));
}

#[test]
fn chains_of_extensions_deliver_messages_whole() {
    for (name, make) in CHAINS {
        for side in SIDES {
            let bytes = send_all(&mut connected(side.peer(), make));
            for step in [bytes.len(), 30_000, 1000] {
                let mut conn = connected(side, make);
                let mut got = Vec::new();
                for piece in bytes.chunks(step) {
                    conn.receive_data(piece, NOW);
                    got.extend(pull(&mut conn).into_iter().filter_map(|event| match event {
                        Event::Message(message) => Some(message),
                        _ => None,
                    }));
                    wait(&mut conn);
                }
                assert!(got == expected(), "{name}, {step}: {} messages", got.len());
            }
        }
    }
}

#[test]
fn chains_of_extensions_deliver_pieces_whenever_they_are_asked_for() {
    for (n, (name, make)) in CHAINS.into_iter().enumerate() {
        for side in SIDES {
            let bytes = send_all(&mut connected(side.peer(), make));
            // How many pieces are pulled before more bytes come: more come while there is more to pull.
            let ways = [(bytes.len(), 0), (1000, 1), (333, 1), (7_000, 2), (1000, 1000)];
            // One side takes every other of them, the other side the rest.
            for (step, pulls) in ways.into_iter().skip((n + side as usize) % 2).step_by(2) {
                let mut conn = connected(side, make);
                let mut expected = expected().into_iter();
                let mut got = Vec::new();
                let mut take = |conn: &mut Connection, pulls| {
                    for _ in 0..pulls {
                        match conn.poll_chunk() {
                            Some(Event::Chunk { data, last }) => {
                                assert!(data.len() <= 64 << 10);
                                got.extend_from_slice(data.as_bytes());
                                if last {
                                    let message = expected.next().unwrap();
                                    assert!(got == message.as_bytes(), "{name}, {step}, {pulls}");
                                    assert_eq!(data.kind(), message.kind());
                                    got.clear();
                                }
                            }
                            Some(_) => {}
                            None => break,
                        }
                    }
                };
                for piece in bytes.chunks(step) {
                    conn.receive_data(piece, NOW);
                    take(&mut conn, pulls);
                }
                take(&mut conn, 100_000);
                let cause = format!("{:?}", conn.closed());
                assert!(expected.next().is_none() && got.is_empty(), "{name}, {step}: {cause}");
            }
        }
    }
}

#[test]
fn bytes_that_come_while_there_is_more_to_pull_are_not_lost() {
    for (name, make) in CHAINS {
        for side in SIDES {
            // About 1000 bytes of output for each byte on the wire, 64 KiB of them in a piece.
            let message = vec![7; 3_000_000];
            let mut sender = connected(side.peer(), make);
            sender.send(message.clone()).unwrap();
            sender.send("next").unwrap();
            let bytes = take_output(&mut sender);
            let mut conn = connected(side, make);
            let (mut got, mut ends) = (Vec::new(), 0);
            let mut take = |conn: &mut Connection| match conn.poll_chunk() {
                Some(Event::Chunk { data, last }) => {
                    got.extend_from_slice(data.as_bytes());
                    ends += usize::from(last);
                    true
                }
                event => event.is_some(),
            };
            for piece in bytes.chunks(bytes.len() / 30) {
                conn.receive_data(piece, NOW);
                take(&mut conn);
            }
            while take(&mut conn) {}
            assert_eq!((ends, got.len()), (2, 3_000_004), "{name}: {:?}", conn.closed());
            assert!(got.starts_with(&message) && got.ends_with(b"next"));
        }
    }
}

#[test]
fn what_an_extension_refuses_fails_the_connection_in_its_words() {
    let chain: Make = |side| vec![deflate(side), Box::<Flip>::default()];
    let seal: Make = |_| vec![Box::<Seal>::default()];
    let flipped = |bytes: &[u8]| bytes.iter().map(|byte| !byte).collect::<Vec<_>>();
    let rows: [(&str, Make, Vec<crate::frames::Frame>, &str); 6] = [
        (
            "in the middle",
            chain,
            vec![binary("").rsv(RSV2).more(), ping(""), cont("").rsv(RSV2)],
            "flipped in the middle",
        ),
        ("without a mark", seal, vec![binary("")], "not sealed"),
        ("a wrong checksum", seal, vec![binary([1, 2, 4]).rsv(RSV3)], "broken seal"),
        ("no checksum", seal, vec![binary("").rsv(RSV3)], "broken seal"),
        (
            "no deflate data behind it",
            chain,
            vec![binary(flipped(&[0x06])).rsv(RSV1 | RSV2)],
            "decompression failed",
        ),
        (
            "a bit that none of them has",
            chain,
            vec![binary("").rsv(RSV3)],
            "reserved bits must be 0",
        ),
    ];
    for (name, make, frames, text) in rows {
        for side in SIDES {
            let outcome =
                Scenario::new(side).after(|conn| *conn = connected(side, make)).run(&frames);
            assert_eq!(outcome.sent.last(), Some(&close(1002, text)), "{name}");
        }
    }
}

#[test]
fn frames_without_their_bits_pass_by() {
    for (_, make) in [CHAINS[2], CHAINS[3]] {
        for side in SIDES {
            let outcome = Scenario::new(side).after(|conn| *conn = connected(side, make)).run(&[
                binary("a").more(),
                cont("b"),
                binary([!b'a']).rsv(RSV2),
            ]);
            let expected = [b"ab".to_vec(), b"a".to_vec()].map(Message::from);
            assert_eq!(messages(&outcome), expected);
        }
    }
}

#[test]
fn a_message_that_exceeds_limit_and_bound_at_once_is_not_skipped() {
    for side in SIDES {
        let config = config(|c| {
            c.max_message_size = Some(10);
            c.oversize = Oversize::Skip { max_inflated: 5 };
        });
        let mut conn = connect_with(side, &config, vec![Box::<Flip>::default() as _], NOW);
        conn.receive_data(&wire(side.peer(), &[binary([0; 11]).rsv(RSV2)]), NOW);
        assert_eq!(pull(&mut conn), []);
        assert_eq!(sent(&mut conn), [close(1009, "frame exceeds limit of 5 bytes")]);
    }
}

#[test]
fn output_that_can_not_be_cut_meets_the_limit_all_the_same() {
    let make: Make = |_| vec![Box::<Quadruple>::default()];
    let behind: Make =
        |side| vec![Box::<Quadruple>::default(), Box::new(Idle(Rsv::NONE)), deflate(side)];
    for make in [make, behind] {
        for side in SIDES {
            let with = |max, oversize| {
                let config = config(|c| {
                    c.max_message_size = max;
                    c.oversize = oversize;
                });
                let new = move || connect_with(side, &config, make(side), NOW);
                let whole = Scenario::new(side).after({
                    let new = new.clone();
                    move |conn| *conn = new()
                });
                let mut pieces = Scenario::new(side).after(move |conn| *conn = new()).streaming();
                pieces.whole_only = true;
                [whole, pieces]
            };
            for scenario in with(Some(10), Oversize::Fail) {
                let outcome = scenario.run(&[binary("ab"), binary("").more(), cont("c")]);
                let expected = [b"aaaabbbb".to_vec(), b"cccc".to_vec()].map(Message::from);
                assert_eq!(messages(&outcome), expected);
                let outcome = scenario.run(&[binary("abc")]);
                let cause = PayloadTooBig::new(None, None, 10);
                assert_eq!(outcome.sent, [close(1009, cause.to_string())]);
            }
            for (max_inflated, passes) in [(20, true), (19, false)] {
                for scenario in with(Some(10), Oversize::Skip { max_inflated }) {
                    let outcome = scenario.run(&[binary("abc").more(), cont("de"), binary("f")]);
                    let next = [Message::from(b"ffff".to_vec())];
                    assert_eq!(messages(&outcome), next[..usize::from(passes)]);
                    let cause = PayloadTooBig::new(None, Some(12), max_inflated);
                    let sent = [close(1009, cause.to_string())];
                    assert_eq!(outcome.sent, sent[usize::from(passes)..]);
                }
            }
            // Pieces of 64 KiB, less what can't be cut.
            for scenario in with(None, Oversize::Fail) {
                let outcome = scenario.run_bytes(&wire(side.peer(), &[binary(vec![7; 17_000])]));
                assert_eq!(messages(&outcome), [Message::from(vec![7; 68_000])]);
            }
        }
    }
}
