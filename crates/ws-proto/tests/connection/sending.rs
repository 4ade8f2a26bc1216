//! From messages to frames ([RFC 6455 §5.4], [§6.1]), masked by clients ([§5.3]).
//!
//! [RFC 6455 §5.4]: https://www.rfc-editor.org/rfc/rfc6455#section-5.4
//! [§6.1]: https://www.rfc-editor.org/rfc/rfc6455#section-6.1
//! [§5.3]: https://www.rfc-editor.org/rfc/rfc6455#section-5.3

use std::collections::HashSet;
use std::io::IoSlice;

use bytes::{Buf, Bytes};
use ws_errors::{ConcurrencyError, ConcurrencyErrorKind, InvalidState, WebSocketException};
use ws_proto::extension::Extensions;
use ws_proto::{Connection, Message, Payload};
use ws_types::{Close, Side, State};

use crate::feed::{NOW, config, connect, sent, take_output};
use crate::frames::{SIDES, binary, close, cont, parse, parse_with_keys, ping, pong, text};

fn open(side: Side) -> Connection {
    connect(side, &config(|_| ()), NOW)
}

#[test]
fn a_message_is_one_frame_of_its_kind() {
    for side in SIDES {
        for len in [0, 1, 125, 126, 65_535, 65_536, 100_000] {
            let mut conn = open(side);
            conn.send(Message::from("x".repeat(len))).unwrap();
            conn.send(Message::from(vec![0xFF; len])).unwrap();
            let expected = [text("x".repeat(len)), binary(vec![0xFF; len])];
            assert!(sent(&mut conn) == expected, "{len} bytes");
        }
    }
}

#[test]
fn rfc6455_5_3_every_frame_of_a_client_has_a_fresh_key() {
    let mut conn = open(Side::Client);
    for i in 0..1000 {
        match i % 4 {
            0 => conn.send(Message::from("same")).unwrap(),
            1 => _ = conn.ping(None, NOW).unwrap(),
            2 => conn.pong(Payload::from(b"same")).unwrap(),
            _ => conn.send(Message::from("")).unwrap(),
        }
    }
    let frames = parse_with_keys(Side::Client, &take_output(&mut conn));
    let keys: HashSet<[u8; 4]> = frames.iter().map(|(_, key)| *key).collect();
    assert_eq!((frames.len(), keys.len()), (1000, 1000));
    assert!(!keys.contains(&[0; 4]));

    // Other seeds, other keys: they come from nowhere else.
    let keys = |seed| {
        let mut conn = Connection::client(config(|_| ()), Extensions::default(), [seed; 32], NOW);
        conn.send(Message::from("a")).unwrap();
        take_output(&mut conn)
    };
    assert_eq!(keys(1), keys(1));
    assert_ne!(keys(1), keys(2));
}

#[test]
fn a_message_can_be_sent_in_fragments_with_control_frames_between() {
    for side in SIDES {
        let mut conn = open(side);
        conn.send_chunk(Message::from("a"), false).unwrap();
        conn.ping(Some(Payload::from(b"p")), NOW).unwrap();
        conn.send_chunk(Message::from(""), false).unwrap();
        conn.pong(Payload::from(b"q")).unwrap();
        conn.send_chunk(Message::from("b"), true).unwrap();
        conn.send_chunk(Message::from(b"c"), true).unwrap();
        conn.send(Message::from("d")).unwrap();
        assert_eq!(
            sent(&mut conn),
            [
                text("a").more(),
                ping("p"),
                cont("").more(),
                pong("q"),
                cont("b"),
                binary("c"),
                text("d"),
            ]
        );
    }
}

#[test]
fn inside_a_fragmented_message_nothing_else_can_be_sent() {
    for side in SIDES {
        for (first, other) in
            [(Message::from("a"), Message::from(b"x")), (Message::from(b"a"), Message::from("x"))]
        {
            let mut conn = open(side);
            conn.send_chunk(first.clone(), false).unwrap();
            let frames = sent(&mut conn);
            let error: WebSocketException =
                ConcurrencyError::new(ConcurrencyErrorKind::MessageInProgress).into();
            // A whole message of either kind, and a piece of the other kind.
            assert_eq!(conn.send(first.clone()), Err(error.clone()));
            assert_eq!(conn.send(other.clone()), Err(error.clone()));
            assert_eq!(conn.send_chunk(other, false), Err(error));
            assert_eq!((conn.output().len(), conn.state()), (0, State::Open));
            // The message itself is none the worse for it.
            conn.send_chunk(first, true).unwrap();
            assert_eq!(frames.len() + sent(&mut conn).len(), 2);
        }
    }
}

#[test]
fn messages_are_for_open_connections() {
    type Setup = fn(&mut Connection);
    let rows: [(Setup, State); 4] = [
        (|c| c.send_close(Close::new(1000, ""), NOW).unwrap(), State::Closing),
        (|c| _ = crate::feed::give(c, &[close(1000, "")]), State::Closing),
        (|c| c.fail(Close::new(1011, ""), NOW), State::Closing),
        (|c| _ = c.abort(), State::Closed),
    ];
    for side in SIDES {
        for (setup, state) in rows {
            let mut conn = open(side);
            setup(&mut conn);
            take_output(&mut conn);
            let error: WebSocketException = InvalidState::new(state).into();
            assert_eq!(conn.send(Message::from("a")), Err(error.clone()));
            assert_eq!(conn.send_chunk(Message::from("a"), false), Err(error.clone()));
            assert_eq!(conn.send_chunk(Message::from("a"), true), Err(error));
            assert_eq!(conn.output().len(), 0);
        }
    }
    let text = InvalidState::new(State::Closing).to_string();
    assert_eq!(text, "connection is closing");
}

#[test]
fn closing_inside_a_fragmented_message_fails_with_1011() {
    for side in SIDES {
        let mut conn = open(side);
        conn.send_chunk(Message::from("a"), false).unwrap();
        conn.send_close(Close::new(1000, "bye"), NOW).unwrap();
        let reason = "close during fragmented message";
        assert_eq!(sent(&mut conn), [text("a").more(), close(1011, reason)]);
        assert_eq!(conn.closed().sent(), Some(&Close::new(1011, reason)));
        assert_eq!(crate::feed::give(&mut conn, &[text("late"), close(1000, "")]), []);

        // A close frame that can't be sent is refused first, and changes nothing.
        let mut conn = open(side);
        conn.send_chunk(Message::from("a"), false).unwrap();
        assert!(conn.send_close(Close::new(1006, ""), NOW).is_err());
        conn.send_chunk(Message::from("b"), true).unwrap();
        assert_eq!(sent(&mut conn), [text("a").more(), cont("b")]);
    }
}

#[test]
fn large_payloads_of_a_server_are_queued_by_reference() {
    let mut conn = open(Side::Server);
    let data = Bytes::from(vec![7; 100_000]);
    conn.send(Message::from("small")).unwrap();
    conn.send(Message::from(data.clone())).unwrap();
    conn.send(Message::from("small")).unwrap();
    conn.send(Message::from(data.clone())).unwrap();
    let out = conn.output();
    let mut slices = [IoSlice::new(&[]); 8];
    let n = out.chunks_vectored(&mut slices);
    let shared = slices[..n].iter().filter(|slice| slice.as_ptr() == data.as_ptr()).count();
    assert_eq!((n, shared), (4, 2), "the same memory, not copies of it");
    assert!(sent(&mut conn) == [text("small"), binary(&data), text("small"), binary(&data)]);
}

#[test]
fn partial_writes_of_any_size_lose_and_repeat_nothing() {
    for side in SIDES {
        for step in [97, 1000, 4096, 8191, 30_000] {
            let mut conn = open(side);
            let mut written = Vec::new();
            let mut expected = Vec::new();
            for (i, len) in [5, 9000, 0, 8192, 8191, 70_000, 1].into_iter().enumerate() {
                let data = vec![i as u8; len];
                expected.push(binary(&data));
                conn.send(Message::from(data)).unwrap();
                write(&mut conn, step, &mut written); // in the middle of things
            }
            while !conn.output().is_empty() {
                write(&mut conn, step, &mut written);
            }
            assert!(parse(side, &written) == expected, "{side}, writes of {step} bytes");
        }
    }
}

/// Writes up to `n` bytes of what a vectored write would see.
fn write(conn: &mut Connection, n: usize, written: &mut Vec<u8>) {
    let before = conn.output().len();
    let out = conn.output();
    assert_eq!(out.remaining(), before);
    let mut slices = [IoSlice::new(&[]); 3];
    let count = out.chunks_vectored(&mut slices);
    let seen = slices[..count].iter().map(|slice| &slice[..]).collect::<Vec<_>>().concat();
    assert!(seen.starts_with(out.chunk()) && out.chunk().is_empty() == (before == 0));
    let n = n.min(seen.len());
    written.extend(&seen[..n]);
    out.advance(n);
    assert_eq!(conn.output().len(), before - n);
}
