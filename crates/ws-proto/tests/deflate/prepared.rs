//! Prepared messages and extensions of one's own, alone and behind permessage-deflate.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use ws_errors::ProtocolError;
use ws_proto::extension::{DataFrame, Extension, Extensions, Rsv};
use ws_proto::{Compress, Connection, Event, Message, PreparedMessage};
use ws_types::Side;

use crate::feed::{NOW, config, connect, pull, sent, take_output};
use crate::frames::SIDES;
use crate::{PLAIN, Setting, noise};

/// Turns each byte by a key; counts how often it encodes.
#[derive(Debug)]
struct Xor {
    key: u8,
    calls: Arc<AtomicUsize>,
}

impl Extension for Xor {
    fn reserved_bits(&self) -> Rsv {
        Rsv::RSV3
    }

    fn encode(&mut self, frame: DataFrame, payload: &[u8], out: &mut Vec<u8>) -> Option<Rsv> {
        self.calls.fetch_add(1, Ordering::Relaxed);
        out.extend(payload.iter().map(|byte| byte ^ self.key));
        // A bit that isn't its own is dropped.
        Some(if frame.first { Rsv::RSV3 | Rsv::RSV2 } else { Rsv::NONE })
    }

    fn begin_decode(&mut self, frame: DataFrame) -> Result<bool, ProtocolError> {
        Ok(!frame.first || frame.rsv == Rsv::RSV3)
    }

    fn decode(
        &mut self,
        input: &mut &[u8],
        _: bool,
        out: &mut Vec<u8>,
        room: usize,
    ) -> Result<bool, ProtocolError> {
        // As if it had little room, whatever it has.
        let (now, later) = input.split_at(input.len().min(room).min(100));
        out.extend(now.iter().map(|byte| byte ^ self.key));
        *input = later;
        Ok(later.is_empty())
    }

    fn forget(&mut self) -> bool {
        true
    }

    fn prepared_key(&self) -> Option<u64> {
        Some(u64::from(self.key))
    }
}

fn xor(side: Side, key: u8, calls: &Arc<AtomicUsize>, deflate: Option<Setting>) -> Connection {
    let mut extensions: Vec<Box<dyn Extension>> = Vec::new();
    extensions.extend(deflate.map(|setting| setting.extension(side)));
    extensions.push(Box::new(Xor { key, calls: Arc::clone(calls) }));
    let config = config(|config| config.max_message_size = Some(4 << 20));
    connect(side, &config, NOW).with_extensions(Extensions::from(extensions))
}

#[test]
fn a_prepared_message_is_encoded_once_for_each_setting() {
    let calls = Arc::default();
    let prepared = PreparedMessage::new(Message::from(noise(300, 1)));
    for (count, key) in [(1, 7), (1, 7), (2, 9), (2, 7), (2, 9)] {
        for side in SIDES {
            let mut conn = xor(side, key, &calls, None);
            conn.send(&prepared).expect("open");
            let frames = sent(&mut conn);
            assert_eq!((frames[0].rsv, frames[0].opcode, frames.len()), (1, 2, 1));
            let expected: Vec<u8> = noise(300, 1).iter().map(|byte| byte ^ key).collect();
            assert!(frames[0].payload == expected);
            assert_eq!(calls.load(Ordering::Relaxed), count);
        }
    }
}

#[test]
fn prepared_messages_stand_between_ordinary_ones() {
    let config = config(|_| ());
    let news = noise(400, 1).repeat(2);
    let prepared = PreparedMessage::new(Message::from(news.clone()));
    let short = PreparedMessage::new("short");
    for bits in [9, 12, 15] {
        for takeover in [true, false] {
            for side in SIDES {
                let setting = Setting { bits, takeover };
                let mut sender = setting.open(side, &config);
                let mut receiver = setting.open(side.peer(), &config);
                let mut expected = Vec::new();
                for at in 0..20 {
                    match at % 4 {
                        0 | 3 => {
                            sender.send(&prepared).expect("open");
                            expected.push(Event::Message(news.clone().into()));
                        }
                        1 => {
                            sender.send(&short).expect("open");
                            expected.push(Event::Message("short".into()));
                        }
                        _ => {
                            sender.send(Message::from(news.clone())).expect("open");
                            expected.push(Event::Message(news.clone().into()));
                        }
                    }
                }
                receiver.receive_data(&take_output(&mut sender));
                assert!(pull(&mut receiver) == expected, "{setting:?} of the {side:?}");
            }
        }
    }
}

#[test]
fn two_extensions_work_one_after_the_other() {
    let calls = Arc::default();
    let messages = [
        Vec::new(),
        noise(10, 1),
        noise(3000, 1),
        vec![b'a'; 1 << 20],
        noise(100_000, 2).repeat(2),
        noise(3000, 1),
    ];
    for side in SIDES {
        for streaming in [false, true] {
            let mut sender = xor(side, 0x55, &calls, Some(PLAIN));
            let mut receiver = xor(side.peer(), 0x55, &calls, Some(PLAIN));
            for wish in [Compress::Auto, Compress::Always, Compress::Never] {
                for message in &messages {
                    let outgoing = Message::from(message.clone()).compress(wish);
                    sender.send(outgoing).expect("open");
                }
            }
            let bytes = take_output(&mut sender);
            let mut got = vec![Vec::new()];
            for piece in bytes.chunks(1021) {
                receiver.receive_data(piece);
                loop {
                    let event = match streaming {
                        true => receiver.poll_chunk(|| NOW),
                        false => receiver.poll_event(|| NOW),
                    };
                    let (data, last) = match event {
                        None => break,
                        Some(Event::Chunk { data, last }) => (data, last),
                        Some(Event::Message(data)) => (data, true),
                        Some(other) => panic!("{other:?}"),
                    };
                    assert!(!streaming || data.len() <= 64 << 10);
                    got.last_mut().unwrap().extend_from_slice(data.as_bytes());
                    if last {
                        got.push(Vec::new());
                    }
                }
            }
            assert_eq!(receiver.close_sent(), None);
            assert_eq!(got.pop().map(|rest| rest.len()), Some(0));
            assert!(got == [&messages[..]; 3].concat());
        }
    }
}
