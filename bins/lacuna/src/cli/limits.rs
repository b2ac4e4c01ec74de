//! Limits that the system sets to a process (`ulimit`): what lies beyond one is an error with exit code 2, and neither a signal without a
//! word nor a panic.

use anyhow::Context;

/// Makes limits on the size of files, on memory and on threads errors, before a command begins.
///
/// # Errors
/// A limit that leaves too little memory for the threads, or the system's refusal.
pub fn limits_are_errors() -> anyhow::Result<()> {
    #[cfg(unix)]
    {
        use super::exit;
        use signal_hook::consts::{SIGABRT, SIGXFSZ};
        use std::sync::{Arc, atomic::AtomicBool};
        // `ulimit -f`: heard, the signal is an error of the write that meets the limit, with path and cause; unheard it ends a program
        // without a word and leaves its temporary file. Nobody reads the flag.
        signal_hook::flag::register(SIGXFSZ, Arc::new(AtomicBool::new(false)))?;
        // `ulimit -v`: an allocation that fails says so on standard error and aborts. Files that were being written have no name yet.
        signal_hook::flag::register_conditional_shutdown(
            SIGABRT,
            exit::REFUSED,
            Arc::new(AtomicBool::new(true)),
        )?;
    }
    // Started late they are a panic where there is too little memory for one.
    rayon::ThreadPoolBuilder::new().build_global().context(
        "the threads cannot be started: allow more memory or threads (ulimit -v, ulimit -u), or fewer of them (RAYON_NUM_THREADS=1)",
    )?;
    Ok(())
}
