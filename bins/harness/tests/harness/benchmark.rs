//! The benchmark as a whole: same numbers for any number of threads, and the numbers others get.

use crate::pages::compared_with_pytorch;
use crate::{real_data, spec};
use lacuna_harness::{Overrides, Plan, Progress, RunOptions, RunRecord, Spec};
use lacuna_losses::Takes;
use lacuna_source::DataSource;
use std::sync::atomic::{AtomicUsize, Ordering};

#[test]
fn numbers_do_not_depend_on_threads() {
    let losses = ["an", "role", "splc", "em-apl", "pu-mlc-mixup"].map(String::from).to_vec();
    let overrides =
        Overrides { losses: Some(losses), epochs: Some(2), seeds: Some(2), ..Overrides::default() };
    let plan = Plan::new(&spec(), &overrides).unwrap();
    let run = |jobs| {
        let told = AtomicUsize::new(0);
        let report = plan
            .run(RunOptions::jobs(jobs), &|event| {
                if matches!(event, Progress::Epoch { .. }) {
                    told.fetch_add(1, Ordering::Relaxed);
                }
            })
            .unwrap();
        assert_eq!(told.into_inner(), plan.epochs());
        report.runs.into_iter().map(|run| (run.id, run.result)).collect::<Vec<_>>()
    };
    let one = run(1);
    assert_eq!(one.len(), plan.runs());
    let said = plan.conventions().join(" ");
    assert!(said.contains("2 epochs") && said.contains("2 seeds") && said.contains("batch 16"), "{said}");
    for jobs in [2, 3, 4, 8] {
        assert_eq!(run(jobs), one, "{jobs} threads");
    }
    // Two seeds are two runs.
    assert_ne!(one[0].1.finished().unwrap().test_ap, one[1].1.finished().unwrap().test_ap);
}

#[test]
fn real_features_give_the_numbers_others_get() {
    let Some(folder) = real_data("ucmerced") else { return };
    let spec = spec();
    let source = DataSource::named(&folder).unwrap();
    let plan = Plan::new(&spec, &Overrides { data: Some(source), ..Overrides::default() }).unwrap();
    assert!((plan.data().expected_positives - 3.3309).abs() < 1e-4);
    let report = plan.run(RunOptions::jobs(2), &|_| {}).unwrap();
    let page = compared_with_pytorch();
    let mut compared = 0;
    for p in spec.published.iter().filter(|p| p.data == "ucmerced") {
        let ours = report.losses.iter().find(|l| l.loss == p.loss).unwrap();
        let tolerance = p.tolerance.expect("a reference has a tolerance");
        println!(
            "{:<9} {:.2} ± {:.2}, {} elsewhere",
            p.loss,
            ours.test_map_mean.unwrap(),
            ours.test_map_std.unwrap(),
            p.value
        );
        assert!((ours.test_map_mean.unwrap() - p.value).abs() <= tolerance, "{}: {}", p.loss, ours.map());
        let (_, written, _) = page.iter().find(|(loss, ..)| *loss == p.loss).unwrap();
        let written: f64 = written.split(' ').next().unwrap().parse().unwrap();
        // Builds for other instructions differ by some hundredths.
        assert!(
            (ours.test_map_mean.unwrap() - written).abs() < 0.1,
            "docs/repro.md has {written} for {}",
            p.loss
        );
        compared += 1;
    }
    assert_eq!(compared, 8);
}

/// On scene a linear head that assumes negatives ranks better than every published row, with or without missing labels.
#[test]
fn a_linear_head_on_scene_ranks_better_than_the_published_rows() {
    let Some(folder) = real_data("scene") else { return };
    let spec = Spec::parse(include_str!("../../../repro/specs/crisp-tabular.toml")).unwrap();
    let source = DataSource::named(&folder).unwrap();
    let losses = Some(["an-linear", "full-linear"].map(String::from).to_vec());
    let overrides = Overrides { data: Some(source), losses, ..Overrides::default() };
    let plan = Plan::new(&spec, &overrides).unwrap();
    let report = plan.run(RunOptions::jobs(2), &|_| {}).unwrap();
    let of_scene = |metric: &str| {
        spec.published.iter().filter(|p| p.data == "scene" && p.metric == metric).map(|p| p.value).collect()
    };
    let published: Vec<f64> = of_scene("ranking-loss");
    let least = published.iter().copied().fold(f64::INFINITY, f64::min);
    assert_eq!((published.len(), least), (12, 0.112));
    for (row, runs) in report.losses.iter().zip(report.runs.chunks(5)) {
        let value = |run: &RunRecord| run.result.finished().unwrap().metrics["ranking-loss"].value.unwrap();
        let values: Vec<f64> = runs.iter().map(value).collect();
        let mean = values.iter().sum::<f64>() / values.len() as f64;
        // .079 elsewhere, with another division and the last epoch.
        assert!(values.len() == 5 && (mean - 0.079).abs() < 0.02 && mean < least, "{}: {values:?}", row.loss);
    }
}

#[test]
fn published_numbers_stand_beside_equal_settings_only() {
    let Some(folder) = real_data("ucmerced") else { return };
    let source = DataSource::named(&folder).unwrap();
    let names = |n: &str| Some(n.split(',').map(String::from).collect());
    let base =
        Overrides { data: Some(source), losses: names("an,splc"), seeds: Some(1), ..Overrides::default() };
    let shown = |overrides: Overrides| {
        let report = Plan::new(&spec(), &overrides).unwrap().run(RunOptions::jobs(2), &|_| {}).unwrap();
        (report.published.len(), report.markdown())
    };
    assert_eq!(shown(base.clone()).0, 2);
    assert_eq!(shown(Overrides { epochs: Some(1), ..base.clone() }).0, 0);
    let params = vec![("splc".to_string(), "tau".to_string(), 0.9)];
    let (count, page) = shown(Overrides { params, ..base });
    assert_eq!(count, 1, "a parameter of one loss says nothing about the other");
    assert!(page.contains("splc.tau = 0.9"), "{page}");
}

#[test]
fn every_loss_of_the_tables_runs() {
    let names: Vec<String> = lacuna_losses::LOSSES
        .iter()
        .filter(|row| matches!(row.takes, Takes::Logits | Takes::Estimates))
        .map(|row| row.info.name.to_string())
        .collect();
    let count = names.len();
    let overrides =
        Overrides { losses: Some(names), epochs: Some(2), seeds: Some(1), ..Overrides::default() };
    let report = Plan::new(&spec(), &overrides).unwrap().run(RunOptions::jobs(2), &|_| {}).unwrap();
    assert_eq!(report.losses.len(), count);
    for loss in &report.losses {
        // 7.4 is what random scores get on this set. A loss of positives alone learns nothing, and the PU risks,
        // whose gradients are of the size of the prior, have hardly begun after two epochs.
        // The label corrector believes its own corrections at the published threshold, the steep step of an accuracy
        // over all cells saturates where nothing is predicted (see the next test), and the modifier with attention
        // gives the only positive of a row no gradient, since nothing occurs together.
        let slow = ["gr-repo-epr", "upu", "nnpu", "rlc", "anyloss-accuracy", "mfm"];
        let least = if slow.contains(&loss.loss.as_str()) { 7.0 } else { 40.0 };
        assert!(loss.test_map_mean.unwrap() > least, "{}: {}", loss.loss, loss.map());
    }
}

/// What is left behind in the test above is so by the method: a corrector that believes less and a step that is less
/// steep learn.
#[test]
fn losses_that_learn_little_as_published_learn_at_other_settings() {
    let run = |params: &[(&str, &str, f64)]| {
        let losses = ["an", "rlc", "anyloss-accuracy"].map(String::from).to_vec();
        let params = params.iter().map(|(loss, name, x)| (loss.to_string(), name.to_string(), *x)).collect();
        let overrides = Overrides {
            losses: Some(losses),
            epochs: Some(5),
            seeds: Some(1),
            params,
            ..Overrides::default()
        };
        let report = Plan::new(&spec(), &overrides).unwrap().run(RunOptions::jobs(2), &|_| {}).unwrap();
        let map = |loss: &str| report.losses.iter().find(|l| l.loss == loss).unwrap().test_map_mean.unwrap();
        [map("an"), map("rlc"), map("anyloss-accuracy")]
    };
    let [_, rlc, accuracy] = run(&[]);
    let [an, careful, gentle] = run(&[("rlc", "tau", 0.9), ("anyloss-accuracy", "amplification", 20.0)]);
    assert!(rlc < 40.0 && careful > an, "label corrector: {rlc}, with tau 0.9 {careful}, an {an}");
    assert!(accuracy < 20.0 && gentle > 30.0, "accuracy: {accuracy}, with amplification 20 {gentle}");
}

#[test]
fn relabelling_losses_see_the_training_rows() {
    let run = |loss: &str| {
        let overrides = Overrides {
            losses: Some(vec![loss.to_string()]),
            epochs: Some(16),
            seeds: Some(1),
            ..Overrides::default()
        };
        Plan::new(&spec(), &overrides)
            .unwrap()
            .run(RunOptions::jobs(2), &|_| {})
            .unwrap()
            .runs
            .remove(0)
            .result
            .finished()
            .unwrap()
            .clone()
    };
    let (plain, relabelled) = (run("em"), run("em-apl"));
    assert_eq!(plain.epoch_losses[..4], relabelled.epoch_losses[..4], "the same before any label is written");
    assert_ne!(plain.epoch_losses[15], relabelled.epoch_losses[15], "and different afterwards");
}

#[test]
fn a_small_cnn_learns_pictures_from_single_positives() {
    let spec = Spec::parse(include_str!("../../../repro/specs/shapes-cnn.toml")).unwrap();
    let overrides = Overrides { losses: Some(vec!["role".to_string()]), ..Overrides::default() };
    let report = Plan::new(&spec, &overrides).unwrap().run(RunOptions::jobs(1), &|_| {}).unwrap();
    assert!(report.losses[0].test_map_mean.unwrap() > 90.0, "{}", report.losses[0].map());
}

#[test]
fn the_embedded_set_behaves_like_real_features() {
    let losses = ["bce-full", "an", "hill", "epr"].map(String::from).to_vec();
    let overrides = Overrides { losses: Some(losses), seeds: Some(1), ..Overrides::default() };
    let report = Plan::new(&spec(), &overrides).unwrap().run(RunOptions::jobs(2), &|_| {}).unwrap();
    let map = |loss: &str| report.losses.iter().find(|l| l.loss == loss).unwrap().test_map_mean.unwrap();
    let gap = map("bce-full") - map("an");
    assert!((5.0..12.0).contains(&gap), "assuming negatives costs {gap}");
    for loss in ["hill", "epr"] {
        let won_back = (map(loss) - map("an")) / gap;
        assert!(won_back > 0.33, "{loss} wins back {won_back} of it");
    }
}

#[test]
fn settings_that_cannot_work_are_refused_before_anything_runs() {
    let refuse = |overrides: Overrides| Plan::new(&spec(), &overrides).unwrap_err().to_string();
    let base = Overrides::default;
    let names = |n: &str| Some(n.split(',').map(String::from).collect());
    assert!(refuse(Overrides { losses: names("hil"), ..base() }).contains("`hill`"));
    assert!(refuse(Overrides { losses: names("an,an"), ..base() }).contains("duplicate loss an"));
    assert!(refuse(Overrides { lr: Some(0.0), ..base() }).contains("lr = 0"));
    assert!(refuse(Overrides { lr: Some(f32::NAN), ..base() }).contains("lr = NaN"));
    assert!(refuse(Overrides { epochs: Some(0), ..base() }).contains("epochs = 0"));
    assert!(refuse(Overrides { batch: Some(0), ..base() }).contains("batch = 0"));
    assert!(refuse(Overrides { batch: Some(100_000), ..base() }).contains("4574 training rows"));
    assert!(refuse(Overrides { seeds: Some(0), ..base() }).contains("seeds = 0"));
    let set = |loss: &str, param: &str, value| vec![(loss.to_string(), param.to_string(), value)];
    assert!(refuse(Overrides { params: set("splc", "taau", 0.5), ..base() }).contains("`tau`"));
    assert!(refuse(Overrides { params: set("splc", "tau", 1.5), ..base() }).contains("range"));
    assert!(refuse(Overrides { params: set("bce", "x", 1.5), ..base() }).contains("not run"));
    let source = DataSource::embedded("voc");
    assert!(refuse(Overrides { data: Some(source), ..base() }).contains("voc-like"));
}

#[test]
fn a_run_that_fails_is_marked_and_leaves_the_others() {
    // A learning rate at which logits overflow for one loss and not for the other: the gradient of the sum is larger.
    let run = |losses: &str, lr: f32| {
        let overrides = Overrides {
            losses: Some(losses.split(',').map(String::from).collect()),
            lr: Some(lr),
            epochs: Some(1),
            seeds: Some(1),
            ..Overrides::default()
        };
        Plan::new(&spec(), &overrides).unwrap().run(RunOptions::jobs(1), &|_| {}).unwrap()
    };
    let report = run("an", 1e38);
    let failed = &report.losses[0].failed[0];
    assert!(failed.starts_with("an, seed 0, epoch 1, step ") && failed.contains("learning rate"), "{failed}");
    assert!(report.has_failures() && !report.has_results());
    assert_eq!((report.losses[0].map().as_str(), report.losses[0].test_map_mean), ("failed", None));
    assert!(report.markdown().contains("- failed: an, seed 0"), "{}", report.markdown());
}

#[test]
fn a_specification_with_a_typing_error_is_refused() {
    let text = include_str!("../../../repro/specs/spml-linear.toml").replace("epochs = 25", "epoch = 25");
    let error = Spec::parse(&text).unwrap_err().to_string();
    assert!(error.contains("epoch") && error.contains("line"), "{error}");
}
