//! The tables of the negotiation, row by row ([RFC 7692 §5], [§7.1]).
//!
//! [RFC 7692 §5]: https://www.rfc-editor.org/rfc/rfc7692#section-5
//! [§7.1]: https://www.rfc-editor.org/rfc/rfc7692#section-7.1

use ws_errors::NegotiationError;
use ws_proto::extension::{
    ClientDeflate, ClientExtensionFactory, ClientWindow, CompressionLevel, InvalidSetting,
    MemoryLevel, ServerDeflate, ServerExtensionFactory, WindowBits,
};
use ws_types::{ExtensionParameter, Side};

use crate::setup::{Agreed, DEFAULT, params, probe, window_bits};

/// The parameters as they stand in a header, each with its semicolon.
fn shown(params: &[ExtensionParameter]) -> String {
    params.iter().map(|param| format!("; {param}")).collect()
}

/// The offer of a client without any limit on its own window.
fn client() -> ClientDeflate {
    client_window(ClientWindow::Unlimited)
}

fn client_window(window: ClientWindow) -> ClientDeflate {
    ClientDeflate::default().client_max_window_bits(window)
}

/// A server without limits on windows.
fn server() -> ServerDeflate {
    server_windows(None, None)
}

fn server_windows(server: Option<u8>, client: Option<u8>) -> ServerDeflate {
    ServerDeflate::default()
        .server_max_window_bits(server.map(window_bits))
        .client_max_window_bits(client.map(window_bits))
}

type Text = &'static str;

/// The answer to an offer with what holds then, or why it is declined.
type Answer = Result<(Text, Agreed), Text>;

#[test]
fn client_takes_or_refuses_each_answer() {
    use ClientWindow::Any;
    let at_most = |n| client_window(ClientWindow::AtMost(window_bits(n)));
    let server_max = |n| client().server_max_window_bits(window_bits(n));
    let no_server = Agreed { server_takeover: false, ..DEFAULT };
    let no_client = Agreed { client_takeover: false, ..DEFAULT };
    let s = |server_bits| Agreed { server_bits, ..DEFAULT };
    let c = |client_bits| Agreed { client_bits, ..DEFAULT };
    let rows: [(Text, ClientDeflate, Text, Result<Agreed, Text>); 38] = [
        ("server_no_ct off, off", client(), "", Ok(DEFAULT)),
        ("server_no_ct off, on", client(), "; server_no_context_takeover", Ok(no_server)),
        (
            "server_no_ct on, off",
            client().server_no_context_takeover(true),
            "",
            Err("expected server_no_context_takeover"),
        ),
        (
            "server_no_ct on, on",
            client().server_no_context_takeover(true),
            "; server_no_context_takeover",
            Ok(no_server),
        ),
        ("client_no_ct off, off", client(), "", Ok(DEFAULT)),
        ("client_no_ct off, on", client(), "; client_no_context_takeover", Ok(no_client)),
        ("client_no_ct on, off", client().client_no_context_takeover(true), "", Ok(no_client)),
        (
            "client_no_ct on, on",
            client().client_no_context_takeover(true),
            "; client_no_context_takeover",
            Ok(no_client),
        ),
        ("server bits none, none", client(), "", Ok(s(15))),
        ("server bits none, 8", client(), "; server_max_window_bits=8", Ok(s(8))),
        ("server bits none, 10", client(), "; server_max_window_bits=10", Ok(s(10))),
        ("server bits none, 15", client(), "; server_max_window_bits=15", Ok(s(15))),
        ("server bits 10, none", server_max(10), "", Err("expected server_max_window_bits")),
        ("server bits 10, less", server_max(10), "; server_max_window_bits=9", Ok(s(9))),
        ("server bits 10, same", server_max(10), "; server_max_window_bits=10", Ok(s(10))),
        (
            "server bits 10, more",
            server_max(10),
            "; server_max_window_bits=11",
            Err("unsupported server_max_window_bits"),
        ),
        ("server bits 8, same", server_max(8), "; server_max_window_bits=8", Ok(s(8))),
        (
            // undici crashed on what isn't a number at all.
            "server bits bare",
            client(),
            "; server_max_window_bits",
            Err("missing value for parameter server_max_window_bits"),
        ),
        ("client bits none, none", client(), "", Ok(c(15))),
        (
            "client bits none, 10",
            client(),
            "; client_max_window_bits=10",
            Err("unexpected client_max_window_bits"),
        ),
        (
            "client bits none, 15",
            client(),
            "; client_max_window_bits=15",
            Err("unexpected client_max_window_bits"),
        ),
        ("client bits any, none", client_window(Any), "", Ok(c(15))),
        ("client bits any, 9", client_window(Any), "; client_max_window_bits=9", Ok(c(9))),
        ("client bits any, 15", client_window(Any), "; client_max_window_bits=15", Ok(c(15))),
        (
            "client bits any, quoted",
            client_window(Any),
            "; client_max_window_bits=\"10\"",
            Ok(c(10)),
        ),
        ("client bits any, 8", client_window(Any), "; client_max_window_bits=8", Ok(c(8))),
        (
            "client bits any, bare",
            client_window(Any),
            "; client_max_window_bits",
            Err("missing value for parameter client_max_window_bits"),
        ),
        ("client bits 11, none", at_most(11), "", Ok(c(11))),
        ("client bits 11, less", at_most(11), "; client_max_window_bits=9", Ok(c(9))),
        ("client bits 11, same", at_most(11), "; client_max_window_bits=11", Ok(c(11))),
        // The server may ignore the hint; the client keeps to it.
        ("client bits 11, more", at_most(11), "; client_max_window_bits=12", Ok(c(11))),
        ("client bits 11, 8", at_most(11), "; client_max_window_bits=8", Ok(c(8))),
        ("client bits 8, same", at_most(8), "; client_max_window_bits=8", Ok(c(8))),
        (
            "unknown parameter",
            client(),
            "; no_context_takeover",
            Err("invalid parameter name: no_context_takeover"),
        ),
        (
            "value where none belongs",
            client(),
            "; server_no_context_takeover=1",
            Err("invalid value for parameter server_no_context_takeover: 1"),
        ),
        (
            "duplicate, the same",
            client(),
            "; server_no_context_takeover; server_no_context_takeover",
            Err("duplicate parameter: server_no_context_takeover"),
        ),
        (
            "duplicate, another value",
            client_window(Any),
            "; client_max_window_bits=10; client_max_window_bits=11",
            Err("duplicate parameter: client_max_window_bits"),
        ),
        (
            "everything at once",
            client_window(Any),
            "; client_max_window_bits=9; server_max_window_bits=13; client_no_context_takeover; \
             server_no_context_takeover",
            Ok(Agreed {
                server_takeover: false,
                client_takeover: false,
                server_bits: 13,
                client_bits: 9,
            }),
        ),
    ];
    for (row, own, answer, expected) in rows {
        let accept = || ClientExtensionFactory::process_response(&own, &params(answer));
        match (accept(), expected) {
            (Ok(_), Ok(expected)) => {
                let agreed = probe(Side::Client, &|| accept().unwrap());
                assert_eq!(agreed, expected, "{row}");
            }
            (Err(error), Err(text)) => assert_eq!(error.to_string(), text, "{row}"),
            (got, expected) => panic!("{row}: {got:?}, expected {expected:?}"),
        }
    }
}

#[test]
fn server_answers_or_declines_each_offer() {
    let server_max = |bits: u8| server_windows(Some(bits), None);
    let client_max = |bits: u8| server_windows(None, Some(bits));
    let rows: [(Text, ServerDeflate, Text, Answer); 38] = [
        ("server_no_ct off, off", server(), "", Ok(("", DEFAULT))),
        (
            "server_no_ct off, on",
            server(),
            "; server_no_context_takeover",
            Ok(("; server_no_context_takeover", Agreed { server_takeover: false, ..DEFAULT })),
        ),
        (
            "server_no_ct on, off",
            server().server_no_context_takeover(true),
            "",
            Ok(("; server_no_context_takeover", Agreed { server_takeover: false, ..DEFAULT })),
        ),
        (
            "server_no_ct on, on",
            server().server_no_context_takeover(true),
            "; server_no_context_takeover",
            Ok(("; server_no_context_takeover", Agreed { server_takeover: false, ..DEFAULT })),
        ),
        (
            "client_no_ct off, on",
            server(),
            "; client_no_context_takeover",
            Ok(("; client_no_context_takeover", Agreed { client_takeover: false, ..DEFAULT })),
        ),
        (
            "client_no_ct on, off",
            server().client_no_context_takeover(true),
            "",
            Ok(("; client_no_context_takeover", Agreed { client_takeover: false, ..DEFAULT })),
        ),
        (
            "client_no_ct on, on",
            server().client_no_context_takeover(true),
            "; client_no_context_takeover",
            Ok(("; client_no_context_takeover", Agreed { client_takeover: false, ..DEFAULT })),
        ),
        (
            "server bits none, 10",
            server(),
            "; server_max_window_bits=10",
            Ok(("; server_max_window_bits=10", Agreed { server_bits: 10, ..DEFAULT })),
        ),
        (
            "server bits none, 15",
            server(),
            "; server_max_window_bits=15",
            Ok(("; server_max_window_bits=15", DEFAULT)),
        ),
        (
            "server bits none, 8",
            server(),
            "; server_max_window_bits=8",
            Ok(("; server_max_window_bits=8", Agreed { server_bits: 8, ..DEFAULT })),
        ),
        (
            "server bits 10, none",
            server_max(10),
            "",
            Ok(("; server_max_window_bits=10", Agreed { server_bits: 10, ..DEFAULT })),
        ),
        (
            "server bits 10, less",
            server_max(10),
            "; server_max_window_bits=9",
            Ok(("; server_max_window_bits=9", Agreed { server_bits: 9, ..DEFAULT })),
        ),
        (
            "server bits 10, same",
            server_max(10),
            "; server_max_window_bits=10",
            Ok(("; server_max_window_bits=10", Agreed { server_bits: 10, ..DEFAULT })),
        ),
        (
            "server bits 10, more",
            server_max(10),
            "; server_max_window_bits=13",
            Ok(("; server_max_window_bits=10", Agreed { server_bits: 10, ..DEFAULT })),
        ),
        (
            "server bits 10, 8",
            server_max(10),
            "; server_max_window_bits=8",
            Ok(("; server_max_window_bits=8", Agreed { server_bits: 8, ..DEFAULT })),
        ),
        (
            "server bits 8, 8",
            server_max(8),
            "; server_max_window_bits=8",
            Ok(("; server_max_window_bits=8", Agreed { server_bits: 8, ..DEFAULT })),
        ),
        (
            "server bits bare",
            server(),
            "; server_max_window_bits",
            Err("missing value for parameter server_max_window_bits"),
        ),
        ("client bits none, bare", server(), "; client_max_window_bits", Ok(("", DEFAULT))),
        (
            "client bits none, 10",
            server(),
            "; client_max_window_bits=10",
            Ok(("; client_max_window_bits=10", Agreed { client_bits: 10, ..DEFAULT })),
        ),
        (
            "client bits none, 8",
            server(),
            "; client_max_window_bits=8",
            Ok(("; client_max_window_bits=8", Agreed { client_bits: 8, ..DEFAULT })),
        ),
        ("client bits 10, none", client_max(10), "", Ok(("", DEFAULT))),
        (
            "client bits 10, none, required",
            client_max(10).require_client_max_window_bits(true),
            "",
            Err("required client_max_window_bits"),
        ),
        (
            "client bits 10, bare, required",
            client_max(10).require_client_max_window_bits(true),
            "; client_max_window_bits",
            Ok(("; client_max_window_bits=10", Agreed { client_bits: 10, ..DEFAULT })),
        ),
        (
            "client bits none, none, required: without effect",
            server().require_client_max_window_bits(true),
            "",
            Ok(("", DEFAULT)),
        ),
        (
            "client bits 10, bare",
            client_max(10),
            "; client_max_window_bits",
            Ok(("; client_max_window_bits=10", Agreed { client_bits: 10, ..DEFAULT })),
        ),
        (
            "client bits 10, less",
            client_max(10),
            "; client_max_window_bits=9",
            Ok(("; client_max_window_bits=9", Agreed { client_bits: 9, ..DEFAULT })),
        ),
        (
            "client bits 10, more",
            client_max(10),
            "; client_max_window_bits=15",
            Ok(("; client_max_window_bits=10", Agreed { client_bits: 10, ..DEFAULT })),
        ),
        (
            "client bits 8, bare",
            client_max(8),
            "; client_max_window_bits",
            Ok(("; client_max_window_bits=8", Agreed { client_bits: 8, ..DEFAULT })),
        ),
        ("unknown parameter", server(), "; mux", Err("invalid parameter name: mux")),
        (
            "another case",
            server(),
            "; Server_No_Context_Takeover",
            Err("invalid parameter name: Server_No_Context_Takeover"),
        ),
        (
            "value where none belongs",
            server(),
            "; client_no_context_takeover=true",
            Err("invalid value for parameter client_no_context_takeover: true"),
        ),
        (
            "duplicate",
            server(),
            "; client_max_window_bits; client_max_window_bits=10",
            Err("duplicate parameter: client_max_window_bits"),
        ),
        (
            "duplicate, the bare one second",
            server(),
            "; client_max_window_bits=10; client_max_window_bits",
            Err("duplicate parameter: client_max_window_bits"),
        ),
        (
            "output in the usual order, whatever the order of the offer",
            server(),
            "; client_max_window_bits=9; server_max_window_bits=13; client_no_context_takeover; \
             server_no_context_takeover",
            Ok((
                "; server_no_context_takeover; client_no_context_takeover; \
                 server_max_window_bits=13; client_max_window_bits=9",
                Agreed {
                    server_takeover: false,
                    client_takeover: false,
                    server_bits: 13,
                    client_bits: 9,
                },
            )),
        ),
        (
            "the defaults, to what browsers offer",
            ServerDeflate::default(),
            "; client_max_window_bits",
            Ok((
                "; server_max_window_bits=12; client_max_window_bits=12",
                Agreed { server_bits: 12, client_bits: 12, ..DEFAULT },
            )),
        ),
        (
            "the defaults, to an offer without parameters",
            ServerDeflate::default(),
            "",
            Ok(("; server_max_window_bits=12", Agreed { server_bits: 12, ..DEFAULT })),
        ),
        (
            "quoted",
            server(),
            "; server_max_window_bits=\"10\"",
            Ok(("; server_max_window_bits=10", Agreed { server_bits: 10, ..DEFAULT })),
        ),
        (
            "client bits none, 15",
            server(),
            "; client_max_window_bits=15",
            Ok(("; client_max_window_bits=15", DEFAULT)),
        ),
    ];
    for (row, own, offer, expected) in rows {
        let accept = || ServerExtensionFactory::process_offer(&own, &params(offer));
        match (accept(), expected) {
            (Ok((answer, _)), Ok((text, expected))) => {
                assert_eq!(shown(&answer), text, "{row}");
                let agreed = probe(Side::Server, &|| accept().unwrap().1);
                assert_eq!(agreed, expected, "{row}");
            }
            (Err(error), Err(text)) => assert_eq!(error.to_string(), text, "{row}"),
            (got, expected) => panic!("{row}: {got:?}, expected {expected:?}"),
        }
    }
}

#[test]
fn window_bits_are_8_to_15_in_exactly_that_spelling() {
    let bad = [
        "0",
        "1",
        "7",
        "16",
        "20",
        "99",
        "100",
        "08",
        "09",
        "015",
        "+9",
        "-9",
        "9.0",
        "1e1",
        "0x9",
        "a",
        "15a",
        "8_",
        "٩",
        "18446744073709551624",
    ];
    for name in ["server_max_window_bits", "client_max_window_bits"] {
        for value in bad {
            // Values that no header could hold can't be made at all.
            let Ok(param) = ExtensionParameter::new(name, Some(value)) else { continue };
            let text = format!("invalid value for parameter {name}: {value}");
            let refuse = |error: Option<NegotiationError>| match error {
                Some(NegotiationError::InvalidParameterValue(error)) => {
                    assert_eq!(error.to_string(), text);
                    assert_eq!((&*error.name, error.value.as_deref()), (name, Some(value)));
                }
                other => panic!("{name}={value}: {other:?}"),
            };
            let param = std::slice::from_ref(&param);
            refuse(ServerExtensionFactory::process_offer(&server(), param).err());
            let client = client_window(ClientWindow::Any);
            refuse(ClientExtensionFactory::process_response(&client, param).err());
        }
        for bits in 8..=15 {
            let param = [ExtensionParameter::new(name, Some(&bits.to_string())).unwrap()];
            ServerExtensionFactory::process_offer(&server(), &param).unwrap();
            let client = client_window(ClientWindow::Any);
            ClientExtensionFactory::process_response(&client, &param).unwrap();
        }
    }
}

#[test]
fn the_offer_says_the_settings_in_the_usual_order() {
    let rows = [
        (ClientDeflate::default(), "; client_max_window_bits"),
        (client(), ""),
        (client_window(ClientWindow::AtMost(window_bits(9))), "; client_max_window_bits=9"),
        (client().client_no_context_takeover(true), "; client_no_context_takeover"),
        (client().server_max_window_bits(window_bits(8)), "; server_max_window_bits=8"),
        (
            client_window(ClientWindow::AtMost(window_bits(15)))
                .server_max_window_bits(window_bits(10))
                .client_no_context_takeover(true)
                .server_no_context_takeover(true),
            "; server_no_context_takeover; client_no_context_takeover; \
             server_max_window_bits=10; client_max_window_bits=15",
        ),
        // What isn't negotiated isn't told.
        (
            client()
                .level(CompressionLevel::BEST_COMPRESSION)
                .memory_level(1.try_into().unwrap())
                .min_size(0),
            "",
        ),
    ];
    for (deflate, offer) in rows {
        assert_eq!(shown(&deflate.offer()), offer);
        assert_eq!(ClientExtensionFactory::name(&deflate), "permessage-deflate");
    }
}

#[test]
fn settings_out_of_their_range_are_refused() {
    fn check<T: TryFrom<u8, Error = InvalidSetting>>(
        name: &str,
        range: std::ops::RangeInclusive<u8>,
        get: impl Fn(T) -> u8,
    ) {
        for value in 0..=255 {
            match T::try_from(value).map(&get) {
                Ok(kept) => assert!(kept == value && range.contains(&value), "{name} {value}"),
                Err(error) => {
                    assert!(!range.contains(&value), "{name} {value}");
                    let (min, max) = (*range.start(), *range.end());
                    assert_eq!(
                        (error.name, error.min, error.max, error.value),
                        (name, min, max, value)
                    );
                    assert_eq!(
                        error.to_string(),
                        format!("{name} must be between {min} and {max}")
                    );
                }
            }
        }
    }
    check("compression level", 0..=9, CompressionLevel::get);
    check("memory level", 1..=9, MemoryLevel::get);
    check("window bits", 8..=15, WindowBits::get);
}

#[test]
fn an_own_window_of_8_bits_counts_as_9() {
    let client = client_window(ClientWindow::AtMost(window_bits(8)));
    assert_eq!(client, client_window(ClientWindow::AtMost(window_bits(9))));
    assert_eq!(shown(&client.offer()), "; client_max_window_bits=9");
    let server = server_windows(Some(8), Some(8));
    assert_eq!(server, server_windows(Some(9), Some(8)));
    let (response, _) = server.process_offer(&params("; client_max_window_bits")).unwrap();
    assert_eq!(shown(&response), "; server_max_window_bits=9; client_max_window_bits=8");
}
