//! Corrected labels in a folder of their own; the data that was read stays as it is.

use crate::certified::{Change, apply};
use crate::cli::Outputs;
use crate::{Label, ObservedLabels};
use anyhow::Context;
use lacuna_formats::{NpyArray, NpyData, push_name, write_atomic};
use std::path::Path;

/// The number of a label, in files.
fn number(label: Label) -> i8 {
    label as i8
}

/// Writes `labels.npy` (1 positive, 0 unknown, -1 negative) and `diff.csv`.
pub(super) fn write(
    folder: &Path,
    outputs: &Outputs,
    observed: &ObservedLabels,
    changes: &[Change],
) -> anyhow::Result<()> {
    let corrected = apply(observed, changes);
    std::fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
    let (labels, diff) = (folder.join("labels.npy"), folder.join("diff.csv"));
    let (to_labels, to_diff) = (outputs.to(&labels)?, outputs.to(&diff)?);
    let cells = corrected.cells().iter().map(|&label| number(label)).collect();
    NpyArray::new(vec![corrected.rows(), corrected.classes()], NpyData::I8(cells))?.save(to_labels)?;
    let mut text = String::from("rank,row,class,row_index,class_index,before,after,answered\n");
    for Change { cell, rank, label, answered } in changes {
        text += &format!("{},", rank + 1);
        push_name(&mut text, &cell.row, ',');
        text.push(',');
        push_name(&mut text, &cell.class, ',');
        let (before, after) = (number(cell.label), number(*label));
        text += &format!(",{},{},{before},{after},{answered}\n", cell.row_index, cell.class_index);
    }
    write_atomic(to_diff, |file| file.write_all(text.as_bytes())).with_context(|| diff.display().to_string())
}
