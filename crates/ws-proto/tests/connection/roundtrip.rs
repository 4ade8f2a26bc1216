//! Whatever is sent arrives, in both directions, however it was fragmented, written and read.

use bytes::{Buf, BufMut};
use proptest::prelude::*;
use ws_proto::{Connection, Event, Message, Payload};
use ws_types::{Side, State};

use crate::feed::{NOW, config, connect};

#[derive(Clone, Debug)]
enum Step {
    /// A message, in as many fragments as there are pieces.
    Send(Vec<Message>),
    Ping(Vec<u8>),
    Pong(Vec<u8>),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let word = prop_oneof![
        8 => "\\PC{0,20}",
        1 => (0..20_000usize).prop_map(|n| "é☃".repeat(n / 5)),
    ];
    let bytes = prop_oneof![
        8 => prop::collection::vec(any::<u8>(), 0..200),
        1 => (any::<u8>(), 0..80_000usize).prop_map(|(byte, len)| vec![byte; len]),
    ];
    let text = prop::collection::vec(word.prop_map(Message::from), 1..4);
    let binary = prop::collection::vec(bytes.prop_map(Message::from), 1..4);
    let control = || prop::collection::vec(any::<u8>(), 0..=125);
    let step = prop_oneof![
        3 => text.prop_map(Step::Send),
        3 => binary.prop_map(Step::Send),
        1 => control().prop_map(Step::Ping),
        1 => control().prop_map(Step::Pong),
    ];
    prop::collection::vec(step, 0..8)
}

/// Queues everything; control frames with `between` come between fragments, too.
fn send(conn: &mut Connection, steps: &[Step], between: bool) -> Vec<Message> {
    let mut messages = Vec::new();
    for step in steps {
        match step {
            Step::Send(pieces) if pieces.len() == 1 => {
                conn.send(pieces[0].clone()).unwrap();
                messages.push(pieces[0].clone());
            }
            Step::Send(pieces) => {
                for (i, piece) in pieces.iter().enumerate() {
                    conn.send_chunk(piece.clone(), i + 1 == pieces.len()).unwrap();
                    if between {
                        conn.ping(None, NOW).unwrap();
                    }
                }
                let whole: Vec<u8> = pieces.iter().flat_map(|p| p.as_bytes().to_vec()).collect();
                messages.push(match pieces[0].is_text() {
                    true => Message::from(String::from_utf8(whole).unwrap()),
                    false => Message::from(whole),
                });
            }
            // The same payload twice is refused; that isn't the point here.
            Step::Ping(payload) => _ = conn.ping(Some(Payload::from(payload.clone())), NOW),
            Step::Pong(payload) => conn.pong(Payload::from(payload.clone())).unwrap(),
        }
    }
    messages
}

/// Writes and reads with these sizes, in turn, until everything has arrived.
fn carry(
    from: &mut Connection,
    to: &mut Connection,
    sizes: &[usize],
    direct: bool,
    stream: bool,
) -> Vec<Event> {
    let mut sizes = sizes.iter().copied().cycle();
    let mut events = Vec::new();
    while !from.output().is_empty() {
        let n = sizes.next().unwrap().min(from.output().len());
        let mut bytes = from.output().copy_to_bytes(n);
        while bytes.has_remaining() {
            if direct {
                to.receive_with(NOW, |buffer| {
                    let n = buffer.remaining_mut().min(bytes.len());
                    buffer.put(bytes.split_to(n));
                });
            } else {
                to.receive_data(&bytes.split_off(0), NOW);
            }
            let mut poll = || if stream { to.poll_chunk() } else { to.poll_event() };
            events.extend(std::iter::from_fn(&mut poll));
        }
    }
    events
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn messages_survive_any_fragmentation_and_any_cut(
        steps in steps(),
        from_client: bool,
        between: bool,
        direct: bool,
        stream: bool,
        sizes in prop::collection::vec(prop_oneof![1..40usize, 1..40_000usize], 1..20),
    ) {
        let config = config(|_| ());
        let mut client = connect(Side::Client, &config, NOW);
        let mut server = connect(Side::Server, &config, NOW);
        let (from, to) =
            if from_client { (&mut client, &mut server) } else { (&mut server, &mut client) };
        let messages = send(from, &steps, between);
        let events = carry(from, to, &sizes, direct, stream);
        prop_assert_eq!((to.state(), from.state()), (State::Open, State::Open));

        let mut received: Vec<Message> = Vec::new();
        let mut whole = true;
        for event in &events {
            match event {
                Event::Message(message) => received.push(message.clone()),
                Event::Chunk { data, last } => {
                    if whole {
                        received.push(data.clone());
                    } else {
                        let before = received.pop().unwrap();
                        let joined = [before.as_bytes(), data.as_bytes()].concat();
                        received.push(match before.is_text() {
                            true => Message::from(String::from_utf8(joined).unwrap()),
                            false => Message::from(joined),
                        });
                    }
                    whole = *last;
                }
                _ => {}
            }
        }
        prop_assert!(received == messages, "{} of {}", received.len(), messages.len());
        prop_assert!(whole);

        // The answers come back: each ping is acknowledged, the last one by name.
        let answers = carry(to, from, &sizes, direct, stream);
        let pings = events.iter().filter(|event| matches!(event, Event::Ping(_))).count();
        let acknowledged = |e: &&Event| matches!(e, Event::Pong { acknowledges: Some(_), .. });
        prop_assert_eq!(answers.len(), pings);
        prop_assert_eq!(answers.iter().filter(acknowledged).count(), pings);
    }

    #[test]
    fn arbitrary_bytes_never_panic_and_always_come_to_an_end(
        bytes in prop::collection::vec(any::<u8>(), 0..300),
        client: bool,
        stream: bool,
        cut in 0..300usize,
    ) {
        let side = if client { Side::Client } else { Side::Server };
        let mut conn = connect(side, &config(|_| ()), NOW);
        let (a, b) = bytes.split_at(cut.min(bytes.len()));
        for piece in [a, b] {
            conn.receive_data(piece, NOW);
            // At least two bytes make an event.
            for _ in 0..=bytes.len() / 2 {
                let event = if stream { conn.poll_chunk() } else { conn.poll_event() };
                if event.is_none() {
                    break;
                }
            }
            prop_assert_eq!(conn.poll_event(), None);
        }
        conn.receive_eof();
        prop_assert_eq!(conn.poll_event(), None);
        prop_assert_eq!(conn.state(), State::Closed);
    }
}
