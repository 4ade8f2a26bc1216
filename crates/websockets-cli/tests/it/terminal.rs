//! The line editor, on a pseudo-terminal.

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::process::Stdio;
use std::thread;

use nix::pty::{Winsize, openpty};
use nix::sys::termios::{LocalFlags, tcgetattr};
use tokio::process::Child;
use tokio::sync::mpsc;
use websockets::WebSocket;

use crate::common::{Stubborn, closing, command, in_time};

/// The tool on a terminal.
struct Terminal {
    child: Child,
    keys: File,
    /// The tool's side, which keeps the terminal open.
    tty: OwnedFd,
    output: mpsc::UnboundedReceiver<Vec<u8>>,
    /// Bytes that were printed.
    screen: String,
}

impl Terminal {
    fn start(args: &[&str], env: &[(&str, &str)]) -> Self {
        let size = Winsize { ws_row: 24, ws_col: 80, ws_xpixel: 0, ws_ypixel: 0 };
        let pty = openpty(&size, None).unwrap();
        let stdio = || Stdio::from(pty.slave.try_clone().unwrap());
        let mut command = command(args);
        command.stdin(stdio()).stdout(stdio()).stderr(stdio());
        command.env("TERM", "xterm").env_remove("NO_COLOR").envs(env.iter().copied());
        let child = command.spawn().unwrap();
        let keys = File::from(pty.master);
        let mut from = keys.try_clone().unwrap();
        let (sender, output) = mpsc::unbounded_channel();
        thread::spawn(move || {
            let mut memory = [0; 4096];
            while let Ok(n @ 1..) = from.read(&mut memory) {
                if sender.send(memory.iter().take(n).copied().collect()).is_err() {
                    return;
                }
            }
        });
        Self { child, keys, tty: pty.slave, output, screen: String::new() }
    }

    fn press(&mut self, keys: &str) {
        self.keys.write_all(keys.as_bytes()).unwrap();
    }

    /// Waits until this is printed; forgets all up to it.
    async fn shows(&mut self, text: &str) -> String {
        loop {
            if let Some(at) = self.screen.find(text) {
                let rest = self.screen.split_off(at + text.len());
                return std::mem::replace(&mut self.screen, rest);
            }
            let bytes =
                tokio::time::timeout(std::time::Duration::from_secs(20), self.output.recv());
            let bytes = bytes.await.unwrap_or_else(|_| panic!("no {text:?} in {:?}", self.screen));
            self.screen += &String::from_utf8_lossy(&bytes.unwrap());
        }
    }

    /// Waits for the end: the exit status. The terminal is as it was.
    async fn end(&mut self) -> Option<i32> {
        let status = in_time(self.child.wait()).await.unwrap();
        let modes = tcgetattr(&self.tty).unwrap().local_flags;
        assert!(modes.contains(LocalFlags::ICANON | LocalFlags::ECHO | LocalFlags::ISIG));
        status.code()
    }
}

/// Echoes, and closes with the client.
async fn echo<S>(mut ws: WebSocket<S>)
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin,
{
    while let Ok(Some(message)) = ws.recv().await {
        ws.send(message).await.unwrap();
    }
}

#[tokio::test]
async fn lines_are_edited_and_answers_appear_above_them_in_color() {
    let server = Stubborn::new().await;
    let mut terminal = Terminal::start(&[&server.url()], &[]);
    let ws = server.ws().await;
    let sender = ws.sender();
    let echo = tokio::spawn(echo(ws));
    terminal.shows("* Open").await;
    terminal.shows("> ").await;
    // One that is mended with Backspace.
    terminal.press("helx\x7flo\r");
    terminal.shows("> hello\r\n").await;
    terminal.shows("\u{1b}[32m< hello\u{1b}[0m\r\n").await;
    // Half a line is drawn again below what arrives.
    terminal.press("half");
    terminal.shows("half").await;
    sender.send("inco\u{1b}ming").await.unwrap();
    terminal.shows("< inco\\u{1b}ming").await;
    terminal.shows("> half").await;
    // The history: the line before, and the draft again.
    terminal.press("\u{1b}[A");
    terminal.shows("hello").await;
    terminal.press("\u{1b}[B");
    terminal.shows("half").await;
    terminal.press("\x15\u{1b}[A\r");
    terminal.shows("< hello").await;
    // Alt-J: JSON on several lines, and what isn't JSON as before.
    terminal.press("\u{1b}j");
    terminal.shows("* JSON is indented\r\n").await;
    sender.send(r#"{"b":[1.0],"a\u001b":{}}"#).await.unwrap();
    terminal.shows("< {\r\n  \"b\": [\r\n    1.0\r\n  ],\r\n  \"a\\u001b\": {}\r\n}").await;
    sender.send("{plain\u{1b}}").await.unwrap();
    terminal.shows("< {plain\\u{1b}}").await;
    terminal.press("\u{1b}j");
    terminal.shows("* JSON is printed as it comes\r\n").await;
    sender.send("[1,2]").await.unwrap();
    terminal.shows("< [1,2]").await;
    // Ctrl-D on an empty line.
    terminal.press("\x04");
    terminal.shows("* Closed with 1000 (OK)").await;
    assert_eq!(terminal.end().await, Some(0));
    in_time(echo).await.unwrap();
}

#[tokio::test]
async fn ctrl_c_closes_and_a_second_one_ends_it_at_once() {
    let server = Stubborn::new().await;
    let mut terminal = Terminal::start(&[&server.url()], &[("NO_COLOR", "1")]);
    let ws = server.ws().await;
    ws.send("hello").await.unwrap();
    let echo = tokio::spawn(echo(ws));
    let shown = terminal.shows("< hello").await;
    assert!(!shown.contains("\u{1b}[32m"), "{shown:?}");
    // Before the prompt, the terminal isn't the editor's, and Ctrl-C would be a signal.
    terminal.shows("> ").await;
    terminal.press("half\x03");
    terminal.shows("* Closed with 1000 (OK)").await;
    assert_eq!(terminal.end().await, Some(0));
    in_time(echo).await.unwrap();

    let mut terminal = Terminal::start(&[&server.url()], &[]);
    let mut stream = server.open().await;
    terminal.shows("> ").await;
    terminal.press("\x03");
    closing(&mut stream).await;
    terminal.press("\x03");
    assert_eq!(terminal.end().await, Some(130));
}

#[tokio::test]
async fn the_end_is_told_with_its_code_and_reason() {
    for (code, expected, status) in
        [(1000, "* Closed with 1000 (OK) bye", 0), (1008, "error: received 1008", 1)]
    {
        let server = Stubborn::new().await;
        let mut terminal = Terminal::start(&[&server.url()], &[]);
        let ws = server.ws().await;
        terminal.shows("> ").await;
        for at in 0..100 {
            ws.send(format!("message {at}")).await.unwrap();
        }
        ws.close(code, "bye").await.unwrap();
        // Nothing is lost at the end.
        terminal.shows("message 99").await;
        terminal.shows(expected).await;
        assert_eq!(terminal.end().await, Some(status));
    }
}

#[tokio::test]
async fn a_terminal_that_can_only_print_gets_plain_lines() {
    for term in ["dumb", "emacs"] {
        let server = Stubborn::new().await;
        let mut terminal = Terminal::start(&[&server.url()], &[("TERM", term)]);
        let echo = tokio::spawn(echo(server.ws().await));
        terminal.press("hello\n");
        assert_eq!(terminal.shows("hello\r\nhello\r\n").await, "hello\r\nhello\r\n");
        terminal.press("\x04");
        assert_eq!(terminal.end().await, Some(0), "{term}");
        in_time(echo).await.unwrap();
    }
}
