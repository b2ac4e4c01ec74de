//! The files of a model: `head.safetensors` and `head.json`.

use super::{Input, Model, ModelError, Table, TrainedWith, torch};
use crate::{Head, Weights};
use lacuna_formats::{
    Contents, Destination, FormatError, NpyArray, NpyData, SafetensorsFile, hold_files, safetensors_writer,
    shown, sweep_temporary_files, write_atomic_all,
};
use serde::{Deserialize, Serialize};
use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};

/// Weights, as PyTorch loads them.
const WEIGHTS: &str = "head.safetensors";
/// Everything else.
const DOCUMENT: &str = "head.json";
/// Most bytes of `head.json`: the projection of 4096 features on 1024 directions is about 50 MB of text.
const MOST_BYTES: u64 = 1 << 28;
/// Most weights of a file; a head has a handful.
const MOST_TENSORS: usize = 1000;
/// The format name in the document.
const FORMAT: &str = "lacuna head";
/// Its version: a file of another one is refused.
const FORMAT_VERSION: u32 = 1;

/// `head.json`.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    format: String,
    format_version: u32,
    head: Head,
    features: usize,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    columns: Option<Vec<String>>,
    classes: Vec<String>,
    input: Input,
    thresholds: Option<Vec<f32>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    calibration: Option<Vec<Table>>,
    trained_with: TrainedWith,
    /// BLAKE3 of the weights: the two files belong together.
    weights: String,
    notes: Vec<String>,
    version: String,
}

pub(super) fn save(
    model: &Model,
    folder: &Path,
    replace: bool,
    beside: &[(&str, &str)],
) -> Result<(), ModelError> {
    let made = fs::symlink_metadata(folder).is_err();
    fs::create_dir_all(folder).map_err(|source| FormatError::Io { path: folder.into(), source })?;
    sweep_temporary_files(folder);
    let paths = [folder.join(WEIGHTS), folder.join(DOCUMENT)];
    if !replace && let Some(path) = paths.iter().find(|path| fs::symlink_metadata(path).is_ok()) {
        return Err(FormatError::Exists { path: path.clone() }.into());
    }
    let saved = write(model, folder, &paths, replace, beside);
    if saved.is_err() && made {
        // Fails if the folder is not empty.
        let _ = fs::remove_dir(folder);
    }
    saved
}

fn write(
    model: &Model,
    folder: &Path,
    [weights, document]: &[PathBuf; 2],
    replace: bool,
    beside: &[(&str, &str)],
) -> Result<(), ModelError> {
    let to = |path| if replace { Destination::replacing(path) } else { Destination::new(path) };
    let array = |of: &Weights| {
        let values = match of.shape[..] {
            [rows, columns] => torch::transposed(&of.values, rows, columns),
            _ => of.values.clone(),
        };
        NpyArray::new(torch::shape(&of.shape), NpyData::F32(values))
            .map_err(|source| FormatError::Npy { path: weights.clone(), source })
    };
    let arrays = model.weights.iter().map(array).collect::<Result<Vec<_>, _>>()?;
    let named: Vec<(&str, &NpyArray)> =
        model.weights.iter().map(|weights| weights.name.as_str()).zip(&arrays).collect();
    let input = input_in_words(&model.input);
    let (module, version) = (model.torch_module(), format!("lacuna {}", model.version));
    let metadata = [("format", "pt"), ("input", input), ("module", &module), ("version", &version)];
    let text = serde_json::to_vec_pretty(&Document {
        format: FORMAT.to_string(),
        format_version: FORMAT_VERSION,
        head: model.head.clone(),
        features: model.features,
        columns: model.columns.clone(),
        classes: model.classes.clone(),
        input: model.input.clone(),
        thresholds: model.thresholds.clone(),
        calibration: model.calibration.clone(),
        trained_with: model.trained.clone(),
        weights: digest(&model.weights),
        notes: model.notes.clone(),
        version: model.version.clone(),
    })
    .map_err(|error| ModelError::Unfit(error.to_string()))?;
    // One file of two is not a model.
    let tensors = safetensors_writer(weights, &named, &metadata)?;
    let others: Vec<(PathBuf, &str)> = beside.iter().map(|(name, text)| (folder.join(name), *text)).collect();
    let mut files: Vec<(Destination<'_>, Contents<'_>)> = vec![(to(weights), Box::new(tensors))];
    for (path, text) in &others {
        files.push((to(path), Box::new(|file| file.write_all(text.as_bytes()))));
    }
    // Without it there is no head, whatever a crash has left of the others.
    files.push((to(document), Box::new(|file| file.write_all(&text).and_then(|()| file.write_all(b"\n")))));
    Ok(write_atomic_all(files)?)
}

/// The input step, for those who have the weights alone.
pub(super) fn input_in_words(input: &Input) -> &'static str {
    let rest = !(input.transform.mean.is_empty()
        && input.transform.scale.is_empty()
        && input.transform.components.is_empty());
    match (rest, input.transform.l2 || input.normalise) {
        (false, false) => "none: features as they are",
        (false, true) => {
            "l2: divide every row by its Euclidean norm first (torch.nn.functional.normalize(x))"
        }
        (true, _) => {
            "head.json: this file alone is not enough. `input` in head.json has a mean, a scale or directions that the \
             features go through first"
        }
    }
}

/// BLAKE3 of names, shapes and values, by name, in hexadecimal.
fn digest(weights: &[Weights]) -> String {
    let mut hasher = blake3::Hasher::new();
    let number = |hasher: &mut blake3::Hasher, n: usize| {
        hasher.update(&(n as u64).to_le_bytes());
    };
    let mut by_name: Vec<&Weights> = weights.iter().collect();
    by_name.sort_by_key(|weights| &weights.name);
    for Weights { name, shape, values } in by_name {
        number(&mut hasher, name.len());
        hasher.update(name.as_bytes());
        number(&mut hasher, shape.len());
        shape.iter().for_each(|&size| number(&mut hasher, size));
        let mut bytes = Vec::with_capacity(1 << 14);
        for values in values.chunks(1 << 12) {
            bytes.clear();
            values.iter().for_each(|value| bytes.extend(value.to_le_bytes()));
            hasher.update(&bytes);
        }
    }
    hasher.finalize().to_hex().to_string()
}

pub(super) fn load(folder: &Path) -> Result<Model, ModelError> {
    let (weights_path, document_path) = (folder.join(WEIGHTS), folder.join(DOCUMENT));
    let wrong = |path: &Path, problem: String| ModelError::File { path: path.display().to_string(), problem };
    // A program that replaces the head takes its document away first, and leaves it so where it is killed.
    let held = hold_files(folder)?;
    let document = read_document(&document_path)?;
    let weights = read_weights(&weights_path)?;
    drop(held);
    if !cfg!(fuzzing) && digest(&weights) != document.weights {
        let problem = format!("these are not the weights that {} was written with", document_path.display());
        return Err(wrong(&weights_path, problem));
    }
    let Document { head, features, columns, classes, input, thresholds, calibration, .. } = document;
    let Document { trained_with: trained, notes, version, .. } = document;
    let mut model = Model {
        head,
        features,
        columns,
        classes,
        input,
        weights,
        thresholds,
        calibration,
        trained,
        notes,
        version,
    };
    model.check().map_err(|error| wrong(&document_path, error.to_string()))?;
    Ok(model)
}

fn read_document(path: &Path) -> Result<Document, ModelError> {
    let io = |source| FormatError::Io { path: path.into(), source };
    let wrong = |problem: String| ModelError::File { path: path.display().to_string(), problem };
    let kind = fs::metadata(path).map_err(io)?;
    if !kind.is_file() {
        return Err(wrong("it is not a regular file".to_string()));
    }
    let mut text = Vec::new();
    File::open(path).map_err(io)?.take(MOST_BYTES + 1).read_to_end(&mut text).map_err(io)?;
    if text.len() as u64 > MOST_BYTES {
        return Err(wrong(format!("it exceeds the limit of {MOST_BYTES} bytes")));
    }
    let said = |error: serde_json::Error| wrong(format!("it is not the description of a head: {error}"));
    let document: Document = serde_json::from_slice(&text).map_err(said)?;
    if document.format != FORMAT || document.format_version != FORMAT_VERSION {
        return Err(wrong(format!(
            "unsupported format `{}`, version {}: expected `{FORMAT}`, version {FORMAT_VERSION}",
            shown(&document.format),
            document.format_version
        )));
    }
    Ok(document)
}

fn read_weights(path: &Path) -> Result<Vec<Weights>, ModelError> {
    let wrong = |problem: String| ModelError::File { path: path.display().to_string(), problem };
    let mut file = SafetensorsFile::open(path)?;
    let names: Vec<String> = file.names().map(String::from).collect();
    if names.len() > MOST_TENSORS {
        return Err(wrong(format!("{} tensors exceed those of a head", names.len())));
    }
    let mut read = |name: String| {
        let array = file.read(&name)?;
        let shape = torch::shape(array.shape());
        let NpyData::F32(values) = array.into_data() else {
            return Err(wrong(format!("`{}` is not of type F32", shown(&name))));
        };
        let values = match shape[..] {
            [rows, columns] => torch::transposed(&values, columns, rows),
            _ => values,
        };
        Ok(Weights { name, shape, values })
    };
    names.into_iter().map(&mut read).collect()
}
