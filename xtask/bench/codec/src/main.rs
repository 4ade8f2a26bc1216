//! The codecs in memory: `codec time` prints nanoseconds per frame, `codec one CODEC OPERATION SIZE
//! COUNT` does one thing so many times, for a profiler; `codec list` names the codecs.
//!
//! Each reads an endless stream of frames, of which a read gives at most 64 KiB, and writes to a sink
//! that takes everything: see `stream`.

mod limits;
mod peers;
mod stream;

use std::fmt::Write as _;
use std::hint::black_box;
use std::process::{Command, ExitCode};
use std::time::Duration;

use instructions::codec as ours;
use instructions::wire::Block;

/// What a codec does with a block.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Operation {
    /// A client's frames to messages, at a server.
    Decode,
    /// Messages to a server's frames.
    Encode,
    /// Messages to a client's frames, masked.
    EncodeMasked,
}

/// Does an operation so many times; gives any number that depends on all of it.
type Codec = fn(Operation, &Block, usize) -> u64;

const CODECS: &[(&str, Codec)] = &[
    ("copy", limits::copy),
    ("copy and unmask", limits::copy_and_unmask),
    ("websockets", websockets),
    ("tungstenite", peers::tungstenite),
    ("fastwebsockets", peers::fastwebsockets),
    ("tokio-websockets", peers::tokio_websockets),
    ("yawc", peers::yawc),
    ("sockudo-ws", peers::sockudo_ws),
    ("sockudo-ws without I/O", peers::sockudo_ws_protocol),
    ("wtx", peers::wtx),
];

const OPERATIONS: &[(&str, Operation, &str)] = &[
    ("Decode, binary", Operation::Decode, "binary"),
    ("Decode, ASCII text", Operation::Decode, "ascii"),
    ("Decode, multi-byte text", Operation::Decode, "utf8"),
    ("Encode, server", Operation::Encode, "binary"),
    ("Encode, client", Operation::EncodeMasked, "binary"),
];

fn websockets(operation: Operation, block: &Block, count: usize) -> u64 {
    match operation {
        Operation::Decode => ours::decode(block, count),
        Operation::Encode => ours::encode_server(block, count),
        Operation::EncodeMasked => ours::encode_client(block, count),
    }
}

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = args.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["list"] => CODECS.iter().for_each(|(name, _)| println!("{name}")),
        ["one", codec, operation, size, count] => one(codec, operation, size, count, false),
        ["timed", codec, operation, size, count] => one(codec, operation, size, count, true),
        ["time", options @ ..] => time(options),
        _ => {
            eprintln!(
                "codec list | one CODEC OPERATION SIZE COUNT | time [--sizes A,B] \
                [--repetitions N] [--ms N]"
            );
            return ExitCode::from(2);
        }
    }
    ExitCode::SUCCESS
}

/// Does one thing so many times; `timed`: and prints how many nanoseconds of CPU it took.
fn one(codec: &str, operation: &str, size: &str, count: &str, timed: bool) {
    let codec = CODECS.iter().find(|(name, _)| *name == codec).expect("a codec of the list").1;
    let operation = OPERATIONS.iter().find(|(name, ..)| *name == operation);
    let &(_, operation, kind) = operation.expect("an operation");
    let block = Block::new(size.parse().expect("a size"), kind);
    let count: usize = count.parse().expect("a count");
    if !timed {
        black_box(codec(operation, &block, count));
        return;
    }
    // The memory that it needs is there, and its code in the cache.
    black_box(codec(operation, &block, count / 8 + 1));
    let begun = cpu_time();
    black_box(codec(operation, &block, count));
    println!("{}", (cpu_time() - begun).as_nanos());
}

/// Does one thing so many times in a process of its own, so that nothing depends on what another codec has
/// left of the heap; the CPU time that it took.
fn run(codec: &str, operation: &str, size: usize, count: usize) -> Duration {
    let exe = std::env::current_exe().expect("this program");
    let numbers = [size.to_string(), count.to_string()];
    let output = Command::new(exe).args(["timed", codec, operation]).args(numbers).output();
    let output = output.expect("this program can be started");
    let ns = str::from_utf8(&output.stdout).ok().and_then(|text| text.trim().parse().ok());
    Duration::from_nanos(ns.expect("a number of nanoseconds"))
}

/// The time that this thread has had a CPU: whatever else runs doesn't count.
fn cpu_time() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

/// Prints a line for each operation, size and codec; the codecs take turns.
fn time(options: &[&str]) {
    let option = |name: &str, default: &'static str| {
        let at = options.iter().position(|word| *word == name);
        at.and_then(|at| options.get(at + 1)).copied().unwrap_or(default).to_owned()
    };
    let repetitions: usize = option("--repetitions", "5").parse().expect("a number");
    let each = Duration::from_millis(option("--ms", "12").parse().expect("a number"));
    let sizes = option("--sizes", "16,125,1024,16384,65536,1048576");
    for &(name, ..) in OPERATIONS {
        for size in sizes.split(',').map(|size| size.parse().expect("a size")) {
            let counts: Vec<usize> = CODECS
                .iter()
                .map(|&(codec, _)| {
                    let mut count = 4;
                    loop {
                        let taken = run(codec, name, size, count);
                        if taken > each / 8 {
                            let wanted = each.as_secs_f64() / taken.as_secs_f64();
                            break (count as f64 * wanted) as usize + 1;
                        }
                        count *= 8;
                    }
                })
                .collect();
            let mut times = vec![String::new(); CODECS.len()];
            for _ in 0..repetitions {
                for (i, &(codec, _)) in CODECS.iter().enumerate() {
                    let taken = run(codec, name, size, counts[i]).as_nanos() as f64;
                    let _ = write!(times[i], "{:.3} ", taken / counts[i] as f64);
                }
            }
            for ((codec, _), times) in CODECS.iter().zip(times) {
                println!("{name}\t{size}\t{codec}\t{}", times.trim_end());
            }
        }
    }
}
