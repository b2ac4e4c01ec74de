//! What every protocol promises, on random truths and settings: 4,096 of them, or as many as `LACUNA_CASES` says.
#![allow(clippy::print_stdout, reason = "the campaign prints its figures")]

use lacuna_labels::{Features, Label, LabelMatrix, TrueLabels};
use lacuna_protocols::{
    Holdout, MissingnessSummary, Outcome, PROTOCOLS, Protocol, Role, Setting, Stratified, Stream, Subject,
};
use std::collections::BTreeMap;

fn cases() -> u64 {
    std::env::var("LACUNA_CASES").map_or(4_096, |cases| cases.parse().expect("LACUNA_CASES is a number"))
}

/// A truth with few or many positives, and features of its rows.
fn drawn(stream: &mut Stream) -> (TrueLabels, Features) {
    let (rows, classes) = (1 + stream.below(12), 1 + stream.below(6));
    let rate = [0.05, 0.3, 0.7, 1.0][stream.below(4)];
    let truth = TrueLabels::from_fn(rows, classes, |_, _| stream.uniform_f64() < rate);
    let values = (0..rows * 3).map(|_| stream.uniform_f32()).collect();
    (truth, Features::new(rows, 3, values).unwrap())
}

/// A value of a setting within its range, the ends among them.
fn value(setting: &Setting, stream: &mut Stream) -> f64 {
    match setting.name {
        "positives" | "negatives" | "labels" => stream.below(5) as f64,
        "divisor" => 1.0 + stream.below(5) as f64,
        "max" => 1.0 + stream.below(20) as f64,
        "min" => 1.0 + stream.below(3) as f64,
        "keep_one" => stream.below(2) as f64,
        "a" => 0.2 + stream.uniform_f64(),
        "b" => 0.5 + 2.0 * stream.uniform_f64(),
        "exponent" => stream.below(5) as f64 - 2.0,
        // Counts, as their default says.
        _ if setting.default > 1.0 => 1.0 + stream.below(2 * setting.default as usize) as f64,
        // Shares.
        _ => [0.0, 1.0, 0.5, stream.uniform_f64(), stream.uniform_f64()][stream.below(5)],
    }
}

/// Draws that came out as asked, what they should have been, and their variance.
#[derive(Default)]
struct Marginal {
    found: f64,
    expected: f64,
    variance: f64,
}

impl Marginal {
    /// So many draws that come out with probability p.
    fn add(&mut self, hits: usize, draws: usize, p: f64) {
        self.found += hits as f64;
        self.expected += draws as f64 * p;
        self.variance += draws as f64 * p * (1.0 - p);
    }

    /// The positives of a row, each of which stays with probability p, and one where none would.
    fn add_row(&mut self, left: usize, positives: usize, p: f64) {
        let (k, none) = (positives as f64, (1.0 - p).powi(positives as i32));
        if positives > 0 {
            let mean = k * p + none;
            self.found += left as f64;
            self.expected += mean;
            self.variance += k * p * (1.0 - p) + (k * p).powi(2) + none - mean * mean;
        }
    }
}

#[test]
fn every_protocol_keeps_its_promises_on_random_truths() {
    let mut accepted = BTreeMap::new();
    let mut marginals: BTreeMap<&str, Marginal> = BTreeMap::new();
    for case in 0..cases() {
        let mut stream = Stream::new(case, "promises");
        let (truth, features) = drawn(&mut stream);
        let subject = Subject { truth: &truth, features: Some(&features) };
        for row in PROTOCOLS.iter().filter(|row| row.makes_labels()) {
            let values: Vec<f64> = row.settings.iter().map(|setting| value(setting, &mut stream)).collect();
            // What cannot be done is refused by a typed error.
            let Ok(outcome) = row.apply(subject, case, &values) else { continue };
            *accepted.entry(row.name).or_insert(0) += 1;
            let what = || format!("{} {values:?}, case {case}", row.name);
            assert_eq!(row.apply(subject, case, &values).as_ref(), Ok(&outcome), "{}: the same seed", what());
            let of_rows = shape(row, &truth, &outcome, &what);
            hides_or_adds(row, &of_rows, &outcome, &what);
            counts(row, &values, &of_rows, &outcome, &what);
            marginal(row, &values, &of_rows, &outcome, &mut marginals);
        }
    }
    for row in PROTOCOLS.iter().filter(|row| row.makes_labels()) {
        let accepted = accepted.get(row.name).copied().unwrap_or(0);
        assert!(accepted >= cases() / 3, "{}: refused all but {accepted}", row.name);
    }
    for (name, Marginal { found, expected, variance }) in marginals {
        let z = (found - expected) / variance.sqrt();
        assert!(z.abs() < 5.0, "{name}: {found} in place of {expected}, {z} standard deviations");
    }
    println!("{} random truths for each of {} protocols", cases(), accepted.len());
}

/// Rows in their order, as many labels, an order that visits each once. Returns the truth of the rows.
fn shape(row: &Protocol, truth: &TrueLabels, outcome: &Outcome, what: &dyn Fn() -> String) -> TrueLabels {
    let rows = &outcome.rows;
    assert!(rows.windows(2).all(|two| two[0] < two[1]), "{}: {rows:?}", what());
    assert!(rows.last().is_none_or(|row| *row < truth.rows()), "{}", what());
    assert!(row.role == Role::Select || rows.len() == truth.rows(), "{}: rows are gone", what());
    assert_eq!((outcome.observed.rows(), outcome.observed.classes()), (rows.len(), truth.classes()));
    if let Some(order) = &outcome.order {
        let mut sorted = order.clone();
        sorted.sort_unstable();
        assert_eq!(sorted, (0..rows.len()).collect::<Vec<_>>(), "{}", what());
    }
    truth.select(rows)
}

/// Masks change no label, noise hides none; who promises a positive keeps one.
fn hides_or_adds(row: &Protocol, truth: &TrueLabels, outcome: &Outcome, what: &dyn Fn() -> String) {
    for (seen, real) in outcome.observed.cells().iter().zip(truth.cells()) {
        let fine = match row.role {
            Role::Noise => seen.is_known() && (seen == real || seen.is_positive()),
            _ => !seen.is_known() || seen == real,
        };
        assert!(fine, "{}: {seen:?} for {real:?}", what());
    }
    let keeps = match row.name {
        "keep-share" | "random-drop" | "cell-drop" | "instance-drop" | "partial-long-tail"
        | "biased-positive" | "false-positives" | "long-tail" => true,
        "propensity-drop" | "single-positive" => false,
        _ => return,
    };
    let emptied = MissingnessSummary::of(truth, &outcome.observed).rows_emptied;
    assert!(!keeps || emptied == 0, "{}: {emptied} rows have no positive left", what());
}

/// How many labels are left of each row, or each class, where that is no draw.
fn counts(row: &Protocol, values: &[f64], truth: &TrueLabels, outcome: &Outcome, what: &dyn Fn() -> String) {
    let count =
        |labels: &mut dyn Iterator<Item = Label>, wanted: Label| labels.filter(|l| *l == wanted).count();
    let of_row = |matrix: &LabelMatrix, r: usize, label| count(&mut matrix.row(r).iter().copied(), label);
    let of_class = |matrix: &LabelMatrix, c: usize, label| {
        count(&mut (0..matrix.rows()).map(|r| matrix.get(r, c)), label)
    };
    let (seen, real) = (outcome.observed.matrix(), truth.matrix());
    for r in 0..seen.rows() {
        let [positives, negatives] = [Label::Positive, Label::Negative].map(|label| of_row(real, r, label));
        let [left, left_negatives] = [Label::Positive, Label::Negative].map(|label| of_row(seen, r, label));
        let fine = match row.name {
            "single-positive" => {
                (left, left_negatives)
                    == (positives.min(values[0] as usize), negatives.min(values[1] as usize))
            }
            "keep-share" => {
                left == if positives == 0 { 0 } else { positives.min(positives / values[0] as usize + 1) }
            }
            "biased-positive" => left == positives.min(1),
            "propensity-drop" if values[2] != 0.0 => left >= positives.min(1),
            "semi-supervised" | "labelled-share" => {
                (left, left_negatives) == (positives, negatives) || left + left_negatives == 0
            }
            _ => true,
        };
        assert!(fine, "{}: row {r} has {left} positives and {left_negatives} negatives left", what());
    }
    if row.name == "fpc" {
        for c in 0..seen.classes() {
            for label in [Label::Positive, Label::Negative] {
                let wanted = of_class(real, c, label).min(values[0] as usize);
                assert_eq!(of_class(seen, c, label), wanted, "{}: class {c}, {label:?}", what());
            }
        }
    }
}

/// How many labels are left, where every cell, or every positive, is drawn by itself.
fn marginal(
    row: &Protocol,
    values: &[f64],
    truth: &TrueLabels,
    outcome: &Outcome,
    marginals: &mut BTreeMap<&'static str, Marginal>,
) {
    let known = outcome.observed.cells().iter().filter(|seen| seen.is_known()).count();
    let at = marginals.entry(row.name);
    match row.name {
        "known-cells" => at.or_default().add(known, truth.cells().len(), values[0]),
        "rps" => at.or_default().add(known, truth.cells().len(), 1.0 - values[0]),
        "cell-drop" | "random-drop" => {
            let at = at.or_default();
            let positives = |labels: &[Label]| labels.iter().filter(|label| label.is_positive()).count();
            for r in 0..truth.rows() {
                at.add_row(positives(outcome.observed.row(r)), positives(truth.row(r)), 1.0 - values[0]);
            }
        }
        _ => {}
    }
}

/// A row is in one part of a split, and every row is in some part.
#[test]
fn every_split_is_a_partition() {
    let sorted = |mut rows: Vec<usize>| {
        rows.sort_unstable();
        rows
    };
    for case in 0..cases() {
        let mut stream = Stream::new(case, "splits");
        let (truth, _) = drawn(&mut stream);
        let share = stream.uniform_f64();
        let all: Vec<usize> = (0..truth.rows()).collect();
        let stratified = Stratified { seed: case };
        let hold_out = Holdout { val_share: share, seed: case as u32 };
        let splits = [stratified.split(&truth, share), hold_out.split(truth.rows())];
        let folds = stratified.folds(&truth, 2 + stream.below(4)).into_iter().flatten().map(Ok);
        for split in splits.into_iter().chain(folds) {
            let Ok(split) = split else { continue };
            assert_eq!(sorted([&split.train[..], &split.val].concat()), all, "case {case}");
        }
    }
}
