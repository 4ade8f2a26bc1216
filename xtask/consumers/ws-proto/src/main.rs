//! Uses `ws-proto` without a runtime and without a socket: a client and a server in one thread open a
//! connection, exchange messages and close, over bytes in memory.

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use ws_proto::client::{ClientHandshake, ClientOptions};
use ws_proto::extension::Extensions;
use ws_proto::server::{ServerHandshake, ServerOptions, negotiate};
use ws_proto::{Close, Config, Connection, Event, Message};

fn main() -> Result<(), Box<dyn Error>> {
    let [of_client, of_server] = open()?;
    let config = Arc::new(Config::default());
    let mut client = Connection::client(Arc::clone(&config), of_client, [7; 32], Duration::ZERO);
    let mut server = Connection::server(config, of_server, Duration::ZERO);

    client.send("hello")?;
    client.send(Message::binary(vec![0xff; 3]))?;
    client.ping(Some(b"still there?".into()), Duration::ZERO)?;
    carry(&mut client, &mut server);
    while let Some(event) = server.poll_event() {
        println!("server: {event:?}");
        if let Event::Message(message) = event {
            server.send(message)?;
        }
    }
    carry_at(Duration::from_millis(5), &mut server, &mut client);
    while let Some(event) = client.poll_event() {
        match event {
            Event::Pong { payload, acknowledges } => {
                println!("client: a pong for {payload:?}, mine: {}", acknowledges.is_some());
            }
            event => println!("client: {event:?}"),
        }
    }
    println!("latency: {:?}", client.stats().latency);

    client.send_close(Close::new(1000, "done"), Duration::ZERO)?;
    carry(&mut client, &mut server);
    match server.poll_event() {
        // The payload of a close frame comes as its two parts.
        Some(Event::Close(close)) => println!("server: close {:?}, {}", close.code, close.reason),
        event => println!("server: no close frame: {event:?}"),
    }
    carry(&mut server, &mut client);
    println!("client: {:?}", client.poll_event());
    println!("client: {:?}", client.poll_event());
    carry(&mut client, &mut server);
    println!("server: {:?}", server.poll_event());
    println!("{:?} {:?}", client.state(), server.state());
    println!("client: {}", client.closed());
    println!("server: {}", server.closed());
    Ok(())
}

/// The opening handshake; gives the extensions that both sides use.
fn open() -> Result<[Extensions; 2], Box<dyn Error>> {
    let uri = "ws://example.com/chat".parse()?;
    let options = ClientOptions::default().subprotocols(["chat"]);
    let mut client = ClientHandshake::new(&uri, &options, [9; 16], Duration::ZERO)?;

    let options = ServerOptions::default().subprotocols(["chat"]);
    let mut server = ServerHandshake::new(&options, Duration::ZERO);
    let request = client.request().serialize();
    println!("whole: {}", server.receive_data(&request)? == Some(request.len()));
    let request = server.into_request().ok_or("the request is incomplete")?;
    let accepted = negotiate(&request, &options, None)?;
    let response = accepted.response.serialize();

    println!("whole: {}", client.receive_data(&response, Duration::ZERO)? == Some(response.len()));
    let negotiated = client.into_negotiated().ok_or("the response is incomplete")?;
    let status = negotiated.response.status_code;
    println!(
        "{} {status} {:?}",
        request.path(),
        negotiated.subprotocol.as_ref().map(|s| s.as_str())
    );
    Ok([negotiated.extensions, accepted.extensions])
}

fn carry(from: &mut Connection, to: &mut Connection) {
    carry_at(Duration::ZERO, from, to);
}

/// The network: moves what one side wants to write to the other, and the end of the stream.
fn carry_at(now: Duration, from: &mut Connection, to: &mut Connection) {
    to.receive_data(&from.output().take_all(), now);
    if from.wants_shutdown() {
        to.receive_eof();
    }
}
