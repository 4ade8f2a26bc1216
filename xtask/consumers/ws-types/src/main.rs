//! Uses `ws-types` and nothing else: what a program that only stores and compares values needs.

use ws_types::{Close, CloseCode, ExtensionParameter, Opcode, Origin, Side, State, Subprotocol};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    println!("{}", Close::new(CloseCode::GOING_AWAY, "see you"));
    println!(
        "{} {}",
        CloseCode::new(4321).is_sendable(),
        CloseCode::ABNORMAL_CLOSURE.is_sendable()
    );
    println!("{:?} {}", Opcode::try_from(0x9)?, Opcode::try_from(0x3).unwrap_err());
    println!(
        "{} {:?}",
        "chat.v2".parse::<Subprotocol>()?.as_str(),
        "chat v2".parse::<Subprotocol>().is_err()
    );
    println!("{}", Origin::new("null") != Origin::new(""));
    println!("{:?}", ExtensionParameter::new("server_max_window_bits", Some("10"))?.value());
    println!("{:?} {:?}", Side::Client.peer(), State::Closing);
    Ok(())
}
