//! What a loss is given: logits, targets, and where in the training it stands.

use crate::{Label, LossError};

/// One batch as a loss sees it. All matrices are row-major `[rows, classes]`.
#[derive(Clone, Copy, Debug)]
pub struct LossInput<'a> {
    /// One or several logit matrices; the first is the prediction.
    pub logits: &'a [&'a [f32]],
    /// Rows B of every matrix.
    pub rows: usize,
    /// Classes C of every matrix.
    pub classes: usize,
    /// What is known about the rows.
    pub targets: Targets<'a>,
    /// Index of every row in the training set, `[rows]`; empty if the caller has none.
    pub sample_ids: &'a [u32],
    /// Epoch, counted from 0.
    pub epoch: usize,
    /// Optimiser step, counted from 0.
    pub step: u64,
}

/// What is known about the rows of a batch.
#[derive(Clone, Copy, Debug)]
pub struct Targets<'a> {
    /// Observed labels, `[rows, classes]`.
    pub labels: &'a [Label],
    /// Target probabilities in [0, 1], `[rows, classes]`, for methods that accept them (mixup,
    /// pseudo-labels); they take the place of `labels`.
    pub soft: Option<&'a [f32]>,
}

impl<'a> LossInput<'a> {
    /// A batch of the first step of the first epoch, without sample ids or soft targets.
    pub fn new(logits: &'a [&'a [f32]], rows: usize, classes: usize, labels: &'a [Label]) -> Self {
        let targets = Targets { labels, soft: None };
        Self { logits, rows, classes, targets, sample_ids: &[], epoch: 0, step: 0 }
    }

    /// Checks that every matrix has `rows * classes` > 0 entries and that there are `matrices` of them.
    ///
    /// # Errors
    /// [`LossError::Matrices`] or [`LossError::Shape`].
    pub fn check(&self, loss: &'static str, matrices: usize) -> Result<(), LossError> {
        let (rows, classes) = (self.rows, self.classes);
        if self.logits.len() != matrices {
            return Err(LossError::Matrices { loss, expected: matrices, found: self.logits.len() });
        }
        let expected = rows * classes;
        let shape = |what, found| Err(LossError::Shape { what, found, rows, classes });
        for z in self.logits {
            if z.len() != expected || expected == 0 {
                return shape("the logits", z.len());
            }
        }
        if self.targets.labels.len() != expected {
            return shape("the labels", self.targets.labels.len());
        }
        match self.targets.soft {
            Some(soft) if soft.len() != expected => shape("the soft targets", soft.len()),
            _ => Ok(()),
        }
    }

    /// The error that names the first NaN or infinite logit, if there is one.
    pub fn first_non_finite(&self) -> Option<LossError> {
        self.logits.iter().find_map(|z| {
            let i = z.iter().position(|z| !z.is_finite())?;
            Some(LossError::NonFinite { row: i / self.classes, class: i % self.classes, value: z[i] })
        })
    }
}

/// Where a loss leaves its derivatives.
#[derive(Debug)]
pub enum LossGrad<'a, 'b> {
    /// One buffer `[rows, classes]` for each logit matrix; overwritten, never added to.
    Into(&'a mut [&'b mut [f32]]),
    /// Only the value is wanted.
    Unneeded,
}

/// How the entries of a loss become one number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reduction {
    /// The sum over all entries.
    Sum,
    /// The sum divided by rows x classes.
    Mean,
    /// The sum divided by the number of known labels, at least 1.
    MeanKnown,
}

impl Reduction {
    /// What the sum over entries is multiplied with.
    pub fn factor(self, labels: &[Label]) -> f64 {
        match self {
            Reduction::Sum => 1.0,
            Reduction::Mean => 1.0 / labels.len() as f64,
            Reduction::MeanKnown => 1.0 / labels.iter().filter(|l| l.is_known()).count().max(1) as f64,
        }
    }
}
