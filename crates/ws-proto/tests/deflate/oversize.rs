//! Messages that are too big and skipped, compressed and uncompressed ones.

use ws_errors::{PayloadTooBig, WebSocketException};
use ws_proto::{Config, Event, Message, Oversize};
use ws_types::Side;

use crate::bits::{Deflated, Item::*};
use crate::feed::{NOW, Scenario, config, pull, sent, take_output, wait};
use crate::frames::{Frame, SIDES, binary, close, cont, ping, pong, text, wire};
use crate::received::{messages, scenarios};
use crate::setup::{DEFAULT, RSV1, compressed, letters, marked};

/// The limit on messages of these tests, in bytes.
const LIMIT: usize = 1000;

/// The most bytes that are inflated to be dropped.
const BOUND: usize = 5000;

fn skip(config: &mut Config) {
    config.max_message_size = Some(LIMIT);
    config.oversize = Oversize::Skip { max_inflated: BOUND as u64 };
}

fn skipping(side: Side) -> [Scenario<'static>; 2] {
    scenarios(side, DEFAULT).map(|scenario| scenario.config(skip))
}

/// The errors for messages that were skipped, and the messages, in their order.
fn told(events: &[Event]) -> Vec<Result<Message, PayloadTooBig>> {
    let told = |event: &Event| match event {
        Event::Message(message) | Event::Chunk { data: message, last: true } => {
            Some(Ok(message.clone()))
        }
        Event::TooBig(error) => Some(Err(error.clone())),
        _ => None,
    };
    events.iter().filter_map(told).collect()
}

/// A text of `len` bytes with characters of several bytes.
fn long_text(len: usize) -> String {
    let mut text = "é€😀 und so weiter; ".repeat(len / 10);
    while text.len() > len {
        text.pop();
    }
    text
}

/// The payloads of `count` fragments of a message, each of which can be decoded alone.
fn fragments(data: &[u8], count: usize, encoded: bool) -> Vec<Vec<u8>> {
    let parts = data.chunks(data.len().div_ceil(count));
    let mut parts: Vec<Vec<u8>> = match encoded {
        true => parts.map(|part| Deflated::default().stored(false, part).bytes()).collect(),
        false => parts.map(<[u8]>::to_vec).collect(),
    };
    if encoded {
        parts.last_mut().unwrap().push(0);
    }
    parts
}

/// The frames of a message, with pings between them.
fn frames(kind: fn(&[u8]) -> Frame, parts: &[Vec<u8>], encoded: bool) -> Vec<Frame> {
    let mut frames = Vec::new();
    for (n, part) in parts.iter().enumerate() {
        let frame = if n == 0 { kind(part) } else { cont(part) };
        let frame = if n == 0 && encoded { frame.rsv(RSV1) } else { frame };
        if n + 1 < parts.len() {
            frames.extend([frame.more(), ping([n as u8])]);
        } else {
            frames.push(frame);
        }
    }
    frames
}

#[test]
fn messages_of_every_form_are_skipped_and_told_in_their_place() {
    let kinds: [fn(&[u8]) -> Frame; 2] = [|data| text(data), |data| binary(data)];
    let long = long_text(3000);
    let len = long.len();
    for (n, kind) in kinds.into_iter().enumerate() {
        for encoded in [false, true] {
            for count in [1, 7] {
                let name = format!("kind {n}, compressed: {encoded}, {count} fragments");
                let mut all = vec![text("before")];
                let parts = fragments(long.as_bytes(), count, encoded);
                all.extend(frames(kind, &parts, encoded));
                // Refers to the message that was skipped, if that was compressed.
                let next = match encoded {
                    true => Deflated::default().fixed(false, &[Match(8, 8)]).message(),
                    false => {
                        Deflated::default().stored(false, &long.as_bytes()[len - 8..]).message()
                    }
                };
                all.push(marked(next));
                all.push(text("after"));
                let part = len.div_ceil(count) as u64;
                let before = (LIMIT as u64 / part) * part;
                let current = (before > 0).then_some(before);
                let size = match encoded {
                    // Its frame is longer than a message within the limit can be.
                    true if count == 1 => Some(parts[0].len() as u64),
                    true => None,
                    false => Some(part),
                };
                let expected = [
                    Ok(Message::from("before")),
                    Err(PayloadTooBig::new(size, current, LIMIT as u64)),
                    Ok(Message::from(long.as_bytes()[len - 8..].to_vec())),
                    Ok(Message::from("after")),
                ];
                for side in SIDES {
                    for scenario in skipping(side) {
                        let outcome = scenario.run(&all);
                        assert_eq!(told(&outcome.events), expected, "{name}, {side:?}");
                        let pongs: Vec<Frame> = (1..count).map(|n| pong([n as u8 - 1])).collect();
                        assert_eq!(outcome.sent, pongs, "{name}");
                    }
                }
            }
        }
    }
}

/// A compressed message of so many equal bytes, short on the wire.
fn run_of(len: usize) -> Vec<u8> {
    let mut items = vec![Literals(b"a")];
    items.extend((0..(len - 1) / 250).map(|_| Match(250, 1)));
    items.extend((0..(len - 1) % 250).map(|_| Literals(b"a")));
    Deflated::default().fixed(false, &items).message()
}

#[test]
fn a_message_that_is_inflated_beyond_the_bound_fails_the_connection() {
    let failed = |current| {
        let cause = PayloadTooBig::new(None, current, BOUND as u64);
        (Some(WebSocketException::from(cause.clone())), vec![close(1009, cause.to_string())])
    };
    let stored = |len| Deflated::default().stored(false, &vec![b'a'; len]).bytes();
    for side in SIDES {
        for scenario in skipping(side) {
            let next = Deflated::default().fixed(false, &[Match(8, 8)]).message();
            let outcome = scenario.run(&[marked(run_of(BOUND)), marked(&next)]);
            let expected = [
                Err(PayloadTooBig::new(None, None, LIMIT as u64)),
                Ok(Message::from(b"aaaaaaaa".to_vec())),
            ];
            assert_eq!((told(&outcome.events), outcome.sent.len()), (expected.into(), 0));
            for len in [BOUND + 1, 100_000] {
                let outcome = scenario.run(&[marked(run_of(len)), marked(&next)]);
                assert_eq!(told(&outcome.events), []);
                assert_eq!((outcome.cause().cloned(), outcome.sent), failed(None));
            }
            // All fragments together, and each message for itself.
            let within = [
                marked(stored(600)).more(),
                cont(stored(600)).more(),
                cont(stored(BOUND - 1200)).more(),
                cont([0]),
            ];
            let outcome = scenario.run(&[&within[..], &within].concat());
            let event = Err(PayloadTooBig::new(None, Some(600), LIMIT as u64));
            assert_eq!(
                (told(&outcome.events), outcome.sent.len()),
                (vec![event.clone(), event], 0)
            );
            let beyond = [&within[..3], &[cont(stored(1))]].concat();
            let outcome = scenario.run(&beyond);
            assert_eq!((outcome.cause().cloned(), outcome.sent), failed(Some(BOUND as u64)));
        }
    }
}

#[test]
fn a_bound_below_the_limit_skips_uncompressed_messages_only() {
    for side in SIDES {
        for scenario in scenarios(side, DEFAULT) {
            let scenario = scenario.config(|c| {
                c.max_message_size = Some(LIMIT);
                c.oversize = Oversize::Skip { max_inflated: 0 };
            });
            let frames = [binary([0; LIMIT + 1]), marked(run_of(LIMIT)), marked(run_of(LIMIT + 1))];
            let outcome = scenario.run(&frames);
            assert_eq!(messages(&outcome).len(), 1);
            assert_eq!(outcome.sent, [close(1009, "frame exceeds limit of 0 bytes")]);
        }
    }
}

#[test]
fn the_length_on_the_wire_is_held_against_the_bound_at_last() {
    let most = BOUND + BOUND / 8 + 1024;
    for side in SIDES {
        for (len, refused) in [(most, false), (most + 1, true)] {
            let header = crate::frames::header(&marked(""), side.peer(), len as u64);
            let outcome = skipping(side)[0].run_bytes(&header);
            let reason = format!("frame with {len} bytes exceeds limit of {BOUND} bytes");
            let expected = if refused { vec![close(1009, reason)] } else { vec![] };
            assert_eq!((outcome.events, outcome.sent), (vec![], expected));
        }
    }
}

#[test]
fn the_limit_on_frames_skips_compressed_messages() {
    for side in SIDES {
        for scenario in scenarios(side, DEFAULT) {
            let scenario = scenario.config(|c| {
                c.max_frame_size = Some(30);
                c.oversize = Oversize::skip();
            });
            let long = Deflated::default().stored(false, &[7; 25]).message();
            let next = Deflated::default().fixed(false, &[Match(25, 25)]).message();
            let outcome = scenario.run(&[marked(long), marked(next)]);
            let error = PayloadTooBig::new(Some(31), None, 30);
            assert_eq!(told(&outcome.events), [Err(error), Ok(Message::from(vec![7; 25]))]);
        }
    }
}

#[test]
fn a_compressed_message_that_is_skipped_is_checked_to_its_end() {
    let start = Deflated::default().stored(false, &[b'a'; LIMIT + 1]).bytes();
    let rows: [(&str, Vec<u8>, u16); 3] = [
        ("bad text", [Deflated::default().stored(false, b"\xFF").bytes(), vec![0]].concat(), 1007),
        (
            "half a character",
            [Deflated::default().stored(false, b"\xC3").bytes(), vec![0]].concat(),
            1007,
        ),
        ("no deflate data", vec![0x06], 1002),
    ];
    for side in SIDES {
        for (name, rest, code) in &rows {
            for scenario in skipping(side) {
                let outcome = scenario.run(&[text(&start).rsv(RSV1).more(), cont(rest)]);
                assert_eq!(told(&outcome.events), [], "{name}");
                assert_eq!(outcome.sent[0].payload[..2], code.to_be_bytes(), "{name}");
            }
        }
        // In the order of the bytes: this one is bad before it is too big.
        let bad =
            Deflated::default().stored(false, b"\xFF").stored(false, &[b'a'; LIMIT]).message();
        for scenario in skipping(side) {
            let outcome = scenario.run(&[text(&bad).rsv(RSV1)]);
            assert_eq!(outcome.sent[0].payload[..2], 1007_u16.to_be_bytes());
        }
    }
}

#[test]
fn pieces_that_were_handed_out_end_with_the_error() {
    let config = config(|c| {
        c.max_message_size = Some(200_000);
        c.oversize = Oversize::Skip { max_inflated: 4_000_000 };
    });
    for side in SIDES {
        for wanted in [true, false] {
            let end = letters(500, 6);
            let long = [vec![b'x'; 3_000_000], end.clone()].concat();
            let mut sender = DEFAULT.connect(side.peer(), &config);
            let first = compressed(&mut sender, long);
            let second = compressed(&mut sender, end.clone());
            assert!(second.len() < 20);
            let mut conn = DEFAULT.connect(side, &config);
            let bytes = wire(side.peer(), &[marked(first), marked(second)]);
            let (mut pieces, mut got) = (0, Vec::new());
            for bytes in bytes.chunks(100) {
                conn.receive_data(bytes, NOW);
                while let Some(event) = conn.poll_chunk() {
                    match event {
                        Event::Chunk { last: false, data } => pieces += data.len(),
                        event => got.push(event),
                    }
                }
                if pieces > 0 && !wanted {
                    conn.skip_message();
                }
                wait(&mut conn);
            }
            assert!((1..=200_000).contains(&pieces), "{pieces}");
            let error = PayloadTooBig::new(None, None, 200_000);
            let next = Event::Chunk { data: Message::from(end), last: true };
            let expected = if wanted { vec![Event::TooBig(error), next] } else { vec![next] };
            assert!(got == expected, "wanted: {wanted}");
            assert_eq!((pull(&mut conn), sent(&mut conn)), (vec![], vec![]));
            assert_eq!(take_output(&mut conn), []);
        }
    }
}
