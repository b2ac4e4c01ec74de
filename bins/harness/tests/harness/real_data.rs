//! Real data sets, which are no part of the project. The tests of `repro` read this file too.

use std::path::{Path, PathBuf};

/// A real data set, where there is one.
pub(crate) fn real_data(name: &str) -> Option<PathBuf> {
    let root = std::env::var_os("LACUNA_DATA")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data"), PathBuf::from);
    let folder = root.join(name);
    if folder.exists() {
        return Some(folder);
    }
    println!("skipped: no {name} (set LACUNA_DATA to the folder that has it)");
    None
}
