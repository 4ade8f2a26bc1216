#![doc = include_str!("../README.md")]
#![doc(html_root_url = "https://docs.rs/ws-types/latest")]
//!
//! Nothing here waits, parses headers or frames, or applies rules: `ws-proto` does. Exceptions are in
//! `ws-errors`. Start reading at [`Close`].

mod close;
mod escape;
mod names;
mod opcode;
mod side;
mod state;
mod uri;

pub use close::{Close, CloseCode};
pub use escape::Escaped;
pub use names::{ExtensionName, ExtensionParameter, InvalidToken, Origin, Subprotocol, is_token};
pub use opcode::{InvalidOpcode, Opcode};
pub use side::Side;
pub use state::State;
pub use uri::{is_scheme, redact_query, redact_uri};
