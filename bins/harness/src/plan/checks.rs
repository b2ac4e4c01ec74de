//! Checks of a specification before the runs.

use super::TRIED_ROWS;
use crate::{HarnessError, MaskSource, ProtocolSpec, Spec, SplitDataset};
use lacuna_losses::{LossError, LossGrad, LossInput, Mix, Targets};
use lacuna_train::{LossChoice, TrainError, TrainSet, Training};

/// Shows a loss, whose state is thrown away afterwards, all labels that it will train on with logits of 0: what it refuses
/// of them is found before the first run. Rows within an error are those of the rows that train.
pub(super) fn try_out(choice: &LossChoice, train: &TrainSet<'_>) -> Result<(), TrainError> {
    let mut loss = choice.build()?;
    let classes = train.classes();
    let mut labels = Vec::with_capacity(TRIED_ROWS * classes);
    let zeros = vec![0.0; TRIED_ROWS * classes];
    let ids: Vec<u32> = (0..train.len() as u32).collect();
    let matrices = loss.logit_matrices();
    loss.begin_epoch(0);
    for ids in ids.chunks(TRIED_ROWS) {
        labels.clear();
        ids.iter().for_each(|id| labels.extend_from_slice(train.labels_of(*id)));
        let mut logits = vec![&zeros[..labels.len()]; matrices];
        let mix = loss.mixes().then_some(Mix { first: &[0], second: &[0], lambda: 0.5 });
        if mix.is_some() {
            logits[matrices - 1] = &zeros[..classes];
        }
        let input = LossInput {
            logits: &logits,
            rows: ids.len(),
            classes,
            targets: Targets { labels: &labels, soft: None, mix, whole: None },
            sample_ids: ids,
            epoch: 0,
            step: 0,
        };
        loss.evaluate(&input, LossGrad::Unneeded).map_err(|error| match error {
            LossError::Label { loss, row, class, label, why } => {
                LossError::Label { loss, row: row + ids[0] as usize, class, label, why }
            }
            error => error,
        })?;
    }
    Ok(())
}

/// Whether there is memory for one run: weights, gradients, two moments and the best weights so far.
pub(super) fn memory_for(training: &Training, data: &SplitDataset) -> Result<(), HarnessError> {
    let weights = training.head.weights(data.train.features.columns(), data.classes());
    let mut trial: Vec<f32> = Vec::new();
    trial.try_reserve_exact(5 * weights as usize).map_err(|_| {
        HarnessError::Setting(format!(
            "head: {} has {weights} weights, and a run with their gradients and moments takes {:.1} GB, which exceeds \
             the memory",
            training.head,
            20.0 * weights / 1e9
        ))
    })
}

/// Published numbers that were made as this plan makes its own: same data, same training, same loss.
pub(super) fn comparable(spec: &Spec, published: &Spec, data: &SplitDataset) -> Vec<crate::Published> {
    let of_data = || published.published.iter().filter(|p| p.variant.is_none() && p.data == data.name);
    let Ok(theirs) = published.on(&data.name) else { return vec![] };
    let same_protocol = ProtocolSpec { mask: theirs.protocol.mask, ..spec.protocol.clone() }
        == theirs.protocol
        && data.mask == MaskSource::Drawn;
    // The shape of pictures is filled in from the data, which is compared by itself.
    let training = |spec: &Spec, name: &str| {
        let loss = spec.losses.iter().find(|l| l.row() == name)?;
        let training = spec.training_of(loss).ok()?;
        let labels = (loss.labels, loss.protocol.clone());
        Some((Training { seeds: 1, ..training }, loss.params.clone(), labels))
    };
    let same = |name: &str| {
        let (ours, theirs) = (training(spec, name), training(&theirs, name));
        match (ours, theirs) {
            (Some((mut ours, a, b)), Some((theirs, c, d))) => {
                if matches!(ours.head, lacuna_train::Head::Cnn(_)) {
                    ours.head = theirs.head.clone();
                }
                (ours, a, b) == (theirs, c, d)
            }
            _ => false,
        }
    };
    // Columns may be added; what chooses the epoch has to be the same.
    let (a, b) = (&spec.evaluation, &theirs.evaluation);
    let same_selection = (&a.select, a.on, a.patience) == (&b.select, b.on, b.patience);
    let same_protocol = same_protocol && same_selection;
    let numbers = of_data().filter(|p| same_protocol && p.train_rows == data.train.rows());
    numbers.filter(|p| same(&p.loss)).cloned().collect()
}
