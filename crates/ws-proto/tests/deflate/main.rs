//! permessage-deflate and extensions of users, from the outside ([RFC 7692]).
//!
//! [RFC 7692]: https://www.rfc-editor.org/rfc/rfc7692#section-7

#![expect(clippy::indexing_slicing, reason = "the tests choose the indexes; a panic is a failure")]

mod messages;
mod negotiation;
mod prepared;
mod violations;

use std::sync::Arc;
use std::time::Duration;

use bytes::Buf;
use ws_proto::extension::{
    ClientDeflate, ClientExtensionFactory, Extensions, ServerDeflate, ServerExtensionFactory,
};
use ws_proto::{Config, Connection, Event, Message};
use ws_types::ExtensionParameter;

pub(crate) const NOW: Duration = Duration::from_secs(1);

/// Parameters, written as in a header.
pub(crate) fn params(text: &str) -> Vec<ExtensionParameter> {
    let params = text.split("; ").filter(|param| !param.is_empty()).map(|param| {
        let (name, value) = match param.split_once('=') {
            Some((name, value)) => (name, Some(value)),
            None => (param, None),
        };
        ExtensionParameter::new(name, value).expect("tokens")
    });
    params.collect()
}

pub(crate) fn text(params: &[ExtensionParameter]) -> String {
    params.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}

/// A client and a server that agreed.
pub(crate) fn pair(client: &ClientDeflate, server: &ServerDeflate) -> (Connection, Connection) {
    pair_with(client, server, Config::default())
}

pub(crate) fn pair_with(
    client: &ClientDeflate,
    server: &ServerDeflate,
    config: Config,
) -> (Connection, Connection) {
    let (answer, at_server) = ServerExtensionFactory::accept(server, &client.offer()).unwrap();
    let at_client = ClientExtensionFactory::accept(client, &answer).unwrap();
    let config = Arc::new(config);
    let one = |extension| Extensions::from(vec![extension]);
    (
        Connection::client(Arc::clone(&config), [9; 32], NOW).with_extensions(one(at_client)),
        Connection::server(config, NOW).with_extensions(one(at_server)),
    )
}

/// A server that decodes with 15 window bits, and takes its context over.
pub(crate) fn server_with(config: Config) -> Connection {
    let deflate = ServerDeflate::default();
    let (_, extension) = ServerExtensionFactory::accept(&deflate, &[]).unwrap();
    Connection::server(Arc::new(config), NOW).with_extensions(Extensions::from(vec![extension]))
}

/// A frame of a client, with the masking key 0.
pub(crate) fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut bytes = vec![first];
    match payload.len() {
        n @ 0..=125 => bytes.push(0x80 | n as u8),
        n @ 126..=0xFFFF => {
            bytes.push(0x80 | 126);
            bytes.extend((n as u16).to_be_bytes());
        }
        n => {
            bytes.push(0x80 | 127);
            bytes.extend((n as u64).to_be_bytes());
        }
    }
    bytes.extend([0; 4]);
    bytes.extend(payload);
    bytes
}

/// Takes all that is to be written.
pub(crate) fn take(conn: &mut Connection) -> Vec<u8> {
    let n = conn.output_len();
    conn.output().copy_to_bytes(n).to_vec()
}

/// The messages that come of what is received.
pub(crate) fn messages(conn: &mut Connection, bytes: &[u8]) -> Vec<Message> {
    conn.receive_data(bytes);
    let events = std::iter::from_fn(|| conn.poll_event(|| NOW));
    events.filter_map(|event| if let Event::Message(m) = event { Some(m) } else { None }).collect()
}

/// JSON that compresses well, and differs from one call to the next.
pub(crate) fn json(seed: usize, len: usize) -> String {
    let mut text = String::new();
    let mut n = seed as u64;
    while text.len() < len {
        n = n.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        text.push_str(&format!(
            "{{\"id\":{},\"name\":\"n{}\",\"ok\":true}},",
            n >> 40,
            (n >> 33) % 50
        ));
    }
    text.truncate(len);
    text
}

/// Bytes that don't compress.
pub(crate) fn noise(seed: u64, len: usize) -> Vec<u8> {
    let mut n = seed.wrapping_add(1);
    let mut next = || {
        n ^= n << 13;
        n ^= n >> 7;
        n ^= n << 17;
        (n >> 32) as u8
    };
    (0..len).map(|_| next()).collect()
}
