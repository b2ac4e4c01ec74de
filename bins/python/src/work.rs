//! Long work without the interpreter's lock: threads, Ctrl-C, progress.

use crate::errors::{Answer, raised, refuse};
use lacuna::{Progress, TrainError};
use pyo3::prelude::*;
use rayon::ThreadPool;
use std::collections::HashMap;
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// How long a Ctrl-C may wait until it is looked for.
const LOOK: Duration = Duration::from_millis(100);

/// What the threads that work and the one that waits tell each other.
#[derive(Default)]
struct Shared {
    stop: AtomicBool,
    state: Mutex<State>,
    ended: Condvar,
}

#[derive(Default)]
struct State {
    progress: Option<Progress>,
    ended: bool,
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits a moment, or until the work has ended; the progress since the last time, and whether the work has ended.
    fn wait(&self) -> (Option<Progress>, bool) {
        let state = self.state();
        let waited = self.ended.wait_timeout_while(state, LOOK, |state| !state.ended);
        let (mut state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        (state.progress.take(), state.ended)
    }
}

/// Says at its end that the work has ended, also where it has panicked.
struct Ending<'a>(&'a Shared);

impl Drop for Ending<'_> {
    fn drop(&mut self) {
        self.0.state().ended = true;
        self.0.ended.notify_all();
    }
}

/// The hook of a fit or an audit.
#[derive(Clone)]
pub(crate) struct Hook(Arc<Shared>);

impl Hook {
    /// Notes how far the work is; says whether it goes on.
    pub(crate) fn call(&self, progress: Progress) -> ControlFlow<()> {
        self.0.state().progress = Some(progress);
        match self.0.stop.load(Ordering::Relaxed) {
            true => ControlFlow::Break(()),
            false => ControlFlow::Continue(()),
        }
    }
}

/// Works on `threads` threads (all processors where no number is given), and meanwhile looks for Ctrl-C and tells `progress` how far
/// it is: `progress(stage, done, total)`, on the thread that called. An exception of either stops the work and is raised.
pub(crate) fn run<T: Send>(
    py: Python<'_>,
    threads: Option<usize>,
    progress: Option<&Bound<'_, PyAny>>,
    work: impl FnOnce(Hook) -> Result<T, TrainError> + Send,
) -> Answer<T> {
    let pool = pool(threads)?;
    let shared = Arc::new(Shared::default());
    let callback = progress.map(|progress| progress.clone().unbind());
    let (outcome, error) = py.detach(|| {
        let mut outcome = None;
        let mut error = None;
        pool.in_place_scope(|scope| {
            let hook = Hook(Arc::clone(&shared));
            let (shared_of_work, outcome) = (&shared, &mut outcome);
            scope.spawn(move |_| {
                let _ending = Ending(shared_of_work);
                *outcome = Some(work(hook));
            });
            loop {
                let (progress, ended) = shared.wait();
                if error.is_none() && !(ended && (progress.is_none() || callback.is_none())) {
                    error = Python::attach(|py| look(py, callback.as_ref(), progress)).err();
                    shared.stop.store(error.is_some(), Ordering::Relaxed);
                }
                if ended {
                    break;
                }
            }
        });
        (outcome, error)
    });
    if let Some(error) = error {
        return Err(raised(error));
    }
    Ok(outcome.expect("the work has ended")?)
}

fn look(py: Python<'_>, callback: Option<&Py<PyAny>>, progress: Option<Progress>) -> PyResult<()> {
    py.check_signals()?;
    if let (Some(callback), Some(Progress { stage, done, total, .. })) = (callback, progress) {
        callback.call1(py, (stage.to_string(), done, total))?;
    }
    Ok(())
}

/// A pool of so many threads; it is made once for each number, so that a thousand fits have no more threads than one.
///
/// The pools of a process that has forked are not those of its child, whose threads do not exist.
fn pool(threads: Option<usize>) -> Answer<Arc<ThreadPool>> {
    type Pools = HashMap<(u32, usize), Arc<ThreadPool>>;
    static POOLS: Mutex<Option<Pools>> = Mutex::new(None);
    let threads = match threads {
        Some(0) => return Err(refuse("threads=0: expected a number from 1 on, or None for all processors")),
        Some(threads) => threads,
        None => 0,
    };
    let mut pools = POOLS.lock().unwrap_or_else(PoisonError::into_inner);
    let key = (std::process::id(), threads);
    if let Some(pool) = pools.get_or_insert_default().get(&key) {
        return Ok(Arc::clone(pool));
    }
    let named = |i| format!("lacuna {i}");
    let pool = Arc::new(rayon::ThreadPoolBuilder::new().num_threads(threads).thread_name(named).build()?);
    pools.get_or_insert_default().insert(key, Arc::clone(&pool));
    Ok(pool)
}
