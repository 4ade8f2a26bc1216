//! Feature `http`: conversions with `http::HeaderMap`.
#![cfg(feature = "http")]

use http::{HeaderMap, HeaderName, HeaderValue};
use ws_headers::{Headers, InvalidHeaderField};

#[test]
fn headers_go_to_a_header_map_and_back() {
    let pairs = [("Server", "caf\u{e9}"), ("Via", "1"), ("X-Empty", ""), ("via", "2\t3")];
    let headers = Headers::try_from(pairs).unwrap();
    let map = HeaderMap::try_from(&headers).unwrap();
    assert_eq!(map["server"].as_bytes(), b"caf\xE9");
    assert!(map.get_all("Via").iter().eq(["1", "2\t3"]));
    assert_eq!((map.len(), map.keys_len()), (4, 3));
    assert_eq!(Headers::try_from(&map).unwrap(), headers);
}

#[test]
fn every_octet_of_a_value_survives() {
    for octet in (0x20..=0x7e).chain([b'\t']).chain(0x80..=0xff) {
        let value = HeaderValue::from_bytes(&[b'a', octet, b'b']).unwrap();
        let map = HeaderMap::from_iter([(HeaderName::from_static("name"), value)]);
        let headers = Headers::try_from(&map).unwrap();
        assert_eq!(HeaderMap::try_from(&headers).unwrap(), map);
        assert_eq!(headers.serialize(), [b"name: a", &[octet][..], b"b\r\n\r\n"].concat());
    }
}

#[test]
fn a_name_that_is_not_a_token_is_refused() {
    // HTTP/2 may let it pass.
    let Ok(name) = HeaderName::from_lowercase(b"a\"b") else { return };
    let map = HeaderMap::from_iter([(name, HeaderValue::from_static("c"))]);
    assert!(matches!(Headers::try_from(&map), Err(InvalidHeaderField::Name(_))));
}

#[test]
fn more_than_a_header_map_can_hold_is_an_error() {
    let long = Headers::try_from([("a".repeat(70_000), "")]).unwrap();
    assert!(HeaderMap::try_from(&long).is_err());
    let many = (0..40_000).map(|n| (format!("a{n}"), ""));
    assert!(HeaderMap::try_from(&Headers::try_from(Vec::from_iter(many)).unwrap()).is_err());
    let repeats = Headers::try_from(vec![("a", ""); 40_000]).unwrap();
    // Repeats of one name don't count.
    assert!(HeaderMap::try_from(&repeats).is_ok_and(|map| map.len() == 40_000));
}
