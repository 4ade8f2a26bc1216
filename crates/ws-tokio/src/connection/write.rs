//! The writing half of the driver.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Buf;
use tokio::io::AsyncWrite;
use ws_types::State;

use super::state::{Driver, Writing};

/// So many bytes have to be taken within the write timeout, unless fewer are queued.
const PROGRESS: usize = 4096;

impl<S: AsyncWrite + Unpin> Driver<S> {
    /// Writes what is queued, as far as the stream takes it, then closes the writing side if it is time.
    /// Ready when all is done, or nothing can be written any more.
    pub(super) fn poll_write(&mut self) -> Poll<()> {
        if self.writing == Writing::Done
            && self.conn.output().is_empty()
            && !self.conn.wants_shutdown()
        {
            return Poll::Ready(());
        }
        let before = (self.written(), self.writing);
        let result = match self.poll_write_all() {
            Poll::Ready(Ok(())) => Poll::Ready(()),
            Poll::Ready(Err(e)) => {
                self.write_failed(e);
                Poll::Ready(())
            }
            Poll::Pending => Poll::Pending,
        };
        self.unwritten_pongs = self.unwritten_pongs.min(self.conn.output().len());
        // Some wait for room, some for what they have queued to leave.
        if (self.written(), self.writing) != before {
            self.wakers.wake_writers();
        }
        result
    }

    fn poll_write_all(&mut self) -> Poll<io::Result<()>> {
        let Some(stream) = &mut self.stream else { return Poll::Ready(Ok(())) };
        if self.writing == Writing::Failed {
            self.conn.output().clear();
            return Poll::Ready(Ok(()));
        }
        let cx = &mut Context::from_waker(&self.waker);
        let mut stream = Pin::new(stream);
        while !self.conn.output().is_empty() {
            let output = self.conn.output();
            match write_front(stream.as_mut(), cx, output) {
                Poll::Ready(Ok(0)) => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                Poll::Ready(Ok(n)) => {
                    output.advance(n);
                    self.writing.wrote(n);
                }
                Poll::Ready(Err(e)) => return Poll::Ready(Err(e)),
                Poll::Pending => {
                    if !matches!(self.writing, Writing::Blocked { .. }) {
                        let timeout = self.settings.write_timeout;
                        let deadline = timeout.map(|it| self.origin.elapsed().saturating_add(it));
                        let left = output.len().min(PROGRESS);
                        self.writing = Writing::Blocked { left, deadline };
                    }
                    return Poll::Pending;
                }
            }
        }
        if !matches!(self.writing, Writing::Done | Writing::Shut) {
            ready!(stream.as_mut().poll_flush(cx))?;
            self.writing = Writing::Done;
        }
        // A stream that the peer has ended without a closing handshake is dropped at once: that tells as
        // much, for less.
        let cut_off = || self.conn.state() == State::Closed && self.conn.closed().sent().is_none();
        if self.conn.wants_shutdown() && self.writing != Writing::Shut && !cut_off() {
            ready!(stream.poll_shutdown(cx))?;
            self.writing = Writing::Shut;
        }
        Poll::Ready(Ok(()))
    }

    /// Nothing can be written any more; what has arrived can still be read.
    fn write_failed(&mut self, error: io::Error) {
        self.failed.get_or_insert_with(|| Arc::new(error));
        self.writing = Writing::Failed;
        self.conn.output().clear();
        self.wakers.wake_all();
    }
}

/// Writes from the front of the queue, with one call.
fn write_front(
    stream: Pin<&mut impl AsyncWrite>,
    cx: &mut Context<'_>,
    output: &impl Buf,
) -> Poll<io::Result<usize>> {
    let first = output.chunk();
    if first.len() == output.remaining() || !stream.is_write_vectored() {
        return stream.poll_write(cx, first);
    }
    let mut slices = [IoSlice::new(&[]); 16];
    let n = output.chunks_vectored(&mut slices);
    stream.poll_write_vectored(cx, slices.get(..n).unwrap_or_default())
}
