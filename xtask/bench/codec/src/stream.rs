//! The stream that the peers read and write: frames without end, and a sink without bottom.

use std::hint::black_box;
use std::io::{self, IoSlice, Read, Write};
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};

use instructions::wire::{Block, Wire};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

pub struct Stream {
    wire: Wire,
    pub written: u64,
}

impl Stream {
    pub fn new(block: &Block) -> Self {
        Self { wire: Wire::new(block), written: 0 }
    }

    /// One read.
    #[inline]
    pub fn pull(&mut self, to: &mut [u8]) -> usize {
        let bytes = self.wire.next(to.len());
        to[..bytes.len()].copy_from_slice(bytes);
        bytes.len()
    }

    fn drop_bytes(&mut self, bytes: &[u8]) -> usize {
        self.written += black_box(bytes).len() as u64;
        bytes.len()
    }

    fn drop_all(&mut self, slices: &[IoSlice<'_>]) -> usize {
        let len = black_box(slices).iter().map(|slice| slice.len()).sum();
        self.written += len as u64;
        len
    }
}

/// Runs a future that never waits.
pub fn run<F: Future>(future: F) -> F::Output {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => output,
        Poll::Pending => panic!("memory never waits"),
    }
}

impl Read for Stream {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        Ok(self.pull(to))
    }
}

impl Write for Stream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Ok(self.drop_bytes(bytes))
    }

    fn write_vectored(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        Ok(self.drop_all(slices))
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl AsyncRead for Stream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        to: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let most = to.remaining();
        to.put_slice(self.wire.next(most));
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Poll::Ready(Ok(self.drop_bytes(bytes)))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Poll::Ready(Ok(self.drop_all(slices)))
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

impl wtx::stream::StreamReader for Stream {
    async fn read(&mut self, to: &mut [u8]) -> wtx::Result<usize> {
        Ok(self.pull(to))
    }
}

impl wtx::stream::StreamWriter for Stream {
    async fn write_all(&mut self, bytes: &[u8]) -> wtx::Result<()> {
        self.drop_bytes(bytes);
        Ok(())
    }

    async fn write_all_vectored(&mut self, slices: &[&[u8]]) -> wtx::Result<()> {
        self.written += black_box(slices).iter().map(|slice| slice.len()).sum::<usize>() as u64;
        Ok(())
    }
}
