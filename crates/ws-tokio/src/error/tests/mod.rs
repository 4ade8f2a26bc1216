//! Tests of errors, most of them over the table in `rows`.

mod rows;

use std::fs;
use std::path::Path;

use ws_errors::*;
use ws_types::Subprotocol;

use super::*;
use rows::{
    Row, addr, completing, connect, connecting, io, misuse, open, refused, response, serving,
};

fn page() -> String {
    let mut page = "# Error texts\n\n\
        Every error with the text that `{}` of `ws_tokio::Error` gives; `{:?}` adds causes that the text lacks. \
        *Retry* and *time-out* are\n`is_retryable` and `is_timeout`. The first column names the class of the tree, which \
        `get` finds, or the variant of\n`Error`. A test writes this page, and fails when it is stale.\n"
        .to_owned();
    for (title, intro, rows) in [
        (
            "Opening a connection",
            "`connect` and `client` give `Error::Connect` with these causes, but for a URI that isn't valid.",
            connecting(),
        ),
        ("Serving", "`serve` fails with the first two; `accept` with the others.", serving()),
        ("An open connection", "", open()),
        ("Misuse", "", misuse()),
        ("Nothing raises these yet", "They complete the tree.", completing()),
    ] {
        _ = write!(page, "\n## {title}\n");
        if !intro.is_empty() {
            _ = write!(page, "\n{intro}\n");
        }
        page.push_str(
            "\n| class | situation | text | retry | time-out |\n| --- | --- | --- | --- | --- |\n",
        );
        for Row(class, situation, error) in rows {
            let yes = |yes| if yes { "yes" } else { "" };
            _ = writeln!(
                page,
                "| `{class}` | {situation} | {} | {} | {} |",
                error.to_string().replace('|', "\\|"),
                yes(error.is_retryable()),
                yes(error.is_timeout()),
            );
        }
    }
    page
}

#[test]
fn the_page_of_error_texts_is_not_stale() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/reference/errors.md");
    let (page, old) = (page(), fs::read_to_string(&path).unwrap_or_default());
    if page != old {
        fs::write(&path, page).unwrap();
        panic!("{} was stale; it was rewritten", path.display());
    }
}

#[test]
fn each_row_names_a_class_that_get_finds_or_the_variant() {
    macro_rules! finds {
        ($error:ident, $class:ident: $($name:ident)*) => {
            match $class {
                $(stringify!($name) => $error.get::<$name>().is_some(),)*
                "Resolve" | "Listen" | "Io" | "Tls" | "TlsUnavailable" | "ProxyHeader" | "Other" => {
                    let cause = match $error {
                        Error::Connect(e) => e.cause(),
                        error => error,
                    };
                    matches!(
                        ($class, cause),
                        ("Resolve", Error::Resolve(_))
                            | ("Listen", Error::Listen(..))
                            | ("Io", Error::Io(_))
                            | ("Tls", Error::Tls(_))
                            | ("TlsUnavailable", Error::TlsUnavailable)
                            | ("ProxyHeader", Error::ProxyHeader(_))
                            | ("Other", Error::Other(_))
                    )
                }
                other => panic!("unknown class {other}"),
            }
        };
    }
    for rows in [connecting(), serving(), open(), misuse(), completing()] {
        for Row(class, situation, error) in &rows {
            let (class, error) = (*class, error);
            let found = finds!(error, class:
                ConnectionClosedError ConnectionClosedOK InvalidHandshake SecurityError
                RequestLineTooLong StatusLineTooLong HeaderLineTooLong TooManyHeaders ProxyError
                InvalidProxyMessage InvalidProxyStatus InvalidMessage InvalidMethod InvalidProtocol
                InvalidStatus InvalidHeader InvalidHeaderFormat InvalidHeaderValue InvalidOrigin
                InvalidUpgrade InvalidStatusCode NegotiationError DuplicateParameter
                InvalidParameterName InvalidParameterValue AbortHandshake RedirectHandshake
                HandshakeTimeout InvalidState InvalidURI InvalidProxy PayloadTooBig TooManyFragments
                ProtocolError InvalidUtf8 ConcurrencyError KeepaliveTimeout
            );
            assert!(found, "{class}, {situation}: {error}");
        }
    }
}

#[test]
fn no_text_has_a_secret_or_a_control_character() {
    for rows in [connecting(), serving(), open(), misuse(), completing()] {
        for Row(_, _, error) in rows {
            for text in [error.to_string(), format!("{error:?}")] {
                assert!(!text.contains("secret"), "{text}");
                assert!(!text.contains(char::is_control), "{text}");
            }
        }
    }
}

#[test]
fn errors_of_a_stream_that_may_pass_are_retryable() {
    use io::ErrorKind as Kind;
    for (kind, expected) in [
        (Kind::ConnectionRefused, true),
        (Kind::ConnectionReset, true),
        (Kind::ConnectionAborted, true),
        (Kind::BrokenPipe, true),
        (Kind::UnexpectedEof, true),
        (Kind::TimedOut, true),
        (Kind::HostUnreachable, true),
        (Kind::NetworkUnreachable, true),
        (Kind::NetworkDown, true),
        (Kind::AddrNotAvailable, true),
        // A bad certificate.
        (Kind::InvalidData, false),
        (Kind::PermissionDenied, false),
        (Kind::InvalidInput, false),
        (Kind::Unsupported, false),
        (Kind::Other, false),
    ] {
        for error in [Error::Io(io(kind)), refused(io(kind))] {
            assert_eq!(error.is_retryable(), expected, "{error:?}");
            assert_eq!(error.is_timeout(), kind == Kind::TimedOut, "{error:?}");
        }
        assert!(Error::Resolve(io(kind)).is_retryable());
        assert!(!Error::Listen(addr(1).to_string().into(), io(kind)).is_retryable());
    }
    // One of the addresses may be reached later.
    let failed =
        vec![(addr(1), io(Kind::ConnectionRefused)), (addr(2), io(Kind::PermissionDenied))];
    let attempt = Attempt { failed, ..Attempt::default() };
    assert!(connect(attempt, io(Kind::PermissionDenied)).is_retryable());
}

#[test]
fn the_server_tells_when_to_come_back() {
    let after = |value: &str| {
        refused(InvalidStatus::new(response(503, "", &[("Retry-After", value)]))).retry_after()
    };
    assert_eq!(after("120"), Some(Duration::from_secs(120)));
    assert_eq!(after("0"), Some(Duration::ZERO));
    assert_eq!(after("Tue, 15 Nov 1994 08:12:31 GMT"), Some(Duration::ZERO));
    let soon = SystemTime::now() + Duration::from_secs(1000);
    let soon = after(&httpdate::fmt_http_date(soon)).unwrap();
    assert!((990..=1000).contains(&soon.as_secs()), "{soon:?}");
    for invalid in ["-1", "1.5", "soon", "99999999999999999999999"] {
        assert_eq!(after(invalid), None, "{invalid}");
    }
    assert_eq!(refused(InvalidStatus::new(response(503, "", &[]))).retry_after(), None);
    assert_eq!(refused(io(io::ErrorKind::ConnectionReset)).retry_after(), None);
}

#[test]
fn debug_adds_the_causes_that_the_text_lacks() {
    let exception = ConnectionClosed::new(None, None, None, None);
    let reset = io::Error::new(io::ErrorKind::ConnectionReset, "reset\r\nby peer");
    let error = Error::Closed(Closed::new(exception, Some(std::sync::Arc::new(reset))));
    let text = r"no close frame received or sent (reset\r\nby peer)";
    assert_eq!(error.to_string(), text);
    assert_eq!(format!("{error:?}"), text);

    let inner = io::Error::other(Subprotocol::new("a b").unwrap_err());
    let outer = io::Error::other(ConnectionClosed::new(
        None,
        None,
        None,
        Some(Box::new(ProtocolErrorKind::ReservedBits.into())),
    ));
    assert_eq!(format!("{:?}", Error::Io(inner)), "invalid subprotocol: a b");
    assert_eq!(
        format!("{:?}", Error::Io(outer)),
        "no close frame received or sent: reserved bits must be 0"
    );

    let cause = Some(Box::new(ProtocolErrorKind::InvalidOpcode(3).into()));
    let error = Error::from(ConnectionClosed::new(None, None, None, cause));
    let text = "no close frame received or sent (invalid opcode: 0x3)";
    assert_eq!(error.to_string(), text);
    assert_eq!(format!("{error:?}"), text);
    assert_eq!(error.source().unwrap().to_string(), "invalid opcode");
}

#[test]
fn every_error_of_the_library_becomes_one_of_ours() {
    fn convert<E: Into<Error>>(error: E) {
        let error: Error = error.into();
        assert!(!error.to_string().is_empty());
    }
    convert(Subprotocol::new("").unwrap_err());
    convert(ws_headers::HeaderName::new("").unwrap_err());
    convert(ws_headers::HeaderValue::new("\n").unwrap_err());
    convert(Headers::try_from([("A", "1"), ("a", "2")]).unwrap().get("A").unwrap_err());
    convert(ws_proto::Message::from(b"\xff").into_text().unwrap_err());
    convert(ws_types::Opcode::try_from(3).unwrap_err());
    #[cfg(feature = "deflate")]
    convert(ws_proto::extension::WindowBits::new(7).unwrap_err());
    convert(Closed::new(ConnectionClosed::new(None, None, None, None), None));
    convert(io(io::ErrorKind::NotFound));
}
