//! Programs with other people's libraries, in `xtask/interop/guides/`: those that the guides show.

use std::path::Path;

use super::{Peers, copy, ours};
use crate::run::{Log, Result, cargo};

/// Builds the programs and runs their tests.
pub(super) fn test(log: &mut Log, target: &Path, peers: &Peers) -> Result<()> {
    // Node looks for packages beside the script.
    let script = peers.node.join("guide.mjs");
    copy(&ours("guides/migrations/src/node.mjs"), &script)?;
    let mut tests = cargo(&["test", "--workspace", "--no-fail-fast", "--test", "*"]);
    tests.current_dir(ours("guides")).env("CARGO_TARGET_DIR", target.join("guides"));
    log.run(tests.env("GUIDES_PYTHON", &peers.python).env("GUIDES_NODE", script))
}
