//! [`Handshake`]: an opening handshake in the hooks of a server.

use std::any::Any;
use std::fmt;
use std::future::{Future, poll_fn};
use std::net::SocketAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;

use ws_errors::InvalidHandshake;
use ws_headers::Headers;
use ws_proto::grammar::parse_subprotocol;
use ws_proto::http::{Request, Response};
use ws_types::Subprotocol;

use crate::connection::Info;
use crate::settings::ServerSettings;
#[cfg(feature = "tls")]
use crate::{TlsInfo, Transport};

/// Looks at an opening handshake.
pub(crate) type Hook = Arc<dyn Fn(Handshake) -> Hooked + Send + Sync>;
type Hooked = Pin<Box<dyn Future<Output = Result<Handshake, Response>> + Send>>;

pub(crate) fn hook<H, F>(hook: H) -> Hook
where
    H: Fn(Handshake) -> F + Send + Sync + 'static,
    F: Future<Output = Result<Handshake, Response>> + Send + 'static,
{
    Arc::new(move |handshake| Box::pin(hook(handshake)))
}

/// A request to open a connection, in the hooks [`process_request`](crate::Serve::process_request) and
/// [`process_response`](crate::Serve::process_response) of a server: what is known of the client, and what the
/// program adds to the connection.
///
/// A hook returns it, and the handshake goes on; or it returns a [`Response`] as an error, which is sent instead of
/// opening a connection. The handshake of another connection is answered with 500.
///
/// ```
/// use ws_tokio::{Handshake, Response, WebSocket, serve};
///
/// struct User(String);
///
/// /// Lets in those who have a session.
/// async fn log_in(handshake: Handshake) -> Result<Handshake, Response> {
///     let cookie = handshake.request().headers().get("Cookie").ok().flatten();
///     let Some(user) = cookie.and_then(|cookie| cookie.strip_prefix("session=")) else {
///         return Err(Response::text(401, "Log in first.\n"));
///     };
///     let user = User(user.to_owned());
///     Ok(handshake.data(user).header("Set-Cookie", "seen=1"))
/// }
///
/// async fn greet(ws: WebSocket) -> Result<(), ws_tokio::Error> {
///     let User(name) = ws.data().expect("`log_in` has put it there");
///     ws.send(format!("hello {name}")).await
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), ws_tokio::Error> {
/// let server = serve("127.0.0.1:0", greet).process_request(log_in).await?;
/// let uri = format!("ws://{}/", server.local_addr());
/// let mut ws = ws_tokio::connect(uri).header("Cookie", "session=Anna").await?;
/// assert_eq!(ws.recv().await?, Some("hello Anna".into()));
/// # server.shutdown().await;
/// # Ok(()) }
/// ```
#[must_use = "the connection is opened only if the hook returns it"]
pub struct Handshake(Box<State>);

struct State {
    request: Box<Request>,
    facts: Facts,
    response: Option<Response>,
    choices: Choices,
}

/// The facts of a client's stream.
pub(crate) struct Facts {
    peer_addr: Option<SocketAddr>,
    local_addr: Option<SocketAddr>,
    #[cfg(feature = "tls")]
    tls: Option<TlsInfo>,
}

/// The choices of a program for one connection.
#[derive(Default)]
pub(crate) struct Choices {
    headers: Headers,
    /// The first header that isn't one.
    invalid: Option<Box<str>>,
    subprotocol: Option<Option<Subprotocol>>,
    pub(crate) settings: Option<Arc<ServerSettings>>,
    pub(crate) data: Data,
}

/// Values of the program, one for each type.
#[derive(Default)]
pub(crate) struct Data(Vec<Box<dyn Any + Send + Sync>>);

impl Handshake {
    /// The request.
    #[must_use]
    pub fn request(&self) -> &Request {
        &self.0.request
    }

    /// The response that is about to be sent, in the hook [`process_response`](crate::Serve::process_response): 101,
    /// or a refusal. `None` in [`process_request`](crate::Serve::process_request).
    #[must_use]
    pub fn response(&self) -> Option<&Response> {
        self.0.response.as_ref()
    }

    /// The address of the client; `None` if it didn't come by TCP. That of a proxy in front of it, unless the server
    /// trusts the proxy to name the client.
    #[doc(alias = "remote_address")]
    #[must_use]
    pub fn peer_addr(&self) -> Option<SocketAddr> {
        self.0.facts.peer_addr
    }

    /// The address that the client has connected to; `None` if it didn't come by TCP.
    #[doc(alias = "local_address")]
    #[must_use]
    pub fn local_addr(&self) -> Option<SocketAddr> {
        self.0.facts.local_addr
    }

    /// The facts of TLS; `None` if it isn't used.
    #[cfg(feature = "tls")]
    #[must_use]
    pub fn tls(&self) -> Option<&TlsInfo> {
        self.0.facts.tls.as_ref()
    }

    /// The subprotocols that the client offers, the preferred one first
    /// ([RFC 6455 §11.3.4](https://www.rfc-editor.org/rfc/rfc6455#section-11.3.4)); none if the header is malformed.
    #[must_use]
    pub fn offered_subprotocols(&self) -> Vec<Subprotocol> {
        let lines = self.0.request.headers().get_all("Sec-WebSocket-Protocol");
        let parsed: Result<Vec<_>, _> = lines.map(parse_subprotocol).collect();
        parsed.map(|lines| lines.into_iter().flatten().collect()).unwrap_or_default()
    }

    /// Chooses the subprotocol, one of those [offered](Self::offered_subprotocols), or none, whatever
    /// [`subprotocols`](crate::Serve::subprotocols) the server supports. Another one is answered with 500. In
    /// [`process_response`](crate::Serve::process_response) it is too late: this changes nothing.
    #[doc(alias = "select_subprotocol")]
    pub fn subprotocol(mut self, subprotocol: impl Into<Option<Subprotocol>>) -> Self {
        self.0.choices.subprotocol = Some(subprotocol.into());
        self
    }

    /// Adds a header to the response; a cookie, for example. In
    /// [`process_request`](crate::Serve::process_request), to the one that opens the connection. Headers that aren't
    /// valid are answered with 500; so are those that belong to the handshake: `Connection`, `Upgrade`,
    /// `Content-Length`, `Transfer-Encoding`, and all that begin with `Sec-WebSocket-`.
    pub fn header(mut self, name: &str, value: &str) -> Self {
        let choices = &mut self.0.choices;
        let ours = ["Connection", "Upgrade", "Content-Length", "Transfer-Encoding"];
        let is_ours = ours.iter().any(|ours| name.eq_ignore_ascii_case(ours))
            || name.get(..14).is_some_and(|begin| begin.eq_ignore_ascii_case("Sec-WebSocket-"));
        if is_ours || choices.headers.insert(name, value).is_err() {
            choices.invalid.get_or_insert_with(|| name.into());
        }
        self
    }

    /// Hands a value to the handler, which finds it by [`WebSocket::data`](crate::WebSocket::data). It replaces
    /// another of the same type.
    pub fn data<T: Send + Sync + 'static>(mut self, value: T) -> Self {
        self.0.choices.data.insert(value);
        self
    }

    /// Uses these settings for the connection instead of those of the server. Hooks and limits on the request are over;
    /// the hook [`process_response`](crate::Serve::process_response) stays that of the server, and is too late for settings
    /// of the handshake, such as compression. The settings of a route win over these: see `Router::route_with`.
    pub fn settings(mut self, settings: ServerSettings) -> Self {
        self.0.choices.settings = Some(Arc::new(settings.complete()));
        self
    }

    /// Uses these settings, if they are not `None`.
    #[cfg(feature = "router")]
    pub(crate) fn with_settings(mut self, settings: Option<Arc<ServerSettings>>) -> Self {
        if settings.is_some() {
            self.0.choices.settings = settings;
        }
        self
    }

    pub(crate) fn new(request: Box<Request>, facts: Facts) -> Self {
        let (response, choices) = (None, Choices::default());
        Self(Box::new(State { request, facts, response, choices }))
    }

    /// The settings that the program has chosen for this connection.
    pub(crate) fn chosen_settings(&self) -> Option<&ServerSettings> {
        self.0.choices.settings.as_deref()
    }

    /// The subprotocol, or none, that the program has chosen.
    ///
    /// # Errors
    /// The client doesn't offer it.
    pub(crate) fn chosen_subprotocol(
        &self,
    ) -> Result<Option<Option<Subprotocol>>, InvalidHandshake> {
        let chosen = &self.0.choices.subprotocol;
        match chosen {
            Some(Some(name)) if !self.offered_subprotocols().contains(name) => {
                let text = format!("a hook chose a subprotocol that was not offered: {name}");
                Err(InvalidHandshake::new(text))
            }
            _ => Ok(chosen.clone()),
        }
    }

    /// Adds the headers of the program to the response.
    ///
    /// # Errors
    /// A header isn't valid.
    pub(crate) fn add_headers(&mut self, response: &mut Response) -> Result<(), InvalidHandshake> {
        let choices = &mut self.0.choices;
        if let Some(name) = choices.invalid.take() {
            return Err(InvalidHandshake::new(format!("a hook added an invalid header: {name}")));
        }
        response.headers.extend_from(&std::mem::take(&mut choices.headers));
        Ok(())
    }

    /// Drops the headers that the program has added.
    pub(crate) fn forget_headers(&mut self) {
        let choices = &mut self.0.choices;
        (choices.headers, choices.invalid) = (Headers::new(), None);
    }

    /// Its address in memory, which no other one has as long as it exists.
    fn address(&self) -> usize {
        std::ptr::from_ref(&*self.0).addr()
    }

    /// The request, and what the program has chosen.
    pub(crate) fn into_parts(self) -> (Box<Request>, Choices) {
        (self.0.request, self.0.choices)
    }
}

impl fmt::Debug for Handshake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Handshake")
            .field("request", self.request())
            .field("peer_addr", &self.peer_addr())
            .finish_non_exhaustive()
    }
}

impl Facts {
    /// The facts of a stream, as far as it is known here.
    #[cfg_attr(not(feature = "tls"), expect(unused_variables, reason = "it tells nothing more"))]
    pub(crate) fn of(info: &Info, stream: &dyn Any) -> Self {
        Self {
            peer_addr: info.peer_addr,
            local_addr: info.local_addr,
            #[cfg(feature = "tls")]
            tls: stream.downcast_ref().and_then(Transport::tls).map(TlsInfo::new),
        }
    }
}

impl Data {
    pub(crate) fn insert<T: Send + Sync + 'static>(&mut self, value: T) {
        self.0.retain(|other| !other.is::<T>());
        self.0.push(Box::new(value));
    }

    pub(crate) fn get<T: 'static>(&self) -> Option<&T> {
        self.0.iter().find_map(|value| value.downcast_ref())
    }
}

/// A response of the program, or its panic.
pub(crate) enum Stopped {
    Response(Response),
    Panic,
    /// It has returned the handshake of another connection.
    Swapped,
}

/// Asks a hook about a request, or about the response to it.
pub(crate) async fn ask(
    hook: &Hook,
    mut handshake: Handshake,
    response: Option<Response>,
) -> Result<(Handshake, Option<Response>), Stopped> {
    handshake.0.response = response;
    let address = handshake.address();
    // A panic before the first await is one of the hook's too.
    let started = catch_unwind(AssertUnwindSafe(|| hook(handshake)));
    let mut hooked = started.map_err(|_| Stopped::Panic)?;
    let result = poll_fn(|cx| match catch_unwind(AssertUnwindSafe(|| hooked.as_mut().poll(cx))) {
        Ok(poll) => poll.map_err(Stopped::Response),
        Err(_) => Poll::Ready(Err(Stopped::Panic)),
    });
    let mut handshake = result.await?;
    if handshake.address() != address {
        return Err(Stopped::Swapped);
    }
    let response = handshake.0.response.take();
    Ok((handshake, response))
}
