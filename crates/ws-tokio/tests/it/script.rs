//! A stream that does what a test wants: reads and writes of chosen sizes, waiting, errors.

use std::collections::VecDeque;
use std::future::IntoFuture;
use std::io::{self, ErrorKind};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context, Poll, Waker};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use ws_proto::FrameHeader;
use ws_tokio::{Accept, WebSocket, accept};
use ws_types::Side;

use crate::common::REQUEST;

/// The stream; like a socket, it wakes only the last task that waited for each direction.
#[derive(Debug)]
pub(crate) struct Script(Arc<Mutex<State>>);

/// The far end of a [`Script`].
#[derive(Debug)]
pub(crate) struct Control(Arc<Mutex<State>>);

#[derive(Debug)]
struct State {
    input: VecDeque<Input>,
    reader: Option<Waker>,
    /// How many bytes were read.
    read: usize,
    /// How many bytes writes still take.
    room: usize,
    /// How many bytes one write takes.
    step: usize,
    write_error: Option<ErrorKind>,
    writer: Option<Waker>,
    written: Vec<u8>,
    writes: usize,
    shut: bool,
    dropped: bool,
}

#[derive(Debug)]
enum Input {
    Bytes(Vec<u8>),
    /// Not ready for one poll.
    Pause,
    Error(ErrorKind),
    End,
}

pub(crate) fn script() -> (Script, Control) {
    let state = State {
        input: VecDeque::new(),
        reader: None,
        read: 0,
        room: usize::MAX,
        step: usize::MAX,
        write_error: None,
        writer: None,
        written: Vec::new(),
        writes: 0,
        shut: false,
        dropped: false,
    };
    let state = Arc::new(Mutex::new(state));
    (Script(Arc::clone(&state)), Control(state))
}

/// Our server's end of a scripted connection that is open.
pub(crate) async fn scripted(
    set: impl FnOnce(Accept<Script>) -> Accept<Script>,
) -> (WebSocket<Script>, Control) {
    let (io, control) = script();
    control.bytes(REQUEST);
    let ws = set(accept(io)).into_future().await.unwrap();
    assert!(control.written().starts_with(b"HTTP/1.1 101 "));
    control.lock().read = 0;
    control.lock().writes = 0;
    (ws, control)
}

/// The frames that a server has written, as far as they are whole, and how many bytes are left over.
pub(crate) fn frames(bytes: &[u8]) -> (Vec<(u8, Vec<u8>)>, usize) {
    let mut frames = Vec::new();
    let mut rest = bytes;
    while let Some((header, len)) = FrameHeader::decode(rest, Side::Server).unwrap() {
        let end = len + usize::try_from(header.payload_len).unwrap();
        let Some(frame) = rest.get(..end) else { break };
        frames.push((frame[0], frame[len..].to_vec()));
        rest = &rest[end..];
    }
    (frames, rest.len())
}

impl Control {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }

    fn push(&self, input: Input) {
        let mut state = self.lock();
        state.input.push_back(input);
        if let Some(waker) = state.reader.take() {
            waker.wake();
        }
    }

    /// The next read gives these bytes, at once if there is room for them.
    pub(crate) fn bytes(&self, bytes: impl AsRef<[u8]>) {
        self.push(Input::Bytes(bytes.as_ref().to_vec()));
    }

    /// The next read isn't ready, once.
    pub(crate) fn pause(&self) {
        self.push(Input::Pause);
    }

    pub(crate) fn read_error(&self, kind: ErrorKind) {
        self.push(Input::Error(kind));
    }

    pub(crate) fn end(&self) {
        self.push(Input::End);
    }

    /// Writes take so many bytes, then they aren't ready.
    pub(crate) fn room(&self, room: usize) {
        let mut state = self.lock();
        state.room = room;
        if let Some(waker) = state.writer.take() {
            waker.wake();
        }
    }

    /// One write takes at most so many bytes.
    pub(crate) fn step(&self, step: usize) {
        self.lock().step = step;
    }

    /// Writes fail from now on.
    pub(crate) fn write_error(&self, kind: ErrorKind) {
        let mut state = self.lock();
        state.write_error = Some(kind);
        if let Some(waker) = state.writer.take() {
            waker.wake();
        }
    }

    /// Takes what was written.
    pub(crate) fn written(&self) -> Vec<u8> {
        std::mem::take(&mut self.lock().written)
    }

    /// How many writes took bytes.
    pub(crate) fn writes(&self) -> usize {
        self.lock().writes
    }

    /// How many bytes were read since the connection was opened.
    pub(crate) fn read(&self) -> usize {
        self.lock().read
    }

    pub(crate) fn shut(&self) -> bool {
        self.lock().shut
    }

    pub(crate) fn dropped(&self) -> bool {
        self.lock().dropped
    }
}

impl AsyncRead for Script {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let mut state = self.0.lock().unwrap();
        match state.input.pop_front() {
            Some(Input::Bytes(mut bytes)) => {
                let rest = bytes.split_off(bytes.len().min(buf.remaining()));
                buf.put_slice(&bytes);
                state.read += bytes.len();
                if !rest.is_empty() {
                    state.input.push_front(Input::Bytes(rest));
                }
                Poll::Ready(Ok(()))
            }
            Some(Input::Pause) => {
                cx.waker().wake_by_ref();
                Poll::Pending
            }
            Some(Input::Error(kind)) => Poll::Ready(Err(kind.into())),
            Some(Input::End) => {
                state.input.push_front(Input::End);
                Poll::Ready(Ok(()))
            }
            None => {
                state.reader = Some(cx.waker().clone());
                Poll::Pending
            }
        }
    }
}

impl AsyncWrite for Script {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let mut state = self.0.lock().unwrap();
        if let Some(kind) = state.write_error {
            return Poll::Ready(Err(kind.into()));
        }
        let n = buf.len().min(state.room).min(state.step);
        if n == 0 {
            state.writer = Some(cx.waker().clone());
            return Poll::Pending;
        }
        state.room -= n;
        state.writes += 1;
        state.written.extend_from_slice(&buf[..n]);
        Poll::Ready(Ok(n))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.0.lock().unwrap().shut = true;
        Poll::Ready(Ok(()))
    }
}

impl Drop for Script {
    fn drop(&mut self) {
        self.0.lock().unwrap().dropped = true;
    }
}
