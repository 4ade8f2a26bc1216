//! Received messages, a line each, on standard output.

use std::fmt::Write as _;
use std::io::{self, Write};
use std::sync::Arc;
use std::thread;

use tokio::sync::{mpsc, oneshot};
use websockets::Message;
use websockets::exceptions::Escaped;

use crate::json;
use crate::terminal::Screen;

/// Messages that may wait for a slow reader of standard output.
const QUEUE: usize = 64;

/// The way to standard output, through a thread that may wait for its reader.
#[derive(Debug)]
pub(crate) struct Output {
    messages: mpsc::Sender<Message>,
    result: oneshot::Receiver<io::Result<()>>,
}

/// Room for one message.
pub(crate) type Room<'a> = mpsc::Permit<'a, Message>;

impl Output {
    /// Prints on standard output, or on the screen.
    pub(crate) fn new(screen: Option<Arc<Screen>>) -> Self {
        let (messages, queue) = mpsc::channel(QUEUE);
        let (sender, result) = oneshot::channel();
        thread::spawn(move || {
            let printed = match screen {
                Some(screen) => print_on(&screen, queue),
                None => print(queue),
            };
            _ = sender.send(printed);
        });
        Self { messages, result }
    }

    /// Waits for room; `None` when nothing can be printed any more.
    pub(crate) async fn room(&self) -> Option<Room<'_>> {
        self.messages.reserve().await.ok()
    }

    /// Waits until everything is printed.
    pub(crate) async fn finish(self) -> io::Result<()> {
        drop(self.messages);
        self.result.await.unwrap_or(Ok(()))
    }
}

/// Prints messages, a line each; flushes when none is waiting.
fn print(mut messages: mpsc::Receiver<Message>) -> io::Result<()> {
    let mut out = io::BufWriter::new(io::stdout().lock());
    while let Some(message) = messages.blocking_recv() {
        writeln!(out, "{}", line(&message))?;
        if messages.is_empty() {
            out.flush()?;
        }
    }
    out.flush()
}

/// Shows messages on the screen, which prints them itself.
#[expect(clippy::unnecessary_wraps, reason = "like `print`")]
fn print_on(screen: &Screen, mut messages: mpsc::Receiver<Message>) -> io::Result<()> {
    while let Some(message) = messages.blocking_recv() {
        screen.message(&shown(&message, screen.indents_json()));
    }
    Ok(())
}

/// A message as one line: text with control and bidirectional characters escaped, binary with all that
/// isn't printable ASCII escaped.
fn line(message: &Message) -> String {
    match message.as_text() {
        Some(text) => Escaped(text).to_string(),
        None => message.as_bytes().iter().fold(String::new(), |mut line, &byte| {
            if matches!(byte, b' '..=b'~') {
                line.push(char::from(byte));
            } else {
                // Writing to a string can't fail.
                _ = write!(line, "{}", byte.escape_ascii());
            }
            line
        }),
    }
}

/// A message as the screen shows it: JSON on several lines, if that is wanted, else one line.
fn shown(message: &Message, indents_json: bool) -> String {
    let json = message.as_text().filter(|_| indents_json).and_then(json::indented);
    match json {
        Some(text) => {
            let lines = text.lines().map(|line| Escaped(line).to_string());
            lines.collect::<Vec<_>>().join("\n")
        }
        None => line(message),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_one_line() {
        for (message, expected) in [
            (Message::from("plain ünicode \"\\n\""), "plain ünicode \"\\n\""),
            (Message::from("a\nb\r\t\0"), r"a\nb\r\t\u{0}"),
            (Message::from("\u{1b}[2J\u{85}\u{2028}"), r"\u{1b}[2J\u{85}\u{2028}"),
            (Message::from("\u{202e}\u{2066}\u{200f}\u{61c}"), r"\u{202e}\u{2066}\u{200f}\u{61c}"),
            (Message::from(""), ""),
            (Message::from(&b"a \"q\" \\ ~\x7f\xff\n\0"[..]), r#"a "q" \ ~\x7f\xff\n\x00"#),
        ] {
            assert_eq!(line(&message), expected, "{message:?}");
        }
    }
}
