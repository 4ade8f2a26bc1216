//! [`Failure`]: what a server tells of a connection that didn't go well.

use std::any::Any;
use std::error::Error as StdError;
use std::fmt::{self, Write as _};
use std::net::SocketAddr;

use ws_errors::Escaped;
use ws_proto::http::Request;

use crate::error::Closed;

/// The longest path that is kept for reports, in characters, and the longest method.
const MAX_PATH: usize = 256;
const MAX_METHOD: usize = 32;

/// A connection of a server that failed, for the hook [`on_error`](crate::Serve::on_error).
///
/// Its text is a whole line for a log: the address of the peer, the method and the path of the request, and
/// the error with its causes, such as `192.0.2.1:50412 GET /chat: the handler failed: no such room`. Control
/// characters are escaped. It has no query, no user information, and no header `Authorization` or `Cookie`: where
/// an error quotes a request, these are `***`. The text of a handler's own error is as the program wrote it.
///
/// ```
/// use ws_tokio::{Failure, FailureKind};
///
/// /// Prints failures of this program, not those of its clients.
/// fn report(failure: &Failure) {
///     match failure.kind() {
///         FailureKind::Closed | FailureKind::Cut | FailureKind::Shutdown => {}
///         FailureKind::Handshake if failure.status() != Some(500) => {}
///         _ => eprintln!("{failure}"),
///     }
/// }
/// ```
pub struct Failure {
    kind: FailureKind,
    /// `None` unless the connection was accepted.
    caller: Option<Caller>,
    error: Box<dyn StdError + Send + Sync>,
    status: Option<u16>,
    closed: Option<Closed>,
}

/// The stage and the nature of a [`Failure`].
#[derive(Clone, Copy, Debug, Eq, PartialEq, Hash)]
#[non_exhaustive]
pub enum FailureKind {
    /// No connection could be accepted: the process or the system is out of file descriptors or memory, or
    /// a client gave up before. The error is a [`std::io::Error`]. The server goes on, in the first case
    /// after 100 ms; each of several identical failures in a row is reported.
    Accept,
    /// The opening handshake failed: the request was refused, with the [status](Failure::status) that the
    /// client got, or the stream failed. The error is an [`Error`](crate::Error), such as
    /// [`ProxyHeader`](crate::Error::ProxyHeader). The status 500 tells of a
    /// hook that panicked; the others are faults of clients. An answer of the program's own, from
    /// [`process_request`](crate::Serve::process_request), isn't a failure.
    Handshake,
    /// The handler returned an error of its own.
    Handler,
    /// The handler panicked. The error has the panic's text, if its value is a string.
    Panic,
    /// The handler passed on the end of its connection: the peer closed it or vanished, broke the protocol,
    /// or didn't answer in time. The error is, or is caused by, an [`Error::Closed`](crate::Error::Closed);
    /// [`closed`](Failure::closed) tells more, [`Closed::is_ok`] whether the end was a proper one.
    Closed,
    /// The connection ended without a complete closing handshake, or was failed because of a broken rule, but
    /// the handler returned no error. The error is an [`Error::Closed`](crate::Error::Closed).
    Cut,
    /// The server was [shut down](crate::Server::shutdown) while the handler sent or received, or the peer
    /// didn't answer the close frame of that.
    Shutdown,
}

impl Failure {
    pub(super) fn new(
        kind: FailureKind,
        caller: Option<&Caller>,
        error: Box<dyn StdError + Send + Sync>,
    ) -> Self {
        Self { kind, caller: caller.cloned(), error, status: None, closed: None }
    }

    pub(super) fn with_status(self, status: Option<u16>) -> Self {
        Self { status, ..self }
    }

    pub(super) fn with_closed(self, closed: Option<Closed>) -> Self {
        Self { closed, ..self }
    }

    /// The stage and the nature of the failure.
    #[must_use]
    pub fn kind(&self) -> FailureKind {
        self.kind
    }

    /// The address of the client; `None` if no connection was accepted, or not by TCP. That of a proxy, if the client
    /// wasn't known yet when the connection failed.
    #[must_use]
    pub fn peer_addr(&self) -> Option<SocketAddr> {
        self.caller.as_ref()?.addr
    }

    /// The method of the request, its first 32 characters; `None` if no whole request was received.
    #[must_use]
    pub fn method(&self) -> Option<&str> {
        Some(self.caller.as_ref()?.request.split_once(' ')?.0)
    }

    /// The path of the request, its first 256 characters, without the query, whose values may be secrets;
    /// `None` if no whole request was received, or its target has no path.
    #[must_use]
    pub fn path(&self) -> Option<&str> {
        Some(self.caller.as_ref()?.request.split_once(' ')?.1).filter(|path| !path.is_empty())
    }

    /// The error. For its type see the [kind](FailureKind); `downcast_ref` gets at it, unless the handler's
    /// error hides it, as `anyhow::Error` does. Its own text may quote a broken request, query included.
    #[must_use]
    pub fn error(&self) -> &(dyn StdError + Send + Sync + 'static) {
        &*self.error
    }

    /// The HTTP status that a refused request was answered with; `None` if there was no answer, or the
    /// connection was open.
    #[must_use]
    pub fn status(&self) -> Option<u16> {
        self.status
    }

    /// How the connection had ended, as far as that was known, before the handler returned, or, for
    /// [`Cut`](FailureKind::Cut), afterwards. `None` if it was still open.
    ///
    /// Some error types hide their causes: `anyhow::Error` without a context, and any with
    /// `#[error(transparent)]`. Such an error counts as the end of the connection if it has the text of this
    /// value, else as one of the handler's [own](FailureKind::Handler); then this value tells that the
    /// connection had ended.
    #[must_use]
    pub fn closed(&self) -> Option<&Closed> {
        self.closed.as_ref()
    }

    /// The text without the peer, the request and the error.
    pub(super) fn summary(&self) -> &'static str {
        match (self.kind, self.status) {
            (FailureKind::Accept, _) => "cannot accept a connection",
            (FailureKind::Handshake, None) => "the opening handshake failed",
            (FailureKind::Handshake, Some(_)) => "the opening handshake was refused",
            (FailureKind::Handler, _) => "the handler failed",
            (FailureKind::Panic, _) => "the handler panicked",
            (FailureKind::Closed, _) => "the connection ended",
            (FailureKind::Cut, _) => "the connection was cut",
            (FailureKind::Shutdown, _) => "the connection ended with the server",
        }
    }

    /// The text of the error and of its causes, with control characters as they are.
    pub(super) fn error_text(&self) -> String {
        let mut text = self.error.to_string();
        let mut cause = self.error.source();
        while let Some(error) = cause {
            let more = error.to_string();
            // Many errors have the text of their cause.
            if !text.contains(&more) {
                _ = write!(text, ": {more}");
            }
            cause = error.source();
        }
        if self.kind == FailureKind::Handshake {
            text = redacted(&text);
        }
        if self.kind == FailureKind::Handler
            && let Some(closed) = &self.closed
        {
            _ = write!(text, " (the connection had ended: {closed})");
        }
        text
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(Caller { addr, request }) = &self.caller {
            match (addr, request.trim_end()) {
                (Some(addr), "") => write!(f, "{addr}: ")?,
                (Some(addr), request) => write!(f, "{addr} {request}: ")?,
                (None, "") => {}
                (None, request) => write!(f, "{request}: ")?,
            }
        }
        f.write_str(self.summary())?;
        if let Some(status) = self.status {
            write!(f, " with {status}")?;
        }
        write!(f, ": {}", Escaped(self.error_text()))
    }
}

impl fmt::Debug for Failure {
    /// As its text, for the sake of what the text leaves out.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Failure({self})")
    }
}

/// The peer of a connection and its request, as reports show them.
#[derive(Clone, Debug)]
pub(super) struct Caller {
    /// `None` if it didn't come by TCP.
    addr: Option<SocketAddr>,
    /// The method and the path, between them a space; empty before there is a request.
    request: Box<str>,
}

impl Caller {
    pub(super) fn new(addr: Option<SocketAddr>) -> Self {
        Self { addr, request: Box::default() }
    }

    /// Another one than the peer is the client, as that says.
    pub(super) fn is(&mut self, addr: Option<SocketAddr>) {
        self.addr = addr;
    }

    /// Keeps what may be shown of a request.
    pub(super) fn asks(&mut self, request: &Request) {
        let shown = request.method().chars().take(MAX_METHOD).chain([' ']);
        self.request = shown.chain(request.path().chars().take(MAX_PATH)).collect();
    }
}

/// The text about a request without queries and user information: it may quote a line that isn't one of
/// HTTP. In doubt, more is left out, up to the end of the quotation.
fn redacted(text: &str) -> String {
    let mut escaped = false;
    let ends_part = |c| {
        c == '"' && !std::mem::replace(&mut escaped, false) || {
            escaped = c == '\\';
            false
        }
    };
    let mut redacted = String::new();
    for part in text.split_inclusive(ends_part) {
        let (mut part, quote) = part.strip_suffix('"').map_or((part, ""), |part| (part, "\""));
        if let Some((front, back)) = part.rsplit_once('@') {
            let scheme = front.find("://").and_then(|at| front.get(..at + 3)).unwrap_or_default();
            redacted.push_str(scheme);
            redacted.push_str("***@");
            part = back;
        }
        match part.split_once('?') {
            Some((path, query)) if query.contains(char::is_alphanumeric) => {
                redacted.push_str(path);
                redacted.push_str("?***");
            }
            _ => redacted.push_str(part),
        }
        redacted.push_str(quote);
    }
    redacted
}

/// The value of a panic, as an error.
#[derive(Debug)]
struct Panicked(Box<str>);

/// Makes an error of the value of a panic.
pub(super) fn panicked(value: &(dyn Any + Send)) -> Box<dyn StdError + Send + Sync> {
    let text = match value.downcast_ref::<&str>() {
        Some(text) => text,
        None => value.downcast_ref::<String>().map_or("its value isn't a string", String::as_str),
    };
    Box::new(Panicked(text.into()))
}

impl fmt::Display for Panicked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl StdError for Panicked {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_about_a_request_has_neither_query_nor_user_information() {
        for (text, expected) in [
            (
                "invalid Origin header: https://evil.example",
                "invalid Origin header: https://evil.example",
            ),
            (r#"a "GET /?a=secret HTTP/1", b"#, r#"a "GET /?***", b"#),
            (r#"a "GET /?a=secret b=secret", b"#, r#"a "GET /?***", b"#),
            (r#"a "GET /?a=\"secret\" b", b"#, r#"a "GET /?***", b"#),
            (r#"a "GET ws://u:secret@host/?b=secret", c"#, r#"a "GET ws://***@host/?***", c"#),
            (r#"a "u:sec@ret@host:80", c"#, r#"a "***@host:80", c"#),
            (r#"a "ws://u:s?cret@host", c"#, r#"a "ws://***@host", c"#),
            ("is it /?a=secret", "is it /?***"),
            ("(did you mean it?)", "(did you mean it?)"),
        ] {
            assert_eq!(redacted(text), expected);
        }
    }

    #[test]
    fn a_line_names_the_peer_and_the_request_as_far_as_they_are_known() {
        let mut caller = Caller::new(Some(([192, 0, 2, 1], 50412).into()));
        fn line(caller: Option<&Caller>) -> String {
            Failure::new(FailureKind::Handler, caller, "a\nb".into()).to_string()
        }
        assert_eq!(line(None), r"the handler failed: a\nb");
        assert_eq!(line(Some(&caller)), r"192.0.2.1:50412: the handler failed: a\nb");
        caller.asks(&Request::new("GET", "/chat?token=secret").unwrap());
        assert_eq!(line(Some(&caller)), r"192.0.2.1:50412 GET /chat: the handler failed: a\nb");
        caller.asks(&Request::new("CONNECT", "host:80").unwrap());
        assert_eq!(line(Some(&caller)), r"192.0.2.1:50412 CONNECT: the handler failed: a\nb");
        let mut caller = Caller::new(None);
        assert_eq!(line(Some(&caller)), r"the handler failed: a\nb");
        caller.asks(&Request::new("GET", "/chat").unwrap());
        assert_eq!(line(Some(&caller)), r"GET /chat: the handler failed: a\nb");
        let path = format!("/{}", "a".repeat(5000));
        caller.asks(&Request::new("GET", path).unwrap());
        let failure = Failure::new(FailureKind::Cut, Some(&caller), "".into());
        assert_eq!(failure.path().map(str::len), Some(256));
    }
}
