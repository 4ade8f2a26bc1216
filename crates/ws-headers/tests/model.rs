//! Random histories of edits, each edit followed by a comparison with a model: a list of pairs,
//! searched from end to end.

use proptest::prelude::*;
use ws_headers::{HeaderName, HeaderValue, Headers};

type Model = Vec<(String, String)>;

#[derive(Clone, Debug)]
enum Edit {
    Insert(String, String),
    InsertLatin1(String, Vec<u8>),
    Replace(String, String),
    SetDefault(String, String),
    TryExtend(Model),
    Extend(Model),
    ExtendFrom(Model),
    Remove(String),
    Pop(String),
    PopItem,
    Retain(u8),
    ShrinkToFit,
    Clear,
}

/// Few names in many spellings, so that they repeat; sometimes an invalid name.
fn name() -> impl Strategy<Value = String> {
    prop_oneof![9 => "[a-cA-C][0-9]?", 1 => "[a:\r é]{0,2}"]
}

fn value() -> impl Strategy<Value = String> {
    prop_oneof![9 => "[ -~\t\u{80}-\u{ff}]{0,4}", 1 => "[a\r\n\0\u{7f}\u{100}-\u{20ff}]{0,2}"]
}

fn pairs() -> impl Strategy<Value = Model> {
    prop::collection::vec((name(), value()), 0..4)
}

/// Enough to cross the limit of the index in both directions.
fn valid_pairs() -> impl Strategy<Value = Model> {
    prop::collection::vec(("[a-zA-Z][0-9]?", "[ -~\u{80}-\u{ff}]{0,4}"), 0..30)
}

fn edit() -> impl Strategy<Value = Edit> {
    prop_oneof![
        8 => (name(), value()).prop_map(|(n, v)| Edit::Insert(n, v)),
        4 => (name(), prop::collection::vec(any::<u8>(), 0..3))
            .prop_map(|(n, v)| Edit::InsertLatin1(n, v)),
        2 => (name(), value()).prop_map(|(n, v)| Edit::Replace(n, v)),
        4 => (name(), value()).prop_map(|(n, v)| Edit::SetDefault(n, v)),
        2 => pairs().prop_map(Edit::TryExtend),
        2 => valid_pairs().prop_map(Edit::TryExtend),
        2 => valid_pairs().prop_map(Edit::Extend),
        2 => valid_pairs().prop_map(Edit::ExtendFrom),
        4 => name().prop_map(Edit::Remove),
        4 => name().prop_map(Edit::Pop),
        2 => Just(Edit::PopItem),
        1 => (1..4u8).prop_map(Edit::Retain),
        1 => Just(Edit::ShrinkToFit),
        1 => Just(Edit::Clear),
    ]
}

fn is_valid(name: &str, value: &str) -> bool {
    !name.is_empty()
        && name.chars().all(|c| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c))
        && value.chars().all(|c| matches!(c, '\t' | ' '..='~' | '\u{80}'..='\u{ff}'))
}

fn all<'a>(model: &'a Model, name: &str) -> Vec<&'a str> {
    let same = |(n, _): &&(String, String)| n.to_lowercase() == name.to_lowercase();
    model.iter().filter(same).map(|(_, v)| v.as_str()).collect()
}

fn keys(model: &Model) -> Vec<String> {
    let mut keys = Vec::new();
    for (name, _) in model {
        let key = name.to_lowercase();
        if !keys.contains(&key) {
            keys.push(key);
        }
    }
    keys
}

fn pop(model: &mut Model, name: &str) -> Result<Option<String>, String> {
    match all(model, name).as_slice() {
        [] => Ok(None),
        [value] => {
            let value = (*value).to_owned();
            model.retain(|(n, _)| !n.eq_ignore_ascii_case(name));
            Ok(Some(value))
        }
        _ => Err(name.to_owned()),
    }
}

/// Adds all pairs or none; returns whether it did.
fn extend(model: &mut Model, pairs: &[(String, String)]) -> bool {
    let valid = pairs.iter().all(|(name, value)| is_valid(name, value));
    if valid {
        model.extend_from_slice(pairs);
    }
    valid
}

/// Makes the same edit on both, and compares the results.
fn apply(edit: Edit, headers: &mut Headers, model: &mut Model) -> Result<(), TestCaseError> {
    match edit {
        Edit::Insert(name, value) => {
            let done = headers.insert(&name, &value).is_ok();
            prop_assert_eq!(done, extend(model, &[(name, value)]));
        }
        Edit::InsertLatin1(name, value) => {
            let done = headers.insert_latin1(&name, &value).is_ok();
            let value = value.into_iter().map(char::from).collect();
            prop_assert_eq!(done, extend(model, &[(name, value)]));
        }
        Edit::Replace(name, value) => {
            prop_assert_eq!(headers.replace(&name, &value).is_ok(), is_valid(&name, &value));
            if is_valid(&name, &value) {
                model.retain(|(n, _)| !n.eq_ignore_ascii_case(&name));
                model.push((name, value));
            }
        }
        Edit::SetDefault(name, value) => {
            let given = headers.setdefault(&name, &value).ok().map(str::to_owned);
            let expected = match all(model, &name).as_slice() {
                [] => is_valid(&name, &value).then(|| value.clone()),
                [one] => Some((*one).to_owned()),
                _ => None,
            };
            if expected.is_some() && all(model, &name).is_empty() {
                model.push((name, value));
            }
            prop_assert_eq!(given, expected);
        }
        Edit::TryExtend(pairs) => {
            prop_assert_eq!(
                headers.try_extend(pairs.iter().cloned()).is_ok(),
                extend(model, &pairs)
            );
        }
        Edit::Extend(pairs) => {
            model.extend_from_slice(&pairs);
            headers.extend(pairs.into_iter().map(|(name, value)| {
                (HeaderName::new(name).unwrap(), HeaderValue::new(value).unwrap())
            }));
        }
        Edit::ExtendFrom(pairs) => {
            headers.extend_from(&Headers::try_from(pairs.as_slice()).unwrap());
            model.extend(pairs);
        }
        Edit::Remove(name) => {
            prop_assert_eq!(headers.remove(&name), !all(model, &name).is_empty());
            model.retain(|(n, _)| !n.eq_ignore_ascii_case(&name));
        }
        Edit::Pop(name) => {
            let given = headers.pop(&name).map_err(|error| error.name);
            prop_assert_eq!(given, pop(model, &name));
        }
        Edit::PopItem => {
            let given = headers.popitem().map_err(|error| error.name);
            let expected = match keys(model).into_iter().next() {
                Some(key) => pop(model, &key).map(|value| Some((key, value.unwrap()))),
                None => Ok(None),
            };
            prop_assert_eq!(given, expected);
        }
        Edit::Retain(nth) => {
            let keeps = |value: &str| value.len().is_multiple_of(usize::from(nth));
            headers.retain(|_, value| keeps(value));
            model.retain(|(_, value)| keeps(value));
        }
        Edit::ShrinkToFit => headers.shrink_to_fit(),
        Edit::Clear => {
            headers.clear();
            model.clear();
        }
    }
    Ok(())
}

/// Compares every view.
fn compare(headers: &Headers, model: &Model) -> Result<(), TestCaseError> {
    let pairs: Vec<_> = model.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
    prop_assert_eq!(headers.raw_items().collect::<Vec<_>>(), pairs.clone());
    prop_assert!(headers.raw_items().rev().eq(pairs.iter().rev().copied()));
    prop_assert_eq!(headers.line_count(), model.len());

    let keys = keys(model);
    prop_assert_eq!(headers.keys().map(|key| key.to_string()).collect::<Vec<_>>(), keys.clone());
    prop_assert_eq!(headers.len(), keys.len());
    prop_assert_eq!(headers.is_empty(), keys.is_empty());

    let singles = keys.iter().map(|key| match all(model, key).as_slice() {
        [one] => Ok(((*key).clone(), *one)),
        _ => Err(key.clone()),
    });
    let items = headers
        .items()
        .map(|item| item.map(|(key, value)| (key.to_string(), value)).map_err(|error| error.name));
    prop_assert_eq!(items.collect::<Vec<_>>(), singles.clone().collect::<Vec<_>>());
    let values = headers.values().map(|value| value.map_err(|error| error.name));
    prop_assert!(values.eq(singles.map(|item| item.map(|(_, value)| value))));

    for name in keys.iter().map(|key| key.to_uppercase()).chain(["nope".into(), "b".into()]) {
        let expected = all(model, &name);
        prop_assert_eq!(headers.contains(&name), !expected.is_empty());
        prop_assert_eq!(headers.get_all(&name).collect::<Vec<_>>(), expected.clone());
        match expected.as_slice() {
            [] => prop_assert_eq!(headers.get(&name), Ok(None)),
            [one] => prop_assert_eq!(headers.get(&name), Ok(Some(*one))),
            _ => prop_assert_eq!(headers.get(&name).unwrap_err().name, name),
        }
    }

    let text: String = model.iter().map(|(n, v)| format!("{n}: {v}\r\n")).collect();
    let text = text + "\r\n";
    let bytes: Vec<u8> = text.chars().map(|c| u8::try_from(c).unwrap()).collect();
    prop_assert_eq!(headers.serialize(), bytes);
    prop_assert_eq!(headers.to_string(), text);
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn every_history_of_edits_agrees_with_the_model(edits in prop::collection::vec(edit(), 0..40)) {
        let (mut headers, mut model) = (Headers::new(), Model::new());
        for edit in edits {
            apply(edit, &mut headers, &mut model)?;
            compare(&headers, &model)?;
        }
    }

    #[test]
    fn equality_agrees_with_the_model(
        (one, other) in (valid_pairs(), valid_pairs()),
        shuffled in valid_pairs().prop_flat_map(|pairs| (Just(pairs.clone()), Just(pairs).prop_shuffle())),
        long in prop::collection::vec(("[a-z]{2}", ""), 0..40),
    ) {
        let long = Headers::try_from(long).unwrap();
        for (a, b) in [(one, other), shuffled] {
            let same = keys(&a).iter().chain(&keys(&b)).all(|key| all(&a, key) == all(&b, key));
            let mut maps = [&a, &b].map(|pairs| Headers::try_from(pairs.as_slice()).unwrap());
            prop_assert_eq!(maps[0] == maps[1], same);
            // Common lines in front make the maps large and leave the answer unchanged.
            maps.iter_mut().for_each(|map| {
                let mut longer = long.clone();
                longer.extend_from(map);
                *map = longer;
            });
            prop_assert_eq!(maps[0] == maps[1], same);
        }
    }

    #[test]
    fn serialized_headers_parse_back(pairs in valid_pairs()) {
        let headers = Headers::try_from(pairs).unwrap();
        let (wire, mut read) = (headers.serialize(), Headers::new());
        let mut lines = Vec::new();
        for line in wire.split(|&b| b == b'\n') {
            let line = line.strip_suffix(b"\r").unwrap_or(line);
            if let Some(colon) = line.iter().position(|&b| b == b':') {
                let name = str::from_utf8(&line[..colon]).unwrap();
                read.insert_latin1(name, &line[colon + 2..]).unwrap();
                lines.push((name, &line[colon + 2..]));
            }
        }
        prop_assert!(read.raw_items().eq(&headers));
        let read = Headers::from_latin1(lines).unwrap();
        prop_assert!(read.raw_items().eq(&headers));
        prop_assert_eq!(read, headers);
    }
}
