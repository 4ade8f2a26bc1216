//! The two limits on tokio: `echo-limits ADDR` echoes WebSocket frames with the least code that does
//! it, `--raw` echoes bytes, without a handshake. With `--tls`, over tokio-rustls.
//!
//! Hand-made in favour of speed: all connections of a thread share one receive buffer, frames are
//! unmasked and answered in place, one write per read; a payload that doesn't fit is read straight
//! into a buffer from a pool, behind room for its header. Nothing here checks what a library has to.

use std::cell::RefCell;
use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use echo_common::{Transport, minimal, upgrade};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

fn main() {
    echo_common::serve(echo_common::args(), |mut stream, args| async move {
        let mut connection = Connection::new(args.raw);
        poll_fn(|cx| {
            SHARED.with_borrow_mut(|shared| {
                connection.drive(&mut Socket { stream: &mut stream, cx }, shared)
            })
        })
        .await;
    });
}

thread_local! {
    static SHARED: RefCell<Shared> =
        RefCell::new(Shared { buf: vec![0; ROOM + READ], pool: vec![] });
}

/// How much is read at once.
const READ: usize = 128 << 10;
/// A payload from this length on is read into a buffer of its own.
const LARGE: usize = 8 << 10;
/// The bytes that are kept free in front of all that is read; a large payload has the header of its answer there.
/// Large allocations begin 16 bytes after the start of a page, so this puts what is read on a cache line of
/// its own, where the kernel's copy into it is quickest: without, a message of 64 KiB costs half as much
/// again, and one of 1 MiB up to twice as much.
const ROOM: usize = 48;

/// The memory that the connections of a thread share.
struct Shared {
    /// Bytes are read to behind `ROOM`.
    buf: Vec<u8>,
    /// Buffers for large payloads; all of each is initialised.
    pool: Vec<Vec<u8>>,
}

enum State {
    /// Bytes are echoed as they are.
    Raw,
    /// A request is expected.
    Opening,
    /// Frames are expected; `Connection::kept` may hold the beginning of one.
    Frames,
    /// The payload of a large frame is being received into `buf`, from `ROOM` on.
    Large { buf: Vec<u8>, opcode: u8, key: [u8; 4], done: usize, len: usize },
}

struct Connection {
    state: State,
    kept: Vec<u8>,
    /// Bytes that couldn't be written yet: `unsent[at..end]`.
    unsent: Vec<u8>,
    at: usize,
    end: usize,
}

impl Connection {
    fn new(raw: bool) -> Self {
        let state = if raw { State::Raw } else { State::Opening };
        Self { state, kept: vec![], unsent: vec![], at: 0, end: 0 }
    }

    /// Runs until it has to wait; ready when the connection is over.
    fn drive(&mut self, socket: &mut Socket<'_, '_>, shared: &mut Shared) -> Poll<()> {
        loop {
            while self.at < self.end {
                match socket.write(&self.unsent[self.at..self.end]) {
                    Poll::Ready(Ok(n)) => self.at += n,
                    Poll::Ready(Err(_)) => return Poll::Ready(()),
                    Poll::Pending => return Poll::Pending,
                }
            }
            if !self.unsent.is_empty() {
                shared.pool.push(std::mem::take(&mut self.unsent));
            }
            // TLS may hold back what the socket didn't take.
            match socket.flush() {
                Poll::Ready(Ok(())) => {}
                Poll::Ready(Err(_)) => return Poll::Ready(()),
                Poll::Pending => return Poll::Pending,
            }
            let read = match &mut self.state {
                State::Large { buf, key, done, len, .. } => {
                    let payload = &mut buf[ROOM + *done..ROOM + *len];
                    let limit = payload.len().min(READ);
                    let read = socket.read(&mut payload[..limit]);
                    if let Poll::Ready(Ok(n)) = read {
                        let mut key = *key;
                        key.rotate_left(*done & 3);
                        minimal::unmask(&mut payload[..n], key);
                        *done += n;
                    }
                    read
                }
                _ => socket.read(&mut shared.buf[ROOM..]),
            };
            let closed = match read {
                Poll::Ready(Ok(0) | Err(_)) => true,
                Poll::Ready(Ok(n)) => self.received(socket, shared, n).is_none(),
                Poll::Pending => return Poll::Pending,
            };
            if closed {
                return Poll::Ready(());
            }
        }
    }

    /// Handles `n` new bytes: in `shared.buf` behind `ROOM`, or in the buffer of a large payload.
    fn received(
        &mut self,
        socket: &mut Socket<'_, '_>,
        shared: &mut Shared,
        n: usize,
    ) -> Option<()> {
        if let State::Large { buf, opcode, done, len, .. } = &mut self.state {
            if done == len {
                let payload = &buf[ROOM..ROOM + *len];
                if *opcode == 1 && simdutf8::basic::from_utf8(payload).is_err() {
                    return None;
                }
                let mut header = [0; 10];
                let size = minimal::put_header(&mut header, true, *opcode, *len);
                buf[ROOM - size..ROOM].copy_from_slice(&header[..size]);
                (self.at, self.end) = (ROOM - size, ROOM + *len);
                self.unsent = std::mem::take(buf);
                self.state = State::Frames;
            }
            return Some(());
        }
        if matches!(self.state, State::Raw) {
            return self.send(socket, shared, 0, n);
        }
        if self.kept.is_empty() {
            return self.parse(socket, shared, n);
        }
        // What was kept goes before what came.
        let mut joined = vec![0; ROOM];
        joined.append(&mut self.kept);
        joined.extend_from_slice(&shared.buf[ROOM..ROOM + n]);
        std::mem::swap(&mut shared.buf, &mut joined);
        let n = shared.buf.len() - ROOM;
        let parsed = self.parse(socket, shared, n);
        std::mem::swap(&mut shared.buf, &mut joined);
        parsed
    }

    /// Answers what is whole in the `n` bytes of `shared.buf` behind `ROOM`.
    fn parse(&mut self, socket: &mut Socket<'_, '_>, shared: &mut Shared, n: usize) -> Option<()> {
        let buf = &mut shared.buf[ROOM..ROOM + n];
        if matches!(self.state, State::Opening) {
            let Some(end) = upgrade::head_len(buf) else {
                self.kept.extend_from_slice(buf);
                return Some(());
            };
            let response = upgrade::response(&buf[..end])?;
            self.state = State::Frames;
            // The generator sends nothing before it has the response, and that fits any socket.
            return match socket.write(response.as_bytes()) {
                Poll::Ready(Ok(n)) if n == response.len() => Some(()),
                _ => None,
            };
        }
        let Some(header) = minimal::header(buf) else {
            self.kept.extend_from_slice(buf);
            return Some(());
        };
        if header.size + header.len == n && header.opcode < 3 && header.fin {
            // Alone: the answer's header goes right before the payload.
            let payload = &mut buf[header.size..];
            minimal::unmask(payload, header.key);
            if header.opcode == 1 && simdutf8::basic::from_utf8(payload).is_err() {
                return None;
            }
            let mut answer = [0; 10];
            let size = minimal::put_header(&mut answer, true, header.opcode, header.len);
            let start = header.size - size;
            buf[start..header.size].copy_from_slice(&answer[..size]);
            return self.send(socket, shared, start, n);
        }
        let echoed = minimal::echo_in_place(buf);
        self.send(socket, shared, 0, echoed.produced)?;
        if echoed.closed {
            return None;
        }
        let rest = &mut shared.buf[ROOM + echoed.consumed..ROOM + n];
        match minimal::header(rest) {
            Some(header) if header.fin && header.opcode < 3 && header.len >= LARGE => {
                let payload = &mut rest[header.size..];
                minimal::unmask(payload, header.key);
                let mut buf = shared.pool.pop().unwrap_or_default();
                if buf.len() < ROOM + header.len {
                    buf.resize(ROOM + header.len, 0);
                }
                buf[ROOM..ROOM + payload.len()].copy_from_slice(payload);
                let (opcode, key, len) = (header.opcode, header.key, header.len);
                self.state = State::Large { buf, opcode, key, done: payload.len(), len };
            }
            _ => self.kept.extend_from_slice(rest),
        }
        Some(())
    }

    /// Writes a part of `shared.buf` behind `ROOM`; what the socket doesn't take is kept.
    fn send(
        &mut self,
        socket: &mut Socket<'_, '_>,
        shared: &mut Shared,
        mut start: usize,
        mut end: usize,
    ) -> Option<()> {
        (start, end) = (ROOM + start, ROOM + end);
        while start < end {
            match socket.write(&shared.buf[start..end]) {
                Poll::Ready(Ok(n)) => start += n,
                Poll::Ready(Err(_)) => return None,
                Poll::Pending => {
                    let rest = &shared.buf[start..end];
                    let mut unsent = shared.pool.pop().unwrap_or_default();
                    if unsent.len() < rest.len() {
                        unsent.resize(rest.len(), 0);
                    }
                    unsent[..rest.len()].copy_from_slice(rest);
                    (self.unsent, self.at, self.end) = (unsent, 0, rest.len());
                    break;
                }
            }
        }
        Some(())
    }
}

/// A socket within a poll.
struct Socket<'a, 'b> {
    stream: &'a mut Transport,
    cx: &'a mut Context<'b>,
}

impl Socket<'_, '_> {
    fn read(&mut self, to: &mut [u8]) -> Poll<io::Result<usize>> {
        let mut to = ReadBuf::new(to);
        let read = Pin::new(&mut *self.stream).poll_read(self.cx, &mut to);
        read.map_ok(|()| to.filled().len())
    }

    fn write(&mut self, from: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut *self.stream).poll_write(self.cx, from)
    }

    fn flush(&mut self) -> Poll<io::Result<()>> {
        Pin::new(&mut *self.stream).poll_flush(self.cx)
    }
}
