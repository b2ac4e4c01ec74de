//! Lists with a label for each class, written as text: a line a row, or a file a class.

mod list;
mod voc;

use crate::{Content, FormatError, ReadOptions};
use std::path::Path;

pub(crate) use voc::is_class_list;

/// Reads a text of lines `name 0 1 0` (see [`list::read`]), or a folder with a list for each class (see [`voc::read`]).
///
/// # Errors
/// [`FormatError::Text`] with line and column.
pub(crate) fn read(path: &Path, options: &ReadOptions) -> Result<Content, FormatError> {
    match path.is_dir() {
        true => voc::read(path, options),
        false => list::read(path, options).map(Content::from),
    }
}

/// Whether a text begins with such lines, or a folder has such files.
pub(crate) fn recognises(path: &Path) -> bool {
    match path.is_dir() {
        true => voc::recognises(path),
        false => list::recognises(path),
    }
}
