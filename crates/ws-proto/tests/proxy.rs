//! Addresses of proxies, and their choice from the environment.

use ws_proto::{ProxyScheme, ProxyUri, Uri, proxy_from_env};

#[test]
fn valid_addresses_are_taken_apart() {
    use ProxyScheme::{Http, Https, Socks5, Socks5h};
    for (text, scheme, host, port, user_info) in [
        ("http://proxy", Http, "proxy", 80, None),
        ("http://proxy:3128/", Http, "proxy", 3128, None),
        ("HTTPS://Proxy", Https, "proxy", 443, None),
        ("socks5://[::1]:1080", Socks5, "::1", 1080, None),
        ("socks5h://10.0.0.1", Socks5h, "10.0.0.1", 80, None),
        ("http://user:pass%20word@proxy", Http, "proxy", 80, Some(("user", "pass word"))),
        ("http://user@proxy", Http, "proxy", 80, Some(("user", ""))),
        ("http://@proxy", Http, "proxy", 80, None),
    ] {
        let proxy = ProxyUri::parse(text).unwrap_or_else(|e| panic!("{e}"));
        assert_eq!((proxy.scheme(), proxy.host(), proxy.port()), (scheme, host, port), "{text}");
        assert_eq!(proxy.user_info(), user_info, "{text}");
    }
}

#[test]
fn invalid_addresses_say_why_and_keep_the_password_to_themselves() {
    for (text, msg) in [
        ("", "scheme  isn't supported"),
        ("proxy:3128", "scheme  isn't supported"),
        ("ftp://proxy", "scheme ftp isn't supported"),
        ("socks4://proxy", "scheme socks4 isn't supported"),
        ("http://", "hostname isn't provided"),
        ("http://proxy/path", "path is meaningless"),
        ("http://proxy?a", "query component is meaningless"),
        ("http://proxy/#a", "fragment identifier is meaningless"),
        ("http://proxy:0", "port isn't a number between 1 and 65535"),
        ("http://[::1", "IPv6 address is invalid"),
        ("http://a b", "contains a control character or a space"),
        ("http://user:%zz@proxy", "user information is invalid"),
        ("alice:secret@http://proxy:3128", "scheme  isn't supported"),
        ("secret@http://proxy", "scheme  isn't supported"),
        ("alice:http://secret@proxy", "scheme  isn't supported"),
        ("http://proxy?email=a@b&token=secret", "query component is meaningless"),
        ("http://user:secret@proxy:x", "port isn't a number between 1 and 65535"),
    ] {
        let error = ProxyUri::parse(text).expect_err(text);
        assert_eq!(*error.proxy, ws_errors::redact_uri(text));
        assert_eq!(&*error.msg, msg, "{text}");
        assert!(!format!("{error}{error:?}").contains("secret"), "{error}");
    }
    let proxy = ProxyUri::parse("http://user:secret@proxy").unwrap();
    assert_eq!(format!("{proxy} {proxy:?}"), "http://proxy:80 ProxyUri(http://proxy:80)");
}

/// The proxy for a URI, given variables.
fn chosen(uri: &str, vars: &[(&str, &str)]) -> Option<String> {
    let uri = Uri::parse(uri).unwrap();
    let var =
        |name: &str| vars.iter().find(|(it, _)| *it == name).map(|(_, value)| (*value).to_owned());
    proxy_from_env(&uri, var).unwrap().map(|proxy| proxy.to_string())
}

#[test]
fn the_first_variable_that_is_set_counts() {
    let all = [
        ("all_proxy", "http://all:1"),
        ("http_proxy", "http://http:1"),
        ("https_proxy", "http://https:1"),
        ("socks_proxy", "socks5://socks:1"),
        ("ws_proxy", "http://ws:1"),
        ("wss_proxy", "http://wss:1"),
    ];
    for (uri, order) in [
        ("ws://example.com/", &["ws", "socks", "https", "http", "all"][..]),
        ("wss://example.com/", &["wss", "socks", "https", "all"]),
    ] {
        let mut vars = all.to_vec();
        for name in order {
            let expected = vars.iter().find(|(it, _)| *it == format!("{name}_proxy")).unwrap().1;
            assert_eq!(chosen(uri, &vars).as_deref(), Some(expected), "{uri}");
            vars.retain(|(it, _)| *it != format!("{name}_proxy"));
        }
        assert_eq!(chosen(uri, &vars), None, "{uri}");
    }
}

#[test]
fn variables_are_read_as_other_programs_read_them() {
    let uri = "ws://example.com/";
    for (vars, expected) in [
        (&[][..], None),
        (&[("HTTP_PROXY", "http://upper:1")], Some("http://upper:1")),
        (
            &[("HTTP_PROXY", "http://upper:1"), ("http_proxy", "http://lower:1")],
            Some("http://lower:1"),
        ),
        // An empty value means no proxy, whatever else is set.
        (
            &[("http_proxy", ""), ("HTTP_PROXY", "http://upper:1"), ("all_proxy", "http://all:1")],
            None,
        ),
        // In a CGI program, HTTP_PROXY is the header `Proxy` of the request.
        (&[("HTTP_PROXY", "http://evil:1"), ("REQUEST_METHOD", "GET")], None),
        (
            &[("http_proxy", "http://good:1"), ("REQUEST_METHOD", "GET")],
            // Windows can't tell the two.
            Some("http://good:1").filter(|_| !cfg!(windows)),
        ),
        (&[("HTTPS_PROXY", "http://https:1"), ("REQUEST_METHOD", "GET")], Some("http://https:1")),
        (&[("socks_proxy", "http://socks:1080")], Some("socks5h://socks:1080")),
        (&[("socks_proxy", "socks5://socks:1080")], Some("socks5://socks:1080")),
    ] {
        assert_eq!(chosen(uri, vars).as_deref(), expected, "{vars:?}");
    }
    let broken = |name: &str| (name == "ws_proxy").then(|| "user:secret@proxy".to_owned());
    let error = proxy_from_env(&Uri::parse(uri).unwrap(), broken).unwrap_err();
    assert!(!error.to_string().contains("secret"), "{error}");
}

#[test]
fn loopback_is_never_proxied() {
    let vars = [("all_proxy", "http://proxy:1")];
    for host in [
        "localhost",
        "LOCALHOST.",
        "a.localhost",
        "127.0.0.1",
        "127.8.9.1",
        "[::1]",
        "[::ffff:127.0.0.1]",
    ] {
        assert_eq!(chosen(&format!("ws://{host}/"), &vars), None, "{host}");
    }
    for host in ["localhost.example.com", "notlocalhost", "128.0.0.1", "[::2]"] {
        assert!(chosen(&format!("ws://{host}/"), &vars).is_some(), "{host}");
    }
}

#[test]
fn no_proxy_names_hosts_networks_and_ports() {
    for (list, host, excepted) in [
        ("*", "example.com", true),
        ("example.com", "example.com", true),
        ("example.com", "EXAMPLE.com.", true),
        ("EXAMPLE.com", "a.b.example.com", true),
        (".example.com", "example.com", true),
        (".example.com", "a.example.com", true),
        ("*.example.com", "a.example.com", true),
        ("example.com", "notexample.com", false),
        ("example.com", "example.com.evil.example", false),
        ("a.example.com", "example.com", false),
        ("example.com:80", "example.com", true),
        ("example.com:8080", "example.com", false),
        ("other, ,example.com ", "example.com", true),
        ("", "example.com", false),
        ("10.0.0.0/8", "10.1.2.3", true),
        ("10.0.0.0/8", "11.1.2.3", false),
        ("10.1.2.3", "10.1.2.3", true),
        ("10.1.2.3:80", "10.1.2.3", true),
        ("10.1.2.3:81", "10.1.2.3", false),
        ("10.1.2", "10.1.2.3", false),
        ("0.0.0.0/0", "10.1.2.3", true),
        ("10.0.0.0/33", "10.1.2.3", false),
        ("10.0.0.0/x", "10.1.2.3", false),
        ("fd00::/8", "[fd12::1]", true),
        ("fd00::/8", "[fe80::1]", false),
        ("[fd12::1]:80", "[fd12::1]", true),
        ("fd12::1", "[fd12::1]", true),
        ("::/0", "10.1.2.3", false),
        ("10.0.0.0/8", "[::ffff:10.0.0.1]", true),
        ("2.3", "10.1.2.3", false),
    ] {
        let vars = [("all_proxy", "http://proxy:1"), ("no_proxy", list)];
        assert_eq!(chosen(&format!("ws://{host}/"), &vars).is_none(), excepted, "{list} {host}");
        let vars = [("all_proxy", "http://proxy:1"), ("NO_PROXY", list)];
        assert_eq!(chosen(&format!("ws://{host}/"), &vars).is_none(), excepted, "{list} {host}");
    }
}

#[test]
fn a_tunnel_is_asked_for_with_the_port_and_the_password() {
    let proxy = ProxyUri::parse("http://user:secret@proxy").unwrap();
    for (host, port, agent, target, line) in [
        ("example.com", 443, Some("test"), "example.com:443", "User-Agent: test\r\n"),
        ("example.com", 80, None, "example.com:80", ""),
        ("::1", 8080, None, "[::1]:8080", ""),
        ("fe80::1%eth0", 80, None, "[fe80::1]:80", ""),
    ] {
        let request = proxy.connect_request(host, port, agent).unwrap();
        let expected = format!(
            "CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n{line}\
             Proxy-Authorization: Basic dXNlcjpzZWNyZXQ=\r\n\r\n"
        );
        assert_eq!(String::from_utf8(request.serialize()).unwrap(), expected);
    }
}
