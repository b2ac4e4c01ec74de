//! What a formula is given: a tape with the logits on it, the labels, and everything else the loss was given.

use lacuna_engine::{Tape, Var};
use lacuna_losses::{ClassStatistics, Label, LossRow, Mix, Options, Reduction, StateEntry};
use std::ops::{Deref, DerefMut};

/// One evaluation of a loss, to be written down a second time. All operations of the tape are its own.
pub(crate) struct Case<'a> {
    pub(crate) tape: Tape,
    /// The logit matrices.
    pub(crate) z: Vec<Var>,
    /// Their numbers.
    pub(crate) logits: &'a [Vec<f32>],
    pub(crate) labels: &'a [Label],
    pub(crate) rows: usize,
    pub(crate) classes: usize,
    /// From 0.
    pub(crate) epoch: usize,
    /// Index of every row in the training set.
    pub(crate) ids: &'a [u32],
    pub(crate) mix: Option<Mix<'a>>,
    /// State of the loss before the evaluation.
    pub(crate) state: &'a [StateEntry],
    pub(crate) train: &'a ClassStatistics,
    pub(crate) row: &'static LossRow,
    pub(crate) options: &'a Options,
}

impl Deref for Case<'_> {
    type Target = Tape;

    fn deref(&self) -> &Tape {
        &self.tape
    }
}

impl DerefMut for Case<'_> {
    fn deref_mut(&mut self) -> &mut Tape {
        &mut self.tape
    }
}

impl Case<'_> {
    /// A parameter: as given, else of the data, else the published one.
    pub(crate) fn p(&self, name: &str) -> f64 {
        let given = self.options.params.get(name).copied();
        let data =
            (name == "expected_positives").then_some(self.options.context.expected_positives).flatten();
        given.or(data).or_else(|| self.row.info.param(name)?.default).unwrap_or_else(|| panic!("no {name}"))
    }

    /// What a sum over entries is multiplied with.
    pub(crate) fn factor(&self) -> f64 {
        let known = self.labels.iter().filter(|l| **l != Label::Unknown).count();
        match self.options.reduction.unwrap_or(self.row.reduction) {
            Reduction::Sum => 1.0,
            Reduction::Mean => 1.0 / self.labels.len() as f64,
            Reduction::MeanKnown => 1.0 / known.max(1) as f64,
        }
    }

    /// The reduced loss of these entries.
    pub(crate) fn reduced(&mut self, entries: Var) -> Var {
        let sum = self.sum(entries);
        let factor = self.factor();
        self.times(sum, factor)
    }

    /// The class frequencies as shares of the rows.
    pub(crate) fn priors(&self) -> Vec<f64> {
        self.train.positives().iter().map(|n| n / self.train.rows()).collect()
    }

    /// Numbers for the entries, `[rows, classes]`.
    pub(crate) fn cells(&mut self, of: impl Fn(usize) -> f64) -> Var {
        let numbers: Vec<f32> = (0..self.labels.len()).map(|i| of(i) as f32).collect();
        let shape = [self.rows, self.classes];
        self.input(shape, &numbers)
    }

    /// Numbers for the entries by label.
    pub(crate) fn by_label(&mut self, positive: f64, negative: f64, unknown: f64) -> Var {
        let labels = self.labels;
        self.cells(|i| match labels[i] {
            Label::Positive => positive,
            Label::Negative => negative,
            Label::Unknown => unknown,
        })
    }

    /// Numbers for the classes, `[1, classes]`.
    pub(crate) fn by_class(&mut self, numbers: &[f64]) -> Var {
        let numbers: Vec<f32> = numbers.iter().map(|&x| x as f32).collect();
        self.input([1, numbers.len()], &numbers)
    }

    /// `a` on positives, `b` on the rest.
    pub(crate) fn positive_or(&mut self, a: Var, b: Var) -> Var {
        let positive = self.by_label(1.0, 0.0, 0.0);
        self.select(positive, a, b)
    }

    /// `a` on positives, `b` on observed negatives, `c` on unknown cells.
    pub(crate) fn by_kind(&mut self, a: Var, b: Var, c: Var) -> Var {
        let known = self.by_label(1.0, 1.0, 0.0);
        let observed = self.positive_or(a, b);
        self.select(known, observed, c)
    }

    pub(crate) fn zeros(&mut self) -> Var {
        self.cells(|_| 0.0)
    }

    /// x times a number of f64.
    pub(crate) fn times(&mut self, x: Var, by: f64) -> Var {
        self.scale(x, by as f32)
    }

    /// x plus a number of f64.
    pub(crate) fn plus(&mut self, x: Var, by: f64) -> Var {
        self.shift(x, by as f32)
    }

    /// a x + b y for numbers a and b.
    pub(crate) fn blend(&mut self, a: f64, x: Var, b: f64, y: Var) -> Var {
        let (x, y) = (self.times(x, a), self.times(y, b));
        self.add(x, y)
    }

    /// lp = -ln sigma(z).
    pub(crate) fn lp(&mut self, z: Var) -> Var {
        let away = self.neg(z);
        self.softplus(away)
    }

    /// ln = -ln sigma(-z).
    pub(crate) fn ln_rest(&mut self, z: Var) -> Var {
        self.softplus(z)
    }

    /// n = sigma(-z).
    pub(crate) fn rest(&mut self, z: Var) -> Var {
        let away = self.neg(z);
        self.sigmoid(away)
    }

    /// L_e(sigma(z)) = -ln(sigma(z) + e); lp for e = 0.
    pub(crate) fn guarded_lp(&mut self, z: Var, e: f64) -> Var {
        if e == 0.0 {
            return self.lp(z);
        }
        let p = self.sigmoid(z);
        let guarded = self.plus(p, e);
        let log = self.ln(guarded);
        self.neg(log)
    }

    /// L_e(sigma(-z)).
    pub(crate) fn guarded_ln(&mut self, z: Var, e: f64) -> Var {
        let away = self.neg(z);
        self.guarded_lp(away, e)
    }

    /// -ln max(x, e).
    pub(crate) fn clamped_log(&mut self, x: Var, e: f64) -> Var {
        let held = self.clamp(x, e as f32, f32::MAX);
        let log = self.ln(held);
        self.neg(log)
    }

    /// sigma(x)^g softplus(x): the focal loss of an entry whose probability sigma(x) is to become small.
    pub(crate) fn focal(&mut self, x: Var, gamma: f64) -> Var {
        let p = self.sigmoid(x);
        let weight = self.pow(p, gamma as f32);
        let cost = self.softplus(x);
        self.mul(weight, cost)
    }

    /// The focal loss at s of a positive and of the rest.
    pub(crate) fn focal_pair(&mut self, s: Var, gamma: f64) -> (Var, Var) {
        let away = self.neg(s);
        (self.focal(away, gamma), self.focal(s, gamma))
    }

    /// The state entry of this name.
    pub(crate) fn entry(&self, name: &str) -> &[f64] {
        &self.state.iter().find(|entry| entry.name == name).unwrap_or_else(|| panic!("no {name}")).values
    }

    /// Values of a logit matrix in f64.
    pub(crate) fn held(&self) -> Vec<f64> {
        self.logits[0].iter().map(|&z| f64::from(z)).collect()
    }
}

/// sigma in f64, for what is chosen and not differentiated.
pub(crate) fn sigma(z: f64) -> f64 {
    1.0 / (1.0 + (-z).exp())
}
