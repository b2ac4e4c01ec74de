//! Files that the program writes.

use anyhow::Context;
use lacuna::cli::Outputs;
use lacuna_formats::write_atomic;
use std::path::Path;

/// Writes a file, whole or not at all; one that is there only by force.
pub(crate) fn write(path: &Path, force: bool, text: &str) -> anyhow::Result<()> {
    let destination = Outputs::new(force, Vec::new()).to(path)?;
    write_atomic(destination, |file| file.write_all(text.as_bytes()))
        .with_context(|| path.display().to_string())
}
