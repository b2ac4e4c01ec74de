//! Training on arrays, and trained heads.

use crate::arrays::{codes, features, matrix, observed};
use crate::errors::{Answer, refuse};
use crate::work;
use lacuna::read::Strings;
use lacuna::{
    FeatureSource, Features, Fit, Head, LabelSource, MlpSpec, Model as Trained, Named, ObservedLabels,
    TrainError,
};
use numpy::{PyArray2, PyReadonlyArray2};
use pyo3::prelude::*;
use pyo3::types::PyDict;
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::path::PathBuf;

/// Adds the class and the functions to the module.
pub(crate) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<Model>()?;
    module.add_class::<Settings>()?;
    module.add_function(wrap_pyfunction!(fit, module)?)?;
    module.add_function(wrap_pyfunction!(explain, module)?)
}

/// Rows of an array, with what is known about them.
pub(crate) struct Rows {
    pub(crate) features: Features,
    pub(crate) observed: ObservedLabels,
    pub(crate) names: Option<Strings>,
    pub(crate) classes: Option<Strings>,
    pub(crate) image: Option<[usize; 3]>,
}

impl FeatureSource for Rows {
    fn features(&self) -> &Features {
        &self.features
    }
    fn row_names(&self) -> Option<&Strings> {
        self.names.as_ref()
    }
    fn image(&self) -> Option<[usize; 3]> {
        self.image
    }
}

impl LabelSource for Rows {
    fn observed(&self) -> Result<Cow<'_, ObservedLabels>, TrainError> {
        Ok(Cow::Borrowed(&self.observed))
    }
    fn row_names(&self) -> Option<&Strings> {
        self.names.as_ref()
    }
    fn class_names(&self) -> Option<&Strings> {
        self.classes.as_ref()
    }
}

/// Names as the library has them.
pub(crate) fn names(names: Option<Vec<String>>) -> Option<Strings> {
    names.map(|names| names.into_iter().collect())
}

/// What a fit may be told.
#[pyclass(module = "lacuna._native", frozen)]
pub(crate) struct Settings(Fit);

impl Settings {
    pub(crate) fn fit(&self) -> Fit {
        self.0.clone()
    }
}

#[pymethods]
impl Settings {
    #[new]
    #[pyo3(signature = (loss, *, head="linear", params=None, transform=None, validation=0.2, epochs=None, batch=None, learning_rate=None, weight_decay=None, seed=0))]
    #[allow(clippy::too_many_arguments)]
    fn new(
        loss: &str,
        head: &str,
        params: Option<BTreeMap<String, f64>>,
        transform: Option<&str>,
        validation: f64,
        epochs: Option<usize>,
        batch: Option<usize>,
        learning_rate: Option<f64>,
        weight_decay: Option<f64>,
        seed: u64,
    ) -> Answer<Self> {
        let head: Head = head.parse().map_err(|error| refuse(format!("head: {error}")))?;
        let mut fit = Fit::new(loss).head(head).validation(validation).seed(seed);
        for (name, value) in params.unwrap_or_default() {
            fit = fit.parameter(&name, value);
        }
        if let Some(transform) = transform {
            fit = fit.transform(transform.parse::<Named>()?);
        }
        for (name, given) in [("epochs", epochs), ("batch", batch)] {
            if given == Some(0) {
                return Err(refuse(format!("{name}=0: expected a number from 1 on")));
            }
        }
        fit = epochs.into_iter().fold(fit, Fit::epochs);
        fit = batch.into_iter().fold(fit, Fit::batch);
        if let Some(rate) = learning_rate.filter(|rate| !(rate.is_finite() && *rate > 0.0)) {
            return Err(refuse(format!("learning_rate={rate}: expected a number above 0")));
        }
        fit = learning_rate.into_iter().fold(fit, Fit::learning_rate);
        fit = weight_decay.into_iter().fold(fit, Fit::weight_decay);
        Ok(Self(fit))
    }
}

/// Trains a head. The array of features is borrowed.
#[pyfunction]
#[pyo3(signature = (settings, x, y, *, classes=None, image=None, threads=None, progress=None))]
#[allow(clippy::too_many_arguments)]
fn fit(
    py: Python<'_>,
    settings: &Settings,
    x: PyReadonlyArray2<'_, f32>,
    y: PyReadonlyArray2<'_, i8>,
    classes: Option<Vec<String>>,
    image: Option<[usize; 3]>,
    threads: Option<usize>,
    progress: Option<&Bound<'_, PyAny>>,
) -> Answer<Model> {
    let rows = Rows {
        features: features(&x)?,
        observed: observed(&y)?,
        names: None,
        classes: names(classes),
        image,
    };
    let fit = settings.fit();
    let model = work::run(py, threads, progress, |hook| {
        fit.on_progress(move |progress| hook.call(progress)).fit(&rows, &rows)
    })?;
    Ok(Model(model))
}

/// The choices of a fit with their reasons, without the training.
#[pyfunction]
#[pyo3(signature = (settings, x, y, *, image=None, threads=None))]
fn explain(
    py: Python<'_>,
    settings: &Settings,
    x: PyReadonlyArray2<'_, f32>,
    y: PyReadonlyArray2<'_, i8>,
    image: Option<[usize; 3]>,
    threads: Option<usize>,
) -> Answer<Vec<String>> {
    let rows = Rows { features: features(&x)?, observed: observed(&y)?, names: None, classes: None, image };
    let fit = settings.fit();
    work::run(py, threads, None, |hook| {
        fit.on_progress(move |progress| hook.call(progress)).explain(&rows, &rows)
    })
}

/// A trained head.
#[pyclass(module = "lacuna._native", frozen)]
pub(crate) struct Model(Trained);

#[pymethods]
impl Model {
    /// Reads a head that was saved, by this package or by the program.
    #[staticmethod]
    fn load(folder: PathBuf) -> Answer<Self> {
        Ok(Self(Trained::load(folder)?))
    }

    /// Writes head.safetensors and head.json.
    fn save(&self, folder: PathBuf, replace: bool) -> Answer<()> {
        let saved = if replace { self.0.save_replacing(folder) } else { self.0.save(folder) };
        Ok(saved?)
    }

    /// Logits and probabilities, `[rows, classes]`.
    #[allow(clippy::type_complexity)]
    fn predict<'py>(
        &self,
        py: Python<'py>,
        x: PyReadonlyArray2<'py, f32>,
    ) -> Answer<(Bound<'py, PyArray2<f32>>, Bound<'py, PyArray2<f32>>)> {
        let x = features(&x)?;
        let found = py.detach(|| self.0.predict(&x))?;
        let (rows, classes) = (found.rows(), found.classes());
        let logits = matrix(py, found.logits().to_vec(), rows, classes)?;
        Ok((logits, matrix(py, found.probabilities().to_vec(), rows, classes)?))
    }

    /// The classes whose probability is above their threshold: 1, the others -1.
    fn decide<'py>(
        &self,
        py: Python<'py>,
        x: PyReadonlyArray2<'py, f32>,
    ) -> Answer<Bound<'py, PyArray2<i8>>> {
        let x = features(&x)?;
        let labels = py.detach(|| self.0.predict(&x).map(|found| self.0.decide(&found)))?;
        codes(py, &labels)
    }

    /// The model with thresholds that serve a goal on these rows, and notes of how they were chosen.
    #[pyo3(signature = (x, y, goal, least))]
    fn with_thresholds(
        &self,
        py: Python<'_>,
        x: PyReadonlyArray2<'_, f32>,
        y: PyReadonlyArray2<'_, i8>,
        goal: &str,
        least: usize,
    ) -> Answer<(Self, Vec<String>)> {
        let classes = Some(self.0.classes().iter().cloned().collect());
        let rows =
            Rows { features: features(&x)?, observed: observed(&y)?, names: None, classes, image: None };
        let goal: lacuna::Goal = goal.parse()?;
        let chosen =
            py.detach(|| self.0.judge(&rows, &rows).and_then(|judged| judged.thresholds(goal, least)))?;
        let notes = chosen.notes.clone();
        Ok((Self(chosen.on(self.0.clone())?), notes))
    }

    /// Names of the classes.
    #[getter]
    fn classes(&self) -> Vec<String> {
        self.0.classes().to_vec()
    }

    /// Number of features.
    #[getter]
    fn features(&self) -> usize {
        self.0.features()
    }

    /// The head, as it is written on the command line; in words where that has no form for it.
    #[getter]
    fn head(&self) -> String {
        let listed = |sizes: &[usize]| sizes.iter().map(usize::to_string).collect::<Vec<_>>().join(",");
        match self.0.head() {
            Head::Linear => "linear".to_string(),
            Head::Cosine => "cosine".to_string(),
            Head::Mlp(spec) if *spec == MlpSpec::plain(spec.hidden.clone()) => {
                format!("mlp:{}", listed(&spec.hidden))
            }
            Head::Cnn(spec) => format!("cnn:{}", listed(&spec.channels)),
            other => other.to_string(),
        }
    }

    /// Name of the loss that was trained.
    #[getter]
    fn loss(&self) -> String {
        self.0.trained_with().loss.clone()
    }

    /// Parameters of the loss that were given.
    #[getter]
    fn params(&self) -> BTreeMap<String, f64> {
        self.0.trained_with().parameters.clone()
    }

    /// The seed.
    #[getter]
    fn seed(&self) -> u64 {
        self.0.trained_with().seed
    }

    /// Notes of the training.
    #[getter]
    fn notes(&self) -> Vec<String> {
        self.0.notes().to_vec()
    }

    /// Thresholds of the classes, where there are some.
    #[getter]
    fn thresholds(&self) -> Option<Vec<f32>> {
        self.0.thresholds().map(<[f32]>::to_vec)
    }

    /// The module of torch.nn that head.safetensors is loaded into.
    #[getter]
    fn torch_module(&self) -> String {
        self.0.torch_module()
    }

    /// Weights by name, in the layout of torch.nn.
    fn weights<'py>(&self, py: Python<'py>) -> Answer<Bound<'py, PyDict>> {
        let found = PyDict::new(py);
        for weights in self.0.weights() {
            let array = numpy::PyArray1::from_slice(py, &weights.values);
            let array = numpy::PyArrayMethods::reshape(&array, weights.shape.clone())
                .map_err(crate::errors::raised)?;
            let array = if weights.shape.len() == 2 { array.getattr("T") } else { Ok(array.into_any()) };
            let array = array.map_err(crate::errors::raised)?;
            found.set_item(&weights.name, array).map_err(crate::errors::raised)?;
        }
        Ok(found)
    }
}
