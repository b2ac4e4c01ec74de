//! A process that lives long: it reads, trains, predicts, audits and writes over and over, and takes no more memory, descriptors or
//! threads than at the beginning.
#![cfg(target_os = "linux")]
#![allow(clippy::print_stdout, reason = "the campaign prints its figures")]

mod growth;

use growth::{Growth, seconds};
use lacuna::certified::{Answer, Review, Settings};
use lacuna::listing::{self, Entry, Page};
use lacuna::write::PredictionSheet;
use lacuna::{
    AuditOptions, FeatureSource, Features, Fit, Head, Label, LabelSource, MlpSpec, Model, TrainError, read,
};
use lacuna_formats::{Destination, NpyArray, NpyData, Strings};
use std::fs;
use std::ops::ControlFlow;
use std::path::Path;

const ROWS: usize = 300;

/// Three classes by the signs of three of four features; what is not listed is unknown.
fn write_set(folder: &Path) {
    let x: Vec<f32> = (0..ROWS * 4).map(|i| ((i as f32 * 12.9898).sin() * 43_758.547).fract()).collect();
    let mut tags = "image,label\n".to_string();
    for (i, class) in (0..ROWS * 3).map(|i| (i, i % 3)) {
        if x[i / 3 * 4 + class] > 0.1 && i % 4 > 0 {
            tags += &format!("{}.jpg,{}\n", i / 3, ["cat", "dog", "bird"][class]);
        }
    }
    fs::write(folder.join("tags.csv"), tags).unwrap();
    fs::write(folder.join("names.txt"), (0..ROWS).map(|row| format!("{row}.jpg\n")).collect::<String>())
        .unwrap();
    NpyArray::new(vec![ROWS, 4], NpyData::F32(x)).unwrap().save(&*folder.join("x.npy")).unwrap();
    fs::write(folder.join("damaged.npy"), b"\x93NUMPY\x01\x00\xff\xff{").unwrap();
}

/// Everything once; what the numbers depend on is the seed alone.
fn once(folder: &Path, seed: u64) {
    let at = |name: &str| folder.join(name);
    let x = read::features(at("x.npy")).unwrap().named(at("names.txt")).unwrap();
    let y = read::labels(at("tags.csv")).unwrap().unlisted(Label::Unknown);
    let head = if seed.is_multiple_of(4) { Head::Mlp(MlpSpec::plain(vec![16])) } else { Head::Linear };
    let fit = Fit::new("auto").head(head).epochs(3).seed(seed);
    let model = fit.fit(&x, &y).unwrap();
    let stopped = fit
        .clone()
        .on_progress(|at| if at.done > 1 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) });
    assert!(matches!(stopped.fit(&x, &y), Err(TrainError::Stopped)));
    model.save_replacing(at("head")).unwrap();
    let loaded = Model::load(at("head")).unwrap();
    let predictions = loaded.predict(&x).unwrap();
    assert_eq!(predictions, model.predict(&x).unwrap());
    let rows: Vec<String> = (0..ROWS).map(|row| format!("{row}.jpg")).collect();
    let sheet =
        PredictionSheet { model: &loaded, predictions: &predictions, rows: &rows, top: None, logits: false };
    sheet.csv(Destination::replacing(&at("p.csv"))).unwrap();
    model.judge(&x, &y).unwrap();

    let options = AuditOptions { fit: Fit::new("auto"), folds: 3, seed };
    let audit = options.run(&x, &y).unwrap();
    let mut review = Review::new(&audit, Settings { answers: 20, seed, ..Settings::default() }).unwrap();
    while let Some(cell) = review.question() {
        review.answer(if cell.row_index % 3 == 0 { Answer::No } else { Answer::Yes });
    }
    let certificate = review.certificate();
    let mut entries = Entry::certified(&audit, review.session(), &certificate, usize::MAX);
    entries.extend(Entry::top(&audit.top(100), usize::MAX));
    let sentences = listing::sentences_of_certificate(review.session(), &certificate);
    let about = Page { data: "x.npy", sentences: &sentences, wrong: false };
    assert!(listing::page(&about, &entries, |_| None).starts_with("<!doctype html>"));

    let observed = y.observed().unwrap();
    let [names, classes] = [rows, model.classes().to_vec()].map(Strings::from);
    for name in ["all.npz", "all.safetensors", "labels.csv", "labels.jsonl"] {
        let arrays = !name.starts_with("labels");
        let features: Option<&Features> = arrays.then(|| x.features());
        let rows = lacuna::convert::Rows {
            truth: None,
            features,
            labels: (name != "all.safetensors").then_some(&*observed),
            names: Some(&names),
            classes: Some(&classes),
        };
        rows.write(Destination::replacing(&at(name))).unwrap();
    }
    // Errors give back what they took.
    assert!(read::features(at("damaged.npy")).is_err());
    assert!(read::labels(at("x.npy/none.csv")).is_err());
    assert!(Model::load(at("nowhere")).is_err());
}

#[test]
fn a_long_process_does_not_grow_in_a_short_while() {
    run(seconds("LACUNA_SOAK_SECONDS").min(3.0));
}

#[test]
#[ignore = "an hour: LACUNA_SOAK_SECONDS"]
fn a_long_process_does_not_grow() {
    run(seconds("LACUNA_SOAK_SECONDS"));
}

fn run(seconds: f64) {
    let dir = tempfile::tempdir().unwrap();
    write_set(dir.path());
    let mut growth = Growth::new("the library in one process");
    let mut seed = 0;
    while growth.seconds() < seconds {
        once(dir.path(), seed);
        growth.sample();
        seed += 1;
    }
    growth.assert_none();
    let mut left: Vec<_> =
        fs::read_dir(dir.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    left.sort();
    let files = [
        "all.npz",
        "all.safetensors",
        "damaged.npy",
        "head",
        "labels.csv",
        "labels.jsonl",
        "names.txt",
        "p.csv",
        "tags.csv",
        "x.npy",
    ];
    assert_eq!(left, files);
}
