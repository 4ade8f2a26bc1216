//! Checks all that comes back: every length, opcode and first 16 bytes; the whole content of all
//! messages of up to 256 bytes, of each 16th of the larger ones, and of all compressed ones.

use crate::frames::{Block, FIN, RSV1, extended, header};
use crate::options::fail;

/// Payloads up to this length are compared as a whole.
const SMALL: usize = 256;

/// The receiving half of one connection.
pub struct Receiver {
    /// Which message of the block comes next.
    next: usize,
    /// How many came.
    count: u64,
    partial_header: [u8; 16],
    partial_len: usize,
    in_frame: bool,
    /// Payload bytes that the frame still lacks.
    remain: usize,
    fin: bool,
    /// Payload bytes of the message so far.
    got: usize,
    /// The same with the headers.
    wire: usize,
    /// Whether the whole message is compared.
    full: bool,
    compressed: bool,
    inflate: Option<Inflate>,
}

struct Inflate {
    inflater: flate2::Decompress,
    input: Vec<u8>,
    output: Vec<u8>,
}

impl Receiver {
    /// `first` is the message of the block that comes first; `seed` spreads the connections over which
    /// messages are compared.
    pub fn new(first: usize, seed: usize, deflate: bool, block: &Block) -> Self {
        let inflate =
            || Inflate { inflater: flate2::Decompress::new(false), input: vec![], output: vec![] };
        Self {
            next: first % block.len(),
            count: seed as u64,
            partial_header: [0; 16],
            partial_len: 0,
            in_frame: false,
            remain: 0,
            fin: false,
            got: 0,
            wire: 0,
            full: true,
            compressed: false,
            inflate: deflate.then(inflate),
        }
    }

    /// How many bytes may be dropped unseen: the inside of a large message that isn't compared.
    #[inline]
    pub fn droppable(&self) -> usize {
        let unseen = self.in_frame && !self.full && self.inflate.is_none();
        if unseen && self.remain > 32 << 10 { self.remain - 64 } else { 0 }
    }

    /// Counts bytes that were dropped.
    pub fn dropped(&mut self, n: usize) {
        self.remain -= n;
        self.got += n;
        self.wire += n;
    }

    /// Takes received bytes; `done` is called for each whole message, with its length in plain bytes and
    /// on the wire.
    #[inline]
    pub fn take(&mut self, block: &Block, mut data: &[u8], mut done: impl FnMut(usize, usize)) {
        loop {
            if !self.in_frame {
                let Some((first, len)) = self.take_header(&mut data) else { return };
                self.begin_frame(block, first, len);
            }
            let n = self.remain.min(data.len());
            let (piece, rest) = data.split_at(n);
            data = rest;
            match &mut self.inflate {
                Some(inflate) => inflate.input.extend_from_slice(piece),
                None => self.compare(&block.payloads[self.next], piece),
            }
            self.got += n;
            self.wire += n;
            self.remain -= n;
            if self.remain > 0 {
                return;
            }
            self.in_frame = false;
            if self.fin {
                let plain = self.end_message(block);
                done(plain, std::mem::take(&mut self.wire));
            }
            if data.is_empty() {
                return;
            }
        }
    }

    /// A header straight from the data if it is whole there, else by way of `partial_header`.
    #[inline]
    fn take_header(&mut self, data: &mut &[u8]) -> Option<(u8, usize)> {
        if self.partial_len == 0 && data.len() >= 10 {
            let (first, len, size) = header(data);
            *data = &data[size..];
            self.wire += size;
            return Some((first, len));
        }
        loop {
            let known = self.partial_len >= 2;
            if known && self.partial_len == 2 + extended(self.partial_header[1]) {
                break;
            }
            let (&byte, rest) = data.split_first()?;
            *data = rest;
            self.partial_header[self.partial_len] = byte;
            self.partial_len += 1;
        }
        self.partial_len = 0;
        let (first, len, size) = header(&self.partial_header);
        self.wire += size;
        Some((first, len))
    }

    #[inline]
    fn begin_frame(&mut self, block: &Block, first: u8, len: usize) {
        self.in_frame = true;
        self.remain = len;
        self.fin = first & FIN != 0;
        let opcode = first & 15;
        if opcode >= 8 {
            fail("a control frame from the server");
        }
        if first & 0x30 != 0 {
            fail("reserved bits");
        }
        if self.got == 0 && opcode != 0 {
            if opcode != block.opcode {
                fail("another opcode");
            }
            self.compressed = first & RSV1 != 0;
            let small = block.payloads[self.next].len() <= SMALL;
            self.full = small || self.count & 15 == 0;
        }
    }

    #[inline]
    fn compare(&self, payload: &[u8], piece: &[u8]) {
        let Some(expected) = payload.get(self.got..self.got + piece.len()) else {
            fail("more bytes than were sent");
        };
        let n = if self.full { piece.len() } else { piece.len().min(16) };
        if expected[..n] != piece[..n] {
            fail("the content differs");
        }
    }

    #[inline]
    fn end_message(&mut self, block: &Block) -> usize {
        let payload = &block.payloads[self.next];
        match &mut self.inflate {
            Some(inflate) => inflate.check(self.compressed, payload),
            None if self.got != payload.len() => fail("fewer bytes than were sent"),
            None => {}
        }
        self.got = 0;
        self.next += 1;
        if self.next == block.len() {
            self.next = 0;
        }
        self.count += 1;
        payload.len()
    }
}

impl Inflate {
    fn check(&mut self, compressed: bool, payload: &[u8]) {
        if compressed {
            self.input.extend_from_slice(&[0, 0, 0xff, 0xff]);
            self.output.clear();
            self.output.reserve(payload.len() + 64);
            let before = self.inflater.total_in();
            let mut used = 0;
            while used < self.input.len() {
                let flush = flate2::FlushDecompress::Sync;
                let inflated =
                    self.inflater.decompress_vec(&self.input[used..], &mut self.output, flush);
                if inflated.is_err() {
                    fail("not deflated");
                }
                let now = (self.inflater.total_in() - before) as usize;
                if now == used && self.output.len() < self.output.capacity() {
                    break;
                }
                used = now;
                if self.output.len() == self.output.capacity() {
                    self.output.reserve(65536);
                }
            }
        }
        let received = if compressed { &self.output } else { &self.input };
        if received != payload {
            fail("the inflated content differs");
        }
        self.input.clear();
    }
}
