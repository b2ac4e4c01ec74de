//! The commands of `lacuna`, for that program and for `repro`, which has `mask` as well.

mod data;
pub mod doctor;
pub mod make;
pub mod mask;

pub use data::DataArgs;

use anyhow::Context;
use std::io::{ErrorKind, Write};

/// Writes to standard output; a reader that has gone away (`| head`) is no error.
///
/// # Errors
/// What the system answers otherwise.
pub fn out(text: &str) -> anyhow::Result<()> {
    match std::io::stdout().write_all(text.as_bytes()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(error).context("standard output"),
        _ => Ok(()),
    }
}
