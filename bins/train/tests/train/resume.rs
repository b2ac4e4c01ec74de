//! A run that was stopped after any epoch goes on with the same bits.

use crate::data::{CLASSES, Case, procedures};
use lacuna_labels::TrueLabels;
use lacuna_train::{
    Also, Checkpoint, CheckpointFolder, Data, EpochRecord, EvalLabels, Evaluation, Named, Outcome, Run,
    StateError, TrainError,
};

fn start(case: &Case) -> Run<'_> {
    Run::new(case.set.data(), &case.training, &case.evaluation(), case.choice(), 7).unwrap()
}

fn to_the_end(mut run: Run<'_>) -> Outcome {
    while !run.is_done() {
        run.epoch().unwrap();
    }
    run.finish().unwrap()
}

/// Everything that has to be the same.
fn bits(outcome: &Outcome) -> (String, Vec<Vec<u32>>, Vec<EpochRecord>) {
    let weights = outcome.weights.iter().map(|w| w.values.iter().map(|x| x.to_bits()).collect()).collect();
    (
        format!("{} {:?} {:?}", outcome.best_epoch, outcome.metrics, outcome.report),
        weights,
        outcome.epochs.clone(),
    )
}

#[test]
fn every_procedure_with_every_optimiser_resumes_bit_for_bit() {
    let optimizers = [
        Named::new("adam").set("weight_decay", 1e-3),
        Named::new("adamw").set("weight_decay", 1e-2),
        Named::new("sgd").set("momentum", 0.9).set("nesterov", 1.0).set("weight_decay", 1e-4),
        Named::new("lbfgs").set("weight_decay", 1e-3).set("history", 3.0),
    ];
    let folder = tempfile::tempdir().unwrap();
    for optimizer in optimizers {
        for mut case in procedures() {
            // Noise and mixing make another function of every step, along which no line can be searched.
            if optimizer.name == "lbfgs" && (case.name != "plain" || case.loss != "an") {
                continue;
            }
            case.training.optimizer = optimizer.clone();
            // L-BFGS searches its own step.
            match optimizer.name.as_str() {
                "lbfgs" => case.training.clip = None,
                _ => case.training.schedule = Named::new("one-cycle"),
            }
            let what = format!("{} {} {}", case.name, case.loss, optimizer.name);
            let whole = to_the_end(start(&case));
            for stop in [1, 3] {
                let mut run = start(&case);
                for _ in 0..stop {
                    run.epoch().unwrap();
                }
                let path = folder.path().join("state.safetensors");
                run.checkpoint().write(lacuna_formats::Destination::replacing(&path)).unwrap();
                drop(run);
                let from = Checkpoint::read(&path).unwrap();
                assert_eq!(from.epochs_done(), stop);
                let resumed =
                    Run::resume(case.set.data(), &case.training, &case.evaluation(), case.choice(), 7, &from);
                let resumed = resumed.unwrap_or_else(|error| panic!("{what}: {error}"));
                assert_eq!(bits(&to_the_end(resumed)), bits(&whole), "{what}, stopped after {stop}");
            }
        }
    }
}

#[test]
fn the_epoch_that_observed_labels_choose_and_hidden_positives_resume_too() {
    let cases = procedures();
    let case = cases.iter().find(|case| case.name == "plain" && case.loss == "an").unwrap();
    let evaluation = Evaluation { also: vec![Also::Observed], hidden: true, ..case.evaluation() };
    // Labels of which the true ones have nothing, so that another epoch is chosen.
    let other = TrueLabels::from_fn(24, CLASSES, |row, class| (row / 3 + class) % 3 == 0);
    let data = Data {
        val_observed: Some(EvalLabels::Complete(&other)),
        hidden: Some(&case.set.truth),
        ..case.set.data()
    };
    let start = || Run::new(data, &case.training, &evaluation, case.choice(), 7).unwrap();
    let whole = to_the_end(start());
    let observed = whole.observed.as_ref().unwrap();
    assert_ne!(observed.epoch, whole.best_epoch);
    assert_ne!(observed.test_logits, whole.test_logits);
    assert!(whole.metrics.contains_key("map.observed"));
    let found: Vec<f64> = whole.epochs.iter().map(|epoch| epoch.hidden.unwrap()).collect();
    assert!(found.len() == 5 && found.iter().all(|share| *share > 0.0 && *share < 1.0), "{found:?}");
    let mut run = start();
    for _ in 0..3 {
        run.epoch().unwrap();
    }
    let from = run.checkpoint();
    let resumed = Run::resume(data, &case.training, &evaluation, case.choice(), 7, &from).unwrap();
    let resumed = to_the_end(resumed);
    assert_eq!((bits(&resumed), &resumed.observed), (bits(&whole), &whole.observed));
}

#[test]
fn a_state_of_other_settings_or_damaged_bytes_is_refused() {
    let case = &procedures().into_iter().find(|case| case.loss == "an").unwrap();
    let mut run = start(case);
    run.epoch().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let kept = CheckpointFolder::new(folder.path().join("kept"));
    let first = kept.write(&run.checkpoint()).unwrap();
    run.epoch().unwrap();
    let second = kept.write(&run.checkpoint()).unwrap();
    run.epoch().unwrap();
    let third = kept.write(&run.checkpoint()).unwrap();
    assert!(!first.exists() && second.exists() && third.exists(), "the last two are kept");

    let from = Checkpoint::read(&third).unwrap();
    let mut other = case.training.clone();
    other.lr *= 2.0;
    let refused = |training, seed| {
        Run::resume(case.set.data(), training, &case.evaluation(), case.choice(), seed, &from).err()
    };
    assert!(matches!(
        refused(&other, 7),
        Some(TrainError::State(StateError::OtherRun { what: "a setting", .. }))
    ));
    assert!(matches!(
        refused(&case.training, 8),
        Some(TrainError::State(StateError::OtherRun { what: "the seed", .. }))
    ));

    // Every byte counts: one that is changed is noticed, and the checkpoint before is used.
    let bytes = std::fs::read(&third).unwrap();
    for at in [0, 9, bytes.len() / 2, bytes.len() - 1] {
        let mut damaged = bytes.clone();
        damaged[at] ^= 1;
        std::fs::write(&third, &damaged).unwrap();
        assert!(Checkpoint::read(&third).is_err(), "byte {at}");
    }
    std::fs::write(&third, &bytes[..bytes.len() - 3]).unwrap();
    let (newest, notes) = kept.newest();
    assert_eq!(newest.unwrap().epochs_done(), 2);
    assert!(notes.len() == 1 && notes[0].contains("state-000003"), "{notes:?}");
    kept.clear();
    assert!(!kept.path().exists());
}
