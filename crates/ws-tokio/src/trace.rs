//! The span of a connection and its events for `tracing`, with the feature of that name: all of the target
//! `websockets`. `server::events` has the events of failures.

use std::fmt;
use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;

use tracing::field::{Empty, display};
use tracing::level_filters::LevelFilter;
use tracing::{Instrument, Span};
use ws_errors::Escaped;
use ws_headers::{Headers, is_secret};
use ws_proto::http::{Request, Response};
use ws_proto::{Event, Message, MessageKind, Uri};
use ws_types::{redact_query, redact_uri};

use crate::connection::{Info, next_id};

/// So many characters of a payload are shown.
const SHOWN: usize = 75;

/// An event of level debug, within the present span.
macro_rules! debug {
    ($($arg:tt)*) => { tracing::debug!(target: "websockets", $($arg)*) };
}

/// An event of level trace, within the present span.
macro_rules! trace {
    ($($arg:tt)*) => { tracing::trace!(target: "websockets", $($arg)*) };
}

/// A span, which the fields that are empty may follow.
macro_rules! span {
    ($id:ident, $side:literal, $peer:expr, $path:expr) => {{
        let (peer, path) = ($peer, $path);
        tracing::info_span!(target: "websockets", "connection", id = $id, side = $side, peer, path)
    }};
}

pub(crate) use {debug, trace};

/// The number of a connection, and the span of its events.
#[derive(Clone, Debug)]
pub(crate) struct Trace {
    pub(crate) id: u64,
    /// `None` if nobody listens. A pointer, since connections that wait hold it.
    scope: Option<Arc<Scope>>,
}

#[derive(Debug)]
struct Scope {
    span: Span,
    /// Payloads are shown.
    payloads: bool,
}

impl Trace {
    /// That of a new connection to a server, within the present span.
    pub(crate) fn client(uri: &Uri, payloads: bool) -> Self {
        let id = next_id();
        Self::new(id, span!(id, "client", Empty, uri.path()), payloads)
    }

    /// That of a new connection from a client, whose address may be known, within the present span.
    pub(crate) fn server(peer: Option<SocketAddr>, payloads: bool) -> Self {
        let id = next_id();
        let span = match peer {
            Some(peer) => span!(id, "server", display(peer), Empty),
            None => span!(id, "server", Empty, Empty),
        };
        Self::new(id, span, payloads)
    }

    fn new(id: u64, span: Span, payloads: bool) -> Self {
        Self { id, scope: (!span.is_disabled()).then(|| Arc::new(Scope { span, payloads })) }
    }

    /// The address of the peer is known.
    pub(crate) fn peer(&self, addr: Option<SocketAddr>) {
        if let (Some(scope), Some(addr)) = (&self.scope, addr) {
            scope.span.record("peer", display(addr));
        }
    }

    /// The path of the request is known.
    pub(crate) fn path(&self, path: &str) {
        if let Some(scope) = &self.scope {
            scope.span.record("path", path);
        }
    }

    /// Runs code within the span.
    pub(crate) fn within<R>(&self, run: impl FnOnce() -> R) -> R {
        match &self.scope {
            Some(scope) => scope.span.in_scope(run),
            None => run(),
        }
    }

    /// Runs a future within the span.
    pub(crate) fn instrument<F: Future>(
        &self,
        future: F,
    ) -> impl Future<Output = F::Output> + use<F> {
        let span = self.scope.as_ref().map_or_else(Span::none, |scope| scope.span.clone());
        future.instrument(span)
    }

    /// The connection is open.
    pub(crate) fn opened(&self, info: &Info) {
        self.within(|| {
            debug!(
                subprotocol = info.subprotocol.as_ref().map(display),
                compression = info.extensions.iter().any(|it| it.name == "permessage-deflate"),
                "open"
            );
        });
    }

    /// A message, a piece of one, or a control frame has arrived.
    pub(crate) fn received(&self, event: &Event) {
        match event {
            Event::Message(message) => self.data("<", message, true),
            Event::Chunk { data, last } => self.data("<", data, *last),
            Event::Ping(payload) => self.frame("<", "PING", payload),
            Event::Pong { payload, .. } => self.frame("<", "PONG", payload),
            Event::TooBig(too_big) => self.within(|| trace!("< skipped: {too_big}")),
            Event::Close(close) => self.within(|| trace!("< CLOSE {close}")),
            _ => {}
        }
    }

    /// A message, or a piece of one, was queued.
    pub(crate) fn sent(&self, message: &Message, last: bool) {
        self.data(">", message, last);
    }

    fn data(&self, direction: &str, message: &Message, last: bool) {
        let what = match (message.kind(), last) {
            (MessageKind::Text, true) => "TEXT",
            (MessageKind::Text, false) => "TEXT, to be continued",
            (MessageKind::Binary, true) => "BINARY",
            (MessageKind::Binary, false) => "BINARY, to be continued",
        };
        self.frame(direction, what, message.as_bytes());
    }

    fn frame(&self, direction: &str, what: &str, payload: &[u8]) {
        let len = payload.len();
        let payloads = self.scope.as_ref().is_some_and(|scope| scope.payloads);
        let payload = payloads.then(|| display(Shown(payload)));
        self.within(|| trace!(len, payload, "{direction} {what}"));
    }
}

/// The head of a request is being written (`>`), or was read (`<`).
pub(crate) fn request(direction: &str, request: &Request) {
    debug!(
        headers = ?Lines(request.headers()),
        "{direction} {} {} {}",
        request.method(),
        shown_uri(request.target()),
        request.version(),
    );
}

/// The head of a response is being written (`>`), or was read (`<`).
pub(crate) fn response(direction: &str, response: &Response) {
    let Response { status_code, reason_phrase, headers, .. } = response;
    debug!(
        headers = ?Lines(headers),
        "{direction} HTTP/1.1 {status_code} {}",
        Escaped(reason_phrase),
    );
}

/// The lines of headers, without secrets: as a list, or by `{:#?}` one below the other, as on the wire.
struct Lines<'a>(&'a Headers);

impl fmt::Debug for Lines<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut lines = self.0.raw_items().map(|(name, value)| match name {
            _ if is_secret(name) => format!("{name}: ***"),
            _ if URIS.iter().any(|it| it.eq_ignore_ascii_case(name)) => {
                format!("{name}: {}", shown_uri(value))
            }
            _ => format!("{name}: {value}"),
        });
        match f.alternate() {
            true => lines.try_for_each(|line| writeln!(f, "{}", Escaped(line))),
            false => f.debug_list().entries(lines).finish(),
        }
    }
}

/// The headers whose values are URIs, which may have secrets in them.
const URIS: [&str; 3] = ["Location", "Content-Location", "Referer"];

/// A URI or the target of a request, without user information and values of the query.
fn shown_uri(uri: &str) -> String {
    // A path has no user information, however many `@` are in it.
    if uri.starts_with("//") || !uri.starts_with('/') {
        return redact_uri(uri);
    }
    let (rest, fragment) = uri.split_once('#').unwrap_or((uri, ""));
    let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
    let query = redact_query(query);
    let (mark, hash) =
        (if query.is_empty() { "" } else { "?" }, if fragment.is_empty() { "" } else { "#***" });
    format!("{path}{mark}{query}{hash}")
}

/// Whether anybody listens to events about frames.
pub(crate) fn frames() -> bool {
    LevelFilter::current() >= LevelFilter::TRACE
}

/// The beginning of a payload: text with escapes, or bytes in hexadecimal.
struct Shown<'a>(&'a [u8]);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let is_cut = match std::str::from_utf8(self.0) {
            Ok(text) => {
                let shown: String = text.chars().take(SHOWN).collect();
                write!(f, "{shown:?}")?;
                shown.len() < text.len()
            }
            Err(_) => {
                // Three characters for each byte.
                let shown = self.0.get(..SHOWN / 3).unwrap_or(self.0);
                for (at, byte) in shown.iter().enumerate() {
                    let space = if at == 0 { "" } else { " " };
                    write!(f, "{space}{byte:02x}")?;
                }
                shown.len() < self.0.len()
            }
        };
        f.write_str(if is_cut { "…" } else { "" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn payloads_are_cut_at_75_characters() {
        for (payload, expected) in [
            (&b"hello"[..], r#""hello""#.to_owned()),
            ("é\n\u{1b}".as_bytes(), r#""é\n\u{1b}""#.to_owned()),
            ("é".repeat(75).as_bytes(), format!("\"{}\"", "é".repeat(75))),
            ("é".repeat(76).as_bytes(), format!("\"{}\"…", "é".repeat(75))),
            (b"\xff\x00", "ff 00".to_owned()),
            (&[0xab; 25], format!("ab{}", " ab".repeat(24))),
            (&[0xab; 26], format!("ab{}…", " ab".repeat(24))),
            (b"", r#""""#.to_owned()),
        ] {
            assert_eq!(Shown(payload).to_string(), expected);
        }
    }

    #[test]
    fn heads_have_no_secrets_and_no_control_characters() {
        for (name, value, expected) in [
            ("Host", "a", "Host: a"),
            ("X", "a\u{85}b\tc", r"X: a\u{85}b\tc"),
            ("authorization", "Bearer secret", "authorization: ***"),
            ("Proxy-Authorization", "Digest secret", "Proxy-Authorization: ***"),
            ("Cookie", "secret", "Cookie: ***"),
            ("set-Cookie", "secret", "set-Cookie: ***"),
            ("location", "wss://u:secret@host/@me?a=secret", "location: wss://***@me?a=***"),
            ("Location", "/@me?a=secret@b#secret", "Location: /@me?a=***#***"),
            ("Location", "//u:secret@host/", "Location: ***@host/"),
            ("Referer", "https://host/a?secret", "Referer: https://host/a?***"),
        ] {
            let headers = Headers::try_from([("A", "\"1\", 2"), (name, value)]).unwrap();
            let lines = Lines(&headers);
            assert_eq!(format!("{lines:#?}"), format!("A: \"1\", 2\n{expected}\n"));
            assert_eq!(format!("{lines:?}"), format!(r#"["A: \"1\", 2", "{expected}"]"#));
        }
    }
}
