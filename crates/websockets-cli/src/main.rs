//! `websockets`, a WebSocket client for the command line, and a server to try it with.
//!
//! `args` reads the arguments, `settings` makes settings of the library of them. `session` is one run: it
//! connects, sends what `input` reads, gives what arrives to `output`, and ends. `terminal` edits lines where
//! there is a terminal, `signals` tells of Ctrl-C, `verbose` describes connections for `--verbose`, `notices`
//! prints on standard error, `json` indents messages for people. `serve` is the server.

mod args;
mod input;
mod json;
mod notices;
mod output;
mod serve;
mod session;
mod settings;
mod signals;
mod terminal;
mod verbose;

use std::process::exit;

use args::{Command, ConnectArgs};
use session::{Outcome, Session};

fn main() {
    match args::parse(std::env::args_os()) {
        Ok(Command::Connect(args)) => exit(run(connect(*args))),
        Ok(Command::Serve(args)) => exit(run(serve::run(*args))),
        Err(error) => error.exit(),
    }
}

/// Runs the client.
async fn connect(args: ConnectArgs) -> Outcome {
    match Session::new(args) {
        Ok(session) => session.run().await,
        Err(outcome) => outcome,
    }
}

/// Runs a command; the exit status.
fn run(command: impl Future<Output = Outcome>) -> i32 {
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(e) => {
            notices::error(&format!("the runtime can't start: {e}"));
            return 1;
        }
    };
    let outcome = runtime.block_on(command);
    // Threads that read standard input or resolve a host can't be interrupted: don't wait for them.
    runtime.shutdown_background();
    match outcome {
        Outcome::Clean => 0,
        Outcome::Failed(text) => {
            notices::error(&text);
            1
        }
        Outcome::Misused(text) => {
            notices::error(&text);
            2
        }
        Outcome::Signalled(signal) => signal.status(),
    }
}
