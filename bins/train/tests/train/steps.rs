//! What happens in a step, in which order, and at which rate.

use crate::data::{Case, FEATURES, procedures};
use lacuna_formats::{Destination, NpyData, SafetensorsFile};
use lacuna_train::{GroupSpec, Head, MlpSpec, Named, Run, Training};
use std::collections::BTreeMap;

/// The f32 numbers of a checkpoint whose names start with this, by the rest of the name.
pub(crate) fn saved(run: &Run<'_>, prefix: &str) -> BTreeMap<String, Vec<f32>> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state.safetensors");
    run.checkpoint().write(Destination::new(&path)).unwrap();
    let mut file = SafetensorsFile::open(&path).unwrap();
    let names: Vec<String> = file.names().filter(|name| name.starts_with(prefix)).map(String::from).collect();
    let numbers = |name: String| match file.read(&name).unwrap().into_data() {
        NpyData::F32(values) => Some((name[prefix.len()..].to_string(), values)),
        _ => None,
    };
    names.into_iter().filter_map(numbers).collect()
}

/// An optimiser whose every update is the learning rate in size: Adam that remembers nothing divides each gradient by
/// itself.
fn signs() -> Named {
    Named::new("adam").set("beta1", 0.0).set("beta2", 0.0).set("eps", 1e-30)
}

/// Largest change of the parameters whose names start with this.
fn largest(before: &BTreeMap<String, Vec<f32>>, after: &BTreeMap<String, Vec<f32>>, prefix: &str) -> f64 {
    let changes = before
        .iter()
        .filter(|(name, _)| name.starts_with(prefix))
        .flat_map(|(name, before)| before.iter().zip(&after[name]).map(|(a, b)| f64::from(b - a).abs()));
    changes.fold(0.0, f64::max)
}

fn close(a: f64, b: f64) -> bool {
    (a - b).abs() <= 2e-3 * b
}

/// The case of this procedure and loss, with neither average nor clipping.
fn case(name: &str, loss: &str) -> Case {
    let mut case = procedures().into_iter().find(|case| case.name == name && case.loss == loss).unwrap();
    (case.training.ema, case.training.clip) = (None, None);
    case
}

fn start(case: &Case) -> Run<'_> {
    Run::new(case.set.data(), &case.training, &case.evaluation(), case.choice(), 0).unwrap()
}

fn mlp(batch_norm: bool, dropout: f64) -> Head {
    Head::Mlp(MlpSpec { batch_norm, dropout, ..MlpSpec::plain(vec![16]) })
}

#[test]
fn groups_follow_schedules_of_their_own() {
    let group = |matches: &str, lr_factor: f64, every: f64, gamma: f64| GroupSpec {
        matches: matches.to_string(),
        lr_factor,
        weight_decay: None,
        schedule: Some(Named::new("step").set("every", every).set("gamma", gamma).set("first", 1.0)),
    };
    let mut case = case("branches", "mfm");
    case.training = Training {
        optimizer: signs(),
        lr: 0.01,
        epochs: 7,
        groups: vec![group("head.", 1.0, 2.0, 0.5), group("tail.", 0.5, 3.0, 0.1)],
        schedule: Named::new("step").set("every", 4.0).set("gamma", 0.25),
        ..case.training
    };
    let mut run = start(&case);
    for epoch in 0..7_i32 {
        run.begin_epoch().unwrap();
        for step in 0..run.steps_per_epoch() {
            let before = saved(&run, "entry/");
            run.step(step).unwrap();
            let after = saved(&run, "entry/");
            // The groups count epochs from 1, the others from 0.
            let rates = [
                ("head.", 0.01 * 0.5_f64.powi((epoch + 1) / 2)),
                ("tail.", 0.005 * 0.1_f64.powi((epoch + 1) / 3)),
                ("balanced.", 0.01 * 0.25_f64.powi(epoch / 4)),
            ];
            for (prefix, rate) in rates {
                let moved = largest(&before, &after, prefix);
                assert!(close(moved, rate), "{prefix} in epoch {epoch}, step {step}: {moved}, not {rate}");
            }
        }
        run.end_epoch(0.0).unwrap();
    }
}

#[test]
fn a_factor_holds_for_its_group_and_the_first_group_decides() {
    let group = |matches: &str, lr_factor: f64| GroupSpec {
        matches: matches.to_string(),
        lr_factor,
        weight_decay: None,
        schedule: None,
    };
    let mut case = case("plain", "an");
    case.training = Training {
        optimizer: signs(),
        head: mlp(false, 0.0),
        lr: 0.01,
        groups: vec![group("bias", 0.1), group("0.", 3.0)],
        ..case.training
    };
    let mut run = start(&case);
    let before = saved(&run, "entry/");
    run.begin_epoch().unwrap();
    run.step(0).unwrap();
    let after = saved(&run, "entry/");
    for (prefix, rate) in [("0.weight", 0.03), ("0.bias", 0.001), ("2.weight", 0.01), ("2.bias", 0.001)] {
        let moved = largest(&before, &after, prefix);
        assert!(close(moved, rate), "{prefix}: {moved}, not {rate}");
    }
}

#[test]
fn every_update_has_the_rate_of_its_own_step() {
    let mut case = case("plain", "an");
    // 45 steps: half a cosine; a tenth after every two epochs of nine steps.
    let cosine = |step: f64| 0.005 * (1.0 + (std::f64::consts::PI * step / 45.0).cos());
    let tenths = |step: f64| 0.01 * 0.1_f64.powi((step / 18.0) as i32);
    let rates: [(_, &dyn Fn(f64) -> f64); 2] =
        [(Named::new("cosine"), &cosine), (Named::new("step").set("every", 2.0), &tenths)];
    for (schedule, rate) in rates {
        case.training = Training { optimizer: signs(), lr: 0.01, schedule, ..case.training };
        let mut run = start(&case);
        let mut steps = 0;
        while !run.is_done() {
            run.begin_epoch().unwrap();
            for step in 0..run.steps_per_epoch() {
                let before = saved(&run, "entry/");
                run.step(step).unwrap();
                let moved = largest(&before, &saved(&run, "entry/"), "");
                let expected = rate(f64::from(steps));
                assert!(close(moved, expected), "step {steps}: {moved}, not {expected}");
                steps += 1;
            }
            run.end_epoch(0.0).unwrap();
        }
        assert_eq!(steps, 45);
    }
    // One cycle begins at a 25th of the rate: the first update has the first rate, not that of the optimiser.
    case.training = Training { schedule: Named::new("one-cycle"), ..case.training };
    case.training.optimizer = Named::new("sgd");
    let moved = |schedule: &str| {
        let case = Case {
            training: Training { schedule: Named::new(schedule), ..case.training.clone() },
            ..self::case("plain", "an")
        };
        let mut run = start(&case);
        let before = saved(&run, "entry/");
        run.begin_epoch().unwrap();
        run.step(0).unwrap();
        largest(&before, &saved(&run, "entry/"), "")
    };
    assert!(close(25.0 * moved("one-cycle"), moved("constant")));
}

#[test]
fn gradients_are_clipped_before_the_update() {
    let norm = |clip: Option<f64>| {
        let mut case = case("plain", "an");
        case.training = Training { optimizer: Named::new("sgd"), lr: 1.0, clip, ..case.training };
        let mut run = start(&case);
        let before = saved(&run, "entry/");
        run.begin_epoch().unwrap();
        run.step(0).unwrap();
        let after = saved(&run, "entry/");
        let squares = before.iter().flat_map(|(name, before)| {
            before.iter().zip(&after[name]).map(|(a, b)| f64::from(b - a).powi(2)).collect::<Vec<_>>()
        });
        squares.sum::<f64>().sqrt()
    };
    let free = norm(None);
    assert!(free > 1e-2 && close(norm(Some(2.0 * free)), free), "a norm below the bound stays: {free}");
    assert!(close(norm(Some(free / 8.0)), free / 8.0));
}

#[test]
fn a_training_step_moves_running_statistics_and_drops_units_and_evaluation_does_neither() {
    let mut case = case("plain", "an");
    case.training.head = mlp(true, 0.0);
    let mut run = start(&case);
    let first = saved(&run, "entry/");
    run.begin_epoch().unwrap();
    run.step(0).unwrap();
    let stepped = saved(&run, "entry/");
    for name in ["1.running_mean", "1.running_var"] {
        assert_ne!(first[name], stepped[name], "{name} moves in a step");
    }
    // The mean of ReLU's inputs is not 0, and a tenth of it is taken in.
    assert!(stepped["1.running_mean"].iter().any(|mean| mean.abs() > 1e-3));
    run.end_epoch(0.0).unwrap();
    assert_eq!(saved(&run, "entry/"), stepped, "the validation rows leave everything as it is");
    // The loss of the first step sees the noise of training.
    let first_loss = |dropout: f64| {
        let mut case = self::case("plain", "an");
        case.training.head = mlp(false, dropout);
        let mut run = start(&case);
        run.begin_epoch().unwrap();
        run.step(0).unwrap()
    };
    assert_ne!(first_loss(0.5), first_loss(0.0), "units are dropped");
}

#[test]
fn averages_take_in_the_weights_after_each_update() {
    let mut case = case("plain", "an");
    case.training = Training { head: mlp(true, 0.0), ema: Some(0.75), lr: 0.1, ..case.training };
    let mut run = start(&case);
    let mut expected: BTreeMap<String, Vec<f64>> = saved(&run, "entry/")
        .into_iter()
        .map(|(name, values)| (name, values.into_iter().map(f64::from).collect()))
        .collect();
    run.begin_epoch().unwrap();
    for step in 0..4 {
        run.step(step).unwrap();
        let (weights, averages) = (saved(&run, "entry/"), saved(&run, "ema/"));
        assert_eq!(weights.keys().collect::<Vec<_>>(), averages.keys().collect::<Vec<_>>());
        for (name, average) in &mut expected {
            for ((e, w), kept) in average.iter_mut().zip(&weights[name]).zip(&averages[name]) {
                *e = 0.75 * *e + 0.25 * f64::from(*w);
                assert!((*e - f64::from(*kept)).abs() < 1e-5, "{name}, step {step}: {kept}, not {e}");
            }
        }
        assert_ne!(weights["0.weight"], averages["0.weight"]);
    }
    assert_eq!(expected["0.weight"].len(), 16 * FEATURES);
}

#[test]
fn lbfgs_refuses_heads_that_are_another_function_each_time() {
    for (head, what) in [(mlp(true, 0.0), "batch norm"), (mlp(false, 0.2), "dropout")] {
        let mut case = case("plain", "an");
        case.training = Training { optimizer: Named::new("lbfgs"), head, ..case.training };
        let run = Run::new(case.set.data(), &case.training, &case.evaluation(), case.choice(), 0);
        let error = run.err().map(|error| error.to_string()).unwrap_or_default();
        assert!(error.starts_with("optimizer lbfgs: ") && error.contains(what), "{error}");
    }
}
