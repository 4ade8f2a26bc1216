//! The negotiation as a part of the opening handshake: several offers, several extensions, and the
//! headers ([RFC 6455 §9.1]).
//!
//! [RFC 6455 §9.1]: https://www.rfc-editor.org/rfc/rfc6455#section-9.1

use std::time::Duration;

use ws_errors::{NegotiationError, ProtocolError};
use ws_proto::Uri;
use ws_proto::client::{ClientHandshake, ClientOptions};
use ws_proto::extension::{
    ClientExtensionFactory, DataFrame, Extension, Rsv, ServerDeflate, ServerExtensionFactory,
};
use ws_proto::http::{HandshakeLimits, Request};
use ws_proto::server::{ServerHandshake, ServerOptions, accept};
use ws_types::ExtensionParameter;

use crate::negotiation::{client, client_bits, server, server_bits, wants};

const NAME: &str = "Sec-WebSocket-Extensions";

#[track_caller]
fn request(lines: &[&str]) -> Request {
    let mut head = "GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
                    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
        .to_owned();
    for line in lines {
        head.push_str(&format!("{NAME}: {line}\r\n"));
    }
    head.push_str("\r\n");
    let mut handshake = ServerHandshake::new(HandshakeLimits::default(), Duration::ZERO);
    assert_eq!(handshake.receive_data(head.as_bytes()), Ok(Some(head.len())));
    handshake.into_request().expect("complete")
}

/// The header of a server's answer to offers in these header lines.
#[track_caller]
fn answer(options: &ServerOptions, lines: &[&str]) -> Result<Option<String>, String> {
    let accepted = accept(&request(lines), options, None).map_err(|e| e.to_string())?;
    let header = accepted.response.headers.get(NAME).expect("once").map(ToOwned::to_owned);
    assert_eq!(accepted.negotiated.is_empty(), header.is_none());
    assert_eq!(accepted.extensions.is_empty(), header.is_none());
    Ok(header)
}

/// What a client makes of an answer with these header lines: whether it uses any extension.
#[track_caller]
fn outcome(options: &ClientOptions, lines: &[&str]) -> Result<bool, String> {
    let uri = Uri::parse("ws://a/").expect("a URI");
    let nonce = *b"the sample nonce";
    let mut handshake =
        ClientHandshake::new(&uri, options.clone(), nonce, Duration::ZERO).expect("valid");
    let mut head = "HTTP/1.1 101 \r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
                    Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"
        .to_owned();
    for line in lines {
        head.push_str(&format!("{NAME}: {line}\r\n"));
    }
    head.push_str("\r\n");
    let used = handshake.receive_data(head.as_bytes()).map_err(|e| e.to_string())?;
    assert_eq!(used, Some(head.len()));
    Ok(!handshake.into_accepted().expect("accepted").negotiated.is_empty())
}

/// An extension that does nothing with reserved bits of the test's choice.
#[derive(Clone, Debug)]
struct Claims(&'static str, Rsv);

impl Extension for Claims {
    fn reserved_bits(&self) -> Rsv {
        self.1
    }

    fn encode(&mut self, _: DataFrame, _: &[u8], _: &mut Vec<u8>) -> Option<Rsv> {
        None
    }

    fn begin_decode(&mut self, _: DataFrame) -> Result<bool, ProtocolError> {
        Ok(false)
    }

    fn decode(
        &mut self,
        _: &mut &[u8],
        _: bool,
        _: &mut Vec<u8>,
        _: usize,
    ) -> Result<bool, ProtocolError> {
        Ok(true)
    }
}

impl ClientExtensionFactory for Claims {
    fn name(&self) -> &str {
        self.0
    }

    fn offer(&self) -> Vec<ExtensionParameter> {
        Vec::new()
    }

    fn accept(&self, _: &[ExtensionParameter]) -> Result<Box<dyn Extension>, NegotiationError> {
        Ok(Box::new(self.clone()))
    }
}

impl ServerExtensionFactory for Claims {
    fn name(&self) -> &str {
        self.0
    }

    fn accept(
        &self,
        _: &[ExtensionParameter],
    ) -> Result<(Vec<ExtensionParameter>, Box<dyn Extension>), NegotiationError> {
        Ok((Vec::new(), Box::new(self.clone())))
    }
}

#[test]
fn a_server_takes_the_first_offer_that_fits() {
    let deflate = |server| ServerOptions::default().extension(server);
    let strict = || client_bits(11).require_client_max_window_bits(true);
    let bit = |rsv| ServerOptions::default().extension(server()).extension(Claims("x-a", rsv));
    let table: [(&str, ServerOptions, &[&str], Option<&str>); 14] = [
        ("nothing offered", deflate(server()), &[], None),
        ("one", deflate(server()), &["permessage-deflate"], Some("permessage-deflate")),
        ("unknown ones", deflate(server()), &["x-webkit-deflate-frame, foo; a=b"], None),
        ("another case", deflate(server()), &["Permessage-Deflate"], None),
        (
            "a bad one, then a good one",
            deflate(server()),
            &["permessage-deflate; x, permessage-deflate"],
            Some("permessage-deflate"),
        ),
        (
            "window 8, then 10",
            deflate(server()),
            &[
                "permessage-deflate; server_max_window_bits=8, permessage-deflate; server_max_window_bits=10",
            ],
            Some("permessage-deflate; server_max_window_bits=10"),
        ),
        (
            "only window 8",
            deflate(server()),
            &["permessage-deflate; server_max_window_bits=8"],
            None,
        ),
        (
            "two lines",
            deflate(strict()),
            &["permessage-deflate", "permessage-deflate; client_max_window_bits"],
            Some("permessage-deflate; client_max_window_bits=11"),
        ),
        (
            "the second is to fall back on",
            deflate(server()),
            &["permessage-deflate; server_max_window_bits=10, permessage-deflate"],
            Some("permessage-deflate; server_max_window_bits=10"),
        ),
        (
            "two factories, the first fits",
            deflate(strict()).extension(server()),
            &["permessage-deflate; client_max_window_bits"],
            Some("permessage-deflate; client_max_window_bits=11"),
        ),
        (
            "two factories, the second fits",
            deflate(strict()).extension(server_bits(9)),
            &["permessage-deflate"],
            Some("permessage-deflate; server_max_window_bits=9"),
        ),
        (
            "two extensions, the client's order",
            bit(Rsv::RSV2),
            &["x-a, permessage-deflate"],
            Some("x-a, permessage-deflate"),
        ),
        (
            "both claim RSV1, deflate comes first",
            bit(Rsv::RSV1),
            &["permessage-deflate, x-a"],
            Some("permessage-deflate"),
        ),
        (
            "both claim RSV1, deflate comes last",
            bit(Rsv::RSV1),
            &["x-a, permessage-deflate"],
            Some("x-a"),
        ),
    ];
    for (name, options, lines, expected) in table {
        assert_eq!(answer(&options, lines), Ok(expected.map(str::to_owned)), "{name}");
    }
}

#[test]
fn a_server_parses_the_header_only_if_it_has_extensions() {
    let garbage = ["permessage-deflate; =", "foo bar", ",", "a;"];
    for line in garbage {
        assert_eq!(answer(&ServerOptions::default(), &[line]), Ok(None));
        let with = ServerOptions::default().extension(server());
        let error = accept(&request(&[line]), &with, None).unwrap_err();
        assert!(error.to_string().contains(NAME), "{error}");
        assert_eq!(error.http_status(), ws_errors::HttpAnswer::Status(400));
    }
}

#[test]
fn a_client_fails_on_answers_that_it_did_not_ask_for() {
    type Row<'a> = (&'a str, ClientOptions, &'a [&'a str], Result<bool, String>);
    let deflate = || ClientOptions::default().extension(client());
    let bit = |rsv| deflate().extension(Claims("x-a", rsv));
    let unsupported = |name: &str, params: &str| {
        format!("Unsupported extension: name = {name}, params = [{params}]")
    };
    let none = "no extensions supported".to_owned();
    let twice = "received duplicate permessage-deflate".to_owned();
    let conflict = |name: &str| Err(unsupported(name, ""));
    let table: [Row<'_>; 15] = [
        ("none offered, none accepted", ClientOptions::default(), &[], Ok(false)),
        (
            "none offered, one accepted",
            ClientOptions::default(),
            &["permessage-deflate"],
            Err(none.clone()),
        ),
        ("none offered, garbage", ClientOptions::default(), &["; ="], Err(none.clone())),
        ("none offered, an empty header", ClientOptions::default(), &[""], Err(none)),
        ("offered, not accepted", deflate(), &[], Ok(false)),
        ("offered, accepted", deflate(), &["permessage-deflate"], Ok(true)),
        (
            "another one accepted",
            deflate(),
            &["foo; a; b=1"],
            Err(unsupported("foo", "('a', None), ('b', '1')")),
        ),
        (
            "bad parameters",
            deflate(),
            &["permessage-deflate; x"],
            Err(unsupported("permessage-deflate", "('x', None)")),
        ),
        (
            "window 8",
            deflate(),
            &["permessage-deflate; client_max_window_bits=8"],
            Err(unsupported("permessage-deflate", "('client_max_window_bits', '8')")),
        ),
        (
            "accepted twice",
            deflate(),
            &["permessage-deflate, permessage-deflate"],
            Err(twice.clone()),
        ),
        (
            "accepted twice in two lines",
            deflate(),
            &["permessage-deflate", "permessage-deflate"],
            Err(twice),
        ),
        (
            "the second factory fits",
            ClientOptions::default().extension(wants(9)).extension(client()),
            &["permessage-deflate"],
            Ok(true),
        ),
        ("two extensions", bit(Rsv::RSV2), &["x-a, permessage-deflate"], Ok(true)),
        ("both claim RSV1", bit(Rsv::RSV1), &["permessage-deflate, x-a"], conflict("x-a")),
        (
            "both claim RSV1, the other way round",
            bit(Rsv::RSV1),
            &["x-a, permessage-deflate"],
            conflict("permessage-deflate"),
        ),
    ];
    for (name, options, lines, expected) in table {
        assert_eq!(outcome(&options, lines), expected, "{name}");
    }
}

#[test]
fn whole_handshakes_agree_on_both_sides() {
    let none = ServerOptions::default;
    let table: [(ClientOptions, ServerOptions, Option<&str>, Option<&str>); 4] = [
        (
            ClientOptions::default().extension(client()),
            none().extension(ServerDeflate::default()),
            Some("permessage-deflate; client_max_window_bits"),
            Some("permessage-deflate; server_max_window_bits=12; client_max_window_bits=12"),
        ),
        (
            // The second offer is to fall back on.
            ClientOptions::default().extension(wants(8)).extension(wants(9)),
            none().extension(server()),
            Some(
                "permessage-deflate; server_max_window_bits=8; client_max_window_bits, \
                 permessage-deflate; server_max_window_bits=9; client_max_window_bits",
            ),
            Some("permessage-deflate; server_max_window_bits=9"),
        ),
        (
            ClientOptions::default().extension(client()),
            none(),
            Some("permessage-deflate; client_max_window_bits"),
            None,
        ),
        (ClientOptions::default(), none().extension(server()), None, None),
    ];
    for (client, server, offered, answered) in table {
        let uri = Uri::parse("ws://a/").expect("a URI");
        let nonce = *b"the sample nonce";
        let handshake =
            ClientHandshake::new(&uri, client.clone(), nonce, Duration::ZERO).expect("valid");
        assert_eq!(handshake.request().headers().get(NAME), Ok(offered));
        let lines: Vec<&str> = offered.into_iter().collect();
        assert_eq!(answer(&server, &lines), Ok(answered.map(str::to_owned)));
        let lines: Vec<&str> = answered.into_iter().collect();
        assert_eq!(outcome(&client, &lines), Ok(answered.is_some()));
    }
}
