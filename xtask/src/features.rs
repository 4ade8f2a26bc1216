//! `cargo xtask features`: each published library with no feature and with each feature alone.
//!
//! Features only add, so these are the corners; `clippy` and `test` cover the defaults and all.

use crate::{
    run::{Log, Outcome, Result, cargo},
    workspace::{Package, Workspace},
};

/// Checks every combination; the first that fails is the error.
pub(crate) fn step(log: &mut Log) -> Result {
    for package in Workspace::load()?.published.into_iter().filter(|package| package.has_library) {
        for args in combinations(&package) {
            let common = ["clippy", "-p", &package.name, "--no-default-features"];
            log.run(cargo(&common).args(args).args(["--", "-D", "warnings"]))?;
        }
    }
    Ok(Outcome::Done)
}

/// The further arguments of each check. The library alone, since dev-dependencies would turn
/// features on; and once the tests, which must hold without any feature.
fn combinations(package: &Package) -> Vec<Vec<&str>> {
    let mut all = vec![vec!["--lib"]];
    if !package.features.is_empty() {
        all.push(vec!["--all-targets"]);
    }
    all.extend(package.features.iter().map(|feature| vec!["--lib", "--features", feature]));
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_feature_and_each_feature_alone() {
        let package = |features: &[&str]| Package {
            name: "x".to_owned(),
            features: features.iter().map(ToString::to_string).collect(),
            has_library: true,
        };
        assert_eq!(combinations(&package(&[])), [["--lib"]]);
        let expected = [
            vec!["--lib"],
            vec!["--all-targets"],
            vec!["--lib", "--features", "a"],
            vec!["--lib", "--features", "b"],
        ];
        assert_eq!(combinations(&package(&["a", "b"])), expected);
    }
}
