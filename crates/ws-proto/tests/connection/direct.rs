//! Long payloads, read straight into their message, and the memory that they take meanwhile.

use bytes::BufMut;
use ws_proto::{Connection, Event, Message};
use ws_types::{Side, State};

use crate::feed::{NOW, Scenario, config, connect, give, pull, sent, wait};
use crate::frames::{SIDES, binary, close, cont, header, ping, pong, text, wire};

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
    conn.receive_data(&header(&binary(""), side.peer(), len), NOW);
    assert_eq!(pull(&mut conn), []);
    conn
}

/// Reads once, up to `n` bytes of zeros; gives how many, and the capacity of the memory they were put into.
fn read(conn: &mut Connection, n: usize) -> (usize, usize) {
    let read = conn.receive_with(NOW, |buffer| {
        let n = n.min(buffer.remaining_mut());
        buffer.put_bytes(0, n);
        (n, buffer.get_ref().capacity())
    });
    assert!(read.0 > 0);
    assert_eq!(pull(conn), []);
    read
}

#[test]
fn memory_follows_what_has_arrived_and_not_what_was_announced() {
    for side in SIDES {
        let mut histories = Vec::new();
        for announced in [8 << 20, 1 << 40, (1 << 63) - 1] {
            let mut conn = begin(side, announced);
            let (mut arrived, mut history) = (0, Vec::new());
            while arrived < 1 << 20 {
                let (n, capacity) = read(&mut conn, 50_000);
                arrived += n;
                assert!(capacity <= 2 * arrived + STEP, "{capacity} for {arrived}");
                history.push(capacity);
                wait(&mut conn);
            }
            assert!(history.last() > Some(&(1 << 20)), "it was read straight into the message");
            histories.push(history);
        }
        histories.dedup();
        assert_eq!(histories.len(), 1, "whatever was announced");
    }
}

#[test]
fn a_long_frame_arrives_byte_by_byte() {
    for side in SIDES {
        let data = pattern(40_000);
        let mut conn = connect(side, &config(|_| ()), NOW);
        let mut events = Vec::new();
        for byte in wire(side.peer(), &[binary(&data)]) {
            conn.receive_with(NOW, |buffer| buffer.put_u8(byte));
            events.extend(conn.poll_event());
        }
        assert!(events == [Event::Message(Message::from(data))]);
    }
}

#[test]
fn a_long_message_grows_rarely_however_small_the_pieces_are() {
    for side in SIDES {
        let mut conn = begin(side, 1 << 20);
        let mut capacities: Vec<_> = (0..100_000).map(|_| read(&mut conn, 1).1).collect();
        capacities.dedup();
        assert!(capacities.len() < 20, "{capacities:?}");
    }
}

#[test]
fn a_received_payload_keeps_no_memory_that_is_not_its_own() {
    for side in SIDES {
        let mut conn = connect(side, &config(|_| ()), NOW);
        for data in [pattern(1), pattern(100), pattern(20_000), pattern(300_000)] {
            let events = give(&mut conn, &[binary(&data)]);
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
        read(&mut conn, 40_000);
        conn.fail(ws_types::Close::new(1011, ""), NOW);
        assert_eq!(sent(&mut conn), [close(1011, "")]);
        for _ in 0..50 {
            let (_, capacity) = read(&mut conn, 100_000);
            assert!(capacity <= STEP, "no message to read into");
        }
    }
}

#[test]
fn reading_nothing_changes_nothing() {
    for side in SIDES {
        let mut conn = begin(side, 20_000);
        for _ in 0..3 {
            wait(&mut conn);
            assert_eq!(pull(&mut conn), []);
        }
        let mut left = 20_000;
        while left > 1 {
            left -= read(&mut conn, left.min(7001) - 1).0;
        }
        conn.receive_data(&[0], NOW);
        assert_eq!(pull(&mut conn).len(), 1);
    }
}
