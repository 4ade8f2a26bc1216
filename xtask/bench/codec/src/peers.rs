//! The peers' codecs, each driven in its best way.

use std::fmt::Debug;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use bytes::BytesMut;
use futures_util::{Sink, Stream as Messages};
use instructions::codec::per_write;
use instructions::wire::{Block, READ};

use crate::Operation;
use crate::stream::{Stream, run};

const MOST: usize = 1 << 30;

/// Pulls `count` messages out of a stream; the sum of their lengths.
fn decode<W, M, E: Debug>(mut ws: W, count: usize, len: impl Fn(&M) -> usize) -> u64
where
    W: Messages<Item = Result<M, E>> + Unpin,
{
    let mut cx = Context::from_waker(Waker::noop());
    let mut next = || match Pin::new(&mut ws).poll_next(&mut cx) {
        Poll::Ready(Some(Ok(message))) => len(&message) as u64,
        _ => panic!("a good frame"),
    };
    (0..count).map(|_| next()).sum()
}

/// Puts `count` messages into a sink, with a flush now and then.
fn encode<W, M>(mut ws: W, block: &Block, count: usize, message: impl Fn() -> M) -> u64
where
    W: Sink<M, Error: Debug> + Unpin,
{
    let mut cx = Context::from_waker(Waker::noop());
    let per_write = per_write(block.payload.len());
    for i in 1..=count {
        assert!(Pin::new(&mut ws).poll_ready(&mut cx).is_ready());
        Pin::new(&mut ws).start_send(message()).expect("it is open");
        if i % per_write == 0 {
            assert!(Pin::new(&mut ws).poll_flush(&mut cx).is_ready());
        }
    }
    count as u64
}

pub fn tungstenite(operation: Operation, block: &Block, count: usize) -> u64 {
    use tungstenite::protocol::{Role, WebSocket, WebSocketConfig};
    use tungstenite::{Message, Utf8Bytes};
    let config = WebSocketConfig::default().max_frame_size(None).max_message_size(None);
    let role = match operation {
        Operation::EncodeMasked => Role::Client,
        _ => Role::Server,
    };
    let mut ws = WebSocket::from_raw_socket(Stream::new(block), role, Some(config));
    if operation == Operation::Decode {
        return (0..count).map(|_| ws.read().expect("a good frame").len() as u64).sum();
    }
    let per_write = per_write(block.payload.len());
    let text = Utf8Bytes::try_from(block.payload.clone()).unwrap_or_default();
    for i in 1..=count {
        ws.write(match block.text {
            true => Message::Text(text.clone()),
            false => Message::Binary(block.payload.clone()),
        })
        .expect("it is open");
        if i % per_write == 0 {
            ws.flush().expect("memory");
        }
    }
    ws.get_ref().written
}

pub fn tokio_websockets(operation: Operation, block: &Block, count: usize) -> u64 {
    use tokio_websockets::{ClientBuilder, Config, Limits, Message, Payload, ServerBuilder};
    let config = Config::default().frame_size(usize::MAX);
    let stream = Stream::new(block);
    let ws = match operation {
        Operation::EncodeMasked => {
            ClientBuilder::new().config(config).limits(Limits::unlimited()).take_over(stream)
        }
        _ => ServerBuilder::new().config(config).limits(Limits::unlimited()).serve(stream),
    };
    match operation {
        Operation::Decode => decode(ws, count, |m: &Message| m.as_payload().len()),
        _ => encode(ws, block, count, || Message::binary(Payload::from(block.payload.clone()))),
    }
}

pub fn fastwebsockets(operation: Operation, block: &Block, count: usize) -> u64 {
    use fastwebsockets::{FragmentCollector, Frame, Payload, Role, WebSocket};
    let role = match operation {
        Operation::EncodeMasked => Role::Client,
        _ => Role::Server,
    };
    let mut ws = WebSocket::after_handshake(Stream::new(block), role);
    ws.set_max_message_size(MOST);
    if operation == Operation::Decode {
        let mut ws = FragmentCollector::new(ws);
        let mut next = || run(ws.read_frame()).expect("a good frame").payload.len() as u64;
        return (0..count).map(|_| next()).sum();
    }
    for _ in 0..count {
        let frame = Frame::binary(Payload::Borrowed(&block.payload));
        run(ws.write_frame(frame)).expect("it is open");
    }
    count as u64
}

/// yawc's stream has bare frames as items.
struct Results(yawc::WebSocket<Stream>);

impl Messages for Results {
    type Item = Result<yawc::Frame, ()>;
    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        Pin::new(&mut self.0).poll_next(cx).map(|frame| frame.map(Ok))
    }
}

pub fn yawc(operation: Operation, block: &Block, count: usize) -> u64 {
    use yawc::{Frame, Options, Role, WebSocket};
    let role = match operation {
        Operation::EncodeMasked => Role::Client,
        _ => Role::Server,
    };
    let options = Options::default().with_limits(MOST, MOST).with_utf8().without_compression();
    let ws = WebSocket::from_stream(Stream::new(block), role, options).expect("good options");
    match operation {
        Operation::Decode => decode(Results(ws), count, |frame: &Frame| frame.payload().len()),
        _ => encode(ws, block, count, || Frame::binary(block.payload.clone())),
    }
}

pub fn sockudo_ws(operation: Operation, block: &Block, count: usize) -> u64 {
    use sockudo_ws::{Config, Message, WebSocketStream};
    let config = Config::builder().max_message_size(MOST).max_frame_size(MOST);
    let config = config.idle_timeout(0).auto_ping(false).build();
    let stream = Stream::new(block);
    let ws = match operation {
        Operation::EncodeMasked => WebSocketStream::client(stream, config),
        _ => WebSocketStream::server(stream, config),
    };
    match operation {
        Operation::Decode => decode(ws, count, |m: &Message| m.as_bytes().len()),
        _ => encode(ws, block, count, || Message::Binary(block.payload.clone())),
    }
}

/// Its state machine, fed by hand.
pub fn sockudo_ws_protocol(operation: Operation, block: &Block, count: usize) -> u64 {
    use sockudo_ws::protocol::Protocol;
    use sockudo_ws::{Message, Role};
    let role = match operation {
        Operation::EncodeMasked => Role::Client,
        _ => Role::Server,
    };
    let mut protocol = Protocol::new(role, MOST, MOST);
    let mut buf = BytesMut::with_capacity(READ);
    let mut sum = 0;
    if operation == Operation::Decode {
        let mut stream = Stream::new(block);
        let (mut messages, mut done) = (vec![], 0);
        while done < count {
            let start = buf.len();
            buf.resize(start + READ, 0);
            let n = stream.pull(&mut buf[start..]);
            buf.truncate(start + n);
            protocol.process_into(&mut buf, &mut messages).expect("good frames");
            done += messages.len();
            sum += messages.drain(..).map(|m| m.as_bytes().len() as u64).sum::<u64>();
        }
        return sum;
    }
    let per_write = per_write(block.payload.len());
    for i in 1..=count {
        let message = Message::Binary(block.payload.clone());
        protocol.encode_message(&message, &mut buf).expect("it is open");
        if i % per_write == 0 {
            sum += std::hint::black_box(&buf[..]).len() as u64;
            buf.clear();
        }
    }
    sum
}

pub fn wtx(operation: Operation, block: &Block, count: usize) -> u64 {
    use wtx::collection::Vector;
    use wtx::rng::{Xorshift64, simple_seed};
    use wtx::web_socket::{
        FrameMut, OpCode, WebSocketBuffer, WebSocketOwned, WebSocketPayloadOrigin,
    };
    type Owned<const CLIENT: bool> = WebSocketOwned<(), Xorshift64, Stream, CLIENT>;
    let random = Xorshift64::from(simple_seed());
    let (stream, buffer) = (Stream::new(block), WebSocketBuffer::new());
    let mut payload = block.payload.to_vec();
    match operation {
        Operation::Decode => {
            let mut ws = Owned::<false>::new((), false, random, stream, buffer);
            let mut out = Vector::new();
            let mut next = || {
                out.clear();
                let frame = run(ws.read_frame(&mut out, WebSocketPayloadOrigin::Adaptive));
                frame.expect("a good frame").payload().len() as u64
            };
            return (0..count).map(|_| next()).sum();
        }
        Operation::Encode => {
            let mut ws = Owned::<false>::new((), false, random, stream, buffer);
            for _ in 0..count {
                let mut frame = FrameMut::<'_, false>::new_fin(OpCode::Binary, &mut payload[..]);
                run(ws.write_frame(&mut frame)).expect("it is open");
            }
        }
        Operation::EncodeMasked => {
            let mut ws = Owned::<true>::new((), false, random, stream, buffer);
            for _ in 0..count {
                let mut frame = FrameMut::<'_, true>::new_fin(OpCode::Binary, &mut payload[..]);
                run(ws.write_frame(&mut frame)).expect("it is open");
            }
        }
    }
    count as u64
}
