//! Limits and security rules of the opening handshake.

use std::fmt;

/// The opening handshake exceeds a limit, or breaks a rule that protects users.
///
/// The limit and the value that exceeds it are fields of the classes and kinds.
///
/// ```
/// use ws_errors::{HttpAnswer, InvalidHandshake, RequestLineTooLong, SecurityErrorKind};
///
/// let error = RequestLineTooLong::new(8193, 8192);
/// assert_eq!(error.to_string(), "read 8193 bytes, expected no more than 8192 bytes");
/// assert_eq!(InvalidHandshake::from(error).http_status(), HttpAnswer::Status(414));
///
/// let error = InvalidHandshake::from(SecurityErrorKind::TooManyRedirects { max: 10 });
/// assert_eq!(error.to_string(), "more than 10 redirects");
/// ```
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum SecurityError {
    /// A limit or rule without a class of its own.
    #[error("{0}")]
    Base(SecurityErrorKind),
    /// The request line exceeds its limit.
    #[error(transparent)]
    RequestLineTooLong(RequestLineTooLong),
    /// The status line exceeds its limit.
    #[error(transparent)]
    StatusLineTooLong(StatusLineTooLong),
    /// A header line exceeds its limit.
    #[error(transparent)]
    HeaderLineTooLong(HeaderLineTooLong),
    /// There are more header lines than the limit.
    #[error(transparent)]
    TooManyHeaders(TooManyHeaders),
}

impl From<SecurityErrorKind> for SecurityError {
    fn from(kind: SecurityErrorKind) -> Self {
        Self::Base(kind)
    }
}

/// The limit or rule that a [`SecurityError`] without a class of its own is about; `Display` writes its
/// text.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum SecurityErrorKind {
    /// The head of a request or response, from its first line to the empty line, exceeds its limit.
    HeadTooLarge {
        /// Bytes received when it was refused.
        size: usize,
        /// The limit in bytes, inclusive, with line ends.
        max: usize,
    },
    /// The body has a `Content-Length` above the limit.
    ///
    /// Nothing here raises this kind and the next five, which are about bodies: `ws-proto` cuts a body
    /// that is too long, and keeps one that is malformed as it came. They serve programs that read
    /// responses themselves.
    BodyTooLarge {
        /// The declared length in bytes.
        size: u64,
        /// The limit in bytes, inclusive.
        max: u64,
    },
    /// A body that ends with the stream exceeds the limit.
    UnsizedBodyTooLarge {
        /// Bytes received when it was refused.
        size: usize,
        /// The limit in bytes, inclusive.
        max: usize,
    },
    /// A chunk would make the body exceed the limit.
    ChunkTooLarge {
        /// The declared length of the chunk in bytes.
        size: u64,
        /// Bytes of the body before it.
        after: u64,
        /// The limit of the whole body in bytes, inclusive.
        max: u64,
    },
    /// The line with the size of a chunk exceeds its limit.
    ChunkLineTooLong {
        /// Bytes received when it was refused.
        size: usize,
        /// The limit in bytes, inclusive, with the line end.
        max: usize,
    },
    /// The value of `Content-Length` isn't a number, or has too many digits.
    InvalidContentLength {
        /// The value.
        value: Box<str>,
    },
    /// The size of a chunk isn't a hexadecimal number, or has too many digits.
    InvalidChunkSize {
        /// The text in its place.
        value: Box<str>,
    },
    /// A redirect goes from `wss://` to `ws://`.
    InsecureRedirect {
        /// The URI that it goes to.
        uri: Box<str>,
    },
    /// A redirect goes to another origin, although the way to the server is fixed.
    CrossOriginRedirect {
        /// The URI that it goes to.
        uri: Box<str>,
    },
    /// There are more redirects than the limit.
    TooManyRedirects {
        /// The limit, inclusive.
        max: usize,
    },
}

impl fmt::Display for SecurityErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::HeadTooLarge { size, max }
            | Self::UnsizedBodyTooLarge { size, max }
            | Self::ChunkLineTooLong { size, max } => {
                write!(f, "read {size} bytes, expected no more than {max} bytes")
            }
            Self::BodyTooLarge { size, max: _ } => write!(f, "body too large: {size} bytes"),
            Self::ChunkTooLarge { size, after, max: _ } => {
                write!(f, "chunk too large: {size} bytes after {after} bytes")
            }
            Self::InvalidContentLength { value } => write!(f, "invalid content length: {value}"),
            Self::InvalidChunkSize { value } => write!(f, "invalid chunk size: {value}"),
            Self::InsecureRedirect { uri } => {
                write!(f, "cannot follow redirect to non-secure URI {uri}")
            }
            Self::CrossOriginRedirect { uri } => {
                write!(f, "cannot follow cross-origin redirect to {uri} with a fixed address")
            }
            Self::TooManyRedirects { max } => write!(f, "more than {max} redirects"),
        }
    }
}

/// Classes of lines above a limit, which differ only in name.
macro_rules! line_too_long {
    ($($(#[$doc:meta])* $class:ident)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
        #[error("read {size} bytes, expected no more than {max} bytes")]
        #[non_exhaustive]
        pub struct $class {
            /// Bytes of the line received when it was refused.
            pub size: usize,
            /// The limit in bytes, inclusive, with the line end.
            pub max: usize,
        }

        impl $class {
            /// Makes the exception for a line of at least `size` bytes, with the limit `max`.
            #[must_use]
            pub fn new(size: usize, max: usize) -> Self {
                Self { size, max }
            }
        }
    )*};
}

line_too_long! {
    /// The request line exceeds its limit; answered with 414 ([RFC 9112 §3]).
    ///
    /// [RFC 9112 §3]: https://www.rfc-editor.org/rfc/rfc9112#section-3
    RequestLineTooLong
    /// The status line exceeds its limit ([RFC 9112 §4]).
    ///
    /// [RFC 9112 §4]: https://www.rfc-editor.org/rfc/rfc9112#section-4
    StatusLineTooLong
    /// A header line exceeds its limit; answered with 431 ([RFC 6585 §5]).
    ///
    /// [RFC 6585 §5]: https://www.rfc-editor.org/rfc/rfc6585#section-5
    HeaderLineTooLong
}

/// There are more header lines than the limit; answered with 431 ([RFC 6585 §5]).
///
/// [RFC 6585 §5]: https://www.rfc-editor.org/rfc/rfc6585#section-5
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("expected no more than {max} headers")]
#[non_exhaustive]
pub struct TooManyHeaders {
    /// Header lines received when they were refused.
    pub size: usize,
    /// The limit, inclusive.
    pub max: usize,
}

impl TooManyHeaders {
    /// Makes the exception for at least `size` header lines, with the limit `max`.
    #[must_use]
    pub fn new(size: usize, max: usize) -> Self {
        Self { size, max }
    }
}
