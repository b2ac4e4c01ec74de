//! Every row of [`METRICS`] against the definition that its convention states, on random cases.

use super::*;
use lacuna_labels::{Label, LabelMatrix, ObservedLabels, TrueLabels};
use lacuna_metrics::oracle::{self, Cell, mean};
use lacuna_protocols::Stream;

/// Logits with ties and labels, with what a row may be handed besides.
struct Case {
    rows: usize,
    classes: usize,
    logits: Vec<f32>,
    cells: Vec<Label>,
    train_counts: Vec<usize>,
    probabilities: Option<Vec<f32>>,
    thresholds: Option<Vec<f32>>,
}

impl Case {
    fn new(seed: u64) -> Self {
        let mut stream = Stream::new(seed, "conventions");
        let (rows, classes) = (1 + stream.below(12), 1 + stream.below(8));
        let (positive, unknown) = ([0.1, 0.5, 0.9][stream.below(3)], [0.0, 0.3, 0.7][stream.below(3)]);
        // Each of 11 values, of which 0 is the probability 0.5 itself.
        let logits = (0..rows * classes).map(|_| stream.below(11) as f32 * 0.7 - 3.5).collect();
        let cell = |_| match (stream.uniform_f64() < unknown, stream.uniform_f64() < positive) {
            (true, _) => Label::Unknown,
            (_, true) => Label::Positive,
            (_, false) => Label::Negative,
        };
        let mut cells: Vec<Label> = (0..rows * classes).map(cell).collect();
        cells[0] = Label::Positive;
        // Both sides of the bounds of the groups.
        let train_counts = (0..classes).map(|_| [0, 19, 20, 99, 100, 500][stream.below(6)]).collect();
        let mut given = |often: usize, n: usize| -> Option<Vec<f32>> {
            let given = stream.below(often) == 0;
            given.then(|| (0..n).map(|_| stream.below(9) as f32 / 8.0).collect())
        };
        let (probabilities, thresholds) = (given(3, rows * classes), given(3, classes));
        Self { rows, classes, logits, cells, train_counts, probabilities, thresholds }
    }

    fn p(&self, i: usize) -> f64 {
        let sigmoid = || (1.0 / (1.0 + (-f64::from(self.logits[i])).exp())) as f32;
        self.probabilities.as_ref().map_or_else(sigmoid, |p| p[i]).into()
    }

    /// Known cells of some rows and classes with a score.
    fn cells(
        &self,
        of: impl Fn(usize, usize) -> bool,
        score: impl Fn(&Self, usize, usize) -> f64,
    ) -> Vec<Cell> {
        let places = (0..self.rows).flat_map(|row| (0..self.classes).map(move |class| (row, class)));
        let known = places.filter(|&(row, class)| {
            of(row, class) && self.cells[row * self.classes + class] != Label::Unknown
        });
        known
            .map(|(row, class)| {
                let i = row * self.classes + class;
                (score(self, i, class), self.cells[i] == Label::Positive)
            })
            .collect()
    }

    /// Logits of each class.
    fn by_class(&self) -> impl Iterator<Item = Vec<Cell>> {
        (0..self.classes)
            .map(|wanted| self.cells(|_, class| class == wanted, |case, i, _| case.logits[i].into()))
    }

    /// Logits of each row.
    fn by_row(&self) -> impl Iterator<Item = Vec<Cell>> {
        (0..self.rows).map(|wanted| self.cells(|row, _| row == wanted, |case, i, _| case.logits[i].into()))
    }

    /// 1 for cells whose probability is above the threshold, 0 for the others.
    fn predicted(&self, of: impl Fn(usize, usize) -> bool) -> Vec<Cell> {
        self.cells(of, |case, i, class| {
            let threshold = case.thresholds.as_ref().map_or(0.5, |thresholds| thresholds[class]);
            f64::from(u8::from(case.p(i) > f64::from(threshold)))
        })
    }

    fn predicted_by_class(&self) -> impl Iterator<Item = Vec<Cell>> {
        (0..self.classes).map(|wanted| self.predicted(|_, class| class == wanted))
    }

    /// Rows without a known cell are left out.
    fn predicted_by_row(&self) -> impl Iterator<Item = Vec<Cell>> {
        let rows = (0..self.rows).map(|wanted| self.predicted(|row, _| row == wanted));
        rows.filter(|row| !row.is_empty())
    }

    fn all_predicted(&self) -> Vec<Cell> {
        self.predicted(|_, _| true)
    }

    fn probabilities(&self) -> Vec<Cell> {
        self.cells(|_, _| true, |case, i, _| case.p(i))
    }

    /// Mean average precision of the classes with so many training rows, a class without positives counting 0.
    fn map_of(&self, flavour: ApFlavour, counts: impl Fn(usize) -> bool) -> f64 {
        let classes = self.by_class().zip(&self.train_counts).filter(|(_, count)| counts(**count));
        100.0 * mean(classes.map(|(cells, _)| or_zero(oracle::average_precision(&cells, flavour))))
    }

    fn ranking(&self, which: usize) -> f64 {
        mean(self.by_row().map(|row| Some(oracle::ranking(&row)?[which])))
    }

    fn precision_at(&self, k: usize) -> f64 {
        100.0 * mean(self.by_row().map(|row| Some(oracle::precision_at(&row, k))))
    }
}

fn or_zero(value: Option<f64>) -> Option<f64> {
    Some(value.unwrap_or(0.0))
}

fn or_nan(value: Option<f64>) -> f64 {
    value.unwrap_or(f64::NAN)
}

/// The definition of a row.
type Definition = fn(&Case) -> f64;

/// One for each row, in the order of [`METRICS`].
const DEFINITIONS: &[(&str, Definition)] = &[
    ("map", |c| c.map_of(ApFlavour::Sklearn, |_| true)),
    ("map-present", |c| {
        100.0 * mean(c.by_class().map(|cells| oracle::average_precision(&cells, ApFlavour::Sklearn)))
    }),
    ("map-asl", |c| c.map_of(ApFlavour::Asl, |_| true)),
    ("map-voc07", |c| c.map_of(ApFlavour::Voc07, |_| true)),
    ("map-voc12", |c| c.map_of(ApFlavour::Voc12, |_| true)),
    ("map-head", |c| c.map_of(ApFlavour::Sklearn, |count| count >= 100)),
    ("map-medium", |c| c.map_of(ApFlavour::Sklearn, |count| (20..=99).contains(&count))),
    ("map-tail", |c| c.map_of(ApFlavour::Sklearn, |count| count < 20)),
    ("auroc", |c| 100.0 * mean(c.by_class().map(|cells| oracle::auroc(&cells)))),
    ("cp", |c| 100.0 * mean(c.predicted_by_class().map(|cells| or_zero(oracle::precision(&cells))))),
    ("cr", |c| 100.0 * mean(c.predicted_by_class().map(|cells| or_zero(oracle::recall(&cells))))),
    ("cf1", |c| 100.0 * mean(c.predicted_by_class().map(|cells| or_zero(oracle::f1(&cells))))),
    ("op", |c| 100.0 * or_nan(oracle::precision(&c.all_predicted()))),
    ("or", |c| 100.0 * or_nan(oracle::recall(&c.all_predicted()))),
    ("of1", |c| {
        // 2 OP OR / (OP + OR), which is no number where nothing is predicted right.
        let (op, or) = (oracle::precision(&c.all_predicted()), oracle::recall(&c.all_predicted()));
        let (op, or) = (or_nan(op), or_nan(or));
        100.0 * (2.0 * op * or / (op + or))
    }),
    ("f1-micro", |c| 100.0 * oracle::f1(&c.all_predicted()).unwrap_or(0.0)),
    ("f1-macro", |c| 100.0 * mean(c.predicted_by_class().map(|cells| or_zero(oracle::f1(&cells))))),
    ("f1-samples", |c| 100.0 * mean(c.predicted_by_row().map(|cells| or_zero(oracle::f1(&cells))))),
    ("hamming-loss", |c| or_nan(oracle::wrong(&c.all_predicted()))),
    ("subset-accuracy", |c| {
        let right = |cells: Vec<Cell>| Some(f64::from(u8::from(oracle::wrong(&cells) == Some(0.0))));
        100.0 * mean(c.predicted_by_row().map(right))
    }),
    ("ranking-loss", |c| c.ranking(0)),
    ("one-error", |c| c.ranking(1)),
    ("coverage", |c| c.ranking(2)),
    ("lrap", |c| 100.0 * c.ranking(3)),
    ("p@1", |c| c.precision_at(1)),
    ("p@3", |c| c.precision_at(3)),
    ("p@5", |c| c.precision_at(5)),
    ("brier", |c| or_nan(oracle::brier(&c.probabilities()))),
    ("ece", |c| or_nan(oracle::calibration_error(&c.probabilities(), 15))),
];

#[test]
fn every_metric_is_what_its_convention_says() {
    let names: Vec<&str> = METRICS.iter().map(|row| row.name).collect();
    let defined: Vec<&str> = DEFINITIONS.iter().map(|definition| definition.0).collect();
    assert_eq!(defined, names, "a definition for each row of METRICS, in their order");
    let mut numbers = vec![0; METRICS.len()];
    for seed in 0..500 {
        let case = Case::new(seed);
        let matrix = || LabelMatrix::new(case.rows, case.classes, case.cells.clone()).unwrap();
        let observed = ObservedLabels::from(matrix());
        let truth = (!case.cells.contains(&Label::Unknown)).then(|| {
            TrueLabels::from_fn(case.rows, case.classes, |row, class| observed.get(row, class).is_positive())
        });
        let labels = truth.as_ref().map_or(EvalLabels::Observed(&observed), EvalLabels::Complete);
        let scored = Scored {
            probabilities: case.probabilities.as_deref(),
            thresholds: case.thresholds.as_deref(),
            ..Scored::new(&case.logits, labels, &case.train_counts)
        };
        for ((row, (_, definition)), numbers) in METRICS.iter().zip(DEFINITIONS).zip(&mut numbers) {
            let (found, expected) = (row.of(&scored).unwrap(), definition(&case));
            let close = (found - expected).abs() <= 1e-9 || (found.is_nan() && expected.is_nan());
            assert!(
                close,
                "the metric `{}` ({}) is {found}, by its definition {expected}; seed {seed}",
                row.name, row.convention
            );
            *numbers += u32::from(found.is_finite());
        }
    }
    for (row, numbers) in METRICS.iter().zip(numbers) {
        assert!(numbers >= 100, "{} is a number in {numbers} cases only", row.name);
    }
}
