//! A data set that was opened.

use crate::DataSource;
use lacuna_formats::{LabelTable, Strings, Table};
use lacuna_labels::{Features, ObservedLabels};
use std::path::PathBuf;

/// Training rows and, if any, test rows.
#[derive(Clone, Debug)]
pub struct Dataset {
    /// Short name: that of the embedded set, of the file or of the folder.
    pub name: String,
    /// A caveat to print with every table of results, if any.
    pub caveat: Option<&'static str>,
    /// The training rows.
    pub train: Table,
    /// The labels of the training rows as their own file has them, where it is another than that of the features.
    pub file_labels: Option<FileLabels>,
    /// A second extraction of the features of the training rows, in their order.
    pub strong: Option<Features>,
    /// Background rows: points of the space of the features, without labels.
    pub background: Option<Features>,
    /// The test rows.
    pub test: Option<Table>,
    /// Notes of the reader, one sentence each.
    pub notes: Vec<String>,
    /// Every file that was read, or may have been: programs never write over them.
    pub files: Vec<PathBuf>,
    /// What was opened, with what the files left open filled in: the format and the features that were chosen.
    pub source: DataSource,
}

/// Labels of a separate file, with all of its rows in its order, whether they have features or not.
#[derive(Clone, Debug)]
pub struct FileLabels {
    /// The file.
    pub path: PathBuf,
    /// One name a row, where the file has names.
    pub names: Option<Strings>,
    /// One name a class.
    pub classes: Strings,
    /// The labels.
    pub labels: LabelTable,
    /// Observed labels, where the file keeps them beside the true ones.
    pub observed: Option<ObservedLabels>,
    /// For each training row its row in the file.
    pub row_of: Vec<usize>,
}

impl Dataset {
    /// BLAKE3, in hexadecimal, of the names, classes, labels, observed labels and features of all parts. It does not
    /// depend on where the files lie.
    pub fn fingerprint(&self) -> String {
        let fingerprint = lacuna_checks::fingerprint(&self.train, self.test.as_ref());
        with_further(fingerprint, self.strong.as_ref(), self.background.as_ref())
    }
}

/// A fingerprint of data with further features, where there are some, taken in: a second extraction, and background rows.
pub fn with_further(
    mut fingerprint: String,
    strong: Option<&Features>,
    background: Option<&Features>,
) -> String {
    // The role of background rows is part of the hash, so that the same file in either role differs.
    for (role, features) in [("", strong), ("background", background)] {
        let Some(features) = features else { continue };
        let mut hash = blake3::Hasher::new();
        hash.update(fingerprint.as_bytes());
        hash.update(role.as_bytes());
        for row in 0..features.rows() {
            let bytes: Vec<u8> = features.row(row).iter().flat_map(|x| x.to_le_bytes()).collect();
            hash.update(&bytes);
        }
        fingerprint = hash.finalize().to_hex().to_string();
    }
    fingerprint
}
