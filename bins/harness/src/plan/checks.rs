//! What is checked, and made of a specification, before anything runs.

use super::{Overrides, PlannedLoss, TRIED_ROWS};
use crate::{Benchmark, HarnessError, LossSpec, MaskSource, Spec, TrainingSpec};
use lacuna_losses::{
    Label, LossError, LossGrad, LossInput, LossRow, MultiLabelLoss, Options, Takes, Targets,
};

/// Whether a loss takes several matrices of logits of the prediction, which no head here gives.
pub(super) fn is_branch_loss(row: &LossRow) -> bool {
    match row.takes {
        Takes::Logits | Takes::Estimates => false,
        Takes::MixedRows | Takes::Branches => true,
    }
}

pub(super) fn with_overrides(spec: &Spec, overrides: &Overrides) -> Result<Spec, HarnessError> {
    let mut spec = spec.clone();
    if let Some(data) = &overrides.data {
        spec.data = match spec.data.fingerprint {
            // A specification that was resolved stays one of the same data, wherever its files lie now.
            Some(_) => spec.data.updated(data),
            None => data.clone(),
        };
    }
    spec.protocol.mask = overrides.mask.unwrap_or(spec.protocol.mask);
    let training = &mut spec.training;
    training.seeds = overrides.seeds.unwrap_or(training.seeds);
    training.lr = overrides.lr.unwrap_or(training.lr);
    training.batch = overrides.batch.unwrap_or(training.batch);
    training.epochs = overrides.epochs.unwrap_or(training.epochs);
    training.check()?;
    spec.protocol.check()?;
    if let Some(names) = &overrides.losses {
        let of_spec = |name: &String| spec.losses.iter().find(|l| l.name == *name).cloned();
        let chosen = names.iter().map(|name| {
            of_spec(name).unwrap_or_else(|| LossSpec { name: name.clone(), params: Default::default() })
        });
        spec.losses = chosen.collect();
    }
    if spec.losses.is_empty() {
        return Err(HarnessError::Setting("no loss to run".to_string()));
    }
    for (i, loss) in spec.losses.iter().enumerate() {
        if spec.losses[..i].iter().any(|l| l.name == loss.name) {
            return Err(HarnessError::Setting(format!("the loss {} is named twice", loss.name)));
        }
    }
    for (name, parameter, value) in &overrides.params {
        lacuna_losses::find(name)?;
        let loss = spec.losses.iter_mut().find(|l| l.name == *name).ok_or_else(|| {
            HarnessError::Setting(format!("{name}.{parameter}: the loss {name} is not run"))
        })?;
        loss.params.insert(parameter.clone(), *value);
    }
    Ok(spec)
}

/// A loss with what it is built from, tried out on all labels it will train on.
pub(super) fn planned(
    row: &'static LossRow,
    options: Options,
    labels: &[Label],
    classes: usize,
) -> Result<PlannedLoss, LossError> {
    let statistics = row.statistics_of(labels, classes)?;
    let planned = PlannedLoss { row, options, statistics };
    try_out(&mut *planned.build()?, labels, classes)?;
    Ok(planned)
}

/// Shows a loss, whose state is thrown away afterwards, labels with logits of 0: what it refuses of them is found before
/// the first run. Rows within an error are those of the rows that train.
fn try_out(loss: &mut dyn MultiLabelLoss, labels: &[Label], classes: usize) -> Result<(), LossError> {
    let zeros = vec![0.0; TRIED_ROWS * classes];
    let ids: Vec<u32> = (0..(labels.len() / classes) as u32).collect();
    let matrices = loss.logit_matrices();
    loss.begin_epoch(0);
    for (labels, ids) in labels.chunks(TRIED_ROWS * classes).zip(ids.chunks(TRIED_ROWS)) {
        let logits = vec![&zeros[..labels.len()]; matrices];
        let input = LossInput {
            logits: &logits,
            rows: ids.len(),
            classes,
            targets: Targets { labels, soft: None, mix: None },
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
pub(super) fn memory_for(spec: &Spec, data: &Benchmark) -> Result<(), HarnessError> {
    let weights = spec.training.head.weights(data.train.features.columns(), data.classes());
    let mut trial: Vec<f32> = Vec::new();
    trial.try_reserve_exact(5 * weights as usize).map_err(|_| {
        HarnessError::Setting(format!(
            "head: {} has {weights} weights, and a run with their gradients and moments takes {:.1} GB, which is more \
             memory than there is",
            spec.training.head,
            20.0 * weights / 1e9
        ))
    })
}

/// Published numbers that were made as this plan makes its own: same data, same training, same loss.
pub(super) fn comparable(spec: &Spec, published: &Spec, data: &Benchmark) -> Vec<crate::Published> {
    let (ours, theirs) = (&spec.training, &published.training);
    // The shape of pictures is filled in from the data, which is compared by itself.
    let same_training =
        TrainingSpec { seeds: theirs.seeds, head: theirs.head.clone(), ..ours.clone() } == *theirs;
    let same_protocol = crate::ProtocolSpec { mask: published.protocol.mask, ..spec.protocol.clone() }
        == published.protocol
        && data.mask == MaskSource::Drawn;
    let find = |spec: &Spec, name: &str| spec.losses.iter().find(|l| l.name == name).cloned();
    let same_loss = |name: &str| {
        let ours = find(spec, name);
        ours.is_some() && ours == find(published, name)
    };
    let numbers = published.published.iter().filter(|_| same_training && same_protocol);
    let same_data = |p: &&crate::Published| p.data == data.name && p.train_rows == data.train.rows();
    numbers.filter(same_data).filter(|p| same_loss(&p.loss)).cloned().collect()
}
