//! Shared by our sides of the interop tests: payloads that the other sides make by the same rules, and the JSON
//! of what is printed.

use websockets::{Close, WebSocket};

/// A close frame in JSON.
pub fn frame(close: Option<&Close>) -> String {
    close.map_or("null".to_owned(), |close| {
        format!(r#"{{"code": {}, "reason": {}}}"#, close.code.as_u16(), quote(&close.reason))
    })
}

/// A string in JSON.
pub fn quote(text: &str) -> String {
    let mut quoted = String::from('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            c if c.is_control() => quoted += &format!("\\u{:04x}", u32::from(c)),
            c => quoted.push(c),
        }
    }
    quoted + "\""
}

/// Bytes of which no two neighbours, and no two blocks of 256, are equal.
pub fn pattern(size: usize) -> Vec<u8> {
    (0..size).map(|i| (i * 7 + i / 256).to_le_bytes()[0]).collect()
}

/// Text of `size` bytes.
pub fn letters(size: usize) -> String {
    let letters = (b'a'..=b'z').map(char::from).cycle();
    match size {
        0 | 1 => letters.take(size).collect(),
        _ => std::iter::once('é').chain(letters.take(size - 2)).collect(),
    }
}

/// The compression that was agreed on, in JSON.
pub fn agreed(ws: &WebSocket) -> String {
    let Some(deflate) = ws.compression() else { return "null".to_owned() };
    let value = |name, default| {
        let parameter = deflate.params.iter().find(|parameter| parameter.name() == name);
        parameter.map_or(default, |parameter| parameter.value().unwrap_or("true"))
    };
    format!(
        r#"{{"server_max_window_bits": {}, "client_max_window_bits": {}, "server_no_context_takeover": {}, "client_no_context_takeover": {}}}"#,
        value("server_max_window_bits", "15"),
        value("client_max_window_bits", "15"),
        value("server_no_context_takeover", "false"),
        value("client_no_context_takeover", "false"),
    )
}

/// The parameters of a header field, each with its value; with an empty one if it has none.
pub fn parameters(text: &str) -> impl Iterator<Item = (&str, &str)> {
    let parameters = text.split(';').map(str::trim).filter(|parameter| !parameter.is_empty());
    parameters.map(|parameter| parameter.split_once('=').unwrap_or((parameter, "")))
}
