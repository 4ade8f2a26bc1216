//! `ws://` and `wss://` URIs, row by row.

use proptest::prelude::*;
use ws_proto::Uri;

/// `secure`, `host`, `port`, `resource_name`, `user_info` of a URI.
type Parts = (bool, &'static str, u16, &'static str, Option<(&'static str, &'static str)>);

const VALID: &[(&str, Parts)] = &[
    ("ws://localhost/", (false, "localhost", 80, "/", None)),
    ("wss://localhost/", (true, "localhost", 443, "/", None)),
    ("ws://localhost", (false, "localhost", 80, "/", None)),
    ("WS://LOCALHOST/Path", (false, "localhost", 80, "/Path", None)),
    ("wSs://localhost/", (true, "localhost", 443, "/", None)),
    ("ws://localhost:8765/", (false, "localhost", 8765, "/", None)),
    ("ws://localhost:443/", (false, "localhost", 443, "/", None)),
    ("ws://localhost:/", (false, "localhost", 80, "/", None)),
    ("ws://localhost:0080/", (false, "localhost", 80, "/", None)),
    ("ws://localhost:65535/", (false, "localhost", 65535, "/", None)),
    ("ws://127.0.0.1/", (false, "127.0.0.1", 80, "/", None)),
    ("ws://my_host-1.example./", (false, "my_host-1.example.", 80, "/", None)),
    ("ws://localhost/a/b?c=d&e", (false, "localhost", 80, "/a/b?c=d&e", None)),
    ("ws://localhost?a", (false, "localhost", 80, "/?a", None)),
    ("ws://localhost/?a?b/c", (false, "localhost", 80, "/?a?b/c", None)),
    ("ws://localhost/a?", (false, "localhost", 80, "/a", None)),
    ("ws://localhost/a#", (false, "localhost", 80, "/a", None)),
    ("ws://localhost/a?b#", (false, "localhost", 80, "/a?b", None)),
    ("ws://localhost/a;b=c?d", (false, "localhost", 80, "/a;b=c?d", None)),
    ("ws://localhost/a/../b", (false, "localhost", 80, "/a/../b", None)), // as it is
    ("ws://localhost/./?../", (false, "localhost", 80, "/./?../", None)),
    ("ws://localhost//a@b:c", (false, "localhost", 80, "//a@b:c", None)),
    ("ws://localhost/{a}|\"b\"", (false, "localhost", 80, "/%7Ba%7D%7C%22b%22", None)),
    ("ws://localhost/a\\b?c[]=\\", (false, "localhost", 80, "/a%5Cb?c%5B%5D=%5C", None)),
    ("ws://localhost/<a>^`?<a>^`", (false, "localhost", 80, "/%3Ca%3E%5E%60?%3Ca%3E%5E%60", None)),
    ("ws://localhost/%41%c3%A9%00", (false, "localhost", 80, "/%41%c3%A9%00", None)), // as it is
    ("ws://localhost/100%?100%", (false, "localhost", 80, "/100%25?100%25", None)),
    ("ws://localhost/%4?1", (false, "localhost", 80, "/%254?1", None)),
    ("ws://localhost/%%41%%%4g%g4", (false, "localhost", 80, "/%25%41%25%25%254g%25g4", None)),
    ("ws://localhost/%4\u{ff11}", (false, "localhost", 80, "/%254%EF%BC%91", None)),
    (
        "ws://localhost/caf\u{e9}?\u{20ac}=1",
        (false, "localhost", 80, "/caf%C3%A9?%E2%82%AC=1", None),
    ),
    ("ws://localhost/%20\u{e9}%zz", (false, "localhost", 80, "/%20%C3%A9%25zz", None)),
    ("ws://localhost/\u{a0}", (false, "localhost", 80, "/%C2%A0", None)),
    ("ws://[::1]/", (false, "::1", 80, "/", None)),
    ("wss://[2001:DB8::A]:8443/", (true, "2001:db8::a", 8443, "/", None)),
    ("ws://[::ffff:127.0.0.1]", (false, "::ffff:127.0.0.1", 80, "/", None)),
    ("ws://[::1]:", (false, "::1", 80, "/", None)),
    ("ws://[fe80::1%25eth0]/", (false, "fe80::1%eth0", 80, "/", None)),
    ("ws://[fe80::1%eth0]/", (false, "fe80::1%eth0", 80, "/", None)), // as people copy it
    ("ws://[fe80::1%25]/", (false, "fe80::1%25", 80, "/", None)),     // interface 25
    ("ws://u:p@localhost/", (false, "localhost", 80, "/", Some(("u", "p")))),
    ("ws://U:P@LOCALHOST/", (false, "localhost", 80, "/", Some(("U", "P")))),
    ("ws://u:@localhost/", (false, "localhost", 80, "/", Some(("u", "")))),
    ("ws://u@localhost/", (false, "localhost", 80, "/", Some(("u", "")))),
    ("ws://u%40x@[::1]:1/", (false, "::1", 1, "/", Some(("u@x", "")))),
    ("ws://@localhost/", (false, "localhost", 80, "/", None)),
    ("ws://@localhost:1", (false, "localhost", 1, "/", None)),
    ("ws://@@localhost/", (false, "localhost", 80, "/", Some(("@", "")))),
    ("ws://:p@localhost/", (false, "localhost", 80, "/", Some(("", "p")))),
    ("ws://:@localhost/", (false, "localhost", 80, "/", Some(("", "")))),
    ("ws://u:p:q@localhost/", (false, "localhost", 80, "/", Some(("u", "p:q")))),
    ("ws://u%40x:p%2Fq%25@localhost/", (false, "localhost", 80, "/", Some(("u@x", "p/q%")))),
    ("ws://me@work:p@localhost/", (false, "localhost", 80, "/", Some(("me@work", "p")))),
    ("ws://%C3%A9:\u{e9}@localhost/", (false, "localhost", 80, "/", Some(("\u{e9}", "\u{e9}")))),
    ("ws://u:p@[::1]:1/", (false, "::1", 1, "/", Some(("u", "p")))),
];

const CONTROL: &str = "contains a control character or a space";
const SCHEME: &str = "scheme isn't ws or wss";
const NO_HOST: &str = "hostname isn't provided";
const ASCII: &str = "hostname isn't ASCII";
const HOST: &str = "hostname contains an invalid character";
const IPV6: &str = "IPv6 address is invalid";
const PORT: &str = "port isn't a number between 1 and 65535";
const FRAGMENT: &str = "fragment identifier is meaningless";
const USER_INFO: &str = "user information is invalid";

const INVALID: &[(&str, &str)] = &[
    ("", SCHEME),
    ("localhost", SCHEME),
    ("localhost:8765", SCHEME),
    ("//localhost/", SCHEME),
    ("http://localhost/", SCHEME),
    ("https://localhost/", SCHEME),
    ("wsss://localhost/", SCHEME),
    (":ws://localhost/", SCHEME),
    ("ws:", NO_HOST),
    ("ws:localhost", NO_HOST),
    ("ws:/localhost", NO_HOST),
    ("ws://", NO_HOST),
    ("ws:///path", NO_HOST),
    ("ws://?query", NO_HOST),
    ("ws://:80/", NO_HOST),
    ("ws://u:p@/", NO_HOST),
    ("ws://u@/", NO_HOST),
    ("ws://@/", NO_HOST),
    ("ws://#fragment", NO_HOST),
    #[cfg(not(feature = "idna"))]
    ("ws://b\u{fc}cher.example/", ASCII),
    #[cfg(not(feature = "idna"))]
    ("ws://\u{ff11}.example/", ASCII),
    ("ws://\u{fffd}.example/", ASCII),
    ("ws://b\u{fc}cher_.example/", ASCII),
    ("ws://b\u{fc}cher..example/", ASCII),
    ("ws://a%41/", HOST),
    ("ws://a\\b/", HOST),
    ("ws://good.example\\@evil.example/", USER_INFO),
    ("ws://good.example\\path", HOST),
    ("ws://u:p\\@evil.example/", USER_INFO), // browsers would connect to `u`
    ("ws://<a>/", HOST),
    ("ws://a]/", HOST),
    ("ws://::1/", NO_HOST),
    ("ws://a:b:80/", PORT),
    ("ws://[::1/", IPV6),
    ("ws://[]/", IPV6),
    ("ws://[localhost]/", IPV6),
    ("ws://[127.0.0.1]/", IPV6),
    ("ws://[v1.a]/", IPV6),
    ("ws://[:::1]/", IPV6),
    ("ws://[::1]80/", IPV6),
    ("ws://[::1%]/", IPV6),
    ("ws://[::1%a/b]/", IPV6),
    ("ws://[::1%25a%41]/", IPV6),
    ("ws://[::1]]/", IPV6),
    ("ws://localhost:x/", PORT),
    ("ws://localhost:-1/", PORT),
    ("ws://localhost:+1/", PORT),
    ("ws://localhost:0/", PORT),
    ("ws://localhost:65536/", PORT),
    ("ws://localhost:99999999999999999999/", PORT),
    ("ws://localhost:\u{ff11}/", PORT),
    ("ws://localhost/#a", FRAGMENT),
    ("ws://localhost#a", FRAGMENT),
    ("ws://localhost/##", FRAGMENT),
    ("ws://u%3Ap@localhost/", USER_INFO),
    ("ws://%@localhost/", USER_INFO),
    ("ws://u%3Ax:p@localhost/", USER_INFO),
    ("ws://u:%@localhost/", USER_INFO),
    ("ws://u:%4@localhost/", USER_INFO),
    ("ws://u:%zz@localhost/", USER_INFO),
    ("ws://u:%+1@localhost/", USER_INFO),
    ("ws://u:%ff@localhost/", USER_INFO),
    ("ws://u:%0a@localhost/", USER_INFO),
    (" ws://localhost/", CONTROL),
    ("ws://localhost/ ", CONTROL),
    ("ws://localhost/a b", CONTROL),
    ("ws://localhost/?a b", CONTROL),
    ("ws://local\thost/", CONTROL),
    ("ws://localhost/\r\nX-Injected: 1", CONTROL),
    ("ws://localhost/\0", CONTROL),
    ("ws://localhost/\x7f", CONTROL),
    ("ws://localhost/\u{85}", CONTROL),
];

#[test]
fn valid_uris_are_taken_apart() {
    for &(text, (secure, host, port, resource_name, user_info)) in VALID {
        let uri = Uri::parse(text).unwrap_or_else(|e| panic!("{e}"));
        assert_eq!(uri.secure(), secure, "{text}");
        assert_eq!(uri.host(), host, "{text}");
        assert_eq!(uri.port(), port, "{text}");
        assert_eq!(uri.resource_name(), resource_name, "{text}");
        assert_eq!(uri.user_info(), user_info, "{text}");
    }
}

#[test]
fn invalid_uris_say_why() {
    for &(text, msg) in INVALID {
        let error = Uri::parse(text).expect_err(text);
        assert_eq!(error.msg.as_deref(), Some(msg), "{text}");
        assert_eq!(error.to_string(), format!("{} isn't a valid URI: {msg}", error.uri));
        assert_eq!(*error.uri, ws_errors::redact_uri(text));
    }
}

/// Whether all of `text` is `*( pchar / "/" )`, or with `?` a query ([RFC 3986 §3.3], [§3.4]).
///
/// [RFC 3986 §3.3]: https://www.rfc-editor.org/rfc/rfc3986#section-3.3
/// [§3.4]: https://www.rfc-editor.org/rfc/rfc3986#section-3.4
fn is_in_grammar(text: &str, query: bool) -> bool {
    const PCHAR: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789\
        -._~!$&'()*+,;=:@";
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        let legal = match c {
            '%' => (0..2).all(|_| chars.next().is_some_and(|c| c.is_ascii_hexdigit())),
            '/' => true,
            '?' => query,
            c => PCHAR.contains(c),
        };
        if !legal {
            return false;
        }
    }
    true
}

/// Whether this can be sent as the target of a request, and means the same when printed and read again.
fn is_fit_to_be_sent(uri: &Uri) -> bool {
    let (path, query) = (uri.path(), uri.query());
    let whole = match query {
        Some(query) => format!("{path}?{query}"),
        None => path.to_owned(),
    };
    uri.resource_name() == whole
        && path.starts_with('/')
        && is_in_grammar(path, false)
        && query.is_none_or(|query| !query.is_empty() && is_in_grammar(query, true))
        && Uri::parse(&uri.to_string()).is_ok_and(|again| again.resource_name() == whole)
}

/// Each character of a path and of a query, alone and beside others that could change its meaning.
#[test]
fn every_character_is_sent_as_the_grammar_has_it_or_refused() {
    let around = ["", "%", "%4", "%41", "/", "a", "\u{e9}", "?", "\\", "{"];
    let beyond = ['\u{80}', '\u{a0}', '\u{e9}', '\u{2028}', '\u{fffd}', '\u{1f600}', '\u{10ffff}'];
    for c in ('\0'..='\x7f').chain(beyond) {
        for before in around {
            for after in around {
                for text in [
                    format!("ws://localhost/{before}{c}{after}"),
                    format!("ws://localhost/a?{before}{c}{after}"),
                    format!("ws://localhost?{before}{c}{after}"),
                ] {
                    let refused = match c {
                        ' ' => Some(CONTROL),
                        c if c.is_control() => Some(CONTROL),
                        // It ends the query; with nothing behind it, it doesn't count.
                        '#' if !after.is_empty() => Some(FRAGMENT),
                        _ => None,
                    };
                    match Uri::parse(&text) {
                        Ok(uri) => {
                            assert_eq!(None, refused, "{text:?}");
                            assert!(is_fit_to_be_sent(&uri), "{text:?} as {}", uri.resource_name());
                        }
                        Err(error) => assert_eq!(error.msg.as_deref(), refused, "{text:?}"),
                    }
                }
            }
        }
    }
}

#[test]
fn legal_characters_and_percent_encoding_are_kept() -> Result<(), ws_errors::InvalidURI> {
    for c in '!'..='~' {
        let (text, encoded) = (c.to_string(), format!("%{:02X}", u32::from(c)));
        for query in [false, true] {
            let place = if query { "/?" } else { "/" };
            let uri = Uri::parse(&format!("ws://localhost{place}{encoded}"))?;
            assert_eq!(uri.resource_name(), format!("{place}{encoded}"));
            if c == '#' || (c == '?' && !query) {
                continue; // It ends the part.
            }
            let uri = Uri::parse(&format!("ws://localhost{place}{c}"))?;
            let expected = if is_in_grammar(&text, query) { &text } else { &encoded };
            assert_eq!(uri.resource_name(), format!("{place}{expected}"));
        }
    }
    Ok(())
}

#[cfg(feature = "idna")]
#[test]
fn international_hosts_become_ascii() {
    for (text, host) in [
        ("ws://b\u{fc}cher.example/", "xn--bcher-kva.example"),
        ("ws://B\u{dc}CHER.example/", "xn--bcher-kva.example"),
        ("ws://\u{ff11}.example/", "1.example"),
        ("ws://\u{4f8b}\u{3048}\u{3002}\u{30c6}\u{30b9}\u{30c8}:81/", "xn--r8jz45g.xn--zckzah"),
    ] {
        let uri = Uri::parse(text).unwrap_or_else(|e| panic!("{e}"));
        assert_eq!(uri.host(), host);
        assert!(uri.to_string().is_ascii() && uri.host_header().starts_with(host));
    }
}

#[test]
fn path_and_query_are_separate() -> Result<(), ws_errors::InvalidURI> {
    let uri = Uri::parse("ws://localhost/a?b=c")?;
    assert_eq!((uri.path(), uri.query()), ("/a", Some("b=c")));
    let uri = Uri::parse("ws://localhost?")?;
    assert_eq!((uri.path(), uri.query()), ("/", None));
    Ok(())
}

#[test]
fn host_header_has_the_port_unless_it_is_the_default() -> Result<(), ws_errors::InvalidURI> {
    let table = [
        ("ws://localhost:80/", "localhost"),
        ("wss://localhost:443/", "localhost"),
        ("ws://localhost:443/", "localhost:443"),
        ("wss://localhost:80/", "localhost:80"),
        ("ws://u:p@localhost:8765/", "localhost:8765"),
        ("ws://[::1]/", "[::1]"),
        ("ws://[fe80::1%25eth0]:81/", "[fe80::1]:81"), // the zone stays at home
    ];
    for (text, expected) in table {
        assert_eq!(Uri::parse(text)?.host_header(), expected, "{text}");
    }
    Ok(())
}

#[test]
fn printing_leaves_credentials_out() -> Result<(), ws_errors::InvalidURI> {
    let uri = Uri::parse("WSS://user:secret@[FE80::1%25eth0]:443/a?b#")?;
    assert_eq!(uri.to_string(), "wss://[fe80::1%25eth0]/a?b");
    assert_eq!(format!("{uri:?}"), "Uri(wss://[fe80::1%25eth0]/a?***)");
    Ok(())
}

#[test]
fn errors_and_debug_have_no_secrets() {
    for (text, redacted) in [
        // `redact_uri` has a table of its own.
        ("ws://user:secret@host:0/", "ws://***@host:0/"),
        ("ws://host:0/?a=secret#secret", "ws://host:0/?a=***#***"),
    ] {
        let error = Uri::parse(text).expect_err(text);
        assert_eq!(&*error.uri, redacted, "{text}");
        assert!(!format!("{error:?}{error}").contains("secret"), "{text}");
    }
    for (text, redacted) in [
        ("ws://user:secret@host/a?b=secret&secret", "ws://host/a?b=***&***"),
        ("ws://host/?secret==", "ws://host/?***"),
        ("ws://host/a@b?", "ws://host/a@b"),
    ] {
        let uri = Uri::parse(text).expect(text);
        assert_eq!(uri.redacted().to_string(), redacted);
        assert_eq!(format!("{uri:?}"), format!("Uri({redacted})"));
    }
}

proptest! {
    #[test]
    fn anything_is_parsed_or_refused(text: String) {
        let _ = Uri::parse(&text);
    }

    /// Strings that are almost URIs reach further into the parser than arbitrary ones. Whatever
    /// is accepted can be sent in a request line, and means the same when printed and read again.
    #[test]
    fn what_is_accepted_is_fit_to_be_sent(text in "wss?://[ -~é\0]{0,24}") {
        if let Ok(uri) = Uri::parse(&text) {
            prop_assert!(is_fit_to_be_sent(&uri));
            prop_assert!(uri.host_header().bytes().all(|b| b.is_ascii_graphic()));
            let again = Uri::parse(&uri.to_string()).unwrap();
            prop_assert_eq!(again.host(), uri.host());
            prop_assert_eq!(again.port(), uri.port());
            prop_assert_eq!(again.resource_name(), uri.resource_name());
        }
    }

    #[test]
    fn what_looks_like_a_host_keeps_its_meaning(
        text in "wss?://([a%:]{0,3}@)?(\\[[0-9a-f:.%]{0,9}\\]|[a-z.]{0,6})(:[0-9]{0,6})?[/?#]?[a?#]{0,3}",
    ) {
        if let Ok(uri) = Uri::parse(&text) {
            let again = Uri::parse(&uri.to_string()).unwrap();
            prop_assert_eq!(again.host_header(), uri.host_header());
            prop_assert_eq!(again.resource_name(), uri.resource_name());
        }
    }
}
