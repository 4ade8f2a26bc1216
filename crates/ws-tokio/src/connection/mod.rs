//! A connection over a stream. `handles` is its public face; `driver` moves bytes; `background` looks after
//! a connection of which nobody receives.

mod background;
mod backlog;
mod driver;
mod handles;
mod info;
mod ops;
mod pong;
mod sink;
pub(crate) mod state;
mod streaming;
mod timer;
mod wakers;
mod write;

pub use handles::{Receiver, ReuniteError, Sender, WebSocket};
pub(crate) use info::{Info, next_id};
pub use pong::PongWaiter;
pub use sink::{EventStream, Events};
pub use streaming::{MessageReader, MessageWriter};
