//! Uses `ws-proto` without a runtime and without a socket: a client and a server in one thread open a
//! connection, exchange messages and close, over bytes in memory.

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use bytes::Buf;
use ws_proto::client::{ClientHandshake, ClientOptions};
use ws_proto::server::{ServerHandshake, ServerOptions, negotiate};
use ws_proto::{Config, Connection, Event, Message};
use ws_types::Close;

fn main() -> Result<(), Box<dyn Error>> {
    open()?;

    let config = Arc::new(Config::default());
    let mut client = Connection::client(Arc::clone(&config), [7; 32], Duration::ZERO);
    let mut server = Connection::server(config, Duration::ZERO);

    client.send("hello")?;
    client.send(Message::binary(vec![0xff; 3]))?;
    client.ping(Some(b"still there?".into()), Duration::ZERO)?;
    carry(&mut client, &mut server);
    while let Some(event) = server.poll_event(|| Duration::ZERO) {
        println!("server: {event:?}");
        if let Event::Message(message) = event {
            server.send(message)?;
        }
    }
    carry(&mut server, &mut client);
    while let Some(event) = client.poll_event(|| Duration::from_millis(5)) {
        match event {
            Event::Pong { payload, acknowledges } => {
                println!("client: a pong for {payload:?}, mine: {}", acknowledges.is_some());
            }
            event => println!("client: {event:?}"),
        }
    }
    println!("latency: {:?}", client.latency());

    client.send_close(Close::new(1000, "done"), Duration::ZERO)?;
    carry(&mut client, &mut server);
    println!("server: {:?}", server.poll_event(|| Duration::ZERO));
    carry(&mut server, &mut client);
    println!("client: {:?}", client.poll_event(|| Duration::ZERO));
    println!("client: {:?}", client.poll_event(|| Duration::ZERO));
    carry(&mut client, &mut server);
    println!("server: {:?}", server.poll_event(|| Duration::ZERO));
    println!("{:?} {:?}", client.state(), server.state());
    println!("client: {}", client.closed());
    println!("server: {}", server.closed());
    Ok(())
}

/// The opening handshake.
fn open() -> Result<(), Box<dyn Error>> {
    let uri = "ws://example.com/chat".parse()?;
    let options = ClientOptions::default().subprotocols(["chat".parse()?]);
    let mut client = ClientHandshake::new(&uri, &options, [9; 16], Duration::ZERO)?;

    let options = ServerOptions::default().subprotocols(["chat".parse()?]);
    let mut server = ServerHandshake::new(&options, Duration::ZERO);
    let request = client.request().serialize();
    println!("whole: {}", server.receive_data(&request)? == Some(request.len()));
    let request = server.into_request().ok_or("the request is incomplete")?;
    let response = negotiate(&request, &options, None)?.response.serialize();

    println!("whole: {}", client.receive_data(&response)? == Some(response.len()));
    let negotiated = client.into_negotiated().ok_or("the response is incomplete")?;
    let status = negotiated.response.status_code;
    println!("{} {status} {:?}", request.path(), negotiated.subprotocol.as_ref().map(|s| s.as_str()));
    Ok(())
}

/// The network: moves what one side wants to write to the other, and the end of the stream.
fn carry(from: &mut Connection, to: &mut Connection) {
    let output = from.output();
    while output.has_remaining() {
        let chunk = output.chunk();
        to.receive_data(chunk);
        let len = chunk.len();
        output.advance(len);
    }
    if from.wants_shutdown() {
        to.receive_eof();
    }
}
