//! Tunnels through proxies.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::{Buf, Bytes};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};
use ws_errors::{
    InvalidHandshake, InvalidProxy, InvalidProxyMessage, InvalidProxyStatus, ProxyError,
};
use ws_proto::http::{HandshakeLimits, Request, ResponseReader};
use ws_proto::{ProxyScheme, ProxyUri, Uri, proxy_from_env};

use super::auth::{Answer, Answered, Credentials, Scheme};
use super::dial::Dial;
use crate::Transport;
use crate::error::{Attempt, Error, Stage, is_end, of_stream};
use crate::trace::{self, debug};

/// The proxy of a client: see [`Connect::proxy`](crate::Connect::proxy).
///
/// A string is the address of a proxy: `http://`, `https://`, `socks5://` (the client resolves the host) or
/// `socks5h://` (the proxy does), with `user:password@` if it asks for these.
#[derive(Clone, Debug)]
pub struct Proxy(Choice);

#[derive(Clone, Debug)]
enum Choice {
    Environment,
    Direct,
    Uri(Result<ProxyUri, InvalidProxy>),
}

impl Proxy {
    /// The proxy that the environment names, if it does: see [`proxy_from_env`]. The default.
    #[must_use]
    pub fn environment() -> Self {
        Self(Choice::Environment)
    }

    /// No proxy: a direct connection, whatever the environment says.
    #[must_use]
    pub fn direct() -> Self {
        Self(Choice::Direct)
    }

    /// The address of the proxy for a connection to `uri`, if there is one.
    pub(super) fn choose(&self, uri: &Uri) -> Result<Option<ProxyUri>, InvalidProxy> {
        match &self.0 {
            // One that isn't text isn't a valid address, either.
            Choice::Environment => proxy_from_env(uri, |name| {
                std::env::var_os(name).map(|value| value.to_string_lossy().into_owned())
            }),
            Choice::Direct => Ok(None),
            Choice::Uri(uri) => uri.clone().map(Some),
        }
    }
}

impl Default for Proxy {
    fn default() -> Self {
        Self::environment()
    }
}

impl From<&str> for Proxy {
    /// An address that isn't valid fails the connection.
    fn from(uri: &str) -> Self {
        Self(Choice::Uri(ProxyUri::parse(uri)))
    }
}

impl From<String> for Proxy {
    /// An address that isn't valid fails the connection.
    fn from(uri: String) -> Self {
        Self::from(&*uri)
    }
}

impl From<ProxyUri> for Proxy {
    fn from(uri: ProxyUri) -> Self {
        Self(Choice::Uri(Ok(uri)))
    }
}

/// The far end of a tunnel.
#[derive(Clone, Copy, Debug)]
pub(super) struct Target<'a> {
    pub(super) host: &'a str,
    pub(super) port: u16,
}

/// Opens a tunnel through a proxy.
pub(super) async fn tunnel(
    proxy: &ProxyUri,
    target: Target<'_>,
    dial: &Dial,
    user_agent: Option<&str>,
    limits: HandshakeLimits,
    attempt: &mut Attempt,
) -> Result<Transport, Error> {
    attempt.proxy = Some(proxy.clone());
    debug!(%proxy, host = target.host, port = target.port, "asking a proxy for a tunnel");
    let request = proxy.connect_request(target.host, target.port, user_agent)?;
    let (mut request, mut answered) = (request, Answered::default());
    if proxy.scheme() == ProxyScheme::Socks5 {
        return socks_to_any(proxy, target, dial, attempt).await;
    }
    loop {
        let tcp = dial.tcp.connect(proxy.host(), proxy.port(), attempt).await?;
        let stream = Transport::Tcp(tcp);
        attempt.stage = Stage::Proxy;
        let opened = open(stream, proxy, target, &request, dial, limits, attempt).await;
        let Err(error) = opened else { return opened };
        // Basic was sent at once.
        match answer(&error, proxy, &request, &mut answered) {
            Some(answer) if answer.scheme > Scheme::Basic => {
                debug!(scheme = ?answer.scheme, "answering the challenge of a proxy");
                let headers = request.headers_mut();
                headers.remove("Proxy-Authorization");
                headers.insert("Proxy-Authorization", &answer.value)?;
            }
            _ => return Err(error),
        }
    }
}

/// The answer to the challenge of a proxy that has refused a request.
fn answer(
    error: &Error,
    proxy: &ProxyUri,
    request: &Request,
    answered: &mut Answered,
) -> Option<Answer> {
    let refusal = error.get::<InvalidProxyStatus>()?;
    let (user, password) = proxy.user_info()?;
    let credentials = Credentials { user: user.to_owned(), password: password.to_owned() };
    let headers = &refusal.response.headers;
    let target = request.target();
    let answer = answered.answer(headers, "Proxy-Authenticate", &credentials, "CONNECT", target);
    answer.filter(|_| refusal.response.status_code == 407)
}

/// Opens a tunnel over a stream to the proxy.
async fn open(
    stream: Transport,
    proxy: &ProxyUri,
    target: Target<'_>,
    request: &Request,
    dial: &Dial,
    limits: HandshakeLimits,
    attempt: &mut Attempt,
) -> Result<Transport, Error> {
    match proxy.scheme() {
        ProxyScheme::Http => connect(stream, request, limits).await,
        ProxyScheme::Https => {
            attempt.stage = Stage::ProxyTls;
            let stream = dial.proxy_tls(proxy.host(), stream).await?;
            attempt.stage = Stage::Proxy;
            connect(stream, request, limits).await
        }
        ProxyScheme::Socks5h => socks(stream, proxy, target.host, target.port).await,
        other => {
            let text = format!("proxies of the kind {other:?} aren't supported");
            Err(ProxyError::new(text).into())
        }
    }
}

/// Asks a SOCKS proxy for a tunnel to each address of the host, until there is one: the proxy may reach only
/// one family.
async fn socks_to_any(
    proxy: &ProxyUri,
    target: Target<'_>,
    dial: &Dial,
    attempt: &mut Attempt,
) -> Result<Transport, Error> {
    let mut addrs = None;
    loop {
        let stream = dial.tcp.connect(proxy.host(), proxy.port(), attempt).await?;
        attempt.stage = Stage::Proxy;
        let addrs = match &mut addrs {
            Some(addrs) => addrs,
            None => addrs.insert(dial.tcp.resolve(target.host, target.port).await?.into_iter()),
        };
        let host = addrs.next().map(|addr| addr.ip().to_string());
        let host = host.as_deref().unwrap_or(target.host);
        let tunnel = socks(Transport::Tcp(stream), proxy, host, target.port).await;
        match tunnel {
            Err(e) if e.get::<ProxyError>().is_some() && e.is_retryable() && addrs.len() > 0 => {}
            tunnel => return tunnel,
        }
    }
}

/// Asks an HTTP proxy for a tunnel ([RFC 9110 §9.3.6]). A body that it announces in a 2xx doesn't
/// exist: bytes behind the head belong to the tunnel.
///
/// [RFC 9110 §9.3.6]: https://www.rfc-editor.org/rfc/rfc9110#section-9.3.6
async fn connect(
    mut stream: Transport,
    request: &Request,
    limits: HandshakeLimits,
) -> Result<Transport, Error> {
    trace::request(">", request);
    stream.write_all(&request.serialize()).await?;
    stream.flush().await?;
    let mut reader = ResponseReader::new(limits).for_proxy();
    let mut memory = [0; 4096];
    let (response, rest) = loop {
        let read = stream.read(&mut memory).await;
        let data = memory.get(..*read.as_ref().unwrap_or(&0)).unwrap_or_default();
        if data.is_empty() {
            // Of the two, the response tells more.
            match (reader.receive_eof(), read) {
                (Ok(response), _) => break (response, Bytes::new()),
                (Err(_), Err(e)) if !is_end(&e) => return Err(of_stream(e)),
                (Err(e), _) => return Err(of_proxy(e)),
            }
        }
        if let Some((response, used)) = reader.receive_data(data).map_err(of_proxy)? {
            break (response, Bytes::copy_from_slice(data.get(used..).unwrap_or_default()));
        }
    };
    trace::response("<", &response);
    if !(200..=299).contains(&response.status_code) {
        return Err(InvalidProxyStatus::new(response).into());
    }
    match rest.is_empty() {
        true => Ok(stream),
        false => Ok(Transport::Other(Box::new(Ahead { rest, stream }))),
    }
}

/// The error of a response, as one of the proxy's.
fn of_proxy(error: InvalidHandshake) -> Error {
    match error {
        InvalidHandshake::InvalidMessage(error) => InvalidProxyMessage::new(error.cause).into(),
        InvalidHandshake::SecurityError(error) => {
            InvalidProxyMessage::new(ws_errors::MessageCause::from(error)).into()
        }
        other => other.into(),
    }
}

/// Asks a SOCKS proxy for a tunnel ([RFC 1928 §4](https://www.rfc-editor.org/rfc/rfc1928#section-4)).
#[cfg(feature = "socks")]
async fn socks(
    stream: Transport,
    proxy: &ProxyUri,
    host: &str,
    port: u16,
) -> Result<Transport, Error> {
    use tokio_socks::Error as Socks;
    use tokio_socks::tcp::Socks5Stream;
    let target = (host, port);
    let tunnel = match proxy.user_info() {
        None => Socks5Stream::connect_with_socket(stream, target).await,
        Some((user, password)) => {
            Socks5Stream::connect_with_password_and_socket(stream, target, user, password).await
        }
    };
    match tunnel {
        Ok(tunnel) => Ok(tunnel.into_inner()),
        Err(Socks::Io(e)) => Err(e.into()),
        Err(
            e @ (Socks::GeneralSocksServerFailure
            | Socks::NetworkUnreachable
            | Socks::HostUnreachable
            | Socks::ConnectionRefused
            | Socks::TtlExpired),
        ) => {
            let text = format!("the SOCKS proxy cannot reach the server: {e}");
            Err(ProxyError::temporary(text).into())
        }
        Err(e) => Err(ProxyError::new(format!("failed to connect to SOCKS proxy: {e}")).into()),
    }
}

#[cfg(not(feature = "socks"))]
#[expect(clippy::unused_async, reason = "with the feature it waits")]
async fn socks(_: Transport, _: &ProxyUri, _: &str, _: u16) -> Result<Transport, Error> {
    Err(ProxyError::new("SOCKS proxies need the feature socks").into())
}

/// A stream with bytes that were read from it before.
struct Ahead {
    rest: Bytes,
    stream: Transport,
}

impl AsyncRead for Ahead {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.rest.is_empty() {
            return Pin::new(&mut self.stream).poll_read(cx, buf);
        }
        let n = self.rest.len().min(buf.remaining());
        buf.put_slice(self.rest.get(..n).unwrap_or_default());
        self.rest.advance(n);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Ahead {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}
