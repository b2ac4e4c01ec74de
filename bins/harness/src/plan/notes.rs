//! Notes of a plan: what is not as somebody may take it, and stops no run.

use super::PlannedRow;
use crate::{HarnessError, Spec, SplitDataset};
use lacuna_train::{Evaluation, SAMPLERS, Training};

/// That features on disk are read in an order in which they cannot be read ahead.
pub(super) fn on_disk(
    data: &SplitDataset,
    spec: &Spec,
    trainings: &[Training],
) -> Result<Option<String>, HarnessError> {
    if !data.train.features.is_on_disk() {
        return Ok(None);
    }
    for training in trainings {
        for phase in training.phases()? {
            let (sampler, _) = phase.sampler.find(SAMPLERS)?;
            if sampler.is_scattered {
                return Ok(Some(format!(
                    "the features are not copied into memory: they are read from {} row by row in the order of the sampler {}; with \
                     training.sampler = \"blocks\" they are read ahead in blocks, which is faster",
                    spec.data.given(),
                    sampler.name
                )));
            }
        }
    }
    Ok(None)
}

/// That data with the name of one that the papers had is of another size than theirs.
pub(super) fn of_size(data: &SplitDataset, spec: &Spec) -> Option<String> {
    let needed = spec.needs.iter().find(|needed| needed.data == data.name)?;
    let here = [data.train.rows(), data.test.rows(), data.classes()];
    let there = [needed.train_rows, needed.test_rows, needed.classes];
    let words = |[train, test, classes]: [usize; 3]| format!("{train} + {test} rows and {classes} classes");
    (here != there).then(|| {
        format!(
            "{} has {}, and the data that the benchmark is about {}: the numbers elsewhere are of other rows",
            data.name,
            words(here),
            words(there)
        )
    })
}

/// What holds of the rows of the table: files that none of them looks at, and numbers of a warm-up.
pub(super) fn of_rows(rows: &[PlannedRow], spec: &Spec) -> Vec<String> {
    let mut notes = Vec::new();
    let procedures = || rows.iter().flat_map(|row| &row.procedures);
    if spec.data.background.is_some() && !procedures().any(|of| of.uses_background) {
        let note = "the background file has no effect: no row of the table draws background rows (procedure presence)";
        notes.push(note.to_string());
    }
    if spec.data.strong.is_some() && !procedures().any(|of| of.uses_strong) {
        let note = "the file of the strong view has no effect: no row of the table reads it (procedure semi, or the setting strong \
                    of another one)";
        notes.push(note.to_string());
    }
    notes.extend(rows.iter().filter_map(|row| warm_up(row, &spec.evaluation)));
    notes
}

/// What a number may be of that is no number of the method: its warm-up.
fn warm_up(row: &PlannedRow, evaluation: &Evaluation) -> Option<String> {
    let phases = row.training.phases().unwrap_or_default();
    let pairs = row.procedures.iter().zip(&phases);
    let (warm_up, epochs) =
        pairs.map(|(of, phase)| (of.warm_up, phase.epochs)).find(|(warm_up, _)| *warm_up > 0)?;
    let name = &row.name;
    match (warm_up >= epochs, evaluation.select == "last") {
        (true, _) => Some(format!(
            "{name}: warm_up = {warm_up} of {epochs} epochs, so that nothing but the warm-up is trained, and the method never begins"
        )),
        (false, false) => Some(format!(
            "{name}: the epoch is chosen among all, and the first {warm_up} are the warm-up; evaluation.select = \"last\" takes the last"
        )),
        (false, true) => None,
    }
}
