//! Procedures learn, and start from where they say they start.

use crate::data::{Case, procedures};
use lacuna_train::{ClassSlice, Data, Evaluation, Head, LossChoice, MlpSpec, Named, Run, TrainSet, Training};

/// The first case of a loss.
fn case_of(loss: &str) -> Case {
    procedures().into_iter().find(|case| case.loss == loss).expect("the loss has a case")
}

#[test]
fn every_procedure_learns() {
    for mut case in procedures() {
        case.training.ema = None;
        if case.training.phases.is_empty() {
            case.training.epochs = 30;
        }
        let mut run =
            Run::new(case.set.data(), &case.training, &case.evaluation(), case.choice(), 0).unwrap();
        while !run.is_done() {
            run.epoch().unwrap();
        }
        let outcome = run.finish().unwrap();
        let map = outcome.metrics["map"].value.unwrap();
        assert!(map > 60.0, "{} {}: {map}", case.name, case.loss);
        let tail = &outcome.metrics["map-tail"];
        assert!(tail.convention.contains("fewer than 20"), "{}", tail.convention);
    }
}

#[test]
fn the_second_phase_starts_with_the_logits_of_the_first() {
    let mut case = procedures().into_iter().find(|case| case.name == "two-phase").unwrap();
    case.training.ema = None;
    let mut run = Run::new(case.set.data(), &case.training, &case.evaluation(), case.choice(), 0).unwrap();
    let first: Vec<_> = (0..3).map(|_| run.epoch().unwrap()).collect();
    let best = first.iter().map(|record| record.val.unwrap()).fold(0.0, f64::max);
    // A rate of almost nothing: the first epoch of the second phase measures what it started from.
    let mut training = case.training.clone();
    training.phases[1].insert("lr".to_string(), toml::Value::Float(1e-12));
    let mut run = Run::new(case.set.data(), &training, &case.evaluation(), case.choice(), 0).unwrap();
    let records: Vec<_> = (0..4).map(|_| run.epoch().unwrap()).collect();
    assert_eq!((records[3].phase, records[3].epoch), (2, 1));
    assert!((records[3].val.unwrap() - best).abs() < 1e-9, "{records:?}");
}

#[test]
fn a_phase_ends_early_where_its_metric_does_not_improve() {
    let mut case = case_of("an");
    // A rate of almost nothing: the first epoch is the best one.
    case.training = Training { lr: 1e-12, epochs: 50, ema: None, ..case.training.clone() };
    let evaluation = lacuna_train::Evaluation { patience: Some(3), ..case.evaluation() };
    let mut run = Run::new(case.set.data(), &case.training, &evaluation, case.choice(), 0).unwrap();
    while !run.is_done() {
        run.epoch().unwrap();
    }
    let outcome = run.finish().unwrap();
    assert_eq!((outcome.best_epoch, outcome.epochs.len()), (1, 4));
    for (wrong, text) in [
        (lacuna_train::Evaluation { patience: Some(0), ..evaluation.clone() }, "expected at least 1"),
        (
            lacuna_train::Evaluation { select: "last".into(), ..evaluation.clone() },
            "has no metric to wait for",
        ),
    ] {
        let run = Run::new(case.set.data(), &case.training, &wrong, case.choice(), 0);
        assert!(run.err().unwrap().to_string().contains(text));
    }
}

#[test]
fn lbfgs_converges_where_adam_has_not() {
    let mut case = case_of("an");
    case.training = Training {
        optimizer: Named::new("lbfgs").set("weight_decay", 1e-3),
        epochs: 60,
        ..Training::default()
    };
    let train = |training: &Training| {
        let mut run = Run::new(case.set.data(), training, &case.evaluation(), case.choice(), 0).unwrap();
        while !run.is_done() {
            run.epoch().unwrap();
        }
        run.finish().unwrap().epochs.last().unwrap().loss
    };
    let whole = train(&case.training);
    let adam =
        train(&Training { optimizer: Named::new("adam").set("weight_decay", 1e-3), ..case.training.clone() });
    assert!(whole < adam, "{whole} {adam}");
}

#[test]
fn what_does_not_fit_is_refused_before_the_first_step() {
    let error = |loss: &str, change: &dyn Fn(&mut Training)| {
        let mut case = case_of(loss);
        change(&mut case.training);
        let run = Run::new(case.set.data(), &case.training, &case.evaluation(), case.choice(), 0);
        run.err().map(|error| error.to_string()).unwrap_or_default()
    };
    let named = |name: &str| Named::new(name);
    assert_eq!(
        error("an", &|t| t.procedure = named("estimator")),
        "an takes the logits of one head; the procedure estimator gives it the logits of a head and label estimates"
    );
    assert_eq!(
        error("an", &|t| t.procedure = named("semi")),
        "procedure semi: cells between the thresholds are not trained on, and an reads unknown cells (unknown is \
         negative); a loss that leaves them out is needed, such as bce or csl-ignore"
    );
    assert!(
        error("mfm", &|t| t.head = Default::default())
            .starts_with("procedure branches: its classifiers are cosines")
    );
    assert!(error("an", &|t| t.batch = 97).starts_with("batch = 97: there are only 96 training rows"));
    assert!(error("an", &|t| t.procedure = named("two-phase")).contains("a second phase with start"));
    assert!(error("an", &|t| t.procedure = named("plan")).contains("did you mean `plain`?"));
    assert!(error("splc", &|t| t.batch = 1).contains("batch norm needs at least 2 rows in every batch"));
    let keep = |t: &mut Training| (t.batch, t.last_batch) = (19, lacuna_train::LastBatch::Keep);
    assert!(
        error("splc", &keep).contains("leaves one of 96 rows with 1; choose another batch, or last_batch")
    );
    assert!(error("an", &|t| t.no_decay = vec!["foo".to_string()]).contains("no parameter matches `foo`"));
    assert!(error("an", &|t| t.optimizer = named("lbfgs")).contains("remove training.clip"));
    assert!(error("role", &|t| t.optimizer = named("lbfgs")).contains("procedure estimator has no loss"));
    assert!(error("an", &|t| t.procedure = named("relabel")).contains("an writes no labels"));
}

/// A slice of the classes would be trained with other numbers than all of them, without a word.
#[test]
fn a_slice_of_the_classes_is_refused_what_looks_at_all_of_them() {
    let case = case_of("an");
    let known = [1; 120];
    let error = |change: &dyn Fn(&mut Training)| {
        let mut training = Training { ema: None, clip: None, ..case.training.clone() };
        change(&mut training);
        let slice = Some(ClassSlice { first: 0, all: 5, known: &known });
        let data = Data::new(TrainSet { slice, ..case.set.data().train });
        let choice = LossChoice { cut: Some(0..5), ..case.choice() };
        let evaluation = Evaluation { select: "last".to_string(), ..case.evaluation() };
        let run = Run::new(data, &training, &evaluation, choice, 0);
        run.err().map(|error| error.to_string()).unwrap_or_default()
    };
    assert_eq!(error(&|_| {}), "");
    let starts = |text: String, with: &str| {
        assert!(text.starts_with(&format!("a slice of the classes: training.{with}")), "{text}");
    };
    starts(error(&|t| t.head = Head::Mlp(MlpSpec::plain(vec![8]))), "head: ");
    starts(error(&|t| t.clip = Some(1.0)), "clip: ");
    starts(error(&|t| t.optimizer = Named::new("lbfgs")), "optimizer: ");
    starts(error(&|t| t.sampler = Named::new("class-aware")), "sampler: ");
    starts(error(&|t| t.rows = lacuna_train::Rows::Labelled), "rows: ");
    starts(error(&|t| t.procedure = Named::new("mime")), "procedure: ");
}

#[test]
fn a_metric_by_which_no_epoch_can_be_told_from_another_is_refused() {
    let case = case_of("an");
    let mut data = case.set.data();
    let refused = |data, select: &str| {
        let evaluation = lacuna_train::Evaluation { select: select.to_string(), ..case.evaluation() };
        let run = Run::new(data, &case.training, &evaluation, case.choice(), 0);
        run.err().map(|error| error.to_string()).unwrap_or_default()
    };
    // Every class has fewer than 100 training positives.
    assert!(refused(data, "map-head").contains("it is not defined on the validation rows"));
    assert_eq!(refused(data, "map"), "");
    let rows: Vec<usize> = case.set.val.iter().map(|row| *row as usize).collect();
    let observed = case.set.observed.select(&rows);
    let set = data.val.unwrap();
    data.val = Some(lacuna_train::EvalSet { labels: lacuna_train::EvalLabels::Observed(&observed), ..set });
    assert!(refused(data, "map").contains("have no known negative or no known positive"));
}

#[test]
fn settings_without_effect_and_losses_that_do_not_fit_are_refused() {
    let error = |loss: &str, change: &dyn Fn(&mut Training)| {
        let mut case = case_of(loss);
        change(&mut case.training);
        let run = Run::new(case.set.data(), &case.training, &case.evaluation(), case.choice(), 0);
        run.err().map(|error| error.to_string()).unwrap_or_default()
    };
    let set = |name: &'static str, setting: &'static str, value: f64| {
        move |t: &mut Training| t.procedure = Named::new(name).set(setting, value)
    };
    assert_eq!(
        error("plc", &set("semi", "labelled_batch", 4.0)),
        "procedure semi: labelled_batch has no effect with plc, which takes the logits of the weak and of the strong view \
         of the rows"
    );
    assert!(error("bce", &set("semi", "weak", 0.2)).contains("weak has no effect with bce"));
    assert_eq!(error("plc", &set("semi", "weak", 0.2)), "");
    assert!(error("plc", &|t| t.procedure = Named::new("plain")).contains("the procedure plain gives it"));
    assert_eq!(error("plc", &|t| t.procedure = Named::new("auto")), "");
    assert_eq!(error("smile", &|t| t.procedure = Named::new("auto").set("k", 5.0)), "");
    assert!(error("an", &|t| t.procedure = Named::new("smile")).contains("read by smile alone"));
    let nested = |nested_dropout: f64| {
        move |t: &mut Training| {
            let mlp = lacuna_train::MlpSpec { nested_dropout, ..lacuna_train::MlpSpec::plain(vec![8]) };
            t.head = lacuna_train::Head::Mlp(mlp);
        }
    };
    assert_eq!(error("an", &nested(1.0)), "");
    assert!(error("an", &nested(1.5)).starts_with("head: nested_dropout = 1.5: expected the decay"));
    assert!(error("smile", &set("smile", "k", 96.0)).contains("96 neighbours of each of 96 rows"));
}

/// mu = 0 leaves the label distributions out: the number of neighbours changes nothing then, and something otherwise.
#[test]
fn label_distributions_enter_by_their_share() {
    let train = |mu: f64, k: f64| {
        let mut case = procedures().into_iter().find(|case| case.loss == "smile").unwrap();
        case.training.procedure = Named::new("smile").set("k", k).set("warm_up", 2.0);
        let mut choice = case.choice();
        choice.options = choice.options.set("mu", mu);
        let mut run = Run::new(case.set.data(), &case.training, &case.evaluation(), choice, 0).unwrap();
        let mut losses: Vec<f64> = vec![];
        while !run.is_done() {
            losses.push(run.epoch().unwrap().loss);
        }
        (losses, run.finish().unwrap().report)
    };
    let (few, report) = train(0.0, 1.0);
    assert_eq!(few, train(0.0, 9.0).0);
    let (one, nine) = (train(0.5, 1.0).0, train(0.5, 9.0).0);
    assert_eq!(one[..2], nine[..2], "the warm-up knows no neighbours");
    assert!(one[2..].iter().zip(&nine[2..]).all(|(a, b)| a != b));
    assert_eq!(report, [("rows with a label distribution", 96.0)]);
}

/// Pseudo-labels are those of the rows without a known label: 72 of 96 rows, with 5 classes.
#[test]
fn semi_writes_labels_of_rows_without_a_known_one() {
    let mut case = procedures().into_iter().find(|case| case.name == "semi" && case.loss == "bce").unwrap();
    case.training.procedure = Named::new("semi").set("fixed", 0.5);
    case.training.epochs = 2;
    let mut run = Run::new(case.set.data(), &case.training, &case.evaluation(), case.choice(), 0).unwrap();
    while !run.is_done() {
        run.epoch().unwrap();
    }
    let report = run.finish().unwrap().report;
    assert_eq!(report.iter().map(|(_, count)| count).sum::<f64>(), 72.0 * 5.0, "{report:?}");
}

/// Each of the two views has its own dropout, and 0 is none: all four combinations train differently.
#[test]
fn the_views_of_semi_have_a_dropout_each() {
    let train = |weak: f64, strong: f64| {
        let mut case =
            procedures().into_iter().find(|case| case.name == "semi" && case.loss == "plc").unwrap();
        case.training.procedure = Named::new("semi").set("weak", weak).set("strong", strong);
        let mut run =
            Run::new(case.set.data(), &case.training, &case.evaluation(), case.choice(), 0).unwrap();
        run.epoch().unwrap().loss
    };
    let losses = [train(0.0, 0.0), train(0.0, 0.5), train(0.5, 0.0), train(0.5, 0.5)];
    for i in 0..losses.len() {
        assert!(losses[..i].iter().all(|other| *other != losses[i]), "{losses:?}");
    }
}

/// The parts of MIME can be left out: beta = 0 takes the divergence off the loss, theta = 1 writes nothing.
#[test]
fn the_parts_of_mime_can_be_left_out() {
    let train = |beta: f64, theta: f64| {
        let mut case = procedures().into_iter().find(|case| case.name == "mime").unwrap();
        case.training.procedure =
            Named::new("mime").set("z", 9.0).set("beta", beta).set("theta", theta).set("warm_up", 3.0);
        case.training.epochs = 8;
        let mut run =
            Run::new(case.set.data(), &case.training, &case.evaluation(), case.choice(), 0).unwrap();
        let mut losses: Vec<f64> = vec![];
        while !run.is_done() {
            losses.push(run.epoch().unwrap().loss);
        }
        let report = run.finish().unwrap().report;
        assert_eq!(report[0].0, "labels written");
        (losses, report[0].1)
    };
    let (plain, none) = train(0.0, 1.0);
    assert_eq!(none, 0.0);
    // The same steps up to the end of the third epoch, whatever is written then.
    let (written, some) = train(0.0, 0.4);
    assert!(some > 0.0);
    assert_eq!(plain[..3], written[..3]);
    assert!(plain[3..].iter().zip(&written[3..]).all(|(a, b)| a != b));
    // The divergence is positive, and the draws are the same.
    let (held, none) = train(0.05, 1.0);
    assert_eq!(none, 0.0);
    assert!(held[0] > plain[0], "{held:?} {plain:?}");
}

/// With every class in each step, sampling is plain training but for the order of a few sums; and the head has the layout of every
/// other, for the model and for the next phase.
#[test]
fn a_sample_of_all_classes_is_plain_training() {
    let train = |training: &str| {
        let mut case = case_of("an");
        case.training = toml::from_str::<Training>(training).unwrap();
        let mut run =
            Run::new(case.set.data(), &case.training, &case.evaluation(), case.choice(), 0).unwrap();
        while !run.is_done() {
            run.epoch().unwrap();
        }
        run.finish().unwrap()
    };
    let settings = "lr = 0.05\nbatch = 10\nepochs = 4\noptimizer = { name = \"sgd\", momentum = 0.9, weight_decay = 0.01 }\n";
    let sampled = "procedure = { name = \"sampled-negatives\", sampled = 5 }\n";
    let plain = train(settings);
    let still = "lr = 1e-12\nepochs = 1\nstart = \"last\"\n";
    for training in [
        format!("{settings}{sampled}"),
        // Plain, sampled and plain again, the last two without moving.
        format!("{settings}[[phases]]\n[[phases]]\n{still}{sampled}[[phases]]\n{still}"),
    ] {
        let outcome = train(&training);
        assert_eq!(outcome.weights.len(), 2);
        for (ours, expected) in outcome.weights.iter().zip(&plain.weights) {
            assert_eq!((&ours.name, &ours.shape), (&expected.name, &expected.shape));
            for (i, (a, b)) in ours.values.iter().zip(&expected.values).enumerate() {
                assert!((a - b).abs() <= 1e-4 * (0.1 + b.abs()), "{}, {i}: {a}, not {b}", ours.name);
            }
        }
        let map = |outcome: &lacuna_train::Outcome| outcome.metrics["map"].value.unwrap();
        assert!((map(&outcome) - map(&plain)).abs() < 0.01);
    }
    // And a sample is another run.
    let other = train(&format!("{settings}{}", sampled.replace("= 5", "= 1")));
    assert_ne!(other.weights[0].values, plain.weights[0].values);
}

#[test]
fn averages_of_sampled_classes_are_refused() {
    let mut case = procedures().into_iter().find(|case| case.name == "sampled-negatives").unwrap();
    case.training.ema = Some(0.9);
    let run = Run::new(case.set.data(), &case.training, &case.evaluation(), case.choice(), 0);
    assert!(run.err().unwrap().to_string().contains("remove training.ema"));
}
