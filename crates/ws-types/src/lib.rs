#![doc = include_str!("../README.md")]
//!
//! Here are values and nothing that waits, parses or decides: header grammars and
//! frames live in `ws-proto`, exceptions in `ws-errors`. Start reading at [`Close`].

mod close;
mod names;
mod opcode;
mod side;
mod state;

pub use close::{Close, CloseCode};
pub use names::{ExtensionName, ExtensionParameter, InvalidToken, Origin, Subprotocol, is_token};
pub use opcode::{InvalidOpcode, Opcode};
pub use side::Side;
pub use state::State;
