//! The header of the PROXY protocol that a proxy sends in front of all that its client sends. The format is that of the
//! crate `proxy_header`; here it is read, and not a byte behind it. `no_proxy_header.rs` is the face without the
//! feature.
//!
//! The protocol: <https://www.haproxy.org/download/2.8/doc/proxy-protocol.txt>

use std::io;
use std::net::SocketAddr;

use proxy_header::{ParseConfig, Protocol, ProxyHeader};
use tokio::io::{AsyncRead, AsyncReadExt};

use crate::TrustedProxies;
use crate::error::Error;

/// The longest header of version 2, in bytes: its addresses take 52 at most, and what proxies tell beside them some
/// hundred.
const MAX_LEN: usize = 4096;

/// The longest line of version 1, in bytes, its end included.
const MAX_LINE: usize = 107;

/// The shortest header of both versions: `PROXY UNKNOWN` and the end of the line.
const MIN_LEN: usize = 15;

/// The beginnings of the versions.
const LINE: &[u8] = b"PROXY ";
const BINARY: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";

/// The peers of a listener that send a header first; nobody by default.
#[derive(Clone, Debug, Default)]
pub(super) struct Proxies(Option<TrustedProxies>);

impl Proxies {
    pub(super) fn new(trusted: TrustedProxies) -> Self {
        Self(Some(trusted))
    }

    /// Whether this peer sends a header.
    pub(super) fn trusts(&self, peer: Option<SocketAddr>) -> bool {
        self.0.as_ref().is_some_and(|trusted| trusted.trusts(peer))
    }
}

/// Reads a header; gives the address of the client, or `None` if the proxy speaks for itself (`LOCAL`), doesn't know
/// the client (`UNKNOWN`), or the client hasn't come by TCP.
pub(super) async fn read<S: AsyncRead + Unpin>(
    stream: &mut S,
) -> Result<Option<SocketAddr>, Error> {
    let mut header = Vec::new();
    loop {
        let missing = missing(&header)?;
        if missing == 0 {
            return parse(&header);
        }
        // What is behind the header belongs to TLS or to HTTP, so it stays in the stream.
        if (&mut *stream).take(missing as u64).read_buf(&mut header).await? == 0 {
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, ENDED).into());
        }
    }
}

/// The text when the stream ends too early: proxies that only look whether somebody listens do that.
const ENDED: &str = "the stream ended before the end of the PROXY header";

/// The bytes that are missing at least; 0 if the header is complete.
fn missing(header: &[u8]) -> Result<usize, Error> {
    let begins = |with: &[u8]| header.iter().zip(with).all(|(a, b)| a == b);
    let len = header.len();
    match header {
        _ if !begins(LINE) && !begins(BINARY) => Err(Error::ProxyHeader("there is none".into())),
        _ if len < MIN_LEN => Ok(MIN_LEN - len),
        [b'P', .., b'\n'] => Ok(0),
        [b'P', ..] if len >= MAX_LINE => {
            let text = format!("its line has more than {MAX_LINE} bytes");
            Err(Error::ProxyHeader(text.into()))
        }
        [b'P', .., b'\r'] => Ok(1),
        // At least the two bytes of the end of the line.
        [b'P', ..] => Ok(2.min(MAX_LINE - len)),
        _ => match header.split_first_chunk::<16>() {
            None => Ok(1),
            Some((&[.., high, low], rest)) => {
                let claimed = usize::from(u16::from_be_bytes([high, low]));
                let whole = 16 + claimed;
                if whole > MAX_LEN {
                    let text = format!("it has {whole} bytes, at most {MAX_LEN} are accepted");
                    return Err(Error::ProxyHeader(text.into()));
                }
                Ok(claimed.saturating_sub(rest.len()))
            }
        },
    }
}

/// The client in a complete header.
fn parse(header: &[u8]) -> Result<Option<SocketAddr>, Error> {
    let config = ParseConfig { include_tlvs: false, ..ParseConfig::default() };
    match ProxyHeader::parse(header, config) {
        Ok((parsed, len)) if len == header.len() => {
            let client = parsed.proxied_address().filter(|it| it.protocol == Protocol::Stream);
            Ok(client.map(|it| SocketAddr::new(it.source.ip().to_canonical(), it.source.port())))
        }
        _ => {
            let shown = header.get(..MAX_LINE).unwrap_or(header).escape_ascii();
            Err(Error::ProxyHeader(format!("\"{shown}\" is malformed").into()))
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncWriteExt;

    use super::*;

    /// A header of version 2, with the bytes behind the length.
    fn binary(command: u8, family: u8, rest: &[u8]) -> Vec<u8> {
        let len = u16::try_from(rest.len()).unwrap().to_be_bytes();
        [BINARY, &[command, family], &len, rest].concat()
    }

    /// Reads from a stream that gets the bytes one by one or all at once; gives what is left in it, too.
    async fn read_all(
        bytes: &[u8],
        one_by_one: bool,
    ) -> (Result<Option<SocketAddr>, String>, usize) {
        let (mut near, mut far) = tokio::io::duplex(if one_by_one { 1 } else { 1 << 17 });
        let bytes = bytes.to_vec();
        let writing = tokio::spawn(async move { _ = near.write_all(&bytes).await });
        let client = read(&mut far).await.map_err(|e| e.to_string());
        let mut rest = Vec::new();
        far.read_to_end(&mut rest).await.unwrap();
        writing.await.unwrap();
        (client, rest.len())
    }

    const V4: [u8; 12] = [192, 0, 2, 1, 10, 0, 0, 1, 0xc4, 0xec, 0x01, 0xbb];

    #[tokio::test]
    async fn a_header_is_read_to_its_last_byte_and_no_further() {
        let mut v6 = [0; 36];
        v6[..2].copy_from_slice(&[0x20, 0x01]);
        v6[32..34].copy_from_slice(&50412_u16.to_be_bytes());
        let mut mapped = [0; 36];
        mapped[10..16].copy_from_slice(&[0xff, 0xff, 192, 0, 2, 1]);
        // Two TLVs: an authority, and a type that nobody knows.
        let tlvs = [&V4[..], b"\x02\0\x0bexample.com\xe0\0\x01x"].concat();
        let large = [&V4[..], &[0xe0, 0x0f, 0xe1], &[7; 0x0fe1]].concat();
        let longest = format!("PROXY UNKNOWN {}\r\n", "f".repeat(91));
        assert_eq!((longest.len(), large.len()), (MAX_LINE, MAX_LEN - 16));
        let rows: &[(&[u8], Option<&str>)] = &[
            (b"PROXY TCP4 192.0.2.1 10.0.0.1 50412 443\r\n", Some("192.0.2.1:50412")),
            (b"PROXY TCP4 1.1.1.1 1.1.1.1 1 1\r\n", Some("1.1.1.1:1")),
            (b"PROXY TCP6 2001:db8::1 ::1 50412 443\r\n", Some("[2001:db8::1]:50412")),
            (b"PROXY TCP6 ::ffff:192.0.2.1 ::1 50412 443\r\n", Some("192.0.2.1:50412")),
            (b"PROXY UNKNOWN\r\n", None),
            (b"PROXY UNKNOWN 2001:db8::1 ::1 50412 443\r\n", None),
            (longest.as_bytes(), None),
            (&binary(0x21, 0x11, &V4), Some("192.0.2.1:50412")),
            (&binary(0x21, 0x11, &tlvs), Some("192.0.2.1:50412")),
            (&binary(0x21, 0x11, &large), Some("192.0.2.1:50412")),
            (&binary(0x21, 0x21, &v6), Some("[2001::]:50412")),
            (&binary(0x21, 0x21, &mapped), Some("192.0.2.1:0")),
            // LOCAL, with and without addresses; not known; datagrams; Unix sockets.
            (&binary(0x20, 0x00, b""), None),
            (&binary(0x20, 0x11, &V4), None),
            (&binary(0x21, 0x00, b""), None),
            (&binary(0x21, 0x00, b"\x04\0\x01x"), None),
            (&binary(0x21, 0x12, &V4), None),
            (&binary(0x21, 0x31, &[b'x'; 216]), None),
        ];
        for &(header, expected) in rows {
            let expected = expected.map(|addr| addr.parse().unwrap());
            for rest in [&b""[..], b"G", b"\r\nGET / HTTP/1.1\r\n"] {
                let bytes = [header, rest].concat();
                for one_by_one in [false, true] {
                    let read = read_all(&bytes, one_by_one).await;
                    let shown = header.escape_ascii();
                    assert_eq!(read, (Ok(expected), rest.len()), "{shown}, {one_by_one}");
                }
            }
            // Cut anywhere, it isn't complete.
            for len in 0..header.len() {
                let (read, _) = read_all(&header[..len], false).await;
                assert_eq!(read, Err(ENDED.to_owned()), "{}", header[..len].escape_ascii());
            }
        }
    }

    #[tokio::test]
    async fn anything_else_is_refused_as_early_as_possible() {
        let short = binary(0x21, 0x11, &V4[..11]);
        let rows: &[(&[u8], &str)] = &[
            (b"G", "there is none"),
            (b"GET /?token=secret HTTP/1.1\r\n", "there is none"),
            (b"\x16\x03\x01", "there is none"),
            (b"PROXX", "there is none"),
            (b"PROXY\tTCP4", "there is none"),
            (b"proxy TCP4", "there is none"),
            (b"\r\n\r\n\0\r\nQUIT\r", "there is none"),
            (b"\r\n\r\nGET", "there is none"),
            (
                b"PROXY TCP4 192.0.2.256 10.0.0.1 50412 443\r\n",
                "\"PROXY TCP4 192.0.2.256 10.0.0.1 50412 443\\r\\n\" is malformed",
            ),
            (b"PROXY TCP4 ::1 ::1 1 1 \r\n", "\"PROXY TCP4 ::1 ::1 1 1 \\r\\n\" is malformed"),
            (b"PROXY TCP4 192.0.2.1\r\n", "\"PROXY TCP4 192.0.2.1\\r\\n\" is malformed"),
            (
                b"PROXY TCP4 1.1.1.1 1.1.1.1 65536 1\r\n",
                "\"PROXY TCP4 1.1.1.1 1.1.1.1 65536 1\\r\\n\" is malformed",
            ),
            (b"PROXY UNKNOWN x\n", "\"PROXY UNKNOWN x\\n\" is malformed"),
            (b"PROXY UDP4 1.1.1.1 1\r\n", "\"PROXY UDP4 1.1.1.1 1\\r\\n\" is malformed"),
            (b"PROXY \r\n\r\n\r\n\r\n\n", "\"PROXY \\r\\n\\r\\n\\r\\n\\r\\n\\n\" is malformed"),
            (&[LINE, &[b'x'; 200]].concat(), "its line has more than 107 bytes"),
            (&[LINE, &[b'\r'; 200]].concat(), "its line has more than 107 bytes"),
            // Another version, command or family; too short for its addresses.
            (&binary(0x11, 0x11, &V4), "malformed"),
            (&binary(0x22, 0x11, &V4), "malformed"),
            (&binary(0x21, 0x41, &V4), "malformed"),
            (&binary(0x21, 0x13, &V4), "malformed"),
            (&short, "malformed"),
            (&binary(0x21, 0x21, &V4), "malformed"),
            (&binary(0x21, 0x31, &V4), "malformed"),
            (&binary(0x21, 0x11, b""), "malformed"),
            // Its length is enough, without the bytes.
            (
                &[BINARY, b"\x21\x11\xff\xff"].concat(),
                "it has 65551 bytes, at most 4096 are accepted",
            ),
        ];
        for &(bytes, expected) in rows {
            for one_by_one in [false, true] {
                let (read, _) = read_all(bytes, one_by_one).await;
                let error = read.unwrap_err();
                assert!(error.starts_with("invalid PROXY header: "), "{error}");
                assert!(error.ends_with(expected), "{error} instead of {expected}");
            }
        }
    }
}
