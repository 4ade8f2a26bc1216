//! Pings of our own, and the keepalive ([RFC 6455 §5.5.2], [§5.5.3]).
//!
//! [RFC 6455 §5.5.2]: https://www.rfc-editor.org/rfc/rfc6455#section-5.5.2
//! [§5.5.3]: https://www.rfc-editor.org/rfc/rfc6455#section-5.5.3

use std::time::Duration;

use ws_errors::{ConcurrencyError, ConcurrencyErrorKind};
use ws_proto::{Connection, Event, Payload, PingId};
use ws_types::{Close, Side, State};

use crate::feed::{config, connect, sent};
use crate::frames::{Frame, SIDES, binary, close, ping, pong, text, wire};
use crate::pair::Pair;

const START: Duration = Duration::from_secs(1000);

fn at(seconds: u64) -> Duration {
    START + Duration::from_secs(seconds)
}

/// Gives a pong at a time; tells which ping it acknowledges.
#[track_caller]
fn answer(conn: &mut Connection, payload: &[u8], now: Duration) -> Option<PingId> {
    conn.receive_data(&wire(conn.side().peer(), &[pong(payload)]), now);
    match conn.poll_event() {
        Some(Event::Pong { acknowledges, .. }) => acknowledges,
        event => panic!("{event:?} isn't a pong"),
    }
}

/// Fires the timer, and gives the payload of the one ping that this sends.
#[track_caller]
fn keepalive_ping(conn: &mut Connection, now: Duration) -> Vec<u8> {
    conn.handle_timeout(now);
    match &sent(conn)[..] {
        [Frame { fin: true, rsv: 0, opcode: 0x9, payload }] => payload.clone(),
        frames => panic!("{frames:?} isn't a ping"),
    }
}

fn explicit(payload: &'static [u8]) -> Option<Payload> {
    Some(payload.into())
}

#[test]
fn a_pong_acknowledges_its_ping_and_all_earlier_ones() {
    for side in SIDES {
        let mut conn = connect(side, &config(|_| ()), START);
        let ids = [b"a", b"b", b"c"].map(|p| conn.ping(explicit(p), START).unwrap());
        assert!(ids.is_sorted() && ids[0] < ids[2]);
        assert_eq!(sent(&mut conn), [ping("a"), ping("b"), ping("c")]);
        assert_eq!(answer(&mut conn, b"b", at(1)), Some(ids[1]));
        // The first two are known no more; the third is still waited for.
        assert_eq!(answer(&mut conn, b"a", at(2)), None);
        assert_eq!(answer(&mut conn, b"b", at(3)), None);
        assert_eq!(conn.stats().latency, Some(at(1) - START));
        assert_eq!(answer(&mut conn, b"c", at(4)), Some(ids[2]));
        assert_eq!(conn.stats().latency, Some(at(4) - START));
    }
}

#[test]
fn unknown_pongs_acknowledge_nothing() {
    for side in SIDES {
        let mut conn = connect(side, &config(|_| ()), START);
        conn.ping(explicit(b"a"), START).unwrap();
        for unknown in [&b""[..], b"A", b"a ", b"aa"] {
            assert_eq!(answer(&mut conn, unknown, at(1)), None);
        }
        assert_eq!(conn.stats().latency, None);
        assert!(answer(&mut conn, b"a", at(2)).is_some());
    }
}

#[test]
fn the_same_payload_twice_is_refused_until_it_was_answered() {
    for side in SIDES {
        let mut conn = connect(side, &config(|_| ()), START);
        for payload in [&b"same"[..], b""] {
            let first = conn.ping(explicit(payload), START).unwrap();
            let error = conn.ping(explicit(payload), START).unwrap_err();
            assert_eq!(error, ConcurrencyError::new(ConcurrencyErrorKind::SamePing).into());
            assert_eq!(error.to_string(), "already waiting for a pong with the same data");
            assert_eq!(sent(&mut conn), [ping(payload)], "the second wasn't sent");
            assert_eq!(answer(&mut conn, payload, at(1)), Some(first));
            assert!(conn.ping(explicit(payload), START).unwrap() > first);
            sent(&mut conn);
        }
    }
}

#[test]
fn pings_without_a_payload_get_four_bytes_that_are_not_in_use() {
    let mut conn = connect(Side::Client, &config(|_| ()), START);
    let mut seen = Vec::new();
    for _ in 0..100 {
        conn.ping(None, START).unwrap();
        seen.push(sent(&mut conn)[0].payload.clone());
    }
    assert!(seen.iter().all(|payload| payload.len() == 4));
    seen.sort();
    seen.dedup();
    assert_eq!(seen.len(), 100);
    // Even when the application uses those that would come next.
    let mut conn = connect(Side::Client, &config(|_| ()), START);
    for payload in seen {
        conn.ping(Some(payload.into()), START).unwrap();
    }
    conn.ping(None, START).unwrap();
}

#[test]
fn a_ping_is_sent_after_each_interval() {
    for side in SIDES {
        let mut conn = connect(side, &config(|_| ()), START);
        assert_eq!(conn.poll_timeout(), Some(at(20)));
        let payload = keepalive_ping(&mut conn, at(20));
        assert_eq!(payload.len(), 4);
        assert_eq!(conn.poll_timeout(), Some(at(40)), "the pong is due within 20 s");
        // The pong comes after 3 s: so long ago the peer has seen a sign of life.
        assert!(answer(&mut conn, &payload, at(23)).is_some());
        assert_eq!(conn.stats().latency, Some(Duration::from_secs(3)));
        assert_eq!(conn.poll_timeout(), Some(at(40)), "interval less latency");
        let second = keepalive_ping(&mut conn, at(40));
        assert_ne!(second, payload);
        assert!(answer(&mut conn, &second, at(41)).is_some());
        assert_eq!(conn.poll_timeout(), Some(at(60)));
    }
}

#[test]
fn a_latency_above_the_interval_makes_the_next_ping_due_at_once() {
    let config = config(|c| c.ping_interval = Some(Duration::from_secs(5)));
    let mut conn = connect(Side::Server, &config, START);
    let payload = keepalive_ping(&mut conn, at(5));
    assert!(answer(&mut conn, &payload, at(15)).is_some());
    assert_eq!(conn.poll_timeout(), Some(at(15)));
}

#[test]
fn a_pong_to_a_later_ping_of_the_application_serves_the_keepalive_too() {
    let mut conn = connect(Side::Server, &config(|_| ()), START);
    keepalive_ping(&mut conn, at(20));
    let id = conn.ping(explicit(b"app"), at(21)).unwrap();
    assert_eq!(answer(&mut conn, b"app", at(22)), Some(id));
    conn.handle_timeout(at(40));
    assert_eq!(conn.state(), State::Open, "no timeout for a ping that was acknowledged");
}

#[test]
fn a_pong_to_an_earlier_ping_does_not_serve_the_keepalive() {
    let mut conn = connect(Side::Server, &config(|_| ()), START);
    conn.ping(explicit(b"app"), at(19)).unwrap();
    sent(&mut conn);
    keepalive_ping(&mut conn, at(20));
    assert!(answer(&mut conn, b"app", at(21)).is_some());
    assert_eq!(conn.poll_timeout(), Some(at(40)));
    conn.handle_timeout(at(40));
    assert_eq!(conn.poll_timeout(), Some(at(41)), "it shows that the peer is alive, and no more");
    conn.handle_timeout(at(41));
    assert_eq!(conn.state(), State::Closing);
}

#[test]
fn a_missing_pong_fails_the_connection_with_1011() {
    for side in SIDES {
        let mut pair = Pair::open(&config(|c| c.close_timeout = Some(Duration::from_secs(5))));
        pair.cut_wire();
        pair.advance(Duration::from_secs(40) - Duration::from_nanos(1));
        assert_eq!(pair.end(side).conn.state(), State::Open);
        pair.advance(Duration::from_nanos(1));
        let conn = &pair.end(side).conn;
        assert_eq!(conn.state(), State::Closing);
        assert_eq!(conn.closed().sent(), Some(&Close::new(1011, "keepalive ping timeout")));
        assert_eq!(conn.poll_timeout(), Some(Duration::from_secs(45)), "the close timeout");
        pair.advance(Duration::from_secs(5));
        let closed = pair.end(side).conn.closed().to_string();
        let expected = "sent 1011 (internal error) keepalive ping timeout; no close frame received";
        assert_eq!(closed, expected);
    }
}

#[test]
fn two_connections_keep_each_other_alive() {
    let mut pair = Pair::open(&config(|_| ()));
    pair.advance(Duration::from_secs(3600));
    for end in [&mut pair.client, &mut pair.server] {
        assert_eq!(end.conn.state(), State::Open);
        let events = end.events();
        let pings = events.iter().filter(|event| matches!(event, Event::Ping(_))).count();
        let pongs = events
            .iter()
            .filter(|event| matches!(event, Event::Pong { acknowledges: Some(_), .. }));
        assert_eq!((pings, pongs.count(), events.len()), (180, 180, 360));
    }
}

#[test]
fn without_a_ping_interval_there_is_no_keepalive() {
    let mut pair = Pair::open(&config(|c| c.ping_interval = None));
    assert_eq!(pair.client.conn.poll_timeout(), None);
    pair.advance(Duration::from_secs(3600));
    assert_eq!(pair.client.events().len() + pair.server.events().len(), 0);
    // Pings of the application are never overdue.
    pair.cut_wire();
    let now = pair.now;
    pair.client.conn.ping(None, now).unwrap();
    assert_eq!(pair.client.conn.poll_timeout(), None);
}

#[test]
fn without_a_ping_timeout_the_lack_of_pongs_does_not_matter_and_costs_nothing() {
    for side in SIDES {
        let mut conn = connect(side, &config(|c| c.ping_timeout = None), START);
        let mut payloads = Vec::new();
        for n in 1..=100 {
            assert_eq!(conn.poll_timeout(), Some(at(20 * n)));
            payloads.push(keepalive_ping(&mut conn, at(20 * n)));
        }
        assert_eq!(conn.state(), State::Open);
        // Only the last keepalive ping is remembered: a late pong to an earlier one is unknown.
        let last = payloads.pop().unwrap();
        for payload in &payloads {
            assert_eq!(answer(&mut conn, payload, at(2000)), None);
        }
        assert!(answer(&mut conn, &last, at(2001)).is_some());
        assert_eq!(conn.stats().latency, Some(Duration::from_secs(1)));
    }
}

#[test]
fn giving_up_keepalive_pings_keeps_those_of_the_application() {
    let mut conn = connect(Side::Server, &config(|c| c.ping_timeout = None), START);
    let id = conn.ping(explicit(b"app"), START).unwrap();
    sent(&mut conn);
    for n in 1..=3 {
        keepalive_ping(&mut conn, at(20 * n));
    }
    assert_eq!(answer(&mut conn, b"app", at(61)), Some(id));
}

#[test]
fn the_keepalive_ends_when_closing_begins() {
    type Begin = fn(&mut Connection);
    let begins: [Begin; 3] = [
        |conn| conn.send_close(Close::new(1000, ""), at(21)).unwrap(),
        |conn| conn.fail(Close::new(1011, ""), at(21)),
        |conn| {
            conn.receive_data(&wire(conn.side().peer(), &[close(1000, "")]), at(21));
            assert!(conn.poll_event().is_some());
        },
    ];
    for side in SIDES {
        for begin in begins {
            // Before the first ping, and while its pong is waited for.
            for pinged in [false, true] {
                let mut conn = connect(side, &config(|c| c.close_timeout = None), START);
                if pinged {
                    keepalive_ping(&mut conn, at(20));
                }
                begin(&mut conn);
                sent(&mut conn);
                assert_eq!(conn.poll_timeout(), None);
                conn.handle_timeout(at(1000));
                assert_eq!((conn.output().len(), conn.state()), (0, State::Closing));
            }
        }
    }
}

#[test]
fn a_pong_while_closing_is_acknowledged_and_restarts_nothing() {
    for side in SIDES {
        let mut conn = connect(side, &config(|_| ()), START);
        let payload = keepalive_ping(&mut conn, at(20));
        conn.send_close(Close::new(1000, ""), at(21)).unwrap();
        assert!(answer(&mut conn, &payload, at(22)).is_some());
        assert_eq!(conn.poll_timeout(), Some(at(31)), "the close timeout and nothing else");
    }
}

/// How many times a driver has to call `handle_timeout` at `now` until nothing is due.
fn timeouts_due(conn: &mut Connection, now: Duration) -> usize {
    (0..100)
        .take_while(|_| {
            let due = conn.poll_timeout().is_some_and(|deadline| deadline <= now);
            conn.handle_timeout(now);
            due
        })
        .count()
}

#[test]
fn a_late_pong_does_not_make_pings_follow_without_end() {
    for side in SIDES {
        let config = config(|config| {
            config.ping_interval = Some(Duration::from_secs(2));
            config.ping_timeout = None;
        });
        let mut conn = connect(side, &config, START);
        let first = keepalive_ping(&mut conn, at(2));
        // The answer takes longer than the interval.
        assert!(answer(&mut conn, &first, at(5)).is_some());
        assert_eq!(timeouts_due(&mut conn, at(5)), 1);
        assert_eq!(conn.poll_timeout(), Some(at(7)));
    }
}

#[test]
fn pings_without_an_interval_leave_time_for_other_things() {
    for side in SIDES {
        for ping_timeout in [None, Some(Duration::from_secs(1))] {
            let config = config(|config| {
                config.ping_interval = Some(Duration::ZERO);
                config.ping_timeout = ping_timeout;
            });
            let mut conn = connect(side, &config, START);
            assert_eq!(timeouts_due(&mut conn, START), 1);
            assert!(conn.poll_timeout().is_some_and(|deadline| deadline > START));
        }
    }
}

#[test]
fn a_whole_frame_or_4_kib_of_one_while_the_pong_is_missing_shows_that_the_peer_is_alive() {
    let binary = |len| binary(vec![7; len]);
    let rows: [(Frame, usize, bool); 6] = [
        (text(""), 0, true),
        (binary(3), 0, true),
        (ping("p"), 0, true),
        (binary(3), 1, false), // all but one byte
        (binary(10_000), 10_000 - 4000, false),
        (binary(10_000), 10_000 - 4200, true),
    ];
    for side in SIDES {
        for (frame, missing, alive) in &rows {
            let mut conn = connect(side, &config(|_| ()), START);
            keepalive_ping(&mut conn, at(20));
            let bytes = frame.bytes(side.peer());
            let n = bytes.len() - missing;
            conn.receive_data(&bytes[..n], at(35));
            while conn.poll_event().is_some() {}
            sent(&mut conn);
            conn.handle_timeout(at(40));
            let state = if *alive { State::Open } else { State::Closing };
            assert_eq!(conn.state(), state, "{frame:?}, {missing} bytes missing");
            if *alive {
                assert_eq!(conn.poll_timeout(), Some(at(55)));
                conn.handle_timeout(at(55));
                assert_eq!(conn.state(), State::Closing);
            }
        }
    }
}

#[test]
fn single_bytes_keep_nobody_alive() {
    for side in SIDES {
        let mut conn = connect(side, &config(|_| ()), START);
        let bytes = text("a frame that takes its time".repeat(9)).bytes(side.peer());
        for (second, byte) in bytes.iter().take(40).enumerate() {
            conn.receive_data(&[*byte], at(second as u64));
            assert_eq!(conn.poll_event(), None);
            conn.handle_timeout(at(second as u64));
        }
        conn.handle_timeout(at(40));
        assert_eq!(conn.state(), State::Closing);
    }
}

#[test]
fn waiting_for_more_does_not_make_what_has_arrived_younger() {
    for side in SIDES {
        let mut conn = connect(side, &config(|_| ()), START);
        keepalive_ping(&mut conn, at(20));
        conn.receive_data(&wire(side.peer(), &[text("a")]), at(21));
        conn.receive_data(&[], at(39));
        assert!(conn.poll_event().is_some());
        conn.handle_timeout(at(40));
        assert_eq!((conn.state(), conn.poll_timeout()), (State::Open, Some(at(41))));
    }
}
