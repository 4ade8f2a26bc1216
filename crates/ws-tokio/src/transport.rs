//! The streams that this crate opens itself.

use std::fmt;
use std::io::{self, IoSlice};
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
#[cfg(unix)]
use tokio::net::UnixStream;
#[cfg(feature = "tls")]
use tokio_rustls::TlsStream;
#[cfg(feature = "tls")]
use tokio_rustls::rustls::pki_types::CertificateDer;
#[cfg(feature = "tls")]
use tokio_rustls::rustls::{CommonState, ProtocolVersion, SupportedCipherSuite};

/// The stream of a connection that [`connect`](crate::connect()) opened or [`serve`](crate::serve())
/// accepted.
#[derive(Debug)]
#[non_exhaustive]
pub enum Transport {
    /// A TCP connection, without TLS.
    Tcp(TcpStream),
    /// A Unix socket.
    #[cfg(unix)]
    Unix(UnixStream),
    /// TLS over one of the others; over another TLS, if that leads to a proxy.
    #[cfg(feature = "tls")]
    Tls(Box<TlsStream<Self>>),
    /// A stream that the program has made: see [`tls_connector`](crate::Connect::tls_connector) and
    /// [`Listener`](crate::Listener).
    Other(Box<dyn Stream>),
}

/// The facts of TLS on a connection that a server has accepted, for its [hooks](crate::Handshake::tls). The handler has
/// more, by [`Transport::tls`].
#[cfg(feature = "tls")]
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct TlsInfo {
    /// The version of TLS.
    pub version: Option<ProtocolVersion>,
    /// The cipher suite.
    pub cipher_suite: Option<SupportedCipherSuite>,
    /// The certificates that the client has shown, its own first; they were verified. Empty if it has shown none.
    pub peer_certificates: Vec<CertificateDer<'static>>,
}

#[cfg(feature = "tls")]
impl TlsInfo {
    pub(crate) fn new(tls: &CommonState) -> Self {
        Self {
            version: tls.protocol_version(),
            cipher_suite: tls.negotiated_cipher_suite(),
            peer_certificates: tls.peer_certificates().unwrap_or_default().to_vec(),
        }
    }
}

/// A stream of bytes in both directions, whatever it is.
pub trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}

impl<S: AsyncRead + AsyncWrite + Unpin + Send> Stream for S {}

impl fmt::Debug for dyn Stream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Stream")
    }
}

impl Transport {
    /// The address of this end.
    ///
    /// # Errors
    /// Errors of the operating system; [`Unsupported`](io::ErrorKind::Unsupported) without TCP.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.tcp().ok_or(io::ErrorKind::Unsupported)?.local_addr()
    }

    /// The address of the peer, or of the proxy that leads to it.
    ///
    /// # Errors
    /// Errors of the operating system, for example when the peer is gone;
    /// [`Unsupported`](io::ErrorKind::Unsupported) without TCP.
    pub fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.tcp().ok_or(io::ErrorKind::Unsupported)?.peer_addr()
    }

    /// The facts of TLS, if there is any: version, cipher suite, certificates of the peer, ALPN.
    ///
    /// ```no_run
    /// # async fn run() -> Result<(), ws_tokio::Error> {
    /// let ws = ws_tokio::connect("wss://example.com/").await?;
    /// let version = ws.with_stream(|stream| stream.tls().and_then(|tls| tls.protocol_version()));
    /// println!("{version:?}");
    /// # Ok(()) }
    /// ```
    #[cfg(feature = "tls")]
    #[must_use]
    pub fn tls(&self) -> Option<&CommonState> {
        match self {
            Self::Tls(tls) => Some(tls.get_ref().1),
            _ => None,
        }
    }

    /// The TCP connection at the bottom.
    pub(crate) fn tcp(&self) -> Option<&TcpStream> {
        match self {
            Self::Tcp(tcp) => Some(tcp),
            #[cfg(unix)]
            Self::Unix(_) => None,
            #[cfg(feature = "tls")]
            Self::Tls(tls) => tls.get_ref().0.tcp(),
            Self::Other(_) => None,
        }
    }
}

/// Calls a method of whatever stream there is.
macro_rules! delegate {
    ($transport:expr, $stream:ident => $call:expr) => {
        match $transport {
            Transport::Tcp($stream) => $call,
            #[cfg(unix)]
            Transport::Unix($stream) => $call,
            #[cfg(feature = "tls")]
            Transport::Tls($stream) => $call,
            Transport::Other($stream) => $call,
        }
    };
}

impl AsyncRead for Transport {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        delegate!(self.get_mut(), stream => Pin::new(stream).poll_read(cx, buf))
    }
}

impl AsyncWrite for Transport {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        delegate!(self.get_mut(), stream => Pin::new(stream).poll_write(cx, buf))
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        delegate!(self.get_mut(), stream => Pin::new(stream).poll_flush(cx))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        delegate!(self.get_mut(), stream => Pin::new(stream).poll_shutdown(cx))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        delegate!(self.get_mut(), stream => Pin::new(stream).poll_write_vectored(cx, bufs))
    }

    fn is_write_vectored(&self) -> bool {
        delegate!(self, stream => stream.is_write_vectored())
    }
}
