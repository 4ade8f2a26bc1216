//! Giving the encoder's memory back when nothing was sent for a while, on the connection's one timer.

use std::time::Duration;

use ws_proto::extension::{ServerDeflate, ServerExtensionFactory};
use ws_proto::{Compress, Connection, Event, Message, PreparedMessage};
use ws_types::Side;

use crate::feed::{NOW, config, connect_with, give, pull, sent, take_output, wait};
use crate::frames::{SIDES, ping};
use crate::judge::Judge;
use crate::setup::{Agreed, DEFAULT, combinations, compressed, letters, params};

const SECOND: Duration = Duration::from_secs(1);

/// A connection that waits for nothing but this timer.
fn quiet(side: Side, agreed: Agreed) -> Connection {
    agreed.connect(side, &config(|c| c.ping_interval = None))
}

/// Nothing comes, and nothing is to be pulled.
fn pull_at(conn: &mut Connection, now: Duration) {
    conn.receive_with(now, |_| ());
    assert_eq!(conn.poll_event(), None);
}

#[test]
fn the_compressor_is_given_back_a_second_after_the_last_message() {
    for side in SIDES {
        let mut conn = quiet(side, DEFAULT);
        pull_at(&mut conn, NOW);
        assert_eq!(conn.poll_timeout(), None, "nothing was sent");
        let text = letters(300, 1);
        compressed(&mut conn, text.clone());
        pull_at(&mut conn, NOW);
        assert_eq!(conn.poll_timeout(), Some(NOW + SECOND));
        let near = compressed(&mut conn, text.clone());
        assert!(Judge::default().message(&near).is_err(), "refers to the first message");
        // It was used in the meantime: up to a second more.
        conn.handle_timeout(NOW + SECOND / 2);
        assert_eq!(conn.poll_timeout(), Some(NOW + SECOND), "too early");
        conn.handle_timeout(NOW + SECOND);
        assert_eq!(conn.poll_timeout(), Some(NOW + 2 * SECOND));
        conn.handle_timeout(NOW + 2 * SECOND);
        assert_eq!(conn.poll_timeout(), None);
        pull_at(&mut conn, NOW + 3 * SECOND);
        assert_eq!(conn.poll_timeout(), None, "nothing is held");
        let fresh = compressed(&mut conn, text.clone());
        assert_eq!(Judge::default().message(&fresh), Ok(text), "refers to nothing");
        pull_at(&mut conn, NOW + 4 * SECOND);
        assert_eq!(conn.poll_timeout(), Some(NOW + 5 * SECOND));
        assert!(take_output(&mut conn).is_empty());
    }
}

#[test]
fn what_is_sent_after_that_decodes() {
    for agreed in combinations() {
        for side in SIDES {
            let (mut sender, mut receiver) = (quiet(side, agreed), quiet(side.peer(), agreed));
            let mut now = NOW;
            for n in 0..30_u32 {
                let message = Message::from(letters(200 + n as usize, n % 3));
                match n % 5 {
                    3 => sender.send(PreparedMessage::new(message.clone())).unwrap(),
                    4 => sender.send(message.clone().compress(Compress::Never)).unwrap(),
                    _ => sender.send(message.clone()).unwrap(),
                }
                receiver.receive_data(&take_output(&mut sender), NOW);
                assert_eq!(pull(&mut receiver), [Event::Message(message)]);
                now += SECOND / 3 * (n % 4);
                pull_at(&mut sender, now);
                if sender.poll_timeout().is_some_and(|due| due <= now) {
                    sender.handle_timeout(now);
                }
                if n % 7 == 0 {
                    wait(&mut receiver);
                }
            }
        }
    }
}

#[test]
fn forgetting_within_a_message_is_harmless() {
    for agreed in combinations() {
        for side in SIDES {
            let (mut sender, mut receiver) = (quiet(side, agreed), quiet(side.peer(), agreed));
            let text = letters(200, 1);
            let mut now = NOW;
            for last in [false, false, true] {
                sender.send_chunk(text.clone(), last).unwrap();
                pull_at(&mut sender, now);
                now += 5 * SECOND;
                while sender.poll_timeout().is_some_and(|due| due <= now) {
                    sender.handle_timeout(now);
                }
                assert_eq!(sender.poll_timeout(), None);
            }
            receiver.receive_data(&take_output(&mut sender), NOW);
            let whole = [&text[..], &text, &text].concat();
            assert_eq!(pull(&mut receiver), [Event::Message(whole.into())]);
        }
    }
}

#[test]
fn how_long_that_is_can_be_set() {
    for time in [Duration::ZERO, SECOND / 10, 100 * SECOND, Duration::MAX] {
        let deflate = ServerDeflate::default().compressor_idle(time);
        let (_, extension) = deflate.process_offer(&params("")).unwrap();
        let config = config(|c| c.ping_interval = None);
        let mut conn = connect_with(Side::Server, &config, vec![extension], NOW);
        compressed(&mut conn, letters(100, 1));
        pull_at(&mut conn, NOW);
        assert_eq!(conn.poll_timeout(), Some(NOW.saturating_add(time)));
        conn.handle_timeout(NOW.saturating_add(time));
        assert_eq!(conn.poll_timeout(), None);
    }
}

#[test]
fn what_is_not_compressed_needs_no_timer() {
    for side in SIDES {
        let mut conn = quiet(side, DEFAULT);
        conn.send(Message::from(letters(100, 1)).compress(Compress::Never)).unwrap();
        give(&mut conn, &[ping("x")]);
        // Prepared messages leave no compressor behind.
        conn.send(PreparedMessage::new(letters(100, 1))).unwrap();
        pull_at(&mut conn, NOW);
        assert_eq!(conn.poll_timeout(), None);
        assert_eq!(sent(&mut conn).len(), 3);
    }
}

#[test]
fn without_takeover_the_compressor_is_given_back_when_the_connection_waits() {
    for side in SIDES {
        let agreed = Agreed { server_takeover: false, client_takeover: false, ..DEFAULT };
        let mut conn = quiet(side, agreed);
        compressed(&mut conn, letters(300, 1));
        wait(&mut conn);
        pull_at(&mut conn, NOW);
        assert_eq!(conn.poll_timeout(), None, "nothing is held after a whole message");
        conn.send_chunk(letters(300, 1), false).unwrap();
        wait(&mut conn);
        pull_at(&mut conn, NOW);
        assert_eq!(conn.poll_timeout(), Some(NOW + SECOND), "within a message it is");
        conn.send_chunk("".as_bytes().to_vec(), true).unwrap();
        wait(&mut conn);
        conn.handle_timeout(NOW + SECOND);
        assert_eq!(conn.poll_timeout(), None);
    }
}

#[test]
fn a_closed_connection_waits_for_nothing() {
    for side in SIDES {
        // The stream fails before the driver has pulled events.
        let mut conn = quiet(side, DEFAULT);
        compressed(&mut conn, letters(300, 1));
        conn.abort();
        pull_at(&mut conn, NOW);
        assert_eq!(conn.poll_timeout(), None);

        let mut conn = quiet(side, DEFAULT);
        compressed(&mut conn, letters(300, 1));
        pull_at(&mut conn, NOW);
        conn.receive_eof();
        pull_at(&mut conn, NOW);
        pull_at(&mut conn, NOW);
        assert_eq!(conn.poll_timeout(), None);
    }
}
