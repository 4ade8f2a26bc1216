//! The terminal: a line editor, with messages above the line that is being typed.
//!
//! The editor reads one line that never ends: Enter sends it and empties it, so that everything is printed by
//! the editor, in order, and nothing comes between it and the screen. In the end it is parked.

use std::borrow::Cow;
use std::collections::VecDeque;
use std::fmt;
use std::io::{self, IsTerminal, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use rustyline::completion::Completer;
use rustyline::highlight::Highlighter;
use rustyline::hint::Hinter;
use rustyline::history::MemHistory;
use rustyline::validate::Validator;
use rustyline::{
    Cmd, ColorMode, ConditionalEventHandler, Config, Editor as LineEditor, Event, EventContext,
    EventHandler, ExternalPrinter, Helper, KeyCode, KeyEvent, Modifiers, Movement, RepeatCount,
};
use tokio::sync::{mpsc, oneshot};
use websockets::exceptions::Escaped;

use crate::input::{Input, Line, QUEUE};
use crate::signals::Signal;

/// The lines that the arrow keys find.
const HISTORY: usize = 1000;

/// The most lines that are pasted and sent at once.
const PASTED: usize = 1000;

/// The longest time that the editor takes to print what it was given.
const PARKING: Duration = Duration::from_secs(1);

const GREEN: &str = "\u{1b}[32m";
const DIM: &str = "\u{1b}[2m";
const PLAIN: &str = "\u{1b}[0m";

/// A line that leaves the screen as it is.
const NOTHING: &str = "\u{1b}[A\n";

/// Whether there is a terminal on both sides that can do more than print.
pub(crate) fn is_interactive() -> bool {
    // Those that the editor doesn't know how to use.
    let is_dumb = std::env::var_os("TERM").is_some_and(|term| {
        ["dumb", "cons25", "emacs"].iter().any(|dumb| term.eq_ignore_ascii_case(dumb))
    });
    io::stdin().is_terminal() && io::stdout().is_terminal() && !is_dumb
}

/// The screen, which messages and the line editor share.
pub(crate) struct Screen {
    /// To the one thread that prints, so that everything is in order.
    rows: SyncSender<Row>,
    has_colors: bool,
    indents_json: Arc<AtomicBool>,
    /// Whether standard error is the screen, too.
    has_notices: bool,
}

/// A task of the thread that prints.
enum Row {
    /// Prints a line, above that of the editor if there is one.
    Line(String),
    /// From here on there is an editor.
    Begin(Beginning),
    /// Parks the editor.
    End(Arc<AtomicBool>),
    /// Tells that everything before it is printed.
    Flush(SyncSender<()>),
}

/// The start of an editor.
struct Beginning {
    editor: Box<dyn ExternalPrinter + Send>,
    may_begin: SyncSender<()>,
    draws: Receiver<()>,
}

impl Screen {
    /// The screen, not yet with an editor. Colors: unless `NO_COLOR` is set.
    pub(crate) fn new() -> Self {
        let has_colors = std::env::var_os("NO_COLOR").is_none_or(|it| it.is_empty());
        let (rows, queue) = sync_channel(QUEUE);
        thread::spawn(move || show(&queue));
        let (indents_json, has_notices) = (Arc::default(), io::stderr().is_terminal());
        Self { rows, has_colors, indents_json, has_notices }
    }

    /// Whether the user wants JSON to be indented.
    pub(crate) fn indents_json(&self) -> bool {
        self.indents_json.load(Ordering::Relaxed)
    }

    /// Prints a message that arrived.
    pub(crate) fn message(&self, line: &str) {
        self.print(Row::Line(self.colored(GREEN, format_args!("< {line}"))));
    }

    /// Prints a line of our own.
    pub(crate) fn notice(&self, line: &str) {
        let line = Escaped(line);
        match self.has_notices {
            true => self.print(Row::Line(self.colored(DIM, format_args!("{line}")))),
            // Nothing can be done if it is closed.
            false => _ = writeln!(io::stderr(), "{line}"),
        }
    }

    /// Waits until everything is printed.
    pub(crate) fn flush(&self) {
        let (done, printed) = sync_channel(1);
        self.print(Row::Flush(done));
        _ = printed.recv_timeout(PARKING);
    }

    fn colored(&self, color: &str, line: fmt::Arguments<'_>) -> String {
        if self.has_colors { format!("{color}{line}{PLAIN}") } else { line.to_string() }
    }

    fn print(&self, row: Row) {
        // The thread lives as long as there are rows.
        _ = self.rows.send(row);
    }
}

impl fmt::Debug for Screen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Screen").field("has_colors", &self.has_colors).finish_non_exhaustive()
    }
}

/// Prints what comes.
fn show(rows: &Receiver<Row>) {
    let mut printer: Option<Box<dyn ExternalPrinter + Send>> = None;
    for row in rows {
        match row {
            Row::Begin(Beginning { editor, may_begin, draws }) => {
                // Nothing is printed while it begins: the line or the prompt could be lost.
                _ = may_begin.send(());
                _ = draws.recv_timeout(PARKING);
                printer = Some(editor);
            }
            Row::Line(line) => {
                // A screen that is gone shows nothing.
                _ = match &mut printer {
                    Some(printer) => printer.print(line + "\n").map_err(io::Error::other),
                    None => writeln!(io::stdout(), "{line}"),
                };
            }
            Row::End(should_park) => {
                let Some(mut printer) = printer.take() else { continue };
                // One line waits while one is being printed: when the second of these has been taken, all
                // before them are on the screen.
                for _ in 0..2 {
                    _ = printer.print(NOTHING.to_owned());
                }
                should_park.store(true, Ordering::Release);
                // The editor may have printed both already, or be parked: then this waits for ever.
                thread::spawn(move || _ = printer.print(NOTHING.to_owned()));
            }
            Row::Flush(done) => _ = done.send(()),
        }
    }
}

/// A line editor in a thread. When it is dropped, the terminal is as it was.
#[derive(Debug)]
pub(crate) struct Editor {
    screen: Arc<Screen>,
    should_park: Arc<AtomicBool>,
    /// Ready when nothing is printed any more.
    parked: oneshot::Receiver<()>,
    _modes: modes::Modes,
}

impl Editor {
    /// Starts to edit lines; gives them, and tells of Ctrl-C.
    pub(crate) fn start(
        screen: &Arc<Screen>,
        interrupts: mpsc::UnboundedSender<Signal>,
    ) -> io::Result<(Self, Input)> {
        let modes = modes::Modes::save()?;
        let (sender, lines) = mpsc::channel(PASTED);
        let (parking, parked) = oneshot::channel();
        let should_park = Arc::new(AtomicBool::new(false));
        let parking = Mutex::new(Some(parking));
        // Forced: the hook that it brings isn't about colors.
        let config = Config::builder().color_mode(ColorMode::Forced).build();
        let ((may_begin, begin), (draws, drawing)) = (sync_channel(1), sync_channel(1));
        let helper = Parking { draws, should_park: Arc::clone(&should_park), parking };
        let mut editor =
            LineEditor::with_history(config, MemHistory::new()).map_err(io::Error::other)?;
        editor.set_helper(Some(helper));
        let printer = editor.create_external_printer().map_err(io::Error::other)?;
        let printer = Box::new(printer);
        screen.print(Row::Begin(Beginning { editor: printer, may_begin, draws: drawing }));
        let keys = Keys(Arc::new(State {
            lines: Mutex::new(Some(sender)),
            interrupts,
            rows: screen.rows.clone(),
            indents_json: Arc::clone(&screen.indents_json),
            history: Mutex::default(),
        }));
        for key in [
            KeyEvent(KeyCode::Enter, Modifiers::NONE),
            KeyEvent::ctrl('J'),
            KeyEvent(KeyCode::Up, Modifiers::NONE),
            KeyEvent::ctrl('P'),
            KeyEvent(KeyCode::Down, Modifiers::NONE),
            KeyEvent::ctrl('N'),
            KeyEvent::ctrl('C'),
            KeyEvent::ctrl('D'),
            KeyEvent::alt('j'),
        ] {
            editor.bind_sequence(key, EventHandler::Conditional(Box::new(keys.clone())));
        }
        thread::spawn(move || {
            _ = begin.recv();
            // It ends when the terminal is gone.
            _ = editor.readline("> ");
            keys.0.end();
        });
        let editor = Self { screen: Arc::clone(screen), should_park, parked, _modes: modes };
        Ok((editor, Input::new(lines)))
    }

    /// Waits until everything is printed, and stops.
    pub(crate) async fn stop(mut self) {
        self.screen.print(Row::End(Arc::clone(&self.should_park)));
        // A screen that is gone prints nothing.
        _ = tokio::time::timeout(PARKING, &mut self.parked).await;
    }
}

impl Drop for Editor {
    fn drop(&mut self) {
        // The end of an update, bracketed paste off, the prompt and what was typed away.
        _ = write!(io::stdout(), "\u{1b}[?2026l\u{1b}[?2004l\r\u{1b}[J");
        _ = io::stdout().flush();
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The keys that mean something else here than in an editor of single lines.
#[derive(Clone)]
struct Keys(Arc<State>);

struct State {
    /// `None` after the end.
    lines: Mutex<Option<mpsc::Sender<Line>>>,
    interrupts: mpsc::UnboundedSender<Signal>,
    rows: SyncSender<Row>,
    indents_json: Arc<AtomicBool>,
    history: Mutex<History>,
}

impl State {
    /// Sends a line and shows it; what was pasted may be several. Whether it was taken: the editor can't wait
    /// for those who wait for it.
    fn send(&self, text: &str) -> bool {
        let lines = lock(&self.lines);
        let Some(lines) = &*lines else { return false };
        let Ok(rooms) = lines.try_reserve_many(text.split('\n').count()) else { return false };
        let shown = text.split('\n').map(|line| format!("> {}", Escaped(line)));
        // Before the answer can arrive.
        if self.rows.try_send(Row::Line(shown.collect::<Vec<_>>().join("\n"))).is_err() {
            return false;
        }
        for (room, line) in rooms.zip(text.split('\n')) {
            room.send(Ok(line.as_bytes().to_vec()));
        }
        true
    }

    fn end(&self) {
        *lock(&self.lines) = None;
    }
}

impl ConditionalEventHandler for Keys {
    fn handle(
        &self,
        event: &Event,
        _: RepeatCount,
        _: bool,
        ctx: &EventContext<'_>,
    ) -> Option<Cmd> {
        let replace = |text| Some(Cmd::Replace(Movement::WholeBuffer, Some(text)));
        let KeyEvent(code, modifiers) = event.get(0)?;
        let is_control = modifiers.contains(Modifiers::CTRL);
        match (code, is_control) {
            (KeyCode::Enter, _) | (KeyCode::Char('J' | 'M'), true) => {
                if !self.0.send(ctx.line()) {
                    return Some(Cmd::Noop);
                }
                lock(&self.0.history).add(ctx.line());
                replace(String::new())
            }
            (KeyCode::Up, _) | (KeyCode::Char('P'), true) => {
                lock(&self.0.history).older(ctx.line()).map_or(Some(Cmd::Noop), replace)
            }
            (KeyCode::Down, _) | (KeyCode::Char('N'), true) => {
                lock(&self.0.history).newer().map_or(Some(Cmd::Noop), replace)
            }
            (KeyCode::Char('C'), true) => {
                _ = self.0.interrupts.send(Signal::Interrupt);
                Some(Cmd::Noop)
            }
            (KeyCode::Char('j'), false) => {
                let indents = !self.0.indents_json.fetch_xor(true, Ordering::Relaxed);
                let state = if indents { "indented" } else { "printed as it comes" };
                // Without room, the next messages show it.
                _ = self.0.rows.try_send(Row::Line(format!("* JSON is {state}")));
                Some(Cmd::Noop)
            }
            (KeyCode::Char('D'), true) if ctx.line().is_empty() => {
                self.0.end();
                Some(Cmd::Noop)
            }
            _ => None,
        }
    }
}

/// The lines that were sent, and the place among them.
#[derive(Debug, Default)]
struct History {
    lines: VecDeque<String>,
    /// How far back the line on the screen is; 0: it is new.
    back: usize,
    /// The new line, while another is on the screen.
    draft: String,
}

impl History {
    fn add(&mut self, line: &str) {
        self.back = 0;
        if line.is_empty() || self.lines.back().is_some_and(|last| last == line) {
            return;
        }
        if self.lines.len() == HISTORY {
            self.lines.pop_front();
        }
        self.lines.push_back(line.to_owned());
    }

    /// The line before the one on the screen, which is `line`.
    fn older(&mut self, line: &str) -> Option<String> {
        let older = self.lines.len().checked_sub(self.back + 1)?;
        if self.back == 0 {
            line.clone_into(&mut self.draft);
        }
        self.back += 1;
        self.lines.get(older).cloned()
    }

    /// The line after the one on the screen.
    fn newer(&mut self) -> Option<String> {
        self.back = self.back.checked_sub(1)?;
        match self.back {
            0 => Some(std::mem::take(&mut self.draft)),
            back => self.lines.get(self.lines.len().checked_sub(back)?).cloned(),
        }
    }
}

/// The hook that runs before the editor draws its line. It stops the editor there, for good, when everything
/// is printed: a thread that reads from a terminal can't be stopped otherwise.
struct Parking {
    /// Is told of each prompt, as long as there is room.
    draws: SyncSender<()>,
    should_park: Arc<AtomicBool>,
    parking: Mutex<Option<oneshot::Sender<()>>>,
}

impl Highlighter for Parking {
    fn highlight_prompt<'b, 's: 'b, 'p: 'b>(&'s self, prompt: &'p str, _: bool) -> Cow<'b, str> {
        _ = self.draws.try_send(());
        if self.should_park.load(Ordering::Acquire) {
            if let Some(parking) = lock(&self.parking).take() {
                _ = parking.send(());
            }
            loop {
                thread::park();
            }
        }
        prompt.into()
    }
}

impl Completer for Parking {
    type Candidate = String;
}

impl Hinter for Parking {
    type Hint = String;
}

impl Validator for Parking {}

impl Helper for Parking {}

/// The modes of the terminal, which are restored when the value is dropped.
#[cfg(unix)]
mod modes {
    use std::io;

    use nix::sys::termios::{SetArg, Termios, tcgetattr, tcsetattr};

    #[derive(Debug)]
    pub(super) struct Modes(Termios);

    impl Modes {
        pub(super) fn save() -> io::Result<Self> {
            Ok(Self(tcgetattr(io::stdin())?))
        }
    }

    impl Drop for Modes {
        fn drop(&mut self) {
            // A terminal that is gone has no modes.
            _ = tcsetattr(io::stdin(), SetArg::TCSANOW, &self.0);
        }
    }
}

/// Shells of other systems restore the modes themselves.
#[cfg(not(unix))]
mod modes {
    #[derive(Debug)]
    pub(super) struct Modes;

    impl Modes {
        #[expect(clippy::unnecessary_wraps, reason = "on Unix it can fail")]
        pub(super) fn save() -> std::io::Result<Self> {
            Ok(Self)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn history_is_walked_in_both_directions_and_keeps_the_draft() {
        let mut history = History::default();
        assert_eq!(history.older("draft"), None);
        for line in ["one", "", "two", "two"] {
            history.add(line);
        }
        assert_eq!(history.newer(), None);
        assert_eq!(history.older("draft").as_deref(), Some("two"));
        assert_eq!(history.older("two").as_deref(), Some("one"));
        assert_eq!(history.older("one"), None);
        assert_eq!(history.newer().as_deref(), Some("two"));
        assert_eq!(history.newer().as_deref(), Some("draft"));
        assert_eq!(history.newer(), None);
        for line in 0..2 * HISTORY {
            history.add(&line.to_string());
        }
        assert_eq!(history.lines.len(), HISTORY);
    }
}
