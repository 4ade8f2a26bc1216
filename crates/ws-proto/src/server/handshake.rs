//! [`ServerHandshake`]: reads the request within the limits.

use std::time::Duration;

use ws_errors::InvalidHandshake;

use super::options::ServerOptions;
use crate::handshake::{deadline, timed_out};
use crate::http::{Request, RequestReader};

/// Reads the request of an opening handshake, from the server's side.
///
/// Feed what the client sends to [`receive_data`](Self::receive_data), until it returns how many of
/// the bytes belong to the request, or an error; then take the request with
/// [`into_request`](Self::into_request), or turn the error into a response with [`reject()`].
/// Meanwhile, and until the response has left, call [`handle_timeout`](Self::handle_timeout) when
/// [`poll_timeout`](Self::poll_timeout) says so. The first error is kept, and returned by every later
/// call.
#[derive(Debug)]
pub struct ServerHandshake {
    deadline: Option<Duration>,
    phase: Phase,
}

#[derive(Debug)]
enum Phase {
    Receiving(RequestReader),
    Received(Request),
    Failed(InvalidHandshake),
}

impl ServerHandshake {
    /// Begins a handshake at `now`, with the limits of `options`. Times are since an origin that the
    /// driver chooses.
    #[must_use]
    pub fn new(options: &ServerOptions, now: Duration) -> Self {
        let limits = options.handshake_limits();
        let phase = Phase::Receiving(RequestReader::new(limits));
        Self { deadline: deadline(&limits, now), phase }
    }

    /// Takes bytes from the client. Returns `None` if more are needed; otherwise the request is
    /// complete, and the result is how many of `data` belong to it. The rest belongs to the first
    /// frame: clients may send frames before they are accepted, although they shouldn't.
    ///
    /// # Errors
    /// Those of [`RequestReader::receive_data`].
    pub fn receive_data(&mut self, data: &[u8]) -> Result<Option<usize>, InvalidHandshake> {
        let reader = match &mut self.phase {
            Phase::Receiving(reader) => reader,
            Phase::Received(_) => return Ok(Some(0)),
            Phase::Failed(error) => return Err(error.clone()),
        };
        match reader.receive_data(data) {
            Ok(None) => Ok(None),
            Ok(Some((request, used))) => {
                self.phase = Phase::Received(request);
                Ok(Some(used))
            }
            Err(error) => Err(self.fail(error)),
        }
    }

    /// Takes note of the end of the stream.
    ///
    /// # Errors
    /// [`InvalidMessage`](ws_errors::InvalidMessage), caused by the unexpected end, unless the
    /// request was complete before.
    pub fn receive_eof(&mut self) -> Result<(), InvalidHandshake> {
        match &mut self.phase {
            Phase::Receiving(reader) => {
                let error = reader.eof_error();
                Err(self.fail(error))
            }
            Phase::Received(_) => Ok(()),
            Phase::Failed(error) => Err(error.clone()),
        }
    }

    /// When [`handle_timeout`](Self::handle_timeout) is to be called; `None` when there is nothing to wait
    /// for: once the handshake has failed, or without a
    /// [limit](ServerOptions::open_timeout). It doesn't change before.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Duration> {
        self.deadline.filter(|_| !matches!(self.phase, Phase::Failed(_)))
    }

    /// Fails the handshake if it should be over at `now`; the stream is to be dropped, without an
    /// answer. Does nothing when nothing is due.
    ///
    /// # Errors
    /// [`InvalidHandshake::Base`] when the time is over.
    pub fn handle_timeout(&mut self, now: Duration) -> Result<(), InvalidHandshake> {
        match &self.phase {
            Phase::Failed(error) => Err(error.clone()),
            _ if self.poll_timeout().is_some_and(|deadline| deadline <= now) => {
                Err(self.fail(timed_out()))
            }
            _ => Ok(()),
        }
    }

    /// The request, if it is complete.
    #[must_use]
    pub fn request(&self) -> Option<&Request> {
        match &self.phase {
            Phase::Received(request) => Some(request),
            Phase::Receiving(_) | Phase::Failed(_) => None,
        }
    }

    /// The request, if it is complete.
    #[must_use]
    pub fn into_request(self) -> Option<Request> {
        match self.phase {
            Phase::Received(request) => Some(request),
            Phase::Receiving(_) | Phase::Failed(_) => None,
        }
    }

    fn fail(&mut self, error: InvalidHandshake) -> InvalidHandshake {
        self.phase = Phase::Failed(error.clone());
        error
    }
}
