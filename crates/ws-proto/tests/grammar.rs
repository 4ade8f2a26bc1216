//! The grammars of the header fields, row by row.

use proptest::prelude::*;
use ws_errors::InvalidHeaderFormat;
use ws_proto::grammar::{
    ExtensionHeader, build_authorization_basic, build_extension, build_host, build_subprotocol,
    build_www_authenticate_basic, parse_authorization_basic, parse_connection, parse_extension,
    parse_subprotocol, parse_upgrade,
};
use ws_types::{ExtensionName, ExtensionParameter, Subprotocol};

/// The expectation of a row: the items, or the text and the position of the failure.
type Expected = Result<&'static [&'static str], (&'static str, usize)>;

#[track_caller]
fn check(
    name: &str,
    header: &str,
    parsed: Result<Vec<String>, InvalidHeaderFormat>,
    expected: Expected,
) {
    match (parsed, expected) {
        (Ok(items), Ok(expected)) => assert_eq!(items, expected, "{header:?}"),
        (Err(error), Err((text, pos))) => {
            assert_eq!((error.error, error.pos), (text, pos), "{header:?}");
            // Control characters are escaped where an exception is printed.
            if !header.contains(char::is_control) {
                let expected = format!("invalid {name} header: {text} at {pos} in {header}");
                assert_eq!(error.to_string(), expected);
            }
        }
        (parsed, _) => panic!("{header:?}: {parsed:?} instead of {expected:?}"),
    }
}

fn strings<T: ToString>(items: Vec<T>) -> Vec<String> {
    items.iter().map(T::to_string).collect()
}

#[test]
fn connection_is_a_list_of_tokens() {
    let table: &[(&str, Expected)] = &[
        ("Upgrade", Ok(&["Upgrade"])), // Chromium, Safari, most clients
        ("keep-alive, Upgrade", Ok(&["keep-alive", "Upgrade"])), // Firefox
        ("upgrade", Ok(&["upgrade"])), // nginx, as usually configured
        ("a,b", Ok(&["a", "b"])),
        ("a ,\t b", Ok(&["a", "b"])),
        // Empty elements, which proxies leave behind that remove an option.
        (",a", Ok(&["a"])),
        ("a,", Ok(&["a"])),
        ("a,,b", Ok(&["a", "b"])),
        (", ,a", Ok(&["a"])),
        ("a, ,\t, b ,", Ok(&["a", "b"])),
        // Nothing is no list.
        ("", Err(("expected token", 0))),
        (",", Err(("expected token", 1))),
        (", ,", Err(("expected token", 3))),
        // Values arrive trimmed; white space in front means that they weren't.
        (" a", Err(("expected token", 0))),
        ("a b", Err(("expected comma", 2))),
        ("a, b c", Err(("expected comma", 5))),
        ("a;b", Err(("expected comma", 1))),
        ("\"a\"", Err(("expected token", 0))),
        // Positions count characters, not bytes of UTF-8.
        ("é", Err(("expected token", 0))),
        ("a, é", Err(("expected token", 3))),
        ("aé", Err(("expected comma", 1))),
    ];
    for &(header, expected) in table {
        check("Connection", header, parse_connection(header).map(strings), expected);
    }
}

#[test]
fn upgrade_is_a_list_of_protocols() {
    let table: &[(&str, Expected)] = &[
        ("websocket", Ok(&["websocket"])), // everybody
        ("WebSocket", Ok(&["WebSocket"])), // clients older than the RFC
        ("h2c, websocket", Ok(&["h2c", "websocket"])),
        ("TLS/1.0", Ok(&["TLS/1.0"])),
        ("", Err(("expected protocol", 0))),
        ("/1.0", Err(("expected protocol", 0))),
        // A slash that nothing follows isn't part of the protocol.
        ("a/", Err(("expected comma", 1))),
        ("a/ b", Err(("expected comma", 1))),
        ("a/,b", Err(("expected comma", 1))),
        ("a /b", Err(("expected comma", 2))),
        ("a/b/c", Err(("expected comma", 3))),
        ("é", Err(("expected protocol", 0))),
    ];
    for &(header, expected) in table {
        check("Upgrade", header, parse_upgrade(header).map(strings), expected);
    }
}

#[test]
fn subprotocols_are_a_list_of_tokens() {
    let table: &[(&str, Expected)] = &[
        ("chat", Ok(&["chat"])),
        ("graphql-transport-ws, graphql-ws", Ok(&["graphql-transport-ws", "graphql-ws"])),
        ("v12.stomp,v11.stomp", Ok(&["v12.stomp", "v11.stomp"])),
        ("Chat, chat, chat", Ok(&["Chat", "chat", "chat"])), // kept as they are
        ("", Err(("expected token", 0))),
        ("a/b", Err(("expected comma", 1))),
        ("a b", Err(("expected comma", 2))),
    ];
    for &(header, expected) in table {
        check("Sec-WebSocket-Protocol", header, parse_subprotocol(header).map(strings), expected);
    }
}

#[test]
fn extensions_have_parameters() {
    let table: &[(&str, Expected)] = &[
        ("foo", Ok(&["foo"])),
        // Chromium and Firefox.
        (
            "permessage-deflate; client_max_window_bits",
            Ok(&["permessage-deflate; client_max_window_bits"]),
        ),
        ("permessage-deflate", Ok(&["permessage-deflate"])), // Firefox
        ("x-webkit-deflate-frame", Ok(&["x-webkit-deflate-frame"])), // Safari before 16
        ("foo, bar", Ok(&["foo", "bar"])),
        (",,foo,,", Ok(&["foo"])),
        ("foo; a; b=1", Ok(&["foo; a; b=1"])),
        ("foo;a;b=1,bar", Ok(&["foo; a; b=1", "bar"])),
        ("foo ; a = b\t; c", Ok(&["foo; a=b; c"])),
        ("foo; a; a; a=1", Ok(&["foo; a; a; a=1"])), // for the extension to judge
        ("Foo; A=B", Ok(&["Foo; A=B"])),             // case matters
        ("foo; a=\"b\"", Ok(&["foo; a=b"])),
        ("foo; a=\"\\b\"", Ok(&["foo; a=b"])),
        ("", Err(("expected token", 0))),
        (" foo", Err(("expected token", 0))),
        ("foo a", Err(("expected comma", 4))),
        ("foo;", Err(("expected token", 4))),
        ("foo; ", Err(("expected token", 5))),
        ("foo; =b", Err(("expected token", 5))),
        ("foo; a=", Err(("expected token", 7))),
        ("foo; a=b c", Err(("expected comma", 9))),
        ("foo; a=b=c", Err(("expected comma", 8))),
        ("foo; a=\"b\"c", Err(("expected comma", 10))),
        // What is quoted has to be a token.
        ("foo; a=\"\"", Err(("invalid quoted header content", 7))),
        ("foo; a=\"b c\"", Err(("invalid quoted header content", 7))),
        ("foo; a=\"\t\"", Err(("invalid quoted header content", 7))),
        ("foo; a=\"\\\"\"", Err(("invalid quoted header content", 7))),
        ("foo; a=\"\\é\"", Err(("invalid quoted header content", 7))),
        // No quoted strings at all.
        ("foo; a=\"b", Err(("expected quoted string", 7))),
        ("foo; a=\"b\\", Err(("expected quoted string", 7))),
        ("foo; a=\"b\\\"", Err(("expected quoted string", 7))),
        ("foo; a=\"é\"", Err(("expected quoted string", 7))),
        ("foo; a=\"b\x7f\"", Err(("expected quoted string", 7))),
        ("foo; a=\"\\\x7f\"", Err(("expected quoted string", 7))),
        ("é", Err(("expected token", 0))),
        ("foo; é=\"b", Err(("expected token", 5))),
    ];
    for &(header, expected) in table {
        let parsed = parse_extension(header);
        let items = parsed.map(|extensions| {
            extensions
                .into_iter()
                .inspect(|extension| {
                    assert_eq!(
                        extension.to_string(),
                        build_extension(std::slice::from_ref(extension))
                    );
                })
                .map(|extension| extension.to_string())
                .collect()
        });
        check("Sec-WebSocket-Extensions", header, items, expected);
    }
}

#[test]
fn a_parameter_without_value_differs_from_one_with_any() {
    let extensions = parse_extension("foo; a; b=1").unwrap();
    let parameters: Vec<_> = extensions[0].params.iter().map(|p| (p.name(), p.value())).collect();
    assert_eq!(parameters, [("a", None), ("b", Some("1"))]);
}

#[test]
fn nothing_to_offer_builds_nothing() {
    assert_eq!(build_extension(&[]), "");
    assert_eq!(build_subprotocol(&[]), "");
}

#[test]
fn basic_credentials_are_parsed_strictly() {
    type Row = (&'static str, Result<(&'static [u8], &'static [u8]), &'static str>);
    let table: &[Row] = &[
        ("Basic aGVsbG86aWxvdmV5b3U=", Ok((b"hello", b"iloveyou"))),
        ("basic aGVsbG86aWxvdmV5b3U=", Ok((b"hello", b"iloveyou"))),
        ("BASIC aGVsbG86aWxvdmV5b3U=", Ok((b"hello", b"iloveyou"))),
        ("Basic Og==", Ok((b"", b""))),
        ("Basic aDo6Yg==", Ok((b"h", b":b"))),
        ("Basic ojo=", Ok((b"\xa2", b""))), // clients that use ISO-8859-1
        ("", Err("expected token at 0 in ")),
        ("é x", Err("expected token at 0 in ***")),
        ("Basic", Err("expected space after scheme at 5 in ***")),
        ("Basic\tOg==", Err("expected space after scheme at 5 in ***")),
        ("Basic  Og==", Err("expected token68 at 6 in ***")),
        ("Basic ", Err("expected token68 at 6 in ***")),
        ("Basic =", Err("expected token68 at 6 in ***")),
        ("Basic é", Err("expected token68 at 6 in ***")),
        ("Basic Og== x", Err("trailing data at 10 in ***")),
        ("Basic Og==,", Err("trailing data at 10 in ***")),
        ("Basic O=g=", Err("trailing data at 8 in ***")),
        ("Bearer abc", Err("unsupported scheme: Bearer")),
        ("Digest", Err("unsupported scheme")),
        ("Bearer=", Err("unsupported scheme")),
        ("c2VjcmV0Cg==", Err("unsupported scheme")),
        // Base64 that others let pass: no padding, too much of it, the alphabet for URLs, bits
        // that are left over.
        ("Basic Og", Err("expected base64-encoded credentials")),
        ("Basic Og===", Err("expected base64-encoded credentials")),
        ("Basic a-b_", Err("expected base64-encoded credentials")),
        ("Basic Oh==", Err("expected base64-encoded credentials")),
        ("Basic aGVsbG8=", Err("expected username:password credentials")),
    ];
    for (header, expected) in table {
        match (parse_authorization_basic(header), expected) {
            (Ok(credentials), Ok((username, password))) => {
                assert_eq!(credentials.username, *username, "{header:?}");
                assert_eq!(credentials.password, *password, "{header:?}");
            }
            (Err(error), Err(text)) => {
                assert_eq!(error.to_string(), format!("invalid Authorization header: {text}"));
            }
            (parsed, _) => panic!("{header:?}: {parsed:?} instead of {expected:?}"),
        }
    }
}

#[test]
fn passwords_are_not_printed() {
    let credentials = parse_authorization_basic("Basic aGVsbG86aWxvdmV5b3U=").unwrap();
    assert_eq!(format!("{credentials:?}"), "Credentials { username: \"hello\", .. }");
    let error = build_authorization_basic("he:llo", "iloveyou").unwrap_err();
    assert!(!format!("{error} {error:?}").contains("iloveyou"));
}

#[test]
fn credentials_that_basic_cannot_carry_are_refused() {
    for (username, password) in [("a:b", "c"), ("a\n", "b"), ("a", "b\0"), ("a", "\u{85}")] {
        assert!(build_authorization_basic(username, password).is_err(), "{username:?}");
    }
}

#[test]
fn realms_are_quoted() {
    let table = [
        ("", Some(r#"Basic realm="", charset="UTF-8""#)),
        ("staff", Some(r#"Basic realm="staff", charset="UTF-8""#)),
        (r#"a"b\c"#, Some(r#"Basic realm="a\"b\\c", charset="UTF-8""#)),
        ("é\t", Some("Basic realm=\"é\t\", charset=\"UTF-8\"")),
        ("€", None),
        ("a\r\nX: b", None),
        ("\x7f", None),
    ];
    for (realm, expected) in table {
        assert_eq!(build_www_authenticate_basic(realm).ok().as_deref(), expected, "{realm:?}");
    }
}

#[test]
fn hosts_have_brackets_and_ports_where_needed() {
    let table = [
        ("localhost", 80, false, "localhost"),
        ("localhost", 443, true, "localhost"),
        ("localhost", 443, false, "localhost:443"),
        ("localhost", 80, true, "localhost:80"),
        ("127.0.0.1", 8080, false, "127.0.0.1:8080"),
        ("::1", 80, false, "[::1]"),
        ("::1", 443, false, "[::1]:443"),
        ("fe80::1%eth0", 81, false, "[fe80::1%eth0]:81"),
    ];
    for (host, port, secure, expected) in table {
        assert_eq!(build_host(host, port, secure), expected);
    }
}

proptest! {
    #[test]
    fn parsers_take_anything(octets: Vec<u8>) {
        let header: String = octets.into_iter().map(char::from).collect();
        for pos in [
            parse_connection(&header).err().map(|e| e.pos),
            parse_upgrade(&header).err().map(|e| e.pos),
            parse_subprotocol(&header).err().map(|e| e.pos),
            parse_extension(&header).err().map(|e| e.pos),
        ].into_iter().flatten() {
            prop_assert!(pos <= header.chars().count());
        }
        let _ = parse_authorization_basic(&header);
    }

    /// Strings that are almost extensions reach further into the parser than arbitrary ones.
    #[test]
    fn what_parses_as_extensions_survives_building(header in "[ab1;,=\"\\\\ \té]{0,24}") {
        if let Ok(extensions) = parse_extension(&header) {
            prop_assert!(!extensions.is_empty());
            prop_assert_eq!(parse_extension(&build_extension(&extensions)), Ok(extensions));
        }
    }

    #[test]
    fn extensions_round_trip(
        extensions in prop::collection::vec(
            (
                "[!-~&&[^\"(),/:;<=>?@\\[\\\\\\]{}]]{1,8}",
                prop::collection::vec(("[a-z_]{1,8}", prop::option::of("[0-9]{1,2}")), 0..4),
            ),
            1..4,
        ),
    ) {
        let extensions: Vec<_> = extensions
            .into_iter()
            .map(|(name, params)| {
                let params = params
                    .into_iter()
                    .map(|(name, value)| ExtensionParameter::new(name, value.as_deref()).unwrap())
                    .collect();
                ExtensionHeader { name: ExtensionName::new(name).unwrap(), params }
            })
            .collect();
        prop_assert_eq!(parse_extension(&build_extension(&extensions)), Ok(extensions));
    }

    #[test]
    fn subprotocols_round_trip(names in prop::collection::vec("[a-zA-Z0-9.!#$]{1,12}", 1..6)) {
        let subprotocols: Vec<_> =
            names.into_iter().map(|name| Subprotocol::new(name).unwrap()).collect();
        prop_assert_eq!(parse_subprotocol(&build_subprotocol(&subprotocols)), Ok(subprotocols));
    }

    #[test]
    fn credentials_round_trip(username in "[^:\\p{Cc}]{0,12}", password in "\\P{Cc}{0,12}") {
        let header = build_authorization_basic(&username, &password).unwrap();
        let credentials = parse_authorization_basic(&header).unwrap();
        prop_assert_eq!(credentials.username, username.as_bytes());
        prop_assert_eq!(credentials.password, password.as_bytes());
    }
}
