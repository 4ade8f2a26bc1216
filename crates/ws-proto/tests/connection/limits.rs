//! Limits on what is received: message, frame, fragments ([RFC 6455 §10.4]).
//!
//! [RFC 6455 §10.4]: https://www.rfc-editor.org/rfc/rfc6455#section-10.4

use ws_errors::{PayloadTooBig, TooManyFragments, WebSocketException};
use ws_proto::{Config, Event, Message};
use ws_types::{Close, Side};

use crate::feed::{NOW, Outcome, Scenario, config, connect, pull, sent};
use crate::frames::{Frame, SIDES, binary, close, close_empty, cont, header, ping, pong, text};

fn run(side: Side, frames: &[Frame], change: fn(&mut Config)) -> Outcome {
    Scenario::new(side).config(change).run(frames)
}

#[track_caller]
fn too_big(outcome: &Outcome, size: u64, current: Option<u64>, max: u64, reason: &str) {
    let cause = PayloadTooBig::new(Some(size), current, max);
    assert_eq!(outcome.cause(), Some(&WebSocketException::from(cause)));
    assert_eq!(outcome.sent, [close(1009, reason)]);
}

#[test]
fn the_limit_on_messages_holds_for_one_frame() {
    for side in SIDES {
        for frame in [text("abcde"), binary("abcde"), text("abcde").more()] {
            let outcome = run(side, &[frame], |c| c.max_message_size = Some(4));
            too_big(&outcome, 5, None, 4, "frame with 5 bytes exceeds limit of 4 bytes");
        }
        let outcome = run(side, &[text("abcd"), binary("abcd")], |c| c.max_message_size = Some(4));
        assert_eq!((outcome.events.len(), outcome.sent.len()), (2, 0), "exactly met");
    }
}

#[test]
fn the_limit_on_messages_holds_for_all_fragments_together() {
    for side in SIDES {
        let frames = [text("ab").more(), cont("").more(), cont("c").more(), cont("de")];
        let outcome = run(side, &frames, |c| c.max_message_size = Some(4));
        let reason = "frame with 2 bytes after reading 3 bytes exceeds limit of 4 bytes";
        too_big(&outcome, 2, Some(3), 4, reason);
        let outcome = run(side, &frames, |c| c.max_message_size = Some(5));
        assert_eq!(outcome.events, [Event::Message(Message::from("abcde"))], "exactly met");
        // The budget is that of one message, not of all.
        let frames = [&frames[..], &frames].concat();
        let outcome = run(side, &frames, |c| c.max_message_size = Some(5));
        assert_eq!((outcome.events.len(), outcome.sent.len()), (2, 0));
    }
}

#[test]
fn control_frames_do_not_use_up_the_budget_of_a_message() {
    for side in SIDES {
        let frames = [text("ab").more(), ping("cdef"), cont("gh")];
        let outcome = run(side, &frames, |c| c.max_message_size = Some(4));
        assert_eq!(outcome.events.last(), Some(&Event::Message(Message::from("abgh"))));
    }
}

#[test]
fn a_limit_of_0_admits_what_is_empty() {
    for side in SIDES {
        let empty = [text(""), binary("").more(), cont(""), ping(""), close_empty()];
        let outcome = run(side, &empty, |c| c.max_message_size = Some(0));
        assert_eq!(outcome.events.len(), 4);
        assert_eq!(outcome.sent, [pong(""), close_empty()]);
        for frame in [text("a"), binary("a").more()] {
            let outcome = run(side, &[frame], |c| c.max_message_size = Some(0));
            too_big(&outcome, 1, None, 0, "frame with 1 bytes exceeds limit of 0 bytes");
        }
    }
}

#[test]
fn the_limits_do_not_hold_for_control_frames() {
    let reason = "a reason, ".repeat(10);
    for side in SIDES {
        let limits: [fn(&mut Config); 3] = [
            |c| c.max_message_size = Some(10),
            |c| c.max_frame_size = Some(10),
            |c| c.max_message_size = Some(0),
        ];
        for limit in limits {
            let long = [b'x'; 125];
            let frames = [ping("0123456789x"), ping(long), pong(long), close(1000, &reason)];
            let outcome = run(side, &frames, limit);
            assert_eq!(outcome.events.len(), 4);
            assert_eq!(outcome.events[3], Event::Close(Close::new(1000, &*reason)));
            let echo = close(1000, &reason);
            assert_eq!(outcome.sent, [pong("0123456789x"), pong(long), echo]);
            assert!(outcome.is_ok());
            assert_eq!(outcome.closed.rcvd().map(|close| close.reason.len()), Some(100));
        }
    }
}

#[test]
fn the_limit_on_frames_holds_for_each_frame_alone() {
    for side in SIDES {
        let frames = [text("abcd").more(), cont("efgh").more(), cont("ijkl")];
        let outcome = run(side, &frames, |c| c.max_frame_size = Some(4));
        assert_eq!(outcome.events, [Event::Message(Message::from("abcdefghijkl"))]);
        let frames = [text("abcd").more(), cont("efghi")];
        let outcome = run(side, &frames, |c| c.max_frame_size = Some(4));
        too_big(&outcome, 5, None, 4, "frame with 5 bytes exceeds limit of 4 bytes");
        // The limit on messages is looked at first.
        let outcome = run(side, &frames, |c| {
            c.max_frame_size = Some(4);
            c.max_message_size = Some(8);
        });
        let reason = "frame with 5 bytes after reading 4 bytes exceeds limit of 8 bytes";
        too_big(&outcome, 5, Some(4), 8, reason);
    }
}

#[test]
fn the_limit_on_fragments_counts_all_of_them() {
    for side in SIDES {
        let frames = [text("").more(), ping(""), cont("").more(), cont("a")];
        let outcome = run(side, &frames, |c| c.max_fragments = Some(3));
        assert_eq!(outcome.events.last(), Some(&Event::Message(Message::from("a"))));
        let outcome = run(side, &frames, |c| c.max_fragments = Some(2));
        let cause = WebSocketException::from(TooManyFragments::new(2));
        assert_eq!(outcome.cause(), Some(&cause));
        assert_eq!(cause.to_string(), "fragmented message exceeds limit of 2 frames");
        assert_eq!(outcome.sent, [pong(""), close(1009, "too many fragments")]);
        // Each message starts counting anew.
        let frames = [text("").more(), cont(""), text("").more(), cont(""), text("")];
        let outcome = run(side, &frames, |c| c.max_fragments = Some(2));
        assert_eq!((outcome.events.len(), outcome.sent.len()), (3, 0));
    }
}

#[test]
fn a_limit_fails_the_connection_at_the_header_before_the_payload() {
    for side in SIDES {
        for len in [1 << 20 | 1, 1 << 40, (1 << 63) - 1] {
            let mut conn = connect(side, &config(|_| ()), NOW);
            let head = header(&binary(""), side.peer(), len);
            conn.receive_data(&head[..head.len() - 1], NOW);
            assert_eq!((pull(&mut conn), conn.output().len()), (vec![], 0));
            conn.receive_data(&head[head.len() - 1..], NOW);
            assert_eq!(pull(&mut conn), []);
            let reason = format!("frame with {len} bytes exceeds limit of 1048576 bytes");
            assert_eq!(sent(&mut conn), [close(1009, reason)]);
        }
    }
}

#[test]
fn the_lengths_of_fragments_do_not_overflow() {
    // A header may claim 2⁶³ − 1 bytes; a small fragment before it must not wrap the sum around.
    for side in SIDES {
        let mut bytes = text("abc").more().bytes(side.peer());
        bytes.extend(header(&cont(""), side.peer(), (1 << 63) - 1));
        let outcome = Scenario::new(side).run_bytes(&bytes);
        let reason = format!(
            "frame with {} bytes after reading 3 bytes exceeds limit of 1048576 bytes",
            (1_u64 << 63) - 1
        );
        too_big(&outcome, (1 << 63) - 1, Some(3), 1 << 20, &reason);
        let outcome = Scenario::new(side).config(|c| c.max_message_size = None).run_bytes(&bytes);
        assert_eq!((outcome.events.len(), outcome.sent.len()), (0, 0), "no limit, no failure");
    }
}

#[test]
fn the_default_limits_are_1_mib_and_4096_fragments() {
    let config = config(|_| ());
    assert_eq!(config.max_message_size, Some(1_048_576));
    assert_eq!(config.max_frame_size, None);
    let fragments = |n: usize| {
        let mut frames = vec![cont("x").more(); n];
        frames[0] = text("x").more();
        frames[n - 1] = cont("x");
        let mut conn = connect(Side::Server, &config, NOW);
        crate::feed::give(&mut conn, &frames).len()
    };
    assert_eq!((fragments(4096), fragments(4097)), (1, 0));
}
