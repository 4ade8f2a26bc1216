//! Reports of a server's failures: to the hook of the program and, with the feature `tracing`, as events.

use std::any::Any;
use std::error::Error as StdError;
use std::io;
use std::net::SocketAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};

use ws_errors::{
    AbortHandshake, ConnectionClosed, ConnectionClosedError, ConnectionClosedOK, Escaped,
    HttpAnswer, InvalidHandshake, WebSocketException,
};
use ws_types::State;

use super::events;
use super::failure::{Caller, Failure, FailureKind, panicked};
use crate::connection::state::Shared;
use crate::error::{Closed, Error, TrySendError};
use crate::metrics;

/// Takes each failure.
pub(super) type OnError = Box<dyn Fn(&Failure) + Send + Sync>;

/// Tells whoever wants to know.
#[derive(Default)]
pub(super) struct Reports {
    pub(super) on_error: Option<OnError>,
}

/// The end of a handler.
pub(super) type Returned = Result<Result<(), Box<dyn StdError + Send + Sync>>, Box<dyn Any + Send>>;

impl Reports {
    /// The peer of a new connection, kept for reports; `None` if nobody listens, so that it costs nothing.
    pub(super) fn caller(&self, addr: Option<SocketAddr>) -> Option<Box<Caller>> {
        self.is_heard().then(|| Box::new(Caller::new(addr)))
    }

    fn is_heard(&self) -> bool {
        self.on_error.is_some() || events::are_heard()
    }

    /// No connection could be accepted.
    pub(super) fn not_accepted(&self, error: io::Error) {
        metrics::failed(FailureKind::Accept);
        self.tell(&Failure::new(FailureKind::Accept, None, error.into()));
    }

    /// The opening handshake failed. `late` tells whether the server was stopping when the request came.
    pub(super) fn not_opened(&self, caller: Option<&Caller>, error: Error, late: bool) {
        let refusal = error.get::<InvalidHandshake>();
        let status = refusal.and_then(|refusal| match refusal.http_status() {
            HttpAnswer::Status(status) => Some(status),
            _ => None,
        });
        // Not a failure: the program, or the end of the server, wants it so.
        let is_answered = error.get::<AbortHandshake>().is_some();
        if let Some(status) = status {
            metrics::refused(status);
        }
        if !is_answered {
            metrics::failed(FailureKind::Handshake);
        }
        if !self.is_heard() {
            return;
        }
        let failure = Failure::new(FailureKind::Handshake, caller, Box::new(error));
        let failure = failure.with_status(status);
        match is_answered {
            true => quietly(|| events::answered(&failure, late)),
            false => self.tell(&failure),
        }
    }

    /// The handler has returned; gives how it failed, if it did. `stopped` tells whether the connection was open
    /// when the server began to stop.
    pub(super) fn returned<S>(
        &self,
        caller: Option<&Caller>,
        shared: &Shared<S>,
        stopped: bool,
        returned: Returned,
    ) -> Option<FailureKind> {
        let (error, is_panic) = match returned {
            Ok(Ok(())) => return None,
            Ok(Err(error)) => (error, false),
            Err(value) => (panicked(&*value), true),
        };
        let closed = ending(shared);
        let is_end = || closed.as_ref().is_some_and(|closed| passes_on(&*error, closed));
        let kind = match is_panic {
            true => FailureKind::Panic,
            false if !is_end() => FailureKind::Handler,
            false if stopped => FailureKind::Shutdown,
            false => FailureKind::Closed,
        };
        metrics::failed(kind);
        if self.is_heard() {
            self.tell(&Failure::new(kind, caller, error).with_closed(closed));
        }
        Some(kind)
    }

    /// The connection has ended, after its handler returned without an error.
    pub(super) fn ended<S>(&self, caller: Option<&Caller>, shared: &Shared<S>, stopped: bool) {
        if is_orderly(shared) {
            return;
        }
        let Some(closed) = ending(shared) else { return };
        let kind = if stopped { FailureKind::Shutdown } else { FailureKind::Cut };
        metrics::failed(kind);
        if !self.is_heard() {
            return;
        }
        let error = Box::new(Error::Closed(closed.clone()));
        self.tell(&Failure::new(kind, caller, error).with_closed(Some(closed)));
    }

    fn tell(&self, failure: &Failure) {
        quietly(|| events::failed(failure));
        if let Some(on_error) = &self.on_error {
            quietly(|| on_error(failure));
        }
    }
}

/// Runs code of others, whose panic ends nothing.
fn quietly(report: impl FnOnce()) {
    _ = catch_unwind(AssertUnwindSafe(report));
}

/// Whether the closing handshake was completed, with any code, or the program took the stream.
pub(super) fn is_orderly<S>(shared: &Shared<S>) -> bool {
    let closed = ending(shared);
    let is_complete = |closed: &Closed| closed.rcvd().is_some() && closed.cause().is_none();
    shared.lock().taken || closed.as_ref().is_some_and(is_complete)
}

/// How a connection has ended, as far as that is known; `None` if it is open.
fn ending<S>(shared: &Shared<S>) -> Option<Closed> {
    let driver = shared.lock();
    let Error::Closed(closed) = driver.closed_error() else { return None };
    // After a failed write, what has arrived is looked at first.
    (driver.conn.state() != State::Open || closed.transport().is_some()).then_some(closed)
}

/// Whether an error is that end of a connection, or caused by it.
fn passes_on(error: &(dyn StdError + 'static), closed: &Closed) -> bool {
    let text = Escaped(closed).to_string();
    let mut next = Some(error);
    while let Some(error) = next {
        // The type may be hidden; the text shows it then.
        if is_closed(error) || error.to_string() == text {
            return true;
        }
        next = error.source();
    }
    false
}

/// Whether an error says that a connection is closed.
fn is_closed(error: &(dyn StdError + 'static)) -> bool {
    if let Some(error) = error.downcast_ref::<Error>() {
        return error.closed().is_some();
    }
    if let Some(error) = error.downcast_ref::<TrySendError>() {
        return matches!(error, TrySendError::Closed(error) if error.closed().is_some());
    }
    // Its source is the source of the error within.
    if let Some(error) = error.downcast_ref::<io::Error>() {
        return error.get_ref().is_some_and(|error| is_closed(error));
    }
    error.is::<Closed>()
        || error.is::<ConnectionClosed>()
        || error.is::<ConnectionClosedError>()
        || error.is::<ConnectionClosedOK>()
        || matches!(error.downcast_ref(), Some(WebSocketException::ConnectionClosed(_)))
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;

    use super::*;

    #[test]
    fn each_failed_accept_is_reported_without_a_peer() {
        let (sender, lines) = channel();
        let on_error = move |failure: &Failure| {
            assert_eq!((failure.kind(), failure.peer_addr()), (FailureKind::Accept, None));
            sender.send(failure.to_string()).unwrap();
        };
        let reports = Reports { on_error: Some(Box::new(on_error)) };
        for _ in 0..2 {
            reports.not_accepted(io::Error::other("too many open files"));
        }
        drop(reports);
        let expected = "cannot accept a connection: too many open files";
        assert_eq!(lines.iter().collect::<Vec<_>>(), [expected; 2]);
    }
}
