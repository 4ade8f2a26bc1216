//! The decoder's refusals, with code and text: reserved bits, corrupt data, limits.

use ws_errors::{
    InvalidUtf8, PayloadTooBig, ProtocolErrorKind, TooManyFragments, WebSocketException,
};
use ws_proto::{Compress, Config, Message};
use ws_types::Side;

use crate::bits::{Deflated, Item::*};
use crate::feed::{Outcome, Scenario, config, give, pull, sent};
use crate::frames::{Frame, SIDES, binary, close, cont, ping, text};
use crate::received::messages;
use crate::setup::{Agreed, DEFAULT, RSV1, compressed, marked, noise};

fn scenarios(side: Side, change: fn(&mut Config)) -> [Scenario<'static>; 2] {
    crate::received::scenarios(side, DEFAULT).map(|scenario| scenario.config(change))
}

#[track_caller]
fn refused(name: &str, outcome: &Outcome, cause: impl Into<WebSocketException>, sent: &Frame) {
    assert_eq!(outcome.cause(), Some(&cause.into()), "{name}");
    assert_eq!(&outcome.sent, std::slice::from_ref(sent), "{name}");
}

#[track_caller]
fn breaks(name: &str, frames: &[Frame], kind: ProtocolErrorKind, before: usize) {
    for side in SIDES {
        for scenario in scenarios(side, |_| ()) {
            let outcome = scenario.run(frames);
            let cause = ws_errors::ProtocolError::new(kind);
            refused(name, &outcome, cause, &close(1002, kind.to_string()));
            assert_eq!(messages(&outcome).len(), before, "{name}");
        }
    }
}

fn hello() -> Vec<u8> {
    Deflated::default().fixed(false, &[Literals(b"Hello")]).message()
}

#[test]
fn reserved_bits_where_they_do_not_belong() {
    use ProtocolErrorKind::{ReservedBits, Rsv1InContinuation};
    let hello = hello();
    let (a, b) = hello.split_at(3);
    let rows: [(&str, &[Frame], ProtocolErrorKind, usize); 13] = [
        (
            "RSV1 on a continuation of a compressed message",
            &[marked(a).more(), cont(b).rsv(RSV1)],
            Rsv1InContinuation,
            0,
        ),
        (
            "RSV1 on the second continuation",
            &[marked(a).more(), cont("").more(), cont(b).rsv(RSV1).more()],
            Rsv1InContinuation,
            0,
        ),
        (
            "RSV1 on a continuation of an uncompressed message",
            &[binary("a").more(), cont(b).rsv(RSV1)],
            ReservedBits,
            0,
        ),
        (
            "the same behind a compressed message",
            &[marked(&hello), text("a").more(), cont(b).rsv(RSV1)],
            ReservedBits,
            1,
        ),
        ("RSV1 on a ping", &[ping("").rsv(RSV1)], ReservedBits, 0),
        ("RSV1 on a pong", &[crate::frames::pong("x").rsv(RSV1)], ReservedBits, 0),
        ("RSV1 on a close frame", &[close(1000, "").rsv(RSV1)], ReservedBits, 0),
        (
            "RSV1 on a ping within a compressed message",
            &[marked(a).more(), ping("").rsv(RSV1)],
            ReservedBits,
            0,
        ),
        ("RSV2", &[binary("").rsv(2)], ReservedBits, 0),
        ("RSV3", &[text("").rsv(1)], ReservedBits, 0),
        ("RSV1 and RSV2", &[marked(&hello), binary(&hello).rsv(6)], ReservedBits, 1),
        ("all", &[binary(&hello).rsv(7)], ReservedBits, 0),
        ("RSV2 on a continuation", &[marked(a).more(), cont(b).rsv(2)], ReservedBits, 0),
    ];
    for (name, frames, kind, before) in rows {
        breaks(name, frames, kind, before);
    }
    for side in SIDES {
        let outcome = Scenario::new(side).run(&[marked(&hello)]);
        let cause = ws_errors::ProtocolError::new(ReservedBits);
        refused("without the extension", &outcome, cause, &close(1002, "reserved bits must be 0"));
    }
}

#[test]
fn data_that_is_no_deflate_data() {
    let good = hello();
    let fixed = |items: &[crate::bits::Item<'_>]| Deflated::default().fixed(false, items).message();
    let rows: [(&str, Vec<u8>); 11] = [
        ("a block of the reserved type", vec![0x06]),
        ("a stored length that contradicts itself", vec![0x00, 1, 0, 1, 0, 0x61]),
        ("too far back", fixed(&[Literals(b"ab"), Match(3, 30)])),
        ("far too far back", fixed(&[Match(258, 32_768)])),
        ("text", b"Hello, I am not compressed at all".to_vec()),
        ("zeros of the wrong length", vec![0; 10]),
        ("ones", vec![0xFF; 20]),
        ("a zlib header", [&[0x78, 0x9C][..], &good].concat()),
        ("a gzip header", [&[0x1F, 0x8B, 8, 0, 0, 0, 0, 0, 0, 3][..], &good].concat()),
        ("a dynamic block without codes", [&[0x04][..], &[0; 40]].concat()),
        (
            "garbage behind a final block",
            [Deflated::default().fixed(true, &[]).bytes(), vec![0xFF; 5]].concat(),
        ),
    ];
    for (name, payload) in rows {
        breaks(name, &[marked(&payload)], ProtocolErrorKind::DecompressionFailed, 0);
        breaks(
            name,
            &[marked(&good), marked(&payload).more(), cont("")],
            ProtocolErrorKind::DecompressionFailed,
            1,
        );
    }
}

#[test]
fn order_of_fragments_is_checked_for_compressed_messages_too() {
    use ProtocolErrorKind::{ExpectedContinuation, UnexpectedContinuation};
    breaks("nothing to continue", &[cont(hello()).rsv(RSV1)], UnexpectedContinuation, 0);
    breaks("a message within a message", &[marked("").more(), marked("")], ExpectedContinuation, 0);
    breaks("uncompressed", &[marked("").more(), text("a")], ExpectedContinuation, 0);
}

#[test]
fn text_is_checked_after_inflating() {
    let rows: [(&[u8], InvalidUtf8); 4] = [
        (b"\xFF", InvalidUtf8::new("invalid start byte", 0)),
        (b"gr\xC3\xBCn \xE4", InvalidUtf8::new("unexpected end of data", 6)),
        (b"abc\xC3\x28", InvalidUtf8::new("invalid continuation byte", 3)),
        (b"\xED\xA0\x80", InvalidUtf8::new("invalid continuation byte", 0)),
    ];
    for (bytes, cause) in rows {
        let payload = Deflated::default().fixed(false, &[Literals(bytes)]).message();
        for at in [0, payload.len() / 2, payload.len()] {
            let (a, b) = payload.split_at(at);
            let frames = [text(a).rsv(RSV1).more(), cont(b)];
            for side in SIDES {
                for scenario in scenarios(side, |_| ()) {
                    let outcome = scenario.run(&frames);
                    let close = close(1007, cause.to_string());
                    refused("bad text", &outcome, cause.clone(), &close);
                    assert!(messages(&outcome).is_empty());
                }
            }
        }
        // Binary may be anything.
        for side in SIDES {
            let [scenario, _] = scenarios(side, |_| ());
            let outcome = scenario.run(&[marked(&payload)]);
            assert_eq!(messages(&outcome), [Message::from(bytes.to_vec())]);
        }
    }
}

/// A compressed message of so many equal bytes.
fn run_of(len: usize) -> Vec<u8> {
    let mut items = vec![Literals(b"a")];
    let mut left = len - 1;
    while left > 0 {
        let n = if left > 260 { 258 } else { left.min(258) };
        match n {
            1 | 2 => items.push(Literals(&b"aa"[..n])),
            n => items.push(Match(n, 1)),
        }
        left -= n;
    }
    Deflated::default().fixed(false, &items).message()
}

#[test]
fn the_limit_on_messages_holds_for_what_comes_out() {
    fn limit(c: &mut Config) {
        c.max_message_size = Some(1000);
    }
    let text_of = |current: Option<u64>| PayloadTooBig::new(None, current, 1000);
    for side in SIDES {
        for scenario in scenarios(side, limit) {
            let check = |name, frames: &[Frame], current| {
                let outcome = scenario.run(frames);
                let cause = text_of(current);
                let text = cause.to_string();
                refused(name, &outcome, cause, &close(1009, text));
            };
            let exact =
                scenario.run(&[marked(run_of(1000)), marked(run_of(1000)), marked(run_of(999))]);
            let sizes: Vec<usize> = messages(&exact).iter().map(Message::len).collect();
            assert_eq!((sizes, exact.sent.len()), (vec![1000, 1000, 999], 0), "exactly met");

            check("one byte more", &[marked(run_of(1001))], None);
            check("a bomb", &[marked(run_of(100_000))], None);
            let whole = run_of(1001);
            let (a, b) = whole.split_at(whole.len() - 1);
            check("in an empty last fragment", &[marked(&whole).more(), cont("")], None);
            // How much has come out of the first fragment depends on where it is cut.
            let outcome = scenario.run(&[marked(a).more(), cont(b)]);
            assert_eq!(outcome.sent.len(), 1);
            let stored = |len| Deflated::default().stored(false, &vec![b'x'; len]).bytes();
            let last = Deflated::default().message();
            check(
                "in the second fragment",
                &[marked(stored(600)).more(), cont(stored(401)).more()],
                Some(600),
            );
            check(
                "in the third fragment",
                &[marked(stored(600)).more(), cont(stored(400)).more(), cont(stored(1))],
                Some(1000),
            );
            let outcome = scenario.run(&[
                marked(stored(600)).more(),
                cont(stored(400)).more(),
                cont("").more(),
                cont(&last),
            ]);
            assert_eq!(messages(&outcome).len(), 1, "exactly met in fragments");
        }
    }
}

#[test]
fn a_limit_of_nothing_lets_empty_messages_through() {
    for side in SIDES {
        for scenario in scenarios(side, |c| c.max_message_size = Some(0)) {
            let outcome =
                scenario.run(&[marked([0x00]), text(""), marked([0x00]).more(), cont("")]);
            assert_eq!((messages(&outcome).len(), outcome.sent.len()), (3, 0));
            let outcome = scenario.run(&[marked(run_of(1))]);
            let cause = PayloadTooBig::new(None, None, 0);
            let close = close(1009, cause.to_string());
            refused("one byte", &outcome, cause, &close);
        }
    }
}

#[test]
fn the_length_on_the_wire_may_exceed_the_limit_by_what_deflate_adds() {
    for side in SIDES {
        let scenarios = scenarios(side, |c| c.max_message_size = Some(8000));
        for scenario in &scenarios {
            // Blocks of a few bytes each: as bad as a compressor may be.
            let data = noise(8000, 1);
            let blocks = data.chunks(60).fold(Deflated::default(), |d, c| d.stored(false, c));
            let outcome = scenario.run(&[marked(blocks.message())]);
            assert_eq!(messages(&outcome), [Message::from(data)]);
        }
        // What claims more is refused before it has come.
        let scenario = &scenarios[0];
        let header = crate::frames::header(&marked(""), side.peer(), 8000 + 1000 + 1024 + 1);
        let outcome = scenario.run_bytes(&header);
        let cause = PayloadTooBig::new(Some(10_025), None, 8000);
        let close = close(1009, cause.to_string());
        refused("too long on the wire", &outcome, cause, &close);
    }
}

#[test]
fn an_incompressible_message_at_the_limit_passes_whatever_the_encoder() {
    for level in [0, 1, 6, 9] {
        for size in [300, 1 << 16, 300_000] {
            let config = config(|c| c.max_message_size = Some(size));
            let agreed = Agreed { server_bits: 9, client_bits: 9, ..DEFAULT };
            for side in SIDES {
                let extension = agreed.extension(side, level);
                let mut sender =
                    crate::feed::connect_with(side, &config, vec![extension], crate::feed::NOW);
                let mut receiver = agreed.connect(side.peer(), &config);
                let message = noise(size, 3);
                let payload = compressed(&mut sender, message.clone());
                let events = give(&mut receiver, &[marked(payload)]);
                assert_eq!(events, [ws_proto::Event::Message(message.into())], "{level} {size}");
            }
        }
    }
}

#[test]
fn the_limit_on_frames_holds_for_what_is_on_the_wire() {
    for side in SIDES {
        for scenario in scenarios(side, |c| c.max_frame_size = Some(30)) {
            let payload = run_of(3000);
            assert!(payload.len() <= 30, "{}", payload.len());
            let outcome = scenario.run(&[marked(payload)]);
            assert_eq!(messages(&outcome)[0].len(), 3000);
            let outcome =
                scenario.run(&[marked(Deflated::default().stored(false, &[7; 25]).message())]);
            let cause = PayloadTooBig::new(Some(31), None, 30);
            let close = close(1009, cause.to_string());
            refused("31 bytes", &outcome, cause, &close);
        }
    }
}

#[test]
fn the_limit_on_fragments_holds_for_compressed_messages() {
    for side in SIDES {
        for scenario in scenarios(side, |c| c.max_fragments = Some(3)) {
            let hello = hello();
            let (a, b) = hello.split_at(2);
            let outcome = scenario.run(&[marked(a).more(), cont("").more(), cont(b)]);
            assert_eq!(messages(&outcome).len(), 1);
            let frames = [marked(a).more(), cont("").more(), cont(b).more(), cont("")];
            let outcome = scenario.run(&frames);
            let close = close(1009, "too many fragments");
            refused("four", &outcome, TooManyFragments::new(3), &close);
        }
    }
}

#[test]
fn empty_blocks_without_end_are_bounded_by_the_length_on_the_wire() {
    let flushes = [0x00, 0x00, 0x00, 0xFF, 0xFF].repeat(2_000);
    let message = [&flushes[..], &[0x00]].concat();
    for side in SIDES {
        let mut conn = DEFAULT.connect(side, &config(|c| c.max_message_size = Some(8_000)));
        assert_eq!(give(&mut conn, &[marked(&message)]), [ws_proto::Event::Message(vec![].into())]);
        assert!(sent(&mut conn).is_empty());
        let longer = [&flushes[..], &flushes].concat();
        give(&mut conn, &[marked(longer)]);
        assert_eq!(sent(&mut conn)[0].payload[..2], 1009_u16.to_be_bytes());
    }
}

#[test]
fn streams_without_end_are_refused_after_4096_of_them() {
    // An empty final block of 10 bits; each one makes the decoder start anew.
    let ends = |n: usize| [0x03, 0x00].repeat(n);
    for (side, takeover) in SIDES.into_iter().zip([true, false]) {
        let agreed = Agreed { server_takeover: takeover, client_takeover: takeover, ..DEFAULT };
        let mut conn = agreed.connect(side, &config(|_| ()));
        let mut frames = vec![marked(ends(4096)), marked(ends(4096)), marked(hello())];
        // Over fragments they are counted together.
        frames.extend([marked(ends(2048)).more(), cont(ends(2048))]);
        assert_eq!(give(&mut conn, &frames).len(), 4);
        assert!(sent(&mut conn).is_empty());
        let frames = [marked(ends(2048)).more(), cont(ends(2049))];
        assert_eq!(give(&mut conn, &frames), []);
        assert_eq!(sent(&mut conn), [close(1002, "decompression failed")]);
    }
}

#[test]
fn after_a_violation_nothing_more_is_decoded() {
    for side in SIDES {
        let mut conn = DEFAULT.connect(side, &config(|_| ()));
        give(&mut conn, &[marked([0x06]), marked(hello())]);
        assert_eq!(sent(&mut conn), [close(1002, "decompression failed")]);
        assert_eq!(give(&mut conn, &[marked(hello())]), []);
        assert_eq!(pull(&mut conn), []);
        assert!(conn.send(Message::from("x").compress(Compress::Always)).is_err());
    }
}
