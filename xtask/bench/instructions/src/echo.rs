//! Echoes through a connection of `ws-tokio`, over a stream in memory.

use std::hint::black_box;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::wire::{Block, Wire};

const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n\
    Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
    Sec-WebSocket-Version: 13\r\n\r\n";

/// Messages of a batch.
const BATCH: usize = 32;

/// Echoes `count` messages, each of which comes in a read of its own; the sum of their lengths.
pub fn echo(block: &Block, count: usize) -> u64 {
    runtime().block_on(plain_loop(Stream::new(block, 1), count))
}

/// The same, 32 messages at a time: each batch is there at once, and the next one only after the
/// connection has waited. As on a server, the loop is a task.
pub fn echo_batch(block: &Block, count: usize) -> u64 {
    let runtime = runtime();
    let task = runtime.spawn(plain_loop(Stream::new(block, BATCH), count));
    runtime.block_on(task).expect("it doesn't panic")
}

fn runtime() -> tokio::runtime::Runtime {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.expect("a runtime")
}

/// Opens a connection, then receives and sends.
async fn plain_loop(stream: Stream, count: usize) -> u64 {
    let accepted = ws_tokio::accept(stream).max_message_size(None).await;
    let mut ws = accepted.expect("a good request");
    let mut sum = 0;
    for _ in 0..count {
        let message = ws.recv().await.expect("a good frame").expect("an endless stream");
        sum += message.len() as u64;
        ws.send(message).await.expect("a stream that takes everything");
    }
    sum
}

/// Gives the request, then a batch of frames per read; takes every write.
struct Stream {
    opened: bool,
    wire: Wire,
    /// Bytes of a batch, and those of them that are still to be read.
    batch: usize,
    left: usize,
    /// Whether a read between two batches is pending once.
    waits: bool,
}

impl Stream {
    fn new(block: &Block, messages: usize) -> Self {
        let batch = messages * block.frame;
        Self { opened: false, wire: Wire::new(block), batch, left: batch, waits: messages > 1 }
    }
}

impl AsyncRead for Stream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if !self.opened {
            buf.put_slice(REQUEST);
            self.opened = true;
            return Poll::Ready(Ok(()));
        }
        if self.left == 0 {
            self.left = self.batch;
            if self.waits {
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
        }
        let most = self.left.min(buf.remaining());
        let bytes = self.wire.next(most);
        buf.put_slice(bytes);
        let n = bytes.len();
        self.left -= n;
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Poll::Ready(Ok(black_box(buf).len()))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Poll::Ready(Ok(black_box(bufs).iter().map(|buf| buf.len()).sum()))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
