//! Fuzz targets of `ws-proto`, as functions that panic when an input breaks a promise.
//!
//! The programs in `fuzz_targets/` hand them to libFuzzer (`cargo xtask fuzz`); the tests below call
//! them with the seeds in `seeds/` and with pseudo-random bytes, on any toolchain:
//! `cargo test --no-default-features`.

#![forbid(unsafe_code)]

mod connection;
mod deflate;
mod dice;
mod fields;
mod frames;
mod heads;
mod pair;

pub use connection::connection;
pub use deflate::deflate;
pub use fields::header_fields;
pub use frames::frames;
pub use heads::{request_head, response_head};

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use dice::Dice;

    /// How many inputs each target gets besides its seeds.
    const ROUNDS: u64 = 2000;

    /// Calls a target with its seeds, with variations of them, and with random bytes.
    #[track_caller]
    fn smoke(name: &str, target: fn(&[u8])) {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("seeds").join(name);
        let mut seeds = Vec::new();
        for entry in std::fs::read_dir(folder).expect("every target has seeds") {
            seeds.push(std::fs::read(entry.expect("the folder can be read").path()).unwrap());
        }
        assert!(!seeds.is_empty());
        seeds.iter().for_each(|seed| target(seed));
        for round in 0..ROUNDS {
            let mut dice = Dice::new(round);
            let mut input = match round % 4 {
                0 => (0..dice.below(600)).map(|_| dice.byte()).collect(),
                _ => seeds[dice.below(seeds.len())].clone(),
            };
            for _ in 0..dice.below(4) {
                vary(&mut input, &seeds, &mut dice);
            }
            target(&input);
        }
    }

    /// Changes something small.
    fn vary(input: &mut Vec<u8>, seeds: &[Vec<u8>], dice: &mut Dice) {
        let at = dice.below(input.len() + 1);
        match dice.below(5) {
            0 => input.truncate(at),
            1 => input.insert(at, dice.byte()),
            2 => input.extend_from_slice(&seeds[dice.below(seeds.len())]),
            3 => drop(input.drain(..at)),
            _ => {
                if let Some(byte) = input.get_mut(at) {
                    *byte = dice.byte();
                }
            }
        }
    }

    #[test]
    fn request_heads() {
        smoke("request_head", request_head);
    }

    #[test]
    fn response_heads() {
        smoke("response_head", response_head);
    }

    #[test]
    fn fields_of_headers() {
        smoke("header_fields", header_fields);
    }

    #[test]
    fn frames_in_pieces() {
        smoke("frames", frames);
    }

    #[test]
    fn compressed_frames_in_pieces() {
        smoke("deflate", deflate);
    }

    #[test]
    fn connections() {
        smoke("connection", connection);
    }
}
