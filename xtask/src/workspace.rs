//! The packages of the workspace, as `cargo metadata` tells them.

use std::path::PathBuf;

use serde_json::Value;

use crate::run::{self, Result};

/// The facts about the workspace that tasks need.
#[derive(Debug)]
pub(crate) struct Workspace {
    /// Where cargo builds.
    pub(crate) target: PathBuf,
    /// The packages that are published, lower layers first.
    pub(crate) published: Vec<Package>,
}

/// One published package.
#[derive(Debug)]
pub(crate) struct Package {
    pub(crate) name: String,
    /// Its features by name, without `default`; what an optional dependency brings is one, too.
    pub(crate) features: Vec<String>,
    /// Whether other packages can use it.
    pub(crate) has_library: bool,
}

/// The package that re-exports the others. Its library and its folder are `websockets`, a name that
/// belongs to somebody else on the registry.
pub(crate) const UMBRELLA: &str = "websockets-kit";

/// The package of the command-line tool, which has no library.
pub(crate) const TOOL: &str = "websockets-cli";

/// The folder of a published package below `crates`.
pub(crate) fn folder(package: &str) -> &str {
    if package == UMBRELLA { "websockets" } else { package }
}

/// The published crates in the order of the layers, each with those of them that it stands on.
pub(crate) const LAYERS: &[(&str, &[&str])] = &[
    ("ws-types", &[]),
    ("ws-headers", &[]),
    ("ws-errors", &["ws-headers", "ws-types"]),
    ("ws-proto", &["ws-errors", "ws-headers", "ws-types"]),
    ("ws-tokio", &["ws-errors", "ws-headers", "ws-proto", "ws-types"]),
    ("ws-rooms", &["ws-tokio"]),
    ("ws-hyper", &["ws-tokio"]),
    ("ws-axum", &["ws-hyper", "ws-tokio"]),
    (
        UMBRELLA,
        &[
            "ws-axum",
            "ws-errors",
            "ws-headers",
            "ws-hyper",
            "ws-proto",
            "ws-rooms",
            "ws-tokio",
            "ws-types",
        ],
    ),
    (TOOL, &[UMBRELLA]),
];

impl Workspace {
    /// Asks cargo.
    pub(crate) fn load() -> Result<Self> {
        let args = ["metadata", "--format-version", "1", "--no-deps"];
        let output =
            run::cargo(&args).output().map_err(|e| format!("cargo can't be started: {e}"))?;
        let said = String::from_utf8_lossy(&output.stderr);
        Self::parse(&String::from_utf8_lossy(&output.stdout))
            .ok_or_else(|| format!("`cargo metadata` failed: {}", said.trim_end()))
    }

    fn parse(json: &str) -> Option<Self> {
        let metadata: Value = serde_json::from_str(json).ok()?;
        let target = PathBuf::from(metadata.get("target_directory")?.as_str()?);
        let mut published = Vec::new();
        for package in metadata.get("packages")?.as_array()? {
            // `publish = false` is an empty list of registries.
            if package.get("publish")?.as_array().is_some_and(Vec::is_empty) {
                continue;
            }
            let features = package.get("features")?.as_object()?;
            let is_library = |target: &Value| {
                let kinds = target.get("kind").and_then(Value::as_array);
                kinds.is_some_and(|kinds| kinds.iter().any(|kind| kind == "lib"))
            };
            published.push(Package {
                name: package.get("name")?.as_str()?.to_owned(),
                features: features.keys().filter(|name| *name != "default").cloned().collect(),
                has_library: package.get("targets")?.as_array()?.iter().any(is_library),
            });
        }
        let layer = |package: &Package| LAYERS.iter().position(|(name, _)| *name == package.name);
        published
            .sort_by_key(|package| (layer(package).unwrap_or(LAYERS.len()), package.name.clone()));
        Some(Self { target, published })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unpublished_packages_and_the_default_feature_are_left_out() {
        let json = r#"{ "target_directory": "/t", "packages": [
            { "name": "b", "publish": null, "features": { "default": ["x"], "x": [], "y": ["x"] },
              "targets": [{ "kind": ["bin"] }] },
            { "name": "xtask", "publish": [], "features": {} },
            { "name": "ws-types", "publish": null, "features": { "default": [] },
              "targets": [{ "kind": ["test"] }, { "kind": ["lib"] }] } ] }"#;
        let workspace = Workspace::parse(json).expect("the sample is complete");
        let names: Vec<_> = workspace.published.iter().map(|p| p.name.as_str()).collect();
        assert_eq!(names, ["ws-types", "b"]);
        assert_eq!(workspace.published[1].features, ["x", "y"]);
        let libraries: Vec<_> = workspace.published.iter().map(|p| p.has_library).collect();
        assert_eq!(libraries, [true, false]);
        assert!(Workspace::parse("{}").is_none());
    }
}
