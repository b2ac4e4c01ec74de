//! A second extraction of the features of the training rows.

use crate::SourceError;
use lacuna_formats::{Limits, ReadOptions, Table, files_read, open_data};
use lacuna_labels::Features;
use std::collections::HashMap;
use std::path::{Path, PathBuf};

/// Reads the features of the same rows under stronger augmentation, in the order of `train`: by name where both have
/// names, else by position.
///
/// # Errors
/// What the format answers; [`SourceError::Setting`] where the rows or the features do not fit.
pub(crate) fn read(path: &Path, train: &Table) -> Result<(Features, Vec<PathBuf>), SourceError> {
    let table = open_data(path, &ReadOptions::default())?.train;
    let wrong = |problem: String| SourceError::Setting(format!("{}: {problem}", path.display()));
    let Some(features) = table.features else {
        return Err(wrong("there are no features in it, and --strong needs some".to_string()));
    };
    let features = features.into_dense(path, &Limits::default())?;
    let (rows, columns) =
        train.features.as_ref().map_or((0, 0), |features| (features.rows(), features.columns()));
    if features.columns() != columns {
        return Err(wrong(format!(
            "its rows have {} features, expected {columns} as in the training rows: the two are extractions by one model",
            features.columns()
        )));
    }
    let files = files_read(path, None);
    if let (Some(strong), Some(names)) = (&table.names, &train.names) {
        let places: HashMap<&str, usize> = strong.iter().zip(0..).collect();
        let place = |name: &str| {
            places
                .get(name)
                .copied()
                .ok_or_else(|| wrong(format!("missing row `{}`", lacuna_formats::shown(name))))
        };
        let order: Vec<usize> = names.iter().map(place).collect::<Result<_, _>>()?;
        return Ok((features.select(&order), files));
    }
    if features.rows() != rows {
        return Err(wrong(format!(
            "it has {} rows, expected {rows} as in the training rows",
            features.rows()
        )));
    }
    Ok((features, files))
}
