//! COMIC: up to three cosine classifiers, each with its own rows, and the terms between them.

use super::{At, Beside, Build, LossChoice, Procedure, ProcedureRow, prefixed, record_loss, restore_loss};
use crate::named::setting;
use crate::{Batch, Feed, Head, Named, StateError, TrainError};
use lacuna_engine::{Tape, Var};
use lacuna_losses::{Interval, MultiLabelLoss, Options, StateEntry, Takes, TrainPass};
use lacuna_nn::{CosineClassifier, Layer, Mode, MovingVector};

pub(super) const ROW: ProcedureRow = ProcedureRow {
    name: "branches",
    doc: "Cosine classifiers for the head, the tail and all classes, each with rows of its own sampler, a corrector of labels \
          and a term in which head and tail teach the balanced one, which predicts.",
    source: "Zhang et al., ICCV 2023; wannature/COMIC@1de14e5cfb20. Its loop crosses rows and labels of the branches and \
             leaves the third term out; here each branch has its own",
    beside: Beside::Nothing,
    settings: &[
        setting(
            "count",
            3.0,
            Interval { low: 1.0, high: 3.0, open: false, whole: true },
            "3 branches, or 1: the balanced one alone",
        ),
        setting(
            "rlc",
            0.2,
            Interval::at_least(0.0),
            "weight of the reflective label corrector; 0 leaves it out",
        ),
        setting("htb", 1.0, Interval::at_least(0.0), "weight of the head-tail balancer; 0 leaves it out"),
        setting(
            "mean",
            1.0,
            Interval::at_least(0.0),
            "weight of the mean of the losses of three branches beside their sum",
        ),
        setting(
            "alpha",
            2.0,
            Interval::at_least(0.0),
            "what the tail branch adds of the moving vector's direction",
        ),
        setting("mu", 0.9, Interval::closed(0.0, 1.0), "decay of the moving vectors"),
    ],
    build: |parts| Ok(Box::new(Branches::new(parts)?)),
};

/// Names of the classifiers on the tape, the one that predicts first.
const NAMES: [&str; 3] = ["balanced", "head", "tail"];
/// Samplers of their rows.
const SAMPLERS: [&str; 3] = ["balanced", "shuffled", "reversed"];

/// A classifier with its losses.
struct Branch {
    classifier: CosineClassifier,
    loss: Box<dyn MultiLabelLoss>,
    corrector: Option<Box<dyn MultiLabelLoss>>,
    /// Of head and tail.
    moving: Option<MovingVector>,
    /// What is added of the moving vector's direction: -1 for the head, alpha for the tail.
    share: f32,
}

impl Branch {
    /// Logits with the moving vector, where the branch has one.
    fn forward_along(&self, tape: &mut Tape, x: Var) -> Option<Var> {
        let embed = self.moving.as_ref()?.record(tape);
        Some(self.classifier.forward_along(tape, x, embed, self.share))
    }
}

/// The balanced branch, then head and tail.
struct Branches {
    branches: Vec<Branch>,
    balancer: Option<Box<dyn MultiLabelLoss>>,
    feeds: Vec<Feed>,
    rlc: f32,
    htb: f32,
    mean: f32,
}

impl Branches {
    fn new(parts: &mut Build<'_, '_>) -> Result<Self, TrainError> {
        if *parts.head != Head::Cosine {
            let problem = format!(
                "procedure branches: its classifiers are cosines, so head = \"cosine\", not {}",
                parts.head
            );
            return Err(TrainError::Setting(problem));
        }
        let values = parts.values;
        let count = match values.get("count") as usize {
            1 => 1,
            3 => 3,
            other => {
                return Err(TrainError::Setting(format!(
                    "procedure branches: count = {other}, expected 1 or 3"
                )));
            }
        };
        let (rlc, htb) = (values.get("rlc") as f32, values.get("htb") as f32);
        // The loss may be that of one head or the balancer itself, whose heads then train on the modifier with attention.
        let whole = parts.loss.build()?;
        let of_branch = if whole.takes() == Takes::Branches {
            LossChoice::new(
                "mfm",
                Options { reduction: parts.loss.options.reduction, ..Options::default() },
                &parts.train,
            )?
        } else {
            parts.takes(&*whole, "branches", Takes::Logits)?;
            parts.loss.clone()
        };
        // The terms are reduced alike, so that their weights mean the same under each reduction.
        let reduction = parts.loss.options.reduction;
        let options = || Options { reduction, ..Options::default() };
        let other = |name: &str| LossChoice::new(name, options(), &parts.train)?.build();
        let (width, classes) = (parts.train.features.columns(), parts.train.classes());
        let mut branches = Vec::new();
        for (i, name) in NAMES.iter().take(count).enumerate() {
            let rng = &mut lacuna_protocols::Stream::numbered(parts.seed, "first weights", i as u64);
            branches.push(Branch {
                classifier: CosineClassifier::new(parts.tape, name, width, classes, rng),
                loss: of_branch.build()?,
                corrector: (rlc > 0.0).then(|| other("rlc")).transpose()?,
                moving: (i > 0).then(|| MovingVector::new(values.get("mu"), width)),
                share: if i == 1 { -1.0 } else { values.get("alpha") as f32 },
            });
        }
        let balancer = if count == 3 && htb > 0.0 {
            Some(if whole.takes() == Takes::Branches { whole } else { other("htb")? })
        } else {
            None
        };
        let feed = |i: usize| Feed { sampler: Named::new(SAMPLERS[i]), ..parts.feed.clone() };
        let feeds = if count == 3 { (0..3).map(feed).collect() } else { vec![parts.feed.clone()] };
        Ok(Self { branches, balancer, feeds, rlc, htb, mean: values.get("mean") as f32 })
    }
}

impl Procedure for Branches {
    fn feeds(&self) -> &[Feed] {
        &self.feeds
    }

    fn begin_epoch(&mut self, at: At, _: Option<&TrainPass<'_>>) -> Result<(), TrainError> {
        for branch in &mut self.branches {
            branch.loss.begin_epoch(at.epoch);
            branch.corrector.iter_mut().for_each(|corrector| corrector.begin_epoch(at.epoch));
        }
        self.balancer.iter_mut().for_each(|balancer| balancer.begin_epoch(at.epoch));
        Ok(())
    }

    fn step(&mut self, tape: &mut Tape, batches: &[Batch<'_>], at: At) -> Result<Var, TrainError> {
        let (rlc, mean) = (self.rlc, self.mean);
        let three = self.branches.len() == 3;
        let mut total = None;
        let mut add = |tape: &mut Tape, term: Var| {
            total = Some(match total {
                None => term,
                Some(sum) => tape.add(sum, term),
            });
        };
        let mut balanced = None;
        for ((branch, batch), name) in self.branches.iter_mut().zip(batches).zip(NAMES) {
            tape.scope(name, |tape| -> Result<(), TrainError> {
                let x = batch.x(tape);
                if let Some(moving) = &mut branch.moving {
                    moving.update(tape.value(x));
                }
                let z = branch.classifier.forward(tape, x, at.mode());
                let along = branch.forward_along(tape, x);
                let mut term = record_loss(tape, &mut *branch.loss, &[z], batch, None, at)?;
                if three && mean > 0.0 {
                    // The sum of the three and their mean once more.
                    term = tape.scale(term, 1.0 + mean / 3.0);
                }
                add(tape, term);
                if let Some(corrector) = &mut branch.corrector {
                    let term = record_loss(tape, &mut **corrector, &[along.unwrap_or(z)], batch, None, at)?;
                    let term = tape.scale(term, rlc);
                    add(tape, term);
                }
                balanced.get_or_insert((x, z));
                Ok(())
            })?;
        }
        if let (Some(balancer), Some((x, z))) = (&mut self.balancer, balanced) {
            // Head and tail see the rows of the balanced branch, and its labels hold.
            let [head, tail] = [1, 2].map(|i| self.branches[i].forward_along(tape, x));
            let logits = [head, tail].map(|z| z.expect("head and tail have moving vectors"));
            let term = record_loss(tape, &mut **balancer, &[logits[0], logits[1], z], &batches[0], None, at)?;
            let term = tape.scale(term, self.htb);
            add(tape, term);
        }
        Ok(total.expect("a branch has a loss"))
    }

    fn predict(&self, tape: &mut Tape, x: Var) -> Var {
        self.branches[0].classifier.forward(tape, x, Mode::Eval)
    }

    fn state(&self) -> Vec<StateEntry> {
        let mut entries = Vec::new();
        for (branch, name) in self.branches.iter().zip(NAMES) {
            entries.extend(prefixed(&format!("{name}.loss."), branch.loss.state()));
            if let Some(corrector) = &branch.corrector {
                entries.extend(prefixed(&format!("{name}.corrector."), corrector.state()));
            }
            if let Some(moving) = &branch.moving {
                let name = format!("{name}.moving_vector");
                entries.push(StateEntry { name, values: moving.state() });
            }
        }
        if let Some(balancer) = &self.balancer {
            entries.extend(prefixed("balancer.", balancer.state()));
        }
        entries
    }

    fn restore(&mut self, entries: &[StateEntry]) -> Result<(), StateError> {
        for (branch, name) in self.branches.iter_mut().zip(NAMES) {
            restore_loss(&mut *branch.loss, &format!("{name}.loss."), entries)?;
            if let Some(corrector) = &mut branch.corrector {
                restore_loss(&mut **corrector, &format!("{name}.corrector."), entries)?;
            }
            if let Some(moving) = &mut branch.moving {
                let name = format!("{name}.moving_vector");
                let entry = entries.iter().find(|entry| entry.name == name);
                let entry = entry.ok_or_else(|| StateError::Missing(name.clone()))?;
                moving
                    .restore(&entry.values)
                    .map_err(|error| StateError::Unfit { name, problem: format!("is refused: {error}") })?;
            }
        }
        match &mut self.balancer {
            Some(balancer) => restore_loss(&mut **balancer, "balancer.", entries),
            None => Ok(()),
        }
    }

    fn predicts_with<'a>(&self, entry: &'a str) -> Option<&'a str> {
        entry.strip_prefix(NAMES[0])?.strip_prefix('.')
    }

    fn report(&self) -> Vec<(&'static str, f64)> {
        vec![]
    }
}
