//! The values that the texts of exceptions leave out.
//!
//! Texts are Python's, and some of them only name a rule. Programs find the values in the fields; people
//! find them here.

use std::time::Duration;

use crate::{
    ConnectionClosed, HttpMessage, InvalidHandshake, InvalidHeader, InvalidMessage, MessageCause,
    OtherProtocol, ProtocolErrorKind, ProxyError, Response, SecurityError, SecurityErrorKind,
    WebSocketException, redact_uri,
};

impl WebSocketException {
    /// The values that the text leaves out, such as the opcode that is invalid, the limit that is
    /// exceeded, or the value that a header should have; `None` if there is nothing to add.
    ///
    /// `Display` and this make a line for people: `invalid opcode (0x3)`.
    ///
    /// ```
    /// use ws_errors::{InvalidMethod, ProtocolErrorKind, WebSocketException};
    ///
    /// let error = WebSocketException::from(ProtocolErrorKind::InvalidOpcode(0x3));
    /// assert_eq!(error.detail().as_deref(), Some("0x3"));
    /// let error = WebSocketException::from(InvalidMethod::new("POST"));
    /// assert_eq!(error.detail().as_deref(), Some("expected GET"));
    /// ```
    #[must_use]
    pub fn detail(&self) -> Option<String> {
        match self {
            Self::ConnectionClosed(e) => closed(e),
            Self::InvalidHandshake(e) => handshake(e),
            Self::ProtocolError(e) => violation(e.kind),
            Self::KeepaliveTimeout(e) => Some(format!("no pong within {}", time(e.ping_timeout))),
            Self::InvalidURI(e) => scheme(&e.uri),
            // Their texts have all values.
            Self::InvalidState(_)
            | Self::InvalidProxy(_)
            | Self::PayloadTooBig(_)
            | Self::TooManyFragments(_)
            | Self::InvalidUtf8(_)
            | Self::ConcurrencyError(_) => None,
        }
    }
}

/// The likely intention behind a URI with another scheme, or none.
fn scheme(uri: &str) -> Option<String> {
    // A guess can't give back what is hidden.
    if uri.contains("***") {
        return None;
    }
    let (scheme, rest) = uri.split_once("://").unwrap_or(("", uri));
    let begins =
        |start: &str| uri.get(..start.len()).is_some_and(|front| front.eq_ignore_ascii_case(start));
    // Without a host, another scheme doesn't help.
    if scheme.is_empty() && ["/", "ws:", "wss:"].into_iter().any(begins) {
        return None;
    }
    let scheme = match scheme {
        "" | "http" => "ws",
        "https" => "wss",
        _ => return None,
    };
    (!rest.is_empty()).then(|| format!("did you mean {scheme}://{rest}?"))
}

/// The cause, unless the reason of the close frame says it all.
fn closed(closed: &ConnectionClosed) -> Option<String> {
    let cause = closed.cause()?;
    let text = cause.to_string();
    match cause.detail() {
        Some(detail) => Some(format!("{text}: {detail}")),
        None => closed.sent().is_none_or(|sent| *sent.reason != *text).then_some(text),
    }
}

fn handshake(e: &InvalidHandshake) -> Option<String> {
    match e {
        InvalidHandshake::HandshakeTimeout(e) => Some(format!("after {}", time(e.open_timeout))),
        InvalidHandshake::SecurityError(e) => limit(e),
        InvalidHandshake::ProxyError(ProxyError::InvalidProxyMessage(e)) => {
            message("the proxy wants https://", e.cause.as_ref()?)
        }
        InvalidHandshake::InvalidMessage(InvalidMessage { message: of, cause }) => {
            let tls = match of {
                HttpMessage::Response => "the server wants wss://",
                HttpMessage::Request => "the client wants wss://",
            };
            message(tls, cause.as_ref()?)
        }
        InvalidHandshake::InvalidMethod(_) => Some("expected GET".to_owned()),
        InvalidHandshake::InvalidProtocol(_) => Some("expected HTTP/1.1".to_owned()),
        InvalidHandshake::InvalidStatus(e) => reason(&e.response),
        InvalidHandshake::ProxyError(ProxyError::InvalidProxyStatus(e)) => reason(&e.response),
        InvalidHandshake::InvalidHeader(e) => expected(e).map(str::to_owned),
        InvalidHandshake::Base { .. }
        | InvalidHandshake::ProxyError(ProxyError::Base { .. })
        | InvalidHandshake::InvalidStatusCode(_)
        | InvalidHandshake::NegotiationError(_)
        | InvalidHandshake::AbortHandshake(_)
        | InvalidHandshake::RedirectHandshake(_) => None,
    }
}

/// The fault of a message that isn't HTTP, and the likely reason: `tls` if it is TLS.
fn message(tls: &str, cause: &MessageCause) -> Option<String> {
    let mut text = cause.to_string();
    match cause {
        MessageCause::NotHttp(e) if e.protocol == Some(OtherProtocol::Tls) => {
            text.push_str("; ");
            text.push_str(tls);
        }
        MessageCause::SecurityError(e) => {
            if let Some(limit) = limit(e) {
                text = format!("{text}: {limit}");
            }
        }
        MessageCause::NotHttp(_) | MessageCause::UnexpectedEof | MessageCause::Malformed(_) => {}
    }
    Some(text)
}

/// The reason phrase, and the target of a redirect without its secrets.
fn reason(response: &Response) -> Option<String> {
    const MAX_PHRASE: usize = 64;
    const MAX_LOCATION: usize = 256;
    let phrase = Some(&response.reason_phrase).filter(|phrase| !phrase.is_empty());
    let phrase = phrase.map(|phrase| bounded(phrase, MAX_PHRASE));
    let location = match response.status_code {
        300..=399 => response.headers.get("Location").ok().flatten(),
        _ => None,
    };
    let location =
        location.map(|it| format!("redirect to {}", bounded(&redact_uri(it), MAX_LOCATION)));
    let parts: Vec<_> = [phrase, location].into_iter().flatten().collect();
    (!parts.is_empty()).then(|| parts.join(", "))
}

/// The first `max` characters, and dots for more.
fn bounded(text: &str, max: usize) -> String {
    match text.char_indices().nth(max) {
        Some((end, _)) => format!("{}...", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}

/// The value that a header should have.
fn expected(e: &InvalidHeader) -> Option<&'static str> {
    match e {
        InvalidHeader::InvalidHeaderFormat(_) | InvalidHeader::Base { value: Some(_), .. } => {
            return None;
        }
        InvalidHeader::InvalidOrigin(e) => return e.origin.as_ref().map(|_| "not allowed"),
        InvalidHeader::Base { value: None, .. }
        | InvalidHeader::InvalidHeaderValue(_)
        | InvalidHeader::InvalidUpgrade(_) => {}
    }
    Some(match e.name() {
        "Upgrade" => "expected websocket",
        "Connection" => "expected Upgrade",
        "Sec-WebSocket-Version" => "expected 13",
        "Sec-WebSocket-Key" => "expected 16 bytes in base64",
        "Sec-WebSocket-Accept" => "expected the answer to the key of the request",
        "Host" => "expected one host, with a port perhaps",
        _ => return None,
    })
}

/// The thing that is limited, or its limit.
fn limit(e: &SecurityError) -> Option<String> {
    Some(match e {
        SecurityError::RequestLineTooLong(_) => "the request line".to_owned(),
        SecurityError::StatusLineTooLong(_) => "the status line".to_owned(),
        SecurityError::HeaderLineTooLong(_) => "a header line".to_owned(),
        SecurityError::TooManyHeaders(_) => return None,
        SecurityError::Base(kind) => match kind {
            SecurityErrorKind::HeadTooLarge { .. } => "all headers together".to_owned(),
            SecurityErrorKind::BodyTooLarge { max, .. }
            | SecurityErrorKind::ChunkTooLarge { max, .. } => format!("at most {max} bytes"),
            SecurityErrorKind::UnsizedBodyTooLarge { .. } => "the body".to_owned(),
            SecurityErrorKind::ChunkLineTooLong { .. } => "the line before a chunk".to_owned(),
            SecurityErrorKind::InvalidContentLength { .. }
            | SecurityErrorKind::InvalidChunkSize { .. }
            | SecurityErrorKind::InsecureRedirect { .. }
            | SecurityErrorKind::CrossOriginRedirect { .. }
            | SecurityErrorKind::TooManyRedirects { .. } => return None,
        },
    })
}

/// The value that breaks a rule of frames, and the values that are allowed.
fn violation(kind: ProtocolErrorKind) -> Option<String> {
    Some(match kind {
        ProtocolErrorKind::InvalidOpcode(opcode) => format!("{opcode:#x}"),
        ProtocolErrorKind::ControlFrameTooLong(len) => format!("{len} bytes, at most 125"),
        ProtocolErrorKind::InvalidStatusCode(code) => {
            format!("{code}, allowed are 1000 to 1003, 1007 to 1014 and 3000 to 4999")
        }
        ProtocolErrorKind::FrameLengthNotMinimal(len)
        | ProtocolErrorKind::FrameLengthTooLong(len) => format!("{len}"),
        ProtocolErrorKind::IncorrectMasking
        | ProtocolErrorKind::ReservedBits
        | ProtocolErrorKind::FragmentedControlFrame
        | ProtocolErrorKind::CloseFrameTooShort
        | ProtocolErrorKind::UnexpectedContinuation
        | ProtocolErrorKind::ExpectedContinuation
        | ProtocolErrorKind::Rsv1InContinuation
        | ProtocolErrorKind::DecompressionFailed
        | ProtocolErrorKind::Custom(_)
        | ProtocolErrorKind::ReasonWithoutCode => return None,
    })
}

/// A time limit, such as `10 s` or `0.25 s`.
fn time(limit: Duration) -> String {
    format!("{} s", limit.as_secs_f64())
}
