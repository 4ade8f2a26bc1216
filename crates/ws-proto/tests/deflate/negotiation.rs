//! The negotiation ([RFC 7692 §5], [§7.1]): tables of what each side makes of the other's parameters.
//!
//! [RFC 7692 §5]: https://www.rfc-editor.org/rfc/rfc7692#section-5
//! [§7.1]: https://www.rfc-editor.org/rfc/rfc7692#section-7.1

use ws_proto::extension::{
    ClientDeflate, ClientExtensionFactory, ClientWindow, Extension, InvalidSetting, ServerDeflate,
    ServerExtensionFactory,
};
use ws_proto::grammar::parse_extension;
use ws_types::ExtensionParameter;

/// The parameters as they stand in a header, behind the name.
#[track_caller]
fn params(text: &str) -> Vec<ExtensionParameter> {
    let separator = if text.is_empty() { "" } else { "; " };
    let mut header = parse_extension(&format!("x{separator}{text}")).expect("well-formed");
    header.remove(0).1
}

fn text(params: &[ExtensionParameter]) -> String {
    params.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}

/// What holds on a connection, as far as it can be seen from outside: in the words of `Debug`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
struct Agreed {
    own_bits: u8,
    own_takeover: bool,
    peer_bits: u8,
    peer_takeover: bool,
}

#[track_caller]
fn agreed(extension: &dyn Extension) -> Agreed {
    let debug = format!("{extension:?}");
    let values = |name: &str| -> Vec<String> {
        let name = format!(" {name}: ");
        let values = debug.split(&name).skip(1);
        values.map(|value| value.split([',', ' ']).next().unwrap().to_owned()).collect()
    };
    let takeover = values("takeover");
    let window: u32 = values("window")[0].parse().unwrap();
    assert!(window.is_power_of_two(), "{debug}");
    Agreed {
        own_bits: values("window_bits")[0].parse().unwrap(),
        own_takeover: takeover[0].parse().unwrap(),
        peer_bits: window.ilog2() as u8,
        peer_takeover: takeover[1].parse().unwrap(),
    }
}

pub(crate) fn client() -> ClientDeflate {
    ClientDeflate::default()
}

/// A client whose own window is like this.
fn own(window: ClientWindow) -> ClientDeflate {
    client().client_max_window_bits(window).expect("in range")
}

pub(crate) fn wants(bits: u8) -> ClientDeflate {
    client().server_max_window_bits(bits).expect("in range")
}

/// A server that limits nothing.
pub(crate) fn server() -> ServerDeflate {
    let server = ServerDeflate::default().server_max_window_bits(None).expect("in range");
    server.client_max_window_bits(None).expect("in range")
}

pub(crate) fn server_bits(bits: u8) -> ServerDeflate {
    server().server_max_window_bits(bits).expect("in range")
}

pub(crate) fn client_bits(bits: u8) -> ServerDeflate {
    server().client_max_window_bits(bits).expect("in range")
}

#[test]
fn a_client_takes_these_answers() {
    use ClientWindow::{Any, AtMost, Unlimited};
    // own window bits, own takeover, the peer's.
    let all = |own_bits, own_takeover, peer_bits, peer_takeover| {
        Ok(Agreed { own_bits, own_takeover, peer_bits, peer_takeover })
    };
    let plain = || all(15, true, 15, true);
    let server_nct = || client().server_no_context_takeover(true);
    let client_nct = || client().client_no_context_takeover(true);
    let table: [(&str, ClientDeflate, &str, Result<Agreed, &str>); 33] = [
        ("server takeover: off, off", client(), "", plain()),
        (
            "server takeover: off, on",
            client(),
            "server_no_context_takeover",
            all(15, true, 15, false),
        ),
        ("server takeover: on, off", server_nct(), "", Err("expected server_no_context_takeover")),
        (
            "server takeover: on, on",
            server_nct(),
            "server_no_context_takeover",
            all(15, true, 15, false),
        ),
        (
            "client takeover: off, on",
            client(),
            "client_no_context_takeover",
            all(15, false, 15, true),
        ),
        ("client takeover: on, off", client_nct(), "", all(15, false, 15, true)),
        (
            "client takeover: on, on",
            client_nct(),
            "client_no_context_takeover",
            all(15, false, 15, true),
        ),
        ("server bits: none, 8", client(), "server_max_window_bits=8", all(15, true, 8, true)),
        ("server bits: none, 15", client(), "server_max_window_bits=15", plain()),
        ("server bits: N, none", wants(10), "", Err("expected server_max_window_bits")),
        ("server bits: N, less", wants(10), "server_max_window_bits=9", all(15, true, 9, true)),
        ("server bits: N, equal", wants(10), "server_max_window_bits=10", all(15, true, 10, true)),
        (
            "server bits: N, more",
            wants(10),
            "server_max_window_bits=11",
            Err("unsupported server_max_window_bits"),
        ),
        ("server bits: 8, 8", wants(8), "server_max_window_bits=8", all(15, true, 8, true)),
        ("server bits: 15, none", wants(15), "", Err("expected server_max_window_bits")),
        ("client bits: none, none", own(Unlimited), "", plain()),
        (
            "client bits: none, M",
            own(Unlimited),
            "client_max_window_bits=12",
            Err("unexpected client_max_window_bits"),
        ),
        (
            "client bits: none, 15",
            own(Unlimited),
            "client_max_window_bits=15",
            Err("unexpected client_max_window_bits"),
        ),
        ("client bits: any, none", own(Any), "", plain()),
        ("client bits: any, M", own(Any), "client_max_window_bits=9", all(9, true, 15, true)),
        (
            "client bits: any, 8",
            own(Any),
            "client_max_window_bits=8",
            Err("unsupported client_max_window_bits = 8, use 9"),
        ),
        ("client bits: N, none", own(AtMost(11)), "", all(11, true, 15, true)),
        (
            "client bits: N, less",
            own(AtMost(11)),
            "client_max_window_bits=10",
            all(10, true, 15, true),
        ),
        (
            "client bits: N, equal",
            own(AtMost(11)),
            "client_max_window_bits=11",
            all(11, true, 15, true),
        ),
        (
            "client bits: N, more",
            own(AtMost(11)),
            "client_max_window_bits=12",
            Err("unsupported client_max_window_bits"),
        ),
        (
            "client bits: N, 8",
            own(AtMost(11)),
            "client_max_window_bits=8",
            Err("unsupported client_max_window_bits = 8, use 9"),
        ),
        (
            "client bits without value",
            client(),
            "client_max_window_bits",
            Err("missing value for parameter client_max_window_bits"),
        ),
        (
            "server bits without value",
            client(),
            "server_max_window_bits",
            Err("missing value for parameter server_max_window_bits"),
        ),
        ("unknown", client(), "window", Err("invalid parameter name: window")),
        (
            "another case",
            client(),
            "Server_no_context_takeover",
            Err("invalid parameter name: Server_no_context_takeover"),
        ),
        (
            "twice",
            client(),
            "server_max_window_bits=9; server_max_window_bits=9",
            Err("duplicate parameter: server_max_window_bits"),
        ),
        (
            "value of a flag",
            client(),
            "client_no_context_takeover=true",
            Err("invalid value for parameter client_no_context_takeover: true"),
        ),
        (
            "all, in any order",
            client(),
            "client_max_window_bits=9; server_max_window_bits=10; client_no_context_takeover; server_no_context_takeover",
            all(9, false, 10, false),
        ),
    ];
    for (name, config, response, expected) in table {
        let result = config.accept(&params(response)).map(|extension| agreed(&*extension));
        assert_eq!(result.map_err(|e| e.to_string()), expected.map_err(str::to_owned), "{name}");
    }
}

#[test]
fn a_server_answers_these_offers() {
    let server_nct = || server().server_no_context_takeover(true);
    let client_nct = || server().client_no_context_takeover(true);
    let requires = || client_bits(11).require_client_max_window_bits(true);
    let eight = "unsupported server_max_window_bits = 8, use 9";
    let table: [(&str, ServerDeflate, &str, Result<&str, &str>); 34] = [
        ("server takeover: off, off", server(), "", Ok("")),
        (
            "server takeover: off, on",
            server(),
            "server_no_context_takeover",
            Ok("server_no_context_takeover"),
        ),
        ("server takeover: on, off", server_nct(), "", Ok("server_no_context_takeover")),
        (
            "server takeover: on, on",
            server_nct(),
            "server_no_context_takeover",
            Ok("server_no_context_takeover"),
        ),
        (
            "client takeover: off, on",
            server(),
            "client_no_context_takeover",
            Ok("client_no_context_takeover"),
        ),
        ("client takeover: on, off", client_nct(), "", Ok("client_no_context_takeover")),
        (
            "client takeover: on, on",
            client_nct(),
            "client_no_context_takeover",
            Ok("client_no_context_takeover"),
        ),
        (
            "server bits: none, M",
            server(),
            "server_max_window_bits=10",
            Ok("server_max_window_bits=10"),
        ),
        ("server bits: N, none", server_bits(12), "", Ok("server_max_window_bits=12")),
        (
            "server bits: N, less",
            server_bits(12),
            "server_max_window_bits=10",
            Ok("server_max_window_bits=10"),
        ),
        (
            "server bits: N, more",
            server_bits(12),
            "server_max_window_bits=15",
            Ok("server_max_window_bits=12"),
        ),
        ("server bits: none, 8", server(), "server_max_window_bits=8", Err(eight)),
        ("server bits: N, 8", server_bits(9), "server_max_window_bits=8", Err(eight)),
        ("client bits: none, bare", server(), "client_max_window_bits", Ok("")),
        (
            "client bits: none, M",
            server(),
            "client_max_window_bits=10",
            Ok("client_max_window_bits=10"),
        ),
        (
            "client bits: none, 8",
            server(),
            "client_max_window_bits=8",
            Ok("client_max_window_bits=8"),
        ),
        ("client bits: N, none", client_bits(11), "", Ok("")),
        ("client bits: required, none", requires(), "", Err("required client_max_window_bits")),
        (
            "client bits: required, bare",
            requires(),
            "client_max_window_bits",
            Ok("client_max_window_bits=11"),
        ),
        (
            "client bits: required, without N",
            server().require_client_max_window_bits(true),
            "",
            Ok(""),
        ),
        (
            "client bits: N, bare",
            client_bits(11),
            "client_max_window_bits",
            Ok("client_max_window_bits=11"),
        ),
        (
            "client bits: N, less",
            client_bits(11),
            "client_max_window_bits=9",
            Ok("client_max_window_bits=9"),
        ),
        (
            "client bits: N, more",
            client_bits(11),
            "client_max_window_bits=15",
            Ok("client_max_window_bits=11"),
        ),
        (
            "client bits: 8, bare",
            client_bits(8),
            "client_max_window_bits",
            Ok("client_max_window_bits=8"),
        ),
        (
            "defaults, a browser",
            ServerDeflate::default(),
            "client_max_window_bits",
            Ok("server_max_window_bits=12; client_max_window_bits=12"),
        ),
        (
            "order of the answer",
            server(),
            "client_max_window_bits=9; server_max_window_bits=10; client_no_context_takeover; server_no_context_takeover",
            Ok(
                "server_no_context_takeover; client_no_context_takeover; server_max_window_bits=10; client_max_window_bits=9",
            ),
        ),
        ("quoted", server(), "server_max_window_bits=\"10\"", Ok("server_max_window_bits=10")),
        (
            "server bits without value",
            server(),
            "server_max_window_bits",
            Err("missing value for parameter server_max_window_bits"),
        ),
        (
            "value of a flag",
            server(),
            "server_no_context_takeover=1",
            Err("invalid value for parameter server_no_context_takeover: 1"),
        ),
        ("unknown", server(), "x=1", Err("invalid parameter name: x")),
        (
            "flag twice",
            server(),
            "server_no_context_takeover; server_no_context_takeover",
            Err("duplicate parameter: server_no_context_takeover"),
        ),
        (
            "client bits twice",
            server(),
            "client_max_window_bits; client_max_window_bits=9",
            Err("duplicate parameter: client_max_window_bits"),
        ),
        (
            "server bits twice",
            server(),
            "server_max_window_bits=9; server_max_window_bits=10",
            Err("duplicate parameter: server_max_window_bits"),
        ),
        (
            "client takeover twice",
            server(),
            "client_no_context_takeover; client_no_context_takeover",
            Err("duplicate parameter: client_no_context_takeover"),
        ),
    ];
    for (name, config, offer, expected) in table {
        let result = config.accept(&params(offer));
        if let Ok((answer, extension)) = &result {
            // The server keeps to its own answer.
            let agreed = agreed(&**extension);
            let bits = |name: &str| {
                let param = answer.iter().find(|param| param.name() == name);
                param.map_or(15, |param| param.value().unwrap().parse().unwrap())
            };
            let flag = |name: &str| answer.iter().any(|param| param.name() == name);
            let expected = Agreed {
                own_bits: bits("server_max_window_bits"),
                own_takeover: !flag("server_no_context_takeover"),
                peer_bits: bits("client_max_window_bits"),
                peer_takeover: !flag("client_no_context_takeover"),
            };
            assert_eq!(agreed, expected, "{name}");
        }
        let result = result.map(|(answer, _)| text(&answer)).map_err(|e| e.to_string());
        assert_eq!(result.as_deref().map_err(|e| &**e), expected, "{name}");
    }
}

#[test]
fn window_bits_are_8_to_15_in_that_spelling() {
    for name in ["server_max_window_bits", "client_max_window_bits"] {
        for value in ["0", "1", "7", "16", "08", "015", "010", "+9", "8x", "x", "9.0", "100", "150"]
        {
            let expected = format!("invalid value for parameter {name}: {value}");
            let given = params(&format!("{name}={value}"));
            assert_eq!(server().accept(&given).unwrap_err().to_string(), expected);
            assert_eq!(client().accept(&given).unwrap_err().to_string(), expected);
        }
        for value in 9..=15 {
            let given = params(&format!("{name}={value}"));
            let (answer, _) = server().accept(&given).expect("in range");
            assert_eq!(answer, given);
            assert!(client().accept(&given).is_ok());
        }
    }
}

#[test]
fn settings_have_ranges() {
    type Set = fn(u8) -> Result<(), InvalidSetting>;
    let table: [(&str, u8, u8, Set); 8] = [
        ("server_max_window_bits", 9, 15, |n| {
            ServerDeflate::default().server_max_window_bits(n).map(drop)
        }),
        ("client_max_window_bits", 8, 15, |n| {
            ServerDeflate::default().client_max_window_bits(n).map(drop)
        }),
        ("server_max_window_bits", 8, 15, |n| client().server_max_window_bits(n).map(drop)),
        ("client_max_window_bits", 9, 15, |n| {
            client().client_max_window_bits(ClientWindow::AtMost(n)).map(drop)
        }),
        ("level", 0, 9, |n| client().level(n).map(drop)),
        ("level", 0, 9, |n| server().level(n).map(drop)),
        ("memory_level", 1, 9, |n| client().memory_level(n).map(drop)),
        ("memory_level", 1, 9, |n| server().memory_level(n).map(drop)),
    ];
    for (name, min, max, set) in table {
        for value in 0..=255 {
            match set(value) {
                Ok(()) => assert!((min..=max).contains(&value), "{name} = {value}"),
                Err(e) => {
                    assert!(!(min..=max).contains(&value), "{name} = {value}");
                    assert_eq!(e.to_string(), format!("{name} must be between {min} and {max}"));
                    assert_eq!((e.name, e.min, e.max, e.value), (name, min, max, value));
                }
            }
        }
    }
}

#[test]
fn offers_have_their_order() {
    use ClientWindow::{AtMost, Unlimited};
    let full = client().server_no_context_takeover(true).client_no_context_takeover(true);
    let full = full.server_max_window_bits(10).unwrap().client_max_window_bits(AtMost(11)).unwrap();
    let table = [
        (client(), "client_max_window_bits"),
        (own(Unlimited), ""),
        (own(AtMost(9)), "client_max_window_bits=9"),
        (
            full,
            "server_no_context_takeover; client_no_context_takeover; server_max_window_bits=10; \
             client_max_window_bits=11",
        ),
    ];
    for (config, expected) in table {
        assert_eq!(text(&config.offer()), expected);
    }
}
