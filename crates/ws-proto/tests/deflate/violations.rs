//! What a peer may not do with compression, and what comes of it.

use ws_errors::{ConnectionClosed, PayloadTooBig, WebSocketException};
use ws_proto::extension::{ClientDeflate, ServerDeflate};
use ws_proto::{Compress, Config, Connection, Message};

use crate::{NOW, frame, json, messages, noise, pair_with, server_with, take};

/// The close code and reason with which a server answers, and what it found.
fn verdict(mut server: Connection, bytes: &[u8]) -> (u16, String, Option<WebSocketException>) {
    assert_eq!(messages(&mut server, bytes), []);
    let wire = take(&mut server);
    let cause = match server.closed() {
        ConnectionClosed::ConnectionClosedError(e) => e.cause.as_deref().cloned(),
        _ => None,
    };
    let at = wire.iter().position(|byte| *byte == 0x88).expect("a close frame");
    let code = u16::from_be_bytes([wire[at + 2], wire[at + 3]]);
    (code, String::from_utf8(wire[at + 4..].to_vec()).unwrap(), cause)
}

/// "Hello".
const HELLO: &[u8] = &[0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00];

#[test]
fn rfc7692_6_1_rsv1_stands_on_the_first_frame_of_a_message_alone() {
    for (name, bytes, reason) in [
        (
            "on a continuation of a compressed message",
            [frame(0x41, HELLO), frame(0xC0, HELLO)].concat(),
            "RSV1 bit set in continuation frame",
        ),
        (
            "on a continuation of one that isn't",
            [frame(0x01, b"He"), frame(0xC0, HELLO)].concat(),
            "reserved bits must be 0",
        ),
        ("on a ping", frame(0xC9, b""), "reserved bits must be 0"),
        ("on a close frame", frame(0xC8, b""), "reserved bits must be 0"),
        ("RSV2", frame(0xA1, HELLO), "reserved bits must be 0"),
        ("RSV1 and RSV3", frame(0xD1, HELLO), "reserved bits must be 0"),
    ] {
        let (code, text, _) = verdict(server_with(Config::default()), &bytes);
        assert_eq!((code, &*text), (1002, reason), "{name}");
    }
    let plain = Connection::server(Config::default().into(), NOW);
    assert_eq!(verdict(plain, &frame(0xC1, HELLO)).0, 1002);
}

#[test]
fn what_is_not_deflate_fails_with_1002() {
    for payload in
        [&[0x07][..], &[0xff; 40], &[0x00, 0x05, 0x00, 0x00, 0x00], b"\x04\x00\xff\xff\xff"]
    {
        let (code, text, _) = verdict(server_with(Config::default()), &frame(0xC2, payload));
        assert_eq!((code, &*text), (1002, "decompression failed"), "{payload:x?}");
    }
}

#[test]
fn text_is_checked_after_inflating() {
    let stored = b"\x00\x05\x00\xfa\xffHel\xffo\x00";
    let (code, text, _) = verdict(server_with(Config::default()), &frame(0xC1, stored));
    assert_eq!((code, &*text), (1007, "invalid start byte at position 3"));
    // A character may be cut by a block, and by a fragment.
    let mut server = server_with(Config::default());
    let frames =
        [frame(0x41, b"\x00\x01\x00\xfe\xff\xc3"), frame(0x80, b"\x00\x01\x00\xfe\xff\xa9\x00")];
    assert_eq!(messages(&mut server, &frames.concat()), [Message::from("é")]);
}

fn limited(limit: usize) -> Config {
    let mut config = Config::default();
    config.max_message_size = Some(limit);
    config
}

/// One message as a client compresses it.
fn compressed(message: Message) -> Vec<u8> {
    let config = limited(usize::MAX);
    let (mut client, _) = pair_with(&ClientDeflate::default(), &ServerDeflate::default(), config);
    client.send(message.compress(Compress::Always)).unwrap();
    take(&mut client)
}

#[test]
fn the_limit_on_messages_holds_for_what_comes_out() {
    let config = |limit| server_with(limited(limit));
    for len in [0, 1, 1000, 100_000] {
        let message = Message::from(json(1, len));
        let wire = compressed(message.clone());
        assert_eq!(messages(&mut config(len), &wire), [message], "exactly at the limit");
        if len > 0 {
            let (code, _, cause) = verdict(config(len - 1), &wire);
            assert_eq!(code, 1009);
            let expected = PayloadTooBig::new(None, None, len as u64 - 1);
            assert_eq!(cause, Some(expected.into()));
        }
    }
    // What resists compression is a little longer on the wire than the limit.
    let message = Message::from(noise(1, 50_000));
    let wire = compressed(message.clone());
    assert!(wire.len() > 50_000);
    assert_eq!(messages(&mut config(50_000), &wire), [message]);
    // A frame that is longer than anything that could come out of it isn't even begun.
    let (code, text, _) = verdict(config(1000), &[0xC2, 0xFE, 0x10, 0x00, 0, 0, 0, 0]);
    assert_eq!((code, &*text), (1009, "frame with 4096 bytes exceeds limit of 1000 bytes"));
}

#[test]
fn later_fragments_say_what_came_before() {
    let stored = b"\x00\x05\x00\xfa\xffHello";
    let bytes = [frame(0x42, stored), frame(0x00, stored), frame(0x80, stored)].concat();
    let (code, text, _) = verdict(server_with(limited(12)), &bytes);
    assert_eq!((code, &*text), (1009, "frame after reading 10 bytes exceeds limit of 12 bytes"));
}

#[test]
fn a_bomb_stops_at_the_limit() {
    let wire = compressed(Message::from(vec![0; 64 << 20]));
    assert!(wire.len() < 100_000);
    let (code, text, _) = verdict(server_with(Config::default()), &wire);
    assert_eq!((code, &*text), (1009, "frame exceeds limit of 1048576 bytes"));
}

#[test]
fn streams_that_end_within_a_message_are_counted() {
    // A fixed block with BFINAL and nothing in it.
    let ends = |n: usize| frame(0xC2, &[0x03, 0x00].repeat(n));
    assert_eq!(messages(&mut server_with(Config::default()), &ends(4096)).len(), 1);
    assert_eq!(verdict(server_with(Config::default()), &ends(4097)).0, 1002);
}
