//! NumPy arrays as matrices of the library and back.

use crate::errors::{Answer, refuse};
use lacuna_labels::{Features, Label, LabelMatrix, ObservedLabels, Store};
use numpy::{PyArray1, PyArray2, PyArrayMethods, PyReadonlyArray2, PyUntypedArrayMethods};
use pyo3::prelude::*;
use std::sync::Arc;

/// Numbers of a matrix in the order of its rows.
pub(crate) fn values<'a, T: numpy::Element>(array: &'a PyReadonlyArray2<'_, T>) -> Answer<&'a [T]> {
    // The Python side has made the array contiguous.
    array.as_slice().map_err(|_| refuse("an array that is not C-contiguous"))
}

/// Labels of 1, 0 for unknown and -1.
pub(crate) fn labels(array: &PyReadonlyArray2<'_, i8>) -> Answer<LabelMatrix> {
    let (rows, classes) = (array.shape()[0], array.shape()[1]);
    let cells = values(array)?.iter().map(|&code| label(code)).collect();
    Ok(LabelMatrix::new(rows, classes, cells)?)
}

/// Observed labels of 1, 0 for unknown and -1.
pub(crate) fn observed(array: &PyReadonlyArray2<'_, i8>) -> Answer<ObservedLabels> {
    Ok(labels(array)?.into())
}

fn label(code: i8) -> Label {
    match code {
        1 => Label::Positive,
        -1 => Label::Negative,
        _ => Label::Unknown,
    }
}

/// Labels as 1, 0 for unknown and -1, `[rows, classes]`.
pub(crate) fn codes<'py>(py: Python<'py>, labels: &LabelMatrix) -> Answer<Bound<'py, PyArray2<i8>>> {
    let cells: Vec<i8> = labels.cells().iter().map(|label| *label as i8).collect();
    matrix(py, cells, labels.rows(), labels.classes())
}

/// A matrix of these values.
pub(crate) fn matrix<T: numpy::Element>(
    py: Python<'_>,
    values: Vec<T>,
    rows: usize,
    columns: usize,
) -> Answer<Bound<'_, PyArray2<T>>> {
    PyArray1::from_vec(py, values).reshape([rows, columns]).map_err(crate::errors::raised)
}

/// Values of an array that stay where they are.
struct Borrowed {
    values: *const f32,
    length: usize,
    /// Keeps the array alive, and Python from resizing it.
    _array: Py<PyArray2<f32>>,
}

// SAFETY: the values are only read, they live as long as `_array`, and a reference to an object of Python may be sent and
// dropped anywhere: dropped without the interpreter, it is released when somebody attaches next.
#[allow(unsafe_code)]
unsafe impl Send for Borrowed {}
// SAFETY: as above.
#[allow(unsafe_code)]
unsafe impl Sync for Borrowed {}

impl AsRef<[f32]> for Borrowed {
    #[allow(unsafe_code)]
    fn as_ref(&self) -> &[f32] {
        // SAFETY: pointer and length are those of the contiguous array that `_array` keeps; that nobody writes into it meanwhile is
        // what the documentation of `fit` asks for, as every function does that computes without the interpreter's lock.
        unsafe { std::slice::from_raw_parts(self.values, self.length) }
    }
}

impl Store for Borrowed {}

/// Features that share the memory of an array.
pub(crate) fn features(array: &PyReadonlyArray2<'_, f32>) -> Answer<Features> {
    let (rows, columns) = (array.shape()[0], array.shape()[1]);
    let slice = values(array)?;
    let store = Borrowed { values: slice.as_ptr(), length: slice.len(), _array: (**array).clone().unbind() };
    Ok(Features::shared(rows, columns, Arc::new(store))?)
}
