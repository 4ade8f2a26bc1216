//! [`Listen`]: the places where a server is reached; [`Listener`]: any source of connections.

use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
#[cfg(unix)]
use std::path::{Path, PathBuf};
use std::task::{Context, Poll, ready};

use socket2::SockRef;
use tokio::net::{TcpListener, TcpSocket, lookup_host};
#[cfg(unix)]
use tokio::net::{UnixListener, UnixSocket, UnixStream};

use super::proxy_header::Proxies;
#[cfg(feature = "tls")]
use super::tls::ServerTls;
use crate::Transport;
use crate::error::Error;

/// The connections that may wait to be accepted, unless the system allows fewer.
const BACKLOG: u32 = 1024;

/// A place where a server is reached, for [`serve`](crate::serve()) and [`listen`](crate::Serve::listen): an
/// address of TCP, a Unix socket, or a listener of the program; with or without TLS.
///
/// Addresses and listeners become one by themselves: `serve("127.0.0.1:8765", handler)`. A name stands for all
/// its addresses: `localhost:8765` listens on `127.0.0.1` and, where there is IPv6, on `::1`; with port 0 on the same
/// port of both.
///
/// ```no_run
/// # async fn run(tls: ws_tokio::ServerTls) -> Result<(), ws_tokio::Error> {
/// use ws_tokio::{Listen, WebSocket, serve};
///
/// async fn handler(_: WebSocket) {}
///
/// # #[cfg(unix)]
/// let server = serve(Listen::tcp("0.0.0.0:443").tls(tls), handler)
///     .listen(Listen::unix("/run/chat.sock").mode(0o660))
///     .await?;
/// # Ok(()) }
/// ```
#[must_use]
pub struct Listen {
    place: Place,
    proxies: Proxies,
    #[cfg(feature = "tls")]
    tls: Option<ServerTls>,
}

enum Place {
    Tcp(Tcp),
    #[cfg(unix)]
    Unix {
        path: PathBuf,
        mode: Option<u32>,
        backlog: u32,
    },
    /// The program has bound it.
    Std(std::net::TcpListener),
    Any(Box<dyn Listener>),
}

struct Tcp {
    name: Name,
    backlog: u32,
    reuse_port: bool,
}

/// Addresses, or names for them.
enum Name {
    Text(String),
    Host(String, u16),
    Known(Vec<SocketAddr>),
}

impl Listen {
    fn new(place: Place) -> Self {
        Self {
            place,
            proxies: Proxies::default(),
            #[cfg(feature = "tls")]
            tls: None,
        }
    }

    fn name(name: Name) -> Self {
        Self::new(Place::Tcp(Tcp { name, backlog: BACKLOG, reuse_port: false }))
    }

    /// Addresses of TCP, such as `"localhost:8765"`, `([0, 0, 0, 0], 80).into()` as a `SocketAddr`, or
    /// `("::", 80)`. Port 0: any that is free.
    pub fn tcp(addr: impl Into<Self>) -> Self {
        addr.into()
    }

    /// A Unix socket at this path. A socket there on which nobody listens any more is replaced; at its end,
    /// the server removes the one that it has made, unless it was replaced since.
    #[cfg(unix)]
    pub fn unix(path: impl Into<PathBuf>) -> Self {
        Self::new(Place::Unix { path: path.into(), mode: None, backlog: BACKLOG })
    }

    /// A listener of the program.
    pub fn on(listener: impl Listener) -> Self {
        Self::new(Place::Any(Box::new(listener)))
    }

    /// The permissions of a Unix socket, such as `0o660`, set before anybody can connect. Default: as the
    /// process's umask has it. It means nothing elsewhere.
    #[cfg(unix)]
    pub fn mode(mut self, permissions: u32) -> Self {
        if let Place::Unix { mode, .. } = &mut self.place {
            *mode = Some(permissions);
        }
        self
    }

    /// The connections that may wait to be accepted, unless the system allows fewer. Default: 1024. It means
    /// nothing for listeners of the program.
    pub fn backlog(mut self, connections: u32) -> Self {
        match &mut self.place {
            Place::Tcp(tcp) => tcp.backlog = connections,
            #[cfg(unix)]
            Place::Unix { backlog, .. } => *backlog = connections,
            _ => {}
        }
        self
    }

    /// Lets other processes listen on the same addresses of TCP (`SO_REUSEPORT`), so that a new one can begin
    /// before an old one ends. Default: off. It means nothing elsewhere.
    #[cfg(unix)]
    pub fn reuse_port(mut self, reuse: bool) -> Self {
        if let Place::Tcp(tcp) = &mut self.place {
            tcp.reuse_port = reuse;
        }
        self
    }

    /// Expects a header of the [PROXY protocol], version 1 or 2, in front of each connection from these peers: proxies
    /// and load balancers that pass on bytes, TLS included. Then `peer_addr`, in hooks, on connections and in reports,
    /// and [`max_connections_per_address`](crate::Serve::max_connections_per_address) mean the address of the client
    /// that is in it. The proxy's own is that of the [stream](Transport::peer_addr). Default: nobody sends one.
    ///
    /// The header is read within [`open_timeout`](crate::Serve::open_timeout), of version 2 up to 4096 bytes; TLVs are
    /// skipped, a checksum isn't verified. A peer that sends none, or a malformed one, is dropped, and reported as
    /// [`FailureKind::Handshake`](crate::FailureKind::Handshake) with [`Error::ProxyHeader`]. With `LOCAL` (a health
    /// check), `UNKNOWN`, or a client that hasn't come by TCP, the peer's own address stays.
    ///
    /// Peers that aren't trusted are served without: for them the header is no HTTP, and refused as such.
    ///
    /// ```
    /// use ws_tokio::{Listen, TrustedProxies};
    ///
    /// let trusted: TrustedProxies = "10.0.0.7, 10.0.0.8".parse()?;
    /// let listen = Listen::tcp("0.0.0.0:8765").proxy_protocol(trusted);
    /// # Ok::<(), ws_tokio::InvalidNetwork>(())
    /// ```
    ///
    /// [PROXY protocol]: https://www.haproxy.org/download/2.8/doc/proxy-protocol.txt
    #[cfg(feature = "proxy-protocol")]
    pub fn proxy_protocol(mut self, trusted: crate::TrustedProxies) -> Self {
        self.proxies = Proxies::new(trusted);
        self
    }

    /// Serves `wss://` here.
    #[cfg(feature = "tls")]
    pub fn tls(mut self, tls: ServerTls) -> Self {
        self.tls = Some(tls);
        self
    }

    /// Listens: one or more sockets.
    pub(super) async fn bind(self) -> Result<Vec<Bound>, Error> {
        #[cfg(feature = "tls")]
        if let Some(tls) = &self.tls {
            tls.prepare()?;
        }
        let listeners: Vec<Box<dyn Listener>> = match self.place {
            Place::Tcp(tcp) => tcp.bind().await?,
            #[cfg(unix)]
            Place::Unix { path, mode, backlog } => {
                let bound = Unix::bind(&path, mode, backlog).await;
                let bound = bound.map_err(|e| Error::Listen(path.to_string_lossy().into(), e))?;
                vec![Box::new(bound)]
            }
            Place::Std(listener) => {
                let listener =
                    listener.set_nonblocking(true).and_then(|()| TcpListener::from_std(listener));
                let listener = listener.map_err(|e| Error::Listen("the given socket".into(), e))?;
                vec![Box::new(listener)]
            }
            Place::Any(listener) => vec![listener],
        };
        let bound = listeners.into_iter().map(|listener| Bound {
            listener,
            proxies: self.proxies.clone(),
            #[cfg(feature = "tls")]
            tls: self.tls.clone(),
        });
        Ok(bound.collect())
    }
}

/// A listener of a server.
pub(super) struct Bound {
    pub(super) listener: Box<dyn Listener>,
    pub(super) proxies: Proxies,
    #[cfg(feature = "tls")]
    pub(super) tls: Option<ServerTls>,
}

impl Tcp {
    async fn bind(self) -> Result<Vec<Box<dyn Listener>>, Error> {
        let shown = self.name.to_string();
        let addrs = self.name.resolve().await;
        let addrs =
            addrs.map_err(|e| Error::Resolve(io::Error::new(e.kind(), format!("{shown}: {e}"))))?;
        let is_name = !matches!(self.name, Name::Known(_));
        let has_both =
            addrs.iter().any(SocketAddr::is_ipv4) && addrs.iter().any(SocketAddr::is_ipv6);
        let (mut listeners, mut missing) = (Vec::<Box<dyn Listener>>::new(), None);
        let mut port = None;
        for mut addr in addrs {
            if let (true, 0, Some(port)) = (is_name, addr.port(), port) {
                addr.set_port(port);
            }
            match self.listen(addr, has_both) {
                Ok(listener) => {
                    port = port.or(listener.local_addr().ok().map(|addr| addr.port()));
                    listeners.push(Box::new(listener));
                }
                // Of the addresses of a name, the system may lack the family or the interface.
                Err(e) if is_name && is_missing(&e) => missing = Some((addr, e)),
                Err(e) => return Err(Error::Listen(addr.to_string().into(), e)),
            }
        }
        match missing {
            Some((addr, e)) if listeners.is_empty() => {
                Err(Error::Listen(addr.to_string().into(), e))
            }
            _ if listeners.is_empty() => {
                Err(Error::Listen(shown.into(), io::Error::other("there is no address")))
            }
            _ => Ok(listeners),
        }
    }

    fn listen(&self, addr: SocketAddr, has_both: bool) -> io::Result<TcpListener> {
        let socket = if addr.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
        // Addresses of connections that have ended can be listened on; on Windows, others' could, too.
        #[cfg(not(windows))]
        socket.set_reuseaddr(true)?;
        #[cfg(unix)]
        socket.set_reuseport(self.reuse_port)?;
        if has_both && addr.is_ipv6() {
            SockRef::from(&socket).set_only_v6(true)?;
        }
        socket.bind(addr)?;
        socket.listen(self.backlog)
    }
}

impl Name {
    async fn resolve(&self) -> io::Result<Vec<SocketAddr>> {
        if let Some(port) = self.port_of_localhost() {
            // RFC 6761, section 6.3; not all systems know both.
            return Ok(vec![
                (Ipv4Addr::LOCALHOST, port).into(),
                (Ipv6Addr::LOCALHOST, port).into(),
            ]);
        }
        match self {
            Self::Known(addrs) => Ok(addrs.clone()),
            Self::Text(name) => lookup_host(name).await.map(Iterator::collect),
            Self::Host(host, port) => lookup_host((&**host, *port)).await.map(Iterator::collect),
        }
    }

    fn port_of_localhost(&self) -> Option<u16> {
        match self {
            Self::Text(name) => name.strip_prefix("localhost:")?.parse().ok(),
            Self::Host(host, port) => (host == "localhost").then_some(*port),
            Self::Known(_) => None,
        }
    }
}

fn is_missing(e: &io::Error) -> bool {
    // A family that isn't there has no kind of its own.
    const EAFNOSUPPORT: i32 = if cfg!(target_os = "linux") { 97 } else { 47 };
    e.kind() == io::ErrorKind::AddrNotAvailable || e.raw_os_error() == Some(EAFNOSUPPORT)
}

/// A source of connections, for [`Listen::on`]: a stream of any kind for each. The listeners of tokio are such.
///
/// ```
/// use std::io;
/// use std::net::SocketAddr;
/// use std::task::{Context, Poll};
/// use tokio::io::DuplexStream;
/// use tokio::sync::mpsc;
/// use ws_tokio::{Listen, Listener, Transport, WebSocket, serve};
///
/// /// Streams in memory that another part of the program sends.
/// struct Memory(mpsc::Receiver<DuplexStream>);
///
/// impl Listener for Memory {
///     fn poll_accept(
///         &mut self,
///         cx: &mut Context<'_>,
///     ) -> Poll<io::Result<(Transport, Option<SocketAddr>)>> {
///         // Without anybody who sends, there will be no connection.
///         let Poll::Ready(Some(stream)) = self.0.poll_recv(cx) else { return Poll::Pending };
///         Poll::Ready(Ok((Transport::Other(Box::new(stream)), None)))
///     }
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), ws_tokio::Error> {
/// let (streams, memory) = mpsc::channel(8);
/// let server = serve(Listen::on(Memory(memory)), |_: WebSocket| async {}).await?;
/// let (near, far) = tokio::io::duplex(1024);
/// streams.send(far).await.ok();
/// let mut ws = ws_tokio::client(near, "ws://localhost/").await?;
/// assert_eq!(ws.recv().await?, None);
/// server.shutdown().await;
/// # Ok(()) }
/// ```
pub trait Listener: Send + 'static {
    /// Accepts a connection: its stream, and the address of the peer if it has one. An error is reported and
    /// doesn't end the server; the next call comes after 100 ms, or at once if the peer was gone
    /// ([`ConnectionAborted`](io::ErrorKind::ConnectionAborted)). After a panic the listener is dropped, and the server
    /// goes on without it.
    fn poll_accept(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<(Transport, Option<SocketAddr>)>>;

    /// The address of TCP that is listened on, if there is one.
    fn local_addr(&self) -> Option<SocketAddr> {
        None
    }
}

impl Listener for TcpListener {
    fn poll_accept(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<(Transport, Option<SocketAddr>)>> {
        let (tcp, addr) = ready!(Self::poll_accept(self, cx))?;
        Poll::Ready(Ok((Transport::Tcp(tcp), Some(addr))))
    }

    fn local_addr(&self) -> Option<SocketAddr> {
        Self::local_addr(self).ok()
    }
}

#[cfg(unix)]
impl Listener for UnixListener {
    fn poll_accept(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<(Transport, Option<SocketAddr>)>> {
        let (stream, _) = ready!(Self::poll_accept(self, cx))?;
        Poll::Ready(Ok((Transport::Unix(stream), None)))
    }
}

/// A Unix socket that was made here, and is removed at the end.
#[cfg(unix)]
struct Unix {
    listener: UnixListener,
    path: PathBuf,
    /// The device and the number of the file, by which it is known again.
    file: Option<(u64, u64)>,
}

#[cfg(unix)]
impl Unix {
    async fn bind(path: &Path, mode: Option<u32>, backlog: u32) -> io::Result<Self> {
        use std::os::unix::fs::PermissionsExt;
        let socket = match bind_unix(path) {
            Err(e) if e.kind() == io::ErrorKind::AddrInUse => {
                let file = identity(path);
                // Meanwhile another server may have replaced it.
                if !is_dead(path).await || identity(path) != file {
                    return Err(e);
                }
                std::fs::remove_file(path)?;
                bind_unix(path)?
            }
            bound => bound?,
        };
        let listen = || {
            // Nobody can connect before it listens.
            if let Some(mode) = mode {
                std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode))?;
            }
            socket.listen(backlog)
        };
        let listener = listen().inspect_err(|_| _ = std::fs::remove_file(path))?;
        Ok(Self { listener, path: path.to_owned(), file: identity(path) })
    }
}

#[cfg(unix)]
fn bind_unix(path: &Path) -> io::Result<UnixSocket> {
    let socket = UnixSocket::new_stream()?;
    socket.bind(path)?;
    Ok(socket)
}

/// Whether this is a socket on which nobody listens.
#[cfg(unix)]
async fn is_dead(path: &Path) -> bool {
    use std::os::unix::fs::FileTypeExt;
    let is_socket = std::fs::symlink_metadata(path).is_ok_and(|it| it.file_type().is_socket());
    let refused = |e: io::Error| e.kind() == io::ErrorKind::ConnectionRefused;
    is_socket && UnixStream::connect(path).await.is_err_and(refused)
}

#[cfg(unix)]
fn identity(path: &Path) -> Option<(u64, u64)> {
    use std::os::unix::fs::MetadataExt;
    let file = std::fs::symlink_metadata(path).ok()?;
    Some((file.dev(), file.ino()))
}

#[cfg(unix)]
impl Listener for Unix {
    fn poll_accept(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<(Transport, Option<SocketAddr>)>> {
        Listener::poll_accept(&mut self.listener, cx)
    }
}

#[cfg(unix)]
impl Drop for Unix {
    fn drop(&mut self) {
        if self.file.is_some() && identity(&self.path) == self.file {
            _ = std::fs::remove_file(&self.path);
        }
    }
}

/// Makes places out of names and addresses.
macro_rules! names {
    ($($from:ty: $value:ident => $name:expr,)*) => {$(
        impl From<$from> for Listen {
            fn from($value: $from) -> Self {
                Self::name($name)
            }
        }
    )*};
}

names! {
    &str: name => Name::Text(name.to_owned()),
    String: name => Name::Text(name),
    &String: name => Name::Text(name.clone()),
    (&str, u16): name => Name::Host(name.0.to_owned(), name.1),
    (String, u16): name => Name::Host(name.0, name.1),
    (IpAddr, u16): addr => Name::Known(vec![addr.into()]),
    SocketAddr: addr => Name::Known(vec![addr]),
    Vec<SocketAddr>: addrs => Name::Known(addrs),
    &[SocketAddr]: addrs => Name::Known(addrs.to_vec()),
}

impl<const N: usize> From<[SocketAddr; N]> for Listen {
    fn from(addrs: [SocketAddr; N]) -> Self {
        Self::name(Name::Known(addrs.into()))
    }
}

impl From<TcpListener> for Listen {
    fn from(listener: TcpListener) -> Self {
        Self::on(listener)
    }
}

impl From<std::net::TcpListener> for Listen {
    /// A socket that the program got, perhaps from systemd.
    fn from(listener: std::net::TcpListener) -> Self {
        Self::new(Place::Std(listener))
    }
}

#[cfg(unix)]
impl From<UnixListener> for Listen {
    fn from(listener: UnixListener) -> Self {
        Self::on(listener)
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(name) => f.write_str(name),
            Self::Host(host, port) => write!(f, "{host}:{port}"),
            Self::Known(addrs) => {
                for (at, addr) in addrs.iter().enumerate() {
                    write!(f, "{}{addr}", if at == 0 { "" } else { ", " })?;
                }
                Ok(())
            }
        }
    }
}

impl fmt::Debug for Listen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let place = match &self.place {
            Place::Tcp(tcp) => tcp.name.to_string(),
            #[cfg(unix)]
            Place::Unix { path, .. } => path.display().to_string(),
            Place::Std(listener) => format!("{listener:?}"),
            Place::Any(_) => "a listener".to_owned(),
        };
        let mut debug = f.debug_struct("Listen");
        debug.field("place", &place).field("proxies", &self.proxies);
        #[cfg(feature = "tls")]
        debug.field("tls", &self.tls.is_some());
        debug.finish_non_exhaustive()
    }
}
