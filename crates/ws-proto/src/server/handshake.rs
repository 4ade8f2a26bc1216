//! [`ServerHandshake`]: reads the request within the limits.

use std::time::Duration;

use ws_errors::{InvalidHandshake, InvalidHeader, InvalidHeaderValue};

use super::options::ServerOptions;
use crate::grammar::is_host;
use crate::handshake::{deadline, single, timed_out};
use crate::http::{HandshakeLimits, HttpVersion, Request, RequestReader};

/// The first part of an opening handshake on the server's side: receives the request.
///
/// 1. Feed received bytes to [`receive_data`](Self::receive_data) until it returns `Some` or an
///    error; at the end of the stream call [`receive_eof`](Self::receive_eof).
/// 2. Take the request with [`into_request`](Self::into_request) and
///    [`negotiate`](super::negotiate), or turn the error into a response with
///    [`reject`](super::reject()).
///
/// Meanwhile, and until the response has left, call [`handle_timeout`](Self::handle_timeout) at the
/// time that [`poll_timeout`](Self::poll_timeout) returns. The first error is kept; later calls
/// repeat it.
#[doc(alias = "ServerProtocol")]
#[derive(Debug)]
pub struct ServerHandshake {
    limits: HandshakeLimits,
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
        Self { deadline: deadline(&limits, now), limits, phase }
    }

    /// Takes bytes from the client. Returns `None` while the request is incomplete, then the number
    /// of bytes of `data` that belong to it. The rest begins the first frame, from a client that
    /// doesn't wait for the response, although it should.
    ///
    /// # Errors
    /// Those of [`RequestReader::receive_data`], then [`InvalidHeader`] or [`InvalidHeaderValue`] for a
    /// `Host` header that is repeated, invalid, empty, or absent from an HTTP/1.1 request
    /// ([RFC 9112 §3.2]).
    ///
    /// [RFC 9112 §3.2]: https://www.rfc-editor.org/rfc/rfc9112#section-3.2
    pub fn receive_data(&mut self, data: &[u8]) -> Result<Option<usize>, InvalidHandshake> {
        let reader = match &mut self.phase {
            Phase::Receiving(reader) => reader,
            Phase::Received(_) => return Ok(Some(0)),
            Phase::Failed(error) => return Err(error.clone()),
        };
        match reader.receive_data(data) {
            Ok(None) => Ok(None),
            Ok(Some((request, used))) => match check_host(&request) {
                Ok(()) => {
                    self.phase = Phase::Received(request);
                    Ok(Some(used))
                }
                Err(error) => Err(self.fail(error)),
            },
            Err(error) => Err(self.fail(error)),
        }
    }

    /// Takes the end of the stream. Does nothing once the request is complete.
    ///
    /// # Errors
    /// [`InvalidMessage`](ws_errors::InvalidMessage), caused by the unexpected end.
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

    /// The time for [`handle_timeout`](Self::handle_timeout); `None` once the handshake has failed,
    /// and without an [`open_timeout`](ServerOptions::open_timeout). It doesn't change in between.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Duration> {
        self.deadline.filter(|_| !matches!(self.phase, Phase::Failed(_)))
    }

    /// Fails the handshake if its deadline is `now` or earlier; drop the stream then, without a
    /// response.
    ///
    /// # Errors
    /// [`HandshakeTimeout`](ws_errors::HandshakeTimeout) after the deadline.
    pub fn handle_timeout(&mut self, now: Duration) -> Result<(), InvalidHandshake> {
        match &self.phase {
            Phase::Failed(error) => Err(error.clone()),
            _ if self.poll_timeout().is_some_and(|deadline| deadline <= now) => {
                Err(self.fail(timed_out(&self.limits)))
            }
            _ => Ok(()),
        }
    }

    /// The request; `None` unless it is complete.
    #[must_use]
    pub fn request(&self) -> Option<&Request> {
        match &self.phase {
            Phase::Received(request) => Some(request),
            Phase::Receiving(_) | Phase::Failed(_) => None,
        }
    }

    /// Takes the request; `None` unless it is complete.
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

/// Checks the `Host` header ([RFC 9112 §3.2]): ends that don't agree on the host that a request is for
/// can be played off against each other.
///
/// [RFC 9112 §3.2]: https://www.rfc-editor.org/rfc/rfc9112#section-3.2
fn check_host(request: &Request) -> Result<(), InvalidHandshake> {
    const NAME: &str = "Host";
    match single(request.headers(), NAME)? {
        None if request.version() == HttpVersion::Http10 => Ok(()),
        None => Err(InvalidHeader::new(NAME, None).into()),
        Some(host) if is_host(host) => Ok(()),
        Some(host) => Err(InvalidHeaderValue::new(NAME, Some(host.into())).into()),
    }
}
