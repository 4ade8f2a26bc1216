//! The codecs in memory, without sockets.

use crate::measure::Bench;
use crate::page::Page;
use crate::servers::OURS;
use crate::stats::{median, ratio};
use crate::tables::{Table, number, size, with_interval};

/// The codec that copies and unmasks, and does nothing else.
const LIMIT: &str = "copy and unmask";

/// Nanoseconds per frame in each repetition.
struct Line {
    operation: String,
    bytes: usize,
    codec: String,
    times: Vec<f64>,
}

pub fn run(bench: &Bench, page: &mut Page) -> Result<(), String> {
    let repetitions = bench.options.rounds.max(3).to_string();
    let mut args = vec!["time", "--repetitions", &repetitions];
    if bench.options.quick {
        args.extend(["--sizes", "16,1024,65536", "--ms", "5"]);
    }
    let lines: Vec<Line> =
        bench.program("codec", &args)?.lines().map(parse).collect::<Option<_>>().ok_or("codec?")?;
    let mut text = String::new();
    let mut operations: Vec<&str> = lines.iter().map(|line| line.operation.as_str()).collect();
    operations.dedup();
    for operation in operations {
        let lines: Vec<_> = lines.iter().filter(|line| line.operation == operation).collect();
        let mut sizes: Vec<_> = lines.iter().map(|line| line.bytes).collect();
        sizes.dedup();
        let heads = sizes.iter().map(|&bytes| size(bytes));
        let mut table = Table::new(std::iter::once("codec".to_owned()).chain(heads));
        let first = lines.iter().filter(|line| line.bytes == sizes[0]);
        for codec in first.map(|line| line.codec.as_str()) {
            let find = |codec: &str, bytes: usize| {
                lines.iter().find(|line| line.codec == codec && line.bytes == bytes)
            };
            let cells = sizes.iter().map(|&bytes| {
                let (Some(line), Some(limit)) = (find(codec, bytes), find(LIMIT, bytes)) else {
                    return "–".to_owned();
                };
                let ns = number(median(&line.times));
                let times = ratio(&line.times, &limit.times);
                match format!("**{codec}**") == OURS {
                    true => format!("{ns}, × {}", with_interval(times)),
                    false => format!("{ns}, × {:.2}", times.median),
                }
            });
            let name = if format!("**{codec}**") == OURS { OURS } else { codec };
            table.row(std::iter::once(name.to_owned()).chain(cells));
        }
        text.push_str(&format!("{operation}:\n\n{}\n", table.finish()));
    }
    page.section("codec", text);
    Ok(())
}

/// `operation<TAB>size<TAB>codec<TAB>time time time`
fn parse(line: &str) -> Option<Line> {
    let mut fields = line.split('\t');
    let mut field = || fields.next();
    let (operation, bytes, codec, times) = (field()?, field()?, field()?, field()?);
    Some(Line {
        operation: operation.to_owned(),
        bytes: bytes.parse().ok()?,
        codec: codec.to_owned(),
        times: times.split(' ').map(str::parse).collect::<Result<_, _>>().ok()?,
    })
}
