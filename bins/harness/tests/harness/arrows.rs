//! Who may depend on whom: the layers of the workspace, asserted.

use cargo_metadata::{DependencyKind, MetadataCommand};
use std::collections::BTreeMap;

/// For every crate, the crates of the workspace it may name in `[dependencies]`.
const ALLOWED: &[(&str, &[&str])] = &[
    ("lacuna-kernels", &[]),
    ("lacuna-engine", &["lacuna-kernels"]),
    ("lacuna-nn", &["lacuna-kernels", "lacuna-engine"]),
    ("lacuna-labels", &[]),
    ("lacuna-formats", &["lacuna-labels"]),
    ("lacuna-checks", &["lacuna-labels", "lacuna-formats"]),
    (
        "lacuna-source",
        &["lacuna-labels", "lacuna-formats", "lacuna-checks", "lacuna-openclipart", "lacuna-synthetic"],
    ),
    ("lacuna-openclipart", &["lacuna-labels", "lacuna-formats"]),
    ("lacuna-protocols", &["lacuna-labels"]),
    ("lacuna-certify", &["lacuna-protocols"]),
    ("lacuna-synthetic", &["lacuna-labels", "lacuna-protocols"]),
    ("lacuna-metrics", &["lacuna-labels"]),
    ("lacuna-loss-api", &["lacuna-kernels", "lacuna-labels"]),
    (
        "lacuna-train",
        &[
            "lacuna-kernels",
            "lacuna-engine",
            "lacuna-nn",
            "lacuna-labels",
            "lacuna-formats",
            "lacuna-protocols",
            "lacuna-metrics",
            "lacuna-losses",
        ],
    ),
    (
        "lacuna-harness",
        &[
            "lacuna-kernels",
            "lacuna-labels",
            "lacuna-formats",
            "lacuna-checks",
            "lacuna-source",
            "lacuna-protocols",
            "lacuna-metrics",
            "lacuna-losses",
            "lacuna-train",
        ],
    ),
];

/// The crates that know a command line, and may name any other.
const PROGRAMS: &[&str] = &["lacuna", "lacuna-repro", "lacuna-trace", "lacuna-benches", "lacuna-perfgate"];

/// What any crate under `losses/` may name beside the interface.
const LOSS_CRATES: &[&str] = &["lacuna-loss-api"];

#[test]
fn dependencies_follow_the_arrows() {
    let metadata = MetadataCommand::new().no_deps().exec().expect("cargo metadata runs");
    let root = metadata.workspace_root.clone();
    let allowed: BTreeMap<&str, &[&str]> = ALLOWED.iter().copied().collect();
    let mut seen = 0;
    for package in metadata.workspace_packages() {
        let folder = package.manifest_path.strip_prefix(&root).unwrap().to_string();
        let is_program = PROGRAMS.contains(&package.name.as_str());
        let normal = package.dependencies.iter().filter(|d| d.kind == DependencyKind::Normal);
        for dependency in normal {
            let (from, to) = (package.name.as_str(), dependency.name.as_str());
            if !is_program {
                assert!(
                    !["clap", "anyhow"].contains(&to),
                    "{from} -> {to}: only programs know the command line"
                );
            }
            if !to.starts_with("lacuna-") || is_program {
                continue;
            }
            let fine = match allowed.get(from) {
                Some(list) => list.contains(&to),
                None if from == "lacuna-losses" => true,
                None if folder.starts_with("losses/") => LOSS_CRATES.contains(&to),
                None => panic!("{from} is in no layer: add it to this table"),
            };
            assert!(fine, "{from} -> {to} goes against the arrows");
        }
        if package.name.as_str() == "lacuna" {
            // The library is without a command line: what knows it comes with the feature `cli`.
            let of_cli = ["clap", "anyhow", "lacuna-harness"];
            let named = package.dependencies.iter().filter(|d| of_cli.contains(&d.name.as_str()));
            assert!(named.filter(|d| d.kind == DependencyKind::Normal).all(|d| d.optional));
        }
        if package.name.as_str() == "lacuna-losses" {
            let tape = package.dependencies.iter().filter(|d| d.kind == DependencyKind::Normal);
            assert!(tape.into_iter().all(|d| !["lacuna-engine", "lacuna-nn"].contains(&d.name.as_str())));
        }
        seen += 1;
    }
    assert!(seen >= 16, "only {seen} crates were looked at");
}
