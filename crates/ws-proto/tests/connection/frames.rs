//! Frames as a peer writes and reads them ([RFC 6455 §5.2]), with all the faults one can write.
//! Nothing here uses the encoder or decoder under test.
//!
//! [RFC 6455 §5.2]: https://www.rfc-editor.org/rfc/rfc6455#section-5.2

use std::fmt;

use ws_types::Side;

/// The masking key of scripted clients.
const KEY: [u8; 4] = [0x37, 0xFA, 0x21, 0x3D];

/// Both sides, for scenarios that hold for either.
pub(crate) const SIDES: [Side; 2] = [Side::Client, Side::Server];

#[derive(Clone, Eq, PartialEq)]
pub(crate) struct Frame {
    pub(crate) fin: bool,
    pub(crate) rsv: u8,
    pub(crate) opcode: u8,
    pub(crate) payload: Vec<u8>,
}

pub(crate) fn frame(opcode: u8, payload: impl AsRef<[u8]>) -> Frame {
    Frame { fin: true, rsv: 0, opcode, payload: payload.as_ref().to_vec() }
}

pub(crate) fn cont(payload: impl AsRef<[u8]>) -> Frame {
    frame(0x0, payload)
}

pub(crate) fn text(payload: impl AsRef<[u8]>) -> Frame {
    frame(0x1, payload)
}

pub(crate) fn binary(payload: impl AsRef<[u8]>) -> Frame {
    frame(0x2, payload)
}

/// A close frame with a code and a reason.
pub(crate) fn close(code: u16, reason: impl AsRef<[u8]>) -> Frame {
    frame(0x8, [&code.to_be_bytes(), reason.as_ref()].concat())
}

/// A close frame with nothing in it.
pub(crate) fn close_empty() -> Frame {
    frame(0x8, [])
}

pub(crate) fn ping(payload: impl AsRef<[u8]>) -> Frame {
    frame(0x9, payload)
}

pub(crate) fn pong(payload: impl AsRef<[u8]>) -> Frame {
    frame(0xA, payload)
}

impl Frame {
    /// The same frame, announcing another fragment.
    pub(crate) fn more(mut self) -> Self {
        self.fin = false;
        self
    }

    /// The same frame with reserved bits: RSV1 is 4, RSV2 is 2, RSV3 is 1.
    pub(crate) fn rsv(mut self, rsv: u8) -> Self {
        self.rsv = rsv;
        self
    }

    /// The bytes that `sender` puts on the wire.
    pub(crate) fn bytes(&self, sender: Side) -> Vec<u8> {
        let mut bytes = header(self, sender, self.payload.len() as u64);
        let masked = bytes[1] & 0x80 != 0;
        let payload = self.payload.iter().enumerate();
        bytes.extend(payload.map(|(i, byte)| if masked { byte ^ KEY[i % 4] } else { *byte }));
        bytes
    }
}

/// The header of a frame that claims to have `len` bytes of payload.
pub(crate) fn header(frame: &Frame, sender: Side, len: u64) -> Vec<u8> {
    let mask = if sender == Side::Client { 0x80 } else { 0 };
    let mut bytes = vec![u8::from(frame.fin) << 7 | frame.rsv << 4 | frame.opcode];
    if len < 126 {
        bytes.push(mask | len as u8);
    } else if len < 0x1_0000 {
        bytes.push(mask | 126);
        bytes.extend((len as u16).to_be_bytes());
    } else {
        bytes.push(mask | 127);
        bytes.extend(len.to_be_bytes());
    }
    if mask != 0 {
        bytes.extend(KEY);
    }
    bytes
}

/// The bytes that `sender` puts on the wire for these frames.
pub(crate) fn wire(sender: Side, frames: &[Frame]) -> Vec<u8> {
    frames.iter().flat_map(|frame| frame.bytes(sender)).collect()
}

/// Reads what `sender` wrote: whole frames, each masked if and only if that is a client
/// ([RFC 6455 §5.1](https://www.rfc-editor.org/rfc/rfc6455#section-5.1)), lengths in shortest form.
#[track_caller]
pub(crate) fn parse(sender: Side, bytes: &[u8]) -> Vec<Frame> {
    parse_with_keys(sender, bytes).into_iter().map(|(frame, _)| frame).collect()
}

#[track_caller]
pub(crate) fn parse_with_keys(sender: Side, mut bytes: &[u8]) -> Vec<(Frame, [u8; 4])> {
    let mut take = |n: usize| {
        let (head, rest) = bytes.split_at(n);
        bytes = rest;
        (head, rest.is_empty())
    };
    let mut frames = Vec::new();
    let mut done = take(0).1;
    while !done {
        let &[b0, b1] = take(2).0 else { unreachable!() };
        assert_eq!(b1 & 0x80 != 0, sender == Side::Client, "masked if and only if a client sends");
        let len = match b1 & 0x7F {
            126 => u64::from(u16::from_be_bytes(take(2).0.try_into().unwrap())),
            127 => u64::from_be_bytes(take(8).0.try_into().unwrap()),
            len => u64::from(len),
        };
        let shortest = match len {
            0..126 => len as u8,
            126..0x1_0000 => 126,
            _ => 127,
        };
        assert_eq!(b1 & 0x7F, shortest, "a length of {len} in its shortest form");
        let key = if b1 & 0x80 != 0 { take(4).0.try_into().unwrap() } else { [0; 4] };
        let (payload, rest_is_empty) = take(usize::try_from(len).unwrap());
        done = rest_is_empty;
        let payload = match key {
            [0, 0, 0, 0] => payload.to_vec(),
            key => payload.iter().zip(key.iter().cycle()).map(|(byte, key)| byte ^ key).collect(),
        };
        let frame = Frame { fin: b0 & 0x80 != 0, rsv: b0 >> 4 & 7, opcode: b0 & 0xF, payload };
        frames.push((frame, key));
    }
    frames
}

impl fmt::Debug for Frame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = ["cont", "text", "binary", "3", "4", "5", "6", "7", "close", "ping", "pong"];
        let name = names.get(usize::from(self.opcode)).unwrap_or(&"above 10");
        let shown = &self.payload[..self.payload.len().min(40)];
        write!(f, "{name}(\"{}\", {} bytes)", shown.escape_ascii(), self.payload.len())?;
        if self.rsv != 0 {
            write!(f, ".rsv({})", self.rsv)?;
        }
        if self.fin { Ok(()) } else { f.write_str(".more()") }
    }
}
