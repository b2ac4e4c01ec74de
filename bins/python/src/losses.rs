//! Every row of the loss table, on arrays.

use crate::arrays::{matrix, values};
use crate::errors::{Answer, refuse};
use lacuna_labels::Label;
use lacuna_losses::{
    ClassStatistics, Context, LOSSES, LossGrad, LossInput, LossRow, Mix, MultiLabelLoss, Options, StateEntry,
    Statistics, Takes, TrainPass, differentiate, find,
};
use numpy::{PyArray2, PyReadonlyArray1, PyReadonlyArray2, PyUntypedArrayMethods};
use pyo3::prelude::*;
use pyo3::types::PyDict;
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Adds the class and the table to the module.
pub(crate) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<Loss>()?;
    module.add_function(wrap_pyfunction!(loss_table, module)?)?;
    module.add_function(wrap_pyfunction!(class_statistics, module)?)
}

/// The rows of the table: everything that signatures and documentation are made of.
#[pyfunction]
fn loss_table(py: Python<'_>) -> PyResult<Vec<Bound<'_, PyDict>>> {
    LOSSES.iter().map(|row| described(py, row)).collect()
}

fn described<'py>(py: Python<'py>, row: &LossRow) -> PyResult<Bound<'py, PyDict>> {
    let info = row.info;
    let entry = PyDict::new(py);
    entry.set_item("name", info.name)?;
    entry.set_item("title", info.title)?;
    entry.set_item("paper", info.paper)?;
    entry.set_item("year", info.year)?;
    entry.set_item("experimental", info.experimental)?;
    entry.set_item("labels", info.labels.to_string())?;
    entry.set_item("formula", info.formula)?;
    entry.set_item("reduction", row.reduction.to_string())?;
    entry.set_item("matrices", row.takes.matrices())?;
    let takes = match row.takes {
        Takes::Logits => "logits",
        Takes::Estimates => "estimates",
        Takes::MixedRows => "mixed-rows",
        Takes::Branches => "branches",
        Takes::Background => "background",
        Takes::Views => "views",
    };
    entry.set_item("takes", takes)?;
    entry.set_item("soft_targets", row.soft_targets)?;
    let statistics = match row.statistics {
        Statistics::None => "none",
        Statistics::Counts => "counts",
        Statistics::CoOccurrence => "co-occurrence",
    };
    entry.set_item("statistics", statistics)?;
    let params: PyResult<Vec<_>> = info
        .params
        .iter()
        .map(|param| {
            let entry = PyDict::new(py);
            entry.set_item("name", param.name)?;
            entry.set_item("default", param.default)?;
            entry.set_item("range", param.range.to_string())?;
            entry.set_item("doc", param.doc)?;
            Ok(entry)
        })
        .collect();
    entry.set_item("params", params?)?;
    Ok(entry)
}

/// Rows, positives of each class and their co-occurrence in labels of 1, 0 for unknown and -1.
#[pyfunction]
#[allow(clippy::type_complexity)]
fn class_statistics<'py>(
    py: Python<'py>,
    labels: PyReadonlyArray2<'py, i8>,
) -> Answer<(f64, Vec<f64>, Bound<'py, PyArray2<f64>>)> {
    let labels = crate::arrays::labels(&labels)?;
    let counted = ClassStatistics::with_pairs(labels.cells(), labels.classes())?;
    let together = counted.co_occurrence().unwrap_or_default().to_vec();
    let classes = labels.classes();
    Ok((counted.rows(), counted.positives().to_vec(), matrix(py, together, classes, classes)?))
}

/// A loss with its parameters and, where it has one, its state.
#[pyclass(module = "lacuna._native", frozen)]
pub(crate) struct Loss {
    row: &'static LossRow,
    loss: Mutex<Box<dyn MultiLabelLoss>>,
}

/// A batch as arrays.
struct Batch<'a> {
    logits: Vec<&'a [f32]>,
    rows: usize,
    classes: usize,
    labels: Vec<Label>,
}

impl<'a> Batch<'a> {
    fn of<'py>(
        logits: &'a [PyReadonlyArray2<'py, f32>],
        labels: &PyReadonlyArray2<'py, i8>,
    ) -> Answer<Batch<'a>> {
        let labels = crate::arrays::labels(labels)?;
        let (rows, classes) = (labels.rows(), labels.classes());
        if let Some(other) = logits.iter().find(|z| z.shape()[1] != classes) {
            let found = other.shape();
            return Err(refuse(format!(
                "logits of shape ({}, {}) and labels of shape ({rows}, {classes})",
                found[0], found[1]
            )));
        }
        let logits: Answer<Vec<&[f32]>> = logits.iter().map(values).collect();
        Ok(Self { logits: logits?, rows, classes, labels: labels.cells().to_vec() })
    }

    fn input<'b>(&'b self, more: &'b More<'_>) -> Answer<LossInput<'b>> {
        let mut input = LossInput::new(&self.logits, self.rows, self.classes, &self.labels);
        input.targets.soft = more.soft;
        if let Some((first, second, lambda)) = &more.mix {
            let mix = Mix { first, second, lambda: *lambda };
            mix.check(self.rows)?;
            input.targets.mix = Some(mix);
        }
        if more.sample_ids.is_some_and(|ids| ids.len() != self.rows) {
            return Err(refuse(format!("sample_ids: one for each of the {} rows is needed", self.rows)));
        }
        input.sample_ids = more.sample_ids.unwrap_or_default();
        (input.epoch, input.step) = (more.epoch, more.step);
        Ok(input)
    }
}

/// What a batch may have besides logits and labels.
struct More<'a> {
    soft: Option<&'a [f32]>,
    mix: Option<(Vec<u32>, Vec<u32>, f64)>,
    sample_ids: Option<&'a [u32]>,
    epoch: usize,
    step: u64,
}

impl<'a> More<'a> {
    fn of(
        soft: Option<&'a PyReadonlyArray2<'_, f32>>,
        mix: Option<(Vec<u32>, Vec<u32>, f64)>,
        sample_ids: Option<&'a PyReadonlyArray1<'_, u32>>,
        epoch: usize,
        step: u64,
    ) -> Answer<Self> {
        let sample_ids = sample_ids.map(|ids| ids.as_slice()).transpose();
        let sample_ids = sample_ids.map_err(|_| refuse("sample_ids that are not contiguous"))?;
        Ok(Self { soft: soft.map(values).transpose()?, mix, sample_ids, epoch, step })
    }
}

#[pymethods]
impl Loss {
    #[new]
    #[pyo3(signature = (name, params, *, classes=None, reduction=None, expected_positives=None, rows=None, class_counts=None, co_occurrence=None))]
    #[allow(clippy::too_many_arguments)]
    fn new(
        name: &str,
        params: BTreeMap<String, f64>,
        classes: Option<usize>,
        reduction: Option<&str>,
        expected_positives: Option<f64>,
        rows: Option<f64>,
        class_counts: Option<Vec<f64>>,
        co_occurrence: Option<PyReadonlyArray2<'_, f64>>,
    ) -> Answer<Self> {
        let row = find(name)?;
        let reduction = reduction.map(str::parse).transpose()?;
        let options = Options { params, reduction, context: Context { classes, expected_positives } };
        let loss = match (class_counts, rows) {
            (None, None) => row.build(&options)?,
            (Some(counts), Some(rows)) => {
                let mut train = ClassStatistics::new(rows, counts)?;
                if let Some(together) = &co_occurrence {
                    train = train.with_co_occurrence(values(together)?.to_vec())?;
                }
                row.build_for(&options, &train.empty_as_rarest())?
            }
            _ => return Err(refuse(format!("{name}: class_counts and rows belong together"))),
        };
        Ok(Self { row, loss: Mutex::new(loss) })
    }

    /// Value and one gradient for each matrix of logits.
    #[pyo3(signature = (logits, labels, *, epoch=0, step=0, sample_ids=None, soft=None, mix=None, gradient=true))]
    #[allow(clippy::too_many_arguments, clippy::type_complexity)]
    fn evaluate<'py>(
        &self,
        py: Python<'py>,
        logits: Vec<PyReadonlyArray2<'py, f32>>,
        labels: PyReadonlyArray2<'py, i8>,
        epoch: usize,
        step: u64,
        sample_ids: Option<PyReadonlyArray1<'py, u32>>,
        soft: Option<PyReadonlyArray2<'py, f32>>,
        mix: Option<(Vec<u32>, Vec<u32>, f64)>,
        gradient: bool,
    ) -> Answer<(f32, Vec<Bound<'py, PyArray2<f32>>>)> {
        let batch = Batch::of(&logits, &labels)?;
        let more = More::of(soft.as_ref(), mix, sample_ids.as_ref(), epoch, step)?;
        let input = batch.input(&more)?;
        let mut gradients: Vec<Vec<f32>> = match gradient {
            true => batch.logits.iter().map(|z| vec![0.0; z.len()]).collect(),
            false => Vec::new(),
        };
        let value = py.detach(|| {
            let mut buffers: Vec<&mut [f32]> = gradients.iter_mut().map(Vec::as_mut_slice).collect();
            let into = if gradient { LossGrad::Into(&mut buffers) } else { LossGrad::Unneeded };
            self.locked().evaluate(&input, into)
        })?;
        let classes = batch.classes;
        let arrays = gradients.into_iter().map(|values| {
            let rows = values.len() / classes;
            matrix(py, values, rows, classes)
        });
        Ok((value, arrays.collect::<Answer<_>>()?))
    }

    /// Value and gradients by the formula in 64 bits, in dual numbers: an oracle for small batches, since its time grows with
    /// the square of the size.
    #[pyo3(signature = (logits, labels, *, epoch=0, step=0, sample_ids=None, soft=None, mix=None))]
    #[allow(clippy::too_many_arguments, clippy::type_complexity)]
    fn reference<'py>(
        &self,
        py: Python<'py>,
        logits: Vec<PyReadonlyArray2<'py, f64>>,
        labels: PyReadonlyArray2<'py, i8>,
        epoch: usize,
        step: u64,
        sample_ids: Option<PyReadonlyArray1<'py, u32>>,
        soft: Option<PyReadonlyArray2<'py, f32>>,
        mix: Option<(Vec<u32>, Vec<u32>, f64)>,
    ) -> Answer<(f64, Vec<Bound<'py, PyArray2<f64>>>)> {
        let wide: Answer<Vec<&[f64]>> = logits.iter().map(values).collect();
        let wide = wide?;
        let narrow: Vec<Vec<f32>> = wide.iter().map(|z| z.iter().map(|&z| z as f32).collect()).collect();
        let labels = crate::arrays::labels(&labels)?;
        let (rows, classes) = (labels.rows(), labels.classes());
        let batch = Batch {
            logits: narrow.iter().map(Vec::as_slice).collect(),
            rows,
            classes,
            labels: labels.cells().to_vec(),
        };
        let more = More::of(soft.as_ref(), mix, sample_ids.as_ref(), epoch, step)?;
        let input = batch.input(&more)?;
        input.check(self.row.info.name, self.row.takes.matrices(), &LossGrad::Unneeded)?;
        let found = py.detach(|| differentiate(&**self.locked(), &wide, &input));
        let arrays = found.logits.into_iter().map(|values| {
            let rows = values.len() / classes;
            matrix(py, values, rows, classes)
        });
        Ok((found.value, arrays.collect::<Answer<_>>()?))
    }

    /// Said before the first batch of an epoch.
    fn begin_epoch(&self, epoch: usize) {
        self.locked().begin_epoch(epoch);
    }

    /// Whether `end_epoch` is wanted after this epoch.
    fn wants_train_pass(&self, epoch: usize) -> bool {
        self.locked().wants_train_pass(epoch)
    }

    /// Shows a loss that relabels the predictions of all training rows after an epoch.
    fn end_epoch(
        &self,
        py: Python<'_>,
        epoch: usize,
        logits: PyReadonlyArray2<'_, f32>,
        labels: PyReadonlyArray2<'_, i8>,
    ) -> Answer<()> {
        let logits = values(&logits)?;
        let labels = crate::arrays::labels(&labels)?;
        let (rows, classes) = (labels.rows(), labels.classes());
        let pass = TrainPass { epoch, logits, labels: labels.cells(), rows, classes };
        Ok(py.detach(|| self.locked().end_epoch(&pass))?)
    }

    /// Cells whose label the loss has replaced; none where it replaces none.
    fn labels_written(&self) -> Option<usize> {
        self.locked().labels_written()
    }

    /// The state, by name.
    fn state(&self) -> Vec<(String, Vec<f64>)> {
        self.locked().state().into_iter().map(|entry| (entry.name, entry.values)).collect()
    }

    /// Takes a state back.
    fn restore(&self, state: Vec<(String, Vec<f64>)>) -> Answer<()> {
        let entries: Vec<StateEntry> =
            state.into_iter().map(|(name, values)| StateEntry { name, values }).collect();
        Ok(self.locked().restore(&entries)?)
    }
}

impl Loss {
    fn locked(&self) -> MutexGuard<'_, Box<dyn MultiLabelLoss>> {
        self.loss.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
