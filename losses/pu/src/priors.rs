//! Class priors that are estimated again while a model trains.

use crate::bbe::{BbeConfig, class_priors};
use lacuna_loss_api::{Interval, LossError, LossInfo, StateEntry, TrainPass, only_state};

/// When class priors are estimated.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Estimation {
    /// Epochs of assume-negative cross-entropy before the risk is minimised. The first estimate is made after the last of them.
    pub warm_up: usize,
    /// Epochs between estimates; 0 keeps the priors that were given.
    pub every: usize,
}

/// Priors stay this far from 0 and 1.
const MARGIN: f64 = 1e-6;

/// Name of the state.
const PRIORS: &str = "priors";

/// The class priors in force.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Priors {
    pub(crate) values: Vec<f64>,
    pub(crate) when: Estimation,
}

impl Priors {
    pub(crate) fn new(info: &'static LossInfo, values: &[f64], when: Estimation) -> Result<Self, LossError> {
        let (loss, range) = (info.name, Interval::open(0.0, 1.0));
        if values.is_empty() {
            return Err(LossError::Classes { loss, needed: 1, found: 0 });
        }
        if let Some(&value) = values.iter().find(|p| !range.contains(**p)) {
            return Err(LossError::Parameter { loss, parameter: "prior", value, range });
        }
        Ok(Self { values: values.to_vec(), when })
    }

    /// Whether the epoch, counted from 0, ends with an estimate.
    pub(crate) fn wants(&self, epoch: usize) -> bool {
        let Estimation { warm_up, every } = self.when;
        let ended = epoch + 1;
        every > 0 && ended >= warm_up.max(1) && (ended - warm_up).is_multiple_of(every)
    }

    /// Estimates all priors. A prior is at least the observed share of positives; a class whose scores say nothing keeps the
    /// one it has.
    pub(crate) fn estimate(&mut self, pass: &TrainPass<'_>) -> Result<(), LossError> {
        pass.check()?;
        if pass.classes != self.values.len() {
            let (rows, classes) = (pass.rows, self.values.len());
            return Err(LossError::Shape { what: "the logits", found: pass.logits.len(), rows, classes });
        }
        let found = class_priors(pass, BbeConfig::default())?;
        for (class, (prior, found)) in self.values.iter_mut().zip(found).enumerate() {
            if found.candidates == 0 {
                continue;
            }
            let labels = pass.labels[class..].iter().step_by(pass.classes);
            let observed = labels.filter(|l| l.is_positive()).count() as f64 / pass.rows as f64;
            *prior = found.prior.max(observed).clamp(MARGIN, 1.0 - MARGIN);
        }
        Ok(())
    }

    pub(crate) fn state(&self) -> Vec<StateEntry> {
        let entry = || StateEntry { name: PRIORS.to_owned(), values: self.values.clone() };
        if self.when.every > 0 { vec![entry()] } else { vec![] }
    }

    pub(crate) fn restore(&mut self, loss: &'static str, entries: &[StateEntry]) -> Result<(), LossError> {
        if self.when.every == 0 {
            let none = entries.is_empty();
            return if none {
                Ok(())
            } else {
                Err(LossError::State(format!("{loss} has no state to restore")))
            };
        }
        let values = only_state(loss, PRIORS, entries)?;
        let range = Interval::open(0.0, 1.0);
        if values.len() != self.values.len() || values.iter().any(|p| !range.contains(*p)) {
            let classes = self.values.len();
            return Err(LossError::State(format!("{loss}: `{PRIORS}` has {classes} numbers in {range}")));
        }
        self.values.copy_from_slice(values);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use lacuna_loss_api::Label;

    #[test]
    fn estimates_begin_with_the_end_of_the_warm_up() {
        let ends = |warm_up, every| -> Vec<usize> {
            let priors = Priors { values: vec![0.5], when: Estimation { warm_up, every } };
            (0..10).filter(|epoch| priors.wants(*epoch)).collect()
        };
        assert_eq!(ends(0, 1), (0..10).collect::<Vec<_>>());
        assert_eq!(ends(0, 3), [2, 5, 8]);
        assert_eq!(ends(2, 3), [1, 4, 7]);
        assert_eq!(ends(4, 1), [3, 4, 5, 6, 7, 8, 9]);
        assert_eq!(ends(4, 0), [0; 0]);
    }

    /// Two classes of 1,000 rows. The first has 30 % positives, of which a fifth was observed; the second one
    /// observed positive, from which nothing can be estimated.
    #[test]
    fn a_prior_is_found_and_one_without_evidence_is_kept() {
        let rows = 1000;
        let positive = |row: usize| row % 10 < 3;
        let mut logits = Vec::new();
        let mut labels = Vec::new();
        for row in 0..rows {
            let noise = (row * 617 % rows) as f32 / rows as f32;
            logits.extend([if positive(row) { 2.0 + noise } else { noise }, noise]);
            labels.push(if positive(row) && row % 50 < 10 { Label::Positive } else { Label::Unknown });
            labels.push(if row == 5 { Label::Positive } else { Label::Unknown });
        }
        let pass = TrainPass { epoch: 0, logits: &logits, labels: &labels, rows, classes: 2 };
        let mut priors = Priors { values: vec![0.06, 0.2], when: Estimation { warm_up: 0, every: 1 } };
        priors.estimate(&pass).unwrap();
        assert!((priors.values[0] - 0.3).abs() < 0.01, "{:?}", priors.values);
        assert_eq!(priors.values[1], 0.2);
    }

    /// All rows of high score are observed: the estimate is not below what is seen.
    #[test]
    fn a_prior_is_never_below_the_observed_share() {
        let logits: Vec<f32> = (0..200).map(|i| i as f32).collect();
        let labels: Vec<Label> =
            (0..200).map(|i| if i >= 120 { Label::Positive } else { Label::Unknown }).collect();
        let pass = TrainPass { epoch: 0, logits: &logits, labels: &labels, rows: 200, classes: 1 };
        let found = class_priors(&pass, BbeConfig::default()).unwrap()[0];
        assert!(found.prior < 0.4, "{found:?}");
        let mut priors = Priors { values: vec![0.1], when: Estimation { warm_up: 0, every: 1 } };
        priors.estimate(&pass).unwrap();
        assert_eq!(priors.values, [0.4]);
    }
}
