//! The least work that an echo of WebSocket frames is: masked frames are unmasked in place, text is
//! checked, and what came in one read leaves in one write. Not a library; a limit for libraries.

/// The content of a header, and how long it is.
pub struct Header {
    pub opcode: u8,
    pub fin: bool,
    pub len: usize,
    pub key: [u8; 4],
    pub size: usize,
}

/// Reads the header of a client's frame; `None`: more bytes are needed.
#[inline]
pub fn header(bytes: &[u8]) -> Option<Header> {
    let (&[first, second], rest) = bytes.split_first_chunk()?;
    assert!(second & 0x80 != 0, "clients mask");
    let (len, rest) = match second & 0x7f {
        126 => rest.split_first_chunk().map(|(n, rest)| (u16::from_be_bytes(*n).into(), rest))?,
        127 => rest.split_first_chunk().map(|(n, rest)| (u64::from_be_bytes(*n) as usize, rest))?,
        n => (n.into(), rest),
    };
    let (&key, rest) = rest.split_first_chunk()?;
    let size = bytes.len() - rest.len();
    Some(Header { opcode: first & 15, fin: first & 0x80 != 0, len, key, size })
}

/// Writes the header of a server's frame; how long it is: 2, 4 or 10 bytes.
#[inline]
pub fn put_header(to: &mut [u8], fin: bool, opcode: u8, len: usize) -> usize {
    to[0] = u8::from(fin) << 7 | opcode;
    match len {
        0..126 => {
            to[1] = len as u8;
            2
        }
        126..65536 => {
            to[1] = 126;
            to[2..4].copy_from_slice(&(len as u16).to_be_bytes());
            4
        }
        _ => {
            to[1] = 127;
            to[2..10].copy_from_slice(&(len as u64).to_be_bytes());
            10
        }
    }
}

/// XOR with a key of 4 bytes.
#[inline]
pub fn unmask(bytes: &mut [u8], key: [u8; 4]) {
    #[cfg(target_arch = "x86_64")]
    if bytes.len() >= 128 && std::is_x86_feature_detected!("avx2") {
        // SAFETY: the processor has AVX2, it was just asked.
        return unsafe { unmask_avx2(bytes, key) };
    }
    unmask_words(bytes, key);
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
fn unmask_avx2(bytes: &mut [u8], key: [u8; 4]) {
    unmask_words(bytes, key);
}

#[inline(always)]
fn unmask_words(bytes: &mut [u8], key: [u8; 4]) {
    let half = u64::from(u32::from_ne_bytes(key));
    let wide = half << 32 | half;
    let (words, rest) = bytes.as_chunks_mut::<8>();
    for word in words {
        *word = (u64::from_ne_bytes(*word) ^ wide).to_ne_bytes();
    }
    for (byte, key) in rest.iter_mut().zip(key.iter().cycle()) {
        *byte ^= key;
    }
}

/// The echo of the frames in a buffer.
pub struct Echoed {
    /// How many bytes of frames were read, from the front.
    pub consumed: usize,
    /// How many bytes of answers took their place, from the front; never more.
    pub produced: usize,
    /// A close frame or text that isn't UTF-8.
    pub closed: bool,
}

/// Turns all whole frames of `bytes` into answers, in place. Fragments are answered one by one.
pub fn echo_in_place(bytes: &mut [u8]) -> Echoed {
    let (mut consumed, mut produced) = (0, 0);
    while let Some(header) = header(&bytes[consumed..]) {
        let start = consumed + header.size;
        let end = start + header.len;
        if end > bytes.len() {
            break;
        }
        unmask(&mut bytes[start..end], header.key);
        let text = header.opcode == 1 && header.fin;
        if header.opcode == 8 || text && simdutf8::basic::from_utf8(&bytes[start..end]).is_err() {
            return Echoed { consumed, produced, closed: true };
        }
        let opcode = if header.opcode == 9 { 10 } else { header.opcode };
        produced += put_header(&mut bytes[produced..], header.fin, opcode, header.len);
        bytes.copy_within(start..end, produced);
        produced += header.len;
        consumed = end;
    }
    Echoed { consumed, produced, closed: false }
}
