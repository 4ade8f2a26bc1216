//! Events for `tracing`, with the feature of that name: all of the target `websockets`.
//!
//! | event | level |
//! | --- | --- |
//! | a handler that failed or panicked, or a hook that panicked during the opening handshake (500) | error |
//! | a connection that could not be accepted | warn |
//! | an opening handshake that was refused or broken, answered by the program | debug |
//! | a connection that was cut, or whose end the handler passed on | debug |
//! | a connection, or a request (503), that met the end of the server | trace |
//!
//! Strangers cause the handshakes that fail and the connections that are cut, as many as they like. On a
//! higher level they could fill a log.

use std::net::SocketAddr;

use tracing::Level;
use tracing::field::{DisplayValue, display};
use tracing::level_filters::LevelFilter;
use ws_errors::Escaped;

use super::failure::{Failure, FailureKind};

const TARGET: &str = "websockets";

/// An event about a failure, with the fields that all have.
macro_rules! event {
    ($level:expr, $failure:expr, $message:expr $(, $field:ident = $value:expr)*) => {
        tracing::event!(
            target: TARGET,
            $level,
            peer = peer($failure),
            method = $failure.method(),
            path = $failure.path(),
            status = $failure.status(),
            $($field = $value,)*
            "{}",
            $message,
        )
    };
}

/// Whether anybody listens to events.
pub(super) fn are_heard() -> bool {
    LevelFilter::current() != LevelFilter::OFF
}

pub(super) fn failed(failure: &Failure) {
    macro_rules! event_with_error {
        ($level:expr) => {
            event!(
                $level,
                failure,
                failure.summary(),
                error = display(Escaped(failure.error_text()))
            )
        };
    }
    match (failure.kind(), failure.status()) {
        (FailureKind::Handler | FailureKind::Panic, _) | (FailureKind::Handshake, Some(500)) => {
            event_with_error!(Level::ERROR)
        }
        (FailureKind::Accept, _) => event_with_error!(Level::WARN),
        (FailureKind::Handshake | FailureKind::Closed | FailureKind::Cut, _) => {
            event_with_error!(Level::DEBUG)
        }
        (FailureKind::Shutdown, _) => event_with_error!(Level::TRACE),
    }
}

/// A request was answered without opening a connection: by the program, or since it came `late`, when the
/// server was stopping.
pub(super) fn answered(failure: &Failure, late: bool) {
    match late {
        true => event!(Level::TRACE, failure, "the server stops, a request came late"),
        false => event!(Level::DEBUG, failure, "the program answered a request"),
    }
}

fn peer(failure: &Failure) -> Option<DisplayValue<SocketAddr>> {
    failure.peer_addr().map(display)
}
