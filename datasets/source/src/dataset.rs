//! A data set that was opened.

use crate::DataSource;
use lacuna_formats::Table;
use lacuna_labels::Features;
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
    /// A second extraction of the features of the training rows, in their order.
    pub strong: Option<Features>,
    /// The test rows.
    pub test: Option<Table>,
    /// Notes of the reader, one sentence each.
    pub notes: Vec<String>,
    /// Every file that was read, or may have been: programs never write over them.
    pub files: Vec<PathBuf>,
    /// What was opened, with what the files left open filled in: the format and the features that were chosen.
    pub source: DataSource,
}

impl Dataset {
    /// BLAKE3, in hexadecimal, of the names, classes, labels, observed labels and features of all parts. It does not
    /// depend on where the files lie.
    pub fn fingerprint(&self) -> String {
        let fingerprint = lacuna_checks::fingerprint(&self.train, self.test.as_ref());
        with_strong(fingerprint, self.strong.as_ref())
    }
}

/// A fingerprint of data with a second extraction of its features, where there is one, taken in.
pub fn with_strong(fingerprint: String, strong: Option<&Features>) -> String {
    let Some(strong) = strong else { return fingerprint };
    let mut hash = blake3::Hasher::new();
    hash.update(fingerprint.as_bytes());
    for row in 0..strong.rows() {
        let bytes: Vec<u8> = strong.row(row).iter().flat_map(|x| x.to_le_bytes()).collect();
        hash.update(&bytes);
    }
    hash.finalize().to_hex().to_string()
}
