//! From the opening handshake to the first message: no byte is lost on the way between the two.

use ws_proto::client::{ClientHandshake, ClientOptions};
use ws_proto::server::{ServerHandshake, ServerOptions, negotiate};
use ws_proto::{Event, Message};
use ws_types::Side;

use crate::feed::{NOW, config, connect, pull};
use crate::frames::{ping, text, wire};

#[test]
fn a_frame_right_behind_the_response_reaches_the_client() {
    let uri = "ws://localhost/".parse().unwrap();
    let handshake = || ClientHandshake::new(&uri, &ClientOptions::default(), [9; 16], NOW).unwrap();
    let mut server = ServerHandshake::new(&ServerOptions::default(), NOW);
    let request = handshake().request().serialize();
    assert_eq!(server.receive_data(&request), Ok(Some(request.len())));
    let request = server.into_request().unwrap();
    let negotiated = negotiate(&request, &ServerOptions::default(), None).unwrap();
    let head = negotiated.response.serialize();
    let bytes = [&head[..], &wire(Side::Server, &[text("hello"), ping("p")])].concat();
    for at in 0..=bytes.len() {
        let mut client = handshake();
        let mut conn = None;
        let mut events = Vec::new();
        for piece in [&bytes[..at], &bytes[at..]] {
            let rest = match &conn {
                None => match client.receive_data(piece, NOW).unwrap() {
                    None => continue,
                    Some(used) => &piece[used..],
                },
                Some(_) => piece,
            };
            let conn = conn.get_or_insert_with(|| connect(Side::Client, &config(|_| ()), NOW));
            conn.receive_data(rest, NOW);
            events.extend(pull(conn));
        }
        let expected = [Event::Message(Message::from("hello")), Event::Ping(b"p".into())];
        assert_eq!(events, expected, "cut at {at}");
    }
}
