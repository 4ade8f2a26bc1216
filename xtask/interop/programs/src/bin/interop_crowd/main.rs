//! Helper program of the interop tests: many connections, hostile ones among them, and several processes.
//!
//! usage: `interop_crowd [NAME]...`
//!
//! Scenarios whose names begin with a NAME are run; without one, all. Servers, [`server`], and attackers are processes
//! of this program; engines are `redis-server` and `nats-server`, started on loopback. Each scenario prints a line of
//! JSON with what it saw. Exit status: 0 when all passed.

mod abuse;
mod crowd;
mod deploy;
mod engines;
mod process;
mod server;

use std::pin::Pin;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use interop_programs::quote;

pub(crate) type Failure = Box<dyn std::error::Error + Send + Sync>;
pub(crate) type Outcome<T = ()> = Result<T, Failure>;

type Scenario = Pin<Box<dyn Future<Output = Outcome<String>>>>;

/// The longest time for one scenario.
const LIMIT: Duration = Duration::from_secs(180);

#[tokio::main]
async fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let part = match &args[..] {
        [first, settings @ ..] if first == "serve" => Some(server::run(settings).await),
        [first, addr] if first == "attack" => Some(abuse::attack(addr).await),
        _ => None,
    };
    if let Some(result) = part {
        return match result {
            Ok(()) => ExitCode::SUCCESS,
            Err(e) => {
                eprintln!("interop_crowd {}: {e}", args.join(" "));
                ExitCode::FAILURE
            }
        };
    }
    let scenarios: [(&str, Scenario); 7] = [
        ("crowd/10000", Box::pin(crowd::plain(10_000))),
        ("crowd/2000 with TLS", Box::pin(crowd::tls(2_000))),
        ("abuse", Box::pin(abuse::all_at_once())),
        ("deploy/reuse_port", Box::pin(deploy::beside_the_old_one())),
        ("engines/redis", Box::pin(engines::two_processes(engines::Kind::Redis))),
        ("engines/nats", Box::pin(engines::two_processes(engines::Kind::Nats))),
        ("engines/none", Box::pin(engines::never_there())),
    ];
    let mut failed = 0;
    for (name, scenario) in scenarios {
        if !args.is_empty() && !args.iter().any(|wanted| name.starts_with(wanted)) {
            continue;
        }
        let start = Instant::now();
        let result = tokio::time::timeout(LIMIT, scenario).await;
        let result = result.unwrap_or_else(|_| Err("it took too long".into()));
        failed += usize::from(result.is_err());
        let (ok, result) = match &result {
            Ok(saw) => (true, format!(r#""error": null, "saw": {}"#, quote(saw))),
            Err(e) => (false, format!(r#""error": {}, "saw": null"#, quote(&e.to_string()))),
        };
        let seconds = start.elapsed().as_secs_f64();
        println!(
            r#"{{"scenario": {}, "ok": {ok}, "seconds": {seconds:.2}, {result}}}"#,
            quote(name),
        );
    }
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// The median and the 99th percentile of durations, and the longest, in milliseconds.
pub(crate) fn summary(times: &mut [Duration]) -> String {
    times.sort_unstable();
    let at = |percent: usize| {
        let index = (times.len() * percent / 100).min(times.len().saturating_sub(1));
        times.get(index).map_or(f64::NAN, |time| time.as_secs_f64() * 1e3)
    };
    format!("median {:.2} ms, p99 {:.2} ms, worst {:.2} ms", at(50), at(99), at(100))
}

/// Fails with a text unless a condition holds.
pub(crate) fn ensure(condition: bool, text: impl FnOnce() -> String) -> Outcome {
    if condition { Ok(()) } else { Err(text().into()) }
}
