//! Pairs of connections, and a peer that speaks in single frames.

use std::future::{Future, IntoFuture, Ready, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, DuplexStream, duplex};
use ws_proto::FrameHeader;
use ws_proto::server::{ServerHandshake, ServerOptions};
use ws_tokio::{Accept, Client, Handshake, Message, Request, Response, WebSocket, accept, client};
use ws_types::Side;

pub(crate) const TEXT: u8 = 0x81;
pub(crate) const BINARY: u8 = 0x82;
pub(crate) const FIRST_TEXT: u8 = 0x01;
pub(crate) const FIRST_BINARY: u8 = 0x02;
pub(crate) const MIDDLE: u8 = 0x00;
pub(crate) const LAST: u8 = 0x80;
pub(crate) const CLOSE: u8 = 0x88;
pub(crate) const PING: u8 = 0x89;
pub(crate) const PONG: u8 = 0x8A;

/// A request that every server here accepts.
pub(crate) const REQUEST: &str = "GET / HTTP/1.1\r\n\
    Host: localhost\r\n\
    Upgrade: websocket\r\n\
    Connection: Upgrade\r\n\
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
    Sec-WebSocket-Version: 13\r\n\r\n";

/// A hook that answers requests itself, those for which there is a response.
pub(crate) fn answering<A>(
    answer: A,
) -> impl Fn(Handshake) -> Ready<Result<Handshake, Response>> + Send + Sync + 'static
where
    A: Fn(&Request) -> Option<Response> + Send + Sync + 'static,
{
    move |handshake| ready(answer(handshake.request()).map_or(Ok(handshake), Err))
}

/// A frame with this first byte, as `side` sends it; a client's masking key is zero.
pub(crate) fn frame(side: Side, first: u8, payload: impl AsRef<[u8]>) -> Vec<u8> {
    let payload = payload.as_ref();
    let mut bytes = Vec::new();
    header(side, first, payload.len() as u64, &mut bytes);
    bytes.extend_from_slice(payload);
    bytes
}

/// Appends the header of a frame with this first byte and length.
pub(crate) fn header(side: Side, first: u8, len: u64, bytes: &mut Vec<u8>) {
    let mask = (side == Side::Client).then_some([0; 4]);
    let at = bytes.len();
    FrameHeader { mask, ..FrameHeader::new(ws_types::Opcode::Binary, len) }.encode(bytes).unwrap();
    bytes[at] = first;
}

/// The payload of a close frame.
pub(crate) fn close(code: u16, reason: &str) -> Vec<u8> {
    [&code.to_be_bytes()[..], reason.as_bytes()].concat()
}

/// A peer without any rules: it sends what it is told, and reads frames when it is told.
#[derive(Debug)]
pub(crate) struct Raw<S> {
    pub(crate) io: S,
    side: Side,
    unread: Vec<u8>,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Raw<S> {
    /// A client that has opened its connection.
    pub(crate) async fn client(io: S) -> Self {
        Self::client_with(io, REQUEST).await
    }

    /// A client that has opened its connection with this request.
    pub(crate) async fn client_with(mut io: S, request: &str) -> Self {
        io.write_all(request.as_bytes()).await.unwrap();
        let mut raw = Self { io, side: Side::Client, unread: Vec::new() };
        let head = raw.head().await;
        assert!(head.starts_with("HTTP/1.1 101 "), "{head}");
        raw
    }

    /// A server that has accepted a connection.
    pub(crate) async fn server(io: S) -> Self {
        let mut raw = Self { io, side: Side::Server, unread: Vec::new() };
        let head = raw.head().await;
        let mut handshake = ServerHandshake::new(&ServerOptions::default(), Duration::ZERO);
        assert_eq!(handshake.receive_data(head.as_bytes()), Ok(Some(head.len())));
        let request = handshake.into_request().unwrap();
        let negotiated =
            ws_proto::server::negotiate(&request, &ServerOptions::default(), None).unwrap();
        let mut response = b"HTTP/1.1 101 Switching Protocols\r\n".to_vec();
        negotiated.response.headers.write_to(&mut response);
        raw.io.write_all(&response).await.unwrap();
        raw
    }

    async fn more(&mut self) -> bool {
        self.io.read_buf(&mut self.unread).await.unwrap_or(0) > 0
    }

    /// The head of a request or response.
    pub(crate) async fn head(&mut self) -> String {
        loop {
            if let Some(end) = self.unread.windows(4).position(|bytes| bytes == b"\r\n\r\n") {
                let rest = self.unread.split_off(end + 4);
                return String::from_utf8(std::mem::replace(&mut self.unread, rest)).unwrap();
            }
            assert!(self.more().await, "the stream ended: {:?}", self.unread.escape_ascii());
        }
    }

    /// Sends one frame.
    pub(crate) async fn send(&mut self, first: u8, payload: impl AsRef<[u8]>) {
        let frame = frame(self.side, first, payload);
        self.write(&frame).await;
    }

    pub(crate) async fn write(&mut self, bytes: &[u8]) {
        self.io.write_all(bytes).await.unwrap();
    }

    /// The next frame, by its first byte, unmasked; `None` at the end of the stream.
    pub(crate) async fn next(&mut self) -> Option<(u8, Vec<u8>)> {
        loop {
            let decoded = FrameHeader::decode(&self.unread, self.side.peer()).unwrap();
            if let Some((header, len)) = decoded {
                let end = len + usize::try_from(header.payload_len).unwrap();
                if self.unread.len() >= end {
                    let rest = self.unread.split_off(end);
                    let frame = std::mem::replace(&mut self.unread, rest);
                    let key = header.mask.unwrap_or_default().into_iter().cycle();
                    let payload = frame[len..].iter().zip(key).map(|(byte, key)| byte ^ key);
                    return Some((frame[0], payload.collect()));
                }
            }
            if !self.more().await {
                assert!(self.unread.is_empty(), "half a frame: {:?}", self.unread.escape_ascii());
                return None;
            }
        }
    }

    /// The frames up to the end of the stream.
    pub(crate) async fn rest(&mut self) -> Vec<(u8, Vec<u8>)> {
        let mut frames = Vec::new();
        while let Some(frame) = self.next().await {
            frames.push(frame);
        }
        frames
    }
}

/// A stream in memory.
pub(crate) type Memory = DuplexStream;

/// Our server's end, and a client without rules, over a stream that holds `size` bytes.
pub(crate) async fn server(
    size: usize,
    set: impl FnOnce(Accept<Memory>) -> Accept<Memory>,
) -> (WebSocket<Memory>, Raw<Memory>) {
    let (near, far) = duplex(size);
    let (ws, raw) = tokio::join!(set(accept(near)).into_future(), Raw::client(far));
    (ws.unwrap(), raw)
}

/// Our client's end, and a server without rules, over a stream that holds `size` bytes.
pub(crate) async fn client_of(
    size: usize,
    set: impl FnOnce(Client<Memory>) -> Client<Memory>,
) -> (WebSocket<Memory>, Raw<Memory>) {
    let (near, far) = duplex(size);
    let client = set(client(near, "ws://localhost/")).into_future();
    let (ws, raw) = tokio::join!(client, Raw::server(far));
    (ws.unwrap(), raw)
}

/// Our client and our server, in this order, without compression: what is on the wire has its length.
pub(crate) async fn pair(size: usize) -> (WebSocket<Memory>, WebSocket<Memory>) {
    let (near, far) = duplex(size);
    let server = accept(far);
    #[cfg(feature = "deflate")]
    let server = server.compression(None);
    let client = client(near, "ws://localhost/");
    let (client, server) = tokio::join!(client.into_future(), server.into_future());
    (client.unwrap(), server.unwrap())
}

/// Fails instead of waiting without end. On a paused clock no time passes meanwhile.
pub(crate) async fn soon<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(3600), future).await.expect("this waits without end")
}

/// Lets every other task run until it waits.
pub(crate) async fn settle() {
    for _ in 0..64 {
        tokio::task::yield_now().await;
    }
}

pub(crate) fn text(text: &str) -> Message {
    Message::from(text)
}
