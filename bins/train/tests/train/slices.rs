//! Tasks that train some of the classes each end where one task ends that trains them all.

use crate::data::{CLASSES, procedures};
use lacuna_labels::{LabelMatrix, ObservedLabels};
use lacuna_train::{
    ClassSlice, Data, EpochWeights, Evaluation, JoinedEpochs, LossChoice, Outcome, Run, TrainError, TrainSet,
    Training,
};

#[test]
fn joined_slices_are_the_run_of_all_classes() {
    let case = procedures().remove(0);
    let data = case.set.data();
    let training = Training { clip: None, ..case.training.clone() };
    let mut run = Run::new(data, &training, &case.evaluation(), case.choice(), 0).unwrap();
    while !run.is_done() {
        run.epoch().unwrap();
    }
    let whole = run.finish().unwrap();

    let observed = &case.set.observed;
    let rows = observed.rows();
    let known: Vec<u32> = (0..rows)
        .map(|row| (0..CLASSES).filter(|&class| observed.get(row, class).is_known()).count() as u32)
        .collect();
    let evaluation = Evaluation { select: "last".to_string(), ..case.evaluation() };
    let facts = |of: &'static str| [("classes", of)];
    let trained = [(0..2, "0..2"), (2..CLASSES, "2..5")].map(|(classes, name)| {
        let cells = (0..rows).flat_map(|row| classes.clone().map(move |class| observed.get(row, class)));
        let part: ObservedLabels = LabelMatrix::new(rows, classes.len(), cells.collect()).unwrap().into();
        let slice = Some(ClassSlice { first: classes.start, all: CLASSES, known: &known });
        let data = Data::new(TrainSet { observed: &part, slice, ..data.train });
        let choice = LossChoice { cut: Some(classes), ..case.choice() };
        let mut run = Run::new(data, &training, &evaluation, choice, 0).unwrap();
        let mut epochs = vec![];
        while !run.is_done() {
            run.epoch().unwrap();
            epochs.push(EpochWeights::of(&run, &facts(name)));
        }
        epochs
    });

    let join = |at: &mut dyn FnMut(usize) -> Result<Vec<EpochWeights>, TrainError>| {
        let slices = JoinedEpochs { epochs: training.epochs, at };
        Run::join(data, &training, &case.evaluation(), case.choice(), 0, slices)
    };
    let of = |epoch: usize| trained.iter().map(|epochs| epochs[epoch - 1].clone()).collect::<Vec<_>>();
    let joined = join(&mut |epoch| Ok(of(epoch))).unwrap();
    assert_eq!(format!("{:?}", joined.metrics), format!("{:?}", whole.metrics));
    assert_eq!(joined.best_epoch, whole.best_epoch);
    let bits = |outcome: &Outcome| -> Vec<Vec<u32>> {
        outcome.weights.iter().map(|w| w.values.iter().map(|x| x.to_bits()).collect()).collect()
    };
    assert_eq!(bits(&joined), bits(&whole));
    for (joined, whole) in joined.epochs.iter().zip(&whole.epochs) {
        assert_eq!(joined.val, whole.val);
        assert!((joined.loss - whole.loss).abs() < 1e-6 * whole.loss, "{} {}", joined.loss, whole.loss);
    }
    // The classes in another order are other classes, and some of them are no head.
    let turned = join(&mut |epoch| Ok(of(epoch).into_iter().rev().collect())).unwrap();
    assert_ne!(format!("{:?}", turned.metrics), format!("{:?}", whole.metrics));
    let short = join(&mut |epoch| Ok(of(epoch)[..1].to_vec())).unwrap_err().to_string();
    assert!(short.contains("has 24 numbers, and a head of 5 classes has 60"), "{short}");

    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("weights");
    trained[0][4].write(&path).unwrap();
    // Values that were not measured are NaN, so numbers are compared as they are printed.
    let read = EpochWeights::read(&path, &facts("0..2")).unwrap();
    assert_eq!(format!("{read:?}"), format!("{:?}", trained[0][4]));
    let other = EpochWeights::read(&path, &facts("2..5")).unwrap_err().to_string();
    assert!(other.contains("its classes is 0..2, and 2..5 is needed"), "{other}");
}
