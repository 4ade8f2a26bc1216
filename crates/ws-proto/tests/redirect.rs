//! Redirects: where they lead, and which are refused.

use ws_errors::{InvalidURI, SecurityError, SecurityErrorKind};
use ws_proto::http::{HandshakeLimits, Response, ResponseReader};
use ws_proto::{Headers, Uri, redirect};

fn response(status: u16, location: &[&str]) -> Response {
    let lines: Vec<_> = location.iter().map(|it| ("Location", *it)).collect();
    Response::new(status, "", Headers::try_from(lines).unwrap(), "")
}

#[test]
fn references_are_resolved_as_in_rfc3986_5_4() {
    let base = Uri::parse("ws://u:p@a/b/c/d;p?q").unwrap();
    for (reference, expected) in [
        ("g", "ws://a/b/c/g"),
        ("./g", "ws://a/b/c/g"),
        ("g/", "ws://a/b/c/g/"),
        ("/g", "ws://a/g"),
        ("//g", "ws://g/"),
        ("?y", "ws://a/b/c/d;p?y"),
        ("g?y", "ws://a/b/c/g?y"),
        ("#s", "ws://a/b/c/d;p?q"),
        ("g#s", "ws://a/b/c/g"),
        (";x", "ws://a/b/c/;x"),
        ("", "ws://a/b/c/d;p?q"),
        (".", "ws://a/b/c/"),
        ("./", "ws://a/b/c/"),
        ("..", "ws://a/b/"),
        ("../", "ws://a/b/"),
        ("../g", "ws://a/b/g"),
        ("../..", "ws://a/"),
        ("../../g", "ws://a/g"),
        ("../../../g", "ws://a/g"),
        ("/./g", "ws://a/g"),
        ("/../g", "ws://a/g"),
        ("g.", "ws://a/b/c/g."),
        ("..g", "ws://a/b/c/..g"),
        ("./../g", "ws://a/b/g"),
        ("g/./h", "ws://a/b/c/g/h"),
        ("g/../h", "ws://a/b/c/h"),
        ("g?y/../x", "ws://a/b/c/g?y/../x"),
        ("wss://x:8443/y", "wss://x:8443/y"),
        ("HTTP://x/y", "ws://x/y"),
        ("https://x/y?z", "wss://x/y?z"),
        ("//x:81/y", "ws://x:81/y"),
        ("/\u{e9}{", "ws://a/%C3%A9%7B"),
        // Dot segments, wherever the path comes from the reference.
        ("//x/./y/../z/..?a/../b", "ws://x/?a/../b"),
        ("wss://x/../y/./z%2e%2F", "wss://x/y/z%2e%2F"),
        ("https://x/..", "wss://x/"),
        ("ws://x//../y", "ws://x/y"),
        ("ws://x", "ws://x/"),
    ] {
        let uri = base.join(reference).unwrap_or_else(|e| panic!("{reference}: {e}"));
        assert_eq!(uri.to_string(), expected, "{reference}");
        let is_relative = !reference.contains("//");
        assert_eq!(uri.user_info().is_some(), is_relative, "{reference}");
    }
    for reference in
        ["ftp://a/", "mailto:a@b", "g:h", "//", "http:", "/a b", "ws://a:x/", "/\u{7f}"]
    {
        assert!(base.join(reference).is_err(), "{reference}");
    }
}

#[test]
fn only_six_statuses_with_one_location_redirect() {
    let uri = Uri::parse("ws://a/").unwrap();
    for status in 100..600 {
        let to = redirect(&uri, &response(status, &["/b"])).unwrap();
        let expected = [300, 301, 302, 303, 307, 308].contains(&status);
        assert_eq!(to.is_some(), expected, "{status}");
    }
    assert_eq!(redirect(&uri, &response(302, &[])).unwrap(), None);
    assert_eq!(redirect(&uri, &response(302, &["/b", "/c"])).unwrap(), None);
    assert!(
        redirect(&uri, &response(302, &["ftp://a/"])).unwrap_err().get::<InvalidURI>().is_some()
    );
}

#[test]
fn the_octets_of_a_location_are_utf8_if_they_can_be() {
    let uri = Uri::parse("ws://a/").unwrap();
    for (location, expected) in [
        ("/caf\u{e9}".as_bytes(), "ws://a/caf%C3%A9"),
        (b"/caf\xe9", "ws://a/caf%C3%A9"),
        (b"/\xe2\x82\xac?\xc3\xa9", "ws://a/%E2%82%AC?%C3%A9"),
        (b"/\xc3\xa9\xe9", "ws://a/%C3%83%C2%A9%C3%A9"),
        (b"/caf%C3%A9", "ws://a/caf%C3%A9"),
    ] {
        let head =
            [b"HTTP/1.1 302 Found\r\nContent-Length: 0\r\nLocation: ", location, b"\r\n\r\n"];
        let mut reader = ResponseReader::new(HandshakeLimits::default());
        let (response, _) = reader.receive_data(&head.concat()).unwrap().unwrap();
        let to = redirect(&uri, &response).unwrap().unwrap();
        assert_eq!(to.to_string(), expected, "{}", location.escape_ascii());
    }
}

#[test]
fn a_redirect_never_leads_from_wss_to_ws() {
    let uri = Uri::parse("wss://a/").unwrap();
    for location in ["ws://a/", "http://a/", "ws://b/?token=secret"] {
        let error = redirect(&uri, &response(302, &[location])).unwrap_err();
        let Some(SecurityError::Base(SecurityErrorKind::InsecureRedirect { uri })) = error.get()
        else {
            panic!("{error:?}");
        };
        assert!(uri.starts_with("ws://") && !uri.contains("secret"), "{uri}");
    }
    let up = redirect(&Uri::parse("ws://a/").unwrap(), &response(302, &["https://a/"])).unwrap();
    assert!(up.unwrap().secure());
}

#[test]
fn an_origin_is_scheme_host_and_port() {
    let uri = |uri| Uri::parse(uri).unwrap();
    let base = uri("ws://a/b");
    for same in ["ws://a/c?d", "ws://A:80/", "ws://u:p@a/"] {
        assert!(base.is_same_origin(&uri(same)), "{same}");
    }
    for other in ["wss://a/", "ws://b/", "ws://a:81/", "wss://a:80/"] {
        assert!(!base.is_same_origin(&uri(other)), "{other}");
    }
}
