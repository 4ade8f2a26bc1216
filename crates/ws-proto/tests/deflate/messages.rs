//! Messages through compression, in both directions.

use bytes::BufMut;
use ws_proto::extension::{ClientDeflate, ServerDeflate};
use ws_proto::{Compress, Config, Connection, Event, Message, ReadMemory, ReadSpace};

use crate::{NOW, frame, json, messages, noise, pair, pair_with, server_with, take};

/// The examples of [RFC 7692 §7.2.3], and what they are messages of.
///
/// [RFC 7692 §7.2.3]: https://www.rfc-editor.org/rfc/rfc7692#section-7.2.3
#[test]
fn rfc7692_7_2_3_examples_are_decoded() {
    const FIXED: &[u8] = &[0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00];
    let cases: [(&str, Vec<Vec<u8>>, usize); 8] = [
        ("one block", vec![frame(0xC1, FIXED)], 1),
        (
            "two fragments",
            vec![frame(0x41, &FIXED[..3]), frame(0x89, b"?"), frame(0x80, &FIXED[3..])],
            1,
        ),
        (
            "context takeover",
            vec![frame(0xC1, FIXED), frame(0xC1, &[0xf2, 0x00, 0x11, 0x00, 0x00])],
            2,
        ),
        ("no compression", vec![frame(0xC1, b"\x00\x05\x00\xfa\xffHello\x00")], 1),
        ("BFINAL", vec![frame(0xC1, &[0xf3, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00, 0x00])], 1),
        (
            "BFINAL without the byte behind it, and a reference across it",
            vec![
                frame(0xC1, &[0xf3, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00]),
                frame(0xC1, &[0xf2, 0x00, 0x11, 0x00, 0x00]),
            ],
            2,
        ),
        (
            "two blocks",
            vec![frame(
                0xC1,
                &[0xf2, 0x48, 0x05, 0x00, 0x00, 0x00, 0xff, 0xff, 0xca, 0xc9, 0xc9, 0x07, 0x00],
            )],
            1,
        ),
        ("raw in between", vec![frame(0xC1, FIXED), frame(0x81, b"Hello"), frame(0xC1, FIXED)], 3),
    ];
    for (name, frames, count) in cases {
        let bytes = frames.concat();
        for cut in 0..=bytes.len() {
            let mut server = server_with(Config::default());
            let mut received = messages(&mut server, &bytes[..cut]);
            // A driver that waits takes its memory back, and the decompressor goes with it.
            drop(server.reclaim_input());
            received.extend(messages(&mut server, &bytes[cut..]));
            assert_eq!(received, vec![Message::from("Hello"); count], "{name}, cut at {cut}");
        }
    }
}

#[test]
fn an_empty_message_is_a_single_byte() {
    let (mut client, mut server) = pair(&ClientDeflate::default(), &ServerDeflate::default());
    for _ in 0..3 {
        server.send(Message::from("").compress(Compress::Always)).unwrap();
        let wire = take(&mut server);
        assert_eq!(wire, [0xC1, 1, 0x00]);
        assert_eq!(messages(&mut client, &wire), [Message::from("")]);
    }
}

#[test]
fn every_setting_carries_messages_of_every_kind() {
    for bits in [9, 10, 12, 15] {
        for takeover in [true, false] {
            let server = ServerDeflate::default()
                .server_max_window_bits(bits)
                .unwrap()
                .client_max_window_bits(bits)
                .unwrap()
                .server_no_context_takeover(!takeover)
                .client_no_context_takeover(!takeover);
            let (mut client, mut server) = pair(&ClientDeflate::default(), &server);
            let mut saved = 0;
            for i in 0..120 {
                let len = [0, 1, 63, 64, 200, 3000, 40_000][i % 7];
                let message = match i % 3 {
                    0 => Message::from(noise(i as u64, len)),
                    1 => Message::from(json(i, len)),
                    _ => Message::from("é€𝄞".repeat(len / 9)),
                };
                let wish = [Compress::Auto, Compress::Auto, Compress::Always, Compress::Never];
                for (from, to) in [(true, false), (false, true)] {
                    let sender = if from { &mut client } else { &mut server };
                    sender.send(message.clone().compress(wish[i % 4])).unwrap();
                    let wire = take(sender);
                    saved += message.len().saturating_sub(wire.len());
                    let receiver = if to { &mut client } else { &mut server };
                    let (a, b) = wire.split_at(i * 7 % wire.len());
                    let mut received = messages(receiver, a);
                    if i % 2 == 0 {
                        drop(receiver.reclaim_input());
                    }
                    received.extend(messages(receiver, b));
                    assert!(
                        received == std::slice::from_ref(&message),
                        "{bits} bits, {takeover}, {i}"
                    );
                }
            }
            assert!(saved > 100_000, "{saved}");
        }
    }
}

#[test]
fn with_takeover_a_message_refers_to_the_one_before() {
    for (takeover, later) in [(true, 0..40), (false, 100..400)] {
        let server = ServerDeflate::default().server_no_context_takeover(!takeover);
        let (mut client, mut server) = pair(&ClientDeflate::default(), &server);
        let message = Message::from(json(1, 1000));
        for i in 0..3 {
            server.send(message.clone()).unwrap();
            let wire = take(&mut server);
            assert_eq!(wire[0], 0xC1);
            if i > 0 {
                assert!(later.contains(&wire.len()), "{takeover}: {} bytes", wire.len());
            }
            assert_eq!(messages(&mut client, &wire), std::slice::from_ref(&message));
        }
    }
}

#[test]
fn after_a_while_without_messages_the_compressor_forgets() {
    let mut config = Config::default();
    config.ping_interval = None;
    let (mut client, mut server) =
        pair_with(&ClientDeflate::default(), &ServerDeflate::default(), config);
    let message = Message::from(json(1, 1000));
    assert_eq!(server.poll_timeout(), None);
    server.send(message.clone()).unwrap();
    let first = take(&mut server);
    assert_eq!(server.poll_event(|| NOW), None, "the driver is about to wait");
    let due = server.poll_timeout().expect("there is a compressor");
    assert_eq!(due, 2 * NOW);
    // It was used in the meantime: another second.
    server.send(message.clone()).unwrap();
    let second = take(&mut server);
    assert!(second.len() < 40);
    server.handle_timeout(due);
    assert_eq!(server.poll_timeout(), Some(3 * NOW));
    server.handle_timeout(3 * NOW);
    assert_eq!(server.poll_timeout(), None);
    server.send(message.clone()).unwrap();
    let third = take(&mut server);
    assert_eq!(third, first, "nothing is remembered");
    assert_eq!(messages(&mut client, &[first, second, third].concat()), vec![message; 3]);
}

#[test]
fn fragments_are_compressed_one_by_one() {
    let (mut client, mut server) = pair(&ClientDeflate::default(), &ServerDeflate::default());
    let whole = json(3, 20_000);
    for pieces in [1, 2, 7] {
        let mut rest = &*whole;
        for i in 0..pieces {
            let (now, later) = rest.split_at(if i + 1 == pieces { rest.len() } else { 2500 });
            server.send_chunk(now, false).unwrap();
            server.send_chunk("", false).unwrap();
            _ = server.ping(None, NOW).unwrap();
            rest = later;
        }
        server.send_chunk("", true).unwrap();
        let wire = take(&mut server);
        assert!(wire.len() < whole.len() / 2);
        assert_eq!(messages(&mut client, &wire), [Message::from(&*whole)]);
    }
}

/// Receives in pieces; gives them joined, and the longest.
fn stream(conn: &mut Connection, bytes: &[u8], step: usize) -> (Vec<u8>, usize) {
    let (mut joined, mut longest) = (Vec::new(), 0);
    let mut memory = Some(ReadMemory::with_capacity(8192));
    for piece in bytes.chunks(step) {
        let mut left = piece;
        while !left.is_empty() {
            let n = match conn.read_space(|| memory.take().unwrap_or_default()) {
                ReadSpace::Input(space) => {
                    let n = space.len().min(left.len());
                    space[..n].copy_from_slice(&left[..n]);
                    n
                }
                ReadSpace::Payload(mut space) => {
                    let n = space.remaining_mut().min(left.len());
                    space.put_slice(&left[..n]);
                    n
                }
                _ => unreachable!("no other space is known"),
            };
            left = &left[n..];
            conn.received(n);
            while let Some(event) = conn.poll_chunk(|| NOW) {
                let Event::Chunk { data, .. } = event else { continue };
                longest = longest.max(data.len());
                joined.extend_from_slice(data.as_bytes());
                if data.is_text() {
                    assert!(std::str::from_utf8(data.as_bytes()).is_ok());
                }
            }
        }
        memory = Some(conn.reclaim_input());
    }
    (joined, longest)
}

#[test]
fn pieces_are_bounded_whatever_the_ratio() {
    let mut config = Config::default();
    config.max_message_size = None;
    let deflate = ClientDeflate::default();
    let (mut client, mut server) = pair_with(&deflate, &ServerDeflate::default(), config);
    for message in ["\0".repeat(3_000_000), "é€𝄞".repeat(100_000)] {
        client.send(&*message).unwrap();
        let wire = take(&mut client);
        assert!(wire.len() < message.len() / 50);
        for step in [1_000, 100_000] {
            // The same bytes twice: the context is that of the client's only the first time.
            if step == 100_000 {
                client.send(&*message).unwrap();
            }
            let wire = if step == 1_000 { wire.clone() } else { take(&mut client) };
            let (joined, longest) = stream(&mut server, &wire, step);
            assert!(joined == message.as_bytes(), "step {step}");
            assert!(longest <= 64 << 10, "{longest}");
        }
    }
}

#[test]
fn a_skipped_message_keeps_the_context() {
    let (mut client, mut server) = pair(&ClientDeflate::default(), &ServerDeflate::default());
    let long = json(5, 200_000);
    client.send(&*long).unwrap();
    let wire = take(&mut client);
    server.receive_data(&wire[..wire.len() / 2]);
    assert!(matches!(server.poll_chunk(|| NOW), Some(Event::Chunk { last: false, .. })));
    server.skip_message();
    client.send(&*long).unwrap();
    let again = take(&mut client);
    let received = messages(&mut server, &[&wire[wire.len() / 2..], &again].concat());
    assert_eq!(received, [Message::from(long)]);
}
