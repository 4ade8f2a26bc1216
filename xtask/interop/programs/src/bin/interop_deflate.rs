//! Helper program of the interop tests: a client with much to send, and compression of choice.
//!
//! usage: interop_deflate URL PARAMETERS
//!
//! The client offers permessage-deflate with PARAMETERS, such as `server_max_window_bits=9;
//! client_no_context_takeover`, sends 10,000 messages and expects the echo of each. It prints one line
//! of JSON: see `xtask/interop/README.md`. Exit status: 0 when everything came back.

use std::process::ExitCode;
use std::time::{Duration, Instant};

use interop_programs::{agreed, parameters};
use tokio::io::{AsyncRead, AsyncWrite};
use websockets::extensions::{ClientWindow, WindowBits};
use websockets::{ClientDeflate, Compress, Message, PreparedMessage, Sender, connect};

const COUNT: usize = 10_000;
const MIB: usize = 1 << 20;
/// Random bytes get longer when they are compressed, and some libraries apply the limit to that, too.
const LARGE: usize = MIB - 4096;
/// For everything.
const LIMIT: Duration = Duration::from_secs(120);

type Failure = Box<dyn std::error::Error>;

#[tokio::main]
async fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [url, parameters] = &args[..] else {
        eprintln!("usage: interop_deflate URL PARAMETERS");
        return ExitCode::from(2);
    };
    let start = Instant::now();
    let ended = tokio::time::timeout(LIMIT, run(url, parameters)).await;
    let error = match ended.map_err(Failure::from).and_then(|ended| ended) {
        Ok((bytes, agreed)) => {
            println!(
                r#"{{"scenario": "client_deflate", "ok": true, "messages": {COUNT}, "bytes": {bytes}, "deflate": {agreed}, "seconds": {:.2}}}"#,
                start.elapsed().as_secs_f64(),
            );
            return ExitCode::SUCCESS;
        }
        Err(error) => error.to_string(),
    };
    println!(r#"{{"scenario": "client_deflate", "ok": false, "error": {error:?}}}"#);
    ExitCode::FAILURE
}

/// Exchanges the messages; gives their length, and what was agreed on.
async fn run(url: &str, parameters: &str) -> Result<(usize, String), Failure> {
    let messages = messages();
    let ws = connect(url).compression(deflate(parameters)?).open_timeout(LIMIT).await?;
    let agreed = agreed(&ws);
    let (mut sender, mut receiver) = ws.split();
    let sending = async {
        for (number, message) in messages.iter().enumerate() {
            send(&mut sender, number, message).await?;
        }
        sender.flush().await.map_err(Failure::from)
    };
    let receiving = async {
        let mut bytes = 0;
        for (number, message) in messages.iter().enumerate() {
            if receiver.recv().await?.as_ref() != Some(message) {
                return Err(format!("the echo of message {number} is another").into());
            }
            bytes += message.len();
        }
        Ok(bytes)
    };
    let ((), bytes) = tokio::try_join!(sending, receiving)?;
    sender.close(1000, "").await?;
    Ok((bytes, agreed))
}

/// Sends a message in one of the ways that there are: some in fragments, some as they are, some
/// prepared.
async fn send<S>(sender: &mut Sender<S>, number: usize, message: &Message) -> Result<(), Failure>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    match (number % 97, number % 89, number % 83) {
        (0, ..) => {
            let mut writer = sender.send_streaming();
            for piece in pieces(message) {
                writer.write(piece).await?;
            }
            writer.finish().await?;
        }
        (_, 0, _) => sender.send(message.clone().compress(Compress::Never)).await?,
        (.., 0) => sender.send(&PreparedMessage::new(message.clone())).await?,
        _ => sender.send(message.clone()).await?,
    }
    Ok(())
}

fn pieces(message: &Message) -> [Message; 3] {
    match message {
        Message::Text(text) => {
            let (first, rest) = str::split_at(text, border(text, text.len() / 3));
            [first, "", rest].map(Message::from)
        }
        Message::Binary(bytes) => {
            let (first, rest) = bytes.split_at(bytes.len() / 3);
            [first, b"", rest].map(|piece| piece.to_vec().into())
        }
    }
}

/// JSON, random bytes, and text of up to four bytes a character, in turns; the sizes are spread evenly
/// over the powers of two up to 64 KiB, and four are nearly 1 MiB.
fn messages() -> Vec<Message> {
    let mut random = Random(1);
    let mut json = String::new();
    while json.len() < MIB + 65536 {
        let (id, user, score) = (json.len(), random.below(1000), random.below(1_000_000));
        json += &format!("{{\"id\": {id}, \"name\": \"user {user}\", \"score\": 0.{score}}},\n");
    }
    let words = ["Größe", "naïve ", "日本語", "привет ", "🦀🚀", "plain words ", "— ", "٣٤٥"];
    let mut text = String::new();
    while text.len() < MIB + 65536 {
        text += words.get(random.below(words.len())).unwrap_or(&"");
    }
    let bytes: Vec<u8> = (0..MIB + 65536).map(|_| random.next().to_le_bytes()[0]).collect();
    let message = |number: usize| {
        let size = match (number % 2500, number % 1000) {
            (1249, _) => LARGE,
            (_, 0) => 0,
            (_, 1) => 65536,
            // Between two powers of two, which are as likely as any other two.
            _ => (1 << random.below(16)) * (65536 + random.below(65536)) / 65536,
        };
        let start = random.below(MIB + 65536 - size);
        match number % 3 {
            0 => cut(&json, start, size).into(),
            1 => bytes.get(start..start + size).unwrap_or_default().to_vec().into(),
            _ => cut(&text, start, size).into(),
        }
    };
    (0..COUNT).map(message).collect()
}

/// The characters that lie in this range of bytes, or begin there.
fn cut(text: &str, start: usize, size: usize) -> &str {
    text.get(border(text, start)..border(text, start + size)).unwrap_or_default()
}

/// The next place between two characters.
fn border(text: &str, at: usize) -> usize {
    (at..text.len()).find(|&at| text.is_char_boundary(at)).unwrap_or(text.len())
}

/// Numbers that are the same each time (SplitMix64).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, limit: usize) -> usize {
        usize::try_from(self.next() % limit as u64).unwrap_or_default()
    }
}

/// The settings that these parameters of the header field stand for.
fn deflate(text: &str) -> Result<ClientDeflate, Failure> {
    let mut deflate = ClientDeflate::default();
    for parameter in parameters(text) {
        deflate = match parameter {
            ("server_no_context_takeover", "") => deflate.server_no_context_takeover(true),
            ("client_no_context_takeover", "") => deflate.client_no_context_takeover(true),
            ("server_max_window_bits", bits) => {
                deflate.server_max_window_bits(WindowBits::new(bits.parse()?)?)
            }
            ("client_max_window_bits", bits) => {
                let bits = WindowBits::new(bits.parse()?)?;
                deflate.client_max_window_bits(ClientWindow::AtMost(bits))
            }
            _ => return Err(format!("no such parameter: {parameter:?}").into()),
        };
    }
    Ok(deflate)
}
