//! [`WebSocketLayer`]: WebSockets before any service of tower.

use std::fmt;
use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use http::{Extensions, Request, Response};
use http_body_util::Either;
use pin_project_lite::pin_project;
use tower_layer::Layer;
use tower_service::Service;
use ws_tokio::{Outcome, Upgrader};

use crate::{Body, Connections, WebSocket, is_upgrade_request, upgrade};

/// Answers requests that ask to open a WebSocket, and passes the others on: a layer for services of tower that hyper
/// serves.
///
/// ```
/// use http::{Request, Response};
/// use hyper::body::Incoming;
/// use tower::{Layer, service_fn};
/// use ws_hyper::{Body, Connections, WebSocket, WebSocketLayer};
/// use ws_tokio::{Error, ServerSettings, Upgrader};
///
/// async fn greet(ws: WebSocket) -> Result<(), Error> {
///     ws.send("hello").await
/// }
///
/// let connections = Connections::new();
/// let upgrader = Upgrader::new(ServerSettings::new())?;
/// let page = service_fn(|_: Request<Incoming>| async {
///     Ok::<_, std::convert::Infallible>(Response::new(Body::from("a page")))
/// });
/// let service = WebSocketLayer::new(upgrader, &connections, greet).layer(page);
/// # fn is_service<S: tower::Service<Request<Incoming>>>(_: S) {}
/// # is_service(service);
/// # Ok::<(), Error>(())
/// ```
///
/// The handler runs as by [`Connections::run`](ws_tokio::Connections::run). It finds what layers around this one have
/// left in the request, such as a user, by `ws.data::<http::Extensions>()`; an extension of the type [`SocketAddr`]
/// becomes its [`peer_addr`](ws_tokio::WebSocket::peer_addr). While the connections drain, the response is 503.
#[derive(Clone)]
pub struct WebSocketLayer<H> {
    upgrader: Upgrader,
    connections: Connections,
    handler: H,
}

impl<H> WebSocketLayer<H> {
    /// Judges requests by `upgrader`, and runs `handler` for each of the connections.
    pub fn new<F>(upgrader: Upgrader, connections: &Connections, handler: H) -> Self
    where
        H: Fn(WebSocket) -> F,
        F: Future<Output: Outcome>,
    {
        let upgrader = upgrader.connections(connections);
        Self { upgrader, connections: connections.clone(), handler }
    }
}

impl<H> fmt::Debug for WebSocketLayer<H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WebSocketLayer")
            .field("upgrader", &self.upgrader)
            .field("connections", &self.connections)
            .finish_non_exhaustive()
    }
}

impl<S, H: Clone> Layer<S> for WebSocketLayer<H> {
    type Service = WebSocketService<S, H>;

    fn layer(&self, inner: S) -> Self::Service {
        WebSocketService { inner, layer: self.clone() }
    }
}

/// A service with WebSockets before it: see [`WebSocketLayer`].
#[derive(Clone, Debug)]
pub struct WebSocketService<S, H> {
    inner: S,
    layer: WebSocketLayer<H>,
}

impl<S, H, F, B, R> Service<Request<B>> for WebSocketService<S, H>
where
    S: Service<Request<B>, Response = Response<R>>,
    H: Fn(WebSocket) -> F + Clone + Send + 'static,
    F: Future<Output: Outcome> + Send + 'static,
{
    type Response = Response<Either<Body, R>>;
    type Error = S::Error;
    type Future = ResponseFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        if !is_upgrade_request(&request) {
            return ResponseFuture { state: State::Passed { inner: self.inner.call(request) } };
        }
        let WebSocketLayer { upgrader, connections, handler } = &self.layer;
        let response = match upgrade(&mut request, upgrader) {
            Ok((response, upgrade)) => {
                let extensions: Extensions = std::mem::take(request.extensions_mut());
                let addr = extensions.get::<SocketAddr>().copied();
                let upgrade = upgrade.peer_addr(addr).data(extensions);
                tokio::spawn(connections.run(upgrade, handler.clone()));
                response
            }
            Err(refusal) => refusal.response,
        };
        ResponseFuture { state: State::Answered { response: Some(response) } }
    }
}

pin_project! {
    /// The response of a [`WebSocketService`], which gives the error of the service behind it.
    #[derive(Debug)]
    pub struct ResponseFuture<F> {
        #[pin]
        state: State<F>,
    }
}

pin_project! {
    #[project = Projection]
    #[derive(Debug)]
    enum State<F> {
        /// This layer has answered.
        Answered { response: Option<Response<Body>> },
        /// The service behind it answers.
        Passed {
            #[pin]
            inner: F,
        },
    }
}

impl<F: Future<Output = Result<Response<R>, E>>, R, E> Future for ResponseFuture<F> {
    type Output = Result<Response<Either<Body, R>>, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        Poll::Ready(match self.project().state.project() {
            Projection::Answered { response } => {
                let response = response.take().expect("it isn't polled again after the response");
                Ok(response.map(Either::Left))
            }
            Projection::Passed { inner } => {
                ready!(inner.poll(cx)).map(|response| response.map(Either::Right))
            }
        })
    }
}
