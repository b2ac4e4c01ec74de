//! Files in every format, as arrays: read and joined as the program does.

use crate::arrays::{codes, matrix};
use crate::errors::{Answer, Refused, raised, refuse};
use lacuna::stated::{Question, Written};
use lacuna_formats::{FORMATS, LabelTable, Limits, Table, recognised};
use lacuna_labels::ObservedLabels;
use lacuna_source::{DataSource, Dataset};
use pyo3::prelude::*;
use pyo3::types::PyDict;
use std::path::Path;

/// Adds the functions to the module.
pub(crate) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(read, module)?)?;
    module.add_function(wrap_pyfunction!(format_table, module)?)
}

/// Names and descriptions of the formats.
#[pyfunction]
fn format_table() -> Vec<(&'static str, &'static str)> {
    FORMATS.iter().map(|format| (format.name, format.doc)).collect()
}

/// Features and labels of a data set that is described as in a specification, as JSON; without `path` its labels alone.
#[pyfunction]
fn read<'py>(py: Python<'py>, source: &str, complete: bool, test: bool) -> PyResult<Bound<'py, PyDict>> {
    opened(py, source, complete, test).map_err(PyErr::from)
}

fn opened<'py>(py: Python<'py>, source: &str, complete: bool, test: bool) -> Answer<Bound<'py, PyDict>> {
    let mut source: DataSource = serde_json::from_str(source)?;
    if let Some(path) = source.path.as_deref().filter(|path| std::fs::symlink_metadata(path).is_err()) {
        // The name of a set that is made, or of nothing.
        source.embedded = DataSource::named(Path::new(path))?.embedded;
        source.path = None;
    }
    let alone = source.path.is_none() && source.embedded.is_none();
    let data = py.detach(|| if alone { source.open_labels() } else { source.open() })?;
    let labels_of = source.labels.clone().unwrap_or_else(|| source.given().to_string());
    let question = Asked::new(&source, &data, complete);
    let notes = data.notes.clone();
    let table = match (test, data.test) {
        (false, _) => data.train,
        (true, Some(test)) => test,
        (true, None) => return Err(refuse(format!("{labels_of}: there are no test rows"))),
    };
    let entry = PyDict::new(py);
    let set = |name: &str, value: Bound<'py, PyAny>| entry.set_item(name, value).map_err(raised);
    let labels = if test { of_table(&table)? } else { question.labels(&table, &labels_of)? };
    let Table { path, names, features, classes, image, .. } = table;
    if let Some(features) = features {
        let features = features.into_dense(&path, &Limits::default())?;
        let (rows, columns) = (features.rows(), features.columns());
        let mut values = Vec::with_capacity(rows * columns);
        (0..rows).for_each(|row| values.extend_from_slice(features.row(row)));
        set("features", matrix(py, values, rows, columns)?.into_any())?;
    }
    if let Some(labels) = labels {
        set("labels", codes(py, labels.matrix())?.into_any())?;
    }
    let fill = || {
        entry.set_item("row_names", names.map(|names| names.to_vec()))?;
        entry.set_item("class_names", (!classes.is_empty()).then(|| classes.to_vec()))?;
        entry.set_item("image", image)?;
        entry.set_item("notes", notes)
    };
    fill().map_err(raised)?;
    Ok(entry)
}

fn of_table(table: &Table) -> Answer<Option<ObservedLabels>> {
    let limits = Limits::default();
    Ok(table.labels.as_ref().map(|labels| labels.to_observed(&table.path, &limits)).transpose()?)
}

/// What the caller has said about the labels, and how they are written.
struct Asked {
    complete: bool,
    /// Whether it was said that zeros were looked at.
    stated: bool,
    listed: bool,
    written: Written,
    /// Whether the format says that its labels are true ones.
    by_format: bool,
}

impl Asked {
    fn new(source: &DataSource, data: &Dataset, complete: bool) -> Self {
        let negative = source
            .unlisted
            .is_some_and(|rest| lacuna_labels::Label::from(rest) == lacuna_labels::Label::Negative);
        let stated = complete || source.label_convention.is_some() || negative;
        let own = source.labels.as_deref().map(Path::new).filter(|path| path.exists());
        let format = match own {
            Some(path) => recognised(path).map(|format| format.name),
            None => data.source.format.as_deref(),
        };
        let lists = matches!(data.train.labels, Some(LabelTable::Lists(_)));
        let written = match format {
            Some("coco" | "libsvm" | "tfrecord") => Written::CompleteLists,
            _ if lists => Written::Lists,
            _ => Written::Matrix,
        };
        let true_ones = source.embedded.is_some() || matches!(format, Some("spml" | "mulan"));
        let listed = stated || source.unlisted.is_some();
        Self { complete, stated, listed, written, by_format: own.is_none() && true_ones }
    }

    /// Observed labels of the training rows; those that may be incomplete and do not say so are refused.
    fn labels(&self, table: &Table, path: &str) -> Answer<Option<ObservedLabels>> {
        if let (false, Some(observed)) = (self.complete, &table.observed) {
            return Ok(Some(observed.clone()));
        }
        let Some(labels) = of_table(table)? else { return Ok(None) };
        match Question::of(&labels, self.written).filter(|_| !self.by_format) {
            Some(Question::Unlisted) if !self.listed => Err(ask(
                path,
                "it lists positives, and does not say whether a class that is not listed is absent or was not looked at: \
                 unlisted='unknown' if only what was seen is listed, unlisted='negative' (or complete=True) if the lists are \
                 complete",
            )),
            Some(Question::Zeros { single }) if !self.stated => {
                let looks = match single {
                    true => "no row has more than one positive, which is what incomplete labels look like; ",
                    false => "",
                };
                Err(ask(
                    path,
                    &format!(
                        "its labels are 1 and 0, and it does not say whether 0 is \"absent\" or \"not looked at\": {looks}complete=True \
                         if every class was looked at in every row, convention='binary-an' if 0 is unknown"
                    ),
                ))
            }
            _ if self.complete => Ok(Some(ObservedLabels::from(labels.assume_negative()))),
            _ => Ok(Some(labels)),
        }
    }
}

fn ask(path: &str, question: &str) -> Refused {
    refuse(format!("{path}: {question}"))
}
