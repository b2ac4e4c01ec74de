//! Sets whose true labels are known, and the labels that are given in their place.

use crate::AnyError;
use lacuna::{Features, Label, LabelMatrix, ObservedLabels};
use lacuna_formats::{Limits, Table};
use lacuna_labels::TrueLabels;
use lacuna_protocols::{Setting, Stream, Subject, protocol};

/// Features and true labels of some rows.
pub(crate) struct Rows {
    pub(crate) features: Features,
    pub(crate) truth: TrueLabels,
}

impl Rows {
    pub(crate) fn of(table: Table) -> Result<Self, AnyError> {
        let (path, limits) = (table.path.clone(), Limits::default());
        let features = table.features.ok_or("no features")?.into_dense(&path, &limits)?;
        let labels = table.labels.ok_or("no labels")?.to_observed(&path, &limits)?;
        Ok(Self { features, truth: labels.assume_negative() })
    }

    /// The rows with one positive.
    fn with_one_positive(&self) -> Self {
        let one = |row: &usize| self.truth.row(*row).iter().filter(|label| label.is_positive()).count() == 1;
        let rows: Vec<usize> = (0..self.truth.rows()).filter(one).collect();
        let positive = |row: usize, class: usize| self.truth.get(rows[row], class).is_positive();
        Self {
            features: self.features.select(&rows),
            truth: TrueLabels::from_fn(rows.len(), self.truth.classes(), positive),
        }
    }
}

/// What is wrong with the given labels.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Kind {
    /// One positive of each row is known, nothing else.
    Single,
    /// Half of the positives are known, nothing else.
    Half,
    /// To every four positives a wrong one is added; all other cells are negative.
    Added,
    /// Rows with one positive alone, to which each other class is added with probability 0.2; all other cells are negative.
    Candidates,
}

impl Kind {
    pub(crate) const ALL: [(&str, Self); 4] = [
        ("single", Self::Single),
        ("half", Self::Half),
        ("added", Self::Added),
        ("candidates", Self::Candidates),
    ];

    /// Whether positives are wrong; else positives are missing.
    pub(crate) fn adds(self) -> bool {
        matches!(self, Self::Added | Self::Candidates)
    }

    /// Rows with their true labels, and the labels that are given.
    pub(crate) fn give(self, rows: &Rows, seed: u64) -> Result<(Rows, ObservedLabels), AnyError> {
        let rows = match self {
            Self::Candidates => rows.with_one_positive(),
            _ => Rows { features: rows.features.clone(), truth: rows.truth.clone() },
        };
        let given = match self {
            Self::Single => hidden(&rows.truth, "single-positive", seed)?,
            Self::Half => hidden(&rows.truth, "cell-drop", seed)?,
            Self::Added => {
                let (positives, cells) = (positives(&rows.truth), rows.truth.rows() * rows.truth.classes());
                with_wrong(&rows.truth, 0.25 * positives as f64 / (cells - positives) as f64, seed)?
            }
            Self::Candidates => with_wrong(&rows.truth, 0.2, seed)?,
        };
        Ok((rows, given))
    }
}

fn positives(truth: &TrueLabels) -> usize {
    let of_row = |row| truth.row(row).iter().filter(|label| label.is_positive()).count();
    (0..truth.rows()).map(of_row).sum()
}

fn hidden(truth: &TrueLabels, name: &str, seed: u64) -> Result<ObservedLabels, AnyError> {
    let row = protocol(name).ok_or("no such protocol")?;
    let value = |setting: &Setting| if setting.name == "rate" { 0.5 } else { setting.default };
    let values: Vec<f64> = row.settings.iter().map(value).collect();
    Ok(row.apply(Subject { truth, features: None }, seed, &values)?.observed)
}

fn with_wrong(truth: &TrueLabels, share: f64, seed: u64) -> Result<ObservedLabels, AnyError> {
    let (rows, classes) = (truth.rows(), truth.classes());
    let mut stream = Stream::new(seed, "wrong positives");
    let mut label = |cell: usize| {
        let wrong = stream.uniform_f64() < share;
        match wrong || truth.get(cell / classes, cell % classes).is_positive() {
            true => Label::Positive,
            false => Label::Negative,
        }
    };
    Ok(LabelMatrix::new(rows, classes, (0..rows * classes).map(&mut label).collect())?.into())
}
