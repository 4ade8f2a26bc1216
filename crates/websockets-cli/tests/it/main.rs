//! The tool as a process, against servers in the process of the test or of the tool.

mod common;

mod connecting;
mod messages;
mod options;
mod proxies;
#[cfg(unix)]
mod reconnecting;
#[cfg(unix)]
mod serving;
#[cfg(unix)]
mod signals;
#[cfg(unix)]
mod terminal;
mod tls;
mod verbose;
