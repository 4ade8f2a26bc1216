//! Whole opening handshakes: several offers and factories, answers that nobody asked for, extensions
//! that want the same bit ([RFC 6455 §9.1]).
//!
//! [RFC 6455 §9.1]: https://www.rfc-editor.org/rfc/rfc6455#section-9.1

use ws_errors::{HttpAnswer, InvalidHandshake, InvalidHeaderFormat};
use ws_proto::client::{self, ClientHandshake, ClientOptions};
use ws_proto::extension::{ClientDeflate, ClientWindow, Rsv, ServerDeflate};
use ws_proto::server::{self, ServerHandshake, ServerOptions};

use crate::custom::Tagged;
use crate::setup::window_bits;

/// Values of the header that aren't in its grammar.
const GARBAGE: [&str; 7] =
    ["", ";;;", "a b c", "x=\"", "permessage-deflate;", "permessage-deflate; =", "="];

/// The request of a client, as bytes.
fn request(
    options: ClientOptions,
    change: impl FnOnce(String) -> String,
) -> (ClientHandshake, String) {
    let uri = "ws://localhost/".parse().unwrap();
    let handshake =
        ClientHandshake::new(&uri, &options, *b"the sample nonce", std::time::Duration::ZERO)
            .unwrap();
    let request = String::from_utf8(handshake.request().serialize()).unwrap();
    (handshake, change(request))
}

fn answer(request: &str, options: &ServerOptions) -> Result<server::Negotiated, InvalidHandshake> {
    let mut handshake = ServerHandshake::new(&ServerOptions::default(), std::time::Duration::ZERO);
    assert_eq!(handshake.receive_data(request.as_bytes()), Ok(Some(request.len())));
    server::negotiate(&handshake.into_request().unwrap(), options, None)
}

fn finish(
    mut handshake: ClientHandshake,
    response: &ws_errors::Response,
) -> Result<client::Negotiated, InvalidHandshake> {
    let mut bytes = b"HTTP/1.1 101 Switching Protocols\r\n".to_vec();
    response.headers.write_to(&mut bytes);
    handshake.receive_data(&bytes, std::time::Duration::ZERO)?;
    Ok(handshake.into_negotiated().unwrap())
}

/// The extensions in the headers of request and response; both sides agree on the latter.
fn negotiate(client: ClientOptions, server: &ServerOptions) -> (String, Vec<String>) {
    let (handshake, request) = request(client, |request| request);
    let offers = header(&request).unwrap_or_default();
    let server = answer(&request, server).unwrap();
    let client = finish(handshake, &server.response).unwrap();
    assert_eq!(client.extension_headers, server.extension_headers);
    assert_eq!(client.extensions.reserved_bits(), server.extensions.reserved_bits());
    assert_eq!(client.extensions.is_empty(), server.extension_headers.is_empty());
    let text = server.response.headers.get("Sec-WebSocket-Extensions").unwrap().map(str::to_owned);
    let answers: Vec<String> =
        text.iter().flat_map(|text| text.split(", ")).map(Into::into).collect();
    assert_eq!(answers.len(), server.extension_headers.len());
    (offers, answers)
}

fn header(request: &str) -> Option<String> {
    let line = request.lines().find(|line| line.starts_with("Sec-WebSocket-Extensions: "))?;
    Some(line.split_once(": ")?.1.to_owned())
}

/// A request with these offers, one line for each.
fn offering(offers: &[&str]) -> String {
    let lines: String =
        offers.iter().map(|offer| format!("Sec-WebSocket-Extensions: {offer}\r\n")).collect();
    request(ClientOptions::default(), |request| {
        request.replace("\r\n\r\n", &format!("\r\n{lines}\r\n"))
    })
    .1
}

/// The answer of a server to these offers.
pub(crate) fn answered(offers: &[&str], options: &ServerOptions) -> String {
    let negotiated = answer(&offering(offers), options).unwrap();
    let text = negotiated.response.headers.get("Sec-WebSocket-Extensions").unwrap();
    text.unwrap_or_default().to_owned()
}

/// The outcome for a client of an answer with these lines.
fn taken(options: ClientOptions, answers: &[&str]) -> Result<client::Negotiated, InvalidHandshake> {
    let (handshake, request) = request(options, |request| request);
    let mut response = answer(&request, &ServerOptions::default()).unwrap().response;
    for line in answers {
        response.headers.insert("Sec-WebSocket-Extensions", line).unwrap();
    }
    finish(handshake, &response)
}

fn deflating() -> ServerOptions {
    ServerOptions::default().extension(ServerDeflate::default())
}

fn offers_deflate() -> ClientOptions {
    ClientOptions::default().extension(ClientDeflate::default())
}

fn window(bits: u8) -> ClientDeflate {
    ClientDeflate::default().server_max_window_bits(window_bits(bits))
}

#[test]
fn defaults_on_both_sides_agree_on_windows_of_12_bits() {
    let (offers, answers) = negotiate(offers_deflate(), &deflating());
    assert_eq!(offers, "permessage-deflate; client_max_window_bits");
    assert_eq!(
        answers,
        ["permessage-deflate; server_max_window_bits=12; client_max_window_bits=12"]
    );
}

#[test]
fn without_the_extension_on_one_side_there_is_none() {
    let (offers, answers) = negotiate(offers_deflate(), &ServerOptions::default());
    assert_eq!((&*offers, answers.len()), ("permessage-deflate; client_max_window_bits", 0));
    let (offers, answers) = negotiate(ClientOptions::default(), &deflating());
    assert_eq!((&*offers, answers.len()), ("", 0));
}

#[test]
fn offers_stand_in_the_order_of_the_factories_and_the_first_that_fits_is_accepted() {
    // The first offer doesn't let the server limit the client's window, so it is declined.
    let unlimited = ClientDeflate::default().client_max_window_bits(ClientWindow::Unlimited);
    let client = ClientOptions::default()
        .extension(unlimited)
        .extension(window(10))
        .extension(ClientDeflate::default());
    let server = ServerDeflate::default().require_client_max_window_bits(true);
    let (offers, answers) = negotiate(client, &ServerOptions::default().extension(server));
    assert_eq!(
        offers,
        "permessage-deflate, permessage-deflate; server_max_window_bits=10; client_max_window_bits, \
         permessage-deflate; client_max_window_bits"
    );
    assert_eq!(
        answers,
        ["permessage-deflate; server_max_window_bits=10; client_max_window_bits=12"]
    );
}

#[test]
fn client_asks_its_factories_until_one_takes_the_answer() {
    let client =
        || ClientOptions::default().extension(window(10)).extension(ClientDeflate::default());
    for answer in [
        // Fits the first offer, the second alone, and with another value the second.
        "permessage-deflate; server_max_window_bits=10",
        "permessage-deflate",
        "permessage-deflate; server_max_window_bits=14",
    ] {
        let negotiated = taken(client(), &[answer]).unwrap();
        assert_eq!(negotiated.extensions.reserved_bits(), Rsv::RSV1, "{answer}");
    }
    let client = ClientOptions::default().extension(window(10)).extension(window(11));
    let error = taken(client, &["permessage-deflate; server_max_window_bits=12"]).unwrap_err();
    assert_eq!(
        error.to_string(),
        "Unsupported extension: name = permessage-deflate, params = [('server_max_window_bits', '12')]"
    );
}

#[test]
fn server_falls_back_to_a_further_factory_or_offer() {
    let rows: [(&str, &[&str], &str); 10] = [
        ("one offer", &["permessage-deflate"], "permessage-deflate; server_max_window_bits=12"),
        (
            "an unknown parameter, then without",
            &["permessage-deflate; mux, permessage-deflate"],
            "permessage-deflate; server_max_window_bits=12",
        ),
        (
            "the same on two lines",
            &["permessage-deflate; mux", "permessage-deflate"],
            "permessage-deflate; server_max_window_bits=12",
        ),
        (
            "an extension that nobody knows",
            &["x-webkit-deflate-frame, permessage-deflate; client_max_window_bits"],
            "permessage-deflate; server_max_window_bits=12; client_max_window_bits=12",
        ),
        (
            "two that fit: the first in the client's order, and once",
            &["permessage-deflate; server_no_context_takeover, permessage-deflate"],
            "permessage-deflate; server_no_context_takeover; server_max_window_bits=12",
        ),
        (
            "a window that no side may have, then any",
            &["permessage-deflate; server_max_window_bits=7, permessage-deflate"],
            "permessage-deflate; server_max_window_bits=12",
        ),
        (
            "a window that zlib can't compress with is accepted like any other",
            &["permessage-deflate; server_max_window_bits=8, permessage-deflate"],
            "permessage-deflate; server_max_window_bits=8",
        ),
        ("nothing that fits", &["permessage-deflate; server_max_window_bits=7"], ""),
        ("names are case-sensitive", &["Permessage-Deflate"], ""),
        (
            "empty list elements",
            &[", permessage-deflate ,,"],
            "permessage-deflate; server_max_window_bits=12",
        ),
    ];
    for (row, offers, expected) in rows {
        assert_eq!(answered(offers, &deflating()), expected, "{row}");
    }
    let strict = ServerDeflate::default().require_client_max_window_bits(true);
    let lax = ServerDeflate::default().client_no_context_takeover(true);
    let options = ServerOptions::default().extension(strict).extension(lax);
    assert_eq!(
        answered(&["permessage-deflate; client_max_window_bits"], &options),
        "permessage-deflate; server_max_window_bits=12; client_max_window_bits=12",
        "the first factory"
    );
    assert_eq!(
        answered(&["permessage-deflate"], &options),
        "permessage-deflate; client_no_context_takeover; server_max_window_bits=12",
        "the second factory"
    );
}

#[test]
fn server_without_extensions_ignores_offers_however_malformed() {
    assert_eq!(answered(&["permessage-deflate"], &ServerOptions::default()), "");
    for garbage in GARBAGE {
        assert_eq!(answered(&[garbage], &ServerOptions::default()), "", "{garbage}");
    }
}

#[test]
fn server_with_an_extension_refuses_malformed_offers() {
    for garbage in GARBAGE {
        for offers in [&[garbage][..], &["permessage-deflate", garbage]] {
            let error = answer(&offering(offers), &deflating()).unwrap_err();
            let header = error.get::<InvalidHeaderFormat>().map(|error| &*error.name);
            assert_eq!(header, Some("Sec-WebSocket-Extensions"), "{offers:?}: {error:?}");
            assert_eq!(error.http_status(), HttpAnswer::Status(400), "{offers:?}");
        }
    }
}

#[test]
fn client_without_extensions_fails_on_any_answer() {
    for answer in ["permessage-deflate", ";;;", "x"] {
        let error = taken(ClientOptions::default(), &[answer]).unwrap_err();
        assert_eq!(error.to_string(), "no extensions supported", "{answer}");
    }
}

#[test]
fn client_fails_on_an_answer_that_it_did_not_ask_for() {
    let rows: [(&[&str], &str); 6] = [
        (&["x-other"], "Unsupported extension: name = x-other, params = []"),
        (
            &["permessage-deflate, x-other; a=1; b"],
            "Unsupported extension: name = x-other, params = [('a', '1'), ('b', None)]",
        ),
        (&["permessage-deflate, permessage-deflate"], "received duplicate permessage-deflate"),
        (&["permessage-deflate", "permessage-deflate"], "received duplicate permessage-deflate"),
        (
            &["permessage-deflate; client_max_window_bits=7"],
            "Unsupported extension: name = permessage-deflate, params = [('client_max_window_bits', '7')]",
        ),
        (&["Permessage-Deflate"], "Unsupported extension: name = Permessage-Deflate, params = []"),
    ];
    for (answers, text) in rows {
        let error = taken(offers_deflate(), answers).unwrap_err();
        assert!(error.to_string().starts_with(text), "{answers:?}: {error}");
        assert!(matches!(error, InvalidHandshake::NegotiationError(_)), "{error:?}");
    }
    for garbage in GARBAGE {
        let error = taken(offers_deflate(), &[garbage]).unwrap_err();
        assert!(error.get::<InvalidHeaderFormat>().is_some(), "{garbage}: {error:?}");
    }
}

#[test]
fn of_two_extensions_that_claim_a_bit_the_second_is_not_accepted() {
    let tag = |name, bits| Tagged { name, bits };
    let client = || {
        ClientOptions::default()
            .extension(tag("x-two", Rsv::RSV2))
            .extension(ClientDeflate::default())
            .extension(tag("x-one", Rsv::RSV1 | Rsv::RSV3))
            .extension(tag("x-none", Rsv::NONE))
    };
    let server = ServerOptions::default()
        .extension(ServerDeflate::default())
        .extension(tag("x-one", Rsv::RSV1 | Rsv::RSV3))
        .extension(tag("x-none", Rsv::NONE))
        .extension(tag("x-two", Rsv::RSV2));
    let deflate = "permessage-deflate; server_max_window_bits=12; client_max_window_bits=12";
    // The client's order counts.
    let (offers, answers) = negotiate(client(), &server);
    assert_eq!(offers, "x-two, permessage-deflate; client_max_window_bits, x-one, x-none");
    assert_eq!(answers, ["x-two", deflate, "x-none"]);

    // A server that accepts both isn't believed.
    let error = taken(client(), &["x-one, permessage-deflate"]).unwrap_err();
    assert!(error.to_string().starts_with("Unsupported extension: name = permessage-deflate"));
    let error = taken(client(), &["permessage-deflate, x-two, x-one"]).unwrap_err();
    assert!(error.to_string().starts_with("Unsupported extension: name = x-one"));
    let negotiated = taken(client(), &["x-none, x-one", "x-two"]).unwrap();
    assert_eq!(negotiated.extensions.reserved_bits().bits(), 0b111);

    // What conflicts leaves room for a factory of the same name that doesn't.
    let server = ServerOptions::default()
        .extension(tag("x-a", Rsv::RSV2))
        .extension(tag("x-b", Rsv::RSV2))
        .extension(tag("x-b", Rsv::RSV3));
    let negotiated = answer(&offering(&["x-a, x-b"]), &server).unwrap();
    assert_eq!(negotiated.extensions.reserved_bits(), Rsv::RSV2 | Rsv::RSV3);
    assert_eq!(negotiated.extension_headers.len(), 2);
}

#[test]
fn a_name_that_is_no_token_is_refused_before_anything_is_sent() {
    let uri = "ws://localhost/".parse().unwrap();
    for name in ["", "a b", "a;b", "ä"] {
        let options = ClientOptions::default().extension(Tagged { name, bits: Rsv::NONE });
        ClientHandshake::new(&uri, &options, [0; 16], std::time::Duration::ZERO)
            .map(drop)
            .unwrap_err();
    }
}

#[test]
fn a_limited_client_window_is_kept_although_the_server_says_nothing() {
    let options = ClientOptions::default().extension(
        ClientDeflate::default().client_max_window_bits(ClientWindow::AtMost(window_bits(9))),
    );
    let negotiated = taken(options, &["permessage-deflate"]).unwrap();
    assert_eq!(negotiated.extension_headers.len(), 1);
}
