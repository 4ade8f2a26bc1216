//! Feature `serde`: a sequence of pairs.
#![cfg(feature = "serde")]

use ws_headers::Headers;

#[test]
fn headers_are_a_sequence_of_pairs() {
    let json = r#"[["Host","example.com"],["Via","é"],["via",""]]"#;
    let headers = Headers::try_from([("Host", "example.com"), ("Via", "é"), ("via", "")]).unwrap();
    assert_eq!(serde_json::to_string(&headers).unwrap(), json);
    let read: Headers = serde_json::from_str(json).unwrap();
    assert!(read.raw_items().eq(&headers));
    assert_eq!(serde_json::to_string(&Headers::new()).unwrap(), "[]");
}

#[test]
fn input_is_checked() {
    for (json, error) in [
        (r#"[["Host:","a"]]"#, r#"invalid header name: "Host:""#),
        (r#"[["Host","a\r\nb"]]"#, r"invalid Host header: a\r\nb"),
        (r#"[["Host","\u20ac"]]"#, "invalid Host header: €"),
        (r#"[["Host"]]"#, "invalid length 1, expected a tuple of size 2"),
        (r#"{"Host":"a"}"#, "invalid type: map, expected a sequence of header names and values"),
    ] {
        let text = serde_json::from_str::<Headers>(json).unwrap_err().to_string();
        assert!(text.starts_with(error), "{text}");
    }
}
