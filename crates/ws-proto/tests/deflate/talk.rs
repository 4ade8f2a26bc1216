//! Messages between two connections, both ways, for each combination of takeover and windows.

use std::time::Duration;

use ws_proto::{Compress, Connection, Event, Message, Payload, PreparedMessage};
use ws_types::{Close, CloseCode, Side};

use crate::feed::{NOW, Scenario, config, pull, take_output, wait};
use crate::frames::SIDES;
use crate::received::{messages, scenarios};
use crate::setup::{Agreed, DEFAULT, combinations, letters, noise};

/// Text with characters of one to four bytes, which may be compressed well.
fn text(len: usize) -> String {
    "aé€😀 und so weiter; ".chars().cycle().take(len).collect()
}

/// Sends messages in all ways in which that can be done, with control frames in between.
fn send_all(conn: &mut Connection, sent: &[Message], close: bool) -> Vec<u8> {
    let mut wire = Vec::new();
    for (n, message) in sent.iter().enumerate() {
        let compress = [Compress::Auto, Compress::Always, Compress::Never][n / 5 % 3];
        match n % 5 {
            0 | 1 => conn.send(message.clone().compress(compress)).unwrap(),
            2 => conn.send(PreparedMessage::new(message.clone().compress(compress))).unwrap(),
            _ => {
                let pieces = match message {
                    Message::Text(text) => {
                        let middle =
                            (0..=text.len() / 2).rfind(|at| text.is_char_boundary(*at)).unwrap();
                        [&text[..middle], "", &text[middle..]].map(Message::from)
                    }
                    Message::Binary(bytes) => {
                        let (a, b) = bytes.split_at(bytes.len() / 3);
                        [a, &[], b].map(|part| Message::from(part.to_vec()))
                    }
                };
                for (at, piece) in pieces.into_iter().enumerate() {
                    conn.send_chunk(piece.compress(compress), n % 5 == 3 && at == 2).unwrap();
                    conn.pong(Payload::copy_from_slice(b"still here")).unwrap();
                }
                if n % 5 == 4 {
                    // An empty fragment at the end.
                    let empty = match message {
                        Message::Text(_) => Message::from(""),
                        Message::Binary(_) => Message::from(Vec::new()),
                    };
                    conn.send_chunk(empty, true).unwrap();
                }
            }
        }
        if n % 7 == 0 {
            // The encoder gives memory back at any time.
            wait(conn);
        }
        wire.extend(take_output(conn));
    }
    if close {
        conn.send_close(Close::new(CloseCode::NORMAL_CLOSURE, ""), NOW).unwrap();
    }
    wire.extend(take_output(conn));
    wire
}

#[test]
fn few_bytes_arrive_however_they_are_cut() {
    let sent: Vec<Message> = [
        Message::from("Hello"),
        Message::from(text(30)),
        Message::from(vec![1, 2, 3]),
        Message::from(text(30)),
        Message::from(vec![0; 200]),
        Message::from(""),
        Message::from(text(31)),
        Message::from(letters(40, 1)),
        Message::from(letters(40, 1)),
        Message::from(text(5)),
    ]
    .into();
    for agreed in combinations() {
        for side in SIDES {
            let mut sender = agreed.connect(side.peer(), &config(|_| ()));
            let wire = send_all(&mut sender, &sent, false);
            for scenario in scenarios(side, agreed) {
                let outcome = scenario.run_bytes(&wire);
                assert_eq!(outcome.cause(), None);
                if outcome.events.iter().any(|event| matches!(event, Event::Chunk { .. })) {
                    // Pongs stand between the pieces.
                    check_pieces(&outcome.events, &sent);
                } else {
                    assert_eq!(messages(&outcome), sent);
                }
            }
        }
    }
}

fn check_pieces(events: &[Event], sent: &[Message]) {
    let mut sent = sent.iter();
    let mut bytes = Vec::new();
    for event in events {
        if let Event::Chunk { data, last } = event {
            bytes.extend_from_slice(data.as_bytes());
            if *last {
                let expected = sent.next().unwrap();
                assert_eq!((data.kind(), &*bytes), (expected.kind(), expected.as_bytes()));
                bytes.clear();
            }
        }
    }
    assert!(bytes.is_empty() && sent.next().is_none());
}

/// Messages of many sizes, alike and not.
fn many() -> Vec<Message> {
    let mut messages = Vec::new();
    for n in 0..40_usize {
        let len = [0, 1, 63, 64, 200, 255, 256, 511, 513, 2_000, 4_097, 20_000][n * 7 % 12];
        messages.push(match n % 3 {
            0 => Message::from(text(len / 2)),
            1 => Message::from(letters(len, n as u32 % 4)),
            _ => Message::from(noise(len, n as u32 % 4)),
        });
    }
    messages.push(Message::from(vec![9; 900_000]));
    messages.push(Message::from(letters(200, 1)));
    messages
}

#[test]
fn many_messages_arrive_in_both_directions() {
    let many = many();
    for agreed in combinations() {
        for side in SIDES {
            let config = config(|_| ());
            let mut sender = agreed.connect(side.peer(), &config);
            let wire = send_all(&mut sender, &many, true);
            for step in [usize::MAX, 70_000, 4_099, 333] {
                for stream in [false, true] {
                    let mut conn = agreed.connect(side, &config);
                    let mut events = Vec::new();
                    for piece in wire.chunks(step.min(wire.len())) {
                        conn.receive_data(piece, NOW);
                        loop {
                            let event = match stream {
                                true => conn.poll_chunk(),
                                false => conn.poll_event(),
                            };
                            let Some(event) = event else { break };
                            match event {
                                Event::Message(data) => {
                                    events.push(Event::Chunk { data, last: true })
                                }
                                event => events.push(event),
                            }
                        }
                        if step < 5_000 {
                            wait(&mut conn);
                        }
                    }
                    assert_eq!(conn.closed().rcvd().map(|close| close.code.as_u16()), Some(1000));
                    check_pieces(&events, &many);
                }
            }
        }
    }
}

#[test]
fn a_conversation_keeps_both_contexts_apart() {
    for agreed in combinations() {
        let config = config(|_| ());
        let mut client = agreed.connect(Side::Client, &config);
        let mut server = agreed.connect(Side::Server, &config);
        for n in 0..200_u32 {
            let message = Message::from(letters(50 + n as usize * 13 % 900, n % 5));
            client.send(message.clone()).unwrap();
            server.receive_data(&take_output(&mut client), NOW);
            let [Event::Message(got)] = &pull(&mut server)[..] else { panic!("{n}") };
            assert_eq!(*got, message);
            if n % 3 == 0 {
                wait(&mut server);
            }
            server.send(got.clone()).unwrap();
            server.send(Message::from(letters(n as usize, 3))).unwrap();
            client.receive_data(&take_output(&mut server), NOW);
            assert_eq!(pull(&mut client).len(), 2);
            if n % 4 == 0 {
                wait(&mut client);
            }
            if n % 50 == 49 {
                let late = NOW + Duration::from_secs(60 * u64::from(n));
                while server.poll_timeout().is_some_and(|due| due <= late) {
                    server.handle_timeout(late);
                    let pings = take_output(&mut server);
                    client.receive_data(&pings, late);
                    pull(&mut client);
                    server.receive_data(&take_output(&mut client), late);
                    assert!(server.poll_event().is_some() || pings.is_empty());
                    assert!(server.poll_event().is_none());
                    if pings.is_empty() {
                        break;
                    }
                }
            }
        }
    }
}

/// The memory of a message grows by what came out, moves seldom, and ends with little to spare.
#[test]
fn a_long_compressed_message_has_little_memory_to_spare() {
    for side in SIDES {
        let config = config(|config| config.max_message_size = None);
        for len in [4 << 20, (4 << 20) + 70_000, (5 << 20) + 1] {
            let data: Vec<u8> = letters(1000, 1).into_iter().cycle().take(len).collect();
            let mut sender = DEFAULT.connect(side.peer(), &config);
            sender.send(Message::from(data.clone())).unwrap();
            let wire = take_output(&mut sender);
            assert!(wire.len() < len / 4, "it is compressed");
            for step in [wire.len(), 4_099] {
                let mut conn = DEFAULT.connect(side, &config);
                for piece in wire.chunks(step) {
                    conn.receive_data(piece, NOW);
                }
                let Some(Event::Message(Message::Binary(payload))) = conn.poll_event() else {
                    panic!("{len} in steps of {step}")
                };
                let memory = payload.into_vec();
                assert_eq!(memory, data);
                let capacity = memory.capacity();
                assert!(capacity <= len + len / 8, "{capacity} bytes for {len}");
            }
        }
    }
}

#[test]
fn a_peer_without_the_extension_refuses_what_is_compressed() {
    let agreed: Agreed = combinations().next().unwrap();
    for side in SIDES {
        let mut sender = agreed.connect(side.peer(), &config(|_| ()));
        sender.send(text(100)).unwrap();
        let outcome = Scenario::new(side).run_bytes(&take_output(&mut sender));
        assert_eq!(outcome.sent, [crate::frames::close(1002, "reserved bits must be 0")]);
    }
}
