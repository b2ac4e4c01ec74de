//! Small random matrices with ties, unknown cells, empty and full rows, for the tests.

use crate::Judged;
use crate::oracle::Cell;
use lacuna_labels::{Label, LabelMatrix, ObservedLabels};
use lacuna_protocols::Stream;

pub(crate) struct RandomCase {
    pub(crate) rows: usize,
    pub(crate) classes: usize,
    /// Whole numbers from 0 to 9, so that there are ties.
    pub(crate) scores: Vec<f64>,
    observed: ObservedLabels,
}

impl RandomCase {
    /// As many cases as every property is held against: 4,096, or what `LACUNA_CASES` says.
    pub(crate) fn seeds() -> std::ops::Range<u64> {
        0..std::env::var("LACUNA_CASES")
            .map_or(4_096, |cases| cases.parse().expect("LACUNA_CASES is a number"))
    }

    pub(crate) fn new(seed: u64) -> Self {
        let mut stream = Stream::new(seed, "metrics");
        let (rows, classes) = (1 + stream.below(30), 1 + stream.below(8));
        let rates = [0.1, 0.5, 1.0];
        let (positive, unknown) = (rates[stream.below(3)], [0.0, 0.3, 0.7][stream.below(3)]);
        let scores = (0..rows * classes).map(|_| stream.below(10) as f64).collect();
        let cell = |_| match (stream.uniform_f64() < unknown, stream.uniform_f64() < positive) {
            (true, _) => Label::Unknown,
            (_, true) => Label::Positive,
            (_, false) => Label::Negative,
        };
        let mut cells: Vec<Label> = (0..rows * classes).map(cell).collect();
        cells[0] = Label::Positive;
        Self { rows, classes, scores, observed: LabelMatrix::new(rows, classes, cells).unwrap().into() }
    }

    pub(crate) fn judged(&self) -> Judged<'_> {
        Judged::known_cells(&self.observed)
    }

    pub(crate) fn cell(&self, row: usize, class: usize) -> (f64, Label) {
        (self.scores[row * self.classes + class], self.observed.get(row, class))
    }

    pub(crate) fn cells(&self) -> impl Iterator<Item = (usize, usize)> + use<> {
        let classes = self.classes;
        (0..self.rows * classes).map(move |i| (i / classes, i % classes))
    }

    fn known(&self, cells: impl Iterator<Item = (usize, usize)>) -> Vec<Cell> {
        let cells = cells.map(|(row, class)| self.cell(row, class));
        cells.filter(|cell| cell.1.is_known()).map(|(score, label)| (score, label.is_positive())).collect()
    }

    /// The known cells of a class.
    pub(crate) fn of_class(&self, class: usize) -> Vec<Cell> {
        self.known(self.cells().filter(|cell| cell.1 == class))
    }

    /// The known cells of a row.
    pub(crate) fn of_row(&self, row: usize) -> Vec<Cell> {
        self.known(self.cells().filter(|cell| cell.0 == row))
    }
}
