//! `instructions`: prints the measures; `instructions NAME COUNT`: does one of them COUNT times, under
//! a program that counts instructions. `cargo xtask instructions` takes the difference of two counts.

mod codec;
mod echo;
mod wire;

use std::hint::black_box;
use std::process::ExitCode;

use wire::Block;

/// A measure: its name, the size of the payload, what is done.
type Measure = (&'static str, usize, fn(&Block, usize) -> u64);

const MEASURES: &[Measure] = &[
    ("decode 16 B", 16, codec::decode),
    ("decode 125 B", 125, codec::decode),
    ("decode 1 KiB", 1 << 10, codec::decode),
    ("decode 64 KiB", 64 << 10, codec::decode),
    ("encode, server, 16 B", 16, codec::encode_server),
    ("encode, server, 1 KiB", 1 << 10, codec::encode_server),
    ("encode, server, 64 KiB", 64 << 10, codec::encode_server),
    ("encode, client, 16 B", 16, codec::encode_client),
    ("encode, client, 1 KiB", 1 << 10, codec::encode_client),
    ("encode, client, 64 KiB", 64 << 10, codec::encode_client),
    ("echo 16 B", 16, echo::echo),
    ("echo 1 KiB", 1 << 10, echo::echo),
    ("echo 64 KiB", 64 << 10, echo::echo),
    ("echo, batches of 32, 16 B", 16, echo::echo_batch),
    ("echo, batches of 32, 125 B", 125, echo::echo_batch),
    ("echo, batches of 32, 1 KiB", 1 << 10, echo::echo_batch),
];

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [name, count] = args.as_slice() else {
        for (name, size, _) in MEASURES {
            println!("{name}\t{size}");
        }
        return ExitCode::SUCCESS;
    };
    let measure = MEASURES.iter().find(|measure| measure.0 == *name);
    let (Some(&(_, size, run)), Ok(count)) = (measure, count.parse()) else {
        eprintln!("instructions: no such measure, or no count");
        return ExitCode::from(2);
    };
    black_box(run(&Block::new(size), count));
    ExitCode::SUCCESS
}
