//! Close codes, and the code and reason of a close frame ([RFC 6455 §7.4]).
//!
//! [RFC 6455 §7.4]: https://www.rfc-editor.org/rfc/rfc6455#section-7.4

use std::fmt;

use crate::Escaped;

/// The code of a close frame: 16 bits that tell why the connection closes ([RFC 6455 §7.4.1]).
///
/// It holds any integer, since a peer may send any; registered codes are constants.
/// [`is_sendable`](Self::is_sendable) tells which codes may be in a close frame. `Display` writes the
/// number and its explanation, such as `1000 (OK)`.
///
/// ```
/// use ws_types::CloseCode;
/// assert_eq!(CloseCode::NORMAL_CLOSURE, CloseCode::new(1000));
/// assert_eq!(CloseCode::new(3500).to_string(), "3500 (registered)");
/// ```
///
/// [RFC 6455 §7.4.1]: https://www.rfc-editor.org/rfc/rfc6455#section-7.4.1
#[derive(Clone, Copy, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub struct CloseCode(u16);

/// A table of sources, each followed by the codes that it defines: constant, value, explanation.
macro_rules! close_codes {
    ($($source:literal $($(#[$doc:meta])* $name:ident = $code:literal, $text:literal;)*)*) => {
        impl CloseCode {
            $($(
                $(#[$doc])*
                #[doc = $source]
                pub const $name: Self = Self($code);
            )*)*
        }

        /// The constant's name and the explanation of a registered code.
        const fn registered(code: u16) -> Option<(&'static str, &'static str)> {
            match code {
                $($($code => Some((stringify!($name), $text)),)*)*
                _ => None,
            }
        }
    };
}

close_codes! {
    "[RFC 6455 §7.4.1](https://www.rfc-editor.org/rfc/rfc6455#section-7.4.1)"

    /// 1000: the purpose of the connection was fulfilled.
    NORMAL_CLOSURE = 1000, "OK";
    /// 1001: a server shuts down, or a browser leaves the page.
    GOING_AWAY = 1001, "going away";
    /// 1002: the peer broke the protocol.
    PROTOCOL_ERROR = 1002, "protocol error";
    /// 1003: the endpoint can't accept this type of data, such as binary.
    UNSUPPORTED_DATA = 1003, "unsupported data";
    /// 1005: the close frame has no code. Never in a close frame.
    NO_STATUS_RCVD = 1005, "no status received [internal]";
    /// 1006: there is no close frame. Never in a close frame.
    ABNORMAL_CLOSURE = 1006, "abnormal closure [internal]";
    /// 1007: data doesn't match its type, such as text that isn't UTF-8.
    INVALID_DATA = 1007, "invalid frame payload data";
    /// 1008: a message violates the endpoint's policy, and no other code fits.
    POLICY_VIOLATION = 1008, "policy violation";
    /// 1009: a message is too big to process.
    MESSAGE_TOO_BIG = 1009, "message too big";
    /// 1010: the server didn't accept an extension that the client needs.
    MANDATORY_EXTENSION = 1010, "mandatory extension";
    /// 1011: the endpoint met an unexpected condition.
    INTERNAL_ERROR = 1011, "internal error";
    /// 1015: the TLS handshake failed. Never in a close frame.
    TLS_HANDSHAKE = 1015, "TLS handshake failure [internal]";

    "[IANA registry](https://www.iana.org/assignments/websocket/websocket.xhtml#close-code-number)"

    /// 1012: the service restarts.
    SERVICE_RESTART = 1012, "service restart";
    /// 1013: the service is overloaded; trying again later may help.
    TRY_AGAIN_LATER = 1013, "try again later";
    /// 1014: a gateway received an invalid response from its upstream server.
    BAD_GATEWAY = 1014, "bad gateway";
}

impl CloseCode {
    /// Makes a close code of any value, 0 to 65,535.
    #[must_use]
    pub const fn new(code: u16) -> Self {
        Self(code)
    }

    /// The value on the wire.
    #[must_use]
    pub const fn as_u16(self) -> u16 {
        self.0
    }

    /// Whether the code may be in a close frame: 1000 to 1003, 1007 to 1014 and 3000 to 4999
    /// ([RFC 6455 §7.4.2]).
    ///
    /// Receiving another code is a protocol error.
    ///
    /// [RFC 6455 §7.4.2]: https://www.rfc-editor.org/rfc/rfc6455#section-7.4.2
    #[must_use]
    pub const fn is_sendable(self) -> bool {
        matches!(self.0, 1000..=1003 | 1007..=1014 | 3000..=4999)
    }

    /// The meaning of the code in a few words, such as `going away`.
    ///
    /// It is `registered` for 3000 to 3999, `private use` for 4000 to 4999, and `unknown` for a code
    /// that isn't among the constants.
    #[must_use]
    pub const fn explanation(self) -> &'static str {
        match self.0 {
            3000..=3999 => "registered",
            4000..=4999 => "private use",
            code => match registered(code) {
                Some((_, text)) => text,
                None => "unknown",
            },
        }
    }
}

impl fmt::Display for CloseCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.0, self.explanation())
    }
}

impl fmt::Debug for CloseCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match registered(self.0) {
            Some((name, _)) => write!(f, "CloseCode::{name}"),
            None => write!(f, "CloseCode({})", self.0),
        }
    }
}

impl From<u16> for CloseCode {
    fn from(code: u16) -> Self {
        Self(code)
    }
}

impl From<CloseCode> for u16 {
    fn from(code: CloseCode) -> Self {
        code.0
    }
}

impl PartialEq<u16> for CloseCode {
    fn eq(&self, other: &u16) -> bool {
        self.0 == *other
    }
}

/// Code and reason of a close frame ([RFC 6455 §5.5.1]).
///
/// `Display` writes the code and, unless it is empty, a space and the reason: `1001 (going away) bye`.
/// It escapes the control characters of the reason, which may come from a peer.
///
/// ```
/// use ws_types::{Close, CloseCode};
///
/// let close = Close::new(CloseCode::GOING_AWAY, "bye\r\n");
/// assert_eq!(close.to_string(), r"1001 (going away) bye\r\n");
/// ```
///
/// [RFC 6455 §5.5.1]: https://www.rfc-editor.org/rfc/rfc6455#section-5.5.1
#[derive(Clone, Debug, Eq, PartialEq, Hash)]
#[non_exhaustive]
pub struct Close {
    /// The code; [`CloseCode::NO_STATUS_RCVD`] when the frame has none.
    pub code: CloseCode,
    /// The reason: at most 123 bytes of UTF-8 on the wire, inclusive; empty when the frame has none.
    pub reason: Box<str>,
}

impl Close {
    /// Makes a code and a reason. Sending checks them, this doesn't.
    #[must_use]
    pub fn new(code: impl Into<CloseCode>, reason: impl Into<Box<str>>) -> Self {
        Self { code: code.into(), reason: reason.into() }
    }

    /// Code 1005 and an empty reason: the meaning of a close frame with an empty payload.
    #[must_use]
    pub fn no_status() -> Self {
        Self::new(CloseCode::NO_STATUS_RCVD, "")
    }
}

impl fmt::Display for Close {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.code.fmt(f)?;
        if self.reason.is_empty() { Ok(()) } else { write!(f, " {}", Escaped(&self.reason)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_print_their_explanation() {
        for (code, text) in [
            (1000, "1000 (OK)"),
            (1003, "1003 (unsupported data)"),
            (1004, "1004 (unknown)"),
            (1005, "1005 (no status received [internal])"),
            (1006, "1006 (abnormal closure [internal])"),
            (1007, "1007 (invalid frame payload data)"),
            (1010, "1010 (mandatory extension)"),
            (1011, "1011 (internal error)"),
            (1014, "1014 (bad gateway)"),
            (1015, "1015 (TLS handshake failure [internal])"),
            (1016, "1016 (unknown)"),
            (2999, "2999 (unknown)"),
            (3000, "3000 (registered)"),
            (3999, "3999 (registered)"),
            (4000, "4000 (private use)"),
            (4999, "4999 (private use)"),
            (5000, "5000 (unknown)"),
            (0, "0 (unknown)"),
        ] {
            assert_eq!(CloseCode::new(code).to_string(), text);
        }
    }

    #[test]
    fn sendable_codes_are_those_of_the_rfc_and_the_registry() {
        let sendable: Vec<u16> =
            (0..=u16::MAX).filter(|&c| CloseCode::new(c).is_sendable()).collect();
        let expected: Vec<u16> = (1000..=1003).chain(1007..=1014).chain(3000..=4999).collect();
        assert_eq!(sendable, expected);
    }

    #[test]
    fn debug_names_the_registered_codes() {
        assert_eq!(format!("{:?}", CloseCode::GOING_AWAY), "CloseCode::GOING_AWAY");
        assert_eq!(format!("{:?}", CloseCode::new(4001)), "CloseCode(4001)");
    }

    #[test]
    fn close_prints_the_reason_with_control_characters_escaped() {
        assert_eq!(Close::new(1000, "").to_string(), "1000 (OK)");
        assert_eq!(
            Close::new(4000, "a\u{1b}[2J\r\né\u{202e}").to_string(),
            "4000 (private use) a\\u{1b}[2J\\r\\né\\u{202e}"
        );
        assert_eq!(Close::no_status().to_string(), "1005 (no status received [internal])");
    }
}
