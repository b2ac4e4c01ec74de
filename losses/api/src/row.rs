//! A row of the table of losses.

use crate::{
    About, ClassStatistics, Idea, Label, LossError, LossInfo, MultiLabelLoss, Options, Reduction, Takes,
};

/// A loss that a command line can name: what it is, and how it is built from options.
///
/// A crate of losses lists its rows in a constant `ROWS`, which `lacuna_losses` joins to one table.
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
    /// Whether it takes target probabilities ([`Targets::soft`](crate::Targets::soft)); the others refuse them.
    pub soft_targets: bool,
    make: Make,
    about: &'static [About],
}

/// Builds the loss of a row.
pub type Make = fn(&Given<'_>) -> Result<Box<dyn MultiLabelLoss>, LossError>;

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

impl LossRow {
    /// A row that is built from its options alone.
    pub const fn new(info: &'static LossInfo, reduction: Reduction, needs: LabelNeeds, make: Make) -> Self {
        let (statistics, takes) = (Statistics::None, Takes::Logits);
        let (by_column, soft_targets) = (true, false);
        Self { info, reduction, needs, statistics, takes, by_column, soft_targets, make, about: &[] }
    }

    /// A row that is built from the class frequencies of a training set as well ([`Given::train`]).
    pub const fn with_frequencies(
        info: &'static LossInfo,
        reduction: Reduction,
        needs: LabelNeeds,
        make: Make,
    ) -> Self {
        Self { statistics: Statistics::Counts, ..Self::new(info, reduction, needs, make) }
    }

    /// This row, with what its crate says about its rows.
    #[must_use]
    pub const fn with_about(self, about: &'static [About]) -> Self {
        Self { about, ..self }
    }

    /// What the method does about missing labels, and what has to hold for it to be right.
    ///
    /// # Panics
    /// If nothing was said about the row ([`with_about`](Self::with_about)); of the rows of the table, something is.
    pub fn idea(&self) -> (Idea, &'static str) {
        let named = self.about.iter().find(|about| about.rows.contains(&self.info.name));
        let about = named.or_else(|| self.about.iter().find(|about| about.rows.is_empty()));
        let about =
            about.unwrap_or_else(|| panic!("ABOUT of its crate says nothing about {}", self.info.name));
        (about.idea, about.assumes)
    }

    /// This row, built from the co-occurrence of classes.
    #[must_use]
    pub const fn with_co_occurrence(self) -> Self {
        Self { statistics: Statistics::CoOccurrence, ..self }
    }

    /// This row, whose gradient at a cell looks at other columns.
    #[must_use]
    pub const fn across_columns(self) -> Self {
        Self { by_column: false, ..self }
    }

    /// This row, which takes target probabilities.
    #[must_use]
    pub const fn with_soft_targets(self) -> Self {
        Self { soft_targets: true, ..self }
    }

    /// This row, evaluated on something else than the logits of a batch.
    #[must_use]
    pub const fn taking(self, takes: Takes) -> Self {
        Self { takes, by_column: false, ..self }
    }

    /// Place among the groups in which losses are listed.
    pub const fn group(&self) -> usize {
        match (self.takes, self.statistics) {
            (Takes::Logits | Takes::Estimates, Statistics::None) => 0,
            (Takes::Logits | Takes::Estimates, _) => 1,
            _ => 2,
        }
    }

    /// The statistics of observed labels `[rows, classes]` that the row is built from, `None` if it is built from its
    /// options alone.
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

/// What was given for a row, as the function that builds it reads it.
pub struct Given<'a> {
    row: &'static LossRow,
    options: &'a Options,
    train: Option<&'a ClassStatistics>,
}

impl Given<'_> {
    /// Name and parameters of the row.
    pub fn info(&self) -> &'static LossInfo {
        self.row.info
    }

    /// Number of classes, where it is known.
    pub fn classes(&self) -> Option<usize> {
        self.options.context.classes
    }

    /// The value of a parameter: as given, else from the data, else its default.
    ///
    /// # Errors
    /// [`LossError::MissingParameter`] where none of them has it.
    ///
    /// # Panics
    /// If the loss has no parameter of this name.
    pub fn get(&self, name: &'static str) -> Result<f64, LossError> {
        self.options.value(self.row.info, name)
    }

    /// The class frequencies of the training set.
    ///
    /// # Errors
    /// [`LossError::MissingParameter`] where they were not given.
    pub fn train(&self) -> Result<&ClassStatistics, LossError> {
        self.train.ok_or(LossError::MissingParameter {
            loss: self.row.info.name,
            parameter: "class_frequencies",
            doc: "positives of each class in the training set, and its rows",
        })
    }

    /// The reduction: as given, else that of the row.
    pub fn reduction(&self) -> Reduction {
        self.options.reduction.unwrap_or(self.row.reduction)
    }
}
