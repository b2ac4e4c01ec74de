//! How far a fit or an audit is, for somebody who waits for it, and whether it goes on.

use crate::TrainError;
use std::fmt;
use std::ops::ControlFlow;
use std::sync::{Arc, Mutex, PoisonError};

/// A part of the work of a fit or an audit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Stage {
    /// Settings are tried, each on three folds. Steps: trials.
    Search,
    /// The model is trained. Steps: iterations of L-BFGS, or epochs.
    Training,
    /// The models of an audit are trained, one for each fold. Steps: iterations or epochs of all of them.
    Folds,
    /// The nearest rows of each row are sought. One step.
    Neighbours,
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Stage::Search => "choosing settings",
            Stage::Training => "training",
            Stage::Folds => "training the folds",
            Stage::Neighbours => "seeking the nearest rows",
        })
    }
}

/// What is done of a stage.
///
/// Of one stage `total` stays as it is, `done` grows from 0 to `total`, and the last call has both equal. Where a stage ends early,
/// because L-BFGS has converged or no setting that is left can be better, the steps that are not needed count as done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Progress {
    /// The stage.
    pub stage: Stage,
    /// Steps that are done.
    pub done: usize,
    /// All steps.
    pub total: usize,
}

type Hook = dyn Fn(Progress) -> ControlFlow<()> + Send + Sync;

/// The hook of [`Fit::on_progress`](crate::Fit::on_progress), or none.
#[derive(Clone, Default)]
pub(crate) struct Observer(Option<Arc<Hook>>);

impl Observer {
    pub(crate) fn new(hook: impl Fn(Progress) -> ControlFlow<()> + Send + Sync + 'static) -> Self {
        Self(Some(Arc::new(hook)))
    }

    /// Begins a stage of so many steps.
    ///
    /// # Errors
    /// [`TrainError::Stopped`], here and from the steps.
    pub(crate) fn stage(&self, stage: Stage, total: usize) -> Result<Steps<'_>, TrainError> {
        let steps = Steps { hook: self.0.as_deref(), stage, total, at: Mutex::new(At::default()) };
        steps.add(0)?;
        Ok(steps)
    }
}

impl fmt::Debug for Observer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() { "a hook" } else { "none" })
    }
}

/// The steps of a stage, counted by any number of threads.
pub(crate) struct Steps<'a> {
    hook: Option<&'a Hook>,
    stage: Stage,
    total: usize,
    at: Mutex<At>,
}

#[derive(Default)]
struct At {
    done: usize,
    stopped: bool,
}

impl Steps<'_> {
    /// More steps are done. The lock is held while the hook is called, so that counts arrive in their order.
    pub(crate) fn add(&self, steps: usize) -> Result<(), TrainError> {
        let Some(hook) = self.hook else { return Ok(()) };
        let mut at = self.at.lock().unwrap_or_else(PoisonError::into_inner);
        if !at.stopped {
            at.done = (at.done + steps).min(self.total);
            at.stopped = hook(Progress { stage: self.stage, done: at.done, total: self.total }).is_break();
        }
        if at.stopped { Err(TrainError::Stopped) } else { Ok(()) }
    }

    /// The stage is over: steps that were not needed count as done.
    pub(crate) fn end(self) -> Result<(), TrainError> {
        let done = self.at.lock().unwrap_or_else(PoisonError::into_inner).done;
        if done < self.total { self.add(self.total - done) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{AuditOptions, Fit, Head, MlpSpec};
    use lacuna_labels::{Features, Label, LabelMatrix, ObservedLabels};
    use lacuna_protocols::Stream;

    /// 90 rows, three classes by the signs of the features, a third of the positives hidden, no negative known.
    fn data() -> (Features, ObservedLabels) {
        let mut stream = Stream::new(4, "progress");
        let x = Features::new(90, 4, (0..360).map(|_| stream.normal() as f32).collect()).unwrap();
        let cell = |i: usize| (x.row(i / 3)[i % 3] > 0.3 && !i.is_multiple_of(4)).then_some(Label::Positive);
        let cells = (0..270).map(|i| cell(i).unwrap_or(Label::Unknown)).collect();
        let y = LabelMatrix::new(90, 3, cells).unwrap().into();
        (x, y)
    }

    type Seen = Arc<Mutex<Vec<Progress>>>;

    /// A hook that notes its calls and stops at one of them.
    fn noting(seen: &Seen, stop: usize) -> impl Fn(Progress) -> ControlFlow<()> + Send + Sync + use<> {
        let seen = Arc::clone(seen);
        move |progress| {
            let mut seen = seen.lock().unwrap();
            seen.push(progress);
            if seen.len() > stop { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        }
    }

    /// Stages in their order, each from 0 to its total.
    fn stages(seen: &Seen) -> Vec<Stage> {
        let seen = seen.lock().unwrap();
        let mut stages = Vec::new();
        for of_stage in seen.chunk_by(|a, b| a.stage == b.stage) {
            let (first, last) = (of_stage[0], of_stage[of_stage.len() - 1]);
            assert!(first.done == 0 && last.done == last.total && last.total > 0, "{of_stage:?}");
            for pair in of_stage.windows(2) {
                assert!(pair[0].done < pair[1].done && pair[0].total == pair[1].total, "{pair:?}");
            }
            stages.push(first.stage);
        }
        stages
    }

    #[test]
    fn counts_grow_to_the_total_and_results_are_those_without_a_hook() {
        let (x, y) = data();
        for (fit, expected) in [
            (Fit::new("auto"), &[Stage::Search, Stage::Training][..]),
            (Fit::new("an").epochs(3), &[Stage::Training]),
            (Fit::new("wan").head(Head::Mlp(MlpSpec::plain(vec![4]))).epochs(6), &[Stage::Training]),
        ] {
            let seen = Seen::default();
            let watched = fit.clone().on_progress(noting(&seen, usize::MAX));
            assert_eq!(watched.fit(&x, &y).unwrap(), fit.fit(&x, &y).unwrap());
            assert_eq!(stages(&seen), expected);
        }
        let options = AuditOptions::default();
        let seen = Seen::default();
        let watched = options.clone().on_progress(noting(&seen, usize::MAX));
        assert_eq!(watched.run(&x, &y).unwrap(), options.run(&x, &y).unwrap());
        assert_eq!(stages(&seen), [Stage::Search, Stage::Folds, Stage::Neighbours]);
    }

    #[test]
    fn a_hook_that_says_stop_ends_the_work_and_is_not_called_again() {
        let (x, y) = data();
        let calls = {
            let seen = Seen::default();
            Fit::new("auto").on_progress(noting(&seen, usize::MAX)).fit(&x, &y).unwrap();
            seen.lock().unwrap().len()
        };
        for stop in [0, 1, 20, calls - 2, calls - 1] {
            let seen = Seen::default();
            let error = Fit::new("auto").on_progress(noting(&seen, stop)).fit(&x, &y).unwrap_err();
            assert!(matches!(error, TrainError::Stopped), "{stop}: {error}");
            assert_eq!(seen.lock().unwrap().len(), stop + 1);
        }
        for stage in [Stage::Search, Stage::Folds, Stage::Neighbours] {
            let seen = Seen::default();
            let inner = Arc::clone(&seen);
            let stop = move |progress: Progress| {
                inner.lock().unwrap().push(progress);
                if progress.stage == stage { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
            };
            let error = AuditOptions::default().on_progress(stop).run(&x, &y).unwrap_err();
            assert!(matches!(error, TrainError::Stopped), "{stage}: {error}");
            assert_eq!(seen.lock().unwrap().iter().filter(|p| p.stage == stage).count(), 1);
        }
    }
}
