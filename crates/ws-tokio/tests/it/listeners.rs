//! The places where a server listens: TCP, Unix sockets, sockets of the program.

use std::future::{Future, IntoFuture};
use std::io;
use std::net::{Ipv6Addr, SocketAddr};
#[cfg(unix)]
use std::path::PathBuf;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::net::TcpListener;
#[cfg(unix)]
use tokio::net::UnixListener;
use tokio::sync::mpsc;
use ws_tokio::{
    Connect, Error, FailureKind, Listen, Listener, Transport, WebSocket, client, connect, serve,
};

/// Fails instead of waiting without end.
async fn in_time<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(20), future).await.expect("this waits without end")
}

async fn echo(mut ws: WebSocket) -> Result<(), Error> {
    while let Some(message) = ws.recv().await? {
        ws.send(message).await?;
    }
    Ok(())
}

async fn talk(connect: Connect) -> Result<(), Error> {
    let mut ws = in_time(connect.into_future()).await?;
    ws.send("hello").await?;
    assert_eq!(in_time(ws.recv()).await?, Some("hello".into()));
    ws.close(1000, "").await
}

/// A path that no other test uses; the socket there is removed at the end.
#[cfg(unix)]
struct SocketPath(PathBuf);

#[cfg(unix)]
impl SocketPath {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("websockets-{name}-{}", std::process::id()));
        _ = std::fs::remove_file(&path);
        Self(path)
    }

    fn to_server(&self) -> Connect {
        connect("ws://localhost/").unix_socket(&self.0)
    }
}

#[cfg(unix)]
impl Drop for SocketPath {
    fn drop(&mut self) {
        _ = std::fs::remove_file(&self.0);
    }
}

#[cfg(unix)]
#[tokio::test]
async fn a_server_listens_in_several_places_at_once() {
    let path = SocketPath::new("several");
    let ours = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = ours.local_addr().unwrap();
    let server = serve("127.0.0.1:0", echo)
        .listen(Listen::unix(&path.0))
        .listen(ours)
        .listen(TcpListener::bind("127.0.0.1:0").await.unwrap())
        .await
        .unwrap();
    let addrs = server.local_addrs();
    assert_eq!((addrs.len(), addrs[0], addrs[1]), (3, server.local_addr(), addr));
    for addr in addrs {
        talk(connect(format!("ws://{addr}/"))).await.unwrap();
    }
    talk(path.to_server()).await.unwrap();
    assert!(format!("{server:?}").contains("connections: "), "{server:?}");
    in_time(server.shutdown()).await;
    in_time(connect(format!("ws://{addr}/")).into_future()).await.unwrap_err();
}

#[tokio::test]
async fn localhost_means_both_families_with_one_port() {
    let has_ipv6 = std::net::TcpListener::bind((Ipv6Addr::LOCALHOST, 0)).is_ok();
    for listen in ["localhost:0".into(), Listen::from(("localhost", 0))] {
        let server = serve(listen, echo).await.unwrap();
        let addrs = server.local_addrs();
        let families: Vec<_> = addrs.iter().map(SocketAddr::is_ipv6).collect();
        assert_eq!(families, if has_ipv6 { &[false, true][..] } else { &[false] });
        for addr in addrs {
            assert_eq!(addr.port(), server.local_addr().port());
            talk(connect(format!("ws://{addr}/"))).await.unwrap();
        }
    }
}

#[tokio::test]
async fn all_addresses_that_the_program_names_must_be_there() {
    let taken = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = taken.local_addr().unwrap();
    let error = serve(addr, echo).await.unwrap_err();
    let text = error.to_string();
    assert!(matches!(&error, Error::Listen(place, _) if **place == *addr.to_string()), "{error:?}");
    assert!(text.starts_with(&format!("cannot listen on {addr}: ")), "{text}");

    // An address for documentation: no system has it.
    let foreign: SocketAddr = ([192, 0, 2, 1], 0).into();
    let ours: SocketAddr = ([127, 0, 0, 1], 0).into();
    let error = serve([ours, foreign], echo).await.unwrap_err();
    assert!(error.to_string().starts_with("cannot listen on 192.0.2.1:0: "), "{error}");

    let error = serve("no-port", echo).await.unwrap_err();
    assert!(matches!(error, Error::Resolve(_)), "{error:?}");
    let error = serve(Vec::new(), echo).await.unwrap_err();
    assert!(error.to_string().ends_with(": there is no address"), "{error}");
}

#[cfg(unix)]
#[tokio::test]
async fn a_unix_socket_has_its_mode_and_is_removed_at_the_end() {
    use std::os::unix::fs::PermissionsExt;
    let path = SocketPath::new("mode");
    let server = serve(Listen::unix(&path.0).mode(0o600).backlog(7), echo).await.unwrap();
    let mode = std::fs::metadata(&path.0).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    assert_eq!(server.local_addrs(), []);
    talk(path.to_server()).await.unwrap();

    // A live one isn't replaced.
    let error = serve(Listen::unix(&path.0), echo).await.unwrap_err();
    let text = format!("cannot listen on {}: ", path.0.display());
    assert!(error.to_string().starts_with(&text), "{error}");
    talk(path.to_server()).await.unwrap();

    in_time(server.shutdown()).await;
    assert!(!path.0.exists());
}

#[cfg(unix)]
#[tokio::test]
async fn a_dead_unix_socket_is_replaced_and_one_of_another_server_is_kept() {
    let path = SocketPath::new("dead");
    drop(UnixListener::bind(&path.0).unwrap());
    assert!(path.0.exists());
    let old = serve(Listen::unix(&path.0), echo).await.unwrap();
    talk(path.to_server()).await.unwrap();

    std::fs::remove_file(&path.0).unwrap();
    let new = serve(Listen::unix(&path.0), echo).await.unwrap();
    in_time(old.shutdown()).await;
    talk(path.to_server()).await.unwrap();
    in_time(new.shutdown()).await;

    // What isn't a socket is none of ours.
    std::fs::write(&path.0, "precious").unwrap();
    serve(Listen::unix(&path.0), echo).await.unwrap_err();
    assert_eq!(std::fs::read(&path.0).unwrap(), b"precious");
}

#[cfg(unix)]
#[tokio::test]
async fn a_new_server_listens_beside_the_old_one() {
    let old = serve(Listen::tcp("127.0.0.1:0").reuse_port(true), echo).await.unwrap();
    let addr = old.local_addr();
    let mut ws = connect(format!("ws://{addr}/")).await.unwrap();
    serve(addr, echo).await.unwrap_err();
    let new = serve(Listen::tcp(addr).reuse_port(true), echo).await.unwrap();
    // The connection stays with the old one, to its end.
    ws.send("hello").await.unwrap();
    assert_eq!(in_time(ws.recv()).await.unwrap(), Some("hello".into()));
    let (_, end) = tokio::join!(in_time(old.shutdown()), in_time(ws.recv()));
    assert_eq!((end.unwrap(), ws.close_code()), (None, Some(1001.into())));
    talk(connect(format!("ws://{addr}/"))).await.unwrap();
    in_time(new.shutdown()).await;
}

/// Gives what the test sends.
struct Scripted(mpsc::UnboundedReceiver<io::Result<Transport>>);

impl Listener for Scripted {
    fn poll_accept(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<(Transport, Option<SocketAddr>)>> {
        self.0.poll_recv(cx).map(|next| Ok((next.expect("the test goes on")?, None)))
    }
}

#[tokio::test]
async fn a_listener_of_the_program_fails_and_the_server_goes_on() {
    let (next, script) = mpsc::unbounded_channel();
    let (sender, mut failures) = mpsc::unbounded_channel();
    let server = serve(Listen::on(Scripted(script)), |_: WebSocket| async { Err("a\nb") })
        .on_error(move |failure| _ = sender.send((failure.kind(), failure.to_string())))
        .await
        .unwrap();
    next.send(Err(io::Error::other("too many open files"))).unwrap();
    let (kind, text) = in_time(failures.recv()).await.unwrap();
    assert_eq!(kind, FailureKind::Accept);
    assert_eq!(text, "cannot accept a connection: too many open files");

    let (near, far) = tokio::io::duplex(1024);
    next.send(Ok(Transport::Other(Box::new(far)))).unwrap();
    let mut ws = in_time(client(near, "ws://localhost/a").into_future()).await.unwrap();
    assert_eq!(in_time(ws.recv()).await.unwrap_err().closed().unwrap().code(), 1011);
    let (kind, text) = in_time(failures.recv()).await.unwrap();
    assert_eq!((kind, &*text), (FailureKind::Handler, r"GET /a: the handler failed: a\nb"));
    in_time(server.shutdown()).await;
}

/// Says without end that a peer was gone.
struct Aborting;

impl Listener for Aborting {
    fn poll_accept(
        &mut self,
        _: &mut Context<'_>,
    ) -> Poll<io::Result<(Transport, Option<SocketAddr>)>> {
        Poll::Ready(Err(io::ErrorKind::ConnectionAborted.into()))
    }
}

#[tokio::test]
async fn a_listener_that_never_waits_keeps_nobody_out() {
    let server = serve("127.0.0.1:0", echo).listen(Listen::on(Aborting)).await.unwrap();
    talk(connect(format!("ws://{}/", server.local_addr()))).await.unwrap();
    in_time(server.shutdown()).await;
}
