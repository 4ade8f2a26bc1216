//! Counters of a connection.

use std::time::Duration;

use ws_proto::{Config, Oversize, PreparedMessage, Stats};
use ws_types::{Close, Side};

use crate::feed::{config, connect, give, take_output};
use crate::frames::{SIDES, binary, cont, ping, pong, text, wire};
use crate::pair::Pair;

/// Messages, bytes of payloads, bytes on the wire, pings and pongs of one direction.
fn counts(traffic: ws_proto::Traffic) -> [u64; 5] {
    let ws_proto::Traffic { messages, payload_bytes, wire_bytes, pings, pongs, .. } = traffic;
    [messages, payload_bytes, wire_bytes, pings, pongs]
}

#[test]
fn messages_pieces_and_control_frames_are_counted_on_both_sides() {
    let mut pair = Pair::open(&config(|config| config.ping_interval = None));
    let now = pair.now;
    let client = &mut pair.client.conn;
    client.send("é").unwrap();
    client.send(vec![7; 200]).unwrap();
    client.send(PreparedMessage::new("four")).unwrap();
    client.send_chunk("piece", false).unwrap();
    client.ping(None, now).unwrap();
    client.pong("unasked".into()).unwrap();
    client.send_chunk("", true).unwrap();
    // Four masked frames with a header of 6 bytes, two of 8 or with a payload, a ping of 4 random bytes.
    let wire = (6 + 2) + (8 + 200) + (6 + 4) + (6 + 5) + (6 + 4) + (6 + 7) + 6;
    let queued = client.stats();
    assert_eq!(counts(queued.sent), [4, 2 + 200 + 4 + 5, 0, 1, 1], "nothing was written yet");
    assert_eq!((queued.unwritten as u64, queued.unread), (wire, 0));

    pair.drive();
    let (client, server) = (pair.client.conn.stats(), pair.server.conn.stats());
    assert_eq!(counts(client.sent), [4, 211, wire, 1, 1]);
    assert_eq!(server.received, client.sent);
    // The pong of the server, without a mask.
    assert_eq!(counts(server.sent), [0, 0, 2 + 4, 0, 1]);
    assert_eq!(client.received, server.sent);
    assert_eq!((client.latency, server.latency), (Some(Duration::ZERO), None));
    assert_eq!((client.unwritten, server.unread), (0, 0));
}

#[test]
fn what_has_arrived_and_was_not_pulled_is_unread() {
    for side in SIDES {
        let mut conn = connect(side, &config(|_| ()), Duration::ZERO);
        let frames = wire(side.peer(), &[text("one"), binary("two"), cont("x").more()]);
        conn.receive_data(&frames, Duration::ZERO);
        assert_eq!(conn.stats().unread, frames.len());
        assert_eq!(conn.stats().received.messages, 0);
        assert_eq!(conn.stats().received.wire_bytes, frames.len() as u64);
        conn.poll_event().unwrap();
        conn.poll_event().unwrap();
        assert_eq!(counts(conn.stats().received)[..2], [2, 6]);
        assert_eq!(conn.poll_event(), None);
    }
    for side in SIDES {
        let mut conn = connect(side, &config(|_| ()), Duration::ZERO);
        give(&mut conn, &[text("begin").more(), ping(""), pong("")]);
        let stats: Stats = conn.stats();
        assert_eq!((stats.unread, counts(stats.received)[3..].to_vec()), (5, vec![1, 1]));
        assert_eq!(counts(stats.received)[..2], [0, 0], "it isn't whole");
        conn.receive_data(&wire(side.peer(), &[cont("!").more()]), Duration::ZERO);
        assert!(conn.poll_chunk().is_some());
        assert_eq!((conn.stats().unread, &counts(conn.stats().received)[..2]), (0, &[0, 6][..]));
    }
}

#[test]
fn skipped_messages_count_without_their_bytes() {
    let skip = |config: &mut Config| {
        config.max_message_size = Some(4);
        config.oversize = Oversize::skip();
    };
    let mut conn = connect(Side::Client, &config(skip), Duration::ZERO);
    give(&mut conn, &[text("long enough"), text("ok")]);
    assert_eq!(counts(conn.stats().received), [2, 2, (2 + 11) + (2 + 2), 0, 0]);
}

#[test]
fn refused_messages_are_not_counted_and_closing_is_no_message() {
    for side in SIDES {
        let mut conn = connect(side, &config(|_| ()), Duration::ZERO);
        conn.send_close(Close::new(1000, ""), Duration::ZERO).unwrap();
        conn.send("late").unwrap_err();
        conn.send_chunk("late", true).unwrap_err();
        let written = take_output(&mut conn).len() as u64;
        assert_eq!(counts(conn.stats().sent), [0, 0, written, 0, 0]);
    }
}
