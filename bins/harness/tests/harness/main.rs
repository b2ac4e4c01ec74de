//! The harness as a whole.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a test says what it skipped")]

mod arrows;
mod benchmark;
mod labels;
mod masks;
mod procedures;
mod records;
mod store;

use lacuna_harness::Spec;
use std::path::{Path, PathBuf};

/// The benchmark that most tests run.
fn spec() -> Spec {
    Spec::parse(include_str!("../../../repro/specs/spml-linear.toml")).unwrap()
}

/// A real data set, where there is one.
fn real_data(name: &str) -> Option<PathBuf> {
    let root = std::env::var_os("LACUNA_DATA")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data"), PathBuf::from);
    let folder = root.join(name);
    if folder.exists() {
        return Some(folder);
    }
    println!("skipped: no {name} (set LACUNA_DATA to the folder that has it)");
    None
}
