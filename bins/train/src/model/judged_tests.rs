use super::*;
use crate::{Fit, Goal};
use lacuna_formats::Strings;
use lacuna_labels::Features;
use std::borrow::Cow;

/// Labels with names of classes.
struct Named(ObservedLabels, Strings);

impl LabelSource for Named {
    fn observed(&self) -> Result<Cow<'_, ObservedLabels>, TrainError> {
        Ok(Cow::Borrowed(&self.0))
    }
    fn class_names(&self) -> Option<&Strings> {
        Some(&self.1)
    }
}

const N: Label = Label::Negative;
const U: Label = Label::Unknown;
const P: Label = Label::Positive;

fn labels(columns: &[&[Label]], names: &[&str]) -> Named {
    let cells = (0..columns[0].len()).flat_map(|row| columns.iter().map(move |column| column[row])).collect();
    let matrix = LabelMatrix::new(columns[0].len(), columns.len(), cells).unwrap();
    Named(matrix.into(), names.to_vec().into())
}

/// Six rows of one feature that grows, and a model of two classes: the first grows with it, the second falls.
fn model() -> (Model, Features) {
    let x = Features::new(6, 1, vec![-3.0, -2.0, -1.0, 1.0, 2.0, 3.0]).unwrap();
    let y = labels(&[&[N, N, N, P, P, P], &[P, P, P, N, N, N]], &["up", "down"]);
    (Fit::new("bce").fit(&x, &y).unwrap(), x)
}

#[test]
fn classes_find_each_other_by_name() {
    let (model, x) = model();
    let (up, down) = ([N, U, N, P, P, U], [P, P, U, N, U, N]);
    let straight = model.judge(&x, &labels(&[&up, &down], &["up", "down"])).unwrap();
    let other = [P; 6];
    let crossed = model.judge(&x, &labels(&[&down, &other, &up], &["down", "left", "up"])).unwrap();
    assert_eq!(crossed.labels(), straight.labels());
    assert!(
        crossed.notes()[0].contains("1 of 3 classes of the labels are not in the model"),
        "{:?}",
        crossed.notes()
    );
    let one = model.judge(&x, &labels(&[&down], &["down"])).unwrap();
    assert!((0..6).all(|row| one.labels().row(row)[0] == U));
    assert!(one.notes()[0].contains("1 of 2 classes of the model"), "{:?}", one.notes());
    let error = model.judge(&x, &labels(&[&up], &["left"])).unwrap_err().to_string();
    assert!(error.contains("`left` and `up`"), "{error}");
    // Without names classes are taken in their order, if there are as many.
    let plain = straight.labels().clone();
    assert_eq!(model.judge(&x, &plain).unwrap().labels(), &plain);
    let three = LabelMatrix::filled(6, 3, P).into();
    assert!(model.judge(&x, &three as &ObservedLabels).unwrap_err().to_string().contains("3 classes"));
}

#[test]
fn a_report_counts_known_cells_alone() {
    let (model, x) = model();
    // The wrong labels are unknown but one: row 1 of `up` is positive below all of its negatives but one.
    let rows = model.judge(&x, &labels(&[&[U, P, N, P, U, U], &[U; 6]], &["up", "down"])).unwrap();
    let report = rows.report(None).unwrap();
    assert_eq!((report.positives, report.negatives, report.unknown), (2, 1, 9));
    assert_eq!(report.without_positives, ["down"]);
    // Ranks of the known rows: 3 (positive), 2 (negative), 1 (positive).
    let ap = 100.0 * (1.0 + 2.0 / 3.0) / 2.0;
    assert!((report.value("map-present").unwrap() - ap).abs() < 1e-9);
    assert!((report.value("map").unwrap() - ap / 2.0).abs() < 1e-9);
    assert_eq!((report.per_class[0].precision, report.per_class[0].recall), (Some(100.0), Some(50.0)));
    assert_eq!((report.per_class[1].ap, report.per_class[1].recall), (None, None));
    assert!((report.value("hamming-loss").unwrap() - 1.0 / 3.0).abs() < 1e-12);
    assert!(report.metrics.iter().all(|metric| metric.value.convention.ends_with("over known cells only")));
    assert!(rows.report(Some(&["map-head"])).unwrap_err().to_string().contains("rows that trained"));
    assert!(rows.select(&[0]).report(None).unwrap_err().to_string().contains("every label is unknown"));
    // A threshold at the probability of row 0, below all others, finds both positives and the negative.
    let lowest = rows.predictions().get(0, 0);
    let low = model.clone().with_thresholds(vec![lowest, 0.5]).unwrap();
    let rows = low.judge(&x, &rows.labels().clone()).unwrap();
    let report = rows.report(Some(&["op", "or"])).unwrap();
    assert_eq!(report.value("or"), Some(100.0));
    assert!((report.value("op").unwrap() - 200.0 / 3.0).abs() < 1e-9);
    assert!(report.metrics[0].value.convention.contains("the threshold of the class"));
}

#[test]
fn rare_classes_have_the_threshold_of_all_cells() {
    let (model, x) = model();
    let y = labels(&[&[N, N, N, P, P, P], &[P, U, U, U, U, N]], &["up", "down"]);
    let rows = model.judge(&x, &y).unwrap();
    let chosen = rows.thresholds(Goal::F1, 2).unwrap();
    assert_eq!((chosen.classes[0].own, chosen.classes[1].own), (true, false));
    assert_eq!(Some(chosen.classes[1].threshold), chosen.pooled);
    assert!(
        chosen.notes[0].contains("down") && chosen.notes[1].contains("4 of 12 cells are unknown"),
        "{chosen:?}"
    );
    let with = chosen.on(model.clone()).unwrap();
    assert_eq!(with.thresholds().unwrap()[0], chosen.classes[0].threshold);
    let decided = with.decide(rows.predictions());
    assert!((0..6).all(|row| decided.get(row, 0) == y.0.get(row, 0)));
    // What no threshold reaches keeps the one of all cells: positives below every negative.
    let reversed = labels(&[&[P, P, N, N, N, N], &[P, P, P, P, N, N]], &["up", "down"]);
    let rows = model.judge(&x, &reversed).unwrap();
    let chosen = rows.thresholds(Goal::Precision(0.9), 2).unwrap();
    assert!(!chosen.classes[0].own && chosen.notes[0].contains("precision:0.9"), "{chosen:?}");
    let positives = labels(&[&[P, U, U, U, U, U], &[P; 6]], &["up", "down"]);
    let error = model.judge(&x, &positives).unwrap().thresholds(Goal::F1, 1).unwrap_err().to_string();
    assert!(error.contains("no known negative"), "{error}");
}
