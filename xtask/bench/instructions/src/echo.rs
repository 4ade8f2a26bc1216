//! One echo through a connection of `ws-tokio`, over a stream in memory.

use std::hint::black_box;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::wire::{Block, Wire};

const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n\
    Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
    Sec-WebSocket-Version: 13\r\n\r\n";

/// Opens a connection and echoes `count` messages, each of which comes in a read of its own; the sum
/// of their lengths.
pub fn echo(block: &Block, count: usize) -> u64 {
    let stream = Stream { opened: false, wire: Wire::new(block), frame: block.frame };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.expect("a runtime").block_on(async {
        let accepted = ws_tokio::accept(stream).max_message_size(None).await;
        let mut ws = accepted.expect("a good request");
        let mut sum = 0;
        for _ in 0..count {
            let message = ws.recv().await.expect("a good frame").expect("an endless stream");
            sum += message.len() as u64;
            ws.send(message).await.expect("a stream that takes everything");
        }
        sum
    })
}

/// Gives the request, then one frame per read; takes every write.
struct Stream {
    opened: bool,
    wire: Wire,
    frame: usize,
}

impl AsyncRead for Stream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.opened {
            let most = self.frame.min(buf.remaining());
            buf.put_slice(self.wire.next(most));
        } else {
            buf.put_slice(REQUEST);
            self.opened = true;
        }
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
