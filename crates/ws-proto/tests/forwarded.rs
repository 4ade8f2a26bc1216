//! The client's address in the headers of proxies, row by row.

use std::net::{IpAddr, SocketAddr};

use proptest::prelude::*;
use ws_headers::Headers;
use ws_proto::server::ForwardedHeader::{self, Forwarded, XForwardedFor};
use ws_proto::server::forwarded_client;

/// Our proxies: 10.0.0.0/8 and fd00::/8.
fn is_ours(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => ip.octets()[0] == 10,
        IpAddr::V6(ip) => ip.octets()[0] == 0xfd,
    }
}

fn client(header: ForwardedHeader, lines: &[&str]) -> Option<SocketAddr> {
    let name = if header == Forwarded { "forwarded" } else { "x-forwarded-for" };
    let mut headers = Headers::new();
    for line in lines {
        headers.insert(name, line).unwrap();
    }
    // The other one is never looked at.
    headers.insert("X-Real-IP", "192.0.2.66").unwrap();
    let other = if header == Forwarded { "X-Forwarded-For" } else { "Forwarded" };
    let value = if header == Forwarded { "192.0.2.77" } else { "for=192.0.2.77" };
    headers.insert(other, value).unwrap();
    forwarded_client(&headers, header, is_ours)
}

#[track_caller]
fn check(header: ForwardedHeader, lines: &[&str], expected: &str) {
    let expected = (!expected.is_empty()).then(|| expected.parse().unwrap());
    assert_eq!(client(header, lines), expected, "{header:?} {lines:?}");
}

#[test]
fn x_forwarded_for_is_read_from_its_end() {
    let table: &[(&[&str], &str)] = &[
        (&[], ""),
        (&[""], ""),
        (&["192.0.2.1"], "192.0.2.1:0"),
        // Whatever is in front of the first address that isn't ours may be invented.
        (&["192.0.2.1, 192.0.2.2"], "192.0.2.2:0"),
        (&["127.0.0.1, 10.0.0.1, 192.0.2.2, 10.0.0.2, 10.0.0.3"], "192.0.2.2:0"),
        // Several lines are one list.
        (&["192.0.2.1", "192.0.2.2"], "192.0.2.2:0"),
        (&["192.0.2.1,192.0.2.2", "10.0.0.1", "10.0.0.2"], "192.0.2.2:0"),
        // All are ours: a request of the innermost network.
        (&["10.0.0.1, 10.0.0.2"], "10.0.0.1:0"),
        (&[" 192.0.2.1\t,\t10.0.0.1 "], "192.0.2.1:0"),
        (&["192.0.2.1,, ,10.0.0.1,"], "192.0.2.1:0"),
        // IPv6: nginx and haproxy write it bare, others in brackets; some add a port (Azure).
        (&["2001:db8::1"], "[2001:db8::1]:0"),
        (&["[2001:db8::1]"], "[2001:db8::1]:0"),
        (&["[2001:db8::1]:4711, fd00::1"], "[2001:db8::1]:4711"),
        (&["192.0.2.1:4711"], "192.0.2.1:4711"),
        (&["::ffff:192.0.2.1, ::ffff:10.0.0.1"], "192.0.2.1:0"),
        (&["[::ffff:192.0.2.1]:80"], "192.0.2.1:80"),
        // It ends where there is no address, with the last one that is known.
        (&["unknown"], ""),
        (&["192.0.2.1, unknown"], ""),
        (&["192.0.2.1, unknown, 10.0.0.1"], "10.0.0.1:0"),
        (&["192.0.2.1, _hidden, 10.0.0.1"], "10.0.0.1:0"),
        (&["192.0.2.1, 192.0.2, 10.0.0.1"], "10.0.0.1:0"),
        (&["192.0.2.1, 192.0.2.256"], ""),
        (&["192.0.2.1, 192.000.002.001"], ""),
        (&["192.0.2.1, 192.0.2.1:"], ""),
        (&["192.0.2.1, 192.0.2.1:65536"], ""),
        (&["192.0.2.1, 192.0.2.1:+1"], ""),
        (&["192.0.2.1, 192.0.2.1 192.0.2.2"], ""),
        (&["192.0.2.1, example.com"], ""),
        (&["192.0.2.1, [192.0.2.2]"], ""),
        (&["192.0.2.1, [::1"], ""),
        (&["192.0.2.1, [::1]x"], ""),
        (&["192.0.2.1, fe80::1%eth0"], ""),
        (&["192.0.2.1, for=192.0.2.2"], ""),
        (&["192.0.2.1, \"192.0.2.2\""], ""),
        (&["192.0.2.1, 3221225985"], ""),
        (&["é, 192.0.2.1"], "192.0.2.1:0"),
        (&["192.0.2.1, é"], ""),
    ];
    for (lines, expected) in table {
        check(XForwardedFor, lines, expected);
    }
}

#[test]
fn rfc7239_4_forwarded_is_read_from_its_end() {
    let table: &[(&[&str], &str)] = &[
        (&[], ""),
        // The examples of RFC 7239, sections 4 and 7.
        (&["for=\"_gazonk\""], ""),
        (&["For=\"[2001:db8:cafe::17]:4711\""], "[2001:db8:cafe::17]:4711"),
        (&["for=192.0.2.60;proto=http;by=203.0.113.43"], "192.0.2.60:0"),
        (&["for=192.0.2.43, for=198.51.100.17"], "198.51.100.17:0"),
        (&["for=192.0.2.43, for=\"[2001:db8:cafe::17]\""], "[2001:db8:cafe::17]:0"),
        (&["for=192.0.2.43,for=\"[2001:db8:cafe::17]\",for=unknown"], ""),
        (&["for=_hidden, for=_SEVKISEK"], ""),
        // Several lines, proxies of our own, spaces.
        (&["for=192.0.2.1", "for=10.0.0.1"], "192.0.2.1:0"),
        (&["for=192.0.2.1;by=10.0.0.1 , ,\tfor=10.0.0.2;proto=https ,"], "192.0.2.1:0"),
        (&["FOR=192.0.2.1"], "192.0.2.1:0"),
        (&["proto=https; for=192.0.2.1 ;;"], "192.0.2.1:0"),
        (&["for=\"192.0.2.1:80\""], "192.0.2.1:80"),
        (&["for=\"192.0.2.1:_port.a-1\""], "192.0.2.1:0"),
        (&["for=\"192.0.2\\.1\""], "192.0.2.1:0"),
        (&["for=\"[::ffff:192.0.2.1]\""], "192.0.2.1:0"),
        // Separators within quoted strings.
        (&["for=192.0.2.1;ext=\"a,b;for=192.0.2.2\""], "192.0.2.1:0"),
        (&["for=192.0.2.1;ext=\"a\\\",b\\\\\", for=10.0.0.1"], "192.0.2.1:0"),
        // A client that leaves a quotation mark open, or doubles one, hides nothing that follows.
        (&["for=\", for=192.0.2.1"], "192.0.2.1:0"),
        (&["for=\"192.0.2.2\\, for=192.0.2.1, for=10.0.0.1"], "192.0.2.1:0"),
        (&["\", for=192.0.2.1;ext=\"x\""], "192.0.2.1:0"),
        // No address, with the last one that is known.
        (&["for=192.0.2.1, proto=https"], ""),
        (&["for=192.0.2.1, proto=https, for=10.0.0.1"], "10.0.0.1:0"),
        (&["for=192.0.2.1, for=unknown, for=10.0.0.1"], "10.0.0.1:0"),
        (&["for=192.0.2.1;for=192.0.2.2"], ""),
        (&["for=192.0.2.1;FOR=192.0.2.1"], ""),
        // Ports and addresses of IPv6 are quoted, and the latter have brackets.
        (&["for=192.0.2.1:80"], ""),
        (&["for=2001:db8::1"], ""),
        (&["for=\"2001:db8::1\""], ""),
        (&["for=[2001:db8::1]"], ""),
        (&["for=\"[2001:db8::1]:_\""], ""),
        (&["for=\"[2001:db8::1]:_é\""], ""),
        (&["for=\"192.0.2.1:123456\""], ""),
        (&["for="], ""),
        (&["for=\"\""], ""),
        (&["for=\""], ""),
        (&["for=\"192.0.2.1"], ""),
        (&["for=\"192.0.2.1\"x"], ""),
        (&["for=\"192.0.2.1\\"], ""),
        (&["for = 192.0.2.1"], ""),
        (&["for 192.0.2.1"], ""),
        (&["192.0.2.1"], ""),
        (&["for=192.0.2.1;x"], ""),
    ];
    for (lines, expected) in table {
        check(Forwarded, lines, expected);
    }
}

proptest! {
    #[test]
    fn a_client_can_not_hide_what_a_proxy_has_added(
        sent in r#"[ -~é]{0,40}"#,
        quoted in r#"[",;=\\for 0-9.]{0,40}"#,
        is_line in any::<bool>(),
    ) {
        for sent in [sent.trim(), quoted.trim()] {
            for (header, added) in [
                (XForwardedFor, "192.0.2.1, 10.0.0.1"),
                (Forwarded, "for=192.0.2.1;ext=\"a,\\\"b\", for=\"10.0.0.1:80\""),
            ] {
                let one = format!("{sent}, {added}");
                let lines: &[&str] = if is_line { &[sent, added] } else { &[&one] };
                let expected = Some(([192, 0, 2, 1], 0).into());
                prop_assert_eq!(client(header, lines), expected, "{:?}", lines);
            }
        }
    }
}
