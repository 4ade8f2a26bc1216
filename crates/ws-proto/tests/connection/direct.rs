//! Long payloads, read straight into their message, and the memory that they take meanwhile.

use bytes::BufMut;
use ws_proto::{Connection, Event, Message, ReadSpace};
use ws_types::{Side, State};

use crate::feed::{NOW, Scenario, config, connect, pull, read_memory, sent};
use crate::frames::{SIDES, binary, close, cont, header, ping, pong, text};

/// The memory that a driver lends.
const LENT: usize = 64 << 10;
/// At most this much is offered, and allocated, beyond what has arrived.
const STEP: usize = 128 << 10;

/// Bytes in which a displaced or repeated piece would show.
fn pattern(len: usize) -> Vec<u8> {
    (0..len as u32).map(|i| (i ^ i >> 8 ^ i >> 16).wrapping_mul(31) as u8).collect()
}

#[test]
fn long_frames_arrive_by_every_way_of_reading() {
    for side in SIDES {
        let data = pattern(200_001);
        let words = "Größe ☃ ".repeat(4000);
        let frames = [
            text("first"),
            binary(&data),
            ping("p"),
            text(&words.as_bytes()[..20_002]).more(),
            ping("q"),
            cont(&words.as_bytes()[20_002..20_002 + 16_384]).more(),
            cont(&words.as_bytes()[20_002 + 16_384..]),
            text("last"),
        ];
        let outcome = Scenario::new(side).run(&frames);
        assert!(
            outcome.events
                == [
                    Event::Message(Message::from("first")),
                    Event::Message(Message::from(data)),
                    Event::Ping(b"p".into()),
                    Event::Ping(b"q".into()),
                    Event::Message(Message::from(words)),
                    Event::Message(Message::from("last")),
                ]
        );
        assert_eq!((outcome.sent, outcome.state), (vec![pong("p"), pong("q")], State::Open));
    }
}

#[test]
fn long_frames_arrive_in_pieces_by_every_way_of_reading() {
    for side in SIDES {
        let words = "Größe ☃ ".repeat(9000);
        let frames = [text(&words.as_bytes()[..70_001]).more(), cont(&words.as_bytes()[70_001..])];
        let outcome = Scenario::new(side).streaming().run(&frames);
        let expected = [Event::Chunk { data: Message::from(words), last: true }];
        assert!(outcome.events == expected);
    }
}

#[test]
fn a_bad_byte_in_a_long_frame_fails_at_the_same_position_by_every_way_of_reading() {
    for side in SIDES {
        let mut words = "Größe ☃ ".repeat(5000).into_bytes();
        words[30_000] = 0xFF;
        let position = std::str::from_utf8(&words).unwrap_err().valid_up_to();
        for frames in [vec![text(&words)], vec![text(&words[..9]).more(), cont(&words[9..])]] {
            let outcome = Scenario::new(side).run(&frames);
            assert_eq!(outcome.events, []);
            let [sent] = &outcome.sent[..] else { panic!("{:?}", outcome.sent) };
            let reason = std::str::from_utf8(&sent.payload[2..]).unwrap();
            assert!(reason.ends_with(&format!("at position {position}")), "{reason}");
        }
    }
}

/// Gives the header of a long frame, in a copy.
fn begin(side: Side, len: u64) -> Connection {
    let config = config(|c| c.max_message_size = None);
    let mut conn = connect(side, &config, NOW);
    conn.receive_data(&header(&binary(""), side.peer(), len));
    assert_eq!(pull(&mut conn), []);
    conn
}

/// Reads once, up to `n` bytes of zeros; gives how many were read straight into the message and its
/// capacity.
fn read(conn: &mut Connection, n: usize) -> Option<(usize, usize)> {
    let (n, direct) = match conn.read_space(|| read_memory(LENT)) {
        ReadSpace::Input(space) => {
            let n = n.min(space.len());
            space[..n].fill(0);
            (n, None)
        }
        ReadSpace::Payload(mut space) => {
            let n = n.min(space.remaining_mut());
            space.put_bytes(0, n);
            (n, Some((n, space.get_ref().capacity())))
        }
        _ => unreachable!("no other space exists"),
    };
    assert!(n > 0);
    conn.received(n);
    assert_eq!(pull(conn), []);
    direct
}

#[test]
fn memory_follows_what_has_arrived_and_not_what_was_announced() {
    for side in SIDES {
        let mut histories = Vec::new();
        for announced in [8 << 20, 1 << 40, (1 << 63) - 1] {
            let mut conn = begin(side, announced);
            let (mut arrived, mut history) = (0, Vec::new());
            while arrived < 1 << 20 {
                if let Some((n, capacity)) = read(&mut conn, 50_000) {
                    arrived += n;
                    assert!(capacity <= 2 * arrived + STEP, "{capacity} for {arrived}");
                    history.push(capacity);
                } else {
                    arrived += 50_000;
                }
                let lent = conn.reclaim_input();
                assert!(lent.capacity() <= 2 * LENT);
                assert!(!conn.holds_input(), "nothing of the frame waits to be parsed");
            }
            histories.push(history);
        }
        histories.dedup();
        assert_eq!(histories.len(), 1, "whatever was announced");
    }
}

#[test]
fn an_incomplete_header_keeps_no_lent_memory() {
    for side in SIDES {
        let mut conn = connect(side, &config(|_| ()), NOW);
        let head = header(&binary(""), side.peer(), 1 << 20);
        let ReadSpace::Input(space) = conn.read_space(|| read_memory(LENT)) else {
            panic!("no message has begun")
        };
        assert_eq!(space.len(), LENT);
        space[..head.len() - 1].copy_from_slice(&head[..head.len() - 1]);
        conn.received(head.len() - 1);
        assert_eq!(pull(&mut conn), []);
        assert_eq!(conn.reclaim_input().capacity(), LENT);
        assert!(conn.holds_input());
        // What is held between reads is the 13 bytes alone.
        assert_eq!(conn.reclaim_input().capacity(), head.len() - 1);
    }
}

#[test]
fn a_received_payload_keeps_no_memory_that_is_not_its_own() {
    for side in SIDES {
        let mut conn = connect(side, &config(|_| ()), NOW);
        for data in [pattern(1), pattern(100), pattern(20_000), pattern(300_000)] {
            let events = crate::feed::give(&mut conn, &[binary(&data)]);
            let [Event::Message(Message::Binary(payload))] = &events[..] else { panic!() };
            assert!(*payload == data);
            let memory = payload.clone().into_bytes();
            drop(events);
            let memory = Vec::from(memory);
            assert!(memory.capacity() <= data.len() + data.len() / 8 + 64, "{}", data.len());
        }
    }
}

#[test]
fn what_is_read_after_the_end_is_dropped() {
    for side in SIDES {
        let mut conn = begin(side, 1 << 20);
        read(&mut conn, 100);
        conn.fail(ws_types::Close::new(1011, ""), NOW);
        assert_eq!(sent(&mut conn), [close(1011, "")]);
        for _ in 0..50 {
            assert_eq!(read(&mut conn, 100_000), None, "no message to read into");
        }
        assert!(conn.reclaim_input().capacity() <= LENT);
        assert!(!conn.holds_input());
    }
}

#[test]
fn reading_nothing_changes_nothing() {
    for side in SIDES {
        let mut conn = begin(side, 20_000);
        for _ in 0..3 {
            assert!(matches!(conn.read_space(|| read_memory(LENT)), ReadSpace::Input(_)));
            conn.received(0);
            assert_eq!(pull(&mut conn), []);
        }
        let mut left = 20_000;
        while left > 1 {
            read(&mut conn, left.min(7001) - 1);
            left -= left.min(7001) - 1;
        }
        conn.receive_data(&[0]);
        assert_eq!(pull(&mut conn).len(), 1);
    }
}
