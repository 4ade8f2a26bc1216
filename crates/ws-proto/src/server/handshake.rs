//! [`ServerHandshake`]: reads the request within the limits.

use std::time::Duration;

use ws_errors::{InvalidHandshake, InvalidHeader, InvalidHeaderValue};

use super::options::ServerOptions;
use crate::grammar::{is_host, join};
use crate::handshake::{deadline, single, timed_out};
use crate::http::framing::{
    CONTENT_LENGTH, TRANSFER_ENCODING, codings, content_length, is_chunked,
};
use crate::http::{HttpVersion, Request, RequestReader};

/// The first part of an opening handshake on the server's side: receives the request.
///
/// 1. Feed received bytes to [`receive_data`](Self::receive_data) until it returns `Some` or an
///    error; at the end of the stream call [`receive_eof`](Self::receive_eof).
/// 2. Take the request with [`into_request`](Self::into_request) and
///    [`negotiate`](super::negotiate), or turn the error into a response with
///    [`reject`](super::reject()), which takes the [`method`](Self::method).
///
/// A request that isn't one for a WebSocket may have a body. It isn't read: an application answers
/// what the head tells.
///
/// Meanwhile, and until the response has left, call [`handle_timeout`](Self::handle_timeout) at the
/// time that [`poll_timeout`](Self::poll_timeout) returns. The first error is kept; later calls
/// repeat it.
#[doc(alias = "ServerProtocol")]
#[derive(Debug)]
pub struct ServerHandshake {
    open_timeout: Option<Duration>,
    deadline: Option<Duration>,
    phase: Phase,
}

#[derive(Debug)]
enum Phase {
    Receiving(RequestReader),
    Received(Request),
    /// With the method, if it is known.
    Failed(InvalidHandshake, Option<Box<str>>),
}

impl ServerHandshake {
    /// Begins a handshake at `now`, with the limits of `options`. Times are since an origin that the
    /// driver chooses.
    #[must_use]
    pub fn new(options: &ServerOptions, now: Duration) -> Self {
        let limits = options.handshake_limits();
        let phase = Phase::Receiving(RequestReader::new(limits));
        Self { deadline: deadline(&limits, now), open_timeout: limits.open_timeout, phase }
    }

    /// Takes bytes from the client. Returns `None` while the request is incomplete, then the number
    /// of bytes of `data` that belong to it. The rest begins the first frame, from a client that
    /// doesn't wait for the response, although it should.
    ///
    /// # Errors
    /// Those of [`RequestReader::receive_data`], then [`InvalidHeader`] or [`InvalidHeaderValue`]:
    /// - for a `Host` header that is repeated, invalid, empty, or absent from an HTTP/1.1 request
    ///   ([RFC 9112 §3.2]);
    /// - for `Content-Length` and `Transfer-Encoding` that don't tell clearly where the request ends
    ///   ([RFC 9112 §6.3]): lengths that differ or aren't numbers, both headers together, a coding
    ///   that doesn't end with one `chunked`, or any in HTTP/1.0.
    ///
    /// [RFC 9112 §3.2]: https://www.rfc-editor.org/rfc/rfc9112#section-3.2
    /// [RFC 9112 §6.3]: https://www.rfc-editor.org/rfc/rfc9112#section-6.3
    pub fn receive_data(&mut self, data: &[u8]) -> Result<Option<usize>, InvalidHandshake> {
        let reader = match &mut self.phase {
            Phase::Receiving(reader) => reader,
            Phase::Received(_) => return Ok(Some(0)),
            Phase::Failed(error, _) => return Err(error.clone()),
        };
        match reader.receive_data(data) {
            Ok(None) => Ok(None),
            Ok(Some((request, used))) => self.check(request).map(|()| Some(used)),
            Err(error) => {
                let method = reader.method().map(Into::into);
                Err(self.fail(error, method))
            }
        }
    }

    /// Takes the request from an HTTP server that has read it, instead of [`receive_data`](Self::receive_data).
    ///
    /// # Errors
    /// As there, in this order: those of limits and of the grammar, then those about `Host`, `Content-Length` and
    /// `Transfer-Encoding`. In HTTP/2, the limits hold for the same head in HTTP/1.1, and a `Host` must equal the
    /// authority of the target ([RFC 9113 §8.3.1]).
    ///
    /// [RFC 9113 §8.3.1]: https://www.rfc-editor.org/rfc/rfc9113#section-8.3.1
    pub fn receive_request(&mut self, request: Request) -> Result<(), InvalidHandshake> {
        match &mut self.phase {
            Phase::Receiving(reader) => {
                // The reader knows the limits and the grammar.
                let head = match request.version() {
                    HttpVersion::Http2 => request.in_http1().serialize(),
                    HttpVersion::Http10 | HttpVersion::Http11 => request.serialize(),
                };
                match reader.receive_data(&head) {
                    Ok(_) => self.check(request),
                    Err(error) => Err(self.fail(error, Some(request.method().into()))),
                }
            }
            Phase::Received(_) => Ok(()),
            Phase::Failed(error, _) => Err(error.clone()),
        }
    }

    fn check(&mut self, request: Request) -> Result<(), InvalidHandshake> {
        match check_host(&request).and_then(|()| check_framing(&request)) {
            Ok(()) => {
                self.phase = Phase::Received(request);
                Ok(())
            }
            Err(error) => Err(self.fail(error, Some(request.method().into()))),
        }
    }

    /// Takes the end of the stream. Does nothing once the request is complete.
    ///
    /// # Errors
    /// [`InvalidMessage`](ws_errors::InvalidMessage), caused by the unexpected end.
    pub fn receive_eof(&mut self) -> Result<(), InvalidHandshake> {
        match &mut self.phase {
            Phase::Receiving(reader) => {
                let (error, method) = (reader.eof_error(), reader.method().map(Into::into));
                Err(self.fail(error, method))
            }
            Phase::Received(_) => Ok(()),
            Phase::Failed(error, _) => Err(error.clone()),
        }
    }

    /// The time for [`handle_timeout`](Self::handle_timeout); `None` once the handshake has failed,
    /// and without an [`open_timeout`](ServerOptions::open_timeout). It doesn't change in between.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Duration> {
        self.deadline.filter(|_| !matches!(self.phase, Phase::Failed(..)))
    }

    /// Fails the handshake if its deadline is `now` or earlier; drop the stream then, without a
    /// response.
    ///
    /// # Errors
    /// [`HandshakeTimeout`](ws_errors::HandshakeTimeout) after the deadline.
    pub fn handle_timeout(&mut self, now: Duration) -> Result<(), InvalidHandshake> {
        match &self.phase {
            Phase::Failed(error, _) => Err(error.clone()),
            _ if self.poll_timeout().is_some_and(|deadline| deadline <= now) => {
                let method = self.method().map(Into::into);
                Err(self.fail(timed_out(self.open_timeout), method))
            }
            _ => Ok(()),
        }
    }

    /// The request; `None` unless it is complete.
    #[must_use]
    pub fn request(&self) -> Option<&Request> {
        match &self.phase {
            Phase::Received(request) => Some(request),
            Phase::Receiving(_) | Phase::Failed(..) => None,
        }
    }

    /// Takes the request; `None` unless it is complete.
    #[must_use]
    pub fn into_request(self) -> Option<Request> {
        match self.phase {
            Phase::Received(request) => Some(request),
            Phase::Receiving(_) | Phase::Failed(..) => None,
        }
    }

    /// The method of the request; `None` until its first line is there. It stays when the handshake
    /// fails, for [`reject`](super::reject()).
    #[must_use]
    pub fn method(&self) -> Option<&str> {
        match &self.phase {
            Phase::Receiving(reader) => reader.method(),
            Phase::Received(request) => Some(request.method()),
            Phase::Failed(_, method) => method.as_deref(),
        }
    }

    fn fail(&mut self, error: InvalidHandshake, method: Option<Box<str>>) -> InvalidHandshake {
        self.phase = Phase::Failed(error.clone(), method);
        error
    }
}

/// Checks the `Host` header ([RFC 9112 §3.2]), or the `:authority` of HTTP/2 ([RFC 9113 §8.3.1]): ends that don't agree
/// on the host that a request is for can be played off against each other.
///
/// [RFC 9112 §3.2]: https://www.rfc-editor.org/rfc/rfc9112#section-3.2
/// [RFC 9113 §8.3.1]: https://www.rfc-editor.org/rfc/rfc9113#section-8.3.1
fn check_host(request: &Request) -> Result<(), InvalidHandshake> {
    const NAME: &str = "Host";
    let host = single(request.headers(), NAME)?;
    if request.version() == HttpVersion::Http2
        && let Some(authority) = request.authority()
    {
        // The reader has checked its grammar.
        return match host {
            Some(host) if !host.eq_ignore_ascii_case(authority) => {
                Err(InvalidHeaderValue::new(NAME, Some(host.into())).into())
            }
            _ => Ok(()),
        };
    }
    match host {
        None if request.version() == HttpVersion::Http10 => Ok(()),
        None => Err(InvalidHeader::new(NAME, None).into()),
        Some(host) if is_host(host) => Ok(()),
        Some(host) => Err(InvalidHeaderValue::new(NAME, Some(host.into())).into()),
    }
}

/// Checks that the headers tell clearly where the request ends ([RFC 9112 §6.3]): ends that don't agree
/// on it take a part of one request for another (request smuggling).
///
/// [RFC 9112 §6.3]: https://www.rfc-editor.org/rfc/rfc9112#section-6.3
fn check_framing(request: &Request) -> Result<(), InvalidHandshake> {
    let headers = request.headers();
    let invalid = |name, value: Option<&str>| match value {
        Some(fault) => Err(InvalidHeader::new(name, Some(fault)).into()),
        None => {
            let value = join(headers.get_all(name));
            Err(InvalidHeaderValue::new(name, Some(value)).into())
        }
    };
    if content_length(headers).is_err() {
        return invalid(CONTENT_LENGTH, None);
    }
    if !headers.contains(TRANSFER_ENCODING) {
        return Ok(());
    }
    if headers.contains(CONTENT_LENGTH) {
        return invalid(CONTENT_LENGTH, Some("together with Transfer-Encoding"));
    }
    if request.version() == HttpVersion::Http10 {
        return invalid(TRANSFER_ENCODING, Some("unknown in HTTP/1.0"));
    }
    match codings(headers).position(is_chunked) {
        Some(at) if at + 1 == codings(headers).count() => Ok(()),
        _ => invalid(TRANSFER_ENCODING, None),
    }
}
