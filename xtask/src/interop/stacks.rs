//! Programs with other people's libraries, in `xtask/interop/stacks/`: those that the guides show.

use std::path::Path;

use super::{Peers, ours};
use crate::run::{Log, Result, cargo};

/// Builds the programs and runs their tests.
pub(super) fn test(log: &mut Log, target: &Path, peers: &Peers) -> Result<()> {
    let mut tests = cargo(&["test", "--workspace", "--no-fail-fast"]);
    tests.current_dir(ours("stacks")).env("CARGO_TARGET_DIR", target.join("stacks"));
    // The interpreter with its packages, and the folder that has those of Node.
    log.run(tests.env("STACKS_PYTHON", &peers.python).env("STACKS_NODE", &peers.node))
}
