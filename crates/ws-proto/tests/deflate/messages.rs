//! Messages, decompressed ([RFC 7692 §6.2], [§7.2.3]).
//!
//! [RFC 7692 §6.2]: https://www.rfc-editor.org/rfc/rfc7692#section-6.2
//! [§7.2.3]: https://www.rfc-editor.org/rfc/rfc7692#section-7.2.3

use ws_proto::{Compress, Event, Message};

use crate::feed::{NOW, Scenario, config, pull, take_output};
use crate::frames::{Frame, SIDES, binary, cont, ping, text, wire};
use crate::{PLAIN, Setting, noise};

const HELLO: [u8; 7] = [0xF2, 0x48, 0xCD, 0xC9, 0xC9, 0x07, 0x00];
const AGAIN: [u8; 5] = [0xF2, 0x00, 0x11, 0x00, 0x00];

fn hello() -> Event {
    Event::Message("Hello".into())
}

/// Gives frames to a connection in every way; it takes them without a complaint.
#[track_caller]
fn takes(frames: &[Frame], expected: &[Event]) {
    for side in SIDES {
        let setup = |conn: &mut ws_proto::Connection| *conn = PLAIN.open(side, &config(|_| ()));
        let outcome = Scenario::new(side).after(setup).run(frames);
        assert_eq!(outcome.events, expected);
        assert_eq!(outcome.cause(), None);
        let streamed = Scenario::new(side).streaming().after(setup).run(frames);
        assert_eq!(streamed.cause(), None);
    }
}

#[test]
fn rfc7692_7_2_3_examples_are_understood() {
    let hello_frame = || text(HELLO).rsv(4);
    // §7.2.3.1: in one frame, in two.
    takes(&[hello_frame()], &[hello()]);
    takes(&[text(&HELLO[..3]).rsv(4).more(), cont(&HELLO[3..])], &[hello()]);
    // §7.2.3.2: with the window of the message before, and without.
    takes(&[hello_frame(), text(AGAIN).rsv(4)], &[hello(), hello()]);
    takes(&[hello_frame(), hello_frame()], &[hello(), hello()]);
    // §7.2.3.3: a block without compression.
    let stored = [0x00, 0x05, 0x00, 0xFA, 0xFF, 0x48, 0x65, 0x6C, 0x6C, 0x6F, 0x00];
    takes(&[text(stored).rsv(4)], &[hello()]);
    // §7.2.3.4: BFINAL, with the padding byte and, as some do it, without.
    let last = [0xF3, 0x48, 0xCD, 0xC9, 0xC9, 0x07, 0x00, 0x00];
    takes(&[text(last).rsv(4)], &[hello()]);
    takes(&[text(&last[..7]).rsv(4)], &[hello()]);
    // §7.2.3.5: two blocks.
    let two = [0xF2, 0x48, 0x05, 0x00, 0x00, 0x00, 0xFF, 0xFF, 0xCA, 0xC9, 0xC9, 0x07, 0x00];
    takes(&[text(two).rsv(4)], &[hello()]);
    // §7.2.3.6: an empty message.
    takes(&[text([0]).rsv(4)], &[Event::Message("".into())]);
}

#[test]
fn streams_that_end_keep_the_history() {
    // "Hello" in a stream that ends; "Hello" by reference in one that doesn't.
    let last = [0xF3, 0x48, 0xCD, 0xC9, 0xC9, 0x07, 0x00];
    let both = [&last[..], &AGAIN].concat();
    let twice = Event::Message("HelloHello".into());
    takes(&[text(&both).rsv(4)], std::slice::from_ref(&twice));
    takes(&[text(last).rsv(4), text(AGAIN).rsv(4)], &[hello(), hello()]);
    for at in 0..=both.len() {
        let frames = [text(&both[..at]).rsv(4).more(), cont([]).more(), cont(&both[at..])];
        takes(&frames, std::slice::from_ref(&twice));
    }
}

#[test]
fn control_frames_and_empty_fragments_stand_between_fragments() {
    let frames = [
        text([]).rsv(4).more(),
        ping("a"),
        cont(&HELLO[..2]).more(),
        cont([]).more(),
        ping("b"),
        cont(&HELLO[2..]).more(),
        cont([]),
        // Not compressed, so not part of the history.
        text("plain"),
        text(AGAIN).rsv(4),
    ];
    let ping = |data: &'static [u8]| Event::Ping(data.into());
    takes(&frames, &[ping(b"a"), ping(b"b"), hello(), Event::Message("plain".into()), hello()]);
}

#[test]
fn both_sides_understand_each_other_with_every_setting() {
    let config = config(|_| ());
    let messages: Vec<Vec<u8>> = [0, 1, 63, 64, 65, 1000, 4096, 40_000, 100_000]
        .into_iter()
        .flat_map(|len| [vec![b'a'; len], noise(len, 3), noise(len / 5, 4).repeat(3)])
        .collect();
    for bits in 9..=15 {
        for takeover in [true, false] {
            for side in SIDES {
                let setting = Setting { bits, takeover };
                let mut sender = setting.open(side, &config);
                let mut receiver = setting.open(side.peer(), &config);
                for (at, message) in messages.iter().chain(&messages).enumerate() {
                    let wish = [Compress::Auto, Compress::Always, Compress::Never][at * 7 % 3];
                    let outgoing = Message::from(message.clone()).compress(wish);
                    if at % 4 == 3 {
                        let (a, b) = message.split_at(message.len() / 3);
                        let chunk = Message::from(a.to_vec()).compress(wish);
                        sender.send_chunk(chunk, false).expect("open");
                        sender.send_chunk(Message::from(b.to_vec()), true).expect("open");
                    } else {
                        sender.send(outgoing).expect("open");
                    }
                    receiver.receive_data(&take_output(&mut sender));
                    let events = pull(&mut receiver);
                    let expected = [Event::Message(message.clone().into())];
                    assert!(events == expected, "message {at} with {setting:?} of the {side:?}");
                    if at % 5 == 0 {
                        // The context outlives the memory, on both sides.
                        drop(receiver.reclaim_input());
                        drop(sender.reclaim_input());
                    }
                }
            }
        }
    }
}

#[test]
fn what_the_encoder_writes_may_arrive_in_any_pieces() {
    for side in SIDES {
        let config = config(|_| ());
        let mut sender = Setting { bits: 9, takeover: true }.open(side.peer(), &config);
        let messages = [noise(90, 1), noise(90, 1), vec![b'x'; 2000], noise(90, 1)];
        for message in &messages {
            let outgoing = Message::from(message.clone()).compress(Compress::Always);
            sender.send(outgoing).expect("open");
        }
        let bytes = take_output(&mut sender);
        let outcome = Scenario::new(side)
            .after(|conn| *conn = Setting { bits: 9, takeover: true }.open(side, &config))
            .run_bytes(&bytes);
        assert_eq!(outcome.events, messages.map(|message| Event::Message(message.into())));
    }
}

#[test]
fn pieces_are_bounded_whatever_the_ratio() {
    let config = config(|config| config.max_message_size = Some(8 << 20));
    for side in SIDES {
        let mut sender = PLAIN.open(side.peer(), &config);
        let mut conn = PLAIN.open(side, &config);
        let message = vec![b'z'; 5 << 20];
        sender.send(Message::from(message.clone())).expect("open");
        let bytes = take_output(&mut sender);
        assert!(bytes.len() < 8192, "a little that becomes a lot");
        conn.receive_data(&bytes);
        let (mut got, mut ended) = (0, false);
        while let Some(event) = conn.poll_chunk(|| NOW) {
            let Event::Chunk { data, last } = event else { panic!("{event:?}") };
            assert!(!ended && data.len() <= 64 << 10, "{}", data.len());
            assert!(data.as_bytes().iter().all(|byte| *byte == b'z'));
            got += data.len();
            ended = last;
        }
        assert!(ended);
        assert_eq!(got, message.len());
    }
}

#[test]
fn a_skipped_message_is_part_of_the_history() {
    for side in SIDES {
        let config = config(|_| ());
        let mut sender = PLAIN.open(side.peer(), &config);
        let mut conn = PLAIN.open(side, &config);
        let long = noise(20_000, 5).repeat(10);
        for message in [&long, &long[..20_000].to_vec()] {
            sender.send(Message::from(message.clone()).compress(Compress::Always)).expect("open");
        }
        let bytes = take_output(&mut sender);
        conn.receive_data(&bytes[..10_000]);
        assert!(matches!(conn.poll_chunk(|| NOW), Some(Event::Chunk { last: false, .. })));
        conn.skip_message();
        conn.receive_data(&bytes[10_000..]);
        assert!(pull(&mut conn) == [Event::Message(long[..20_000].to_vec().into())]);
    }
}

#[test]
fn without_takeover_the_decoder_has_no_history() {
    for side in SIDES {
        let setting = Setting { bits: 15, takeover: false };
        let mut conn = setting.open(side, &config(|_| ()));
        let frames = [text(HELLO).rsv(4), text(AGAIN).rsv(4), binary("never seen")];
        conn.receive_data(&wire(side.peer(), &frames));
        assert_eq!(pull(&mut conn), [hello()]);
        let close = conn.close_sent().expect("failed");
        assert_eq!((close.code.into(), &*close.reason), (1002_u16, "decompression failed"));
    }
}
