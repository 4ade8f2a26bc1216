//! The driver: starts servers, runs the generator against them, interleaved over rounds, and makes
//! tables and plots of it. `cargo xtask bench` builds everything and calls this.
//!
//! `servers` says who takes part, `measure` runs one against the generator, `parts` says what is
//! measured and shown, `stats` and `tables` and `plot` and `page` do the rest.

mod measure;
mod options;
mod page;
mod parts;
mod plot;
mod servers;
mod stats;
mod tables;

use std::process::ExitCode;

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("bench: {message}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<(), String> {
    let Some(options) = options::read()? else { return Ok(()) };
    let bench = measure::Bench::new(options)?;
    let mut page = page::Page::default();
    page.section("conditions", bench.conditions());
    for part in &bench.options.parts {
        eprintln!("{}", part.name);
        (part.run)(&bench, &mut page)?;
    }
    if bench.options.write { page.write() } else { Ok(()) }
}
