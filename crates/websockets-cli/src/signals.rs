//! SIGINT and SIGTERM.

use std::io;

use tokio::sync::mpsc;

/// A request to end.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Signal {
    /// SIGINT, or Ctrl-C on a terminal.
    Interrupt,
    /// SIGTERM.
    #[cfg_attr(not(unix), expect(dead_code, reason = "only Unix has it"))]
    Terminate,
}

impl Signal {
    /// The exit status of a program that it ended.
    pub(crate) fn status(self) -> i32 {
        match self {
            Self::Interrupt => 130,
            Self::Terminate => 143,
        }
    }
}

/// Signals as they come, and presses of Ctrl-C that the line editor takes for itself.
#[derive(Debug)]
pub(crate) struct Signals {
    sender: mpsc::UnboundedSender<Signal>,
    receiver: mpsc::UnboundedReceiver<Signal>,
}

impl Signals {
    /// Catches signals from now on, in tasks of the runtime.
    pub(crate) fn new() -> io::Result<Self> {
        let (sender, receiver) = mpsc::unbounded_channel();
        catch(&sender)?;
        Ok(Self { sender, receiver })
    }

    /// Takes signals from elsewhere.
    pub(crate) fn sender(&self) -> mpsc::UnboundedSender<Signal> {
        self.sender.clone()
    }

    /// The next signal.
    pub(crate) async fn next(&mut self) -> Signal {
        // There is always a sender.
        self.receiver.recv().await.unwrap_or(Signal::Interrupt)
    }
}

#[cfg(unix)]
fn catch(sender: &mpsc::UnboundedSender<Signal>) -> io::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    for (kind, told) in
        [(SignalKind::interrupt(), Signal::Interrupt), (SignalKind::terminate(), Signal::Terminate)]
    {
        let (mut signals, sender) = (signal(kind)?, sender.clone());
        tokio::spawn(async move {
            while signals.recv().await.is_some() && sender.send(told).is_ok() {}
        });
    }
    Ok(())
}

#[cfg(not(unix))]
#[expect(clippy::unnecessary_wraps, reason = "on Unix it can fail")]
fn catch(sender: &mpsc::UnboundedSender<Signal>) -> io::Result<()> {
    let sender = sender.clone();
    tokio::spawn(async move {
        while tokio::signal::ctrl_c().await.is_ok() && sender.send(Signal::Interrupt).is_ok() {}
    });
    Ok(())
}
