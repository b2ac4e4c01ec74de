//! An archive as a data set.

use super::{NpzArchive, scipy};
use crate::arrays::{self, ArrayFile};
use crate::npy::FeatureShape;
use crate::{Content, FormatError, NpyArray, ReadOptions};
use std::io::{Read, Seek};
use std::path::Path;

impl<R: Read + Seek> ArrayFile for NpzArchive<R> {
    fn names(&self) -> Vec<String> {
        NpzArchive::names(self).map(String::from).collect()
    }

    fn read(&mut self, name: &str) -> Result<NpyArray, FormatError> {
        NpzArchive::read(self, name)
    }

    fn features(&mut self, name: &str) -> Result<(FeatureShape, Vec<f32>), FormatError> {
        self.read_features(name)
    }
}

/// Reads a data set from an archive; see [`arrays::content`] for the names of its arrays.
pub(crate) fn read(path: &Path, options: &ReadOptions) -> Result<Content, FormatError> {
    let mut archive = NpzArchive::open_within(path, &options.limits)?;
    if scipy::is_sparse(&archive) {
        return scipy::read(&mut archive, path, options);
    }
    arrays::content(&mut archive, path, options)
}
