//! Labels are never substituted: a loss sees the labels at hand or is refused.

use crate::spec;
use lacuna_formats::{NpyArray, NpyData};
use lacuna_harness::{HarnessError, MaskSource, Overrides, Plan};
use lacuna_losses::{LOSSES, LabelNeeds, LabelUse, LossRow, Statistics, Takes};
use lacuna_source::{Convention, DataSource};
use std::fs;
use std::path::Path;

const ROWS: usize = 60;
const CLASSES: usize = 4;

fn save(folder: &Path, name: &str, shape: &[usize], data: NpyData) {
    NpyArray::new(shape.to_vec(), data).unwrap().save(&folder.join(name)).unwrap();
}

fn truth(rows: usize) -> Vec<i8> {
    (0..rows * CLASSES).map(|i| i8::from((i / 4 + i % 4 * i / 7) % 3 == 0)).collect()
}

/// A folder of 60 + 30 rows whose observed training labels are made of the true ones: `observe(cell, truth)`.
fn folder(observe: impl Fn(usize, i8) -> i8) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    for (part, rows) in [("train", ROWS), ("val", 30)] {
        let features = (0..rows * 8).map(|i| ((i * 37 % 101 + rows) as f32).sin()).collect();
        save(dir.path(), &format!("{part}_features_test.npy"), &[rows, 8], NpyData::F32(features));
        let labels = NpyData::I8(truth(rows));
        save(dir.path(), &format!("formatted_{part}_labels.npy"), &[rows, CLASSES], labels);
        let names = (0..rows).map(|i| format!("{part}_{i}.jpg")).collect();
        save(dir.path(), &format!("formatted_{part}_images.npy"), &[rows], NpyData::Text(names));
    }
    let observed = truth(ROWS).into_iter().enumerate().map(|(cell, label)| observe(cell, label)).collect();
    save(dir.path(), "formatted_train_labels_obs.npy", &[ROWS, CLASSES], NpyData::I8(observed));
    dir
}

fn plan(folder: &Path, losses: &[&str], mask: Option<MaskSource>) -> Result<Plan, HarnessError> {
    let source =
        DataSource { label_convention: Some(Convention::Spml), ..DataSource::named(folder).unwrap() };
    let overrides = Overrides {
        data: Some(source),
        mask,
        losses: Some(losses.iter().map(ToString::to_string).collect()),
        batch: Some(8),
        epochs: Some(1),
        seeds: Some(1),
        ..Overrides::default()
    };
    Plan::new(&spec(), &overrides)
}

/// Positives observed, nothing else.
fn positives_only() -> tempfile::TempDir {
    folder(|_, label| label)
}

/// The losses that a plain benchmark trains.
fn trained() -> impl Iterator<Item = &'static LossRow> {
    LOSSES.iter().filter(|row| matches!(row.takes, Takes::Logits | Takes::Estimates))
}

#[test]
fn losses_that_need_negatives_are_refused_and_not_given_drawn_ones() {
    let dir = positives_only();
    let mut refused = 0;
    for row in
        trained().filter(|row| row.needs != LabelNeeds::SinglePositive && row.needs != LabelNeeds::FullTruth)
    {
        let error = plan(dir.path(), &["an", row.info.name], None).unwrap_err();
        let HarnessError::Labels { refused: list, fit, labels, .. } = &error else { panic!("{error}") };
        assert!(list.len() == 1 && list[0].starts_with(&format!("{} needs ", row.info.name)), "{list:?}");
        assert_eq!((fit.as_str(), labels.negatives), ("an", 0.0));
        let text = error.to_string();
        assert!(text.contains("--loss an") && text.contains("--mask drawn"), "{text}");
        // Whoever asks for drawn labels gets them.
        plan(dir.path(), &[row.info.name], Some(MaskSource::Drawn)).unwrap();
        refused += 1;
    }
    assert!(refused >= 10, "only {refused} losses need more than positives");
}

#[test]
fn every_loss_without_needs_beyond_positives_sees_the_labels_of_the_file() {
    let dir = positives_only();
    let names: Vec<&str> = trained()
        .filter(|row| row.needs == LabelNeeds::SinglePositive && row.info.labels != LabelUse::OnePositive)
        .map(|row| row.info.name)
        .collect();
    let plan = plan(dir.path(), &names, None).unwrap();
    let data = plan.data();
    assert_eq!(
        data.observed(LabelNeeds::SinglePositive).cells(),
        data.train.observed.as_ref().unwrap().cells()
    );
    assert_eq!(plan.spec().protocol.mask, MaskSource::File);
}

#[test]
fn negatives_of_the_file_serve_and_hidden_ones_are_counted() {
    // Every known label observed but the negatives of the last class.
    let dir = folder(|cell, label| match (label, cell % CLASSES) {
        (1, _) => 1,
        (_, 3) => 0,
        _ => -1,
    });
    let served = plan(dir.path(), &["iu", "bce", "csl-ignore", "an"], None).unwrap();
    let own = served.data().train.observed.clone().unwrap();
    assert_eq!(served.data().observed(LabelNeeds::SinglePositiveOneNegative).cells(), own.cells());
    let hidden = served.data().split.train.iter().filter(|&&row| !own.get(row, 3).is_known()).count();
    let error = plan(dir.path(), &["iun", "anyloss-fbeta", "an"], None).unwrap_err().to_string();
    assert!(error.contains(&format!("iun needs every negative label, and {hidden} are unknown")), "{error}");
    assert!(error.contains(&format!("anyloss-fbeta needs every label, and {hidden} are unknown")), "{error}");
    // With nothing hidden all of them serve, and see the file.
    let dir = folder(|_, label| if label == 1 { 1 } else { -1 });
    let all = plan(dir.path(), &["iu", "iun", "anyloss-fbeta", "bce-full"], None).unwrap();
    let need = LabelNeeds::SinglePositiveAllNegatives;
    assert_eq!(all.data().label_counts(need), all.data().label_counts(LabelNeeds::FullTruth));
}

#[test]
fn labels_without_a_positive_serve_nobody() {
    let dir = folder(|_, label| if label == 1 { 0 } else { -1 });
    let error = plan(dir.path(), &["an"], None).unwrap_err().to_string();
    assert!(error.contains("an needs a positive label, and there is none"), "{error}");
    assert!(!error.contains("--loss "), "there is no other loss to run: {error}");
}

/// Drawn labels are held to the same needs: without a true positive there is none to draw.
#[test]
fn labels_that_are_drawn_and_serve_nobody_are_refused_too() {
    let dir = folder(|_, label| label);
    fs::remove_file(dir.path().join("formatted_train_labels_obs.npy")).unwrap();
    fs::remove_file(dir.path().join("formatted_train_labels.npy")).unwrap();
    save(dir.path(), "formatted_train_labels.npy", &[ROWS, CLASSES], NpyData::I8(vec![0; ROWS * CLASSES]));
    let error = plan(dir.path(), &["an", "bce-full"], None).unwrap_err().to_string();
    assert!(error.contains("its training labels") && error.contains("an needs a positive label"), "{error}");
    assert!(!error.contains("--mask drawn"), "{error}");
}

#[test]
fn titles_and_columns_tell_the_labels_at_hand() {
    let dir = folder(|cell, label| match (label, cell % 2) {
        (1, _) => 1,
        (_, 0) => -1,
        _ => 0,
    });
    let plan = plan(dir.path(), &["an", "bce-full"], None).unwrap();
    let counts = plan.data().label_counts(LabelNeeds::SinglePositive);
    assert!(counts.positives > 1.0 && counts.negatives > 0.5 && counts.unknown > 0.5, "{counts}");
    let said = plan.conventions().join("\n");
    assert!(said.contains(&format!("observed labels of the data itself, {counts}")), "{said}");
    assert!(!said.contains("one positive kept"), "{said}");
    let report = plan.run(lacuna_harness::RunOptions::jobs(1), &|_| {}).unwrap();
    let page = report.markdown();
    assert!(
        page.contains(&format!("| an | {} |", counts.short())) && !page.contains("one positive"),
        "{page}"
    );
    assert_eq!(report.losses[0].labels, counts);
    assert_eq!(report.losses[1].labels.unknown, 0.0);
}

#[test]
fn losses_over_several_matrices_train_with_the_procedure_that_serves_them() {
    let training = |text: &str| text.parse::<toml::Table>().unwrap();
    for row in LOSSES.iter().filter(|row| !matches!(row.takes, Takes::Logits | Takes::Estimates)) {
        let mut spec = spec();
        spec.losses = vec![lacuna_harness::LossSpec::named(row.info.name)];
        spec.published.clear();
        let quick = Overrides { epochs: Some(1), seeds: Some(1), ..Overrides::default() };
        if row.takes == Takes::Branches {
            let error = Plan::new(&spec, &quick).unwrap_err().to_string();
            assert!(error.contains("head = \"cosine\"") && error.contains("linear"), "{error}");
            spec.losses[0].training = training("head = \"cosine\"");
        }
        let report =
            Plan::new(&spec, &quick).unwrap().run(lacuna_harness::RunOptions::jobs(1), &|_| {}).unwrap();
        assert!(report.losses[0].test_map_mean.is_some_and(|map| map > 10.0), "{}", report.markdown());
        // The procedure for one head hands it what it does not take, and that is said before anything runs.
        spec.losses[0].training.insert("procedure".to_string(), "plain".into());
        let error = Plan::new(&spec, &quick).unwrap_err().to_string();
        assert!(error.contains(row.info.name) && error.contains("the procedure plain"), "{error}");
    }
}

#[test]
fn labels_that_a_loss_refuses_are_found_before_the_first_run() {
    // Rows with several positives, and a loss over classes that exclude each other.
    let dir = folder(|_, label| label);
    let error = plan(dir.path(), &["an", "ldam-softmax", "splc"], None).unwrap_err();
    let HarnessError::Labels { refused, fit, .. } = &error else { panic!("{error}") };
    assert!(refused[0].starts_with("ldam-softmax cannot: the label of row "), "{refused:?}");
    // The advice runs.
    assert_eq!(fit, "an,splc");
    plan(dir.path(), &fit.split(',').collect::<Vec<_>>(), None).unwrap();
}

#[test]
fn a_class_without_positives_stops_no_loss_and_is_named_in_the_record() {
    // The last class has no observed positive.
    let dir = folder(|cell, label| if cell % CLASSES == 3 { 0 } else { label });
    let names: Vec<&str> = trained()
        .filter(|row| row.statistics != Statistics::None)
        .filter(|row| row.needs == LabelNeeds::SinglePositive && row.info.labels != LabelUse::OnePositive)
        .map(|row| row.info.name)
        .collect();
    assert!(names.len() > 15, "{names:?}");
    let plan = plan(dir.path(), &names, None).unwrap();
    let said = plan.conventions().join("\n");
    assert!(said.contains("1 class has none and count as often as the rarest"), "{said}");
    let report = plan.run(lacuna_harness::RunOptions::jobs(2), &|_| {}).unwrap();
    assert!(!report.has_failures(), "{}", report.markdown());
}

/// Background rows are drawn from the file that the data names; the file is part of the fingerprint, and has to fit.
#[test]
fn background_rows_come_from_their_file() {
    let dir = positives_only();
    let columns = |columns: usize, scale: f32| {
        let points = (0..10 * columns).map(|i| scale * (i as f32).cos()).collect();
        let name = format!("background_{columns}_{scale}.npy");
        save(dir.path(), &name, &[10, columns], NpyData::F32(points));
        dir.path().join(name).to_string_lossy().into_owned()
    };
    let run = |background: Option<String>| {
        let data = DataSource {
            label_convention: Some(Convention::Spml),
            background,
            ..DataSource::named(dir.path()).unwrap()
        };
        let losses = Some(vec!["presence-an-full".to_string()]);
        let overrides = Overrides {
            data: Some(data),
            losses,
            batch: Some(8),
            epochs: Some(1),
            seeds: Some(1),
            ..Overrides::default()
        };
        let plan = Plan::new(&spec(), &overrides)?;
        let fingerprint = plan.data().fingerprint.clone();
        let mut report = plan.run(lacuna_harness::RunOptions::jobs(1), &|_| {})?;
        let losses = report.runs.remove(0).result.finished().unwrap().epoch_losses.clone();
        Ok::<_, HarnessError>((fingerprint, losses))
    };
    let results = [None, Some(columns(8, 1.0)), Some(columns(8, 30.0))].map(|file| run(file).unwrap());
    for (i, a) in results.iter().enumerate() {
        for b in &results[..i] {
            assert!(a.0 != b.0 && a.1 != b.1, "{a:?} and {b:?}");
        }
    }
    let error = run(Some(columns(7, 1.0))).unwrap_err().to_string();
    assert!(error.contains("7 features, expected 8"), "{error}");
}
