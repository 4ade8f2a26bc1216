//! One run: connections, what is sent and received on them, and the end.

use std::future::IntoFuture;
use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::select;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep};
use websockets::exceptions::InvalidProxy;
use websockets::{
    Close, CloseCode, Connect, Error, Message, Outgoing, Receiver, Reconnect, Sender, TrySendError,
    WebSocket,
};

use crate::args::ConnectArgs;
use crate::input::Input;
use crate::notices::Notices;
use crate::output::{Output, Room};
use crate::settings;
use crate::signals::{Signal, Signals};
use crate::terminal::{self, Editor, Screen};
use crate::verbose;

/// The end of a run.
#[derive(Debug)]
pub(crate) enum Outcome {
    /// The connection was closed cleanly, or nobody reads standard output any more.
    Clean,
    /// Connecting failed, or the connection ended otherwise: the text of a line.
    Failed(String),
    /// The arguments or the environment can't be used: the text of a line.
    Misused(String),
    /// A signal, while there was no connection, or a second one.
    Signalled(Signal),
}

/// The longest time for what still has to be printed, once a signal has ended the run.
const HURRY: Duration = Duration::from_secs(1);

/// One run.
#[derive(Debug)]
pub(crate) struct Session {
    opening: Opening,
    input: Option<Input>,
    output: Output,
    signals: Signals,
    notices: Notices,
    screen: Option<Arc<Screen>>,
    editor: Option<Editor>,
    retries: mpsc::UnboundedReceiver<Retry>,
    is_binary: bool,
}

/// The source of connections.
#[derive(Debug)]
enum Opening {
    Once(Option<Box<Connect>>),
    Again(Box<Reconnect>),
}

/// A failure after which there will be another attempt.
#[derive(Debug)]
struct Retry {
    error: String,
    at: Instant,
}

/// The end of a connection.
enum End {
    /// The run ends, too.
    Stop(Outcome),
    /// There may be another connection; else this is how it was.
    Again(Outcome),
}

/// The reason to close the connection.
enum Wish {
    /// All input was sent.
    InputEnded,
    /// A signal.
    Signal,
    /// Nobody reads standard output.
    OutputClosed,
    /// The input can't be sent.
    BadInput(String),
}

impl Session {
    /// Prepares a run.
    pub(crate) fn new(args: ConnectArgs) -> Result<Self, Outcome> {
        let screen = terminal::is_interactive().then(|| Arc::new(Screen::new()));
        let notices = screen.clone().map_or(Notices::Plain, Notices::Screen);
        let connect = settings::build(&args).map_err(Outcome::Misused)?;
        if args.insecure {
            notices.say("warning: --insecure: no certificate is verified");
        }
        let is_verbose = args.verbose;
        if is_verbose {
            verbose::begin(notices.clone());
        }
        let (sender, retries) = mpsc::unbounded_channel();
        let opening = match args.reconnect {
            false => Opening::Once(Some(Box::new(connect))),
            true => {
                let notices = notices.clone();
                let reconnect = connect.reconnect().max_attempts(args.max_attempts).on_retry(
                    move |error, delay| {
                        let error = format!("{error:?}");
                        // An event tells the same.
                        if !is_verbose {
                            notices.say(&format!("* {error}; again in {delay:.1?}"));
                        }
                        // The session may be about to end.
                        _ = sender.send(Retry { error, at: Instant::now() + delay });
                    },
                );
                Opening::Again(Box::new(reconnect))
            }
        };
        Ok(Self {
            opening,
            input: screen.is_none().then(Input::stdin),
            output: Output::new(screen.clone()),
            signals: Signals::new().map_err(|e| Outcome::Failed(format!("no signals: {e}")))?,
            notices,
            screen,
            editor: None,
            retries,
            is_binary: args.binary,
        })
    }

    /// Runs to the end. Afterwards everything is printed, and the terminal is as it was.
    pub(crate) async fn run(mut self) -> Outcome {
        let (outcome, closed) = self.connections().await;
        let Self { input, output, editor, notices, screen, mut signals, .. } = self;
        drop(input);
        let restored = async {
            let printed = output.finish().await;
            if let Some(editor) = editor {
                editor.stop().await;
            }
            printed
        };
        // A reader of standard output may be slow; a signal that ends the run hardly waits for it.
        let is_signalled = matches!(outcome, Outcome::Signalled(_));
        let outcome = select! {
            printed = restored => match (printed, outcome) {
                (Err(e), Outcome::Clean) if e.kind() != io::ErrorKind::BrokenPipe => {
                    Outcome::Failed(format!("cannot write to standard output: {e}"))
                }
                (_, outcome) => outcome,
            },
            signal = signals.next() => Outcome::Signalled(signal),
            () = sleep(HURRY), if is_signalled => outcome,
        };
        if let Some(closed) = closed {
            notices.say(&closed);
        }
        if let Some(screen) = screen {
            screen.flush();
        }
        outcome
    }

    /// Opens connections and uses them; the outcome, and a line about the last end.
    async fn connections(&mut self) -> (Outcome, Option<String>) {
        let mut last = (Outcome::Clean, None);
        loop {
            let ws = match self.open().await {
                Ok(Some(ws)) => ws,
                // The last one has ended for good.
                Ok(None) => return last,
                Err(outcome) => return (outcome, None),
            };
            if let Err(outcome) = self.opened(&ws) {
                return (outcome, None);
            }
            let (end, closed) = self.talk(ws).await;
            let closed = closed.filter(|_| self.screen.is_some());
            match end {
                End::Stop(outcome) => return (outcome, closed),
                End::Again(outcome) => {
                    if let Some(closed) = &closed {
                        self.notices.say(closed);
                    }
                    last = (outcome, None);
                }
            }
        }
    }

    /// Tells of a connection, and begins to edit lines at the first one.
    fn opened(&mut self, ws: &WebSocket) -> Result<(), Outcome> {
        let Some(screen) = &self.screen else { return Ok(()) };
        let subprotocol =
            ws.subprotocol().map(|name| format!(", subprotocol {name}")).unwrap_or_default();
        self.notices.say(&format!("* Open{subprotocol}; Ctrl-D closes"));
        if self.editor.is_none() {
            let (editor, input) = Editor::start(screen, self.signals.sender())
                .map_err(|e| Outcome::Failed(format!("cannot edit lines: {e}")))?;
            (self.editor, self.input) = (Some(editor), Some(input));
        }
        Ok(())
    }

    /// Opens the next connection.
    async fn open(&mut self) -> Result<Option<WebSocket>, Outcome> {
        let Self { opening, input, signals, retries, .. } = self;
        let may_retry = matches!(opening, Opening::Again(_));
        let mut pause: Option<Retry> = None;
        loop {
            let is_reading = may_retry && input.as_ref().is_some_and(|input| !input.has_ended());
            let gathered = async {
                if let Some(input) = input.as_mut() {
                    input.gather().await;
                }
            };
            select! {
                biased;
                signal = signals.next() => return Err(Outcome::Signalled(signal)),
                Some(retry) = retries.recv() => {
                    // No attempt follows the end of the input.
                    if input.as_ref().is_some_and(Input::has_ended) {
                        return Err(Outcome::Failed(retry.error));
                    }
                    pause = Some(retry);
                }
                () = gathered, if is_reading => {
                    let is_paused = pause.as_ref().is_some_and(|it| Instant::now() < it.at);
                    let has_kept = input.as_ref().is_some_and(Input::has_kept);
                    if let (Some(retry), true, false) = (pause.take(), is_paused, has_kept) {
                        return Err(Outcome::Failed(retry.error));
                    }
                }
                next = opening.next() => match next.transpose() {
                    Ok(next) => return Ok(next),
                    Err(error) => return Err(failure(&error)),
                },
            }
        }
    }

    /// Uses a connection until it has ended; a line about the close frames.
    async fn talk(&mut self, ws: WebSocket) -> (End, Option<String>) {
        let Self { opening, input, output, signals, is_binary, .. } = self;
        let may_retry = matches!(opening, Opening::Again(_));
        let (sender, mut receiver) = ws.split();
        let wish = {
            let mut sending = pin!(send_lines(input.as_mut(), &sender, *is_binary));
            let mut is_sending = true;
            loop {
                select! {
                    biased;
                    _ = signals.next() => break Wish::Signal,
                    wish = &mut sending, if is_sending => match wish {
                        Some(wish) => break wish,
                        // The connection has ended, as `recv` will tell.
                        None => is_sending = false,
                    },
                    received = receive(output, &mut receiver) => match received {
                        None => break Wish::OutputClosed,
                        Some((room, Ok(Some(message)))) => room.send(message),
                        Some((_, Ok(None))) => {
                            let (outcome, closed) = proper(&receiver);
                            let is_away = receiver.close_code() == Some(CloseCode::GOING_AWAY);
                            let end = if is_away { End::Again(outcome) } else { End::Stop(outcome) };
                            return (end, closed);
                        }
                        Some((_, Err(error))) => {
                            let may_retry = may_retry && error.is_retryable();
                            let end = if may_retry { End::Again } else { End::Stop };
                            return (end(failure(&error)), None);
                        }
                    },
                }
            }
        };
        close(&sender, &mut receiver, output, signals, wish).await
    }
}

impl Opening {
    async fn next(&mut self) -> Option<Result<WebSocket, Error>> {
        match self {
            Self::Once(connect) => match connect.take() {
                Some(connect) => Some(connect.into_future().await),
                None => None,
            },
            Self::Again(reconnect) => reconnect.next().await,
        }
    }
}

/// Sends lines until their end; `None` when the connection takes no more.
async fn send_lines(input: Option<&mut Input>, sender: &Sender, is_binary: bool) -> Option<Wish> {
    let Some(input) = input else { return Some(Wish::InputEnded) };
    loop {
        let message = match input.peek().await {
            None => return Some(Wish::InputEnded),
            Some((_, Err(e))) => {
                return Some(Wish::BadInput(format!("cannot read standard input: {e}")));
            }
            Some((_, Ok(line))) if is_binary => Outgoing::from(line.clone()),
            Some((number, Ok(line))) => match str::from_utf8(line) {
                Ok(text) => Outgoing::from(text),
                Err(_) => {
                    return Some(Wish::BadInput(format!("line {number} of the input isn't UTF-8")));
                }
            },
        };
        match sender.try_send(message) {
            Ok(()) => input.pop(),
            Err(TrySendError::Full(message)) => {
                // It may arrive from here on: it is never sent again.
                input.pop();
                sender.send(message).await.ok()?;
            }
            // It stays for the next connection.
            Err(_) => return None,
        }
    }
}

/// Receives when there is room for it; `None` when nothing can be printed any more. Nothing is lost if the
/// future is dropped.
async fn receive<'a>(
    output: &'a Output,
    receiver: &mut Receiver,
) -> Option<(Room<'a>, Result<Option<Message>, Error>)> {
    let room = output.room().await?;
    Some((room, receiver.recv().await))
}

/// Closes the connection, printing what still arrives.
async fn close(
    sender: &Sender,
    receiver: &mut Receiver,
    output: &Output,
    signals: &mut Signals,
    wish: Wish,
) -> (End, Option<String>) {
    // It fails when the connection has ended already, as `recv` tells.
    _ = sender.start_close(CloseCode::NORMAL_CLOSURE, "");
    let mut is_printing = !matches!(wish, Wish::OutputClosed);
    let ended = loop {
        let received = async {
            match is_printing {
                true => receive(output, receiver).await.map(|(room, it)| (Some(room), it)),
                false => Some((None, receiver.recv().await)),
            }
        };
        select! {
            biased;
            signal = signals.next() => return (End::Stop(Outcome::Signalled(signal)), None),
            received = received => match received {
                None => is_printing = false,
                Some((Some(room), Ok(Some(message)))) => room.send(message),
                Some((None, Ok(Some(_)))) => {}
                Some((_, Ok(None))) => break Ok(()),
                Some((_, Err(error))) => break Err(error),
            },
        }
    };
    let (outcome, closed) = match (ended, wish) {
        (_, Wish::BadInput(text)) => (Outcome::Failed(text), None),
        // It ends quietly.
        _ if !is_printing => (Outcome::Clean, None),
        (Ok(()), Wish::InputEnded | Wish::Signal | Wish::OutputClosed) => proper(receiver),
        (Err(error), _) => (failure(&error), None),
    };
    (End::Stop(outcome), closed)
}

/// The outcome of a proper end.
fn proper(receiver: &Receiver) -> (Outcome, Option<String>) {
    let code = receiver.close_code().unwrap_or(CloseCode::NORMAL_CLOSURE);
    let reason = receiver.close_reason().unwrap_or_default();
    (Outcome::Clean, Some(format!("* Closed with {}", Close::new(code, reason))))
}

fn failure(error: &Error) -> Outcome {
    let text = format!("{error:?}");
    // A variable of the environment isn't the address of a proxy.
    match error.get::<InvalidProxy>() {
        Some(_) => Outcome::Misused(text),
        None => Outcome::Failed(text),
    }
}
