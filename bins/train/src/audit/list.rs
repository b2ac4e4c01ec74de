//! The ranked cells of an audit.

use super::probability;
use super::votes::Votes;
use super::wrong::{self, ConfidentJoint};
use lacuna_labels::{Label, ObservedLabels};

/// Cells that are unknown or negative, ranked by how probable it is that they are positive, and labelled positives, ranked by how
/// probable it is that they are not.
///
/// The rows are divided into folds at random; for each fold a model is trained on the rows of the others and predicts those
/// of the fold; rows that look alike have a vote. The scores rank cells for review. They are not certified: a probability of 0.9 does
/// not mean that nine of ten such cells are positive, least of all where no negative is known.
#[derive(Clone, Debug, PartialEq)]
pub struct Audit {
    rows: Option<Vec<String>>,
    /// Numbers of the rows among those of the labels, where they are others.
    label_rows: Option<Vec<usize>>,
    classes: Vec<String>,
    sheet: Sheet,
    /// Cells that are not labelled positive, the highest score first.
    order: Vec<u32>,
    /// Logits of the labelled positives of each class, the lowest first.
    positives: Vec<Vec<f32>>,
    hidden: Vec<HiddenPositives>,
    expected_positives: f64,
    notes: Vec<String>,
}

/// A cell that is probably positive.
#[derive(Clone, Debug, PartialEq)]
pub struct Candidate {
    /// Name of the row, or its number, counted from 0, where rows have no names.
    pub row: String,
    /// Name of the class, or its number, counted from 0, where classes have no names.
    pub class: String,
    /// Number of the row among the rows that were joined, counted from 0.
    pub row_index: usize,
    /// Number of the row among the rows of the labels as they were given, counted from 0: another one where rows were joined by name.
    pub label_row: usize,
    /// Number of the class, counted from 0.
    pub class_index: usize,
    /// The given label: unknown or negative; positive for what is probably wrong.
    pub label: Label,
    /// What the list is ranked by: model, votes of the nearest rows and class together, in standard deviations.
    pub score: f32,
    /// Probability by a model that was trained without this row.
    pub probability: f32,
    /// Why, in one sentence.
    pub reason: String,
}

/// How many of the cells of a class that are unknown or negative are probably positive.
///
/// The estimate is that of [`bbe_prior`](lacuna_losses::pu::bbe_prior) on the out-of-fold scores, times the number of cells. It
/// assumes that labelled positives score as hidden ones do, which a bias towards conspicuous positives violates: then it is too
/// low. Where the highest scores are not of positives alone it is too high.
#[derive(Clone, Debug, PartialEq)]
pub struct HiddenPositives {
    /// Name of the class, or its number, counted from 0, where classes have no names.
    pub class: String,
    /// Number of the class, counted from 0.
    pub class_index: usize,
    /// Cells of the class that are unknown or negative.
    pub cells: usize,
    /// Expected number of positives among them.
    pub expected: f64,
    /// Lower end of the band, which holds with probability 0.9 under the assumptions, at least 0.
    pub lower: f64,
    /// Upper end of the band, at most `cells`.
    pub upper: f64,
}

/// Everything that is known of the cells, `[rows, classes]`.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Sheet {
    pub(super) logits: Vec<f32>,
    pub(super) scores: Vec<f32>,
    /// Standard deviation of the logits.
    pub(super) deviation: f64,
    pub(super) votes: Votes,
    pub(super) observed: ObservedLabels,
}

impl Audit {
    pub(super) fn new(
        rows: Option<Vec<String>>,
        classes: Vec<String>,
        sheet: Sheet,
        hidden: Vec<HiddenPositives>,
    ) -> Self {
        let is_positive = |cell: &u32| sheet.observed.cells()[*cell as usize] == Label::Positive;
        let (positive, mut order): (Vec<u32>, Vec<u32>) =
            (0..sheet.scores.len() as u32).partition(is_positive);
        order.sort_by(|a, b| sheet.scores[*b as usize].total_cmp(&sheet.scores[*a as usize]).then(a.cmp(b)));
        let mut positives = vec![vec![]; classes.len()];
        positive
            .iter()
            .for_each(|cell| positives[*cell as usize % classes.len()].push(sheet.logits[*cell as usize]));
        positives.iter_mut().for_each(|of_class| of_class.sort_by(f32::total_cmp));
        let count = sheet.observed.rows().max(1) as f64;
        let expected = hidden.iter().map(|class| class.expected).sum::<f64>();
        let expected_positives = (positive.len() as f64 + expected) / count;
        Self {
            rows,
            label_rows: None,
            classes,
            sheet,
            order,
            positives,
            hidden,
            expected_positives,
            notes: vec![],
        }
    }

    pub(super) fn with_notes(mut self, notes: Vec<String>) -> Self {
        self.notes = notes;
        self
    }

    pub(super) fn with_label_rows(mut self, rows: Option<Vec<usize>>) -> Self {
        self.label_rows = rows;
        self
    }

    /// The `n` labelled positives that are most probably wrong, the most suspicious first: those with the lowest score, which is
    /// ```text
    /// b - 0.3 max over the other labelled positives of the row of their b
    /// ```
    /// with b the score of [`AuditOptions::run`](crate::AuditOptions::run) without the share of the class. The reason says whether the
    /// confident joint (Northcutt, Jiang, Chuang: Confident Learning, JAIR 2021) counts the label as wrong.
    ///
    /// The list is to be read by somebody who looks at the rows: it is not certified either.
    pub fn wrong(&self, n: usize) -> Vec<Candidate> {
        let mut cells = wrong::scores(&self.sheet);
        cells.sort_by(|(a, of_a), (b, of_b)| of_a.total_cmp(of_b).then(a.cmp(b)));
        cells.truncate(n);
        let joint = ConfidentJoint::of(&self.sheet.logits, &self.sheet.observed);
        let candidate = |(cell, score): (u32, f32)| {
            let found = self.candidate(cell);
            let counted = joint.is_wrong(found.class_index, self.sheet.logits[cell as usize]);
            let counted = if counted { "counts" } else { "does not count" };
            let reason = format!("{}; the confident joint {counted} it as wrong", found.reason);
            Candidate { score, reason, ..found }
        };
        cells.into_iter().map(candidate).collect()
    }

    /// The `n` cells with the highest scores, the highest first; equal scores in the order of rows and classes.
    pub fn top(&self, n: usize) -> Vec<Candidate> {
        self.order.iter().take(n).map(|cell| self.candidate(*cell)).collect()
    }

    /// The cell of this rank, counted from 0; `None` beyond the last.
    pub fn get(&self, rank: usize) -> Option<Candidate> {
        self.order.get(rank).map(|cell| self.candidate(*cell))
    }

    /// Row and class of the cell of this rank, both counted from 0.
    ///
    /// # Panics
    /// If there are fewer cells.
    pub fn place(&self, rank: usize) -> (usize, usize) {
        let cell = self.order[rank] as usize;
        (cell / self.classes.len(), cell % self.classes.len())
    }

    /// Names of the rows that were joined, where rows have names.
    pub fn row_names(&self) -> Option<&[String]> {
        self.rows.as_deref()
    }

    /// Names of the classes, or their numbers.
    pub fn classes(&self) -> &[String] {
        &self.classes
    }

    /// Number of cells that are unknown or negative.
    pub fn len(&self) -> usize {
        self.order.len()
    }

    /// Whether every cell is positive.
    pub fn is_empty(&self) -> bool {
        self.order.is_empty()
    }

    /// All cells, the highest score first.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = Candidate> + '_ {
        self.order.iter().map(|cell| self.candidate(*cell))
    }

    /// Expected number of positives among the unknown and negative cells of every class; classes with too few positives for an
    /// estimate are left out.
    pub fn hidden_positives(&self) -> &[HiddenPositives] {
        &self.hidden
    }

    /// Expected number of positives of a row, labelled and hidden ones: the parameter `expected_positives` of EPR, ROLE and
    /// `imprecise` where true labels are not at hand. Classes without an estimate count with their labelled positives.
    pub fn expected_positives(&self) -> f64 {
        self.expected_positives
    }

    /// Notes, one sentence each.
    pub fn notes(&self) -> &[String] {
        &self.notes
    }

    fn candidate(&self, cell: u32) -> Candidate {
        let (cell, classes) = (cell as usize, self.classes.len());
        let (row_index, class_index) = (cell / classes, cell % classes);
        Candidate {
            row: self.rows.as_ref().map_or_else(|| row_index.to_string(), |names| names[row_index].clone()),
            class: self.classes[class_index].clone(),
            row_index,
            label_row: self.label_rows.as_ref().map_or(row_index, |rows| rows[row_index]),
            class_index,
            label: self.sheet.observed.cells()[cell],
            score: self.sheet.scores[cell],
            probability: probability(self.sheet.logits[cell]) as f32,
            reason: self.reason(cell),
        }
    }

    /// What the nearest rows and the labelled positives of the class say about a cell.
    fn reason(&self, cell: usize) -> String {
        let class = cell % self.classes.len();
        let of_class = &self.positives[class];
        let logit = self.sheet.logits[cell];
        let lower = of_class.partition_point(|z| *z < logit);
        let scores = match of_class.len() {
            0 => "the class has no labelled positive".to_string(),
            all => {
                format!("{:.0} % of the labelled positives score lower", 100.0 * lower as f64 / all as f64)
            }
        };
        let share = 100.0 * self.sheet.votes.shares[class];
        match self.sheet.votes.neighbours {
            0 => scores,
            k => {
                let [positive, counted] = self.sheet.votes.counts(cell);
                let known = if usize::from(counted) == k {
                    String::new()
                } else {
                    format!(" whose label is known in {counted}")
                };
                format!(
                    "{positive} of the {k} nearest rows{known} are positive, {share:.1} % of all rows; {scores}"
                )
            }
        }
    }
}
