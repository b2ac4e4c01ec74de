//! Trained models: prediction, saving and loading.

mod calibration;
mod error;
mod file;
mod judged;
mod onnx;
mod predictions;
mod report;
mod thresholds;
mod torch;

pub use calibration::{Calibrated, Calibration, CalibrationScores, Table};
pub use error::ModelError;
pub use judged::JudgedRows;
pub use predictions::Predictions;
pub use report::{ClassReport, EvalReport, NamedMetric};
pub use thresholds::{ChosenThresholds, ClassThreshold};

use crate::transform::normalise;
use crate::{CnnSpec, FeatureSource, Head, Transform, Weights};
use lacuna_engine::{Exec, Tape};
use lacuna_formats::{Strings, shown};
use lacuna_labels::{Features, Label, LabelMatrix, ObservedLabels};
use lacuna_nn::{CosineClassifier, Layer, Mode};
use lacuna_protocols::Stream;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, HashSet};
use std::path::Path;

/// Rows that are predicted at once.
const PREDICT_ROWS: usize = 256;

/// A trained head with everything that its predictions need.
///
/// ```text
/// z = head(x)   or   z = head(x / |x|)                                   [rows, classes]
/// p = 1 / (1 + e^-z)
/// ```
/// Centring, scaling and principal components of the features are part of the first linear layer from the moment the
/// model is made: with x' = A (x - mean) the weights W `[D', H]` become A^T W `[D, H]` and the bias b becomes
/// b - mean A^T W. A cosine head becomes the linear layer tau w / (|w| + gamma) on rows divided by their norm. What a
/// linear layer cannot do (the division by the norm; for a convolution or a cosine head also the transform before it) is
/// left as the [`Input`] step.
///
/// [`Model::save`] writes `head.safetensors`, which `torch.nn` loads, and `head.json`; [`Model::load`] reads them again,
/// and the loaded model predicts the same bits.
///
/// ```
/// use lacuna_labels::{Features, Label, LabelMatrix, ObservedLabels};
/// use lacuna_train::{Fit, Model};
///
/// let x = Features::new(4, 1, vec![-2.0, -1.0, 1.0, 2.0])?;
/// let (n, u, p) = (Label::Negative, Label::Unknown, Label::Positive);
/// let y = ObservedLabels::from(LabelMatrix::new(4, 1, vec![n, u, u, p])?);
/// let model = Fit::new("bce").fit(&x, &y)?;
/// let before = model.predict(&x)?;
/// assert!(before.get(0, 0) < 0.5 && before.get(3, 0) > 0.5);
///
/// let folder = tempfile::tempdir()?;
/// model.save(folder.path())?;
/// assert_eq!(Model::load(folder.path())?.predict(&x)?, before);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Model {
    head: Head,
    features: usize,
    /// Names of the columns of the features, where the rows that trained had some.
    columns: Option<Vec<String>>,
    classes: Vec<String>,
    input: Input,
    /// In the order and layout of the tape: a linear weight is `[D, C]`.
    weights: Vec<Weights>,
    thresholds: Option<Vec<f32>>,
    /// A table of probabilities for each class, where calibration made some.
    calibration: Option<Vec<Table>>,
    trained: TrainedWith,
    notes: Vec<String>,
    version: String,
}

/// The transform of a row before the layers.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Input {
    /// The part of the transform that is not in the weights; a division by the norm alone for linear layers.
    pub transform: Transform,
    /// Whether the transformed row is divided by its norm.
    pub normalise: bool,
}

/// Loss, seed and data of the training.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrainedWith {
    /// Name of the loss.
    pub loss: String,
    /// Parameters of the loss that were given, the others have their defaults.
    pub parameters: BTreeMap<String, f64>,
    /// Seed.
    pub seed: u64,
    /// Identification of the data.
    pub fingerprints: Fingerprints,
}

/// What identifies the data of a training; free text.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fingerprints {
    /// Of the features.
    pub features: String,
    /// Of the labels.
    pub labels: String,
}

impl Fingerprints {
    /// Those of features and labels: BLAKE3 of sizes and values, in hexadecimal.
    pub fn of(features: &Features, observed: &ObservedLabels) -> Self {
        let mut hasher = sized(observed.rows(), observed.classes());
        let mut bytes = Vec::new();
        for cells in observed.cells().chunks(1 << 14) {
            bytes.clear();
            bytes.extend(cells.iter().map(|label| *label as i8 as u8));
            hasher.update(&bytes);
        }
        Self { features: Self::of_features(features), labels: hasher.finalize().to_hex().to_string() }
    }

    /// That of features alone.
    pub fn of_features(features: &Features) -> String {
        let mut hasher = sized(features.rows(), features.columns());
        let mut bytes = Vec::new();
        for row in 0..features.rows() {
            bytes.clear();
            features.row(row).iter().for_each(|value| bytes.extend(value.to_le_bytes()));
            hasher.update(&bytes);
        }
        hasher.finalize().to_hex().to_string()
    }
}

/// A hasher that has seen the sizes of a matrix.
fn sized(rows: usize, columns: usize) -> blake3::Hasher {
    let mut hasher = blake3::Hasher::new();
    hasher.update(&(rows as u64).to_le_bytes()).update(&(columns as u64).to_le_bytes());
    hasher
}

/// The parts of a model.
#[derive(Clone, Debug)]
pub struct ModelParts<'a> {
    /// The head, as [`Head::on`] gave it for the transformed features.
    pub head: &'a Head,
    /// The transform that the features went through before training.
    pub transform: &'a Transform,
    /// The chosen weights: [`Outcome::weights`](crate::Outcome::weights).
    pub weights: &'a [Weights],
    /// Number of features before the transform.
    pub features: usize,
    /// One name a class.
    pub classes: Vec<String>,
    /// Loss, seed and data.
    pub trained: TrainedWith,
}

impl Model {
    /// The model of what training gave; the linear part of the transform is folded into the first layer here.
    ///
    /// # Errors
    /// [`ModelError::Unfit`] where the weights are not those of the head (a procedure that trains a net of its own),
    /// where a weight is not finite, and where two classes have one name.
    pub fn new(parts: ModelParts<'_>) -> Result<Self, ModelError> {
        let ModelParts { head, transform, weights, features, classes, trained } = parts;
        let mut weights = weights.to_vec();
        let normalised = Transform { l2: true, ..Transform::default() };
        let only_l2 = *transform == normalised || transform.is_none();
        let columns = if features == 0 { 0 } else { transform.columns(features) };
        expect_entries(head, columns, classes.len(), &weights)?;
        let input = match head {
            Head::Linear | Head::Mlp(_) => {
                let [weight, bias, ..] = &mut weights[..] else {
                    return Err(ModelError::Unfit("the head has no linear layer".to_string()));
                };
                transform.fold(&mut weight.values, &mut bias.values);
                weight.shape[0] = features;
                Input { transform: Transform { l2: transform.l2, ..Transform::default() }, normalise: false }
            }
            Head::Cosine => {
                weights = vec![linear_of_cosine(&weights[0]), bias_of_zeros(classes.len())];
                match only_l2 {
                    true => Input { transform: normalised, normalise: false },
                    false => Input { transform: transform.clone(), normalise: true },
                }
            }
            // A convolution pads with zeros, so that not even a mean can be folded.
            Head::Cnn(_) => Input { transform: transform.clone(), normalise: false },
        };
        let version = env!("CARGO_PKG_VERSION").to_string();
        let (thresholds, calibration, notes, head) = (None, None, vec![], head.clone());
        let mut model = Self {
            columns: None,
            head,
            features,
            classes,
            input,
            weights,
            thresholds,
            calibration,
            trained,
            notes,
            version,
        };
        model.check()?;
        Ok(model)
    }

    /// The model with a threshold for each class: a class is predicted where p is above it. Without thresholds it is 0.5.
    ///
    /// # Errors
    /// [`ModelError::Unfit`] unless there is one from 0 to 1 for each class.
    pub fn with_thresholds(mut self, thresholds: Vec<f32>) -> Result<Self, ModelError> {
        self.thresholds = Some(thresholds);
        self.check()?;
        Ok(self)
    }

    /// Refuses rows with another number of features, or with columns of other names or in another order, than those that trained.
    fn check_features<X: FeatureSource + ?Sized>(&self, x: &X) -> Result<(), ModelError> {
        let found = x.features().columns();
        if found != self.features {
            return Err(ModelError::Features { expected: self.features, found });
        }
        let (Some(ours), Some(theirs)) = (&self.columns, x.column_names()) else { return Ok(()) };
        match ours.iter().zip(theirs.iter()).position(|(ours, theirs)| ours != theirs) {
            Some(column) => {
                let [expected, found] = [&ours[column], &theirs[column]].map(shown);
                Err(ModelError::Columns { column, expected, found })
            }
            None => Ok(()),
        }
    }

    /// The model of rows whose columns have these names.
    ///
    /// # Errors
    /// [`ModelError::Unfit`] for another number of them.
    pub(crate) fn with_columns(mut self, columns: Option<&Strings>) -> Result<Self, ModelError> {
        self.columns = columns.map(Strings::to_vec);
        self.check()?;
        Ok(self)
    }

    pub(crate) fn with_notes(mut self, notes: Vec<String>) -> Self {
        self.notes = notes;
        self
    }

    /// The head that was trained. A cosine head predicts as a linear layer on rows divided by their norm.
    pub fn head(&self) -> &Head {
        &self.head
    }

    /// Number of features of a row.
    pub fn features(&self) -> usize {
        self.features
    }

    /// One name a class, in the order of the columns of [`Predictions`].
    pub fn classes(&self) -> &[String] {
        &self.classes
    }

    /// The transform of a row before the layers.
    pub fn input(&self) -> &Input {
        &self.input
    }

    /// Weights by the names of PyTorch. A linear weight is `[D, C]` here, and `[C, D]` in the saved file.
    pub fn weights(&self) -> &[Weights] {
        &self.weights
    }

    /// The threshold of each class, if there are some.
    pub fn thresholds(&self) -> Option<&[f32]> {
        self.thresholds.as_deref()
    }

    /// The table of probabilities of each class, where isotonic calibration made some. Temperature and Platt's method are in
    /// the weights.
    pub fn calibration(&self) -> Option<&[Table]> {
        self.calibration.as_deref()
    }

    /// The threshold of a class: that of the model, or 0.5. The class is predicted where its probability is above it.
    pub fn threshold(&self, class: usize) -> f32 {
        self.thresholds.as_ref().map_or(0.5, |thresholds| thresholds[class])
    }

    /// Loss, seed and data of the training.
    pub fn trained_with(&self) -> &TrainedWith {
        &self.trained
    }

    /// Notes of the training, one sentence each.
    pub fn notes(&self) -> &[String] {
        &self.notes
    }

    /// Version of the program that trained it.
    pub fn version(&self) -> &str {
        &self.version
    }

    /// The module of `torch.nn` that `head.safetensors` is loaded into.
    pub fn torch_module(&self) -> String {
        torch::module(&self.head, self.features, self.classes.len())
    }

    /// Logits and probabilities of rows, `[rows, classes]`. The bits of a row do not depend on the other rows.
    ///
    /// # Errors
    /// [`ModelError::Features`] for another number of features, [`ModelError::Columns`] for other names of columns,
    /// [`ModelError::NotFinite`].
    pub fn predict<X: FeatureSource + ?Sized>(&self, x: &X) -> Result<Predictions, ModelError> {
        self.check_features(x)?;
        let features = x.features();
        let classes = self.classes.len();
        let logits = self.logits(features)?;
        if let Some(cell) = logits.iter().position(|z| !z.is_finite()) {
            return Err(ModelError::NotFinite { row: cell / classes, class: cell % classes });
        }
        let predictions = Predictions::new(features.rows(), classes, logits);
        Ok(match &self.calibration {
            Some(tables) => predictions.through(tables),
            None => predictions,
        })
    }

    /// The classes whose probability is above their threshold, as [`Label::Positive`]; the others are negative.
    ///
    /// # Panics
    /// If the predictions have another number of classes.
    pub fn decide(&self, predictions: &Predictions) -> LabelMatrix {
        let (rows, classes) = (predictions.rows(), self.classes.len());
        assert_eq!(classes, predictions.classes(), "classes of the model and of the predictions");
        let label = |(cell, p): (usize, &f32)| match *p > self.threshold(cell % classes) {
            true => Label::Positive,
            false => Label::Negative,
        };
        let cells = predictions.probabilities().iter().enumerate().map(label).collect();
        LabelMatrix::new(rows, classes, cells).expect("a label for each probability")
    }

    /// Writes `head.safetensors` and `head.json` into a folder, which is made if it does not exist: both
    /// or none.
    ///
    /// The weights load into the module that the metadata of the file name: `torch.nn.Linear(D, C)`, or
    /// `torch.nn.Sequential` for other heads.
    ///
    /// # Errors
    /// [`ModelError::Format`] where one of the files exists already, and for what the file system refuses.
    pub fn save(&self, folder: impl AsRef<Path>) -> Result<(), ModelError> {
        file::save(self, folder.as_ref(), false, &[])
    }

    /// As [`Model::save`]; files that exist are replaced.
    ///
    /// # Errors
    /// [`ModelError::Format`] for what the file system refuses.
    pub fn save_replacing(&self, folder: impl AsRef<Path>) -> Result<(), ModelError> {
        file::save(self, folder.as_ref(), true, &[])
    }

    /// As [`Model::save`] or [`Model::save_replacing`], with further files of text beside the head, each a name and what it has: all
    /// files are written or none, so that what describes a head is never beside another one.
    ///
    /// # Errors
    /// As for [`Model::save`].
    pub fn save_with(
        &self,
        folder: impl AsRef<Path>,
        replace: bool,
        beside: &[(&str, &str)],
    ) -> Result<(), ModelError> {
        file::save(self, folder.as_ref(), replace, beside)
    }

    /// Reads what [`Model::save`] wrote.
    ///
    /// # Errors
    /// [`ModelError::File`] with the path and what is wrong with the file, [`ModelError::Format`].
    pub fn load(folder: impl AsRef<Path>) -> Result<Self, ModelError> {
        file::load(folder.as_ref())
    }

    /// Number of features after the input step.
    fn columns(&self) -> usize {
        self.input.transform.columns(self.features)
    }

    /// Everything that has to hold, whether the model was just made or read; puts the weights into the order of the tape.
    fn check(&mut self) -> Result<(), ModelError> {
        let refuse = |problem: String| Err(ModelError::Unfit(problem));
        let (features, classes) = (self.features, self.classes.len());
        if features == 0 || classes == 0 {
            return refuse(format!("a model of {features} features and {classes} classes"));
        }
        let mut seen = HashSet::new();
        if let Some(twice) = self.classes.iter().find(|name| !seen.insert(name.as_str())) {
            return refuse(format!("duplicate class `{}`", lacuna_formats::shown(twice)));
        }
        if let Some(columns) = self.columns.as_ref().filter(|columns| columns.len() != features) {
            return refuse(format!("{} names of columns of {features} features", columns.len()));
        }
        let Transform { mean, scale, components, .. } = &self.input.transform;
        if ![mean.len(), scale.len()].iter().all(|len| [0, features].contains(len))
            || !components.len().is_multiple_of(features)
        {
            return refuse(format!("the transform of the input is not one of {features} features"));
        }
        if [mean, scale, components].into_iter().flatten().any(|value| !value.is_finite()) {
            return refuse("the transform of the input has a number that is not finite".to_string());
        }
        if let Some(thresholds) = &self.thresholds {
            if thresholds.len() != classes {
                return refuse(format!("{} thresholds for {classes} classes", thresholds.len()));
            }
            if let Some(bad) = thresholds.iter().find(|value| !(0.0..=1.0).contains(*value)) {
                return refuse(format!("invalid threshold {bad}: expected a number from 0 to 1"));
            }
        }
        if let Some(tables) = &self.calibration {
            if tables.len() != classes {
                return refuse(format!("{} tables of calibration for {classes} classes", tables.len()));
            }
            if let Some(problem) = tables.iter().find_map(Table::problem) {
                return refuse(format!("a table of calibration: {problem}"));
            }
        }
        let order = expect_entries(&layers(&self.head), self.columns(), classes, &self.weights)?;
        self.weights.sort_by_key(|weights| order.iter().position(|name| *name == weights.name));
        match self.weights.iter().find(|weights| weights.values.iter().any(|value| !value.is_finite())) {
            Some(weights) => refuse(format!("`{}` has a number that is not finite", weights.name)),
            None => Ok(()),
        }
    }

    fn logits(&self, features: &Features) -> Result<Vec<f32>, ModelError> {
        let (columns, classes) = (self.columns(), self.classes.len());
        let (mut tape, net) = build(&layers(&self.head), columns, classes)?;
        let mut given = self.weights.iter();
        tape.update_entries(|_, entry| {
            entry.value.copy_from_slice(&given.next().expect("as many weights as entries").values);
        });
        let mut logits = Vec::with_capacity(features.rows() * classes);
        let (mut row, mut block) = (vec![0.0; features.columns()], Vec::new());
        for from in (0..features.rows()).step_by(PREDICT_ROWS) {
            let rows = PREDICT_ROWS.min(features.rows() - from);
            block.clear();
            for i in from..from + rows {
                row.copy_from_slice(features.row(i));
                self.input.transform.apply_row(&mut row, &mut block);
                if self.input.normalise {
                    let start = block.len() - columns;
                    normalise(&mut block[start..]);
                }
            }
            tape.reset();
            let x = tape.input([rows, columns], &block);
            let z = net.forward(&mut tape, x, Mode::Eval);
            logits.extend_from_slice(tape.value(z));
        }
        Ok(logits)
    }
}

/// The head whose layers predict: a cosine head has become a linear layer.
fn layers(head: &Head) -> Head {
    match head {
        Head::Cosine => Head::Linear,
        other => other.clone(),
    }
}

/// Layers on a tape; their first weights are replaced by those of the model.
fn build(
    head: &Head,
    columns: usize,
    classes: usize,
) -> Result<(Tape, Box<dyn Layer + Send + Sync>), ModelError> {
    let mut tape = Tape::with_exec(Exec::Serial);
    let rng = &mut Stream::new(0, "weights that are replaced");
    let unfit = |error: crate::TrainError| ModelError::Unfit(error.to_string());
    let net = head.build(&mut tape, columns, classes, rng).map_err(unfit)?;
    tape.seal();
    Ok((tape, net))
}

/// Refuses weights that are not exactly those of the head, before anything of the size that the head claims is made.
/// Gives their names in the order of the tape.
fn expect_entries(
    head: &Head,
    columns: usize,
    classes: usize,
    weights: &[Weights],
) -> Result<Vec<String>, ModelError> {
    let unfit = |problem: String| Err(ModelError::Unfit(problem));
    let given: usize = weights.iter().map(|weights| weights.values.len()).sum();
    let image = match head {
        Head::Cnn(CnnSpec { image, .. }) => *image,
        _ => None,
    };
    if columns == 0 || classes == 0 {
        return unfit(format!("a head on {columns} features and {classes} classes"));
    }
    let head = head.on(columns, classes, image).map_err(|error| ModelError::Unfit(error.to_string()))?;
    if head.weights(columns, classes) > given as f64 {
        let problem = format!("the head ({head}) needs more than the {given} weights there are");
        return unfit(problem);
    }
    let (tape, _) = build(&head, columns, classes)?;
    let expected: Vec<(&str, Vec<usize>)> =
        tape.entries().map(|entry| (entry.name, entry.shape.sizes().to_vec())).collect();
    for (name, shape) in &expected {
        match weights.iter().find(|weights| weights.name == *name) {
            None => return unfit(format!("the head ({head}) has `{name}`, and there is none")),
            Some(found) if found.shape != *shape => {
                let (found, shape) = (torch::shape(&found.shape), torch::shape(shape));
                return unfit(format!(
                    "`{name}` has the shape {found:?}, and the head ({head}) needs {shape:?}"
                ));
            }
            Some(_) => {}
        }
    }
    match weights.iter().find(|weights| !expected.iter().any(|(name, _)| *name == weights.name)) {
        Some(other) => {
            unfit(format!("`{}` is not a weight of the head ({head})", lacuna_formats::shown(&other.name)))
        }
        None if weights.len() != expected.len() => unfit("duplicate weight".to_string()),
        None => Ok(expected.iter().map(|(name, _)| name.to_string()).collect()),
    }
}

/// tau w / (|w| + gamma) for each column w, `[D, C]`.
fn linear_of_cosine(cosine: &Weights) -> Weights {
    let classes = cosine.shape[1];
    let constants = CosineConstants::of_authors();
    let mut squares = vec![0.0_f64; classes];
    for row in cosine.values.chunks(classes) {
        squares.iter_mut().zip(row).for_each(|(square, w)| *square += f64::from(*w) * f64::from(*w));
    }
    let factors: Vec<f64> =
        squares.iter().map(|square| constants.tau / (square.sqrt() + constants.gamma)).collect();
    let scaled = |row: &[f32]| -> Vec<f32> {
        row.iter().zip(&factors).map(|(w, factor)| (f64::from(*w) * factor) as f32).collect()
    };
    let values = cosine.values.chunks(classes).flat_map(scaled).collect();
    Weights { name: "weight".to_string(), shape: cosine.shape.clone(), values }
}

/// Scale and shift of [`CosineClassifier`], which a head of a specification has as the authors set them.
struct CosineConstants {
    tau: f64,
    gamma: f64,
}

impl CosineConstants {
    fn of_authors() -> Self {
        let mut tape = Tape::with_exec(Exec::Serial);
        let head =
            CosineClassifier::new(&mut tape, "", 1, 1, &mut Stream::new(0, "weights that are replaced"));
        Self { tau: head.tau.into(), gamma: head.gamma.into() }
    }
}

fn bias_of_zeros(classes: usize) -> Weights {
    Weights { name: "bias".to_string(), shape: vec![classes], values: vec![0.0; classes] }
}

#[cfg(test)]
mod tests;
