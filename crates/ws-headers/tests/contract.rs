//! The contract of `Headers`, for small maps and for indexed ones.

use std::collections::{BTreeSet, HashSet};

use ws_headers::{HeaderName, HeaderValue, Headers, Key, MultipleValuesError, SetDefaultError};

/// Headers of a response, after `ballast` lines that no test looks up.
fn sample(ballast: usize) -> Headers {
    let mut headers = Headers::new();
    for n in 0..ballast {
        headers.insert(&format!("X-Ballast-{n}"), "").unwrap();
    }
    headers.try_extend(SAMPLE).unwrap();
    headers
}

const SAMPLE: [(&str, &str); 5] = [
    ("Connection", "Upgrade"),
    ("Server", "one"),
    ("X-Empty", ""),
    ("server", "two"),
    ("SERVER", "one"),
];

/// Without an index, at its border, with one.
const BALLAST: [usize; 5] = [0, 27, 28, 29, 1000];

#[test]
fn get_gives_the_single_value_and_fails_on_repeats() {
    for ballast in BALLAST {
        let headers = sample(ballast);
        assert_eq!(headers.get("connection"), Ok(Some("Upgrade")));
        assert_eq!(headers.get("X-EMPTY"), Ok(Some("")));
        assert_eq!(headers.get("X-Missing"), Ok(None));
        assert_eq!(headers.get(""), Ok(None));
        assert_eq!(headers.get("Connection "), Ok(None));
        // Only ASCII is folded: the Kelvin sign is no k.
        assert_eq!(headers.get("Connection\u{212a}"), Ok(None));
        assert_eq!(headers.get("sErVeR"), Err(MultipleValuesError::new("sErVeR")));
    }
}

#[test]
fn multiple_values_error_prints_the_name_in_quotes() {
    assert_eq!(MultipleValuesError::new("Server").to_string(), "'Server'");
    // As Python does for a name with an apostrophe, which tokens may have.
    assert_eq!(MultipleValuesError::new("it's").to_string(), r#""it's""#);
    assert_eq!(MultipleValuesError::new("a\r\n").to_string(), r"'a\r\n'");
}

#[test]
fn get_all_and_contains_see_every_value() {
    for ballast in BALLAST {
        let headers = sample(ballast);
        assert!(headers.get_all("SERVER").eq(["one", "two", "one"]));
        assert!(headers.get_all("connection").eq(["Upgrade"]));
        assert!(headers.get_all("missing").eq([""; 0]));
        assert!(headers.contains("x-empty") && !headers.contains("x-missing"));
    }
}

#[test]
fn values_outlive_the_name_that_was_asked_for() {
    let headers = sample(0);
    let values = {
        let name = String::from("Server");
        headers.get_all(&name)
    };
    assert_eq!(values.count(), 3);
}

#[test]
fn raw_items_keep_spelling_and_order() {
    for ballast in BALLAST {
        let headers = sample(ballast);
        assert!(headers.raw_items().skip(ballast).eq(SAMPLE));
        assert!(headers.raw_items().rev().take(5).eq(SAMPLE.into_iter().rev()));
        assert_eq!(headers.raw_items().len(), ballast + 5);
        assert!(
            headers
                .into_iter()
                .skip(ballast)
                .eq(SAMPLE.map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())))
        );
    }
}

#[test]
fn iterators_meet_in_the_middle() {
    let headers = sample(0);
    let (mut raw, mut owned) = (headers.raw_items(), headers.clone().into_iter());
    for (front, back) in [(0, 4), (1, 3)] {
        assert_eq!((raw.next(), raw.next_back()), (Some(SAMPLE[front]), Some(SAMPLE[back])));
        assert_eq!(owned.next().unwrap().1, SAMPLE[front].1);
        assert_eq!(owned.next_back().unwrap().1, SAMPLE[back].1);
    }
    assert_eq!((raw.len(), owned.len()), (1, 1));
    assert_eq!((raw.next_back(), raw.next(), raw.next_back()), (Some(SAMPLE[2]), None, None));
    assert_eq!((owned.next().unwrap().0, owned.next_back()), ("X-Empty".parse().unwrap(), None));
}

#[test]
fn keys_are_lower_case_once_each_in_order_of_first_appearance() {
    for ballast in BALLAST {
        let headers = sample(ballast);
        let keys: Vec<String> = headers.keys().skip(ballast).map(String::from).collect();
        assert_eq!(keys, ["connection", "server", "x-empty"]);
        assert_eq!(headers.keys().count(), headers.len());
        assert_eq!((headers.len(), headers.line_count()), (ballast + 3, ballast + 5));
        assert!(!headers.is_empty());
    }
    assert_eq!((Headers::new().len(), Headers::new().is_empty()), (0, true));
}

#[test]
fn keys_compare_and_hash_without_case() {
    let (one, other) = (sample(0), Headers::try_from([("SERVER", ""), ("b", "")]).unwrap());
    let keys: HashSet<Key<'_>> = one.keys().chain(other.keys()).collect();
    assert_eq!(keys.len(), 4);
    let sorted: BTreeSet<Key<'_>> = keys.into_iter().collect();
    assert_eq!(Vec::from_iter(sorted), ["b", "connection", "server", "x-empty"]);
    assert_eq!(format!("{:?}", other.keys()), r#"["server", "b"]"#);
    assert_eq!(other.keys().next().unwrap().as_written(), "SERVER");
    assert_eq!(other.keys().next().unwrap(), *"Server");
}

#[test]
fn items_and_values_report_the_repeated_name_and_go_on() {
    for ballast in BALLAST {
        let headers = sample(ballast);
        let mut items = headers.items().skip(ballast);
        let (key, value) = items.next().unwrap().unwrap();
        assert_eq!((key.to_string().as_str(), value), ("connection", "Upgrade"));
        assert_eq!(items.next(), Some(Err(MultipleValuesError::new("server"))));
        assert_eq!(items.next().unwrap().unwrap().1, "");
        assert_eq!((items.next(), items.next()), (None, None));

        let values = Vec::from_iter(headers.values().skip(ballast));
        let server = Err(MultipleValuesError::new("server"));
        assert_eq!(values, [Ok("Upgrade"), server, Ok("")]);
    }
}

#[test]
fn remove_takes_all_values_and_a_later_insert_goes_to_the_end() {
    for ballast in BALLAST {
        let mut headers = sample(ballast);
        assert!(!headers.remove("X-Missing"));
        assert!(headers.remove("Server"));
        assert!(!headers.remove("Server"));
        assert_eq!((headers.get("server"), headers.line_count()), (Ok(None), ballast + 2));
        headers.insert("Server", "three").unwrap();
        assert!(headers.raw_items().skip(ballast).eq([
            ("Connection", "Upgrade"),
            ("X-Empty", ""),
            ("Server", "three")
        ]));
        assert_eq!(headers.keys().last().unwrap(), "server");
    }
}

#[test]
fn setdefault_adds_only_what_is_absent() {
    for ballast in BALLAST {
        let mut headers = sample(ballast);
        assert_eq!(headers.setdefault("connection", "close"), Ok("Upgrade"));
        // As in Python, a default that isn't needed isn't checked.
        assert_eq!(headers.setdefault("connection", "\n"), Ok("Upgrade"));
        let repeated = SetDefaultError::MultipleValues(MultipleValuesError::new("Server"));
        assert_eq!(headers.setdefault("Server", "three"), Err(repeated));
        assert!(matches!(
            headers.setdefault("Date", "\n"),
            Err(SetDefaultError::InvalidHeaderField(_))
        ));
        assert_eq!(headers.line_count(), ballast + 5);
        assert_eq!(headers.setdefault("Date", "today"), Ok("today"));
        assert_eq!(headers.raw_items().next_back(), Some(("Date", "today")));
    }
}

#[test]
fn pop_and_popitem_remove_what_they_give() {
    for ballast in BALLAST {
        let mut headers = sample(ballast);
        assert_eq!(headers.pop("Server"), Err(MultipleValuesError::new("Server")));
        assert_eq!(headers.pop("X-Missing"), Ok(None));
        assert_eq!(headers.line_count(), ballast + 5);
        assert_eq!(headers.pop("CONNECTION"), Ok(Some("Upgrade".to_owned())));
        assert_eq!(headers.line_count(), ballast + 4);
    }
    let mut headers = sample(0);
    let connection = ("connection".to_owned(), "Upgrade".to_owned());
    assert_eq!(headers.popitem(), Ok(Some(connection)));
    assert_eq!(headers.popitem(), Err(MultipleValuesError::new("server")));
    assert_eq!(headers.line_count(), 4);
    headers.clear();
    assert_eq!((headers.popitem(), headers.is_empty()), (Ok(None), true));
}

#[test]
fn a_refused_pair_undoes_the_pairs_before_it() {
    for ballast in BALLAST {
        let mut headers = sample(ballast);
        let before = headers.clone();
        let pairs = (0..40).map(|n| (format!("Y-{n}"), if n < 39 { "" } else { "\n" }));
        assert!(headers.try_extend(pairs).is_err());
        assert!(headers.raw_items().eq(before.raw_items()));
        assert_eq!((headers.len(), headers.contains("y-0")), (before.len(), false));
        assert!(headers.get_all("server").eq(["one", "two", "one"]));
    }
}

#[test]
fn checked_names_and_values_move_between_maps() {
    let mut headers = sample(0);
    headers.extend(sample(30));
    headers.extend_from(&sample(0));
    assert_eq!(headers.line_count(), 5 + 35 + 5);
    assert_eq!(headers.get_all("server").count(), 9);

    let copy: Headers = headers.clone().into_iter().collect();
    assert!(copy.raw_items().eq(headers.raw_items()));

    let pair = (HeaderName::new("Via").unwrap(), HeaderValue::new("me").unwrap());
    assert_eq!(Headers::from_iter([pair]), Headers::try_from([("via", "me")]).unwrap());
}

#[test]
fn a_clone_shares_nothing() {
    for ballast in BALLAST {
        let headers = sample(ballast);
        let mut copy = headers.clone();
        assert_eq!(copy, headers);
        copy.insert("Connection", "close").unwrap();
        assert_ne!(copy, headers);
        assert!(headers.get_all("Connection").eq(["Upgrade"]));
        assert!(copy.get_all("Connection").eq(["Upgrade", "close"]));
    }
}

#[test]
fn equality_ignores_case_and_order_of_names_but_not_order_of_values() {
    let equal = |a: &[(&str, &str)], b: &[(&str, &str)]| {
        let with_ballast = |pairs, ballast| {
            let mut headers = sample(ballast);
            headers.try_extend(Headers::try_from(pairs).unwrap().raw_items()).unwrap();
            headers
        };
        let [small, large] =
            [0, 100].map(|ballast| with_ballast(a, ballast) == with_ballast(b, ballast));
        assert_eq!(small, large);
        small
    };
    assert!(equal(&[("A", "1"), ("B", "2")], &[("b", "2"), ("a", "1")]));
    assert!(equal(&[("A", "1"), ("B", "2"), ("a", "3")], &[("A", "1"), ("A", "3"), ("B", "2")]));
    assert!(!equal(&[("A", "1"), ("A", "2")], &[("A", "2"), ("A", "1")]));
    assert!(!equal(&[("A", "1"), ("A", "1")], &[("A", "1")]));
    assert!(!equal(&[("A", "1"), ("B", "1")], &[("A", "1"), ("A", "1")]));
    assert!(!equal(&[("A", "x")], &[("A", "X")]));
    assert!(!equal(&[("A", "")], &[("B", "")]));
}

#[test]
fn text_and_bytes_are_the_lines_in_order() {
    let headers = Headers::try_from([("B", "é\t\u{80}"), ("A", ""), ("b", " x ")]).unwrap();
    assert_eq!(headers.to_string(), "B: é\t\u{80}\r\nA: \r\nb:  x \r\n\r\n");
    let mut bytes = b"GET / HTTP/1.1\r\n".to_vec();
    headers.write_to(&mut bytes);
    assert_eq!(bytes, b"GET / HTTP/1.1\r\nB: \xE9\t\x80\r\nA: \r\nb:  x \r\n\r\n");
    assert_eq!(bytes.split_off(16), headers.serialize());
    assert_eq!(Headers::new().to_string(), "\r\n");
}

#[test]
fn debug_shows_the_pairs() {
    let headers = Headers::try_from([("Host", "a"), ("X", "\"\t")]).unwrap();
    assert_eq!(format!("{headers:?}"), r#"Headers([("Host", "a"), ("X", "\"\t")])"#);
    assert_eq!(format!("{:?}", Headers::new()), "Headers([])");
    assert_eq!(format!("{:?}", headers.raw_items()), r#"[("Host", "a"), ("X", "\"\t")]"#);
}

#[test]
fn debug_hides_secrets() {
    for name in ["Authorization", "proxy-authorization", "COOKIE", "Set-Cookie"] {
        let headers = Headers::try_from([("A", "b"), (name, "secret")]).unwrap();
        let pairs = format!("[(\"A\", \"b\"), ({name:?}, \"***\")]");
        assert_eq!(format!("{headers:?}"), format!("Headers({pairs})"));
        assert_eq!(format!("{:?}", headers.raw_items()), pairs);
        for text in [format!("{:?}", headers.items()), format!("{:?}", headers.into_iter())] {
            assert!(text.contains("***") && !text.contains("secret"), "{text}");
        }
    }
    let headers = Headers::try_from([("X-Cookie", "b")]).unwrap();
    assert_eq!(format!("{headers:?}"), r#"Headers([("X-Cookie", "b")])"#);
}

#[test]
fn capacities_are_hints_that_cannot_fail() {
    let mut headers = Headers::with_capacity(usize::MAX);
    headers.reserve(usize::MAX, usize::MAX);
    headers.insert("Host", "a").unwrap();
    assert_eq!(headers.get("host"), Ok(Some("a")));
}

/// If any of this were quadratic, the test would run for minutes.
#[test]
fn work_grows_with_the_number_of_lines_not_with_its_square() {
    let mut headers = Headers::new();
    for n in 0..100_000 {
        headers.insert(&format!("Name-{n}"), "").unwrap();
        headers.insert("Name", "").unwrap();
    }
    assert_eq!((headers.len(), headers.line_count()), (100_001, 200_000));
    assert!(headers.keys().all(|key| headers.contains(key.as_written())));
    assert_eq!(headers.get_all("name").count(), 100_000);
    assert!(headers == headers.clone());
    assert!(headers.remove("name"));
    assert_eq!(headers.items().filter(Result::is_ok).count(), 100_000);
}

#[test]
fn headers_are_small_and_free_to_move_between_threads() {
    fn check<T: Send + Sync + Unpin + 'static>() {}
    check::<Headers>();
    check::<SetDefaultError>();
    // Two buffers and a pointer to the index.
    assert!(size_of::<Headers>() <= 7 * size_of::<usize>());
}
