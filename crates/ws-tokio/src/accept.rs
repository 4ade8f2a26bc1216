//! [`accept`]: the server's end of a connection over any stream.

use std::future::{Future, IntoFuture, ready};
use std::pin::Pin;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::Instant;

use crate::connection::Info;
use crate::error::Error;
use crate::handshake;
use crate::settings::{ServerSettings, builder_settings};
use crate::trace::Trace;
use crate::{Transport, WebSocket};

/// Accepts a WebSocket connection on a stream that a client has opened: reads the request, answers it.
///
/// Await the builder, after setting what differs from the defaults:
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), ws_tokio::Error> {
/// let (near, far) = tokio::io::duplex(1024);
/// let server = async {
///     let mut ws = ws_tokio::accept(near).max_message_size(4096).await?;
///     let message = ws.recv().await?;
///     ws.close(1000, "").await?;
///     Ok::<_, ws_tokio::Error>(message)
/// };
/// let client = async {
///     let mut ws = ws_tokio::client(far, "ws://localhost/").await?;
///     ws.send("hello").await?;
///     ws.recv().await
/// };
/// assert_eq!(tokio::try_join!(server, client)?, (Some("hello".into()), None));
/// # Ok(()) }
/// ```
pub fn accept<S: AsyncRead + AsyncWrite + Unpin>(io: S) -> Accept<S> {
    Accept { io, settings: ServerSettings::new() }
}

/// Accepts a WebSocket connection: see [`accept()`].
#[derive(Debug)]
#[must_use = "nothing happens unless it is awaited"]
pub struct Accept<S = Transport> {
    io: S,
    settings: ServerSettings,
}

impl<S> Accept<S> {
    builder_settings!(ServerSettings: server_settings);
}

impl<S: AsyncRead + AsyncWrite + Unpin + Send + 'static> IntoFuture for Accept<S> {
    type Output = Result<WebSocket<S>, Error>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send>>;

    /// Fails with an exception of the opening handshake, after the response to it was sent; with
    /// [`InvalidHeaderValue`](ws_errors::InvalidHeaderValue), before anything is read, when a setting
    /// is illegal; with [`Error::Io`] when the stream failed, with [`HandshakeTimeout`](ws_errors::HandshakeTimeout) when it
    /// took too long.
    fn into_future(self) -> Self::IntoFuture {
        let Self { io, settings } = self;
        let settings = settings.complete();
        let peer = Info::default().with_addresses(&io).peer_addr;
        let known = peer.filter(|_| !settings.forwarded.trusts(peer));
        let trace = Trace::server(known, settings.trace_payloads);
        Box::pin(trace.clone().instrument(async move {
            settings.options.validate()?;
            let (io, now) = (ready(Ok(io)), Instant::now());
            let ws = handshake::accept(io, None, now, &settings, |_, _| None, trace).await?;
            ws.shared().lock().spawn_background();
            Ok(ws)
        }))
    }
}
