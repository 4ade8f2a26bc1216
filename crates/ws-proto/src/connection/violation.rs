//! A rule that the peer has broken, on its way to the close frame that says so.

use ws_errors::{
    InvalidUtf8, PayloadTooBig, ProtocolError, ProtocolErrorKind, TooManyFragments,
    WebSocketException,
};

/// A rule that the peer has broken; boxed, since it is rare and results are passed around for each
/// message.
#[derive(Debug)]
pub(super) struct Violation(pub(super) Box<WebSocketException>);

macro_rules! violations {
    ($($class:ty),*) => {$(
        impl From<$class> for Violation {
            #[cold]
            fn from(violation: $class) -> Self {
                Self(Box::new(violation.into()))
            }
        }
    )*};
}

violations!(ProtocolError, ProtocolErrorKind, InvalidUtf8, PayloadTooBig, TooManyFragments);
