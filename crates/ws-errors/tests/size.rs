//! Sizes of the classes with classes below them: a `Result` is as large as its error.
#![cfg(target_pointer_width = "64")]

use std::error::Error;

use ws_errors::*;

/// The size of a class, which has the traits of all classes.
const fn size<T: Error + Clone + Eq + Send + Sync + 'static>() -> usize {
    size_of::<T>()
}

#[test]
fn errors_are_small() {
    assert_eq!(size::<WebSocketException>(), 40);
    assert_eq!(size::<ConnectionClosed>(), 16);
    assert_eq!(size::<InvalidHandshake>(), 40);
    assert_eq!(size::<SecurityError>(), 32);
    assert_eq!(size::<ProxyError>(), 32);
    assert_eq!(size::<InvalidHeader>(), 40);
    assert_eq!(size::<NegotiationError>(), 24);
}

#[test]
fn results_are_no_larger_than_their_errors() {
    assert_eq!(size_of::<Result<(), WebSocketException>>(), size::<WebSocketException>());
    assert_eq!(size_of::<Result<(), InvalidHandshake>>(), size::<InvalidHandshake>());
    assert_eq!(size_of::<Result<(), ConnectionClosed>>(), size::<ConnectionClosed>());
}
