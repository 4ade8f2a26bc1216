//! Windows of 8 bits: zlib can't compress with them, so that side sends everything uncompressed, while
//! it decodes what the other one compresses ([RFC 7692 §6]).
//!
//! [RFC 7692 §6]: https://www.rfc-editor.org/rfc/rfc7692#section-6

use std::time::Duration;

use ws_errors::ConnectionClosed;
use ws_proto::extension::{
    ClientDeflate, ClientExtensionFactory, Extensions, ServerDeflate, ServerExtensionFactory,
};
use ws_proto::{Compress, Event, Message, PreparedMessage};
use ws_types::{Side, State};

use crate::encoder::messages;
use crate::feed::{NOW, config, connect, pull, sent, take_output, wait};
use crate::frames::{SIDES, parse};
use crate::judge::Judge;
use crate::pair::Pair;
use crate::setup::{Agreed, DEFAULT, RSV1, letters, window_bits};

const WISHES: [Compress; 3] = [Compress::Auto, Compress::Always, Compress::Never];

/// Each takeover, with a window of 8 bits for this side and any for its peer.
fn agreed(side: Side) -> impl Iterator<Item = Agreed> {
    (0..4).flat_map(move |takeover| {
        [8, 9, 15].map(|other| {
            let (server_bits, client_bits) = match side {
                Side::Server => (8, other),
                Side::Client => (other, 8),
            };
            let (server_takeover, client_takeover) = (takeover & 1 != 0, takeover & 2 != 0);
            Agreed { server_takeover, client_takeover, server_bits, client_bits }
        })
    })
}

#[test]
fn nothing_is_compressed_whatever_the_wish() {
    for side in SIDES {
        for agreed in agreed(side) {
            let mut conn = agreed.connect(side, &config(|_| ()));
            for message in messages() {
                for compress in WISHES {
                    let outgoing = || Message::from(message.clone()).compress(compress);
                    conn.send(outgoing()).unwrap();
                    conn.send(PreparedMessage::new(outgoing())).unwrap();
                    conn.send_chunk(outgoing(), false).unwrap();
                    conn.send_chunk(outgoing(), true).unwrap();
                    let frames = sent(&mut conn);
                    assert_eq!(frames.len(), 4);
                    assert!(
                        frames.iter().all(|f| f.rsv == 0 && f.payload == message),
                        "{agreed:?}"
                    );
                }
            }
        }
    }
}

#[test]
fn no_compressor_is_held() {
    for side in SIDES {
        for agreed in agreed(side) {
            let mut conn = agreed.connect(side, &config(|c| c.ping_interval = None));
            for compress in WISHES {
                conn.send(Message::from(letters(300, 1)).compress(compress)).unwrap();
                // The connection would release one on a timer.
                conn.receive_with(NOW, |_| ());
                assert_eq!(conn.poll_timeout(), None, "{agreed:?}");
                conn.send_chunk(Message::from(letters(300, 1)).compress(compress), false).unwrap();
                conn.receive_with(NOW, |_| ());
                assert_eq!(conn.poll_timeout(), None, "{agreed:?}, within a message");
                conn.send_chunk("".as_bytes().to_vec(), true).unwrap();
            }
        }
    }
}

#[test]
fn what_the_peer_compresses_is_decoded() {
    for side in SIDES {
        for agreed in agreed(side) {
            let mut peer = agreed.connect(side.peer(), &config(|_| ()));
            let mut conn = agreed.connect(side, &config(|_| ()));
            for message in messages() {
                for compress in WISHES {
                    peer.send(Message::from(message.clone()).compress(compress)).unwrap();
                    let wire = take_output(&mut peer);
                    let rsv = parse(side.peer(), &wire)[0].rsv;
                    if compress == Compress::Always {
                        let expected = if agreed.bits(side.peer()) > 8 { RSV1 } else { 0 };
                        assert_eq!(rsv, expected, "{agreed:?}");
                    }
                    conn.receive_data(&wire, NOW);
                    assert_eq!(pull(&mut conn), [Event::Message(message.clone().into())]);
                }
                wait(&mut conn);
            }
        }
    }
}

/// Two sides that have negotiated, with the parameters of the answer.
fn negotiated(client: &ClientDeflate, server: &ServerDeflate) -> (Pair, String) {
    let (params, of_server) = server.process_offer(&client.offer()).unwrap();
    let of_client = client.process_response(&params).unwrap();
    let [client, server] = [of_client, of_server].map(|made| Extensions::from(vec![made]));
    let text = params.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ");
    (Pair::open_with(&config(|c| c.ping_interval = None), client, server), text)
}

#[test]
fn messages_arrive_both_ways_until_the_connection_is_closed() {
    let bits = window_bits(8);
    let client = || ClientDeflate::default().min_size(0);
    let server = || ServerDeflate::default().min_size(0);
    let rows = [
        (client(), server().client_max_window_bits(bits), "server_max_window_bits=12", true, false),
        (client().server_max_window_bits(bits), server(), "client_max_window_bits=12", false, true),
        (
            client().server_max_window_bits(bits),
            server().client_max_window_bits(bits),
            "server_max_window_bits=8; client_max_window_bits=8",
            false,
            false,
        ),
        (
            client().client_no_context_takeover(true),
            server().client_max_window_bits(bits).server_no_context_takeover(true),
            "server_no_context_takeover; client_no_context_takeover",
            true,
            false,
        ),
    ];
    for (client, server, part, server_compresses, client_compresses) in rows {
        let (mut pair, answer) = negotiated(&client, &server);
        assert!(answer.contains(part) && answer.contains("max_window_bits=8"), "{answer}");
        let text = "Grüße, or whatever is said again and again; ".repeat(20);
        for round in 0..3 {
            for side in SIDES {
                let mut expected = Vec::new();
                for compress in WISHES {
                    let message = Message::from(&*text);
                    pair.end(side).conn.send(message.clone().compress(compress)).unwrap();
                    let prepared = PreparedMessage::new(message.clone().compress(compress));
                    pair.end(side).conn.send(&prepared).unwrap();
                    expected.extend([message.clone(), message].map(Event::Message));
                }
                let compresses = match side {
                    Side::Client => client_compresses,
                    Side::Server => server_compresses,
                };
                // Four of six compressed, or none.
                let written = pair.end(side).conn.output().len();
                assert_eq!(written < text.len() * 4, compresses, "{answer}: {written}");
                pair.drive();
                assert_eq!(pair.end(side.peer()).events(), expected, "{answer}, round {round}");
            }
            // The encoders give their memory back.
            pair.advance(Duration::from_secs(10));
        }
        let close = ws_types::Close::new(ws_types::CloseCode::NORMAL_CLOSURE, "");
        let now = pair.now;
        pair.client.conn.send_close(close, now).unwrap();
        pair.drive();
        for side in SIDES {
            assert_eq!(pair.end(side).conn.state(), State::Closed, "{answer}");
            let closed = pair.end(side).conn.closed();
            assert!(matches!(closed, ConnectionClosed::ConnectionClosedOK(_)), "{answer}");
        }
    }
}

#[test]
fn a_prepared_message_is_not_shared_with_connections_that_compress() {
    let text = letters(5_000, 1);
    for compress in WISHES {
        for side in SIDES {
            let prepared = PreparedMessage::new(Message::from(text.clone()).compress(compress));
            for bits in [8, 15, 8, 9, 0, 8, 15] {
                let agreed = Agreed { server_bits: bits, client_bits: bits, ..DEFAULT };
                let mut conn = match bits {
                    0 => connect(side, &config(|_| ()), NOW),
                    _ => agreed.connect(side, &config(|_| ())),
                };
                conn.send(&prepared).unwrap();
                let [frame] = &sent(&mut conn)[..] else { panic!("not one frame") };
                let compressed = bits > 8 && compress != Compress::Never;
                assert_eq!(frame.rsv, if compressed { RSV1 } else { 0 }, "{bits} {compress:?}");
                match compressed {
                    true => assert_eq!(Judge::default().message(&frame.payload), Ok(text.clone())),
                    false => assert_eq!(frame.payload, text),
                }
            }
        }
    }
}
