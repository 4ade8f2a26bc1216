//! What our encoder writes ([RFC 7692 §6.1], [§7.2.1]), judged by an inflate of our own.
//!
//! [RFC 7692 §6.1]: https://www.rfc-editor.org/rfc/rfc7692#section-6.1
//! [§7.2.1]: https://www.rfc-editor.org/rfc/rfc7692#section-7.2.1

use std::sync::Arc;
use std::time::Duration;

use ws_proto::{Compress, Config, Connection, Message, PreparedMessage};

use crate::feed::{NOW, config, pull, sent};
use crate::frames::{SIDES, binary, cont};
use crate::inflate::{Judge, Verdict};
use crate::{PLAIN, Setting, noise};

/// How far a message of 500 bytes reaches back that refers to the same one before: zlib doesn't find the
/// very first byte of a connection.
const ALL: usize = 499;

fn quiet() -> Arc<Config> {
    config(|config| config.ping_interval = None)
}

/// Sends a message in any case compressed, and has it judged.
#[track_caller]
fn judge(conn: &mut Connection, judge: &mut Judge, message: &[u8]) -> Verdict {
    conn.send(Message::from(message.to_vec()).compress(Compress::Always)).expect("open");
    let frames = sent(conn);
    assert_eq!(frames.len(), 1);
    let frame = &frames[0];
    assert_eq!((frame.fin, frame.rsv, frame.opcode), (true, 4, 2));
    let verdict = judge.message(&frame.payload);
    assert!(verdict.data == message, "another message came out");
    verdict
}

#[test]
fn the_window_is_never_exceeded_and_used() {
    for bits in 9..=15 {
        for takeover in [true, false] {
            for side in SIDES {
                let mut conn = Setting { bits, takeover }.open(side, &quiet());
                let mut greatest = 0;
                let mut messages = Judge::default();
                // Each repetition of this noise is just within the window, or just outside of it.
                for len in [(1 << bits) - 300, (1 << bits) - 262, 1 << bits, (1 << bits) + 50] {
                    let block = noise(len, len as u32);
                    for message in [&block.repeat(2), &block] {
                        let verdict = judge(&mut conn, &mut messages, message);
                        assert!(verdict.distance <= 1 << bits, "{} in {bits}", verdict.distance);
                        assert!(takeover || verdict.behind == 0);
                        greatest = greatest.max(verdict.distance);
                    }
                }
                // zlib keeps 262 bytes of the window for what comes next.
                assert_eq!(greatest, (1 << bits) - 262, "with {bits} bits");
            }
        }
    }
}

#[test]
fn an_empty_message_is_one_byte() {
    for side in SIDES {
        let mut conn = PLAIN.open(side, &quiet());
        for before in ["", "some text before"] {
            conn.send(Message::from(before.as_bytes().to_vec())).expect("open");
            sent(&mut conn);
            for _ in 0..2 {
                conn.send(Message::from(Vec::new()).compress(Compress::Always)).expect("open");
                assert_eq!(sent(&mut conn), [binary([0]).rsv(4)]);
            }
        }
    }
}

#[test]
fn fragments_are_one_message_with_rsv1_on_the_first() {
    for side in SIDES {
        let mut conn = PLAIN.open(side, &quiet());
        let parts = [noise(300, 1), Vec::new(), noise(300, 1), Vec::new()];
        for (at, part) in parts.iter().enumerate() {
            conn.send_chunk(Message::from(part.clone()), at == 3).expect("open");
        }
        let frames = sent(&mut conn);
        let shape: Vec<_> = frames.iter().map(|f| (f.fin, f.rsv, f.opcode)).collect();
        assert_eq!(shape, [(false, 4, 2), (false, 0, 0), (false, 0, 0), (true, 0, 0)]);
        let payload: Vec<u8> = frames.iter().flat_map(|f| f.payload.clone()).collect();
        let verdict = Judge::default().message(&payload);
        assert!(verdict.data == parts.concat());
        assert_eq!(verdict.distance, 300);
        // A single empty fragment that ends a message adds nothing but its byte.
        assert_eq!(frames[3], cont([0]));
    }
}

#[test]
fn with_takeover_messages_refer_to_earlier_ones() {
    for side in SIDES {
        let (mut conn, mut messages) = (PLAIN.open(side, &quiet()), Judge::default());
        let message = noise(500, 7);
        assert_eq!(judge(&mut conn, &mut messages, &message).behind, 0);
        assert!(judge(&mut conn, &mut messages, &message).behind >= ALL);
        // What isn't compressed isn't part of the history, on either side.
        conn.send(Message::from(noise(500, 8)).compress(Compress::Never)).expect("open");
        assert_eq!(sent(&mut conn), [binary(noise(500, 8))]);
        assert!(judge(&mut conn, &mut messages, &message).behind >= ALL);
        assert_eq!(judge(&mut conn, &mut messages, &noise(500, 8)).behind, 0);
    }
}

#[test]
fn after_a_prepared_message_nothing_refers_to_what_was_before() {
    for side in SIDES {
        let (mut conn, mut messages) = (PLAIN.open(side, &quiet()), Judge::default());
        let message = noise(500, 7);
        let prepared =
            PreparedMessage::new(Message::from(message.clone()).compress(Compress::Always));
        for _ in 0..2 {
            judge(&mut conn, &mut messages, &message);
            conn.send(&prepared).expect("open");
            let frames = sent(&mut conn);
            assert_eq!(frames[0].rsv, 4);
            let verdict = messages.message(&frames[0].payload);
            assert!(verdict.data == message);
            assert_eq!(verdict.behind, 0, "prepared for everybody");
            assert_eq!(judge(&mut conn, &mut messages, &message).behind, 0, "agreed anew");
        }
    }
}

#[test]
fn an_idle_connection_forgets() {
    for side in SIDES {
        let (mut conn, mut messages) = (PLAIN.open(side, &quiet()), Judge::default());
        let message = noise(500, 7);
        judge(&mut conn, &mut messages, &message);
        assert_eq!(pull(&mut conn), []);
        let due = conn.poll_timeout().expect("something to forget");
        assert_eq!(due, NOW + Duration::from_secs(1));
        conn.handle_timeout(due - Duration::from_millis(1));
        assert!(judge(&mut conn, &mut messages, &message).behind >= ALL, "not yet");
        conn.handle_timeout(due);
        assert!(judge(&mut conn, &mut messages, &message).behind >= ALL, "used in between");
        let mut now = due;
        while let Some(due) = conn.poll_timeout() {
            now = due;
            conn.handle_timeout(due);
        }
        assert!(now <= NOW + Duration::from_secs(4), "{now:?}");
        assert_eq!(judge(&mut conn, &mut messages, &message).behind, 0);
    }
}
