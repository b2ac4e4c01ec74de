//! The table as a table, and every row against the rules that all losses keep.

#![allow(clippy::print_stdout, reason = "the campaign prints its figures")]

mod defaults;
mod readme;
mod registered;
mod stubs;

use lacuna_losses::{
    ClassStatistics, Context, Idea, LOSSES, Label, LabelNeeds, LossError, LossGrad, LossInput, LossRow,
    Options, Reduction, Statistics, Suggestion, Takes, conformance, find,
};
use std::collections::HashSet;
use std::sync::atomic::{AtomicUsize, Ordering};

fn context(classes: usize) -> Options {
    Options::default().within(Context { classes: Some(classes), expected_positives: Some(1.5) })
}

/// Class frequencies from one half of the rows down to one in twenty, or the same for all.
fn train(classes: usize, long_tail: bool) -> ClassStatistics {
    let count = |c: usize| if long_tail { 500.0 / (1 + c % 10) as f64 } else { 200.0 };
    let counts: Vec<f64> = (0..classes).map(count).collect();
    let together = (0..classes * classes).map(|i| {
        let (a, b) = (counts[i / classes], counts[i % classes]);
        if i % (classes + 1) == 0 { a } else { a * b / 1000.0 }
    });
    let together = together.collect();
    ClassStatistics::new(1000.0, counts).unwrap().with_co_occurrence(together).unwrap()
}

#[test]
fn every_row_conforms_under_every_reduction() {
    for row in LOSSES {
        for reduction in [None, Some(Reduction::Sum), Some(Reduction::Mean), Some(Reduction::MeanKnown)] {
            // Without the number of classes, so that too few of them show where the batch is.
            let data = Context { classes: None, expected_positives: Some(1.5) };
            let options = Options { reduction, ..Options::default().within(data) };
            let build = |long_tail| {
                let options = options.clone();
                move |classes| row.build_for(&options, &train(classes, long_tail)).unwrap()
            };
            // A loss that is built from frequencies tells classes apart, unless all are as frequent.
            if row.statistics != Statistics::None {
                conformance::check_by_class(&build(true));
            }
            conformance::agrees_with_its_formula_far_out(&build(true));
            conformance::check(&build(false));
        }
    }
}

/// A guard inside a logarithm may be 0: kernels then take the form that needs none, and it has to hold at every logit.
#[test]
fn every_row_conforms_without_its_guard() {
    let mut checked = 0;
    for row in LOSSES {
        for guard in ["log_epsilon", "eps"] {
            if !row.info.param(guard).is_some_and(|param| param.range.contains(0.0)) {
                continue;
            }
            let data = Context { classes: None, expected_positives: Some(1.5) };
            let options = Options::default().within(data).set(guard, 0.0);
            conformance::check(&|classes| row.build_for(&options, &train(classes, false)).unwrap());
            checked += 1;
        }
    }
    assert!(checked > 20, "{checked} rows");
}

/// Every row has an idea and an assumption, every idea some rows, and a name that is given to an idea is that of a row.
#[test]
fn every_row_says_what_it_assumes() {
    for row in LOSSES {
        let (_, assumes) = row.idea();
        assert!(assumes.len() > 15 && assumes.ends_with('.'), "{}: {assumes}", row.info.name);
    }
    for idea in Idea::ALL {
        assert!(LOSSES.iter().any(|row| row.idea().0 == idea), "no loss is of the {idea}");
    }
}

/// Batches for each row: 4,096, or what `LACUNA_CASES` says.
#[test]
fn every_row_keeps_the_rules_on_random_batches() {
    let cases: u64 =
        std::env::var("LACUNA_CASES").map_or(4_096, |cases| cases.parse().expect("LACUNA_CASES is a number"));
    let next = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        let work = || {
            while let Some(row) = LOSSES.get(next.fetch_add(1, Ordering::Relaxed)) {
                let data = Context { classes: None, expected_positives: Some(1.5) };
                let options = Options::default().within(data);
                // One that is built from frequencies tells classes apart, unless all are as frequent.
                for long_tail in [false, true] {
                    let statistics: Vec<ClassStatistics> =
                        (0..20).map(|classes| train(classes.max(1), long_tail)).collect();
                    let build = |classes: usize| row.build_for(&options, &statistics[classes]).unwrap();
                    let range = if long_tail { cases / 2..cases } else { 0..cases / 2 };
                    let accepted = conformance::keeps_the_rules_on_random_batches(&build, range, !long_tail);
                    assert!(accepted >= cases / 8, "{}: refused all but {accepted} batches", row.info.name);
                }
            }
        };
        let threads = std::thread::available_parallelism().map_or(1, |n| n.get());
        (0..threads).for_each(|_| drop(scope.spawn(work)));
    });
    println!("{cases} random batches for each of {} losses", LOSSES.len());
}

/// The same training set with its classes in the order of [`conformance::moved`].
fn permuted(train: &ClassStatistics) -> ClassStatistics {
    let n = train.classes();
    let from = |c| conformance::moved(c, n);
    let counts = (0..n).map(|c| train.positives()[from(c)]).collect();
    let together = train.co_occurrence().unwrap();
    let together = (0..n * n).map(|i| together[from(i / n) * n + from(i % n)]).collect();
    ClassStatistics::new(train.rows(), counts).unwrap().with_co_occurrence(together).unwrap()
}

#[test]
fn classes_may_be_permuted_with_their_frequencies() {
    for row in LOSSES {
        let options = context(20);
        conformance::commutes_with_permutations_of_classes(
            &|classes| row.build_for(&options, &train(classes, true)).unwrap(),
            &|classes| row.build_for(&options, &permuted(&train(classes, true))).unwrap(),
        );
    }
}

/// A row says what it is built from: no less, and no more.
#[test]
fn statistics_are_those_that_a_row_is_built_from() {
    let (rows, classes) = (12, 4);
    let labels: Vec<Label> = (0..rows * classes)
        .map(|i| if i % classes <= i / classes % classes { Label::Positive } else { Label::Unknown })
        .collect();
    // A class that is positive in every row has no prior, so the first row has none at all.
    let labels = [&[Label::Unknown; 4][..], &labels].concat();
    let counts = ClassStatistics::of(&labels, classes).unwrap();
    let pairs = ClassStatistics::with_pairs(&labels, classes).unwrap();
    assert_eq!(counts.positives(), [12.0, 9.0, 6.0, 3.0]);
    assert_eq!(pairs.co_occurrence().unwrap()[..4], [12.0, 9.0, 6.0, 3.0]);
    let options = context(classes);
    for row in LOSSES {
        let name = row.info.name;
        let built = row.statistics_of(&labels, classes).unwrap();
        let frequencies_are_missing = matches!(
            row.build(&options),
            Err(LossError::MissingParameter { parameter: "class_frequencies", .. })
        );
        assert_eq!(frequencies_are_missing, row.statistics != Statistics::None, "{name}");
        match row.statistics {
            Statistics::None => assert_eq!(built, None),
            Statistics::Counts => {
                assert_eq!(built.as_ref(), Some(&counts));
                let [a, b] = [&counts, &pairs].map(|train| value(row, &options, train));
                assert_eq!(a.to_bits(), b.to_bits(), "{name}");
            }
            Statistics::CoOccurrence => {
                assert_eq!(built.as_ref(), Some(&pairs));
                assert!(value(row, &options, &pairs).is_finite());
                let error = row.build_for(&options, &counts).err().unwrap();
                assert!(matches!(error, LossError::Unsupported(_)), "{name}: {error}");
            }
        }
    }
}

/// The loss of one batch of three rows.
fn value(row: &'static LossRow, options: &Options, train: &ClassStatistics) -> f32 {
    let (rows, classes) = (3, train.classes());
    let z: Vec<f32> = (0..rows * classes).map(|i| (i * 7 % 5) as f32 - 2.0).collect();
    let positive = |i: usize| i % classes == i / classes;
    let labels: Vec<Label> =
        (0..rows * classes).map(|i| if positive(i) { Label::Positive } else { Label::Unknown }).collect();
    let mut loss = row.build_for(options, train).unwrap();
    assert!(!loss.mixes(), "{}", row.info.name);
    let logits = vec![&z[..]; loss.logit_matrices()];
    loss.evaluate(&LossInput::new(&logits, rows, classes, &labels), LossGrad::Unneeded).unwrap()
}

/// What a row takes is what the loss that it builds says of itself.
#[test]
fn every_row_takes_what_its_loss_takes() {
    for row in LOSSES {
        let loss = row.build_for(&context(20), &train(20, true)).unwrap();
        assert_eq!(loss.takes(), row.takes, "{}", row.info.name);
        assert_eq!(loss.logit_matrices(), row.takes.matrices(), "{}", row.info.name);
        assert_eq!(loss.mixes(), row.takes == Takes::MixedRows, "{}", row.info.name);
    }
    let with = |takes| -> Vec<&str> {
        LOSSES.iter().filter(|row| row.takes == takes).map(|row| row.info.name).collect()
    };
    assert_eq!(with(Takes::Estimates), ["role"]);
    assert_eq!(with(Takes::MixedRows), ["pu-mlc-mixup", "label-set-mixup"]);
    assert_eq!(with(Takes::Branches), ["htb"]);
    assert_eq!(with(Takes::Views), ["plc"]);
}

/// Target probabilities are taken by the rows that say so, and refused by all others.
#[test]
fn soft_targets_are_taken_where_the_row_says_so_and_refused_elsewhere() {
    let (rows, classes) = (2, 20);
    let labels = vec![Label::Unknown; rows * classes];
    let (z, soft) = (vec![0.5; rows * classes], vec![0.25; rows * classes]);
    for row in LOSSES {
        let mut loss = row.build_for(&context(classes), &train(classes, true)).unwrap();
        let logits = vec![&z[..]; loss.logit_matrices()];
        let mut input = LossInput::new(&logits, rows, classes, &labels);
        input.targets.soft = Some(&soft);
        let done = loss.evaluate(&input, LossGrad::Unneeded);
        if row.soft_targets {
            assert!(done.is_ok(), "{}: {done:?}", row.info.name);
        } else {
            assert!(matches!(done, Err(LossError::Unsupported(_))), "{}: {done:?}", row.info.name);
        }
    }
}

/// Rows that need every label: the references are trained on the truth, the others on whatever labels are complete.
#[test]
fn only_the_references_need_the_truth_itself() {
    let with = |needs| -> Vec<&str> {
        LOSSES.iter().filter(|row| row.needs == needs).map(|row| row.info.name).collect()
    };
    assert_eq!(with(LabelNeeds::FullTruth), ["bce-full", "bce-ls-full"]);
    let complete = ["anyloss-accuracy", "anyloss-fbeta", "anyloss-gmean", "anyloss-balanced-accuracy"];
    assert_eq!(with(LabelNeeds::Complete), complete);
}

#[test]
fn names_are_unique_and_everything_is_described() {
    let mut names = HashSet::new();
    for row in LOSSES {
        let info = row.info;
        assert!(names.insert(info.name), "{} twice", info.name);
        assert!(info.name.chars().all(|c| c.is_ascii_lowercase() || c == '-'), "{}", info.name);
        for text in [info.title, info.paper, info.formula] {
            assert!(!text.trim().is_empty() && !text.contains('\n'), "{}", info.name);
        }
        assert!((1900..=2100).contains(&info.year), "{}", info.name);
        let mut params = HashSet::new();
        for param in info.params {
            assert!(params.insert(param.name), "{}: {} twice", info.name, param.name);
            assert!(!param.doc.trim().is_empty(), "{}: {}", info.name, param.name);
            if let Some(default) = param.default {
                assert!(param.range.contains(default), "{}: {}", info.name, param.name);
            }
        }
    }
}

#[test]
fn defaults_are_accepted_and_the_row_is_what_it_says() {
    for row in LOSSES {
        let loss = row.build_for(&context(20), &train(20, true)).unwrap();
        assert_eq!(loss.info().name, row.info.name);
        assert!(std::ptr::eq(loss.info(), row.info));
        assert!(std::ptr::eq(find(row.info.name).unwrap(), row));
        // Every default given by hand is accepted too.
        let explicit =
            row.info.params.iter().fold(context(20), |o, p| o.set(p.name, p.default.unwrap_or(2.0)));
        assert!(row.build_for(&explicit, &train(20, true)).is_ok(), "{}", row.info.name);
    }
}

#[test]
fn every_parameter_is_checked() {
    for row in LOSSES {
        for param in row.info.params {
            for bad in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
                let error = row.build_for(&context(20).set(param.name, bad), &train(20, true)).err().unwrap();
                assert!(
                    matches!(error, LossError::Parameter { parameter, .. } if parameter == param.name),
                    "{}: {} = {bad} gives {error}",
                    row.info.name,
                    param.name
                );
            }
        }
        let error = row.build_for(&context(20).set("no-such-thing", 1.0), &train(20, true)).err().unwrap();
        assert!(matches!(error, LossError::UnknownParameter { .. }), "{}: {error}", row.info.name);
    }
}

#[test]
fn a_statistic_of_the_data_is_asked_for_once() {
    let epr = find("epr").unwrap();
    let error = epr.build(&Options::default()).err().unwrap();
    assert!(matches!(error, LossError::MissingParameter { parameter: "expected_positives", .. }), "{error}");
    assert!(epr.build(&Options::default().set("expected_positives", 2.9)).is_ok());
    assert!(epr.build(&context(20)).is_ok());
}

#[test]
fn too_few_classes_show_when_the_loss_is_built() {
    let error = find("wan").unwrap().build(&context(1)).err().unwrap();
    assert_eq!(error.to_string(), "wan needs at least 2 classes, not 1");
}

#[test]
fn the_nearest_name_is_offered() {
    for (typo, meant) in
        [("hil", "hill"), ("ann", "an"), ("an_ls", "an-ls"), ("roll", "role"), ("spl", "splc")]
    {
        let suggestion = Suggestion::Nearest(meant.to_owned());
        let expected = LossError::UnknownLoss { name: typo.to_owned(), suggestion };
        assert_eq!(find(typo).err(), Some(expected));
    }
    let error = |name: &str| find(name).err().unwrap().to_string();
    assert_eq!(error("SPLC"), "there is no loss `SPLC`; did you mean `splc`?");
    assert_eq!(error("hlil"), "there is no loss `hlil`; did you mean `hill`?");
    assert_eq!(error("ldam"), "there is no loss `ldam`; there are `ldam-bce` and `ldam-softmax`");
    let family = error("gr");
    assert!(
        family.starts_with("there is no loss `gr`; there are `gr-voc`, `gr-coco`, `gr-cub`, "),
        "{family}"
    );
    assert_eq!(error("nosuch"), "there is no loss `nosuch`");
    assert_eq!(error(""), "there is no loss ``");
}

#[test]
fn the_nearest_parameter_is_offered_and_all_of_them_where_none_is_near() {
    let error = |loss: &str, param: &str| {
        find(loss)
            .unwrap()
            .build_for(&context(20).set(param, 1.0), &train(20, true))
            .err()
            .unwrap()
            .to_string()
    };
    assert_eq!(error("splc", "Tua"), "splc has no parameter `Tua`; did you mean `tau`?");
    assert_eq!(error("asl", "gamma"), "asl has no parameter `gamma`; there are `gamma_pos` and `gamma_neg`");
    assert_eq!(
        error("weak-negative-bce", "nosuch"),
        "weak-negative-bce has no parameter `nosuch`; there is `negative_weight`"
    );
    assert_eq!(error("bce", "nosuch"), "bce has no parameter `nosuch`");
}
