//! A bridge from HTTP/1.1 to HTTP/2: clients that know only the former test a server of the latter. The frames pass
//! as they are.

use std::io;
use std::net::SocketAddr;

use http_body_util::Empty;
use hyper::body::Bytes;
use hyper::client::conn::http2::{SendRequest, handshake};
use hyper::ext::Protocol;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use websockets::datastructures::Headers;
use websockets::protocol::http::RequestReader;
use websockets::protocol::server::accept_key;
use websockets::{HandshakeLimits, Request, Response};

use super::Failure;

type Sender = SendRequest<Empty<Bytes>>;

/// Opens one connection of HTTP/2 to the server, and passes all clients through it.
pub(crate) async fn run(listener: TcpListener, server: SocketAddr) -> Result<(), Failure> {
    let tcp = TcpStream::connect(server).await?;
    tcp.set_nodelay(true)?;
    let (mut sender, connection) = handshake(TokioExecutor::new(), TokioIo::new(tcp)).await?;
    tokio::spawn(connection);
    // The answer comes after the server's settings, which allow what follows.
    let page = hyper::Request::get(format!("http://{server}/")).body(Empty::new())?;
    sender.send_request(page).await?;
    loop {
        let (tcp, _) = listener.accept().await?;
        tcp.set_nodelay(true)?;
        let sender = sender.clone();
        tokio::spawn(async move {
            if let Err(e) = pass(tcp, sender).await {
                eprintln!("bridge: {e}");
            }
        });
    }
}

/// Passes one client.
async fn pass(mut tcp: TcpStream, mut sender: Sender) -> Result<(), Failure> {
    let (request, begun) = read(&mut tcp).await?;
    let headers = request.headers();
    let host = headers.get("Host")?.ok_or("no Host")?;
    let uri = format!("http://{host}{}", request.target());
    let mut builder = hyper::Request::connect(uri).extension(Protocol::from_static("websocket"));
    for (name, value) in headers.raw_items() {
        let own = ["Host", "Connection", "Upgrade", "Sec-WebSocket-Key"];
        if !own.iter().any(|it| it.eq_ignore_ascii_case(name)) {
            builder = builder.header(name, value);
        }
    }
    let mut response = sender.send_request(builder.body(Empty::new())?).await?;
    if response.status() != 200 {
        return Err(format!("the server answered {}", response.status()).into());
    }
    let mut answer = Response::new(101, "Switching Protocols", Headers::new(), "");
    let key = headers.get("Sec-WebSocket-Key")?.ok_or("no key")?;
    answer.headers.insert("Connection", "Upgrade")?;
    answer.headers.insert("Upgrade", "websocket")?;
    answer.headers.insert("Sec-WebSocket-Accept", &accept_key(key))?;
    for (name, value) in response.headers().iter().filter(|(it, _)| it.as_str() != "date") {
        answer.headers.insert(name.as_str(), value.to_str()?)?;
    }
    let mut upgraded = TokioIo::new(hyper::upgrade::on(&mut response).await?);
    tcp.write_all(&answer.serialize()).await?;
    upgraded.write_all(&begun).await?;
    // Clients may reset the connection at the end.
    _ = copy_bidirectional(&mut tcp, &mut upgraded).await;
    Ok(())
}

/// Reads a request, and what comes with it.
async fn read(tcp: &mut TcpStream) -> Result<(Request, Vec<u8>), Failure> {
    let mut reader = RequestReader::new(HandshakeLimits::default());
    let mut received = Vec::new();
    loop {
        received.clear();
        if tcp.read_buf(&mut received).await? == 0 {
            return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into());
        }
        if let Some((request, used)) = reader.receive_data(&received)? {
            return Ok((request, received.split_off(used)));
        }
    }
}
