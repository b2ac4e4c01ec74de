use super::*;
use crate::{Fit, Head};
use lacuna_labels::Features;
use lacuna_labels::{LabelMatrix, ObservedLabels};

/// Logits and labels of a class, with ties, drawn so that the log odds are `a z + b`.
fn drawn(seed: u64, count: usize, a: f64, b: f64) -> Vec<(f64, bool)> {
    let mut stream = Stream::new(seed, "calibration");
    let cell = |_| {
        let z = (stream.normal() * 6.0).round() / 2.0;
        (z, stream.uniform_f64() < sigmoid(a * z + b))
    };
    (0..count).map(cell).collect()
}

fn log_loss(cells: &[(f64, bool)], a: f64, b: f64, targets: [f64; 2]) -> f64 {
    // -t log p - (1 - t) log (1 - p), without logarithms of 0
    let of = |(z, y): &(f64, bool)| {
        let z = a * z + b;
        z.max(0.0) + (1.0 + (-z.abs()).exp()).ln() - targets[usize::from(*y)] * z
    };
    cells.iter().map(of).sum()
}

#[test]
fn no_other_temperature_has_a_smaller_log_loss() {
    for seed in 0..20 {
        let cells = drawn(seed, 300, 0.3 + seed as f64 / 10.0, 0.0);
        let a = factor(&cells);
        let at = |a: f64| log_loss(&cells, a, 0.0, [0.0, 1.0]);
        for other in (1..400).map(|i| f64::from(i) / 100.0) {
            assert!(at(a) <= at(other) + 1e-9, "{seed}: {a} {other}");
        }
    }
    assert_eq!(factor(&[(1.0, true), (-1.0, false)]), FACTORS[1]);
    assert_eq!(factor(&[(1.0, false), (-1.0, true)]), FACTORS[0]);
}

#[test]
fn no_other_line_has_a_smaller_log_loss_against_the_softened_targets() {
    for seed in 0..20 {
        let cells = drawn(seed, 200, 0.5, -1.0);
        let positives = cells.iter().filter(|cell| cell.1).count() as f64;
        let negatives = 200.0 - positives;
        let targets = [1.0 / (negatives + 2.0), (positives + 1.0) / (positives + 2.0)];
        let (a, b) = platt(&cells).unwrap();
        let best = log_loss(&cells, a, b, targets);
        for (da, db) in
            (-20..=20).flat_map(|i| (-20..=20).map(move |j| (f64::from(i) / 40.0, f64::from(j) / 40.0)))
        {
            assert!(best <= log_loss(&cells, a + da, b + db, targets) + 1e-9, "{seed}: {a} {b} {da} {db}");
        }
    }
    // Logits that are perfectly separated have a finite line: the targets are softened.
    let (a, b) = platt(&[(-2.0, false), (-1.0, false), (1.0, true), (2e6, true)]).unwrap();
    assert!(a > 0.0 && b.is_finite());
}

#[test]
fn the_table_is_the_formula_of_isotonic_regression() {
    for seed in 0..40 {
        let cells = drawn(seed, 40, 0.4, 0.2);
        let table = isotonic(&cells);
        assert_eq!(table.problem(), None);
        let mut logits: Vec<f64> = cells.iter().map(|cell| cell.0).collect();
        logits.sort_by(f64::total_cmp);
        logits.dedup();
        let mean = |from: usize, to: usize| {
            let inside = |cell: &&(f64, bool)| cell.0 >= logits[from] && cell.0 <= logits[to];
            let inside: Vec<_> = cells.iter().filter(inside).collect();
            inside.iter().filter(|cell| cell.1).count() as f64 / inside.len() as f64
        };
        for (i, z) in logits.iter().enumerate() {
            // max over starts of the min over ends of the mean between them
            let smallest = |from: usize| (i..logits.len()).map(|to| mean(from, to)).fold(f64::MAX, f64::min);
            let expected = (0..=i).map(smallest).fold(f64::MIN, f64::max);
            let found = f64::from(table.at(*z as f32));
            assert!((found - expected).abs() < 1e-6, "{seed} {z}: {found} {expected}");
        }
        assert_eq!(table.at(-1e9), table.probabilities[0]);
        assert_eq!(table.at(1e9), *table.probabilities.last().unwrap());
    }
    let table = Table { logits: vec![0.0, 2.0], probabilities: vec![0.2, 0.6] };
    assert!((table.at(1.0) - 0.4).abs() < 1e-7);
}

/// 400 rows of 3 features, two classes that are drawn by their log odds, a fifth of the cells unknown.
fn data() -> (Features, ObservedLabels) {
    let mut stream = Stream::new(3, "calibrated");
    let values: Vec<f32> = (0..1200).map(|_| stream.normal() as f32).collect();
    let cells = (0..800).map(|cell| {
        let x = values[cell / 2 * 3 + cell % 2];
        let positive = stream.uniform_f64() < sigmoid(f64::from(2.0 * x) - 0.5);
        match (stream.uniform_f64() < 0.2, positive) {
            (true, _) => Label::Unknown,
            (_, true) => Label::Positive,
            (_, false) => Label::Negative,
        }
    });
    let labels = LabelMatrix::new(400, 2, cells.collect()).unwrap();
    (Features::new(400, 3, values).unwrap(), labels.into())
}

/// A model whose logits are three times too large, and rows that it was not trained on.
fn overconfident(head: Head) -> (Model, JudgedRows, Features) {
    let (x, y) = data();
    let (train, held) = crate::hold_out(400, 0.5, 1);
    let fit = Fit::new("bce").head(head).weight_decay(0.5).epochs(20).seed(1);
    let mut model = fit.fit(&x.select(&train), &y.select(&train)).unwrap();
    model.apply(vec![Curve::Affine { a: 3.0, b: 0.7 }; 2]).unwrap();
    let held_x = x.select(&held);
    let rows = model.judge(&held_x, &y.select(&held)).unwrap();
    (model, rows, held_x)
}

#[test]
fn calibrated_weights_give_the_calibrated_probabilities_and_better_ones() {
    for head in [Head::Linear, Head::Mlp(crate::MlpSpec::plain(vec![8]))] {
        let (model, rows, x) = overconfident(head.clone());
        for method in [Calibration::Temperature, Calibration::Platt, Calibration::Isotonic] {
            let done = model.calibrated(&rows, method, 5).unwrap();
            let better = done.after.brier < done.before.brier && done.after.ece < done.before.ece;
            assert!(better, "{head} {method}: {:?} {:?}", done.before.ece, done.after.ece);
            let curves = curves(&rows, method, 5, &mut Vec::new()).unwrap();
            let p = done.model.predict(&x).unwrap();
            for (cell, (found, z)) in p.probabilities().iter().zip(rows.predictions().logits()).enumerate() {
                let expected = curves[cell % 2].at(*z);
                assert!((found - expected).abs() < 1e-5, "{head} {method}: {found} {expected}");
            }
            let folder = tempfile::tempdir().unwrap();
            done.model.save(folder.path()).unwrap();
            let again = Model::load(folder.path()).unwrap();
            assert_eq!(again, done.model);
            assert_eq!(again.predict(&x).unwrap(), p);
            assert_eq!(again.calibration().is_some(), method == Calibration::Isotonic);
            assert_eq!(done.temperature.is_some(), method == Calibration::Temperature);
        }
    }
}

#[test]
fn what_cannot_be_calibrated_is_refused_and_what_is_dropped_is_told() {
    let (model, rows, x) = overconfident(Head::Linear);
    let mut positives = rows.clone();
    let cells = rows.labels().cells().iter().map(|label| match label {
        Label::Negative => Label::Unknown,
        other => *other,
    });
    positives.labels = LabelMatrix::new(rows.labels().rows(), 2, cells.collect()).unwrap().into();
    let error = model.calibrated(&positives, Calibration::Platt, 5).unwrap_err().to_string();
    assert!(error.contains("no known negative"), "{error}");
    let mut reversed = rows.clone();
    let cells = rows.labels().cells().iter().map(|label| match label {
        Label::Negative => Label::Positive,
        Label::Positive => Label::Negative,
        Label::Unknown => Label::Unknown,
    });
    reversed.labels = LabelMatrix::new(rows.labels().rows(), 2, cells.collect()).unwrap().into();
    let error = model.calibrated(&reversed, Calibration::Platt, 5).unwrap_err().to_string();
    assert!(error.contains("nothing to calibrate"), "{error}");
    let with = model.clone().with_thresholds(vec![0.3, 0.4]).unwrap();
    let predicted = |model: &Model| {
        let p = model.predict(&x).unwrap();
        let above = |p: &[f32]| [0, 1].map(|class| p[class] > model.threshold(class));
        p.probabilities().chunks(2).map(above).collect::<Vec<_>>()
    };
    for method in [Calibration::Temperature, Calibration::Platt] {
        let done = with.calibrated(&rows, method, 5).unwrap();
        assert!(done.notes.iter().any(|note| note.contains("moved")), "{:?}", done.notes);
        assert_ne!(done.model.thresholds(), with.thresholds());
        assert_eq!(predicted(&with), predicted(&done.model), "{method}");
    }
    let done = with.calibrated(&rows, Calibration::Isotonic, 1000).unwrap();
    assert_eq!(done.model.thresholds(), None);
    assert!(done.notes.iter().any(|note| note.contains("thresholds")), "{:?}", done.notes);
    assert!(
        done.notes.iter().any(|note| note.contains("2 classes with fewer than 1000")),
        "{:?}",
        done.notes
    );
    let error = done.model.calibrated(&rows, Calibration::Platt, 5).unwrap_err().to_string();
    assert!(error.contains("already"), "{error}");
}
