//! Signals that stop a program in an orderly way.

use lacuna::cli::exit;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

/// Stop request of the first signal: every run ends its epoch and keeps its state. The second signal ends the process.
pub(crate) struct Signals {
    /// Whether a signal has come.
    pub(crate) stop: Arc<AtomicBool>,
    /// Exit code of the signal that came first; 0 without one.
    code: Arc<AtomicUsize>,
}

impl Signals {
    /// From here on signals set the request.
    pub(crate) fn new() -> anyhow::Result<Self> {
        let (stop, code) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
        #[cfg(unix)]
        {
            use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM, SIGUSR1};
            let signals = [
                (SIGINT, exit::INTERRUPTED),
                (SIGHUP, exit::INTERRUPTED),
                (SIGTERM, exit::STOPPED),
                (SIGUSR1, exit::STOPPED),
            ];
            for (signal, of_signal) in signals {
                // In this order: the first signal finds the flag unset and sets it.
                signal_hook::flag::register_conditional_shutdown(signal, of_signal, Arc::clone(&stop))?;
                signal_hook::flag::register_usize(signal, Arc::clone(&code), of_signal as usize)?;
                signal_hook::flag::register(signal, Arc::clone(&stop))?;
            }
        }
        Ok(Self { stop, code })
    }

    /// The exit code that the signal asks for.
    pub(crate) fn code(&self) -> i32 {
        match self.code.load(Ordering::Relaxed) {
            0 => exit::INTERRUPTED,
            code => code as i32,
        }
    }
}
