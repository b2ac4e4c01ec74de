//! One audit in files, for programs that do the same with the same labels and folds.

use crate::AnyError;
use crate::sets::{Kind, Rows};
use lacuna::{AuditOptions, Label};
use lacuna_formats::{NpyArray, NpyData};
use std::path::Path;
use std::time::Instant;

/// Writes x.npy, truth.npy, given.npy (1, 0 unknown, -1), folds.npy and ranks.npy (of the cells that were ranked, the first 0;
/// -1 for the others), and returns the seconds of the audit.
pub(crate) fn write(rows: &Rows, kind: Kind, mask: u64, out: &Path) -> Result<f64, AnyError> {
    let (Rows { features, truth }, given) = kind.give(rows, mask)?;
    let options = AuditOptions { seed: mask, ..AuditOptions::default() };
    let start = Instant::now();
    let audit = options.run(&features, &given)?;
    let seconds = start.elapsed().as_secs_f64();
    let (rows, classes) = (truth.rows(), truth.classes());
    let listed = if kind.adds() { audit.wrong(usize::MAX) } else { audit.top(usize::MAX) };
    let mut ranks = vec![-1.0; rows * classes];
    for (rank, cell) in listed.iter().enumerate() {
        ranks[cell.row_index * classes + cell.class_index] = rank as f32;
    }
    let mut folds = vec![0; rows];
    for (fold, held) in options.rows_of_folds(rows).into_iter().enumerate() {
        held.into_iter().for_each(|row| folds[row] = fold as i8);
    }
    let number = |label: &Label| match label {
        Label::Positive => 1,
        Label::Unknown => 0,
        Label::Negative => -1,
    };
    let truth: Vec<i8> =
        (0..rows * classes).map(|c| i8::from(truth.get(c / classes, c % classes).is_positive())).collect();
    let given: Vec<i8> = given.cells().iter().map(number).collect();
    let save = |name: &str, shape: &[usize], data| -> Result<(), AnyError> {
        Ok(NpyArray::new(shape.to_vec(), data)?.save(&*out.join(format!("{name}.npy")))?)
    };
    let integers = |values: &[i8]| NpyData::I64(values.iter().map(|v| i64::from(*v)).collect());
    save("x", &[rows, features.columns()], NpyData::F32(features.values().to_vec()))?;
    save("ranks", &[rows, classes], NpyData::F32(ranks))?;
    save("truth", &[rows, classes], integers(&truth))?;
    save("given", &[rows, classes], integers(&given))?;
    save("folds", &[rows], integers(&folds))?;
    Ok(seconds)
}
