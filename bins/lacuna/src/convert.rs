//! Features and labels from one format into another.

use crate::FormatError;
use lacuna_formats::{
    Compression, CsvLayout, Destination, LabelSheet, NpyArray, NpyData, Strings, shown, write_atomic,
    write_label_list, write_labels_csv, write_labels_jsonl, write_npz, write_safetensors,
};
use lacuna_labels::{Features, Label, LabelMatrix, ObservedLabels};
use std::io::Write as _;

/// What is written: features, labels, or both, of the same rows.
#[derive(Clone, Copy, Debug, Default)]
pub struct Rows<'a> {
    /// Features.
    pub features: Option<&'a Features>,
    /// Labels.
    pub labels: Option<&'a ObservedLabels>,
    /// The true labels of the same cells, where [`labels`](Self::labels) are observed ones.
    pub truth: Option<&'a ObservedLabels>,
    /// Names of the rows; their numbers where there are none and the format needs some.
    pub names: Option<&'a Strings>,
    /// Names of the classes; their numbers where there are none and the format needs some.
    pub classes: Option<&'a Strings>,
}

/// Endings of the files that can be written, with what they hold.
pub const WRITTEN: [(&str, &str); 7] = [
    ("npy", "features, or labels where there are no features"),
    ("npz", "features, labels, names and classes"),
    ("safetensors", "features and labels"),
    ("csv", "labels, a column a class"),
    ("jsonl", "labels, lists"),
    ("txt", "labels, a list of positives a row"),
    ("libsvm", "features and complete labels"),
];

/// Classes without a row whose label is listed.
fn absent(labels: &ObservedLabels, listed: impl Fn(Label) -> bool) -> Vec<usize> {
    let classes = labels.classes();
    let mut found = vec![false; classes];
    for (cell, label) in labels.cells().iter().enumerate() {
        found[cell % classes] |= listed(*label);
    }
    (0..classes).filter(|&class| !found[class]).collect()
}

impl Rows<'_> {
    /// Writes the file; its ending says how. Labels are 1, 0 for unknown and -1 for negative in arrays where some are unknown and some
    /// negative (the convention `spml`), 1 and NaN where none is negative, so that nobody takes an unknown cell for a negative, else 1 and 0.
    /// Files with several arrays have the true labels as `labels`, and the observed ones as `labels_obs`, where 0 is unknown.
    ///
    /// Returns what the file cannot hold, one sentence each.
    ///
    /// ```
    /// use lacuna::convert::Rows;
    /// use lacuna::{Features, read};
    ///
    /// let folder = tempfile::tempdir()?;
    /// let path = folder.path().join("x.npz");
    /// let x = Features::new(2, 1, vec![0.5, 1.5])?;
    /// Rows { features: Some(&x), ..Rows::default() }.write(&*path)?;
    /// assert_eq!(lacuna::FeatureSource::features(&read::features(&path)?), &x);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`FormatError::Unwritable`] where the format cannot hold the rows, [`FormatError::Exists`], [`FormatError::Io`].
    pub fn write<'d>(&self, destination: impl Into<Destination<'d>>) -> Result<Vec<String>, FormatError> {
        let destination = destination.into();
        let path = destination.path().to_path_buf();
        let refuse = |problem: String| FormatError::Unwritable { path: path.clone(), problem };
        let ending = path.extension().and_then(|e| e.to_str()).unwrap_or_default().to_ascii_lowercase();
        let mut lost = Vec::new();
        let npy = |shape, data| {
            NpyArray::new(shape, data).map_err(|source| FormatError::Npy { path: path.clone(), source })
        };
        let features =
            || self.features.map(|x| npy(vec![x.rows(), x.columns()], NpyData::F32(x.values().to_vec())));
        let coded = |y: &ObservedLabels, data| npy(vec![y.rows(), y.classes()], data);
        let labels = || self.labels.map(|y| coded(y, alone(y)));
        let pair = || match (self.truth, self.labels) {
            (Some(truth), Some(observed)) => {
                let truth = ("labels", coded(truth, alone(truth)));
                vec![truth, ("labels_obs", coded(observed, NpyData::I8(codes(observed))))]
            }
            _ => labels().map(|array| ("labels", array)).into_iter().collect(),
        };
        let text = |names: &Strings| npy(vec![names.len()], NpyData::Text(names.clone()));
        let unlabelled = || {
            refuse(format!("a .{ending} file holds labels, and there are none: name them with --labels FILE"))
        };
        if self.truth.is_some() && !matches!(ending.as_str(), "npz" | "safetensors") {
            lost.push(format!("a .{ending} file has one label for each cell: the observed ones are in it, the true ones are not"));
        }
        match ending.as_str() {
            "npy" => {
                let array = features()
                    .or_else(labels)
                    .transpose()?
                    .ok_or_else(|| refuse("there is nothing".into()))?;
                if self.features.is_some() && self.labels.is_some() {
                    lost.push("a .npy file holds one array: the labels are not in it".to_string());
                }
                if self.names.is_some() {
                    lost.push("a .npy file has no names: those of the rows are not in it".to_string());
                }
                array.save(destination)?;
            }
            "npz" | "safetensors" => {
                let mut arrays = Vec::new();
                arrays.extend(features().transpose()?.map(|array| ("features", array)));
                for (name, array) in pair() {
                    arrays.push((name, array?));
                }
                if ending == "npz" {
                    arrays.extend(self.names.map(text).transpose()?.map(|array| ("names", array)));
                    arrays.extend(self.classes.map(text).transpose()?.map(|array| ("classes", array)));
                } else if self.names.is_some() || self.classes.is_some() {
                    lost.push(
                        "a .safetensors file has no text: names of rows and classes are not in it"
                            .to_string(),
                    );
                }
                let named: Vec<(&str, &NpyArray)> =
                    arrays.iter().map(|(name, array)| (*name, array)).collect();
                match ending.as_str() {
                    "npz" => write_npz(destination, &named, Compression::Stored)?,
                    _ => write_safetensors(destination, &named, &[])?,
                }
            }
            "csv" | "tsv" | "jsonl" | "txt" => {
                let labels = self.labels.ok_or_else(unlabelled)?;
                if self.features.is_some() {
                    lost.push(format!("a .{ending} file holds labels: the features are not in it"));
                }
                if ending == "txt" && labels.cells().contains(&Label::Negative) {
                    lost.push("a list of positives does not tell negatives from unknown cells".to_string());
                }
                if ending == "txt" && self.classes.is_some() {
                    lost.push(
                        "a list of positives has classes by their numbers: their names are not in it"
                            .to_string(),
                    );
                }
                // Tables have a column for each class; what has lists has the classes that are listed.
                let listed = |label: Label| match &*ending {
                    "txt" => label == Label::Positive,
                    _ => label != Label::Unknown,
                };
                let absent = match ending.as_str() {
                    "csv" | "tsv" => Vec::new(),
                    _ => absent(labels, listed),
                };
                if let Some(&first) = absent.first() {
                    let first = match (self.classes, &*ending) {
                        (Some(classes), "jsonl") => format!("`{}`", shown(&classes[first])),
                        _ => first.to_string(),
                    };
                    lost.push(format!(
                        "a .{ending} file has classes where rows list them: {} classes without such a row are not in it \
                         (the first is {first}); a .csv file has all of them",
                        absent.len()
                    ));
                }
                let (names, classes) =
                    (named(self.names, labels.rows()), named(self.classes, labels.classes()));
                let sheet = LabelSheet { names: &names, classes: &classes, labels: labels.matrix() };
                match ending.as_str() {
                    "jsonl" => write_labels_jsonl(destination, sheet)?,
                    "txt" => write_label_list(destination, sheet)?,
                    _ => write_labels_csv(destination, sheet, CsvLayout::Wide)?,
                }
            }
            "libsvm" | "svm" => {
                let features = self
                    .features
                    .ok_or_else(|| refuse("a .libsvm file holds features, and there are none".into()))?;
                let labels = self.labels.ok_or_else(unlabelled)?;
                if labels.cells().contains(&Label::Unknown) {
                    let problem =
                        "its lists are complete, and some labels are unknown: write csv, jsonl or npz";
                    return Err(refuse(problem.to_string()));
                }
                if self.names.is_some() || self.classes.is_some() {
                    lost.push(
                        "a .libsvm file has no names: those of rows and classes are not in it".to_string(),
                    );
                }
                libsvm(destination, features, labels.matrix())
                    .map_err(|source| FormatError::Io { path: path.clone(), source })?;
            }
            _ => {
                let endings: Vec<&str> = WRITTEN.iter().map(|(ending, _)| *ending).collect();
                return Err(refuse(format!("unsupported file extension, expected {}", endings.join(", "))));
            }
        }
        Ok(lost)
    }
}

/// 1, 0 and -1 where some cells are unknown, else 1 and 0.
fn codes(labels: &ObservedLabels) -> Vec<i8> {
    let unknown = labels.cells().contains(&Label::Unknown);
    let code = |label: &Label| match label {
        Label::Positive => 1,
        Label::Negative => -i8::from(unknown),
        Label::Unknown => 0,
    };
    labels.cells().iter().map(code).collect()
}

/// Labels that stand for themselves: with NaN for unknown cells where there is no -1 that asks for a convention.
fn alone(labels: &ObservedLabels) -> NpyData {
    let has = |wanted| labels.cells().contains(&wanted);
    if has(Label::Negative) || !has(Label::Unknown) {
        return NpyData::I8(codes(labels));
    }
    let code = |label: &Label| if label.is_positive() { 1.0 } else { f32::NAN };
    NpyData::F32(labels.cells().iter().map(code).collect())
}

fn named(names: Option<&Strings>, count: usize) -> Strings {
    match names {
        Some(names) if names.len() == count => names.clone(),
        _ => (0..count).map(|i| i.to_string()).collect(),
    }
}

/// `1,4 0:0.5 2:1.5` a row: classes and columns from 0, zeros left out.
fn libsvm(destination: Destination<'_>, features: &Features, labels: &LabelMatrix) -> std::io::Result<()> {
    write_atomic(destination, |file| {
        let mut line = Vec::new();
        // Labels alone in the first line are taken for a header, so there has to be one.
        if features.rows() > 0 && features.row(0).iter().all(|x| *x == 0.0) {
            writeln!(file, "{} {} {}", features.rows(), features.columns(), labels.classes())?;
        }
        for row in 0..features.rows() {
            line.clear();
            let positives = labels.row(row).iter().enumerate().filter(|(_, label)| label.is_positive());
            for (i, (class, _)) in positives.enumerate() {
                write!(line, "{}{class}", if i == 0 { "" } else { "," })?;
            }
            for (column, x) in features.row(row).iter().enumerate().filter(|(_, x)| **x != 0.0) {
                write!(line, " {column}:{x}")?;
            }
            // A row of zeros without a label: readers refuse an empty line.
            if line.is_empty() {
                line.push(b' ');
            }
            line.push(b'\n');
            file.write_all(&line)?;
        }
        Ok(())
    })
}
