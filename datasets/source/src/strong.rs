//! Further features: a second extraction of those of the training rows, and background rows.

use crate::SourceError;
use lacuna_formats::{FeatureTable, Limits, ReadOptions, Strings, Table, files_read, open_data};
use lacuna_labels::Features;
use std::collections::HashMap;
use std::path::{Path, PathBuf};

/// Reads the features of the same rows under stronger augmentation, in the order of `train`: by name where both have
/// names, else by position.
///
/// # Errors
/// What the format answers; [`SourceError::Setting`] where the rows or the features do not fit.
pub(crate) fn read(path: &Path, train: &Table) -> Result<(Features, Vec<PathBuf>), SourceError> {
    let (features, names) = features_of(path, train, "strong", "the two are extractions by one model")?;
    let rows = train.features.as_ref().map_or(0, FeatureTable::rows);
    let wrong = |problem: String| wrong(path, problem);
    let files = files_read(path, None);
    if let (Some(strong), Some(names)) = (&names, &train.names) {
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

/// Reads background rows: points of the space of the features of `train`, any number of them, in any order.
///
/// # Errors
/// What the format answers; [`SourceError::Setting`] where the features do not fit.
pub(crate) fn background(path: &Path, train: &Table) -> Result<(Features, Vec<PathBuf>), SourceError> {
    let (features, _) =
        features_of(path, train, "background", "background rows are points of the same space")?;
    if features.rows() == 0 {
        return Err(wrong(path, "it has no rows, and background rows are drawn from it".to_string()));
    }
    Ok((features, files_read(path, None)))
}

fn wrong(path: &Path, problem: String) -> SourceError {
    SourceError::Setting(format!("{}: {problem}", path.display()))
}

/// The features of a file with as many columns as those of `train`, and the names of its rows.
fn features_of(
    path: &Path,
    train: &Table,
    option: &str,
    why: &str,
) -> Result<(Features, Option<Strings>), SourceError> {
    let table = open_data(path, &ReadOptions::default())?.train;
    let Some(features) = table.features else {
        return Err(wrong(path, format!("there are no features in it, and --{option} needs some")));
    };
    let features = features.into_dense(path, &Limits::default())?;
    let columns = train.features.as_ref().map_or(0, FeatureTable::columns);
    if features.columns() != columns {
        let found = features.columns();
        let problem =
            format!("its rows have {found} features, expected {columns} as in the training rows: {why}");
        return Err(wrong(path, problem));
    }
    Ok((features, table.names))
}
