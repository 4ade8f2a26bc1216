//! Values of header fields, and addresses: what a parser understood can be built and parsed again,
//! and what it didn't understand has a place.

use std::fmt::Debug;

use ws_errors::{InvalidHeaderFormat, WebSocketException};
use ws_headers::{HeaderValue, Headers};
use ws_proto::Uri;
use ws_proto::grammar::{
    build_authorization_basic, build_extension, build_host, build_subprotocol,
    build_www_authenticate_basic, parse_authorization_basic, parse_connection, parse_extension,
    parse_subprotocol, parse_upgrade,
};
use ws_proto::server::{ForwardedHeader, forwarded_client};

/// Any text as the value of each header, and as an address.
pub fn header_fields(data: &[u8]) {
    // Headers hold octets as ISO-8859-1; other text can only come from a careless caller.
    let octets: String = data.iter().copied().map(char::from).collect();
    values(&octets);
    forwarded(&octets);
    address(&octets);
    if let Ok(text) = str::from_utf8(data) {
        values(text);
        address(text);
        build(text);
    }
    headers(data);
}

fn values(text: &str) {
    again(text, |text| parse_connection(text).map(owned), |items| items.join(", "));
    again(text, |text| parse_upgrade(text).map(owned), |items| items.join(", "));
    again(text, parse_subprotocol, build_subprotocol);
    again(text, parse_extension, build_extension);
    match parse_authorization_basic(text) {
        Ok(credentials) => {
            let user = str::from_utf8(&credentials.username);
            let password = str::from_utf8(&credentials.password);
            if let (Ok(user), Ok(password)) = (user, password)
                && let Ok(built) = build_authorization_basic(user, password)
            {
                assert_eq!(parse_authorization_basic(&built), Ok(credentials));
            }
        }
        Err(error) => {
            if let Some(error) = WebSocketException::from(error).get::<InvalidHeaderFormat>() {
                assert!(error.pos <= text.chars().count(), "{error:?}");
                // It may be a password.
                assert_eq!(&*error.header, if text.is_empty() { "" } else { "***" });
            }
        }
    }
}

/// A client that sends any text hides nothing of what a proxy adds behind it.
fn forwarded(text: &str) {
    for (header, name, added) in [
        (ForwardedHeader::Forwarded, "Forwarded", "for=192.0.2.1;by=\"a,\\\"b\""),
        (ForwardedHeader::XForwardedFor, "X-Forwarded-For", "192.0.2.1"),
    ] {
        let Ok(sent) = Headers::try_from([(name, text)]) else { return };
        _ = forwarded_client(&sent, header, |addr| addr.is_ipv6());
        let headers = Headers::try_from([(name, format!("{text}, {added}"))]).unwrap();
        let client = forwarded_client(&headers, header, |_| false);
        assert_eq!(client, Some(([192, 0, 2, 1], 0).into()), "{headers:?}");
    }
}

fn owned(items: Vec<&str>) -> Vec<String> {
    items.into_iter().map(str::to_owned).collect()
}

/// Parses, builds, parses again, and compares.
fn again<T: Debug + PartialEq>(
    text: &str,
    parse: impl Fn(&str) -> Result<Vec<T>, InvalidHeaderFormat>,
    build: impl Fn(&[T]) -> String,
) {
    match parse(text) {
        Ok(items) => {
            assert!(!items.is_empty());
            let built = build(&items);
            assert!(HeaderValue::new(&*built).is_ok(), "{built:?} can't be sent");
            assert_eq!(parse(&built), Ok(items), "{built:?}");
        }
        Err(error) => check_place(text, &error),
    }
}

/// A place is inside the text, or at its end.
fn check_place(text: &str, error: &InvalidHeaderFormat) {
    assert!(error.pos <= text.chars().count(), "{error:?}");
    assert_eq!(&*error.header, text);
}

fn address(text: &str) {
    let Ok(uri) = Uri::parse(text) else { return };
    assert!(uri.resource_name().starts_with('/'));
    assert!(
        uri.resource_name()
            .bytes()
            .all(|b| b.is_ascii_graphic() && !b"\"#<>[\\]^`{|}".contains(&b))
    );
    assert!(HeaderValue::new(uri.host_header()).is_ok());
    let again = Uri::parse(&uri.to_string()).expect("what we print is an address");
    // The user information isn't printed.
    assert_eq!(again.to_string(), uri.to_string());
    assert_eq!(
        (again.secure(), again.host(), again.port()),
        (uri.secure(), uri.host(), uri.port())
    );
    assert_eq!((again.path(), again.query()), (uri.path(), uri.query()));
    if let Some((user, password)) = uri.user_info() {
        assert!(build_authorization_basic(user, password).is_ok());
    }
}

/// A field that is built from a caller's text can be sent, or is refused.
fn build(text: &str) {
    let (first, second) = text.split_once('\n').unwrap_or((text, ""));
    if let Ok(built) = build_authorization_basic(first, second) {
        let credentials = parse_authorization_basic(&built).expect("it was built");
        assert_eq!(credentials.username, first.as_bytes());
        assert_eq!(credentials.password, second.as_bytes());
    }
    if let Ok(built) = build_www_authenticate_basic(first) {
        assert!(HeaderValue::new(built).is_ok());
    }
    assert!(build_host(first, 1, false).ends_with(":1"));
}

/// Lines `name:value` in [`Headers`]: nothing illegal gets in, and nothing legal gets lost.
fn headers(data: &[u8]) {
    let mut headers = Headers::new();
    let (mut lines, mut legal) = (0, Vec::new());
    for line in data.split(|&b| b == b'\n').take(100) {
        let mut parts = line.splitn(2, |&b| b == b':');
        let name = parts.next().and_then(|name| str::from_utf8(name).ok()).unwrap_or_default();
        // Around the value there may be white space on the wire, which isn't part of it.
        let value = parts.next().unwrap_or_default().trim_ascii();
        if headers.insert_latin1(name, value).is_ok() {
            lines += 1;
            legal.push((name, value));
        }
    }
    assert_eq!(Headers::from_latin1(legal).as_ref(), Ok(&headers));
    assert_eq!(headers.line_count(), lines);
    let mut written = b"GET / HTTP/1.1\r\n".to_vec();
    headers.write_to(&mut written);
    let mut limits = ws_proto::http::HandshakeLimits::default();
    (limits.max_line, limits.max_head) = (usize::MAX, usize::MAX);
    let mut reader = ws_proto::http::RequestReader::new(limits);
    let (request, used) =
        reader.receive_data(&written).unwrap().expect("it ends with an empty line");
    assert_eq!((request.headers(), used), (&headers, written.len()));
}
