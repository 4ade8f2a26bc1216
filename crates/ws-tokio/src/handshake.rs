//! Opening handshakes over a stream: the driver of `ws_proto::{client, server}`.

use std::cell::RefCell;
use std::future::{Future, poll_fn};
use std::io;
use std::net::SocketAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::{Duration, SystemTime};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep_until};
use ws_errors::{
    AbortHandshake, HandshakeTimeout, InvalidHandshake, InvalidMessage, InvalidStatus,
    MessageCause, WebSocketException,
};
use ws_proto::client::ClientHandshake;
use ws_proto::extension::Extensions;
use ws_proto::http::{Request, Response};
use ws_proto::server::{self, Negotiated, ServerHandshake};
use ws_proto::{Connection, Uri};

use crate::connection::state::Shared;
use crate::connection::{Info, WebSocket};
use crate::error::{Error, is_end, of_stream};
use crate::hooks::{self, Choices, Facts, Handshake, Stopped};
use crate::settings::{ClientSettings, FlowSettings, ServerSettings};
use crate::trace::{self, Trace};

/// The most bytes that are read at once.
const READ: usize = 4096;

/// The most bytes that are read and dropped after the response to a refused request: as much of a body as
/// other servers take by default.
const MAX_LINGERING: usize = 1 << 20;

/// The longest time for it: some round trips in a slow network. The shutdown of a server waits for it.
const LINGER_TIME: Duration = Duration::from_secs(2);

/// Opens the server's end of a connection, on the stream from `io`; the time limit counts from `origin`. `peer` is the
/// client, if that is known better than by the stream. When the request is refused, returns after the response was sent
/// and the stream was closed. `refuse` is shown the request and the client, as soon as there is a whole one, and may
/// answer it.
pub(crate) async fn accept<S: AsyncRead + AsyncWrite + Unpin + Send + 'static>(
    io: impl Future<Output = Result<S, Error>>,
    peer: Option<&SocketAddr>,
    origin: Instant,
    settings: &ServerSettings,
    refuse: impl FnMut(&Request, Option<SocketAddr>) -> Option<Response>,
    trace: Trace,
) -> Result<WebSocket<S>, Error> {
    let timeout = settings.options.handshake_limits().open_timeout;
    let accepting = pin!(accept_on(io, peer, origin, settings, refuse, trace));
    let accepted = within(origin, timeout, accepting).await?;
    match accepted {
        Accepted::Open(ws) => Ok(ws),
        Accepted::Refused(mut io, error) => {
            // The peer may still be sending. Closing now could reset the connection, and the response
            // with it. However long it takes, the error stays.
            _ = tokio::time::timeout(LINGER_TIME, linger(&mut io)).await;
            Err(error.into())
        }
    }
}

/// A request that was answered.
enum Accepted<S> {
    Open(WebSocket<S>),
    Refused(S, InvalidHandshake),
}

#[expect(clippy::manual_async_fn, reason = "an async fn holds its arguments twice")]
fn accept_on<S: AsyncRead + AsyncWrite + Unpin + Send + 'static>(
    io: impl Future<Output = Result<S, Error>>,
    peer: Option<&SocketAddr>,
    origin: Instant,
    settings: &ServerSettings,
    mut refuse: impl FnMut(&Request, Option<SocketAddr>) -> Option<Response>,
    trace: Trace,
) -> impl Future<Output = Result<Accepted<S>, Error>> {
    async move {
        let mut io = io.await?;
        let answer = match receive_request(&mut io, settings).await? {
            Received::Refused(error, method) => refused(error, method.as_deref(), settings),
            Received::Request(request, rest) => {
                let mut info = Info::default().with_addresses(&io);
                info.peer_addr = peer.copied().or(info.peer_addr);
                if settings.forwarded.trusts(info.peer_addr) {
                    info.peer_addr = settings.forwarded.client(request.headers(), info.peer_addr);
                    trace.peer(info.peer_addr);
                }
                trace.path(request.path());
                trace::request("<", &request);
                let refusal = refuse(&request, info.peer_addr);
                let facts = Facts::of(&info, &io);
                let handshake = Handshake::new(request, facts);
                // In a box: whoever still waits for a request doesn't need the memory.
                Box::pin(answer(handshake, rest, info, settings, refusal)).await
            }
        };
        match answer {
            Answer::Accepted { response, extensions, info, chosen, rest } => {
                write_all(&mut io, &response).await?;
                let settings = chosen.as_deref().unwrap_or(settings);
                let (config, now) = (Arc::clone(&settings.config), origin.elapsed());
                let conn = Connection::server(config, extensions, now);
                Ok(Accepted::Open(begin(io, conn, &rest, info, origin, settings.flow, trace)))
            }
            Answer::Refused { response, error } => {
                let response = response.map(|response| on_the_wire(&response));
                let Some(response) = response else { return Err(error.into()) };
                write_all(&mut io, &response).await?;
                Ok(Accepted::Refused(io, error))
            }
        }
    }
}

/// A whole request with the bytes behind it, or a refused one, with its method if that is known.
enum Received {
    Request(Box<Request>, Vec<u8>),
    Refused(InvalidHandshake, Option<Box<str>>),
}

/// Reads a request.
async fn receive_request<S: AsyncRead + Unpin>(
    io: &mut S,
    settings: &ServerSettings,
) -> Result<Received, Error> {
    let mut handshake = ServerHandshake::new(&settings.options, Duration::ZERO);
    let mut rest = Vec::new();
    let received = receive(io, &mut rest, |data| match data {
        Some(data) => handshake.receive_data(data),
        None => handshake.receive_eof().map(|()| None),
    })
    .await;
    let error = match received {
        Ok(()) => match handshake.into_request() {
            Some(request) => return Ok(Received::Request(Box::new(request), rest)),
            None => return Ok(Received::Refused(InvalidHandshake::new("no request"), None)),
        },
        Err(Error::WebSocket(exception)) => match *exception {
            WebSocketException::InvalidHandshake(error) => error,
            other => return Err(other.into()),
        },
        Err(error) => return Err(error),
    };
    Ok(Received::Refused(error, handshake.method().map(Into::into)))
}

/// The answer to a request.
enum Answer {
    Accepted {
        /// As on the wire.
        response: Vec<u8>,
        extensions: Extensions,
        info: Info,
        /// The settings that a hook has chosen.
        chosen: Option<Arc<ServerSettings>>,
        /// The bytes received behind the request.
        rest: Vec<u8>,
    },
    Refused {
        response: Option<Response>,
        error: InvalidHandshake,
    },
}

fn on_the_wire(response: &Response) -> Vec<u8> {
    trace::response(">", response);
    response.serialize()
}

/// The answer of the library to a request that it refuses.
fn refused(error: InvalidHandshake, method: Option<&str>, settings: &ServerSettings) -> Answer {
    Answer::Refused { response: reject(&error, method, settings), error }
}

fn reject(
    error: &InvalidHandshake,
    method: Option<&str>,
    settings: &ServerSettings,
) -> Option<Response> {
    server::reject(error, method, &settings.options, Some(&date()))
}

/// The answer of the program to a request that opens no connection.
fn aborted(response: Response, method: &str, settings: &ServerSettings) -> Answer {
    let Response { status_code, reason_phrase, headers, body, .. } = response;
    if status_code == 101 {
        let error = InvalidHandshake::new("a hook answered with 101");
        return refused(error, Some(method), settings);
    }
    // This adds the headers that HTTP needs.
    let error = AbortHandshake::new(status_code, headers, body).into();
    let mut response = reject(&error, Some(method), settings);
    if let Some(response) = &mut response
        && !reason_phrase.is_empty()
    {
        response.reason_phrase = reason_phrase;
    }
    Answer::Refused { response, error }
}

/// Decides on the answer to a request: the hooks, and between them the negotiation.
async fn answer(
    mut handshake: Handshake,
    rest: Vec<u8>,
    info: Info,
    settings: &ServerSettings,
    refusal: Option<Response>,
) -> Answer {
    let method: Box<str> = handshake.request().method().into();
    let refuse = |error| refused(error, Some(&method), settings);
    let stopped = |stopped| match stopped {
        Stopped::Response(response) => aborted(response, &method, settings),
        Stopped::Panic => refuse(InvalidHandshake::new("a hook panicked")),
        Stopped::Swapped => {
            refuse(InvalidHandshake::new("a hook returned the handshake of another connection"))
        }
    };
    if let Some(refusal) = refusal {
        return aborted(refusal, &method, settings);
    }
    for hook in [&settings.process_request, &settings.route].into_iter().flatten() {
        match hooks::ask(hook, handshake, None).await {
            Ok((asked, _)) => handshake = asked,
            Err(e) => return stopped(e),
        }
    }
    let (mut response, negotiated) = match negotiate(&mut handshake, settings) {
        Ok(Negotiated { response, subprotocol, extension_headers, extensions, .. }) => {
            (Some(response), Ok((subprotocol, extension_headers, extensions)))
        }
        Err(error) => {
            // They were for the response that opens the connection.
            handshake.forget_headers();
            (reject(&error, Some(&method), settings), Err(error))
        }
    };
    if let Some(hook) = &settings.process_response
        && response.is_some()
    {
        match hooks::ask(hook, handshake, response).await {
            Ok(asked) => (handshake, response) = asked,
            Err(e) => return stopped(e),
        }
        if let Some(response) = &mut response
            && let Err(error) = handshake.add_headers(response)
        {
            return refuse(error);
        }
    }
    match (negotiated, response) {
        (Ok((subprotocol, extension_headers, extensions)), Some(response)) => {
            let (request, Choices { settings: chosen, data, .. }) = handshake.into_parts();
            let info = Info {
                request: Some(request),
                extensions: extension_headers.into(),
                subprotocol,
                data,
                ..info
            };
            Answer::Accepted { response: on_the_wire(&response), extensions, info, chosen, rest }
        }
        // Never: it is given back with its handshake.
        (Ok(_), None) => refuse(InvalidHandshake::new("no response")),
        (Err(error), response) => Answer::Refused { response, error },
    }
}

/// Checks a request, with the choices of a hook for it.
fn negotiate(
    handshake: &mut Handshake,
    settings: &ServerSettings,
) -> Result<Negotiated, InvalidHandshake> {
    let options = &handshake.chosen_settings().unwrap_or(settings).options;
    let chosen = handshake.chosen_subprotocol()?;
    let chosen =
        chosen.map(|name| options.clone().select_subprotocol(move |_, _| Ok(name.clone())));
    let options = chosen.as_ref().unwrap_or(options);
    // Factories of extensions are the program's, too.
    let negotiate = || server::negotiate(handshake.request(), options, Some(&date()));
    let negotiated = catch_unwind(AssertUnwindSafe(negotiate));
    let mut negotiated =
        negotiated.unwrap_or_else(|_| Err(InvalidHandshake::new("a hook panicked")))?;
    handshake.add_headers(&mut negotiated.response)?;
    Ok(negotiated)
}

/// The connection after its opening handshake, with the bytes that were read behind that.
pub(crate) fn begin<S: AsyncRead + AsyncWrite + Unpin + Send + 'static>(
    io: S,
    mut conn: Connection,
    rest: &[u8],
    info: Info,
    origin: Instant,
    flow: FlowSettings,
    trace: Trace,
) -> WebSocket<S> {
    conn.receive_data(rest, origin.elapsed());
    trace.opened(&info);
    WebSocket::new(Shared::new(io, conn, origin, flow, trace), info)
}

/// The nonce of a handshake, and the seed of masking keys.
pub(crate) fn random() -> io::Result<([u8; 16], [u8; 32])> {
    let mut random = [0; 48];
    getrandom::fill(&mut random).map_err(io::Error::other)?;
    let (mut nonce, mut seed) = ([0; 16], [0; 32]);
    for (to, from) in nonce.iter_mut().chain(&mut seed).zip(random) {
        *to = from;
    }
    Ok((nonce, seed))
}

/// Opens the client's end of a connection, on the stream from `io`; the time limit counts from `origin`.
/// `response` becomes the response that was received, if the connection can't be opened.
pub(crate) async fn connect<S: AsyncRead + AsyncWrite + Unpin + Send + 'static>(
    io: impl Future<Output = Result<S, Error>>,
    uri: &Uri,
    settings: &ClientSettings,
    origin: Instant,
    response: &mut Option<Box<Response>>,
    trace: &Trace,
) -> Result<WebSocket<S>, Error> {
    let (nonce, seed) = random()?;
    let mut handshake = ClientHandshake::new(uri, &settings.options, nonce, Duration::ZERO)?;
    let (mut timer, deadline) = (pin!(None), handshake.poll_timeout());
    let mut io = {
        let mut io = pin!(io);
        poll_fn(|cx| match io.as_mut().poll(cx) {
            Poll::Ready(io) => Poll::Ready(io),
            Poll::Pending => {
                ready!(poll_timer(timer.as_mut(), cx, origin, deadline));
                match handshake.handle_timeout(origin.elapsed()) {
                    Err(error) => Poll::Ready(Err(error.into())),
                    Ok(()) => Poll::Pending,
                }
            }
        })
        .await?
    };
    trace::request(">", handshake.request());
    let exchanged = exchange(&mut io, &mut handshake, origin, timer).await;
    if let Some(response) = handshake.response() {
        trace::response("<", response);
    }
    let rest = exchanged.inspect_err(|_| {
        *response = handshake.response().cloned().map(Box::new);
    })?;
    let request = handshake.request().clone();
    let Some(negotiated) = handshake.into_negotiated() else {
        return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into());
    };
    let (config, now) = (Arc::clone(&settings.config), origin.elapsed());
    let conn = Connection::client(config, negotiated.extensions, seed, now);
    let info = Info {
        request: Some(Box::new(request)),
        response: Some(Box::new(negotiated.response)),
        ended: settings.ended.clone(),
        extensions: negotiated.extension_headers.into(),
        subprotocol: negotiated.subprotocol,
        ..Info::default()
    };
    let info = info.with_addresses(&io);
    trace.peer(info.peer_addr);
    let ws = begin(io, conn, &rest, info, origin, settings.flow, trace.clone());
    ws.shared().lock().spawn_background();
    Ok(ws)
}

/// Sends the request and receives the response, both at once: a server that refuses early may not read
/// the whole request. Returns the bytes received behind the response.
async fn exchange<S: AsyncRead + AsyncWrite + Unpin>(
    io: &mut S,
    handshake: &mut ClientHandshake,
    origin: Instant,
    mut timer: Pin<&mut Option<Sleep>>,
) -> Result<Vec<u8>, Error> {
    let request = handshake.request().serialize();
    let (mut unwritten, mut write_error) = (Some(&*request), None);
    let (mut rest, open_deadline) = (None, handshake.poll_timeout());
    let result = poll_fn(|cx| {
        loop {
            if let Some(data) = &mut unwritten
                && let Poll::Ready(written) = poll_write_all(io, cx, data)
            {
                (unwritten, write_error) = (None, written.err());
            }
            match rest.take() {
                Some(rest) if unwritten.is_none() => return Poll::Ready(Ok(rest)),
                // It was accepted early; but frames come behind the whole request.
                Some(received) => {
                    rest = Some(received);
                    ready!(poll_timer(timer.as_mut(), cx, origin, open_deadline));
                    let limit = open_deadline.unwrap_or(Duration::MAX);
                    return Poll::Ready(Err(HandshakeTimeout::new(limit).into()));
                }
                None => {}
            }
            // Nothing is held while the peer takes its time.
            let mut memory = [0; READ];
            let mut buf = ReadBuf::new(&mut memory);
            match Pin::new(&mut *io).poll_read(cx, &mut buf) {
                Poll::Ready(Ok(())) if !buf.filled().is_empty() => {
                    let data = buf.filled();
                    if let Some(used) = handshake.receive_data(data, origin.elapsed())? {
                        rest = Some(data.get(used..).unwrap_or_default().to_vec());
                    }
                }
                Poll::Ready(ended) => {
                    let error = handshake.receive_eof().err().map(Error::from);
                    return Poll::Ready(Err(match (error, ended) {
                        // Of the two, the response tells more.
                        (Some(error), Err(_)) if error.get::<InvalidStatus>().is_some() => error,
                        (Some(error), Err(e)) if is_end(&e) => error,
                        (Some(error), Ok(())) => error,
                        (_, Err(e)) => of_stream(e),
                        (None, Ok(())) => Error::Io(io::ErrorKind::UnexpectedEof.into()),
                    }));
                }
                Poll::Pending => {
                    let deadline = handshake.poll_timeout();
                    ready!(poll_timer(timer.as_mut(), cx, origin, deadline));
                    handshake.handle_timeout(origin.elapsed())?;
                }
            }
        }
    })
    .await;
    match (result, write_error) {
        // The server is gone, and hasn't said why.
        (Err(Error::Io(_)), Some(e)) => Err(e.into()),
        (Err(error), Some(e)) if error.is_timeout() || is_unexpected_eof(&error) => Err(e.into()),
        (Ok(_), Some(e)) => Err(e.into()),
        (result, _) => result,
    }
}

fn is_unexpected_eof(error: &Error) -> bool {
    let message = error.get::<InvalidMessage>();
    message.is_some_and(|message| message.cause == Some(MessageCause::UnexpectedEof))
}

/// Ready at `deadline`, counted from `origin`; never without one.
fn poll_timer(
    mut timer: Pin<&mut Option<Sleep>>,
    cx: &mut Context<'_>,
    origin: Instant,
    deadline: Option<Duration>,
) -> Poll<()> {
    let deadline = deadline.and_then(|deadline| origin.checked_add(deadline));
    let Some(deadline) = deadline else { return Poll::Pending };
    match timer.as_mut().as_pin_mut() {
        Some(sleep) if sleep.deadline() != deadline => sleep.reset(deadline),
        Some(_) => {}
        None => timer.set(Some(sleep_until(deadline))),
    }
    timer.as_pin_mut().map_or(Poll::Pending, |sleep| sleep.poll(cx))
}

/// Waits for a handshake until `timeout` after `origin`.
pub(crate) async fn within<T>(
    origin: Instant,
    timeout: Option<Duration>,
    handshake: Pin<&mut (impl Future<Output = Result<T, Error>> + ?Sized)>,
) -> Result<T, Error> {
    let Some(timeout) = timeout else { return handshake.await };
    let Some(deadline) = origin.checked_add(timeout) else { return handshake.await };
    match tokio::time::timeout_at(deadline, handshake).await {
        Ok(result) => result,
        Err(_) => Err(HandshakeTimeout::new(timeout).into()),
    }
}

/// Reads and feeds, `None` at the end of the stream, until `feed` returns how many of the last bytes it
/// took; the others go to `rest`.
async fn receive<S: AsyncRead + Unpin>(
    io: &mut S,
    rest: &mut Vec<u8>,
    mut feed: impl FnMut(Option<&[u8]>) -> Result<Option<usize>, InvalidHandshake>,
) -> Result<(), Error> {
    poll_fn(|cx| {
        loop {
            // Nothing is held while the peer takes its time.
            let mut memory = [0; READ];
            let mut buf = ReadBuf::new(&mut memory);
            let read = Pin::new(&mut *io).poll_read(cx, &mut buf);
            let result = read.map(|read| {
                read.or_else(|e| if is_end(&e) { Ok(()) } else { Err(e) })?;
                let data = buf.filled();
                if data.is_empty() {
                    return feed(None).map(|_| true).map_err(Error::from);
                }
                let used = feed(Some(data))?;
                if let Some(used) = used {
                    rest.extend_from_slice(data.get(used..).unwrap_or_default());
                }
                Ok(used.is_some())
            });
            if ready!(result)? {
                return Poll::Ready(Ok(()));
            }
        }
    })
    .await
}

async fn write_all<S: AsyncWrite + Unpin>(io: &mut S, mut data: &[u8]) -> io::Result<()> {
    poll_fn(|cx| poll_write_all(io, cx, &mut data)).await
}

/// Writes and flushes `data`, which becomes the rest of it.
fn poll_write_all<S: AsyncWrite + Unpin>(
    io: &mut S,
    cx: &mut Context<'_>,
    data: &mut &[u8],
) -> Poll<io::Result<()>> {
    while !data.is_empty() {
        let n = ready!(Pin::new(&mut *io).poll_write(cx, data))?;
        if n == 0 {
            return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
        }
        *data = data.get(n..).unwrap_or_default();
    }
    Pin::new(io).poll_flush(cx)
}

/// Ends the writing side, then drops received bytes until the stream ends, or there are too many.
async fn linger<S: AsyncRead + AsyncWrite + Unpin>(io: &mut S) {
    let mut left = MAX_LINGERING;
    let mut is_shut = false;
    poll_fn(|cx| {
        loop {
            if !is_shut {
                // An error changes nothing: the response has been written.
                is_shut = Pin::new(&mut *io).poll_shutdown(cx).is_ready();
            }
            // Nothing is held while the peer takes its time.
            let mut memory = [0; READ];
            let mut buf = ReadBuf::new(&mut memory);
            let read = Pin::new(&mut *io).poll_read(cx, &mut buf);
            let n = buf.filled().len();
            let ended = read.map(|read| {
                left = left.saturating_sub(n);
                read.is_err() || n == 0 || left == 0
            });
            if ready!(ended) {
                return Poll::Ready(());
            }
        }
    })
    .await;
}

/// The value of the `Date` header, formatted once a second.
fn date() -> Rc<str> {
    thread_local! {
        static DATE: RefCell<(u64, Rc<str>)> = RefCell::new((0, "".into()));
    }
    let now = SystemTime::now();
    let second = now.duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_secs());
    DATE.with_borrow_mut(|(made, date)| {
        if *made != second || date.is_empty() {
            (*made, *date) = (second, httpdate::fmt_http_date(now).into());
        }
        Rc::clone(date)
    })
}

#[cfg(test)]
mod tests {
    use std::future::ready;

    use super::*;

    /// The memory for a client that has connected and takes its time, besides its task. Allocations of
    /// more than 1,032 bytes are slower.
    #[test]
    fn a_handshake_in_progress_is_small() {
        let settings = ServerSettings::new().complete();
        let (io, _peer) = tokio::io::duplex(1);
        let (now, trace) = (Instant::now(), Trace::server(None, false));
        let size = size_of_val(&accept(ready(Ok(io)), None, now, &settings, |_, _| None, trace));
        assert!(size <= 1032, "{size}");
    }
}
