//! The tree, as the README draws it: `get` and `From` at all depths.

use std::collections::BTreeMap;
use std::time::Duration;

use ws_errors::*;
use ws_types::{Close, State};

/// A class, and the classes above it from the root down.
type Tree = BTreeMap<&'static str, Vec<&'static str>>;

/// Reads the drawing: a class per line, indented by two spaces for each class above it.
fn drawn() -> Tree {
    let drawing = include_str!("../README.md").split("```").nth(1).unwrap();
    let mut tree = Tree::new();
    let mut path = Vec::new();
    for line in drawing.strip_prefix("text\n").unwrap().lines() {
        let class = line.split_whitespace().next().unwrap();
        path.truncate((line.len() - line.trim_start().len()) / 2);
        assert_eq!(tree.insert(class, path.clone()), None, "{class} is drawn twice");
        path.push(class);
    }
    tree
}

/// Checks an exception of each class: it converts into each class above its own, `get` finds it there
/// unchanged, and it is of no other class. Returns the resulting tree. The first line lists the classes
/// that always hold a narrower one.
macro_rules! check_classes {
    ($($abstract:ident)*; $($sample:expr => $class:ident $(: $up:ident)*;)*) => {{
        let mut tree = Tree::new();
        $(
            let sample: $class = $sample;
            $({
                let widened = $up::from(sample.clone());
                assert_eq!(widened.get::<$class>(), Some(&sample), "{}", stringify!($class in $up));
                assert_eq!(widened.get::<$up>(), Some(&widened));
                assert_eq!(widened.to_string(), sample.to_string());
            })*
            let widest = WebSocketException::from(sample);
            let mut path = vec![$(stringify!($up)),*];
            path.reverse();
            let mut is_a = path.clone();
            is_a.push(stringify!($class));
            let mut found = classes_of(&widest);
            found.sort_by_key(|class| is_a.iter().position(|c| c == class));
            assert_eq!(found, is_a);
            tree.insert(stringify!($class), path);
        )*

        /// All classes that the exception is of.
        fn classes_of(error: &WebSocketException) -> Vec<&'static str> {
            let mut found = Vec::new();
            $(if error.get::<$abstract>().is_some() { found.push(stringify!($abstract)); })*
            $(if error.get::<$class>().is_some() { found.push(stringify!($class)); })*
            found
        }
        tree
    }};
}

#[test]
fn tree_is_as_drawn() {
    let ok = Some(Close::new(1000, ""));
    let response = || Response::new(500, "", Headers::new(), "");
    let closed_ok = ConnectionClosed::new(ok.clone(), ok, Some(true), None);
    let closed_error = ConnectionClosed::new(None, None, None, None);
    let checked = check_classes! {
        WebSocketException ConnectionClosed;
        closed_error.get::<ConnectionClosedError>().unwrap().clone()
            => ConnectionClosedError: ConnectionClosed: WebSocketException;
        closed_ok.get::<ConnectionClosedOK>().unwrap().clone()
            => ConnectionClosedOK: ConnectionClosed: WebSocketException;
        InvalidHandshake::new("a") => InvalidHandshake: WebSocketException;
        SecurityErrorKind::TooManyRedirects { max: 10 }.into()
            => SecurityError: InvalidHandshake: WebSocketException;
        RequestLineTooLong::new(2, 1)
            => RequestLineTooLong: SecurityError: InvalidHandshake: WebSocketException;
        StatusLineTooLong::new(2, 1)
            => StatusLineTooLong: SecurityError: InvalidHandshake: WebSocketException;
        HeaderLineTooLong::new(2, 1)
            => HeaderLineTooLong: SecurityError: InvalidHandshake: WebSocketException;
        TooManyHeaders::new(2, 1)
            => TooManyHeaders: SecurityError: InvalidHandshake: WebSocketException;
        ProxyError::new("a") => ProxyError: InvalidHandshake: WebSocketException;
        InvalidProxyMessage::new(MessageCause::UnexpectedEof)
            => InvalidProxyMessage: ProxyError: InvalidHandshake: WebSocketException;
        InvalidProxyStatus::new(response())
            => InvalidProxyStatus: ProxyError: InvalidHandshake: WebSocketException;
        InvalidMessage::new(HttpMessage::Request, None)
            => InvalidMessage: InvalidHandshake: WebSocketException;
        InvalidMethod::new("PUT") => InvalidMethod: InvalidHandshake: WebSocketException;
        InvalidProtocol::new("HTTP/1.0") => InvalidProtocol: InvalidHandshake: WebSocketException;
        InvalidStatus::new(response()) => InvalidStatus: InvalidHandshake: WebSocketException;
        InvalidHeader::new("A", None) => InvalidHeader: InvalidHandshake: WebSocketException;
        InvalidHeaderFormat::new("A", "expected token", "", 0)
            => InvalidHeaderFormat: InvalidHeader: InvalidHandshake: WebSocketException;
        InvalidHeaderValue::new("A", None)
            => InvalidHeaderValue: InvalidHeader: InvalidHandshake: WebSocketException;
        InvalidOrigin::new(None) => InvalidOrigin: InvalidHeader: InvalidHandshake: WebSocketException;
        InvalidUpgrade::new("Upgrade", None)
            => InvalidUpgrade: InvalidHeader: InvalidHandshake: WebSocketException;
        InvalidStatusCode::new(500) => InvalidStatusCode: InvalidHandshake: WebSocketException;
        NegotiationError::new("a") => NegotiationError: InvalidHandshake: WebSocketException;
        DuplicateParameter::new("a")
            => DuplicateParameter: NegotiationError: InvalidHandshake: WebSocketException;
        InvalidParameterName::new("a")
            => InvalidParameterName: NegotiationError: InvalidHandshake: WebSocketException;
        InvalidParameterValue::new("a", None)
            => InvalidParameterValue: NegotiationError: InvalidHandshake: WebSocketException;
        AbortHandshake::new(200, Headers::new(), "")
            => AbortHandshake: InvalidHandshake: WebSocketException;
        RedirectHandshake::new("ws://a/") => RedirectHandshake: InvalidHandshake: WebSocketException;
        HandshakeTimeout::new(Duration::from_secs(10))
            => HandshakeTimeout: InvalidHandshake: WebSocketException;
        InvalidState::new(State::Closed) => InvalidState: WebSocketException;
        InvalidURI::new("a", "b") => InvalidURI: WebSocketException;
        InvalidProxy::new("a", "b") => InvalidProxy: WebSocketException;
        PayloadTooBig::new(Some(2), None, 1) => PayloadTooBig: WebSocketException;
        TooManyFragments::new(1) => TooManyFragments: WebSocketException;
        ProtocolError::new(ProtocolErrorKind::ReservedBits) => ProtocolError: WebSocketException;
        InvalidUtf8::new("invalid start byte", 0) => InvalidUtf8: WebSocketException;
        ConcurrencyError::new(ConcurrencyErrorKind::SamePing) => ConcurrencyError: WebSocketException;
        KeepaliveTimeout::new(Duration::from_secs(20)) => KeepaliveTimeout: WebSocketException;
    };
    let mut drawn = drawn();
    assert_eq!(drawn.remove("WebSocketException"), Some(vec![]));
    assert_eq!(drawn.remove("ConnectionClosed"), Some(vec!["WebSocketException"]));
    assert_eq!(checked, drawn);
}

#[test]
fn question_mark_widens() {
    fn narrow() -> Result<(), InvalidHeaderFormat> {
        Err(InvalidHeaderFormat::new("A", "expected token", "", 0))
    }
    fn middle() -> Result<(), InvalidHeader> {
        Ok(narrow()?)
    }
    fn wide() -> Result<(), WebSocketException> {
        Ok(middle()?)
    }
    let error = wide().unwrap_err();
    assert_eq!(error.get::<InvalidHeaderFormat>(), narrow().err().as_ref());
    assert_eq!(error.get::<InvalidHeaderValue>(), None);
}

#[test]
fn kinds_convert_into_every_class_above() {
    let error = WebSocketException::from(ProtocolErrorKind::ControlFrameTooLong(126));
    let kind = error.get::<ProtocolError>().map(|e| e.kind);
    assert_eq!(kind, Some(ProtocolErrorKind::ControlFrameTooLong(126)));

    let opcode = ws_types::Opcode::try_from(3).unwrap_err();
    let kind = WebSocketException::from(opcode).get::<ProtocolError>().map(|e| e.kind);
    assert_eq!(kind, Some(ProtocolErrorKind::InvalidOpcode(3)));

    for kind in [ConcurrencyErrorKind::SamePing, ConcurrencyErrorKind::MessageInProgress] {
        let error = WebSocketException::from(kind);
        assert_eq!(error.get::<ConcurrencyError>().map(|e| e.kind), Some(kind));
    }

    let kind = SecurityErrorKind::HeadTooLarge { size: 2, max: 1 };
    let expected = SecurityError::Base(kind.clone());
    assert_eq!(InvalidHandshake::from(kind.clone()).get(), Some(&expected));
    assert_eq!(WebSocketException::from(kind).get(), Some(&expected));

    let kind = NegotiationErrorKind::NoSubprotocols;
    let expected = NegotiationError::Base(kind.clone());
    assert_eq!(InvalidHandshake::from(kind.clone()).get(), Some(&expected));
    assert_eq!(WebSocketException::from(kind).get(), Some(&expected));
}

#[test]
fn closed_properly_means_two_frames_with_1000_1001_or_1005() {
    let codes = [None, Some(1000), Some(1001), Some(1005), Some(1002), Some(1006), Some(3000)];
    let close = |code: Option<u16>| code.map(|code| Close::new(code, "why"));
    let is_ok = |code: Option<u16>| matches!(code, Some(1000 | 1001 | 1005));
    for rcvd in codes {
        for sent in codes {
            for first in [None, Some(true), Some(false)] {
                let e = ConnectionClosed::new(close(rcvd), close(sent), first, None);
                let ok = is_ok(rcvd) && is_ok(sent);
                assert_eq!(e.get::<ConnectionClosedOK>().is_some(), ok, "{e}");
                assert_eq!(e.get::<ConnectionClosedError>().is_some(), !ok, "{e}");
                assert_eq!(e.rcvd(), close(rcvd).as_ref());
                assert_eq!(e.sent(), close(sent).as_ref());
                let order = rcvd.and(sent).map(|_| first != Some(false));
                assert_eq!(e.rcvd_then_sent(), order, "{e}");
                assert_eq!(e.code(), rcvd.unwrap_or(1006));
                assert_eq!(e.reason(), if rcvd.is_some() { "why" } else { "" });
                let inner = match &e {
                    ConnectionClosed::ConnectionClosedOK(e) => (e.code(), e.reason()),
                    ConnectionClosed::ConnectionClosedError(e) => (e.code(), e.reason()),
                    e => panic!("{e} is of a class without a test"),
                };
                assert_eq!(inner, (e.code(), e.reason()));
            }
        }
    }
}
