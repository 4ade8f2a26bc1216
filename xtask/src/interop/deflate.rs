//! Compression with other people's libraries: each pair of peers with each setting, many messages each.
//!
//! The client sends, the server echoes, the client compares; both tell what was negotiated. Here it is
//! compared with what was asked for, and with what really passed between them.

use std::{
    path::Path,
    process::{Command, Stdio},
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use serde_json::{Value as Json, json};

use super::{
    Ours, Peers, Serving,
    tap::{Seen, Tap, Way},
};
use crate::run::{self, Log, Result};

/// One connection with many messages.
#[derive(Debug)]
struct Run {
    server: Peer,
    client: Peer,
    setting: Setting,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Peer {
    Ours,
    Python,
    Node,
    /// It offers what it likes; the server alone has the parameters.
    Chromium,
}

/// The parameters that both sides are told to negotiate.
#[derive(Clone, Debug)]
struct Setting {
    name: String,
    /// As in the header field.
    parameters: String,
    /// The direction in which our encoder has a window that it can't do: nothing may be compressed.
    plain: Option<Direction>,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Direction {
    There,
    Back,
}

impl Setting {
    fn new(name: impl Into<String>, parameters: impl Into<String>) -> Self {
        Self { name: name.into(), parameters: parameters.into(), plain: None }
    }

    /// The settings that every pair of peers can do.
    fn common() -> Vec<Self> {
        let mut settings = vec![
            Self::new("takeover", ""),
            Self::new("no_takeover", "server_no_context_takeover; client_no_context_takeover"),
            Self::new("server_no_takeover", "server_no_context_takeover"),
            Self::new("client_no_takeover", "client_no_context_takeover"),
        ];
        settings.extend((9..=15).map(|bits| {
            let parameters =
                format!("server_max_window_bits={bits}; client_max_window_bits={bits}");
            Self::new(format!("window_{bits}"), parameters)
        }));
        settings
    }
}

/// Servers and their clients, with our library and without.
const WITH_OURS: &[(Peer, Peer)] = &[
    (Peer::Ours, Peer::Python),
    (Peer::Ours, Peer::Node),
    (Peer::Ours, Peer::Chromium),
    (Peer::Python, Peer::Ours),
    (Peer::Node, Peer::Ours),
];
const WITHOUT_OURS: &[(Peer, Peer)] = &[
    (Peer::Python, Peer::Python),
    (Peer::Python, Peer::Node),
    (Peer::Python, Peer::Chromium),
    (Peer::Node, Peer::Python),
    (Peer::Node, Peer::Node),
    (Peer::Node, Peer::Chromium),
];

/// All that is to be tried.
fn runs(ours: bool) -> Vec<Run> {
    let mut runs = Vec::new();
    for setting in Setting::common() {
        for &(server, client) in if ours { WITH_OURS } else { WITHOUT_OURS } {
            runs.push(Run { server, client, setting: setting.clone() });
        }
    }
    if ours {
        // Of the encoders, only Node's can do 8; ours sends everything uncompressed.
        let theirs = |parameters| Setting::new("their_window_8", parameters);
        let ours = |parameters, plain| {
            let setting = Setting::new("our_window_8", parameters);
            Setting { plain: Some(plain), ..setting }
        };
        let our_server = || ours("server_max_window_bits=8", Direction::Back);
        let our_client = || ours("client_max_window_bits=8", Direction::There);
        runs.extend(
            [
                (Peer::Ours, Peer::Node, theirs("client_max_window_bits=8")),
                (Peer::Node, Peer::Ours, theirs("server_max_window_bits=8")),
                (Peer::Ours, Peer::Python, our_server()),
                (Peer::Ours, Peer::Node, our_server()),
                (Peer::Python, Peer::Ours, our_client()),
                (Peer::Node, Peer::Ours, our_client()),
            ]
            .map(|(server, client, setting)| Run { server, client, setting }),
        );
    }
    runs
}

/// Lets our library, or without it the peers, exchange messages with each setting; gives what is wrong.
pub(super) fn test(log: &mut Log, out: &Path, peers: &Peers, ours: Option<&Ours>) -> Vec<String> {
    let mut runs = runs(ours.is_some());
    runs.retain(|run| run.client != Peer::Chromium || peers.chromium.is_some());
    let ended = Mutex::new((log, Vec::new()));
    run::in_parallel(&runs, |run| {
        let name = format!("deflate {}: {:?} to {:?}", run.setting.name, run.client, run.server);
        let start = Instant::now();
        let result = run.exchange(out, peers, ours);
        let mut ended = ended.lock().unwrap_or_else(PoisonError::into_inner);
        match result {
            Ok(sizes) => {
                let seconds = start.elapsed().as_secs_f64();
                ended.0.line(&format!("{name}: ok in {seconds:.1} s, {sizes}"));
            }
            Err(error) => {
                ended.0.line(&format!("{name}: {error}"));
                ended.1.push(format!("{name}: {error}"));
            }
        }
    });
    ended.into_inner().unwrap_or_else(PoisonError::into_inner).1
}

impl Run {
    /// Runs server and client, and compares all that is known; gives the sizes in words.
    fn exchange(&self, out: &Path, peers: &Peers, ours: Option<&Ours>) -> Result<String> {
        let file = format!("{}-{:?}-{:?}.log", self.setting.name, self.server, self.client);
        let record = out.join(file);
        let mut command = server(self.server, peers, ours)?;
        command.args(["--deflate", &self.setting.parameters]);
        let serving = Serving::start(command, &record)?;
        let tap = Tap::start(&serving.url)?;

        let mut command = client(self.client, peers, ours, &tap.url)?;
        if self.client != Peer::Chromium {
            command.arg(&self.setting.parameters);
        }
        let output = command.stdin(Stdio::null()).stderr(Stdio::inherit()).output();
        let output = output.map_err(|e| format!("the client can't be started: {e}"))?;
        let said = String::from_utf8_lossy(&output.stdout);
        let line = said.lines().last().and_then(|line| serde_json::from_str::<Json>(line).ok());
        let line = match line {
            Some(line) if output.status.success() => line,
            _ => return Err(format!("the client ended with {}: {said}", output.status)),
        };
        let seen = tap.seen()?;
        serving.program.terminate()?;
        let problems = judge(&self.setting, &line, &record_in(&record)?, &seen);
        if !problems.is_empty() {
            return Err(problems.join("; "));
        }
        let bytes = number(&line, "bytes");
        let percent = |way: &Way| format!("{:.0} %", way.bytes as f64 * 100.0 / bytes as f64);
        let (there, back) = (percent(&seen.to_server), percent(&seen.to_client));
        Ok(format!("{bytes} bytes as {there} there and {back} back"))
    }
}

fn server(peer: Peer, peers: &Peers, ours: Option<&Ours>) -> Result<Command> {
    match peer {
        Peer::Ours => Ok(Command::new(&ours.ok_or(NOT_BUILT)?.interop_server)),
        Peer::Python => Ok(peers.python_server()),
        Peer::Node => Ok(peers.node_server()),
        Peer::Chromium => Err("a browser is no server".to_owned()),
    }
}

/// The client for the server at `url`.
fn client(peer: Peer, peers: &Peers, ours: Option<&Ours>, url: &str) -> Result<Command> {
    let echo = format!("{url}/echo?scenario=deflate");
    let (mut command, args) = match peer {
        Peer::Ours => (Command::new(&ours.ok_or(NOT_BUILT)?.interop_deflate), vec![echo]),
        Peer::Python => (peers.script("deflate.py"), vec![echo]),
        Peer::Node => (peers.node("deflate.js"), vec![echo]),
        Peer::Chromium => {
            let mut command = peers.script("browser.py");
            command.arg(peers.chromium.as_ref().ok_or("there is no Chromium")?);
            (command, vec![url.to_owned(), "--deflate".to_owned()])
        }
    };
    command.args(args);
    Ok(command)
}

const NOT_BUILT: &str = "our programs are not built";

/// The server's record of its only connection.
fn record_in(path: &Path) -> Result<Json> {
    let deadline = Instant::now() + Duration::from_secs(10);
    loop {
        let written = run::read(path)?;
        let record = written.lines().find_map(|line| serde_json::from_str(line).ok());
        match record {
            Some(record) => return Ok(record),
            None if Instant::now() > deadline => return Err("the server wrote nothing down".into()),
            None => std::thread::sleep(Duration::from_millis(20)),
        }
    }
}

/// All that isn't as the setting has it, or not the same on both sides and between them.
fn judge(setting: &Setting, line: &Json, record: &Json, seen: &Seen) -> Vec<String> {
    let mut problems = Vec::new();
    let mut check = |holds: bool, problem: String| {
        if !holds {
            problems.push(problem);
        }
    };
    let parameters = &setting.parameters;
    let answer = seen.to_client.field("Sec-WebSocket-Extensions");
    let agreed = terms(answer.as_deref());
    for (who, saw) in [("client", line), ("server", record)] {
        let saw = saw.get("deflate").unwrap_or(&Json::Null);
        check(*saw == agreed, format!("the {who} has {saw}, agreed on was {answer:?}"));
    }
    let wanted = terms(Some(&format!("permessage-deflate; {parameters}")));
    for (name, wanted) in wanted.as_object().into_iter().flatten() {
        let got = agreed.get(name).unwrap_or(&Json::Null);
        let holds = got == wanted || !is_wanted(name, parameters);
        check(holds, format!("{name} is {got}, wanted {wanted}: {answer:?}"));
    }

    let (count, bytes) = (number(line, "messages"), number(line, "bytes"));
    let received = number(record, "texts") + number(record, "binaries");
    check(count >= 10_000, format!("only {count} messages"));
    check(received == count, format!("the server received {received} messages of {count}"));
    let received = number(record, "bytes");
    check(received == bytes, format!("the server received {received} bytes of {bytes}"));
    for (direction, way) in
        [(Direction::There, &seen.to_server), (Direction::Back, &seen.to_client)]
    {
        let Way { messages, compressed, bytes: wire, .. } = way;
        check(*messages == count, format!("{messages} messages, not {count}: {direction:?}"));
        // A third is random, and each library has its own idea of messages that are too short.
        let (holds, wanted) = match setting.plain == Some(direction) {
            true => (*compressed == 0 && *wire == bytes, "nothing may be compressed"),
            false => (*compressed * 4 >= count && *wire * 4 <= bytes * 3, "compression is wanted"),
        };
        let got = format!("{compressed} messages compressed, {wire} bytes for {bytes}");
        check(holds, format!("{direction:?}: {wanted}: {got}"));
    }
    problems
}

/// The meaning of the server's answer, as both sides tell it; `null` if nothing is compressed.
fn terms(answer: Option<&str>) -> Json {
    let mut parts = answer.unwrap_or_default().split(';').map(str::trim).filter(|p| !p.is_empty());
    if parts.next() != Some("permessage-deflate") {
        return Json::Null;
    }
    // The parameters of RFC 7692, and what they are when the answer doesn't have them.
    let mut terms = json!({
        "server_max_window_bits": 15,
        "client_max_window_bits": 15,
        "server_no_context_takeover": false,
        "client_no_context_takeover": false,
    });
    for part in parts {
        let (name, value) = part.split_once('=').unwrap_or((part, "true"));
        let Some(term) = terms.get_mut(name) else { return json!(part) };
        *term = serde_json::from_str(value.trim_matches('"')).unwrap_or(Json::Null);
    }
    terms
}

/// Whether a term has to be as these parameters have it: a window that isn't mentioned may be any.
fn is_wanted(name: &str, parameters: &str) -> bool {
    name.ends_with("takeover") || parameters.contains(name)
}

fn number(json: &Json, name: &str) -> u64 {
    json.get(name).and_then(Json::as_u64).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Judges a run of which everything is as it should be, but for what `change` does.
    fn judged(change: impl FnOnce(&mut Setting, &mut Json, &mut Json, &mut Seen)) -> usize {
        let mut setting = Setting::new("x", "server_max_window_bits=9; client_no_context_takeover");
        let agreed = "permessage-deflate; server_max_window_bits=9; client_no_context_takeover";
        let deflate = terms(Some(agreed));
        let mut line = json!({ "messages": 10_000, "bytes": 1000, "deflate": deflate });
        let mut record =
            json!({ "texts": 9000, "binaries": 1000, "bytes": 1000, "deflate": deflate });
        let way = |head: String| {
            let head = head.into_bytes();
            Way { head, messages: 10_000, compressed: 9000, bytes: 500, ..Way::default() }
        };
        let response = format!("HTTP/1.1 101 x\r\nsec-websocket-extensions: {agreed}\r\n\r\n");
        let mut seen = Seen { to_server: way(String::new()), to_client: way(response) };
        change(&mut setting, &mut line, &mut record, &mut seen);
        judge(&setting, &line, &record, &seen).len()
    }

    #[test]
    fn each_thing_that_is_not_as_it_should_be_is_found() {
        assert_eq!(judged(|_, _, _, _| {}), 0);
        let other = "server_max_window_bits=10; client_no_context_takeover";
        assert_eq!(judged(|setting, _, _, _| setting.parameters = other.into()), 1);
        assert_eq!(judged(|setting, _, _, _| setting.parameters = String::new()), 1);
        assert_eq!(judged(|_, line, _, _| line["deflate"] = Json::Null), 1);
        assert_eq!(judged(|_, _, record, _| record["deflate"] = Json::Null), 1);
        assert_eq!(judged(|_, _, record, _| record["texts"] = json!(8999)), 1);
        assert_eq!(judged(|_, _, record, _| record["bytes"] = json!(999)), 1);
        assert_eq!(judged(|_, _, _, seen| seen.to_client.messages += 1), 1);
        assert_eq!(judged(|_, _, _, seen| seen.to_client.compressed = 100), 1);
        assert_eq!(judged(|_, _, _, seen| seen.to_server.bytes = 1000), 1);
        // Neither side is compressed, but both say so, and it was wanted: four things and two sides.
        let no_compression = |_: &mut _, _: &mut _, _: &mut _, seen: &mut Seen| {
            seen.to_client.head = b"HTTP/1.1 101 x\r\n\r\n".to_vec();
        };
        assert!(judged(no_compression) > 2);
    }

    #[test]
    fn an_encoder_with_a_window_that_it_can_not_do_compresses_nothing() {
        let plain = |way: &mut Way| (way.compressed, way.bytes) = (0, 1000);
        let back = |setting: &mut Setting| setting.plain = Some(Direction::Back);
        assert_eq!(judged(|setting, _, _, _| back(setting)), 1);
        assert_eq!(judged(|_, _, _, seen| plain(&mut seen.to_client)), 1);
        let as_wanted = judged(|setting, _, _, seen| {
            back(setting);
            plain(&mut seen.to_client);
        });
        assert_eq!(as_wanted, 0);
        let other = judged(|setting, _, _, seen| {
            back(setting);
            plain(&mut seen.to_server);
        });
        assert_eq!(other, 2);
    }

    #[test]
    fn terms_are_those_of_the_answer_and_the_defaults() {
        assert_eq!(terms(None), Json::Null);
        assert_eq!(terms(Some("x-other")), Json::Null);
        let terms = terms(Some("permessage-deflate; client_max_window_bits=\"9\""));
        assert_eq!(terms["client_max_window_bits"], 9);
        assert_eq!(terms["server_max_window_bits"], 15);
        assert_eq!(terms["server_no_context_takeover"], false);
        assert!(is_wanted("client_max_window_bits", "client_max_window_bits=9"));
        assert!(!is_wanted("server_max_window_bits", "client_max_window_bits=9"));
        assert!(is_wanted("server_no_context_takeover", ""));
    }
}
