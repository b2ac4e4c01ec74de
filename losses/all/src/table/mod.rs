//! The table of losses. Each crate has a file with its rows.

mod anyloss;
mod asl;
mod bce;
mod class_balanced;
mod comic;
mod csl;
mod distribution_balanced;
mod em;
mod focal;
mod gr;
mod hill;
mod imprecise;
mod label_set;
mod lac;
mod large_loss;
mod logit_adjust;
mod presence;
mod propensity;
mod pu;
mod pu_mlc;
mod smile;
mod spml;
mod two_way;

use crate::idea::{About, Idea};
use crate::{
    ClassStatistics, Label, LossError, LossInfo, MultiLabelLoss, Options, Reduction, Takes, suggest,
};

/// A loss that a command line can name.
#[derive(Clone, Copy, Debug)]
pub struct LossRow {
    /// Name, source, assumptions and parameters.
    pub info: &'static LossInfo,
    /// Reduction in force when nothing is said: that of the authors' code.
    pub reduction: Reduction,
    /// Labels it has to be handed.
    pub needs: LabelNeeds,
    /// What it is built from besides its options; [`LossRow::statistics_of`] counts exactly that.
    pub statistics: Statistics,
    /// What it is evaluated on besides observed labels.
    pub takes: Takes,
    /// Whether the gradient at (row, class) looks at no other column of logits and labels, so that tasks may train a slice
    /// of the classes each. Labels that the loss writes are then decided within a column as well.
    pub by_column: bool,
    make: Make,
}

type Make = fn(&Given<'_>) -> Result<Box<dyn MultiLabelLoss>, LossError>;

/// A row, as the files of this folder write it.
const fn row(info: &'static LossInfo, reduction: Reduction, needs: LabelNeeds, make: Make) -> LossRow {
    LossRow {
        info,
        reduction,
        needs,
        statistics: Statistics::None,
        takes: Takes::Logits,
        by_column: true,
        make,
    }
}

/// A row that is built from the class frequencies of a training set.
const fn class_row(info: &'static LossInfo, reduction: Reduction, needs: LabelNeeds, make: Make) -> LossRow {
    LossRow { statistics: Statistics::Counts, ..row(info, reduction, needs, make) }
}

/// The statistics of a training set that a loss is built from, from the cheapest to the dearest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Statistics {
    /// None.
    None,
    /// Rows, and positives of each class: [`ClassStatistics::of`].
    Counts,
    /// Co-occurrence of classes as well: [`ClassStatistics::with_pairs`].
    CoOccurrence,
}

/// The labels that a method needs, from the fewest to all of them: what the labels at hand have to contain for its
/// training to be what its authors mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LabelNeeds {
    /// A positive somewhere. The method makes do with unknown cells everywhere else; benchmarks on single positives hand
    /// it one positive of each row.
    SinglePositive,
    /// A positive somewhere and a negative somewhere, because unknown cells are left out and positives alone would be
    /// fitted by a constant; benchmarks on single positives hand it one positive and one negative of each row.
    SinglePositiveOneNegative,
    /// A positive somewhere and every negative of the truth: whatever is not known is positive. Benchmarks on single
    /// positives hand it one positive and all negatives of each row.
    SinglePositiveAllNegatives,
    /// No unknown cell. Whether the labels are true ones is not asked: the method is defined for complete labels alone.
    Complete,
    /// The true labels themselves, whatever was observed: the row is a reference to compare with, trained on the truth by
    /// definition.
    FullTruth,
}

/// A file for each crate, in the order in which its rows are listed, and the crate under a name of its own.
macro_rules! families {
    ($($family:ident: $krate:ident,)*) => {
        /// The crates of the rows.
        pub(crate) mod crates {
            $(pub use $krate as $family;)*
        }

        const FAMILIES: &[&[LossRow]] = &[$($family::ROWS),*];

        /// Idea and assumption of the rows of each family.
        const ABOUT: &[&[About]] = &[$($family::ABOUT),*];
    };
}

families! {
    spml: lacuna_spml,
    hill: lacuna_hill,
    bce: lacuna_bce,
    focal: lacuna_focal,
    asl: lacuna_asl,
    csl: lacuna_csl,
    em: lacuna_em,
    large_loss: lacuna_large_loss,
    gr: lacuna_gr,
    pu_mlc: lacuna_pu_mlc,
    pu: lacuna_pu,
    anyloss: lacuna_anyloss,
    imprecise: lacuna_imprecise,
    distribution_balanced: lacuna_distribution_balanced,
    class_balanced: lacuna_class_balanced,
    logit_adjust: lacuna_logit_adjust,
    propensity: lacuna_propensity,
    comic: lacuna_comic,
    label_set: lacuna_label_set,
    two_way: lacuna_two_way,
    lac: lacuna_lac,
    smile: lacuna_smile,
    presence: lacuna_presence,
}

/// Every loss, in the order in which losses are listed: those of their options alone, those of the statistics of a
/// training set, those over mixed rows, several heads, background rows or two views; within each, by crate.
pub static LOSSES: &[LossRow] = &joined::<{ count(FAMILIES) }>(FAMILIES);

const fn count(parts: &[&[LossRow]]) -> usize {
    let (mut n, mut part) = (0, 0);
    while part < parts.len() {
        n += parts[part].len();
        part += 1;
    }
    n
}

const fn joined<const N: usize>(parts: &[&[LossRow]]) -> [LossRow; N] {
    let mut all = [parts[0][0]; N];
    let (mut n, mut group) = (0, 0);
    while group < 3 {
        let mut part = 0;
        while part < parts.len() {
            let mut i = 0;
            while i < parts[part].len() {
                if parts[part][i].group() == group {
                    all[n] = parts[part][i];
                    n += 1;
                }
                i += 1;
            }
            part += 1;
        }
        group += 1;
    }
    assert!(n == N);
    all
}

/// The row of this name.
///
/// # Errors
/// [`LossError::UnknownLoss`] with the names that may be meant; see [`suggest`].
pub fn find(name: &str) -> Result<&'static LossRow, LossError> {
    LOSSES.iter().find(|row| row.info.name == name).ok_or_else(|| LossError::UnknownLoss {
        name: name.to_owned(),
        suggestion: suggest(name, LOSSES.iter().map(|row| row.info.name)),
    })
}

impl LossRow {
    /// What the method does about missing labels, and what has to hold for it to be right.
    pub fn idea(&self) -> (Idea, &'static str) {
        let name = self.info.name;
        let family = FAMILIES.iter().position(|rows| rows.iter().any(|row| row.info.name == name));
        let about = ABOUT[family.expect("a row is of a family")];
        let named = about.iter().find(|about| about.rows.contains(&name));
        let about = named.or_else(|| about.iter().find(|about| about.rows.is_empty()));
        let about = about.expect("a test sees that every row has an idea");
        (about.idea, about.assumes)
    }

    /// This row, built from the co-occurrence of classes.
    const fn with_co_occurrence(self) -> Self {
        Self { statistics: Statistics::CoOccurrence, ..self }
    }

    /// This row, whose gradient at a cell looks at other columns.
    const fn across_columns(self) -> Self {
        Self { by_column: false, ..self }
    }

    /// This row, evaluated on something else than the logits of a batch.
    const fn taking(self, takes: Takes) -> Self {
        Self { takes, by_column: false, ..self }
    }

    /// Place among the groups in which losses are listed.
    const fn group(&self) -> usize {
        match (self.takes, self.statistics) {
            (Takes::Logits | Takes::Estimates, Statistics::None) => 0,
            (Takes::Logits | Takes::Estimates, _) => 1,
            _ => 2,
        }
    }

    /// The statistics of observed labels `[rows, classes]` that the row is built from, `None` if it is built from its
    /// options alone.
    ///
    /// ```
    /// use lacuna_losses::{Label, find};
    ///
    /// let labels = [Label::Positive, Label::Unknown]; // one row of two classes
    /// assert_eq!(find("hill")?.statistics_of(&labels, 2)?, None);
    /// let counts = find("ldam-bce")?.statistics_of(&labels, 2)?.unwrap();
    /// // The second class has no positive and is counted as the rarest that has some.
    /// assert_eq!((counts.positives(), counts.co_occurrence()), (&[1.0, 1.0][..], None));
    /// # Ok::<(), lacuna_losses::LossError>(())
    /// ```
    ///
    /// # Errors
    /// As for [`ClassStatistics::of`] and [`ClassStatistics::with_pairs`].
    pub fn statistics_of(
        &self,
        labels: &[Label],
        classes: usize,
    ) -> Result<Option<ClassStatistics>, LossError> {
        match self.statistics {
            Statistics::None => Ok(None),
            Statistics::Counts => Ok(Some(ClassStatistics::of(labels, classes)?.empty_as_rarest())),
            Statistics::CoOccurrence => {
                Ok(Some(ClassStatistics::with_pairs(labels, classes)?.empty_as_rarest()))
            }
        }
    }

    /// The loss with these options.
    ///
    /// # Errors
    /// [`LossError::UnknownParameter`] with the names that may be meant, [`LossError::Parameter`] for a value out
    /// of its range, [`LossError::MissingParameter`] where neither the options nor the data have a value,
    /// [`LossError::Classes`] where the data has too few classes. A row with [`statistics`](Self::statistics) lacks
    /// the class frequencies.
    pub fn build(&'static self, options: &Options) -> Result<Box<dyn MultiLabelLoss>, LossError> {
        self.make(options, None)
    }

    /// The loss with these options for a training set with these class frequencies, which rows without
    /// [`statistics`](Self::statistics) do not look at.
    ///
    /// # Errors
    /// As [`build`](Self::build), and [`LossError::Unsupported`] for frequencies the loss cannot work with: where
    /// co-occurrence is needed, frequencies without it.
    pub fn build_for(
        &'static self,
        options: &Options,
        train: &ClassStatistics,
    ) -> Result<Box<dyn MultiLabelLoss>, LossError> {
        self.make(options, Some(train))
    }

    fn make(
        &'static self,
        options: &Options,
        train: Option<&ClassStatistics>,
    ) -> Result<Box<dyn MultiLabelLoss>, LossError> {
        options.check(self.info)?;
        (self.make)(&Given { row: self, options, train })
    }
}

/// Options as a row reads them.
struct Given<'a> {
    row: &'static LossRow,
    options: &'a Options,
    train: Option<&'a ClassStatistics>,
}

impl Given<'_> {
    fn get(&self, name: &'static str) -> Result<f64, LossError> {
        self.options.value(self.row.info, name)
    }

    fn train(&self) -> Result<&ClassStatistics, LossError> {
        self.train.ok_or(LossError::MissingParameter {
            loss: self.row.info.name,
            parameter: "class_frequencies",
            doc: "positives of each class in the training set, and its rows",
        })
    }

    fn reduction(&self) -> Reduction {
        self.options.reduction.unwrap_or(self.row.reduction)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_of_a_row_is_said_of_one_that_is_there() {
        for (rows, about) in FAMILIES.iter().zip(ABOUT) {
            for name in about.iter().flat_map(|about| about.rows) {
                assert!(rows.iter().any(|row| row.info.name == *name), "{name} is no row of its file");
            }
        }
    }
}
