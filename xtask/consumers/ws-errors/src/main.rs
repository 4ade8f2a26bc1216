//! Uses `ws-errors` and nothing else: raises exceptions and matches them broadly and narrowly.

use ws_errors::{
    InvalidHandshake, InvalidHeader, InvalidOrigin, ProtocolError, ProtocolErrorKind,
    WebSocketException,
};

fn main() {
    let refused = WebSocketException::from(InvalidOrigin::new(None));
    println!("{refused}");
    println!("{}", refused.get::<InvalidHandshake>().is_some());
    println!("{}", refused.get::<InvalidHeader>().is_some());
    println!("{}", refused.get::<ProtocolError>().is_some());

    let broken = WebSocketException::from(ProtocolError::new(ProtocolErrorKind::IncorrectMasking));
    println!("{broken}, to be closed with {}", broken.close_code().as_u16());
}
