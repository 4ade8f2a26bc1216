//! The tables of the negotiation, row by row.

use ws_errors::NegotiationError;
use ws_proto::client::{ClientHandshake, ClientOptions};
use ws_proto::extension::{
    ClientDeflate, ClientExtensionFactory, ClientWindow, DataFrame, Extension, Rsv, ServerDeflate,
    ServerExtensionFactory,
};
use ws_proto::http::HandshakeLimits;
use ws_proto::server::{self, ServerHandshake, ServerOptions};
use ws_types::ExtensionParameter;

use crate::{NOW, params, text};

/// A client with these settings, written as a header would have them; `client_max_window_bits=any`.
fn client(settings: &str) -> ClientDeflate {
    let mut deflate =
        ClientDeflate::default().client_max_window_bits(ClientWindow::Unlimited).unwrap();
    for param in params(settings) {
        deflate = match (param.name(), param.value()) {
            ("server_no_context_takeover", _) => deflate.server_no_context_takeover(true),
            ("client_no_context_takeover", _) => deflate.client_no_context_takeover(true),
            ("server_max_window_bits", Some(n)) => {
                deflate.server_max_window_bits(n.parse::<u8>().unwrap()).unwrap()
            }
            (_, Some(n)) => {
                deflate.client_max_window_bits(ClientWindow::AtMost(n.parse().unwrap())).unwrap()
            }
            (_, None) => deflate.client_max_window_bits(ClientWindow::Any).unwrap(),
        };
    }
    deflate
}

fn server(settings: &str) -> ServerDeflate {
    let deflate = ServerDeflate::default();
    let deflate = deflate.server_max_window_bits(None).unwrap();
    let mut deflate = deflate.client_max_window_bits(None).unwrap();
    for param in params(settings) {
        let bits = param.value().map(|n| n.parse::<u8>().unwrap());
        deflate = match param.name() {
            "server_no_context_takeover" => deflate.server_no_context_takeover(true),
            "client_no_context_takeover" => deflate.client_no_context_takeover(true),
            "server_max_window_bits" => deflate.server_max_window_bits(bits).unwrap(),
            "require" => deflate.require_client_max_window_bits(true),
            _ => deflate.client_max_window_bits(bits).unwrap(),
        };
    }
    deflate
}

#[test]
fn a_client_processes_the_response() {
    const S: &str = "server_no_context_takeover";
    const C: &str = "client_no_context_takeover";
    for (row, own, response, error) in [
        ("server takeover: off, off", "", "", None),
        ("server takeover: off, on", "", S, None),
        ("server takeover: on, off", S, "", Some("expected server_no_context_takeover")),
        ("server takeover: on, on", S, S, None),
        ("client takeover: off, off", "", "", None),
        ("client takeover: off, on", "", C, None),
        ("client takeover: on, off", C, "", None),
        ("client takeover: on, on", C, C, None),
        ("server bits: none, none", "", "", None),
        ("server bits: none, M", "", "server_max_window_bits=10", None),
        (
            "server bits: N, none",
            "server_max_window_bits=10",
            "",
            Some("expected server_max_window_bits"),
        ),
        ("server bits: N, M < N", "server_max_window_bits=10", "server_max_window_bits=8", None),
        ("server bits: N, M = N", "server_max_window_bits=10", "server_max_window_bits=10", None),
        (
            "server bits: N, M > N",
            "server_max_window_bits=10",
            "server_max_window_bits=11",
            Some("unsupported server_max_window_bits"),
        ),
        ("client bits: none, none", "", "", None),
        (
            "client bits: none, M",
            "",
            "client_max_window_bits=10",
            Some("unexpected client_max_window_bits"),
        ),
        ("client bits: any, none", "client_max_window_bits", "", None),
        ("client bits: any, M", "client_max_window_bits", "client_max_window_bits=10", None),
        ("client bits: N, none", "client_max_window_bits=10", "", None),
        ("client bits: N, M < N", "client_max_window_bits=10", "client_max_window_bits=9", None),
        ("client bits: N, M = N", "client_max_window_bits=10", "client_max_window_bits=10", None),
        (
            "client bits: N, M > N",
            "client_max_window_bits=10",
            "client_max_window_bits=11",
            Some("unsupported client_max_window_bits"),
        ),
        (
            "final client bits: 8",
            "client_max_window_bits",
            "client_max_window_bits=8",
            Some("unsupported client_max_window_bits = 8, use 9"),
        ),
    ] {
        let result = ClientExtensionFactory::accept(&client(own), &params(response));
        assert_eq!(result.err().map(|e| e.to_string()).as_deref(), error, "{row}");
    }
}

#[test]
fn a_server_processes_the_request() {
    const S: &str = "server_no_context_takeover";
    const C: &str = "client_no_context_takeover";
    const REQUIRED: &str = "client_max_window_bits=10; require";
    for (row, config, request, response) in [
        ("server takeover: off, off", "", "", Ok("")),
        ("server takeover: off, on", "", S, Ok(S)),
        ("server takeover: on, off", S, "", Ok(S)),
        ("server takeover: on, on", S, S, Ok(S)),
        ("client takeover: off, off", "", "", Ok("")),
        ("client takeover: off, on", "", C, Ok(C)),
        ("client takeover: on, off", C, "", Ok(C)),
        ("client takeover: on, on", C, C, Ok(C)),
        ("server bits: none, none", "", "", Ok("")),
        ("server bits: none, M", "", "server_max_window_bits=10", Ok("server_max_window_bits=10")),
        ("server bits: N, none", "server_max_window_bits=10", "", Ok("server_max_window_bits=10")),
        (
            "server bits: N, M < N",
            "server_max_window_bits=10",
            "server_max_window_bits=9",
            Ok("server_max_window_bits=9"),
        ),
        (
            "server bits: N, M > N",
            "server_max_window_bits=10",
            "server_max_window_bits=12",
            Ok("server_max_window_bits=10"),
        ),
        ("client bits: none, none", "", "", Ok("")),
        ("client bits: none, bare", "", "client_max_window_bits", Ok("")),
        ("client bits: none, M", "", "client_max_window_bits=10", Ok("client_max_window_bits=10")),
        ("client bits: N, none", "client_max_window_bits=10", "", Ok("")),
        ("client bits: N required, none", REQUIRED, "", Err("required client_max_window_bits")),
        (
            "client bits: N, bare",
            "client_max_window_bits=10",
            "client_max_window_bits",
            Ok("client_max_window_bits=10"),
        ),
        (
            "client bits: N, M < N",
            "client_max_window_bits=10",
            "client_max_window_bits=8",
            Ok("client_max_window_bits=8"),
        ),
        (
            "client bits: N, M > N",
            "client_max_window_bits=10",
            "client_max_window_bits=12",
            Ok("client_max_window_bits=10"),
        ),
        (
            "final server bits: 8",
            "",
            "server_max_window_bits=8",
            Err("unsupported server_max_window_bits = 8, use 9"),
        ),
        (
            "the order of the answer",
            "client_max_window_bits=11; server_max_window_bits=12",
            "client_max_window_bits; client_no_context_takeover; server_no_context_takeover",
            Ok("server_no_context_takeover; client_no_context_takeover; \
                server_max_window_bits=12; client_max_window_bits=11"),
        ),
    ] {
        let result = ServerExtensionFactory::accept(&server(config), &params(request));
        let answer = result.map(|(answer, _)| text(&answer)).map_err(|e| e.to_string());
        assert_eq!(answer.as_deref().map_err(|e| &**e), response, "{row}");
    }
}

#[test]
fn parameters_are_read_to_the_letter() {
    for (row, param, in_offer, in_answer) in [
        ("unknown", "x", Some("invalid parameter name: x"), Some("invalid parameter name: x")),
        (
            "a flag with a value",
            "server_no_context_takeover=1",
            Some("invalid value for parameter server_no_context_takeover: 1"),
            Some("invalid value for parameter server_no_context_takeover: 1"),
        ),
        (
            "bits without a value",
            "server_max_window_bits",
            Some("missing value for parameter server_max_window_bits"),
            Some("missing value for parameter server_max_window_bits"),
        ),
        (
            "client bits without a value",
            "client_max_window_bits",
            None,
            Some("missing value for parameter client_max_window_bits"),
        ),
        (
            "7",
            "server_max_window_bits=7",
            Some("invalid value for parameter server_max_window_bits: 7"),
            Some("invalid value for parameter server_max_window_bits: 7"),
        ),
        (
            "16",
            "client_max_window_bits=16",
            Some("invalid value for parameter client_max_window_bits: 16"),
            Some("invalid value for parameter client_max_window_bits: 16"),
        ),
        (
            "a leading zero",
            "client_max_window_bits=09",
            Some("invalid value for parameter client_max_window_bits: 09"),
            Some("invalid value for parameter client_max_window_bits: 09"),
        ),
        (
            "twice",
            "client_no_context_takeover; client_no_context_takeover",
            Some("duplicate parameter: client_no_context_takeover"),
            Some("duplicate parameter: client_no_context_takeover"),
        ),
    ] {
        let offer = ServerExtensionFactory::accept(&ServerDeflate::default(), &params(param));
        assert_eq!(offer.err().map(|e| e.to_string()).as_deref(), in_offer, "{row}");
        let answer = ClientExtensionFactory::accept(&ClientDeflate::default(), &params(param));
        assert_eq!(answer.err().map(|e| e.to_string()).as_deref(), in_answer, "{row}");
    }
}

#[test]
fn settings_have_ranges() {
    let client = ClientDeflate::default;
    let server = ServerDeflate::default;
    for (error, text) in [
        (server().level(10).err(), "level must be between 0 and 9"),
        (client().memory_level(0).err(), "memory_level must be between 1 and 9"),
        (
            server().server_max_window_bits(8).err(),
            "server_max_window_bits must be between 9 and 15",
        ),
        (
            server().client_max_window_bits(7).err(),
            "client_max_window_bits must be between 8 and 15",
        ),
        (
            client().server_max_window_bits(16).err(),
            "server_max_window_bits must be between 8 and 15",
        ),
        (
            client().client_max_window_bits(ClientWindow::AtMost(8)).err(),
            "client_max_window_bits must be between 9 and 15",
        ),
    ] {
        assert_eq!(error.map(|e| e.to_string()).as_deref(), Some(text));
    }
    assert!(
        server().client_max_window_bits(8).is_ok() && client().server_max_window_bits(8).is_ok()
    );
}

fn request(extensions: &[&str]) -> ws_proto::http::Request {
    let mut head =
        "GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
        Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
            .to_owned();
    for line in extensions {
        head.push_str(&format!("Sec-WebSocket-Extensions: {line}\r\n"));
    }
    head.push_str("\r\n");
    let mut handshake = ServerHandshake::new(HandshakeLimits::default(), NOW);
    handshake.receive_data(head.as_bytes()).unwrap();
    handshake.into_request().unwrap()
}

/// What a server answers in the header, if it answers at all.
fn answer(options: &ServerOptions, offers: &[&str]) -> Option<String> {
    let accepted = server::accept(&request(offers), options, None).unwrap();
    let header = accepted.response.headers.get("Sec-WebSocket-Extensions").unwrap();
    assert_eq!(header.is_some(), !accepted.negotiated.is_empty());
    header.map(str::to_owned)
}

#[test]
fn a_server_takes_the_first_offer_that_fits() {
    let plain = ServerOptions::default();
    assert_eq!(
        answer(&plain, &["garbage;;; =,"]),
        None,
        "nothing is configured, nothing is parsed"
    );
    let options = ServerOptions::default().extension(server(""));
    assert!(server::accept(&request(&["garbage;;; =,"]), &options, None).is_err());
    for (offers, expected) in [
        (&[][..], None),
        (&["x-other"], None),
        (&["permessage-deflate"], Some("permessage-deflate")),
        (&["permessage-deflate; x, permessage-deflate"], Some("permessage-deflate")),
        (&["permessage-deflate; x", "permessage-deflate"], Some("permessage-deflate")),
        (
            &["permessage-deflate; server_max_window_bits=8, \
               permessage-deflate; server_max_window_bits=9, permessage-deflate"],
            Some("permessage-deflate; server_max_window_bits=9"),
        ),
        (&["permessage-deflate, permessage-deflate"], Some("permessage-deflate")),
    ] {
        assert_eq!(answer(&options, offers).as_deref(), expected, "{offers:?}");
    }
    // The second of two factories takes what the first one declines.
    let options = ServerOptions::default()
        .extension(server("client_max_window_bits=9; require"))
        .extension(server("server_no_context_takeover"));
    assert_eq!(
        answer(&options, &["permessage-deflate"]).as_deref(),
        Some("permessage-deflate; server_no_context_takeover")
    );
}

/// What a client makes of the answer to its offers.
fn response(options: ClientOptions, extensions: &str) -> Result<usize, String> {
    let uri = "ws://localhost/".parse().unwrap();
    let mut handshake = ClientHandshake::new(&uri, options, *b"the sample nonce", NOW)
        .map_err(|e| e.to_string())?;
    let head = format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\
         Sec-WebSocket-Extensions: {extensions}\r\n\r\n"
    );
    handshake.receive_data(head.as_bytes()).map_err(|e| e.to_string())?;
    Ok(handshake.into_accepted().unwrap().extensions.len())
}

#[test]
fn a_client_takes_what_it_offered() {
    let one = || ClientOptions::default().extension(ClientDeflate::default());
    let two = || one().extension(client("server_no_context_takeover"));
    let uri = "ws://localhost/".parse().unwrap();
    let handshake = ClientHandshake::new(&uri, two(), [0; 16], NOW).unwrap();
    assert_eq!(
        handshake.request().headers().get("Sec-WebSocket-Extensions"),
        Ok(Some(
            "permessage-deflate; client_max_window_bits, \
             permessage-deflate; server_no_context_takeover"
        ))
    );
    let none = "no extensions supported";
    assert_eq!(response(ClientOptions::default(), "permessage-deflate"), Err(none.to_owned()));
    assert_eq!(response(one(), "permessage-deflate; client_max_window_bits=9"), Ok(1));
    assert_eq!(response(two(), "permessage-deflate; server_no_context_takeover"), Ok(1));
    assert_eq!(
        response(one(), "permessage-deflate, permessage-deflate"),
        Err("received duplicate permessage-deflate".to_owned())
    );
    assert_eq!(
        response(one(), "x-other; a=1"),
        Err("Unsupported extension: name = x-other, params = [('a', '1')]".to_owned())
    );
}

/// Claims RSV1, as permessage-deflate does.
#[derive(Debug)]
struct Greedy;

impl Extension for Greedy {
    fn reserved_bits(&self) -> Rsv {
        Rsv::RSV1 | Rsv::RSV2
    }

    fn encode(&mut self, _: DataFrame, _: &[u8], _: &mut Vec<u8>) -> Option<Rsv> {
        None
    }

    fn begin_decode(&mut self, _: DataFrame) -> Result<bool, ws_errors::ProtocolError> {
        Ok(false)
    }

    fn decode(
        &mut self,
        _: &mut &[u8],
        _: bool,
        _: &mut Vec<u8>,
        _: usize,
    ) -> Result<bool, ws_errors::ProtocolError> {
        Ok(true)
    }
}

impl ClientExtensionFactory for Greedy {
    fn name(&self) -> &str {
        "x-greedy"
    }

    fn offer(&self) -> Vec<ExtensionParameter> {
        Vec::new()
    }

    fn accept(&self, _: &[ExtensionParameter]) -> Result<Box<dyn Extension>, NegotiationError> {
        Ok(Box::new(Self))
    }
}

impl ServerExtensionFactory for Greedy {
    fn name(&self) -> &str {
        "x-greedy"
    }

    fn accept(
        &self,
        _: &[ExtensionParameter],
    ) -> Result<(Vec<ExtensionParameter>, Box<dyn Extension>), NegotiationError> {
        Ok((Vec::new(), Box::new(Self)))
    }
}

#[test]
fn a_reserved_bit_belongs_to_one_extension() {
    let options = ServerOptions::default().extension(server("")).extension(Greedy);
    let both = &["x-greedy, permessage-deflate"];
    assert_eq!(answer(&options, both).as_deref(), Some("x-greedy"), "the client prefers it");
    let both = &["permessage-deflate", "x-greedy"];
    assert_eq!(answer(&options, both).as_deref(), Some("permessage-deflate"));
    let client = ClientOptions::default().extension(ClientDeflate::default()).extension(Greedy);
    assert_eq!(response(client.clone(), "x-greedy"), Ok(1));
    assert_eq!(
        response(client, "permessage-deflate, x-greedy"),
        Err("Unsupported extension: name = x-greedy, params = []".to_owned())
    );
}
