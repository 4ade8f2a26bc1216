//! Build: how long the dependencies of a program take to compile from nothing, and how many they are.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use crate::measure::Bench;
use crate::page::Page;
use crate::servers::OURS;
use crate::tables::{Table, number};

/// Programs: the name of each, and its dependencies in a manifest. Ours brings a provider; the peer wants one
/// of the program.
const PROGRAMS: &[(&str, &str)] = &[
    (OURS, r#"websockets-kit = { path = "CRATES/websockets" }"#),
    (
        "websockets, only `ring`",
        r#"websockets-kit = { path = "CRATES/websockets", default-features = false, features = ["ring"] }"#,
    ),
    (
        "tokio-tungstenite, `rustls-tls-native-roots`",
        r#"tokio-tungstenite = { version = "=0.30.0", features = ["rustls-tls-native-roots"] }
rustls = { version = "=0.23.46", default-features = false, features = ["ring", "tls12"] }"#,
    ),
    (
        "tokio-tungstenite, `rustls-tls-webpki-roots`",
        r#"tokio-tungstenite = { version = "=0.30.0", features = ["rustls-tls-webpki-roots"] }
rustls = { version = "=0.23.46", default-features = false, features = ["ring", "tls12"] }"#,
    ),
];

/// The flags of cargo for each column.
const PROFILES: [&[&str]; 2] = [&[], &["--release"]];

pub fn run(bench: &Bench, page: &mut Page) -> Result<(), String> {
    let machine = bench.machine();
    let folder = bench.folder().join("build-times");
    let mut table = Table::new([
        "dependencies of a program",
        "packages",
        "debug: CPU, s",
        "time, s",
        "release: CPU, s",
        "time, s",
    ]);
    for (i, (name, dependencies)) in PROGRAMS.iter().enumerate() {
        eprintln!("  {name}");
        let program = Program::write(folder.join(i.to_string()), dependencies)?;
        let mut cells = vec![(*name).to_owned(), program.packages()?.to_string()];
        for flags in PROFILES {
            cells.extend(program.build(flags)?.map(number));
        }
        table.row(cells);
    }
    page.section("build", format!("{}\n{machine}.", table.finish()));
    Ok(())
}

/// A library that uses nothing: what is compiled are its dependencies.
struct Program {
    folder: PathBuf,
}

impl Program {
    /// Writes it, with the versions of the benchmark, and downloads what it needs.
    fn write(folder: PathBuf, dependencies: &str) -> Result<Self, String> {
        let bench = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let crates = bench.join("../../crates").display().to_string();
        let manifest = format!(
            "[workspace]\n[package]\nname = \"program\"\nversion = \"0.0.0\"\nedition = \"2024\"\n\
            [dependencies]\n{}\n",
            dependencies.replace("CRATES", &crates)
        );
        let written = || {
            fs::create_dir_all(folder.join("src"))?;
            fs::write(folder.join("src/lib.rs"), "")?;
            fs::write(folder.join("Cargo.toml"), manifest)?;
            fs::copy(bench.join("Cargo.lock"), folder.join("Cargo.lock"))
        };
        written().map_err(|e: std::io::Error| format!("{}: {e}", folder.display()))?;
        let program = Self { folder };
        program.cargo(&["fetch", "--quiet"])?;
        Ok(program)
    }

    /// How many packages it brings, as `cargo xtask deps` counts them.
    fn packages(&self) -> Result<usize, String> {
        let args = ["tree", "--prefix", "none", "--edges", "normal,build", "--format", "{p}"];
        let printed = self.cargo(&args)?;
        let package = |line: &str| line.split_whitespace().take(2).collect::<Vec<_>>().join(" ");
        let packages: BTreeSet<_> = printed.lines().map(package).collect();
        // It is one itself.
        Ok(packages.iter().filter(|package| !package.is_empty()).count() - 1)
    }

    /// Builds from nothing; gives the CPU time and the time in seconds.
    fn build(&self, flags: &[&str]) -> Result<[f64; 2], String> {
        // It isn't there the first time.
        let _ = fs::remove_dir_all(self.target());
        let (begun, cpu) = (Instant::now(), children_cpu());
        self.cargo(&[&["build", "--quiet", "--offline"], flags].concat())?;
        Ok([children_cpu() - cpu, begun.elapsed().as_secs_f64()])
    }

    fn target(&self) -> PathBuf {
        self.folder.join("target")
    }

    /// Runs cargo in the folder; gives what it printed.
    fn cargo(&self, args: &[&str]) -> Result<String, String> {
        let mut cargo = Command::new("cargo");
        cargo.args(args).current_dir(&self.folder).env("CARGO_TARGET_DIR", self.target());
        let output = cargo.output().map_err(|e| format!("cargo: {e}"))?;
        match output.status.success() {
            true => Ok(String::from_utf8_lossy(&output.stdout).into_owned()),
            false => Err(String::from_utf8_lossy(&output.stderr).trim().to_owned()),
        }
    }
}

/// Seconds on a CPU of all programs that were started and have ended, and of theirs.
fn children_cpu() -> f64 {
    let stat = fs::read_to_string("/proc/self/stat").unwrap_or_default();
    // Behind the name, which may contain anything: fields 3 on. User and system time are 16 and 17, in
    // hundredths of a second.
    let fields = stat.rsplit(')').next().unwrap_or_default().split_whitespace();
    fields.skip(13).take(2).filter_map(|ticks| ticks.parse::<f64>().ok()).sum::<f64>() / 100.0
}
