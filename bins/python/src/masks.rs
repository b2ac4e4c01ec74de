//! Every protocol of the table, on arrays.

use crate::arrays::{codes, features, labels};
use crate::errors::{Answer, refuse};
use lacuna_labels::TrueLabels;
use lacuna_protocols::{Holdout, MissingnessSummary, PROTOCOLS, Role, Split, Stratified, Subject, protocol};
use numpy::{PyArray2, PyReadonlyArray2};
use pyo3::prelude::*;
use pyo3::types::PyDict;
use std::collections::BTreeMap;

/// Adds the functions to the module.
pub(crate) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(protocol_table, module)?)?;
    module.add_function(wrap_pyfunction!(mask, module)?)?;
    module.add_function(wrap_pyfunction!(mask_summary, module)?)?;
    module.add_function(wrap_pyfunction!(holdout, module)?)?;
    module.add_function(wrap_pyfunction!(stratified, module)?)
}

/// The rows of the table.
#[pyfunction]
fn protocol_table(py: Python<'_>) -> PyResult<Vec<Bound<'_, PyDict>>> {
    let described = |row: &lacuna_protocols::Protocol| {
        let entry = PyDict::new(py);
        entry.set_item("name", row.name)?;
        let role = match row.role {
            Role::Mask => "mask",
            Role::Noise => "noise",
            Role::Split => "split",
            Role::Select => "select",
        };
        entry.set_item("role", role)?;
        entry.set_item("doc", row.doc)?;
        entry.set_item("source", row.source)?;
        entry.set_item("seed", row.seed)?;
        let settings: PyResult<Vec<_>> = row
            .settings
            .iter()
            .map(|setting| {
                let entry = PyDict::new(py);
                entry.set_item("name", setting.name)?;
                entry.set_item("default", setting.default)?;
                entry.set_item("doc", setting.doc)?;
                Ok(entry)
            })
            .collect();
        entry.set_item("settings", settings?)?;
        Ok(entry)
    };
    PROTOCOLS.iter().map(described).collect()
}

fn truth(array: &PyReadonlyArray2<'_, i8>) -> Answer<TrueLabels> {
    Ok(TrueLabels::try_from(labels(array)?)?)
}

/// Rows that are left, their labels, and the order in which batches visit them where the protocol has one.
#[pyfunction]
#[pyo3(signature = (name, y, values, *, seed=None, x=None))]
#[allow(clippy::type_complexity)]
fn mask<'py>(
    py: Python<'py>,
    name: &str,
    y: PyReadonlyArray2<'py, i8>,
    values: BTreeMap<String, f64>,
    seed: Option<u64>,
    x: Option<PyReadonlyArray2<'py, f32>>,
) -> Answer<(Vec<usize>, Bound<'py, PyArray2<i8>>, Option<Vec<usize>>)> {
    let row = protocol(name).ok_or_else(|| refuse(format!("unknown protocol {name}")))?;
    let settings: Vec<f64> = row
        .settings
        .iter()
        .map(|setting| values.get(setting.name).copied().unwrap_or(setting.default))
        .collect();
    let truth = truth(&y)?;
    let x = x.as_ref().map(features).transpose()?;
    if let Some(x) = x.as_ref().filter(|x| x.rows() != truth.rows()) {
        return Err(refuse(format!("{} rows of features and {} rows of labels", x.rows(), truth.rows())));
    }
    let subject = Subject { truth: &truth, features: x.as_ref() };
    let found = py.detach(|| row.apply(subject, seed.unwrap_or(row.seed), &settings))?;
    Ok((found.rows, codes(py, found.observed.matrix())?, found.order))
}

/// What is hidden of labels.
#[pyfunction]
fn mask_summary<'py>(
    py: Python<'py>,
    truth_of: PyReadonlyArray2<'py, i8>,
    observed: PyReadonlyArray2<'py, i8>,
) -> PyResult<Bound<'py, PyDict>> {
    let (truth, observed) = (truth(&truth_of)?, labels(&observed)?);
    if (truth.rows(), truth.classes()) != (observed.rows(), observed.classes()) {
        return Err(refuse("true and observed labels of different shapes").into());
    }
    let found = MissingnessSummary::of(&truth, &observed);
    let entry = PyDict::new(py);
    for (name, count) in [
        ("rows", found.rows),
        ("rows_affected", found.rows_affected),
        ("rows_emptied", found.rows_emptied),
        ("positives", found.positives),
        ("positives_kept", found.positives_kept),
        ("false_positives", found.false_positives),
        ("negatives", found.negatives),
        ("negatives_known", found.negatives_known),
    ] {
        entry.set_item(name, count)?;
    }
    entry.set_item("keep_rates", found.keep_rates)?;
    Ok(entry)
}

fn parts(split: Split) -> (Vec<usize>, Vec<usize>) {
    (split.train, split.val)
}

/// Rows that train and rows that validate, drawn without looking at labels.
#[pyfunction]
#[pyo3(signature = (rows, *, share=0.2, seed=None))]
fn holdout(rows: usize, share: f64, seed: Option<u32>) -> Answer<(Vec<usize>, Vec<usize>)> {
    let seed = seed.unwrap_or(Holdout::default().seed);
    Ok(parts(Holdout { val_share: share, seed }.split(rows)?))
}

/// Folds that keep the share of every class, or one split where no number of folds is given.
#[pyfunction]
#[pyo3(signature = (y, *, folds=None, share=0.2, seed=0))]
#[allow(clippy::type_complexity)]
fn stratified(
    y: PyReadonlyArray2<'_, i8>,
    folds: Option<usize>,
    share: f64,
    seed: u64,
) -> Answer<Vec<(Vec<usize>, Vec<usize>)>> {
    let truth = truth(&y)?;
    let stratified = Stratified { seed };
    let splits = match folds {
        Some(count) if count > truth.rows() => {
            return Err(refuse(format!("{count} folds of {} rows", truth.rows())));
        }
        Some(count) => stratified.folds(&truth, count)?,
        None => vec![stratified.split(&truth, share)?],
    };
    Ok(splits.into_iter().map(parts).collect())
}
