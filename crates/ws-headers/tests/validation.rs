//! Characters of names and values, one by one, on every method that adds a line.

use ws_headers::{
    HeaderName, HeaderValue, Headers, InvalidHeaderField, InvalidHeaderName, InvalidHeaderValue,
};

/// Every character, alone, between others and after others.
fn every_char() -> impl Iterator<Item = (char, [String; 3])> {
    ('\0'..=char::MAX).map(|c| (c, [format!("{c}"), format!("abc{c}def"), format!("abcdefgh{c}")]))
}

#[test]
fn names_are_tokens() {
    const TOKEN: &str = "!#$%&'*+-.^_`|~";
    for (c, names) in every_char() {
        let valid = TOKEN.contains(c) || c.is_ascii_alphanumeric();
        for name in names {
            assert_eq!(HeaderName::new(name.as_str()).is_ok(), valid, "{name:?}");
        }
    }
    assert_eq!(HeaderName::new(""), Err(InvalidHeaderName::new("")));
}

#[test]
fn values_are_printable_latin_1_and_tab() {
    for (c, values) in every_char() {
        let valid = matches!(c, '\t' | ' '..='~' | '\u{80}'..='\u{ff}');
        for value in values {
            assert_eq!(HeaderValue::new(value.as_str()).is_ok(), valid, "{value:?}");
        }
    }
    assert_eq!(HeaderValue::new("").map(String::from), Ok(String::new()));
}

#[test]
fn refused_secrets_are_not_kept() {
    const FAULT: &str = "contains a character that no header can hold";
    for name in ["Authorization", "proxy-authorization", "COOKIE", "Set-Cookie"] {
        let (value, octets) = ("Bearer secret\n", b"Bearer secret\n");
        let mut headers = Headers::new();
        let results = [
            headers.insert(name, value),
            headers.insert_latin1(name, octets),
            headers.try_extend([(name, value)]),
            Headers::try_from([(name, value)]).map(drop),
            Headers::from_latin1([(name, &octets[..])]).map(drop),
        ];
        let expected = InvalidHeaderValue::new(name, Some(FAULT.to_owned()));
        for result in results {
            assert_eq!(result, Err(InvalidHeaderField::Value(expected.clone())));
        }
        let error = headers.setdefault(name, value).unwrap_err();
        assert!(!format!("{error}{error:?}").contains("secret"), "{error:?}");
    }
    let error = Headers::new().insert("X-Cookie", "a\n").unwrap_err();
    assert_eq!(error.to_string(), r"invalid X-Cookie header: a\n");
}

#[test]
fn octets_are_checked_like_characters() {
    for octet in 0..=u8::MAX {
        for value in [vec![octet], vec![b'a', octet, b'b'], vec![octet, 0xC3, 0xA9]] {
            let text: String = value.iter().copied().map(char::from).collect();
            let (mut a, mut b) = (Headers::new(), Headers::new());
            assert_eq!(a.insert_latin1("Name", &value), b.insert("Name", &text), "{value:?}");
            assert!(a.raw_items().eq(b.raw_items()), "{value:?}");
            // Many at once, at each place, beside ASCII and other text.
            for other in [&b"plain"[..], b"caf\xE9"] {
                let pairs = [("Name", &value[..]), ("Other", other)];
                for pairs in [pairs, [pairs[1], pairs[0]]] {
                    let mut one_by_one = Ok(Headers::new());
                    for (name, value) in pairs {
                        one_by_one = one_by_one.and_then(|mut headers| {
                            headers.insert_latin1(name, value).map(|()| headers)
                        });
                    }
                    let at_once = Headers::from_latin1(pairs);
                    assert_eq!(at_once, one_by_one, "{value:?}");
                    if let (Ok(at_once), Ok(one_by_one)) = (at_once, one_by_one) {
                        assert!(at_once.raw_items().eq(one_by_one.raw_items()), "{value:?}");
                    }
                }
            }
            if a.is_empty() {
                continue;
            }
            let wire = [b"Name: ", value.as_slice(), b"\r\n\r\n"].concat();
            assert_eq!(a.serialize(), wire);
            assert_eq!(a.to_string(), format!("Name: {text}\r\n\r\n"));
        }
    }
}

/// Sent by an attacker whose text an application copies into a header.
const INJECTIONS: [(&str, &str); 9] = [
    ("Name", "a\r\nSet-Cookie: b"),
    ("Name", "a\nSet-Cookie: b"),
    ("Name", "a\rSet-Cookie: b"),
    ("Name", "\r\n\r\n<html>"),
    ("Name", "a\0"),
    ("Name", "a\u{10a}b"), // a line feed, if only the low octet is written
    ("Name: a\r\nSet-Cookie", "b"),
    ("Name:", "a"),
    ("", "a"),
];

#[test]
fn header_injection_is_refused_by_every_method() {
    for (name, value) in INJECTIONS {
        let mut headers = Headers::try_from([("Kept", "1")]).unwrap();
        let before = headers.clone();
        let mut refused = vec![
            headers.insert(name, value).is_err(),
            headers.replace(name, value).is_err(),
            headers.setdefault(name, value).is_err(),
            headers.try_extend([("Fine", "1"), (name, value)]).is_err(),
            Headers::try_from([(name, value)]).is_err(),
            Headers::try_from(vec![(name, value)]).is_err(),
            Headers::try_from([(name, value)].as_slice()).is_err(),
            HeaderName::new(name).is_err() || HeaderValue::new(value).is_err(),
            name.parse::<HeaderName>().is_err() || value.parse::<HeaderValue>().is_err(),
            HeaderName::try_from(name).is_err() || HeaderValue::try_from(value).is_err(),
            HeaderName::try_from(name.to_owned()).is_err()
                || HeaderValue::try_from(value.to_owned()).is_err(),
        ];
        if value.is_ascii() {
            refused.push(headers.insert_latin1(name, value.as_bytes()).is_err());
            let pairs = [("Fine", &b"1"[..]), (name, value.as_bytes())];
            refused.push(Headers::from_latin1(pairs).is_err());
        }
        assert!(refused.iter().all(|&refused| refused), "{name:?}: {value:?}: {refused:?}");
        assert!(headers.raw_items().eq(before.raw_items()), "{name:?}: {value:?}");
    }
}

#[test]
fn errors_name_the_refused_text_and_the_reason() {
    let mut headers = Headers::new();
    let name = headers.insert("a b", "c\n").unwrap_err();
    assert_eq!(name, InvalidHeaderField::Name(InvalidHeaderName::new("a b")));
    assert_eq!(name.to_string(), r#"invalid header name: "a b""#);

    let value = headers.insert("A", "b\n\u{1b}[2J é").unwrap_err();
    let expected = InvalidHeaderValue::new("A", Some("b\n\u{1b}[2J é".to_owned()));
    assert_eq!(value, InvalidHeaderField::Value(expected));
    assert_eq!(value.to_string(), r"invalid A header: b\n\u{1b}[2J é");

    let octets = headers.insert_latin1("A", b"\xE9\0").unwrap_err();
    assert_eq!(octets.to_string(), r"invalid A header: é\0");

    // A value on its own has no name.
    assert_eq!(HeaderValue::new("a\0").unwrap_err().to_string(), r"invalid header: a\0");
    assert_eq!(InvalidHeaderValue::new("A", None).to_string(), "missing A header");
    assert_eq!(InvalidHeaderValue::new("A", Some(String::new())).to_string(), "empty A header");
}
