//! What a loss is given: logits, targets, and where in the training it stands.

use crate::{Label, LossError, f32x8, lanes};
use std::fmt;
use std::str::FromStr;

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
    /// pseudo-labels); they take the place of `labels`. SMILE alone reads both: these are the labels that another model
    /// recovered, beside the observed ones.
    pub soft: Option<&'a [f32]>,
    /// How the rows of the last logit matrix were mixed, for losses that compare mixed rows with whole ones
    /// ([`MultiLabelLoss::mixes`](crate::MultiLabelLoss::mixes)).
    pub mix: Option<Mix<'a>>,
    /// The size of the whole batch where the labels are some columns of it; `None` where they are all.
    pub whole: Option<Whole>,
}

/// A batch of which a loss sees some columns, because other tasks train the other classes. A reduction divides by what the
/// whole batch has, so that the gradient of a cell is that of a loss that sees all of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Whole {
    /// Rows x classes.
    pub cells: usize,
    /// Known labels.
    pub known: usize,
}

/// Rows that were made of two rows of the batch each: row i is lambda x row `first[i]` + (1 - lambda) x row
/// `second[i]`, taken of the features. The last logit matrix then has a row for each of these.
#[derive(Clone, Copy, Debug)]
pub struct Mix<'a> {
    /// The row with the share lambda.
    pub first: &'a [u32],
    /// The row with the share 1 - lambda.
    pub second: &'a [u32],
    /// The share, in [0, 1].
    pub lambda: f64,
}

impl Mix<'_> {
    /// How many rows were made.
    pub fn rows(&self) -> usize {
        self.first.len()
    }

    /// Checks the share and that both lists are equally long and name rows of the batch.
    ///
    /// # Errors
    /// [`LossError::Unsupported`] saying what is wrong.
    pub fn check(&self, rows: usize) -> Result<(), LossError> {
        let wrong = |message: String| Err(LossError::Unsupported(message));
        if self.first.len() != self.second.len() {
            let (a, b) = (self.first.len(), self.second.len());
            return wrong(format!("{a} rows are mixed with {b} rows; a mixed row is made of two"));
        }
        if !(0.0..=1.0).contains(&self.lambda) {
            return wrong(format!("the mixing share is {}, which is not in [0, 1]", self.lambda));
        }
        match self.first.iter().chain(self.second).find(|&&row| row as usize >= rows) {
            Some(row) => wrong(format!("row {row} is mixed, of a batch of {rows} rows")),
            None => Ok(()),
        }
    }
}

impl<'a> LossInput<'a> {
    /// A batch of the first step of the first epoch, without sample ids or soft targets.
    pub fn new(logits: &'a [&'a [f32]], rows: usize, classes: usize, labels: &'a [Label]) -> Self {
        let targets = Targets { labels, soft: None, mix: None, whole: None };
        Self { logits, rows, classes, targets, sample_ids: &[], epoch: 0, step: 0 }
    }

    /// Classes of the whole batch: more than [`classes`](Self::classes) where the loss sees a slice of them.
    pub fn all_classes(&self) -> usize {
        self.targets.whole.map_or(self.classes, |whole| whole.cells / self.rows.max(1))
    }

    /// Entries that a logit matrix has to have: those of the batch, or of the mixed rows for the last matrix of a
    /// batch with any.
    pub fn entries(&self, matrix: usize) -> usize {
        let rows = match &self.targets.mix {
            Some(mix) if matrix > 0 && matrix + 1 == self.logits.len() => mix.rows(),
            _ => self.rows,
        };
        rows.saturating_mul(self.classes)
    }

    /// Checks that every matrix has `rows * classes` > 0 entries and that there are `matrices` of them,
    /// and the same of the buffers for the derivatives. The last matrix may belong to mixed rows.
    ///
    /// # Errors
    /// [`LossError::Matrices`] or [`LossError::Shape`].
    pub fn check(
        &self,
        loss: &'static str,
        matrices: usize,
        grad: &LossGrad<'_, '_>,
    ) -> Result<(), LossError> {
        let (rows, classes) = (self.rows, self.classes);
        if self.logits.len() != matrices {
            return Err(LossError::Matrices { loss, expected: matrices, found: self.logits.len() });
        }
        let expected = rows.saturating_mul(classes);
        let shape = |what, found| Err(LossError::Shape { what, found, rows, classes });
        for (matrix, z) in self.logits.iter().enumerate() {
            if z.len() != self.entries(matrix) || expected == 0 {
                return shape("the logits", z.len());
            }
        }
        if self.targets.labels.len() != expected {
            return shape("the labels", self.targets.labels.len());
        }
        if let LossGrad::Into(buffers) = grad {
            if buffers.len() != matrices {
                return Err(LossError::Matrices { loss, expected: matrices, found: buffers.len() });
            }
            let mut buffers = buffers.iter().enumerate();
            if let Some((_, dz)) = buffers.find(|(matrix, dz)| dz.len() != self.entries(*matrix)) {
                return shape("the gradient", dz.len());
            }
        }
        match self.targets.soft {
            Some(soft) if soft.len() != expected => shape("the soft targets", soft.len()),
            _ => Ok(()),
        }
    }

    /// Refuses soft targets, for a loss that has no meaning for them.
    ///
    /// # Errors
    /// [`LossError::Unsupported`].
    pub fn check_hard(&self, loss: &'static str) -> Result<(), LossError> {
        match self.targets.soft {
            Some(_) => Err(LossError::Unsupported(format!("{loss} does not take soft targets"))),
            None => Ok(()),
        }
    }

    /// Checks that every row has exactly one positive.
    ///
    /// # Errors
    /// [`LossError::Label`] naming the row and its second positive, or its first cell where it has none.
    pub fn check_one_positive(&self, loss: &'static str) -> Result<(), LossError> {
        for (row, labels) in self.targets.labels.chunks(self.classes).enumerate() {
            let mut positives = (0..labels.len()).filter(|&class| labels[class].is_positive());
            let why = "every row has exactly one positive";
            let error = |class: usize| LossError::Label { loss, row, class, label: labels[class], why };
            match (positives.next(), positives.next()) {
                (Some(_), None) => {}
                (_, second) => return Err(error(second.unwrap_or(0))),
            }
        }
        Ok(())
    }

    /// Checks that every soft target is a probability.
    ///
    /// # Errors
    /// [`LossError::Target`] naming the first that is not.
    pub fn check_soft(&self, soft: &[f32]) -> Result<(), LossError> {
        match soft.iter().position(|t| !(0.0..=1.0).contains(t)) {
            Some(i) => {
                Err(LossError::Target { row: i / self.classes, class: i % self.classes, value: soft[i] })
            }
            None => Ok(()),
        }
    }

    /// The error that names the first NaN or infinite logit, if there is one.
    pub fn first_non_finite(&self) -> Option<LossError> {
        self.logits.iter().find_map(|z| {
            // z * 0 is 0 for a finite z and NaN for the rest, so a sum over all finds out whether there is one to look for.
            let zero = f32x8::splat(0.0);
            let sum = z.chunks(8).fold(zero, |sum, z| lanes::load(z).mul_add(zero, sum));
            if sum.simd_eq(zero).all() {
                return None;
            }
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

impl<'a> LossGrad<'a, '_> {
    /// The buffer of the only logit matrix, if derivatives are wanted.
    pub fn into_single(self) -> Option<&'a mut [f32]> {
        match self {
            LossGrad::Into(buffers) => Some(&mut *buffers[0]),
            LossGrad::Unneeded => None,
        }
    }
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
    /// What the sum over entries is multiplied with. Soft targets are all known.
    pub fn factor(self, targets: &Targets<'_>) -> f64 {
        let labels = targets.labels;
        match self {
            Reduction::Sum => 1.0,
            Reduction::MeanKnown if targets.soft.is_none() => {
                let known = || labels.iter().filter(|l| l.is_known()).count();
                1.0 / targets.whole.map_or_else(known, |whole| whole.known).max(1) as f64
            }
            Reduction::Mean | Reduction::MeanKnown => {
                1.0 / targets.whole.map_or(labels.len(), |whole| whole.cells) as f64
            }
        }
    }
}

impl fmt::Display for Reduction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Reduction::Sum => "sum",
            Reduction::Mean => "mean",
            Reduction::MeanKnown => "mean_known",
        })
    }
}

impl FromStr for Reduction {
    type Err = LossError;

    /// # Errors
    /// [`LossError::Unsupported`] for anything but `sum`, `mean` and `mean_known`.
    fn from_str(s: &str) -> Result<Self, LossError> {
        match s {
            "sum" => Ok(Reduction::Sum),
            "mean" => Ok(Reduction::Mean),
            "mean_known" => Ok(Reduction::MeanKnown),
            _ => Err(LossError::Unsupported(format!(
                "there is no reduction `{s}`; the reductions are sum, mean and mean_known"
            ))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A mix that names rows of another batch was once accepted.
    #[test]
    fn mixes_that_do_not_fit_a_batch_are_refused() {
        let check = |first: &[u32], second: &[u32], lambda| Mix { first, second, lambda }.check(3);
        assert_eq!(check(&[0, 2], &[1, 0], 0.5), Ok(()));
        assert_eq!(check(&[0], &[0], 0.0).and(check(&[0], &[0], 1.0)), Ok(()));
        let message = |result: Result<(), LossError>| result.unwrap_err().to_string();
        assert!(message(check(&[0, 1], &[1], 0.5)).contains("2 rows are mixed with 1 rows"));
        assert!(message(check(&[3], &[0], 0.5)).contains("row 3 is mixed, of a batch of 3 rows"));
        assert!(message(check(&[0], &[3], 0.5)).contains("row 3 is mixed, of a batch of 3 rows"));
        for lambda in [-0.1, 1.1, f64::NAN] {
            assert!(message(check(&[0], &[1], lambda)).contains("the mixing share"), "{lambda}");
        }
    }
}
