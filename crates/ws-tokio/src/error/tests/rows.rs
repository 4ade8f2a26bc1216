//! Every error with the situation that it tells of: the rows of the page `docs/reference/errors.md`.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use ws_errors::*;
use ws_proto::http::Response;
use ws_proto::{ProxyUri, Uri};
use ws_types::{Close, ExtensionName, State, Subprotocol};

use crate::error::{Attempt, Closed, ConnectError, Error, Stage, TrySendError};

/// An error of the table: the class or variant, the situation, and the error.
pub(super) struct Row(pub(super) &'static str, pub(super) &'static str, pub(super) Error);

pub(super) fn response(status: u16, reason: &str, headers: &[(&str, &str)]) -> Response {
    let headers = Headers::try_from(headers).unwrap();
    Response::new(status, reason, headers, "")
}

/// A failure to connect to `ws://user:secret@example.com:8765/chat?token=secret`.
pub(super) fn connect(attempt: Attempt, cause: impl Into<Error>) -> Error {
    let uri = Uri::parse("ws://user:secret@example.com:8765/chat?token=secret").unwrap();
    Error::Connect(Box::new(ConnectError::new(uri, attempt, None, cause.into())))
}

pub(super) fn addr(last: u8) -> SocketAddr {
    ([192, 0, 2, last], 8765).into()
}

/// The handshake over a connection to an address has failed.
pub(super) fn refused(cause: impl Into<Error>) -> Error {
    connect(connected(1), cause)
}

/// An attempt that has led to a connection to this address.
fn connected(last: u8) -> Attempt {
    let (addr, stage) = (Some(addr(last)), Stage::Response);
    Attempt { addr, connected: true, stage, ..Attempt::default() }
}

fn proxy() -> ProxyUri {
    ProxyUri::parse("http://user:secret@proxy.example:3128").unwrap()
}

/// The proxy has answered.
fn by_proxy(cause: impl Into<Error>) -> Error {
    connect(Attempt { proxy: Some(proxy()), ..connected(9) }, cause)
}

pub(super) fn io(kind: io::ErrorKind) -> io::Error {
    kind.into()
}

pub(super) fn connecting() -> Vec<Row> {
    use io::ErrorKind as Kind;
    let timeout = || HandshakeTimeout::new(Duration::from_secs(10));
    let failed = |kinds: &[Kind]| {
        let failed = kinds.iter().zip(1..).map(|(kind, last)| (addr(last), io(*kind))).collect();
        Attempt { failed, ..Attempt::default() }
    };
    let uri = |uri| Error::from(Uri::parse(uri).unwrap_err());
    vec![
        Row("InvalidURI", "no scheme", uri("localhost:8765")),
        Row("InvalidURI", "a scheme of the web", uri("https://example.com/")),
        Row("InvalidURI", "a port that is none", uri("ws://user:secret@host:99999/?token=secret")),
        Row(
            "TlsUnavailable",
            "`wss://` without TLS",
            connect(Attempt::default(), Error::TlsUnavailable),
        ),
        Row(
            "Resolve",
            "an unknown host",
            connect(
                Attempt::default(),
                Error::Resolve(io::Error::new(Kind::NotFound, "no such host")),
            ),
        ),
        Row(
            "Io",
            "nobody listens",
            connect(failed(&[Kind::ConnectionRefused]), io(Kind::ConnectionRefused)),
        ),
        Row(
            "Io",
            "none of several addresses can be reached",
            connect(
                failed(&[Kind::NetworkUnreachable, Kind::ConnectionRefused]),
                io(Kind::ConnectionRefused),
            ),
        ),
        Row(
            "Tls",
            "a certificate of an unknown authority",
            refused(Error::Tls(io::Error::new(
                Kind::InvalidData,
                "invalid peer certificate: UnknownIssuer",
            ))),
        ),
        Row("Tls", "the TLS handshake ends early", refused(Error::Tls(io(Kind::UnexpectedEof)))),
        Row(
            "InvalidProxy",
            "a bad address in the settings or the environment",
            connect(
                Attempt::default(),
                ProxyUri::parse("http://user:secret@proxy/path").unwrap_err(),
            ),
        ),
        Row(
            "Io",
            "the proxy refuses the connection",
            connect(
                Attempt { proxy: Some(proxy()), ..failed(&[Kind::ConnectionRefused]) },
                io(Kind::ConnectionRefused),
            ),
        ),
        Row(
            "InvalidProxyStatus",
            "the proxy wants a password",
            by_proxy(InvalidProxyStatus::new(response(407, "Proxy Authentication Required", &[]))),
        ),
        Row(
            "InvalidProxyMessage",
            "the proxy doesn't speak HTTP",
            by_proxy(InvalidProxyMessage::new(MessageCause::from(NotHttp::new(b"SSH-2.0-x\r\n")))),
        ),
        Row(
            "ProxyError",
            "a SOCKS proxy finds nobody at the server",
            by_proxy(ProxyError::temporary(
                "the SOCKS proxy cannot reach the server: Connection refused",
            )),
        ),
        Row(
            "SecurityError",
            "a redirect that would drop TLS",
            refused(SecurityError::from(SecurityErrorKind::InsecureRedirect {
                uri: "ws://example.com/".into(),
            })),
        ),
        Row(
            "SecurityError",
            "a redirect to another origin, with `connect_to`",
            refused(SecurityError::from(SecurityErrorKind::CrossOriginRedirect {
                uri: "ws://other.example/".into(),
            })),
        ),
        Row(
            "SecurityError",
            "a circle of redirects",
            refused(SecurityError::from(SecurityErrorKind::TooManyRedirects { max: 10 })),
        ),
        Row(
            "HandshakeTimeout",
            "the name server doesn't answer",
            connect(Attempt { stage: Stage::Resolving, ..Attempt::default() }, timeout()),
        ),
        Row(
            "HandshakeTimeout",
            "the host drops packets, after another one has refused",
            connect(
                Attempt {
                    addr: Some(addr(2)),
                    stage: Stage::Connecting,
                    ..failed(&[Kind::ConnectionRefused])
                },
                timeout(),
            ),
        ),
        Row("HandshakeTimeout", "the server is silent", refused(timeout())),
        Row(
            "HandshakeTimeout",
            "the server stops in the TLS handshake",
            connect(Attempt { stage: Stage::Tls, ..connected(1) }, timeout()),
        ),
        Row(
            "HandshakeTimeout",
            "the proxy hangs",
            connect(
                Attempt { proxy: Some(proxy()), stage: Stage::Proxy, ..connected(9) },
                timeout(),
            ),
        ),
        Row("Io", "the connection is reset", refused(io(Kind::ConnectionReset))),
        Row(
            "InvalidMessage",
            "the connection ends within the response",
            refused(InvalidMessage::new(HttpMessage::Response, MessageCause::UnexpectedEof)),
        ),
        Row(
            "InvalidMessage",
            "a TLS server",
            refused(InvalidMessage::new(
                HttpMessage::Response,
                MessageCause::from(NotHttp::new(b"\x15\x03\x03\0\x02\x02F")),
            )),
        ),
        Row(
            "InvalidMessage",
            "an SSH server",
            refused(InvalidMessage::new(
                HttpMessage::Response,
                MessageCause::from(NotHttp::new(b"SSH-2.0-OpenSSH_9.6\r\n")),
            )),
        ),
        Row(
            "InvalidMessage",
            "a header line without a colon",
            refused(InvalidMessage::new(
                HttpMessage::Response,
                MessageCause::Malformed("invalid header name".into()),
            )),
        ),
        Row(
            "InvalidMessage",
            "too many headers",
            refused(InvalidMessage::new(
                HttpMessage::Response,
                MessageCause::from(SecurityError::from(TooManyHeaders::new(129, 128))),
            )),
        ),
        Row("StatusLineTooLong", "a line without end", refused(StatusLineTooLong::new(8193, 8192))),
        Row(
            "InvalidStatus",
            "a wrong password",
            refused(InvalidStatus::new(response(401, "Unauthorized", &[]))),
        ),
        Row(
            "InvalidStatus",
            "a redirect",
            refused(InvalidStatus::new(response(
                302,
                "Found",
                &[("Location", "/login?next=secret")],
            ))),
        ),
        Row(
            "InvalidStatus",
            "an overloaded server",
            refused(InvalidStatus::new(response(503, "", &[("Retry-After", "120")]))),
        ),
        Row(
            "InvalidUpgrade",
            "a 101 for another protocol",
            refused(InvalidUpgrade::new("Upgrade", Some("h2c"))),
        ),
        Row(
            "InvalidHeaderValue",
            "a cache has answered",
            refused(InvalidHeaderValue::new(
                "Sec-WebSocket-Accept",
                Some("s3pPLMBiTxaQ9k=".into()),
            )),
        ),
        Row(
            "InvalidHeader",
            "a header appears twice",
            refused(InvalidHeader::new("Sec-WebSocket-Accept", Some("multiple values"))),
        ),
        Row(
            "InvalidHeaderFormat",
            "a header breaks its grammar",
            refused(InvalidHeaderFormat::new("Connection", "expected comma", "keep alive", 5)),
        ),
        Row(
            "NegotiationError",
            "an extension that wasn't offered",
            refused(
                NegotiationErrorKind::from(UnsupportedExtension::new(
                    ExtensionName::new("x-op").unwrap(),
                    Vec::new(),
                ))
                .pipe(),
            ),
        ),
        Row(
            "NegotiationError",
            "a subprotocol that wasn't offered",
            refused(
                NegotiationErrorKind::UnsupportedSubprotocol(Subprotocol::new("chat").unwrap())
                    .pipe(),
            ),
        ),
        Row(
            "DuplicateParameter",
            "an extension",
            refused(DuplicateParameter::new("server_max_window_bits")),
        ),
        Row("InvalidParameterName", "an extension", refused(InvalidParameterName::new("x"))),
        Row(
            "InvalidParameterValue",
            "an extension",
            refused(InvalidParameterValue::new("server_max_window_bits", Some("16"))),
        ),
        Row(
            "InvalidHeaderValue",
            "a setting can't be sent",
            connect(
                Attempt::default(),
                InvalidHeaderValue::new("User-Agent", Some("a\r\nb: c".into())),
            ),
        ),
    ]
}

pub(super) fn serving() -> Vec<Row> {
    let request = |cause| Error::from(InvalidMessage::new(HttpMessage::Request, cause));
    vec![
        Row(
            "Listen",
            "a busy port",
            Error::Listen(addr(1).to_string().into(), io(io::ErrorKind::AddrInUse)),
        ),
        Row(
            "Resolve",
            "an unknown host",
            Error::Resolve(io::Error::new(io::ErrorKind::NotFound, "no such host")),
        ),
        Row(
            "HandshakeTimeout",
            "a silent client",
            HandshakeTimeout::new(Duration::from_secs(10)).into(),
        ),
        Row("InvalidMessage", "a client that leaves", request(MessageCause::UnexpectedEof)),
        Row("InvalidMessage", "a mail client", request(NotHttp::new(b"EHLO x\r\n").into())),
        Row(
            "InvalidMessage",
            "a TLS client",
            request(NotHttp::new(b"\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03").into()),
        ),
        Row(
            "InvalidMessage",
            "a load balancer with the PROXY protocol",
            request(NotHttp::new(b"PROXY TCP4 192.0.2.1 192.0.2.2 50412 80\r\n").into()),
        ),
        Row(
            "ProxyHeader",
            "a load balancer without the PROXY protocol, where it is expected",
            Error::ProxyHeader("there is none".into()),
        ),
        Row("RequestLineTooLong", "", RequestLineTooLong::new(8193, 8192).into()),
        Row("HeaderLineTooLong", "", HeaderLineTooLong::new(8193, 8192).into()),
        Row("TooManyHeaders", "", TooManyHeaders::new(129, 128).into()),
        Row(
            "SecurityError",
            "",
            SecurityError::from(SecurityErrorKind::HeadTooLarge { size: 131_073, max: 131_072 })
                .into(),
        ),
        Row("InvalidMethod", "", InvalidMethod::new("POST").into()),
        Row("InvalidProtocol", "", InvalidProtocol::new("HTTP/1.0").into()),
        Row(
            "InvalidUpgrade",
            "a browser opens the page",
            InvalidUpgrade::new("Connection", Some("keep-alive")).into(),
        ),
        Row("InvalidHeader", "", InvalidHeader::new("Sec-WebSocket-Key", None).into()),
        Row("InvalidHeader", "", InvalidHeader::new("Host", None).into()),
        Row(
            "InvalidHeaderValue",
            "",
            InvalidHeaderValue::new("Sec-WebSocket-Version", Some("8".into())).into(),
        ),
        Row(
            "InvalidOrigin",
            "a foreign page",
            InvalidOrigin::new(Some("https://evil.example".into())).into(),
        ),
        Row("InvalidOrigin", "no browser", InvalidOrigin::new(None).into()),
        Row("NegotiationError", "", NegotiationErrorKind::MissingSubprotocol.pipe().into()),
        Row(
            "NegotiationError",
            "",
            NegotiationErrorKind::InvalidSubprotocol {
                expected: [Subprotocol::new("a").unwrap(), Subprotocol::new("b").unwrap()].into(),
            }
            .pipe()
            .into(),
        ),
        Row(
            "AbortHandshake",
            "a hook has answered",
            AbortHandshake::new(404, Headers::new(), "Not found\n").into(),
        ),
        Row(
            "InvalidHandshake",
            "a hook has failed",
            InvalidHandshake::new("a hook panicked").into(),
        ),
    ]
}

pub(super) fn open() -> Vec<Row> {
    let closed = |rcvd: Option<u16>, sent: Option<u16>| {
        let close = |code: Option<u16>| code.map(|code| Close::new(code, ""));
        Error::from(ConnectionClosed::new(close(rcvd), close(sent), Some(true), None))
    };
    let failed = |cause: WebSocketException| {
        let sent = Close::new(cause.close_code(), cause.to_string());
        Error::from(ConnectionClosed::new(None, Some(sent), None, Some(Box::new(cause))))
    };
    let lost = |kind| {
        let exception = ConnectionClosed::new(None, None, None, None);
        Error::Closed(Closed::new(exception, Some(Arc::new(io(kind)))))
    };
    use ProtocolErrorKind as Kind;
    let mut rows = vec![
        Row(
            "ConnectionClosedOK",
            "both sides are done (`send`; `recv` gives `None`)",
            closed(Some(1000), Some(1000)),
        ),
        Row(
            "ConnectionClosedOK",
            "the server stops (`send`; `recv` gives `None`)",
            closed(Some(1001), Some(1001)),
        ),
        Row(
            "ConnectionClosedOK",
            "closed without a code (`send`; `recv` gives `None`)",
            closed(Some(1005), Some(1005)),
        ),
        Row("ConnectionClosedError", "the peer vanished", closed(None, None)),
        Row(
            "ConnectionClosedError",
            "the connection was reset",
            lost(io::ErrorKind::ConnectionReset),
        ),
        Row("ConnectionClosedError", "the peer doesn't read", lost(io::ErrorKind::TimedOut)),
        Row("ConnectionClosedError", "the peer doesn't answer our close", closed(None, Some(1000))),
        Row("ConnectionClosedError", "we broke a rule", closed(Some(1002), Some(1002))),
        Row("ConnectionClosedError", "refused by policy", closed(Some(1008), Some(1008))),
        Row("ConnectionClosedError", "the server has failed", closed(Some(1011), Some(1011))),
        Row("ConnectionClosedError", "the service restarts", closed(Some(1012), Some(1012))),
        Row("ConnectionClosedError", "the server is overloaded", closed(Some(1013), Some(1013))),
        Row("ConnectionClosedError", "a gateway has failed", closed(Some(1014), Some(1014))),
        Row("ConnectionClosedError", "a code of the application", closed(Some(4001), Some(4001))),
        Row(
            "KeepaliveTimeout",
            "the peer is gone",
            failed(KeepaliveTimeout::new(Duration::from_secs(20)).into()),
        ),
        Row("PayloadTooBig", "", failed(PayloadTooBig::new(Some(2_000_000), None, 1 << 20).into())),
        Row(
            "PayloadTooBig",
            "while decompressing, after fragments",
            failed(PayloadTooBig::new(None, Some(9), 1 << 20).into()),
        ),
        Row("TooManyFragments", "", failed(TooManyFragments::new(4096).into())),
        Row("InvalidUtf8", "", failed(InvalidUtf8::new("invalid start byte", 7).into())),
    ];
    for kind in [
        Kind::InvalidOpcode(3),
        Kind::IncorrectMasking,
        Kind::ReservedBits,
        Kind::ControlFrameTooLong(126),
        Kind::FragmentedControlFrame,
        Kind::CloseFrameTooShort,
        Kind::InvalidStatusCode(1006),
        Kind::UnexpectedContinuation,
        Kind::ExpectedContinuation,
        Kind::Rsv1InContinuation,
        Kind::DecompressionFailed,
        Kind::FrameLengthNotMinimal(125),
        Kind::FrameLengthTooLong(1 << 63),
        Kind::Custom("a text of an extension"),
    ] {
        rows.push(Row("ProtocolError", "", failed(kind.into())));
    }
    rows
}

pub(super) fn misuse() -> Vec<Row> {
    vec![
        Row(
            "ProtocolError",
            "`close` with a code that can't be sent",
            ProtocolError::new(ProtocolErrorKind::InvalidStatusCode(1006)).into(),
        ),
        Row(
            "ProtocolError",
            "`close` with a reason of 124 bytes",
            ProtocolError::new(ProtocolErrorKind::ControlFrameTooLong(126)).into(),
        ),
        Row(
            "ProtocolError",
            "`close(1005, \"reason\")`",
            ProtocolError::new(ProtocolErrorKind::ReasonWithoutCode).into(),
        ),
        Row(
            "ConcurrencyError",
            "two pings",
            ConcurrencyError::new(ConcurrencyErrorKind::SamePing).into(),
        ),
        Row(
            "ConcurrencyError",
            "only in `ws-proto`",
            ConcurrencyError::new(ConcurrencyErrorKind::MessageInProgress).into(),
        ),
        Row("InvalidState", "only in `ws-proto`", InvalidState::new(State::Closing).into()),
        Row("Other", "an invalid subprotocol", Subprotocol::new("a b").unwrap_err().into()),
        Row(
            "Other",
            "a repeated header, read with `get`",
            Headers::try_from([("A", "1"), ("a", "2")]).unwrap().get("A").unwrap_err().into(),
        ),
        Row("Other", "`try_send` with `?`", TrySendError::Full("text".into()).into()),
    ]
}

pub(super) fn completing() -> Vec<Row> {
    vec![
        Row("InvalidStatusCode", "", InvalidStatusCode::new(401).into()),
        Row("RedirectHandshake", "", RedirectHandshake::new("ws://example.com/").into()),
    ]
}

/// Converts a kind into its class.
trait Pipe {
    fn pipe(self) -> NegotiationError;
}

impl Pipe for NegotiationErrorKind {
    fn pipe(self) -> NegotiationError {
        self.into()
    }
}
