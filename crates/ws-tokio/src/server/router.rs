//! [`Router`]: handlers by path and host.

use std::error::Error as StdError;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::str::FromStr;
use std::sync::{Arc, Mutex, PoisonError};

use ws_headers::Headers;
use ws_proto::http::{Response, percent_decode};

use super::handler::Outcome;
use super::listen::Listen;
use super::{Serve, serve};
use crate::WebSocket;
use crate::hooks::{Handshake, hook};
use crate::settings::ServerSettings;

type BoxFuture<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// The end of a handler.
type Ended = Result<(), Box<dyn StdError + Send + Sync>>;

/// The handler of a server with a [`Router`].
pub type RoutedHandler = Box<dyn Fn(WebSocket) -> BoxFuture<Ended> + Send + Sync>;

/// Finds the handler of a connection by the path of its request, and by its host.
///
/// A part of a path in braces is a parameter, whose value is the next argument of the handler, after percent-decoding:
/// a `String`, a number, whatever implements [`FromStr`]. A value that can't be parsed is answered with 404, as is
/// a path without a route. `{*rest}` at the end stands for all parts that are left. `{{` is a brace. Of two routes, the
/// one without a parameter wins.
///
/// A parameter is never empty: `/chat/{room}` isn't `/chat/`. All outside of braces is compared with the path as the
/// client sends it, in its case and percent-encoded: the route of `/café` is `/caf%C3%A9`. A value may hold anything,
/// `/` (from `%2F`) and `..` too, so don't make a path of a file of it.
///
/// ```
/// use ws_tokio::{Error, Handshake, Response, Router, WebSocket, connect};
///
/// async fn chat(ws: WebSocket, room: String) -> Result<(), Error> {
///     ws.send(format!("welcome to {room}")).await
/// }
///
/// async fn feed(ws: WebSocket, user: u64, topic: String) -> Result<(), Error> {
///     ws.send(format!("{topic} for {user}")).await
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Error> {
/// let server = Router::new()
///     .route("/chat/{room}", chat)
///     .route("/users/{user}/feed/{topic}", feed)
///     .http("/healthz", async |_: Handshake| Response::text(200, "OK\n"))
///     .serve("127.0.0.1:0")
///     .await?;
///
/// let mut ws = connect(format!("ws://{}/users/7/feed/news", server.local_addr())).await?;
/// assert_eq!(ws.recv().await?, Some("news for 7".into()));
/// # server.shutdown().await;
/// # Ok(()) }
/// ```
///
/// A handler that shares state is a closure, whose arguments have types: `move |ws: WebSocket, room: String| chat(ws,
/// room, Arc::clone(&state))`. The query isn't part of the path: see
/// [`Request::query_pairs`](crate::Request::query_pairs).
#[derive(Default)]
#[must_use]
pub struct Router {
    paths: matchit::Router<Route>,
    hosts: Vec<(Box<str>, Self)>,
    fallback: Option<Route>,
    /// The first route that can't be.
    misuse: Option<String>,
}

/// The target of a path.
enum Route {
    WebSocket { bind: Bind<WebSocket, Ended>, settings: Option<Arc<ServerSettings>> },
    Http(Bind<Handshake, Response>),
    Redirect(Box<str>),
}

/// Makes a handler's start of the values of its parameters; `None` if one can't be parsed.
type Bind<C, T> = Box<dyn Fn(&[String]) -> Option<Start<C, T>> + Send + Sync>;

/// Starts a handler.
type Start<C, T> = Box<dyn FnOnce(C) -> BoxFuture<T> + Send>;

/// The handler of a route: an async function of a connection, [`WebSocket`] or [`Handshake`], and up to four values that
/// can be parsed.
#[diagnostic::on_unimplemented(
    message = "this can't be the handler of a route",
    label = "expected an async function of a `{C}` and up to four values that implement `FromStr`",
    note = "the arguments of a closure need types, and its future must be `Send`"
)]
pub trait RouteHandler<C, Args>: Send + Sync + 'static {
    /// The result of the handler.
    type Output;

    /// How many parameters it takes.
    #[doc(hidden)]
    const PARAMETERS: usize;

    /// Parses the values of the parameters; gives the start of the handler.
    #[doc(hidden)]
    fn bind(self: &Arc<Self>, values: &[String]) -> Option<Start<C, Self::Output>>;
}

macro_rules! route_handlers {
    ($($count:literal: $($arg:ident)*;)*) => {$(
        impl<C, H, F, $($arg),*> RouteHandler<C, ($($arg,)*)> for H
        where
            C: 'static,
            H: Fn(C, $($arg),*) -> F + Send + Sync + 'static,
            F: Future + Send + 'static,
            $($arg: FromStr + Send + 'static,)*
        {
            type Output = F::Output;

            const PARAMETERS: usize = $count;

            #[allow(non_snake_case, unused_mut, unused_variables, reason = "it holds for all numbers")]
            fn bind(self: &Arc<Self>, values: &[String]) -> Option<Start<C, F::Output>> {
                let mut values = values.iter();
                $(let $arg: $arg = values.next()?.parse().ok()?;)*
                let handler = Arc::clone(self);
                Some(Box::new(move |connection| Box::pin(handler(connection, $($arg),*))))
            }
        }
    )*};
}

route_handlers! {
    0: ;
    1: A;
    2: A B;
    3: A B D;
    4: A B D E;
}

impl Router {
    /// A router without routes: all is answered with 404.
    pub fn new() -> Self {
        Self::default()
    }

    /// Connections for this path go to this handler.
    pub fn route<H, Args>(self, path: &str, handler: H) -> Self
    where
        H: RouteHandler<WebSocket, Args, Output: Outcome + 'static>,
    {
        let route = Route::WebSocket { bind: web_socket(handler), settings: None };
        self.insert(path, H::PARAMETERS, route)
    }

    /// Connections for this path go to this handler, with settings of their own instead of those of the server: limits,
    /// compression, origins, subprotocols. The settings of the time before there is a path stay those of the server, and so
    /// do its hooks.
    pub fn route_with<H, Args>(mut self, path: &str, settings: ServerSettings, handler: H) -> Self
    where
        H: RouteHandler<WebSocket, Args, Output: Outcome + 'static>,
    {
        if let Err(e) = settings.options.validate() {
            self.misuse.get_or_insert_with(|| format!("the route {path} can't be: {e}"));
        }
        let settings = Some(Arc::new(settings.complete()));
        self.insert(path, H::PARAMETERS, Route::WebSocket { bind: web_socket(handler), settings })
    }

    /// Requests for this path get a response of HTTP: a health check, figures, a page. The handler gets the
    /// [`Handshake`], which has the request, and the parameters. Requests with other methods than GET and HEAD are
    /// answered with 405.
    pub fn http<H, Args>(self, path: &str, handler: H) -> Self
    where
        H: RouteHandler<Handshake, Args, Output = Response>,
    {
        let handler = Arc::new(handler);
        let bind: Bind<Handshake, Response> = Box::new(move |values| handler.bind(values));
        self.insert(path, H::PARAMETERS, Route::Http(bind))
    }

    /// Requests for this path are redirected to another one, or to a URI, with 307. The query goes along, unless `to` has
    /// one. Browsers don't follow it when they open a WebSocket. Parameters of the path match and are dropped.
    pub fn redirect(mut self, path: &str, to: &str) -> Self {
        if Headers::new().insert("Location", to).is_err() {
            self.misuse.get_or_insert_with(|| format!("{path} can't be redirected to {to:?}"));
        }
        let parameters = parameters(path);
        self.insert(path, parameters, Route::Redirect(to.into()))
    }

    /// Requests for this host are for another router, not for this one: in any case, with any port, with or without a
    /// dot at the end. An address of IPv6 is in brackets.
    pub fn host(mut self, host: &str, router: Self) -> Self {
        let problem = if without_port(host) != host || host.is_empty() {
            Some("a host is given without a port or a dot at the end")
        } else if self.hosts.iter().any(|(other, _)| other.eq_ignore_ascii_case(host)) {
            Some("it has a router already")
        } else if !router.hosts.is_empty() {
            Some("its router has hosts of its own")
        } else {
            None
        };
        let problem = problem.map(|problem| format!("the host {host:?} can't be: {problem}"));
        self.misuse = self.misuse.or(problem).or_else(|| router.misuse.clone());
        self.hosts.push((host.into(), router));
        self
    }

    /// Connections for which there is no route go to this handler.
    pub fn fallback<H>(mut self, handler: H) -> Self
    where
        H: RouteHandler<WebSocket, (), Output: Outcome + 'static>,
    {
        self.fallback = Some(Route::WebSocket { bind: web_socket(handler), settings: None });
        self
    }

    /// Serves the routes at an address or another place: see [`serve()`]. A hook
    /// [`process_request`](Serve::process_request) is asked before the router.
    ///
    /// Awaiting the server fails with [`Error::Other`](crate::Error::Other) when two routes or hosts are the same, a path,
    /// a host, the target of a redirect or settings of a route aren't valid, or a handler takes another number of parameters
    /// than its path has.
    pub fn serve(mut self, listen: impl Into<Listen>) -> Serve<RoutedHandler> {
        let handler: RoutedHandler = Box::new(|ws: WebSocket| {
            let start = ws.data().and_then(Found::take);
            match start {
                Some(start) => start(ws),
                // A hook has replaced the value.
                None => Box::pin(async { Err("the connection has lost its route".into()) }),
            }
        });
        let misuse = self.misuse.take();
        let router = Arc::new(self);
        let mut serve = serve(listen, handler);
        serve.route = Some(hook(move |handshake| Arc::clone(&router).answer(handshake)));
        serve.misuse = misuse;
        serve
    }

    fn insert(mut self, path: &str, taken: usize, route: Route) -> Self {
        let parameters = parameters(path);
        let problem = match self.paths.insert(path, route) {
            Err(e) => Some(e.to_string()),
            Ok(()) if !path.starts_with('/') => Some("a path begins with a slash".to_owned()),
            Ok(()) if taken != parameters => {
                Some(format!("the handler takes {taken} parameters, the path has {parameters}"))
            }
            Ok(()) => None,
        };
        if let Some(problem) = problem {
            self.misuse.get_or_insert_with(|| format!("the route {path} can't be: {problem}"));
        }
        self
    }

    /// The router of a host.
    fn of(&self, host: Option<&str>) -> &Self {
        let Some(host) = host.filter(|_| !self.hosts.is_empty()) else { return self };
        let name = without_port(host);
        let found = self.hosts.iter().find(|(host, _)| host.eq_ignore_ascii_case(name));
        found.map_or(self, |(_, router)| router)
    }

    /// The hook of the server.
    async fn answer(self: Arc<Self>, handshake: Handshake) -> Result<Handshake, Response> {
        let request = handshake.request();
        let router = self.of(request.host());
        let (route, values) = match router.paths.at(request.path()) {
            Ok(found) => {
                let values = found.params.iter().map(|(_, value)| percent_decode(value));
                (Some(found.value), values.collect::<Option<Vec<_>>>())
            }
            Err(_) => (router.fallback.as_ref(), Some(Vec::new())),
        };
        let not_found = || Response::text(404, "Not Found\n");
        match route.ok_or_else(not_found)? {
            Route::WebSocket { bind, settings } => {
                let start = values.and_then(|values| bind(&values)).ok_or_else(not_found)?;
                Ok(handshake.data(Found::new(start)).with_settings(settings.clone()))
            }
            Route::Http(bind) => {
                let start = values.and_then(|values| bind(&values)).ok_or_else(not_found)?;
                match request.method() {
                    "GET" | "HEAD" => Err(start(handshake).await),
                    _ => {
                        let mut response = Response::text(405, "Method Not Allowed\n");
                        _ = response.headers.insert("Allow", "GET, HEAD");
                        Err(response)
                    }
                }
            }
            Route::Redirect(to) => {
                let (to, fragment) = to.split_at(to.find('#').unwrap_or(to.len()));
                let query = request.query().filter(|_| !to.contains('?'));
                let location = match query {
                    Some(query) => format!("{to}?{query}{fragment}"),
                    None => format!("{to}{fragment}"),
                };
                let mut headers = Headers::new();
                match headers.insert("Location", &location) {
                    Ok(()) => Err(Response::new(307, "", headers, Vec::new())),
                    Err(_) => Err(not_found()),
                }
            }
        }
    }
}

impl fmt::Debug for Router {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hosts: Vec<_> = self.hosts.iter().map(|(host, _)| host).collect();
        f.debug_struct("Router").field("hosts", &hosts).finish_non_exhaustive()
    }
}

fn web_socket<H, Args>(handler: H) -> Bind<WebSocket, Ended>
where
    H: RouteHandler<WebSocket, Args, Output: Outcome + 'static>,
{
    let handler = Arc::new(handler);
    Box::new(move |values| {
        let start = handler.bind(values)?;
        Some(Box::new(|ws| {
            // Here, since a panic before the first await is one of the handler's too.
            let running = start(ws);
            Box::pin(async { running.await.into_result() })
        }))
    })
}

/// The name in a host, without the port and the dot at the end.
fn without_port(host: &str) -> &str {
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|b| b.is_ascii_digit()) => name,
        _ => host,
    };
    name.strip_suffix('.').unwrap_or(name)
}

/// How many parameters a path has.
fn parameters(path: &str) -> usize {
    path.replace("{{", "").matches('{').count()
}

/// The handler that was found for a connection, until it starts.
struct Found(Mutex<Option<Start<WebSocket, Ended>>>);

impl Found {
    fn new(start: Start<WebSocket, Ended>) -> Self {
        Self(Mutex::new(Some(start)))
    }

    fn take(&self) -> Option<Start<WebSocket, Ended>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}
