//! Label counts, and classes that cannot be learned.

use crate::TrainError;
use lacuna_formats::shown;
use lacuna_labels::{Label, ObservedLabels};
use lacuna_losses::LabelNeeds;

/// How many labels there are of each kind.
pub(super) struct Counts {
    pub(super) positives: usize,
    pub(super) negatives: usize,
    pub(super) unknown: usize,
    /// Positives and negatives of each class.
    pub(super) of_class: Vec<[usize; 2]>,
}

impl Counts {
    /// # Errors
    /// [`TrainError::Labels`] where there is nothing to learn.
    pub(super) fn of(observed: &ObservedLabels) -> Result<Self, TrainError> {
        let refuse = |problem: &str| Err(TrainError::Labels(problem.to_string()));
        if observed.cells().is_empty() {
            return refuse("there are no labels: no row or no class");
        }
        let mut of_class = vec![[0; 2]; observed.classes()];
        for row in observed.cells().chunks(observed.classes()) {
            for (counts, label) in of_class.iter_mut().zip(row) {
                counts[0] += usize::from(*label == Label::Positive);
                counts[1] += usize::from(*label == Label::Negative);
            }
        }
        let positives = of_class.iter().map(|counts| counts[0]).sum();
        let negatives = of_class.iter().map(|counts| counts[1]).sum();
        let unknown = observed.cells().len() - positives - negatives;
        match (positives, negatives, unknown) {
            (0, 0, _) => refuse("every label is unknown"),
            (0, ..) => refuse("no label is positive"),
            (_, 0, 0) => refuse("every label is positive, and no cell is unknown"),
            _ => Ok(Self { positives, negatives, unknown, of_class }),
        }
    }

    /// Notes on classes that cannot be learned.
    pub(super) fn warn(&self, classes: &[String], needs: LabelNeeds, notes: &mut Vec<String>) {
        let mut warn = |what: &str, of: &dyn Fn([usize; 2]) -> bool| {
            let named: Vec<&str> =
                self.of_class.iter().zip(classes).filter(|(c, _)| of(**c)).map(|(_, name)| &**name).collect();
            if !named.is_empty() {
                let few: Vec<String> = named.iter().take(5).map(|name| shown(name)).collect();
                let more = if named.len() > 5 { ", ..." } else { "" };
                let are = if named.len() == 1 { "class has" } else { "classes have" };
                notes.push(format!("{} {are} {what} ({}{more})", named.len(), few.join(", ")));
            }
        };
        warn("no positive, so that the class is not learned", &|[p, _]| p == 0);
        if needs == LabelNeeds::SinglePositiveOneNegative {
            warn("no known negative: its probabilities will be too high", &|[p, n]| p > 0 && n == 0);
        }
    }
}

/// Whether the known negatives of a class stand for its negatives, so that unknown cells can be left out: one for two positives or
/// more, or every cell is known.
///
/// Fewer are no sample of the negatives, of which there are more than positives: answers about suspicious cells, for one, whose
/// cross-entropy over known cells alone finds every row positive.
pub(crate) fn negatives_stand_for_all([positives, negatives]: [usize; 2], rows: usize) -> bool {
    negatives > 0 && (2 * negatives >= positives || positives + negatives == rows)
}
