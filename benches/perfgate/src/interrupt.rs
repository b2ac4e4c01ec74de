//! Signals that stop the program. They are noticed between and during runs, so that worktrees are removed. A second signal does
//! not end the process at once, because `timeout` sends two.

use std::io;
use std::process::{Child, ExitStatus};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// How often a running child and the signals are looked at. Between looks this process sleeps.
const LOOK: Duration = Duration::from_millis(50);

/// Whether a signal has come.
#[derive(Clone, Default)]
pub(crate) struct Interrupt(Arc<AtomicBool>);

/// A signal has come.
#[derive(Debug)]
pub(crate) struct Interrupted;

impl std::fmt::Display for Interrupted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("interrupted")
    }
}

impl std::error::Error for Interrupted {}

impl Interrupt {
    /// From here on signals are noticed.
    pub(crate) fn new() -> io::Result<Self> {
        let this = Self::default();
        #[cfg(unix)]
        {
            use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
            for signal in [SIGINT, SIGHUP, SIGTERM] {
                signal_hook::flag::register(signal, Arc::clone(&this.0))?;
            }
        }
        Ok(this)
    }

    /// # Errors
    /// [`Interrupted`] after a signal.
    pub(crate) fn check(&self) -> anyhow::Result<()> {
        match self.0.load(Ordering::Relaxed) {
            true => Err(Interrupted.into()),
            false => Ok(()),
        }
    }

    /// Waits for a child and ends it when a signal comes.
    ///
    /// # Errors
    /// [`Interrupted`], or what the operating system answers.
    pub(crate) fn wait(&self, child: &mut Child) -> anyhow::Result<ExitStatus> {
        loop {
            if let Err(interrupted) = self.check() {
                // It may have ended by itself.
                let _ = child.kill();
                let _ = child.wait();
                return Err(interrupted);
            }
            if let Some(status) = child.try_wait()? {
                self.check()?;
                return Ok(status);
            }
            std::thread::sleep(LOOK);
        }
    }
}
