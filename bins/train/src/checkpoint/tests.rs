use super::*;
use crate::{EvalLabels, EvalRows, EvalSet, TrainSet};
use lacuna_labels::{Features, Label, LabelMatrix, ObservedLabels};

/// Weights of an epoch that was none were taken as they are, and the next best epoch was written over them.
#[test]
fn best_epochs_of_another_run_are_refused() {
    let x = Features::new(6, 2, (0..12).map(|i| (i % 5) as f32 - 2.0).collect()).unwrap();
    let cells = (0..18).map(|i| if i % 4 == 0 { Label::Positive } else { Label::Negative });
    let y = ObservedLabels::from(LabelMatrix::new(6, 3, cells.collect()).unwrap());
    let rows: Vec<u32> = (0..6).collect();
    let train = TrainSet::new(&x, &y, &rows);
    let val = EvalSet { features: (&x).into(), labels: EvalLabels::Observed(&y), rows: EvalRows::All };
    let data = || Data { val: Some(val), ..Data::new(train) };
    let training = Training { batch: 3, epochs: 3, ema: Some(0.9), ..Training::default() };
    let evaluation = Evaluation::default();
    let loss = || LossChoice::new("bce", lacuna_losses::Options::default(), &train).unwrap();
    let mut run = Run::new(data(), &training, &evaluation, loss(), 1).unwrap();
    run.epoch().unwrap();
    let whole = run.checkpoint();
    let resumed = |change: &dyn Fn(&mut Checkpoint)| {
        let mut state = whole.clone();
        change(&mut state);
        let resumed = Run::resume(data(), &training, &evaluation, loss(), 1, &state);
        resumed.map(drop).map_err(|error| error.to_string())
    };
    assert_eq!(resumed(&|_| {}), Ok(()));
    let weights = |name: &str, numbers: usize| {
        let name = name.to_string();
        resumed(&|state: &mut Checkpoint| {
            state.tensors.insert(name.clone(), Values::F32(vec![0.0; numbers]));
        })
    };
    for name in ["best/0", "best-observed/0", "best-observed-averaged/0"] {
        let refused = weights(name, 5).unwrap_err();
        assert!(refused.contains("has weights of another size"), "{name}: {refused}");
    }
    let set = |key: &str, value: &str| {
        let (key, value) = (key.to_string(), value.to_string());
        resumed(&|state: &mut Checkpoint| {
            state.metadata.insert(key.clone(), value.clone());
        })
    };
    assert!(set("best_epoch", "2").unwrap_err().contains("is an epoch that has not been"));
    assert!(set("step", "1099511627776").unwrap_err().contains("is beyond the steps of a run"));
    assert!(set("epoch", "2").unwrap_err().contains("is beyond the epochs of the run"));
}
