//! The codecs in memory: `codec time` prints nanoseconds per frame, `codec one CODEC OPERATION SIZE
//! COUNT` does one thing so many times, for a profiler, `codec list` names the codecs.
//!
//! Each reads an endless stream of frames, of which a read gives at most 64 KiB, and writes to a sink
//! that takes everything: see `stream`.

mod limits;
mod peers;
mod stream;

use std::fmt::Write as _;
use std::hint::black_box;
use std::process::ExitCode;
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
        ["one", codec, operation, size, count] => one(codec, operation, size, count),
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

fn one(codec: &str, operation: &str, size: &str, count: &str) {
    let codec = CODECS.iter().find(|(name, _)| *name == codec).expect("a codec of the list").1;
    let operation = OPERATIONS.iter().find(|(name, ..)| *name == operation);
    let &(_, operation, kind) = operation.expect("an operation");
    let block = Block::new(size.parse().expect("a size"), kind);
    black_box(codec(operation, &block, count.parse().expect("a count")));
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
    for &(name, operation, kind) in OPERATIONS {
        for size in sizes.split(',').map(|size| size.parse().expect("a size")) {
            let block = Block::new(size, kind);
            let run = |codec: Codec, count: usize| {
                let begun = cpu_time();
                black_box(codec(operation, &block, count));
                cpu_time() - begun
            };
            let counts: Vec<usize> = CODECS
                .iter()
                .map(|&(_, codec)| {
                    let mut count = 4;
                    loop {
                        let taken = run(codec, count);
                        if taken > each / 4 {
                            let wanted = each.as_secs_f64() / taken.as_secs_f64();
                            break (count as f64 * wanted) as usize + 1;
                        }
                        count *= 4;
                    }
                })
                .collect();
            let mut times = vec![String::new(); CODECS.len()];
            for _ in 0..repetitions {
                for (i, &(_, codec)) in CODECS.iter().enumerate() {
                    let taken = run(codec, counts[i]).as_nanos() as f64 / counts[i] as f64;
                    let _ = write!(times[i], "{taken:.3} ");
                }
            }
            for ((codec, _), times) in CODECS.iter().zip(times) {
                println!("{name}\t{size}\t{codec}\t{}", times.trim_end());
            }
        }
    }
}
