//! The work of one process of a sweep.

use super::claim::{Claim, Claimed, Claims, HEARTBEAT};
use super::folder::CLAIMS;
use super::{Sweep, SweepFolder, SweepRun};
use crate::{FirstError, HarnessError, Progress, RunOptions};
use lacuna_train::CheckpointFolder;
use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

/// How long a process waits before it looks again whether others have ended.
const LOOK_AGAIN: Duration = Duration::from_millis(500);
/// How soon a stop request reaches the runs.
const TICK: Duration = Duration::from_millis(50);

/// Who is told about progress: of which run, and what.
pub type SweepProgress<'a> = &'a (dyn Fn(Option<&SweepRun>, Progress) + Sync);

/// How a process works on a sweep.
#[derive(Clone, Copy, Debug)]
pub struct SweepOptions<'a> {
    /// Runs at the same time.
    pub jobs: usize,
    /// Only every so-manieth run: the number of the task, from 0, and of tasks.
    pub task: Option<(usize, usize)>,
    /// Whether runs whose records are there are run again; a record is replaced when its run has ended.
    pub fresh: bool,
    /// Set to stop early; each run then ends its epoch and keeps its state.
    pub stop: &'a AtomicBool,
    /// How often a run writes its state.
    pub checkpoint_every: Duration,
    /// Whether the head of every run is saved.
    pub save_models: bool,
    /// Silence after which a claim counts as stalled.
    pub stalled_after: Duration,
}

/// What a process did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SweepOutcome {
    /// Runs of this task.
    pub runs: usize,
    /// Those that were there already.
    pub kept: usize,
    /// Those that this process ran to their end, failed ones among them.
    pub ran: usize,
    /// Those that this process went on with, or started again, in place of one that had stalled.
    pub taken_over: usize,
    /// Failed runs of the task, whoever ran them.
    pub failed: usize,
    /// Whether it was stopped before every run had ended.
    pub interrupted: bool,
}

/// A claim with the stop request of its run.
struct Held {
    claim: Claim,
    stop: Arc<AtomicBool>,
}

/// The claims of this process, which one thread keeps alive.
struct Keeper<'a> {
    held: Mutex<HashMap<String, Held>>,
    ended: AtomicBool,
    stop: &'a AtomicBool,
}

impl Keeper<'_> {
    fn held(&self) -> MutexGuard<'_, HashMap<String, Held>> {
        self.held.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    /// Touches every claim again and again, and hands stop requests on.
    fn keep_alive(&self, note: &(dyn Fn(String) + Sync)) {
        let mut last = Instant::now();
        while !self.ended.load(Ordering::Relaxed) {
            std::thread::sleep(TICK);
            let stop = self.stop.load(Ordering::Relaxed);
            let beat = last.elapsed() >= HEARTBEAT;
            if !stop && !beat {
                continue;
            }
            for held in self.held().values_mut() {
                if stop {
                    held.stop.store(true, Ordering::Relaxed);
                }
                if beat && !held.claim.beat() && !held.stop.swap(true, Ordering::Relaxed) {
                    note(format!(
                        "the run {} was taken over by another process, and is stopped here",
                        held.claim.id()
                    ));
                }
            }
            if beat {
                last = Instant::now();
            }
        }
    }
}

impl Sweep {
    /// Runs whatever of the task has not ended. Where other processes are at it, waits for them: when this returns and was
    /// not interrupted, every run of the task has a record.
    ///
    /// # Errors
    /// [`HarnessError`] of files that cannot be read or written. A run that fails is a record like others.
    pub fn run(
        &self,
        folder: &SweepFolder,
        options: SweepOptions<'_>,
        progress: SweepProgress<'_>,
    ) -> Result<SweepOutcome, HarnessError> {
        let runs = self.runs_of(options.task);
        let claims = Claims::new(folder.within(CLAIMS), options.stalled_after)?;
        let there = |run: &&&SweepRun| !options.fresh && folder.has_record(&run.id);
        let mut outcome = SweepOutcome {
            runs: runs.len(),
            kept: runs.iter().filter(there).count(),
            ..SweepOutcome::default()
        };
        let keeper = Keeper { held: Mutex::default(), ended: AtomicBool::new(false), stop: options.stop };
        let worker = Worker {
            sweep: self,
            folder,
            options,
            claims: &claims,
            keeper: &keeper,
            progress,
            done: Mutex::default(),
            ran: AtomicUsize::new(0),
            taken_over: AtomicUsize::new(0),
        };
        let pool = rayon::ThreadPoolBuilder::new().num_threads(options.jobs.max(1)).build()?;
        let worked = std::thread::scope(|scope| {
            scope.spawn(|| keeper.keep_alive(&|text| progress(None, Progress::Note(text))));
            let worked = worker.until_all_have_ended(&runs, &pool);
            keeper.ended.store(true, Ordering::Relaxed);
            worked
        });
        // Whatever is still held has not ended: an error, or a stop request.
        keeper.held().drain().for_each(|(_, held)| held.claim.release());
        worked?;
        outcome.ran = worker.ran.into_inner();
        outcome.taken_over = worker.taken_over.into_inner();
        for run in runs {
            match folder.record(&run.id)? {
                Some(record) => {
                    outcome.failed += usize::from(record.result.finished().is_none());
                    claims.clear(&run.id)?;
                    // A process that was killed between its record and this may have left the state of the run.
                    if claims.holder(&run.id)?.is_none() {
                        CheckpointFolder::new(folder.within("checkpoints").join(&run.id)).clear();
                    }
                }
                None => outcome.interrupted = true,
            }
        }
        outcome.interrupted |= options.stop.load(Ordering::Relaxed) && options.fresh;
        Ok(outcome)
    }
}

/// What the threads of a process share.
struct Worker<'a> {
    sweep: &'a Sweep,
    folder: &'a SweepFolder,
    options: SweepOptions<'a>,
    claims: &'a Claims,
    keeper: &'a Keeper<'a>,
    progress: SweepProgress<'a>,
    /// Runs that this process has ended.
    done: Mutex<HashSet<String>>,
    ran: AtomicUsize,
    taken_over: AtomicUsize,
}

/// What became of a run that had no record.
enum Attempt {
    /// It has one now, or was stopped.
    Ended,
    /// Another process is at it.
    Theirs,
}

impl Worker<'_> {
    fn until_all_have_ended(&self, runs: &[&SweepRun], pool: &rayon::ThreadPool) -> Result<(), HarnessError> {
        let mut told = false;
        loop {
            let left: Vec<&SweepRun> = runs.iter().copied().filter(|run| !self.has_ended(run)).collect();
            if left.is_empty() || self.stopped() {
                return Ok(());
            }
            let (next, theirs) = (AtomicUsize::new(0), AtomicUsize::new(0));
            let failure = Mutex::new(None);
            pool.in_place_scope(|scope| {
                for _ in 0..self.options.jobs.max(1) {
                    scope.spawn(|_| {
                        while let Some(run) = left.get(next.fetch_add(1, Ordering::Relaxed)) {
                            match self.attempt(run) {
                                Ok(Attempt::Ended) => {}
                                Ok(Attempt::Theirs) => {
                                    theirs.fetch_add(1, Ordering::Relaxed);
                                }
                                Err(error) => {
                                    failure.lock().unwrap_or_else(|p| p.into_inner()).get_or_insert(error);
                                    return;
                                }
                            }
                        }
                    });
                }
            });
            if let Some(error) = failure.into_inner().unwrap_or_else(|poisoned| poisoned.into_inner()) {
                return Err(error);
            }
            let theirs = theirs.into_inner();
            // Where everything that is left is with others, wait for them.
            if theirs > 0 && !self.stopped() {
                if theirs == left.len() && !told {
                    (self.progress)(None, Progress::Waiting(theirs));
                    told = true;
                }
                std::thread::sleep(LOOK_AGAIN);
            }
        }
    }

    fn stopped(&self) -> bool {
        self.options.stop.load(Ordering::Relaxed)
    }

    fn done(&self) -> MutexGuard<'_, HashSet<String>> {
        self.done.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    fn has_ended(&self, run: &SweepRun) -> bool {
        self.done().contains(&run.id) || (!self.options.fresh && self.folder.has_record(&run.id))
    }

    /// Claims a run and trains it.
    fn attempt(&self, run: &SweepRun) -> Result<Attempt, HarnessError> {
        if self.stopped() || self.has_ended(run) {
            return Ok(Attempt::Ended);
        }
        let (claim, taken_over) = match self.claims.claim(&run.id)? {
            Claimed::Theirs => return Ok(Attempt::Theirs),
            Claimed::Ours(claim, taken_over) => (claim, taken_over),
        };
        // Its holder may have ended it between our looking for the record and our claim.
        if self.has_ended(run) {
            claim.release();
            return Ok(Attempt::Ended);
        }
        self.taken_over.fetch_add(usize::from(taken_over), Ordering::Relaxed);
        let stop = Arc::new(AtomicBool::new(false));
        self.keeper.held().insert(run.id.clone(), Held { claim, stop: Arc::clone(&stop) });
        let trained = self.train(run, &stop);
        if let Some(held) = self.keeper.held().remove(&run.id) {
            held.claim.release();
        }
        trained.map(|()| Attempt::Ended)
    }

    fn train(&self, run: &SweepRun, stop: &AtomicBool) -> Result<(), HarnessError> {
        let before = if self.options.fresh { self.folder.record(&run.id)? } else { None };
        let (checkpoints, models) = (self.folder.within("checkpoints"), self.folder.within("models"));
        let options = RunOptions {
            jobs: self.options.jobs,
            stop,
            checkpoints: Some((&checkpoints, self.options.checkpoint_every)),
            models: self.options.save_models.then_some(models.as_path()),
            scores: None,
            kept: &[],
            classes: None,
        };
        let lost = FirstError::default();
        let plan = &self.sweep.plans[run.point];
        let row = self.sweep.row_of(run);
        // The record is on the disk before anybody is told, and before the state of the run is removed.
        let record =
            plan.run_one(row, run.seed, (self.options.jobs, options), &HashMap::new(), &|event| {
                if let Progress::Run(record) = &event
                    && !lost.ok(self.folder.keep(record, self.options.fresh))
                {
                    return;
                }
                (self.progress)(Some(run), event);
            })?;
        if let Some(error) = lost.into_inner() {
            return Err(error);
        }
        let Some(record) = record else { return Ok(()) };
        self.ran.fetch_add(1, Ordering::Relaxed);
        if before.as_ref().is_some_and(|before| before.result != record.result) {
            let note = Progress::Note(format!(
                "{}, seed {}, {}: the result differs from the one that was stored before, which another version or another \
                 instruction level may have made",
                run.row, run.seed, self.sweep.plan.points[run.point]
            ));
            (self.progress)(Some(run), note);
        }
        self.done().insert(run.id.clone());
        Ok(())
    }
}
