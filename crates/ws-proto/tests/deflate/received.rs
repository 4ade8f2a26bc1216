//! Data that the decoder accepts: the examples of [RFC 7692 §7.2.3], final blocks, fragments cut anywhere.
//!
//! [RFC 7692 §7.2.3]: https://www.rfc-editor.org/rfc/rfc7692#section-7.2.3

use ws_proto::{Event, Message, Payload};
use ws_types::Side;

use crate::bits::{Deflated, Item::*};
use crate::feed::{Outcome, Scenario};
use crate::frames::{Frame, SIDES, binary, close, cont, ping, text};
use crate::setup::{Agreed, DEFAULT, RSV1, marked};

/// A connection to which compressed messages come, whole or in pieces.
pub(crate) fn scenarios(side: Side, agreed: Agreed) -> [Scenario<'static>; 2] {
    let new = || Scenario::made(side, move |config| agreed.connect(side, config));
    let mut streaming = new().streaming();
    streaming.whole_only = true;
    [new(), streaming]
}

/// The messages that came, joined if they came in pieces.
pub(crate) fn messages(outcome: &Outcome) -> Vec<Message> {
    let message = |event: &Event| match event {
        Event::Message(message) | Event::Chunk { data: message, last: true } => {
            Some(message.clone())
        }
        _ => None,
    };
    outcome.events.iter().filter_map(message).collect()
}

/// Gives these frames to both sides in every way; they make up these messages.
#[track_caller]
fn accepted(agreed: Agreed, name: &str, frames: &[Frame], expected: &[&[u8]]) {
    for side in SIDES {
        for scenario in scenarios(side, agreed) {
            let outcome = scenario.run(frames);
            assert_eq!(outcome.cause(), None, "{name}");
            let messages = messages(&outcome);
            let got: Vec<&[u8]> = messages.iter().map(Message::as_bytes).collect();
            assert_eq!(got, expected, "{name}, {side:?}");
        }
    }
}

/// The payloads of messages.
type Payloads<'a> = &'a [&'a [u8]];

#[test]
fn rfc7692_7_2_3_the_examples() {
    const HELLO: &[u8] = b"Hello";
    let hello = [0xF2, 0x48, 0xCD, 0xC9, 0xC9, 0x07, 0x00];
    let again = [0xF2, 0x00, 0x11, 0x00, 0x00];
    let stored = [0x00, 0x05, 0x00, 0xFA, 0xFF, 0x48, 0x65, 0x6C, 0x6C, 0x6F, 0x00];
    let r#final = [0xF3, 0x48, 0xCD, 0xC9, 0xC9, 0x07, 0x00, 0x00];
    let two = [0xF2, 0x48, 0x05, 0x00, 0x00, 0x00, 0xFF, 0xFF, 0xCA, 0xC9, 0xC9, 0x07, 0x00];
    let compressed = |payload: &[u8]| text(payload).rsv(RSV1);
    let rows: [(&str, &[Frame], Payloads<'_>); 10] = [
        ("7.2.3.1: one block", &[compressed(&hello)], &[HELLO]),
        ("7.2.3.1: two fragments", &[compressed(&hello[..3]).more(), cont(&hello[3..])], &[HELLO]),
        (
            "7.2.3.2: the window is shared",
            &[compressed(&hello), compressed(&again)],
            &[HELLO, HELLO],
        ),
        (
            "7.2.3.2: the same without the window",
            &[compressed(&hello), compressed(&hello)],
            &[HELLO, HELLO],
        ),
        ("7.2.3.3: no compression", &[compressed(&stored)], &[HELLO]),
        ("7.2.3.4: a final block", &[compressed(&r#final)], &[HELLO]),
        ("7.2.3.4: without the byte behind it", &[compressed(&r#final[..7])], &[HELLO]),
        ("7.2.3.5: two blocks", &[compressed(&two)], &[HELLO]),
        ("7.2.3.6: an empty message", &[compressed(&[0x00])], &[b""]),
        (
            "all of them, uncompressed ones in between",
            &[
                compressed(&hello),
                text("not in the window"),
                compressed(&again),
                compressed(&[0x00]),
                compressed(&r#final),
                binary("nor this"),
                compressed(&again),
                compressed(&stored),
                compressed(&two),
                text(""),
                compressed(&again),
            ],
            &[
                HELLO,
                b"not in the window",
                HELLO,
                b"",
                HELLO,
                b"nor this",
                HELLO,
                HELLO,
                HELLO,
                b"",
                HELLO,
            ],
        ),
    ];
    for (name, frames, expected) in rows {
        accepted(DEFAULT, name, frames, expected);
    }
}

#[test]
fn rfc7692_7_2_3_4_several_streams_of_a_message_share_the_window() {
    let start = || Deflated::default().fixed(true, &[Literals(b"abcdef")]).aligned();
    let streams = start()
        .fixed(true, &[Match(4, 6), Literals(b"-")])
        .aligned()
        .stored(true, b"stored")
        .fixed(false, &[Match(3, 17)])
        .fixed(true, &[])
        .aligned()
        .fixed(false, &[Literals(b"!"), Match(6, 10)]);
    let whole: &[u8] = b"abcdefabcd-storedabc!stored";
    let rows: [(&str, Vec<u8>); 2] = [
        ("a block that isn't final at the end", streams.clone().message()),
        ("a final one at the end", streams.fixed(true, &[]).bytes()),
    ];
    for takeover in [true, false] {
        let agreed = Agreed { server_takeover: takeover, client_takeover: takeover, ..DEFAULT };
        for (name, payload) in &rows {
            accepted(agreed, name, &[marked(payload)], &[whole]);
            let frames: Vec<Frame> = payload.chunks(3).map(|c| cont(c).more()).collect();
            let frames = [&[marked("").more()], &frames[..], &[cont("")]].concat();
            accepted(agreed, name, &frames, &[whole]);
        }
    }
    // And the next message with them.
    let next = Deflated::default().fixed(false, &[Match(27, 27)]).message();
    for (name, payload) in &rows {
        accepted(DEFAULT, name, &[marked(payload), marked(&next)], &[whole, whole]);
    }
}

#[test]
fn no_trailer_is_taken_to_be_left_out_where_no_block_can_begin() {
    // Behind a final block without the byte that RFC 7692 §7.2.3.4 puts there, with an empty last
    // fragment; or in a message without any data at all. The next message has to decode.
    let ends = Deflated::default().fixed(true, &[Literals(b"Hello")]).bytes();
    let next = Deflated::default().fixed(false, &[Literals(b"H"), Match(4, 5)]).message();
    let rows: [(&str, &[Frame], Payloads<'_>); 4] = [
        (
            "an empty last fragment",
            &[marked(&ends).more(), cont(""), marked(&next)],
            &[b"Hello", b"Hello"],
        ),
        (
            "several",
            &[marked("").more(), cont(&ends).more(), cont("").more(), cont(""), marked(&next)],
            &[b"Hello", b"Hello"],
        ),
        ("nothing", &[marked(&ends), marked(""), marked(&next)], &[b"Hello", b"", b"Hello"]),
        (
            "nothing, behind a block that isn't final",
            &[marked(&next[..0]), marked(&ends), marked(&next), marked("").more(), cont("")],
            &[b"", b"Hello", b"Hello", b""],
        ),
    ];
    for (name, frames, expected) in rows {
        accepted(DEFAULT, name, frames, expected);
    }
}

#[test]
fn fragments_are_cut_anywhere_with_control_frames_and_empty_ones_between() {
    let message = "Grüße, 世界! Grüße, 世界!";
    let payload = Deflated::default()
        .fixed(false, &[Literals(&message.as_bytes()[..20])])
        .stored(false, &message.as_bytes()[20..25])
        .flush()
        .fixed(false, &[Match(message.len() - 25, 17)])
        .message();
    let refers = Deflated::default().fixed(false, &[Match(message.len(), message.len())]).message();
    for at in 0..=payload.len() {
        let (first, second) = payload.split_at(at);
        let frames = [
            text(first).rsv(RSV1).more(),
            ping("1"),
            cont("").more(),
            ping(""),
            cont(second).more(),
            cont(""),
            text(&refers).rsv(RSV1),
        ];
        for side in SIDES {
            for scenario in scenarios(side, DEFAULT) {
                let outcome = scenario.run(&frames);
                let pings =
                    [Event::Ping(Payload::copy_from_slice(b"1")), Event::Ping(Payload::new())];
                let pinged = outcome.events.iter().filter(|e| matches!(e, Event::Ping(_)));
                assert!(pinged.eq(&pings));
                assert_eq!(outcome.sent.len(), 2, "two pongs");
                // Pieces of text are put together only where nothing is between them.
                let mut pieces = Vec::new();
                for event in &outcome.events {
                    if let Event::Message(data) | Event::Chunk { data, .. } = event {
                        pieces.extend_from_slice(data.as_bytes());
                    }
                }
                assert_eq!(pieces, [message, message].concat().as_bytes(), "cut at {at}");
            }
        }
    }
}

#[test]
fn without_takeover_a_message_that_refers_to_another_is_refused() {
    let first = Deflated::default().fixed(false, &[Literals(b"abc")]).message();
    let second = Deflated::default().fixed(false, &[Match(3, 3)]).message();
    let agreed = Agreed { server_takeover: false, client_takeover: false, ..DEFAULT };
    for side in SIDES {
        for scenario in scenarios(side, agreed) {
            let outcome = scenario.run(&[marked(&first), marked(&second)]);
            assert_eq!(messages(&outcome), [Message::from(b"abc".to_vec())]);
            assert_eq!(outcome.sent, [close(1002, "decompression failed")]);
        }
    }
}

#[test]
fn a_window_of_256_bytes_is_enough_for_a_peer_that_keeps_to_it() {
    // Our encoder can't do that, a peer's can.
    let agreed = Agreed { client_bits: 8, ..DEFAULT };
    let data: Vec<u8> = (0..=255).collect();
    let first = Deflated::default().stored(false, &data).message();
    let second = Deflated::default().fixed(false, &[Match(256, 256)]).message();
    let frames = [marked(&first), marked(&second), marked(&second), marked(&second)];
    for scenario in scenarios(Side::Server, agreed) {
        let outcome = scenario.run(&frames);
        assert_eq!(messages(&outcome), vec![Message::from(data.clone()); 4]);
    }
}
