//! Lines on standard error.

use std::io::{self, Write};
use std::sync::Arc;

use websockets::exceptions::Escaped;

use crate::terminal::Screen;

/// The place for lines that are no messages.
#[derive(Clone, Debug)]
pub(crate) enum Notices {
    /// Standard error.
    Plain,
    /// The screen, between messages and the line that is being typed.
    Screen(Arc<Screen>),
}

impl Notices {
    /// Prints a line.
    pub(crate) fn say(&self, line: &str) {
        match self {
            Self::Plain => print(line),
            Self::Screen(screen) => screen.notice(line),
        }
    }
}

/// Prints the line that a run ends with.
pub(crate) fn error(text: &str) {
    print(&format!("error: {text}"));
}

/// Prints a line on standard error. Nothing can be done if that is closed.
fn print(line: &str) {
    _ = writeln!(io::stderr(), "{}", Escaped(line));
}
