//! Messages that are encoded once, and extensions of users.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use ws_errors::ProtocolError;
use ws_proto::extension::{
    ClientDeflate, ClientExtensionFactory, DataFrame, Extension, Extensions, Rsv, ServerDeflate,
    ServerExtensionFactory,
};
use ws_proto::{Compress, Config, Connection, Message, PreparedMessage};

use crate::{NOW, json, messages, pair, take};

/// Turns each byte by a key, marks it with RSV2, and counts what it encodes.
#[derive(Debug)]
struct Turn {
    key: u8,
    encoded: Arc<AtomicUsize>,
}

impl Extension for Turn {
    fn reserved_bits(&self) -> Rsv {
        Rsv::RSV2
    }

    fn encode(&mut self, frame: DataFrame, payload: &[u8], out: &mut Vec<u8>) -> Option<Rsv> {
        self.encoded.fetch_add(1, Ordering::Relaxed);
        out.extend(payload.iter().map(|byte| byte ^ self.key));
        Some(if frame.first { Rsv::RSV2 } else { Rsv::NONE })
    }

    fn begin_decode(&mut self, _: DataFrame) -> Result<bool, ProtocolError> {
        Ok(true)
    }

    fn decode(
        &mut self,
        input: &mut &[u8],
        _: bool,
        out: &mut Vec<u8>,
        room: usize,
    ) -> Result<bool, ProtocolError> {
        // Never more than three bytes at once, so that it is asked again.
        let (now, later) = input.split_at(input.len().min(room).min(3));
        out.extend(now.iter().map(|byte| byte ^ self.key));
        *input = later;
        Ok(later.is_empty())
    }

    fn forget(&mut self) -> bool {
        true
    }

    fn prepared_key(&self) -> Option<u64> {
        Some(self.key.into())
    }
}

fn turning(key: u8, encoded: &Arc<AtomicUsize>) -> Extensions {
    let turn = Turn { key, encoded: Arc::clone(encoded) };
    Extensions::from(vec![Box::new(turn) as Box<dyn Extension>])
}

#[test]
fn a_prepared_message_is_encoded_once_for_each_setting() {
    let encoded = Arc::new(AtomicUsize::new(0));
    let config = Arc::new(Config::default());
    let news = PreparedMessage::new("the news");
    for key in [1, 2, 1, 2, 2] {
        let conn = || Connection::server(Arc::clone(&config), NOW);
        let mut sender = conn().with_extensions(turning(key, &encoded));
        sender.send(&news).unwrap();
        sender.send(&news).unwrap();
        let wire = take(&mut sender);
        let client = Connection::client(Arc::clone(&config), [0; 32], NOW);
        let mut client = client.with_extensions(turning(key, &Arc::default()));
        assert_eq!(messages(&mut client, &wire), vec![Message::from("the news"); 2]);
    }
    assert_eq!(encoded.load(Ordering::Relaxed), 2);
}

#[test]
fn prepared_messages_stand_between_others_with_context_takeover() {
    let news = PreparedMessage::new(json(7, 5000));
    let small = PreparedMessage::new(Message::from("small").compress(Compress::Always));
    let large = PreparedMessage::new(json(8, 200_000));
    for takeover in [true, false] {
        let deflate = ServerDeflate::default()
            .server_no_context_takeover(!takeover)
            .client_no_context_takeover(!takeover);
        let (mut client, mut server) = pair(&ClientDeflate::default(), &deflate);
        for from_client in [false, true] {
            let (from, to) = match from_client {
                true => (&mut client, &mut server),
                false => (&mut server, &mut client),
            };
            for i in 0..20 {
                let own = json(7, 400 + i);
                from.send(&*own).unwrap();
                from.send(&news).unwrap();
                from.send(&small).unwrap();
                from.send(&large).unwrap();
                from.send(&*own).unwrap();
                let expected = [
                    Message::from(&*own),
                    news.message().clone(),
                    small.message().clone(),
                    large.message().clone(),
                    Message::from(own),
                ];
                let wire = take(from);
                assert!(wire.len() < 60_000);
                assert!(messages(to, &wire) == expected, "{takeover}, {from_client}, {i}");
            }
        }
    }
}

/// permessage-deflate first, then [`Turn`], on both sides.
fn both(side_of_server: bool) -> Extensions {
    let offer = ClientDeflate::default();
    let server = ServerDeflate::default();
    let (answer, at_server) = ServerExtensionFactory::accept(&server, &offer.offer()).unwrap();
    let at_client = ClientExtensionFactory::accept(&offer, &answer).unwrap();
    let deflate = if side_of_server { at_server } else { at_client };
    let turn = Turn { key: 0x55, encoded: Arc::default() };
    Extensions::from(vec![deflate, Box::new(turn) as Box<dyn Extension>])
}

#[test]
fn several_extensions_encode_in_their_order_and_decode_against_it() {
    let config = Arc::new(Config::default());
    let client = Connection::client(Arc::clone(&config), [0; 32], NOW);
    let mut client = client.with_extensions(both(false));
    let mut server = Connection::server(config, NOW).with_extensions(both(true));
    for len in [0, 1, 100, 10_000, 300_000] {
        let message = Message::from(json(len, len));
        server.send(message.clone()).unwrap();
        let wire = take(&mut server);
        // Text, FIN, RSV2, and RSV1 if it was compressed.
        assert_eq!(wire[0], if len < 64 { 0b1010_0001 } else { 0b1110_0001 });
        let (a, b) = wire.split_at(wire.len() / 3);
        let mut received = messages(&mut client, a);
        received.extend(messages(&mut client, b));
        assert!(received == [message], "{len}");
    }
}
