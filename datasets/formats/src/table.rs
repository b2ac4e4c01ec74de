//! The table of formats: adding one is a file and a row here.

use crate::input::ordinary;
use crate::{
    Content, FormatError, ReadOptions, arff, arrays, coco, csv, hill, json, libsvm, mat, multi_hot, npz,
    safetensors, shards, spml, tfrecord,
};
use std::path::Path;

/// One row of [`FORMATS`].
#[derive(Clone, Copy)]
pub struct Format {
    /// Name in options and tables.
    pub name: &'static str,
    /// Endings of its files, without the dot; empty for a folder and for endings that say nothing.
    pub extensions: &'static [&'static str],
    /// Whether it can be written.
    pub writes: bool,
    /// Which truncations of a file are detected.
    pub truncation: Truncation,
    /// One sentence.
    pub doc: &'static str,
    read: fn(&Path, &ReadOptions) -> Result<Content, FormatError>,
    recognises: fn(&Path) -> bool,
}

/// Which truncations of a file are detected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Truncation {
    /// Every strict prefix of a file is an error.
    Always,
    /// Lines say nothing about those that follow, so that a file truncated between two lines is a shorter file; a truncation
    /// inside a line is noticed wherever what is left of the line is invalid.
    BetweenLines,
    /// Variables or records say nothing about those that follow, so that a file truncated between two of them is one with fewer.
    BetweenVariables,
    /// As between lines, but a first line that announces the number of rows makes lost rows an error.
    WithoutHeader,
}

/// Every format of this crate.
pub const FORMATS: &[Format] = &[
    Format {
        name: "npy",
        extensions: &["npy"],
        writes: true,
        truncation: Truncation::Always,
        doc: "One NumPy array a file: features, names of rows, or labels where the options say so.",
        read: arrays::read_npy,
        recognises: is_file,
    },
    Format {
        name: "npz",
        extensions: &["npz"],
        writes: true,
        truncation: Truncation::Always,
        doc: "An archive of NumPy arrays, stored or deflated: features, labels, names, classes.",
        read: npz::read,
        recognises: is_file,
    },
    Format {
        name: "safetensors",
        extensions: &["safetensors"],
        writes: true,
        truncation: Truncation::Always,
        doc: "Tensors with a header in JSON: features and labels.",
        read: safetensors::read,
        recognises: is_file,
    },
    Format {
        name: "mat",
        extensions: &["mat"],
        writes: false,
        truncation: Truncation::BetweenVariables,
        doc: "MATLAB's files of version 5: matrices X, Y, Y_obs and the like, sparse ones too.",
        read: mat::read,
        recognises: is_file,
    },
    Format {
        name: "tfrecord",
        extensions: &["tfrecord"],
        writes: false,
        truncation: Truncation::BetweenVariables,
        doc: "TFRecord of tf.Example with features of whole rows, as YouTube-8M has them; a file or a folder of them.",
        read: tfrecord::read,
        recognises: tfrecord::recognises,
    },
    #[cfg(feature = "parquet")]
    Format {
        name: "parquet",
        extensions: &["parquet"],
        writes: false,
        truncation: Truncation::Always,
        doc: "Parquet with lists of floats and lists of strings or integers, a row each (cargo feature `parquet`).",
        read: crate::parquet::read,
        recognises: is_file,
    },
    Format {
        name: "spml",
        extensions: &[],
        writes: true,
        truncation: Truncation::Always,
        doc: "The folder of .npy files of the single-positive papers; written are observed labels.",
        read: spml::read,
        recognises: |path| path.join("formatted_train_labels.npy").is_file(),
    },
    Format {
        name: "mulan",
        extensions: &["arff"],
        writes: false,
        truncation: Truncation::BetweenLines,
        doc: "ARFF of Mulan (XML list of labels), MEKA (`-C n`) and KEEL (`@outputs`), dense or sparse; a folder has a train and a test file.",
        read: arff::read,
        recognises: |path| path.is_file() || has_extension(path, "arff"),
    },
    Format {
        name: "shards",
        extensions: &[],
        writes: false,
        truncation: Truncation::Always,
        doc: "A folder of numbered .npy shards of features, as clip-retrieval writes them (img_emb_0.npy, ...).",
        read: shards::read,
        recognises: |path| path.is_dir() && shards::recognises(path),
    },
    Format {
        name: "csv",
        extensions: &["csv", "tsv"],
        writes: true,
        truncation: Truncation::BetweenLines,
        doc: "Labels as CSV or TSV, wide (a column a class) or long (a column with names of classes).",
        read: csv::read,
        recognises: is_file,
    },
    Format {
        name: "jsonl",
        extensions: &["jsonl", "ndjson", "json"],
        writes: true,
        truncation: Truncation::BetweenLines,
        doc: "Labels as JSON, an object a row, a line or an array of them, also as Label Studio exports choices.",
        read: json::read,
        recognises: json::recognises,
    },
    Format {
        name: "coco",
        extensions: &["json"],
        writes: false,
        truncation: Truncation::Always,
        doc: "COCO's instances_*.json and LVIS, streamed: a class is positive where it has an annotation.",
        read: coco::read,
        recognises: |path| path.is_file() && !json::recognises(path),
    },
    Format {
        name: "multi-hot",
        extensions: &["txt"],
        writes: false,
        truncation: Truncation::WithoutHeader,
        doc: "Text with a label for each class: lines `name 0 1 0`, CelebA's list, or a folder of PASCAL VOC's lists of classes.",
        read: multi_hot::read,
        recognises: multi_hot::recognises,
    },
    Format {
        name: "label-list",
        extensions: &["txt"],
        writes: true,
        truncation: Truncation::BetweenLines,
        doc: "The label lists of the Hill and SPLC code: `filename,ids`.",
        read: hill::read,
        recognises: |path| path.is_file() && !multi_hot::recognises(path),
    },
    Format {
        name: "libsvm",
        extensions: &["svm", "libsvm", "xmc"],
        writes: false,
        truncation: Truncation::WithoutHeader,
        doc: "LIBSVM with several labels, numbers or words, and the text of the extreme-classification repository, in one file or two.",
        read: libsvm::read,
        recognises: is_file,
    },
];

impl Format {
    /// Reads a file or folder in this format.
    ///
    /// # Errors
    /// A [`FormatError`] with the file and the place in it.
    pub fn read(&self, path: &Path, options: &ReadOptions) -> Result<Content, FormatError> {
        (self.read)(path, options)
    }

    /// Whether the name of a file, or what lies in a folder, speaks for this format.
    pub fn recognises(&self, path: &Path) -> bool {
        let by_name = || self.extensions.iter().any(|extension| has_own_extension(path, extension));
        (path.is_dir() || by_name()) && (self.recognises)(path)
    }
}

impl std::fmt::Debug for Format {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Format").field("name", &self.name).finish_non_exhaustive()
    }
}

fn is_file(path: &Path) -> bool {
    path.is_file()
}

fn has_own_extension(path: &Path, extension: &str) -> bool {
    path.extension().is_some_and(|own| own.eq_ignore_ascii_case(extension))
}

fn has_extension(folder: &Path, extension: &str) -> bool {
    let mut entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    entries.any(|entry| has_own_extension(&entry.path(), extension))
}

/// The row of [`FORMATS`] called `name`.
pub fn format(name: &str) -> Option<&'static Format> {
    FORMATS.iter().find(|format| format.name == name)
}

/// The format that the name of a file, or what lies in a folder, speaks for.
pub fn recognised(path: &Path) -> Option<&'static Format> {
    FORMATS.iter().find(|format| format.recognises(path))
}

/// Reads a file or folder in the format that its name, or what lies in it, speaks for.
///
/// ```
/// use lacuna_formats::{ReadOptions, open_data};
///
/// let folder = tempfile::tempdir()?;
/// let path = folder.path().join("labels.csv");
/// std::fs::write(&path, "id,cat,dog\na.jpg,1,0\n")?;
/// let content = open_data(&path, &ReadOptions::default())?;
/// assert_eq!(content.train.classes.to_vec(), ["cat", "dog"]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// [`FormatError::Unrecognised`] where nothing speaks for a format, else what the format answers.
pub fn open_data(path: &Path, options: &ReadOptions) -> Result<Content, FormatError> {
    let found = std::fs::metadata(path).map_err(FormatError::io(path))?;
    if !found.is_dir() {
        ordinary(&found).map_err(FormatError::io(path))?;
    }
    match recognised(path) {
        Some(format) => format.read(path, options),
        None => Err(FormatError::Unrecognised {
            path: path.into(),
            problem: match path.is_dir() {
                true => {
                    "the folder has no formatted_train_labels.npy, no .arff files, no numbered .npy shards and no lists \
                     <class>_train.txt"
                }
                false => conversion(path).unwrap_or("unknown file extension: name the format"),
            },
            formats: FORMATS.iter().map(|format| format.name).collect::<Vec<_>>().join(", "),
        }),
    }
}

/// How files that are not read become files that are, a line of Python each.
fn conversion(path: &Path) -> Option<&'static str> {
    let extension = path.extension()?.to_str()?.to_ascii_lowercase();
    Some(match extension.as_str() {
        "pt" | "pth" => {
            "PyTorch files are not supported: `np.save(\"x.npy\", torch.load(\"x.pt\", map_location=\"cpu\").float().numpy())`"
        }
        "h5" | "hdf5" => "HDF5 is not supported: `np.save(\"x.npy\", h5py.File(\"x.h5\")[\"features\"][:])`",
        "pkl" | "pickle" => {
            "pickle files are not supported: `np.save(\"x.npy\", np.asarray(pd.read_pickle(\"x.pkl\")))`"
        }
        "gz" => "compressed files are not supported: `gunzip -k FILE.gz`",
        "parquet" => {
            "this program was built without the cargo feature `parquet`: build it with `--features parquet`, or `pd.read_parquet(\"x.parquet\").to_csv(\"x.csv\", index=False)`"
        }
        "feather" | "arrow" => {
            "Arrow files are not supported: `pd.read_feather(\"x.feather\").to_csv(\"x.csv\", index=False)`"
        }
        "xls" | "xlsx" => {
            "spreadsheets are not supported: `pd.read_excel(\"x.xlsx\").to_csv(\"x.csv\", index=False)`"
        }
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_every_row_is_documented() {
        for (i, row) in FORMATS.iter().enumerate() {
            let before = &FORMATS[..i];
            assert!(before.iter().all(|other| other.name != row.name), "{} twice", row.name);
            for extension in row.extensions {
                // What a file called so holds decides between two formats.
                let shared = [("coco", "json"), ("label-list", "txt")].contains(&(row.name, *extension));
                assert!(
                    shared || before.iter().all(|other| !other.extensions.contains(extension)),
                    "{extension} twice"
                );
                assert!(!extension.is_empty() && !extension.starts_with('.'), "{}", row.name);
            }
            assert!(row.doc.ends_with('.'), "{}", row.name);
            assert_eq!(format(row.name).map(|found| found.doc), Some(row.doc));
        }
        assert!(format("xls").is_none());
    }

    #[test]
    fn what_is_nothing_is_said_so() {
        let folder = tempfile::tempdir().unwrap();
        let error = open_data(folder.path(), &ReadOptions::default()).unwrap_err().to_string();
        assert!(error.contains("no numbered .npy shards") && error.contains("npy, npz"), "{error}");
        let file = folder.path().join("x.xls");
        std::fs::write(&file, "").unwrap();
        let error = open_data(&file, &ReadOptions::default()).unwrap_err().to_string();
        assert!(error.contains("spreadsheets are not supported") && error.contains("to_csv"), "{error}");
        let file = folder.path().join("x.what");
        std::fs::write(&file, "").unwrap();
        let error = open_data(&file, &ReadOptions::default()).unwrap_err().to_string();
        assert!(error.contains("unknown file extension"), "{error}");
        for (name, with) in
            [("x.pt", "torch.load"), ("x.h5", "h5py"), ("x.pkl", "read_pickle"), ("x.gz", "gunzip")]
        {
            let file = folder.path().join(name);
            std::fs::write(&file, "").unwrap();
            let error = open_data(&file, &ReadOptions::default()).unwrap_err().to_string();
            assert!(error.contains(with), "{error}");
        }
        assert!(open_data(&folder.path().join("nothing"), &ReadOptions::default()).is_err());
    }
}
