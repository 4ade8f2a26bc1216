//! Lines to send: from standard input, or from the line editor.

use std::collections::VecDeque;
use std::future::pending;
use std::io::{self, BufRead};
use std::thread;

use tokio::sync::mpsc;

/// A line without its end, or the error of standard input.
pub(crate) type Line = io::Result<Vec<u8>>;

/// Lines that may wait between their reader and the connection.
pub(crate) const QUEUE: usize = 64;

/// The bytes that are kept while there is no connection; then reading waits, and with it the notice of
/// the end.
const MAX_KEPT: usize = 1 << 20;

/// Lines in their order, those that were read and not sent first.
#[derive(Debug)]
pub(crate) struct Input {
    lines: mpsc::Receiver<Line>,
    kept: VecDeque<Line>,
    kept_len: usize,
    has_ended: bool,
    /// The number of the first line that is kept or will come.
    number: u64,
}

impl Input {
    /// Takes lines from a channel.
    pub(crate) fn new(lines: mpsc::Receiver<Line>) -> Self {
        Self { lines, kept: VecDeque::new(), kept_len: 0, has_ended: false, number: 1 }
    }

    /// Reads standard input, in a thread of its own that nothing can interrupt.
    pub(crate) fn stdin() -> Self {
        let (sender, lines) = mpsc::channel(QUEUE);
        thread::spawn(move || read(io::stdin().lock(), &sender));
        Self::new(lines)
    }

    /// Whether all lines were read.
    pub(crate) fn has_ended(&self) -> bool {
        self.has_ended
    }

    /// Whether lines were read and not taken.
    pub(crate) fn has_kept(&self) -> bool {
        !self.kept.is_empty()
    }

    /// The next line and its number, without taking it; `None` at the end. Nothing is lost if the future is
    /// dropped.
    pub(crate) async fn peek(&mut self) -> Option<(u64, &Line)> {
        if self.kept.is_empty() && !self.has_ended {
            self.read().await;
        }
        Some((self.number, self.kept.front()?))
    }

    /// Takes the next line.
    pub(crate) fn pop(&mut self) {
        if let Some(line) = self.kept.pop_front() {
            self.kept_len = self.kept_len.saturating_sub(len(&line));
            self.number = self.number.saturating_add(1);
        }
    }

    /// Reads lines and keeps them, until the end. Nothing is lost if the future is dropped.
    pub(crate) async fn gather(&mut self) {
        while !self.has_ended {
            if self.kept_len >= MAX_KEPT {
                pending::<()>().await;
            }
            self.read().await;
        }
    }

    async fn read(&mut self) {
        match self.lines.recv().await {
            Some(line) => {
                self.kept_len = self.kept_len.saturating_add(len(&line));
                self.kept.push_back(line);
            }
            None => self.has_ended = true,
        }
    }
}

fn len(line: &Line) -> usize {
    line.as_ref().map_or(0, Vec::len)
}

/// Sends lines, without LF or CR LF, until the end, an error, or nobody wants them.
fn read(mut from: impl BufRead, to: &mpsc::Sender<Line>) {
    loop {
        let mut line = Vec::new();
        let read = from.read_until(b'\n', &mut line);
        if matches!(read, Ok(0)) {
            return;
        }
        if line.pop_if(|last| *last == b'\n').is_some() {
            line.pop_if(|last| *last == b'\r');
        }
        let failed = read.is_err();
        if to.blocking_send(read.map(|_| line)).is_err() || failed {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_lose_their_ends_and_nothing_else() {
        for (bytes, expected) in [
            (&b""[..], &[][..]),
            (b"a\nb\r\n", &["a", "b"]),
            (b"a\n\nb", &["a", "", "b"]),
            (b"a\r\r\n\r", &["a\r", "\r"]),
        ] {
            let (sender, mut lines) = mpsc::channel(8);
            read(bytes, &sender);
            drop(sender);
            let mut found = Vec::new();
            while let Some(line) = lines.blocking_recv() {
                found.push(String::from_utf8(line.unwrap()).unwrap());
            }
            assert_eq!(found, expected, "{bytes:?}");
        }
    }
}
