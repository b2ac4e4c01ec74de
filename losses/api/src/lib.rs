//! The interface of every loss: the trait [`MultiLabelLoss`], its inputs, and the code that all losses share. Start with
//! [`MultiLabelLoss`], and with [`pointwise`] for a loss of your own.
//!
//! A loss takes logits `z` `[B, C]` and observed labels and returns a number and its derivative with
//! respect to `z` in one call. It knows no tape and does no IO. Most losses are *pointwise*: a
//! configuration plus one function from (logit, label) to (value, slope) on eight entries at a time,
//! handed to [`pointwise::evaluate`], which owns the loop, the tail, the reduction and the checks.
//!
//! Every loss also carries its formula a second time, scalar and in dual numbers
//! ([`MultiLabelLoss::reference`]): [`differentiate`] turns that into an oracle for the fast code, and
//! [`conformance`] compares any loss with it and checks the rules that all losses keep.
//!
//! ```
//! use lacuna_labels::Label;
//! use lacuna_loss_api::pointwise::{self, Entry, Pointwise};
//! use lacuna_loss_api::{LossGrad, LossInput, Reduction};
//! use lacuna_kernels::{f32x8, math};
//!
//! /// Logistic loss that reads unknown as negative: y lp + (1 - y) ln.
//! struct AssumeNegative;
//! impl Pointwise for AssumeNegative {
//!     fn at(&self, z: f32x8, label: f32x8) -> Entry {
//!         let l = math::logistic(z);
//!         let positive = label.simd_gt(f32x8::splat(0.0));
//!         Entry::new(positive.select(l.neg_ln_p, l.neg_ln_n), positive.select(-l.n, l.p))
//!     }
//! }
//!
//! let z = [0.0, 2.0];
//! let labels = [Label::Positive, Label::Unknown];
//! let logits = [&z[..]];
//! let input = LossInput::new(&logits, 1, 2, &labels);
//! let mut dz = [0.0; 2];
//! let grad = LossGrad::Into(&mut [&mut dz]);
//! let loss = pointwise::evaluate("an", &AssumeNegative, &input, grad, Reduction::Mean)?;
//! assert!((loss - (0.6931472 + 2.126928) / 2.0).abs() < 1e-6);
//! assert!((dz[0] + 0.25).abs() < 1e-6); // (p - 1) / 2
//! # Ok::<(), lacuna_loss_api::LossError>(())
//! ```
//!
//! `lacuna_losses` has every loss by name. The next crate is `lacuna_train`: the training loop.

pub mod columns;
pub mod conformance;
mod error;
pub mod exclusive;
pub mod explain;
pub mod guarded;
mod idea;
mod info;
mod input;
mod options;
pub mod pointwise;
pub mod power;
mod reference;
mod row;
mod statistics;
mod suggestion;
mod takes;

pub use error::LossError;
pub use idea::{About, Idea};
pub use info::{Interval, LabelUse, LossInfo, ParamInfo};
pub use input::{LossGrad, LossInput, Mix, Reduction, Targets, Whole};
pub use lacuna_kernels::gemm::{Matrix, gemm};
pub use lacuna_kernels::{Dual, Exec, Real, Write, f32x8, gamma, lanes, math, random, special};
pub use lacuna_labels::Label;
pub use options::{Context, Options};
pub use reference::{Gradients, differentiate};
pub use row::{Given, LabelNeeds, LossRow, Make, Statistics};
pub use statistics::ClassStatistics;
pub use suggestion::{Suggestion, suggest};
pub use takes::Takes;

use std::fmt;
use std::ops::Range;

/// A named piece of a loss's state, so that a checkpoint can hold it: finite numbers in a fixed order.
///
/// A format that keeps every bit of an f64 restores it exactly; JSON does where its reader rounds correctly.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StateEntry {
    /// What it is, unique within the loss.
    pub name: String,
    /// Its numbers; what they mean is the loss's own business.
    pub values: Vec<f64>,
}

/// Predictions of the whole training set after an epoch. Row i has sample id i.
#[derive(Clone, Copy, Debug)]
pub struct TrainPass<'a> {
    /// The epoch that has ended, counted from 0.
    pub epoch: usize,
    /// Logits of the prediction, `[rows, classes]`.
    pub logits: &'a [f32],
    /// Observed labels, `[rows, classes]`.
    pub labels: &'a [Label],
    /// Rows of the training set.
    pub rows: usize,
    /// Classes.
    pub classes: usize,
}

impl TrainPass<'_> {
    /// Checks the shapes.
    ///
    /// # Errors
    /// [`LossError::Shape`].
    pub fn check(&self) -> Result<(), LossError> {
        let (rows, classes) = (self.rows, self.classes);
        let expected = rows.saturating_mul(classes);
        for (what, found) in [("the logits", self.logits.len()), ("the labels", self.labels.len())] {
            if found != expected || expected == 0 {
                return Err(LossError::Shape { what, found, rows, classes });
            }
        }
        Ok(())
    }
}

/// The values of the one state entry `name`.
///
/// # Errors
/// [`LossError::State`] if there is another entry or none.
pub fn only_state<'a>(
    loss: &'static str,
    name: &str,
    entries: &'a [StateEntry],
) -> Result<&'a [f64], LossError> {
    match entries {
        [entry] if entry.name == name => Ok(&entry.values),
        _ => Err(LossError::State(format!("{loss} has one state entry, `{name}`"))),
    }
}

/// A loss on logits of several independent classes, some of whose labels are unknown.
///
/// Implementations hold their configuration and, where the method needs one, their state; there are no
/// globals, so two runs in one process cannot see each other.
pub trait MultiLabelLoss: fmt::Debug + Send {
    /// Name, source and assumptions of the method.
    fn info(&self) -> &'static LossInfo;

    /// The reduced loss; writes (never adds) its derivatives into `grad` unless they are not needed.
    ///
    /// # Errors
    /// [`LossError`] for shapes that do not fit, a NaN or infinite logit, a label the method has no
    /// meaning for. `grad` then holds nothing of use.
    fn evaluate(&mut self, input: &LossInput<'_>, grad: LossGrad<'_, '_>) -> Result<f32, LossError>;

    /// The formula itself, scalar and in f64: the reduced loss at the logits `z`, any of which may be a
    /// variable. Shape, targets and epoch come from `input`; its logits are not looked at.
    ///
    /// This is what [`evaluate`](Self::evaluate) is tested against, so it shares no code with it.
    fn reference(&self, z: &[&[Dual]], input: &LossInput<'_>) -> Dual;

    /// Which logits the loss takes.
    fn takes(&self) -> Takes {
        Takes::Logits
    }

    /// How many logit matrices those are; the first is the prediction.
    fn logit_matrices(&self) -> usize {
        self.takes().matrices()
    }

    /// Whether the last logit matrix belongs to mixed rows, which [`Targets::mix`] describes.
    fn mixes(&self) -> bool {
        self.takes() == Takes::MixedRows
    }

    /// Whether the loss draws at random which classes of a row it looks at. Classes in another order are then other draws.
    fn draws_classes(&self) -> bool {
        false
    }

    /// Called before the first batch of every epoch (counted from 0).
    fn begin_epoch(&mut self, _epoch: usize) {}

    /// Whether the loss wants [`end_epoch`](Self::end_epoch) after this epoch (counted from 0).
    fn wants_train_pass(&self, _epoch: usize) -> bool {
        false
    }

    /// Shows a relabelling loss the predictions of the whole training set, made in evaluation mode after an
    /// epoch. The labels observed never change: what the loss makes of them is part of its state.
    ///
    /// # Errors
    /// [`LossError`] for shapes that do not fit.
    fn end_epoch(&mut self, _train: &TrainPass<'_>) -> Result<(), LossError> {
        Ok(())
    }

    /// Number of cells whose labels the loss has replaced so far; `None` for a loss that replaces none.
    fn labels_written(&self) -> Option<usize> {
        None
    }

    /// Keeps the numbers of these classes alone, of a loss that was built for more of them: from here on it is shown these
    /// columns. For losses whose gradient at a cell looks at no other column; called once, before the first batch.
    fn cut(&mut self, _classes: Range<usize>) {}

    /// State to be saved with a checkpoint, empty for a loss without any.
    fn state(&self) -> Vec<StateEntry> {
        Vec::new()
    }

    /// Restores what [`state`](Self::state) gave.
    ///
    /// # Errors
    /// [`LossError::State`] if the entries are not the ones this loss writes.
    fn restore(&mut self, entries: &[StateEntry]) -> Result<(), LossError> {
        if entries.is_empty() {
            Ok(())
        } else {
            Err(LossError::State(format!("{} has no state to restore", self.info().name)))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Predictions of another shape were once accepted by every loss that relabels.
    #[test]
    fn a_pass_over_the_training_rows_has_the_shape_it_says() {
        let (z, y) = ([0.0; 7], [Label::Unknown; 7]);
        let check = |logits: usize, labels: usize, rows, classes| {
            TrainPass { epoch: 0, logits: &z[..logits], labels: &y[..labels], rows, classes }.check()
        };
        assert_eq!(check(6, 6, 2, 3), Ok(()));
        let wrong = |what, found, rows, classes| Err(LossError::Shape { what, found, rows, classes });
        assert_eq!(check(7, 6, 2, 3), wrong("the logits", 7, 2, 3));
        assert_eq!(check(6, 5, 2, 3), wrong("the labels", 5, 2, 3));
        assert_eq!(check(0, 0, 0, 3), wrong("the logits", 0, 0, 3));
        assert!(check(6, 6, usize::MAX, 3).is_err());
    }
}
