//! Heads of requests and responses: what is read doesn't depend on how it is cut into pieces, can
//! be written and read again, and costs no more memory than was received.

use std::fmt::Debug;
use std::time::Duration;

use ws_errors::{InvalidHandshake, MessageCause, Response};
use ws_proto::client::{ClientHandshake, ClientOptions};
use ws_proto::http::{HandshakeLimits, Request, RequestReader, ResponseReader};
use ws_proto::server::{OriginRule, ServerOptions, negotiate, reject};

use crate::dice::Dice;

/// Any bytes as the request of an opening handshake.
pub fn request_head(data: &[u8]) {
    for limits in [HandshakeLimits::default(), tight()] {
        let reader = || RequestReader::new(limits);
        let (result, _) = feed(data, reader, RequestReader::receive_data);
        let Ok(Some((request, used))) = result else { continue };
        assert!(used <= data.len().min(limits.max_head));
        assert!(request.headers().line_count() <= limits.max_headers);

        let written = request.serialize();
        let (again, len) = read_request(&written);
        assert_eq!(again, request, "written as {}", written.escape_ascii());
        assert_eq!(len, written.len());
        answer(&request);
    }
    let held =
        memory(data, &mut RequestReader::new(HandshakeLimits::default()), |reader, piece| {
            !matches!(reader.receive_data(piece), Ok(None))
        });
    assert!(held <= 4 * data.len() as u64 + 32_768, "{held} bytes held for {}", data.len());
}

/// The server's response to a request can be written and read.
fn answer(request: &Request) {
    let plain = ServerOptions::default();
    let choosy = ServerOptions::default()
        .subprotocols(["chat"])
        .origins([OriginRule::from("https://example.com"), OriginRule::Absent]);
    for options in [plain, choosy] {
        let response = match negotiate(request, &options, None) {
            Ok(negotiated) => negotiated.response,
            Err(error) => reject(&error, Some(request.method()), &options, None)
                .expect("the request was read"),
        };
        match request.method() {
            "HEAD" => check_head(&response),
            _ => check_response(&response),
        }
    }
}

fn read_request(data: &[u8]) -> (Request, usize) {
    let mut reader = RequestReader::new(wide());
    let result = reader.receive_data(data);
    result.expect("what we write is right").expect("what we write is whole")
}

/// Any bytes as a server's answer to an opening handshake.
pub fn response_head(data: &[u8]) {
    for limits in [HandshakeLimits::default(), tight()] {
        for proxy in [false, true] {
            let reader = || {
                let reader = ResponseReader::new(limits);
                if proxy { reader.for_proxy() } else { reader }
            };
            let (result, readers) = feed(data, reader, ResponseReader::receive_data);
            let response = match result {
                Ok(Some((response, used))) => {
                    assert!(used <= data.len());
                    Some(response)
                }
                Ok(None) => {
                    let mut ends = readers.into_iter().map(|mut reader| reader.receive_eof());
                    let end = ends.next().expect("it was fed whole");
                    ends.for_each(|other| assert_eq!(other, end));
                    end.ok()
                }
                Err(_) => None,
            };
            if let Some(response) = response {
                assert!(response.body.len() <= limits.max_body);
                check_head(&response);
            }
        }
    }
    handshake(data);
    let limits = HandshakeLimits::default();
    let held = memory(data, &mut ResponseReader::new(limits), |reader, piece| {
        !matches!(reader.receive_data(piece), Ok(None))
    });
    assert!(held <= 6 * data.len() as u64 + 32_768, "{held} bytes held for {}", data.len());
}

/// The same bytes as an answer to a request that we made.
fn handshake(data: &[u8]) {
    let uri = "ws://example.com/chat".parse().unwrap();
    let client = || {
        let options = ClientOptions::default().subprotocols(["chat"]);
        let nonce = *b"the sample nonce";
        ClientHandshake::new(&uri, &options, nonce, Duration::ZERO).expect("the options are right")
    };
    let receive = |client: &mut ClientHandshake, piece: &[u8]| {
        client.receive_data(piece, Duration::ZERO).map(|used| used.map(|used| ((), used)))
    };
    let (result, mut clients) = feed(data, client, receive);
    if matches!(result, Ok(None)) && clients.iter().any(|it| it.poll_timeout().is_some_and(is_soon))
    {
        // The head of a refusal is there: time and the end of the stream tell the same.
        let [whole, bytes, pieces] = &mut clients[..] else { panic!("cut in three ways") };
        let error = whole.handle_timeout(Duration::from_secs(1)).unwrap_err();
        assert!(matches!(error, InvalidHandshake::InvalidStatus(_)), "{error}");
        assert_eq!(bytes.receive_eof().unwrap_err(), error);
        assert_eq!(pieces.receive_eof().unwrap_err(), error);
    }
    for client in &clients {
        assert_eq!(client.response(), clients[0].response());
    }
    let mut outcomes = clients.into_iter().map(|client| {
        client.into_negotiated().map(|it| (it.response, it.subprotocol, it.extension_headers))
    });
    let outcome = outcomes.next().expect("it was fed whole");
    outcomes.for_each(|other| assert_eq!(other, outcome));
    assert_eq!(outcome.is_some(), matches!(result, Ok(Some(_))));
}

/// Whether the time limit of bodies runs, which is shorter than that of the handshake.
fn is_soon(deadline: Duration) -> bool {
    deadline <= Duration::from_secs(1)
}

/// The head of a response that was read is read again from what it is written as. The body is written
/// as it was understood, which needn't fit the headers.
fn check_head(response: &Response) {
    let body = response.body.len();
    let mut head = response.clone();
    head.body.clear();
    // The response of a proxy has no body, whatever its headers say.
    let mut reader = ResponseReader::new(wide()).for_proxy();
    let written = response.serialize();
    let result = reader.receive_data(&written);
    assert_eq!(result, Ok(Some((head, written.len() - body))), "{}", written.escape_ascii());
}

/// A response of ours is read as a whole from what it is written as.
fn check_response(response: &Response) {
    let written = response.serialize();
    let result = ResponseReader::new(wide()).receive_data(&written);
    assert_eq!(result, Ok(Some((response.clone(), written.len()))), "{}", written.escape_ascii());
}

/// Limits that short inputs reach.
fn tight() -> HandshakeLimits {
    let mut limits = HandshakeLimits::default();
    limits.max_line = 48;
    limits.max_headers = 4;
    limits.max_head = 160;
    limits.max_body = 16;
    limits
}

/// Limits that nothing reaches: what is written may be a little longer than what was read.
fn wide() -> HandshakeLimits {
    let mut limits = HandshakeLimits::default();
    limits.max_line = usize::MAX;
    limits.max_head = usize::MAX;
    limits
}

/// The outcome of reading an input, and how many bytes of it were used.
type Outcome<T> = Result<Option<(T, usize)>, InvalidHandshake>;

/// Says how many bytes of the rest come next.
type Cut<'a> = &'a mut dyn FnMut(&[u8]) -> usize;

/// Feeds `data` whole, cut at random and byte by byte; the outcome has to be the same. Gives it with
/// the readers.
fn feed<R, T: Debug + PartialEq>(
    data: &[u8],
    new: impl Fn() -> R,
    receive: impl Fn(&mut R, &[u8]) -> Outcome<T>,
) -> (Outcome<T>, Vec<R>) {
    let run = |next: Cut<'_>| {
        let mut reader = new();
        let mut rest = data;
        let mut before = 0;
        loop {
            let n = next(rest).min(rest.len());
            let (piece, tail) = rest.split_at(n);
            match receive(&mut reader, piece) {
                Ok(None) => before += n,
                Ok(Some((result, used))) => return (Ok(Some((result, before + used))), reader),
                Err(error) => return (Err(error), reader),
            }
            rest = tail;
            if rest.is_empty() {
                return (Ok(None), reader);
            }
        }
    };
    let (whole, reader) = run(&mut |rest| rest.len());
    let mut readers = vec![reader];
    let mut dice = Dice::new(data.len() as u64);
    let cuts: [Cut<'_>; 2] = [&mut |_| 1, &mut |mut rest| dice.piece(&mut rest).len()];
    for next in cuts {
        let (outcome, reader) = run(next);
        if !(is_not_http(&outcome) && is_not_http(&whole)) {
            assert_eq!(outcome, whole, "in pieces and whole");
        }
        readers.push(reader);
    }
    (whole, readers)
}

/// Whether this is the failure at bytes that aren't HTTP, which keeps as much of them as it has seen; or at two
/// empty lines, which begin the binary header of the PROXY protocol.
fn is_not_http<T>(outcome: &Outcome<T>) -> bool {
    let Err(InvalidHandshake::InvalidMessage(error)) = outcome else { return false };
    match &error.cause {
        Some(MessageCause::NotHttp(_)) => true,
        Some(MessageCause::Malformed(text)) => &**text == "first line is empty",
        _ => false,
    }
}

/// The most memory, in bytes, that a reader allocates while `data` comes in small pieces.
fn memory<R>(data: &[u8], reader: &mut R, done: impl Fn(&mut R, &[u8]) -> bool) -> u64 {
    let used = allocation_counter::measure(|| {
        for piece in data.chunks(7) {
            if done(reader, piece) {
                return;
            }
        }
    });
    used.bytes_max
}
