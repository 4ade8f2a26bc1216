//! The arguments, as scripts know them.

use std::ffi::{OsStr, OsString};
use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::Parser;

/// The task of a run.
#[derive(Debug)]
pub(crate) enum Command {
    /// `websockets [connect] URL`.
    Connect(Box<ConnectArgs>),
    /// `websockets serve`.
    Serve(Box<ServeArgs>),
}

/// Reads the arguments, the name of the program first.
pub(crate) fn parse(args: impl IntoIterator<Item = OsString>) -> Result<Command, clap::Error> {
    let mut args: Vec<_> = args.into_iter().collect();
    match args.get(1).map(OsString::as_os_str).and_then(OsStr::to_str) {
        Some("serve") => {
            drop(args.remove(1));
            return ServeArgs::try_parse_from(args).map(|args| Command::Serve(Box::new(args)));
        }
        // No URL looks like it.
        Some("connect") => drop(args.remove(1)),
        _ => {}
    }
    ConnectArgs::try_parse_from(args).map(|args| Command::Connect(Box::new(args)))
}

const ABOUT: &str = "\
Talks to a WebSocket server: sends the lines of standard input, prints the messages
that arrive, a line each.";

const AFTER_HELP: &str = "\
Examples:
  websockets wss://echo.example.com/
      on a terminal: type messages, Ctrl-D or Ctrl-C closes
  echo '{\"op\":\"ping\"}' | websockets ws://localhost:8765/
      sends a line, prints what arrives until the server closes, too
  websockets -H 'Authorization: Bearer TOKEN' -s chat.v2 wss://example.com/chat
  websockets -u alice:secret --ca-file ca.pem wss://intern.example/
  sleep infinity | websockets --reconnect wss://example.com/feed >>feed.log
      connects again when the connection is lost, until it is interrupted
  websockets --connect-to 127.0.0.1:8443 -v wss://example.com/
  websockets serve
      an echo server; see `websockets serve --help`

On a terminal, Up and Down find lines again, Alt-J indents JSON, Ctrl-D closes the connection.

Exit status: 0 after a clean close; 1 when connecting failed or the connection ended otherwise,
with one line `error: ...`; 2 for wrong arguments; 130 or 143 when SIGINT or SIGTERM ended it
before it was connected, or a second one afterwards.";

/// The arguments of the client.
#[derive(Debug, Parser)]
#[command(
    name = "websockets",
    version,
    about = ABOUT,
    after_help = AFTER_HELP,
    override_usage = "websockets [connect] URL [OPTIONS]\n       websockets serve [ADDR]... [OPTIONS]"
)]
pub(crate) struct ConnectArgs {
    /// The server: ws://… or wss://…
    #[arg(value_name = "URL")]
    pub(crate) url: String,

    /// Sends a header; repeatable
    // It isn't parsed here: errors would show it, and it may be a secret.
    #[arg(short = 'H', long = "header", value_name = "NAME: VALUE")]
    pub(crate) headers: Vec<String>,

    /// Offers a subprotocol; repeatable, the preferred one first
    #[arg(short, long = "subprotocol", value_name = "NAME")]
    pub(crate) subprotocols: Vec<String>,

    /// Sends an Origin header, as browsers do
    #[arg(long, value_name = "ORIGIN")]
    pub(crate) origin: Option<String>,

    /// Answers a challenge: by Digest if it is on offer, else Basic
    // Not parsed, as above.
    #[arg(short, long, value_name = "NAME:PASSWORD")]
    pub(crate) user: Option<String>,

    /// Replaces the User-Agent header
    #[arg(long, value_name = "TEXT")]
    pub(crate) user_agent: Option<String>,

    /// The proxy: http://, https://, socks5:// or socks5h://, with
    /// user:password@ if need be; none; default: env, the environment's
    #[arg(
        long,
        value_name = "URL|env|none",
        default_value = "env",
        hide_default_value = true,
        verbatim_doc_comment
    )]
    pub(crate) proxy: String,

    /// Trusts these certificates instead of the platform's,
    /// for servers and https:// proxies
    #[arg(long, value_name = "PEM", verbatim_doc_comment)]
    pub(crate) ca_file: Option<PathBuf>,

    /// Shows this certificate, with its chain, to the server
    #[arg(long, value_name = "PEM", requires = "key")]
    pub(crate) cert: Option<PathBuf>,

    /// The key of --cert
    #[arg(long, value_name = "PEM", requires = "cert")]
    pub(crate) key: Option<PathBuf>,

    /// The server's name for TLS, instead of the URL's host
    #[arg(long, value_name = "NAME")]
    pub(crate) server_name: Option<String>,

    /// Verifies no certificate: others can read and change everything
    #[arg(short = 'k', long)]
    pub(crate) insecure: bool,

    /// Connects there instead of to the URL's host and port
    #[arg(long, value_name = "HOST:PORT")]
    pub(crate) connect_to: Option<String>,

    /// Connects to a Unix socket
    #[cfg(unix)]
    #[arg(long, value_name = "PATH", conflicts_with = "connect_to")]
    pub(crate) unix: Option<PathBuf>,

    /// The local address to connect from
    #[arg(long, value_name = "ADDR")]
    pub(crate) bind: Option<IpAddr>,

    /// Limits the time until the connection is open; default 10
    #[arg(long, value_name = "SECS", value_parser = seconds)]
    pub(crate) open_timeout: Option<Duration>,

    /// Limits the time for each address of the host
    #[arg(long, value_name = "SECS", value_parser = seconds)]
    pub(crate) connect_timeout: Option<Duration>,

    /// The time between keepalive pings; default 20
    #[arg(long, value_name = "SECS|none", value_parser = interval)]
    pub(crate) ping_interval: Option<Limit<Duration>>,

    /// Limits the time for closing; default 10
    #[arg(long, value_name = "SECS", value_parser = seconds)]
    pub(crate) close_timeout: Option<Duration>,

    /// Limits received messages, in bytes; default 1048576
    #[arg(long, value_name = "BYTES|none", value_parser = bytes)]
    pub(crate) max_size: Option<Limit<usize>>,

    /// The most redirects that are followed; 0: none
    #[arg(long, value_name = "N", default_value_t = 10)]
    pub(crate) max_redirects: usize,

    /// Offers no compression
    #[arg(long)]
    pub(crate) no_compression: bool,

    /// Connects again when the connection is lost, with growing delays
    #[arg(long)]
    pub(crate) reconnect: bool,

    /// With --reconnect: gives up after so many failures in a row
    #[arg(long, value_name = "N", requires = "reconnect",
        value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) max_attempts: Option<u32>,

    /// Sends standard input as binary messages, a line each
    #[arg(long)]
    pub(crate) binary: bool,

    /// Describes connections on standard error, with heads of
    /// requests and responses
    #[arg(short, long, verbatim_doc_comment)]
    pub(crate) verbose: bool,
}

/// The arguments of the server.
#[derive(Debug, Parser)]
#[command(
    name = "websockets serve",
    version,
    about = "Serves WebSocket connections: an echo server, until SIGINT or SIGTERM.",
    after_help = SERVE_HELP,
    override_usage = "websockets serve [ADDR]... [OPTIONS]"
)]
pub(crate) struct ServeArgs {
    /// Where to listen, HOST:PORT; port 0: any; default 127.0.0.1:8765
    #[arg(value_name = "ADDR", value_parser = addr)]
    pub(crate) addrs: Vec<String>,

    /// Listens on a Unix socket; repeatable
    #[cfg(unix)]
    #[arg(long, value_name = "PATH")]
    pub(crate) unix: Vec<PathBuf>,

    /// Serves wss:// with this certificate and its chain
    #[arg(long, value_name = "PEM", requires = "key")]
    pub(crate) cert: Option<PathBuf>,

    /// The key of --cert
    #[arg(long, value_name = "PEM", requires = "cert")]
    pub(crate) key: Option<PathBuf>,

    /// Takes only clients with a certificate of these authorities
    #[arg(long, value_name = "PEM", requires = "cert")]
    pub(crate) client_ca: Option<PathBuf>,

    /// Supports a subprotocol; repeatable, the preferred one first
    #[arg(long = "subprotocol", value_name = "NAME")]
    pub(crate) subprotocols: Vec<String>,

    /// Takes only clients with this Origin header; repeatable
    #[arg(long = "origin", value_name = "ORIGIN")]
    pub(crate) origins: Vec<String>,

    /// Takes only clients with this name and password, by Basic
    // Not parsed, as above.
    #[arg(long, value_name = "NAME:PASSWORD")]
    pub(crate) user: Option<String>,

    /// Sends each message to all other clients instead of back
    #[arg(long)]
    pub(crate) chat: bool,

    /// Limits received messages, in bytes; default 1048576
    #[arg(long, value_name = "BYTES|none", value_parser = bytes)]
    pub(crate) max_size: Option<Limit<usize>>,

    /// The time between keepalive pings; default 20
    #[arg(long, value_name = "SECS|none", value_parser = interval)]
    pub(crate) ping_interval: Option<Limit<Duration>>,

    /// Refuses compression
    #[arg(long)]
    pub(crate) no_compression: bool,
}

const SERVE_HELP: &str = "\
Prints `listening on URL` for each place, and connections that fail, on standard error.

Examples:
  websockets serve
  websockets serve --chat 0.0.0.0:8765 --unix /tmp/chat.sock
  websockets serve --cert chain.pem --key key.pem localhost:8443

Exit status: 0 after SIGINT or SIGTERM, which close all connections with 1001; 1 when it can't
listen; 2 for wrong arguments; 130 or 143 after a second signal.";

/// A limit that can be switched off.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Limit<T>(pub(crate) Option<T>);

/// `Name: value`, of `--header`.
pub(crate) fn header(text: &str) -> Result<(&str, &str), String> {
    let (name, value) = text.split_once(':').ok_or("a --header isn't `Name: value`")?;
    Ok((name.trim(), value.trim_matches([' ', '\t'])))
}

/// `NAME:PASSWORD`, of `--user`; only the first colon counts.
pub(crate) fn user(text: &str) -> Result<(&str, &str), String> {
    Ok(text.split_once(':').ok_or("--user isn't NAME:PASSWORD")?)
}

/// `HOST:PORT`, an IPv6 address in brackets.
fn addr(text: &str) -> Result<String, &'static str> {
    const WRONG: &str = "it isn't HOST:PORT";
    let (host, port) = text.rsplit_once(':').ok_or(WRONG)?;
    let is_bracketed = host.starts_with('[') && host.ends_with(']');
    match !host.is_empty() && host.contains(':') == is_bracketed && port.parse::<u16>().is_ok() {
        true => Ok(text.to_owned()),
        false => Err(WRONG),
    }
}

/// A number of seconds, fractions included.
fn seconds(text: &str) -> Result<Duration, &'static str> {
    let plain = text.bytes().all(|b| b.is_ascii_digit() || b == b'.');
    let seconds = text.parse().ok().filter(|_| plain);
    seconds
        .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok())
        .ok_or("it isn't a number of seconds")
}

/// A time that isn't zero, or `none`.
fn interval(text: &str) -> Result<Limit<Duration>, &'static str> {
    match text {
        "none" => Ok(Limit(None)),
        text => match seconds(text)? {
            Duration::ZERO => Err("it has to be more than 0"),
            interval => Ok(Limit(Some(interval))),
        },
    }
}

/// A number of bytes, or `none`.
fn bytes(text: &str) -> Result<Limit<usize>, &'static str> {
    match text {
        "none" => Ok(Limit(None)),
        text => {
            text.parse().map(|bytes| Limit(Some(bytes))).map_err(|_| "it isn't a number of bytes")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_numbers_with_fractions() {
        let ms = |ms| Ok(Duration::from_millis(ms));
        let wrong = Err("it isn't a number of seconds");
        for (text, expected) in [
            ("10", ms(10_000)),
            ("0.5", ms(500)),
            (".25", ms(250)),
            ("0", ms(0)),
            ("", wrong),
            (".", wrong),
            ("-1", wrong),
            ("1e3", wrong),
            ("inf", wrong),
            ("NaN", wrong),
            ("1s", wrong),
            ("99999999999999999999999", wrong),
        ] {
            assert_eq!(seconds(text), expected, "{text}");
        }
        assert_eq!(interval("none"), Ok(Limit(None)));
        assert!(interval("0").is_err());
    }

    #[test]
    fn headers_and_passwords_are_split_at_the_first_colon() {
        assert_eq!(header("X-A: b:c "), Ok(("X-A", "b:c")));
        assert_eq!(header("X-A:"), Ok(("X-A", "")));
        assert!(header("X-A").is_err());
        assert_eq!(user("me:pass:word"), Ok(("me", "pass:word")));
        assert!(user("me").is_err());
    }

    #[test]
    fn an_address_to_listen_on_has_a_host_and_a_port() {
        for text in ["localhost:0", "127.0.0.1:8765", "[::1]:80", "0.0.0.0:65535"] {
            assert_eq!(addr(text).as_deref(), Ok(text));
        }
        for text in
            ["", "8765", ":8765", "localhost", "::1:80", "localhost:x", "a:65536", "ws://a:1"]
        {
            assert!(addr(text).is_err(), "{text}");
        }
    }

    #[test]
    fn the_definitions_are_consistent() {
        use clap::CommandFactory;
        ConnectArgs::command().debug_assert();
        ServeArgs::command().debug_assert();
    }
}
