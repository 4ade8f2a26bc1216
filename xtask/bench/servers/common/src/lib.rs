//! Shared by the echo servers: their arguments, the runtime, and the echo loops for libraries
//! whose connection is a `Stream` and a `Sink`.

pub mod minimal;
mod transport;
pub mod upgrade;

use std::future::poll_fn;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::Poll;

use futures_util::{Sink, SinkExt, Stream, StreamExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_util::either::Either;

pub use transport::{Transport, tls};

/// The arguments of an echo server: `ADDR [--deflate] [--plain] [--raw] [--tls]`.
#[derive(Clone, Copy, Debug)]
pub struct Args {
    pub addr: SocketAddr,
    /// Negotiate permessage-deflate: context takeover, 15-bit windows, level 6.
    pub deflate: bool,
    /// The loop that everybody writes, receive then send, instead of the library's best style.
    pub plain: bool,
    /// Echo bytes, without a handshake and frames.
    pub raw: bool,
    /// Accept TLS.
    pub tls: bool,
}

/// Reads the arguments of the program.
pub fn args() -> Args {
    let addr = SocketAddr::from(([127, 0, 0, 1], 9001));
    let mut args = Args { addr, deflate: false, plain: false, raw: false, tls: false };
    for word in std::env::args().skip(1) {
        match word.as_str() {
            "--deflate" => args.deflate = true,
            "--plain" => args.plain = true,
            "--raw" => args.raw = true,
            "--tls" => args.tls = true,
            addr => args.addr = addr.parse().expect("ADDR: ip:port"),
        }
    }
    args
}

/// The largest message that every server accepts, in bytes.
pub const MAX_MESSAGE: usize = 64 << 20;

/// Runs `handler` for each connection, on one thread.
pub fn serve<H, F>(args: Args, handler: H)
where
    H: Fn(Transport, Args) -> F + Clone + Send + 'static,
    F: Future<Output = ()> + Send + 'static,
{
    let tls = args.tls.then(|| TlsAcceptor::from(tls()));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.expect("a runtime").block_on(async {
        let socket = TcpSocket::new_v4().expect("a socket");
        socket.set_reuseaddr(true).expect("a socket");
        socket.bind(args.addr).expect("the address is free");
        let listener = socket.listen(4096).expect("a socket");
        loop {
            let Ok((tcp, _)) = listener.accept().await else { continue };
            let _ = tcp.set_nodelay(true);
            let Some(tls) = &tls else {
                spawn(handler(Either::Left(tcp), args));
                continue;
            };
            // In a box, since it is large and over soon.
            let (accepting, handler) = (Box::pin(tls.accept(tcp)), handler.clone());
            spawn(async move {
                if let Ok(stream) = accepting.await {
                    handler(Either::Right(Box::new(stream)), args).await;
                }
            });
        }
    });
}

/// The same for libraries that take no other stream.
pub fn serve_tcp<H, F>(args: Args, handler: H)
where
    H: Fn(TcpStream, Args) -> F + Clone + Send + 'static,
    F: Future<Output = ()> + Send + 'static,
{
    serve(args, move |stream, args| match stream {
        Either::Left(tcp) => handler(tcp, args),
        Either::Right(_) => panic!("this server has no --tls"),
    });
}

/// Spawns a task without tokio's budget, as the examples of some of the peers do, for all peers.
pub fn spawn(task: impl Future<Output = ()> + Send + 'static) {
    tokio::spawn(tokio::task::unconstrained(task));
}

/// The best style of most peers: queue each answer, flush when nothing more is ready.
pub async fn echo_batched<W, M, E>(mut ws: W, keep: impl Fn(&M) -> bool)
where
    W: Stream<Item = Result<M, E>> + Sink<M> + Unpin,
{
    let mut held: Option<M> = None;
    let mut unflushed = false;
    poll_fn(move |cx| {
        loop {
            if held.is_some() {
                match Pin::new(&mut ws).poll_ready(cx) {
                    Poll::Ready(Ok(())) => {
                        let Some(message) = held.take() else { continue };
                        if Pin::new(&mut ws).start_send(message).is_err() {
                            return Poll::Ready(());
                        }
                        unflushed = true;
                    }
                    Poll::Ready(Err(_)) => return Poll::Ready(()),
                    Poll::Pending => return Poll::Pending,
                }
            }
            match Pin::new(&mut ws).poll_next(cx) {
                Poll::Ready(Some(Ok(message))) => held = Some(message).filter(&keep),
                Poll::Ready(_) => return Poll::Ready(()),
                Poll::Pending => {
                    if unflushed {
                        match Pin::new(&mut ws).poll_flush(cx) {
                            Poll::Ready(Ok(())) => unflushed = false,
                            Poll::Ready(Err(_)) => return Poll::Ready(()),
                            Poll::Pending => {}
                        }
                    }
                    return Poll::Pending;
                }
            }
        }
    })
    .await;
}

/// The plain loop.
pub async fn echo_plain<W, M, E>(mut ws: W, keep: impl Fn(&M) -> bool)
where
    W: Stream<Item = Result<M, E>> + Sink<M> + Unpin,
{
    while let Some(Ok(message)) = ws.next().await {
        if keep(&message) && ws.send(message).await.is_err() {
            return;
        }
    }
}

/// Receives all that is ready, up to 64 messages, then sends them, then flushes: the best style of a
/// library that flushes before each read.
pub async fn echo_in_chunks<W, M, E>(mut ws: W, keep: impl Fn(&M) -> bool)
where
    W: Stream<Item = Result<M, E>> + Sink<M> + Unpin,
{
    const MOST: usize = 64;
    let mut queue = Vec::with_capacity(MOST);
    loop {
        let open = poll_fn(|cx| {
            while queue.len() < MOST {
                match ws.poll_next_unpin(cx) {
                    Poll::Ready(Some(Ok(message))) => queue.extend(Some(message).filter(&keep)),
                    Poll::Ready(_) => return Poll::Ready(false),
                    Poll::Pending if queue.is_empty() => return Poll::Pending,
                    Poll::Pending => break,
                }
            }
            Poll::Ready(true)
        })
        .await;
        for message in queue.drain(..) {
            if ws.feed(message).await.is_err() {
                return;
            }
        }
        if ws.flush().await.is_err() || !open {
            return;
        }
    }
}
