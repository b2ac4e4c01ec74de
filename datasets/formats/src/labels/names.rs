//! Names of rows and of classes.

use crate::text::strings::Interner;
use crate::{FormatError, ReadOptions, Strings, shown};
use std::path::Path;

/// Returns an error for a duplicate name.
pub(crate) fn unique(path: &Path, names: &Strings) -> Result<(), FormatError> {
    match names.duplicate() {
        None => Ok(()),
        Some((later, earlier)) => Err(FormatError::Unwritable {
            path: path.into(),
            problem: format!(
                "duplicate name `{}`: row {earlier} and row {later} (counted from 0)",
                shown(&names[later])
            ),
        }),
    }
}

/// Names of classes that have none.
pub(crate) fn numbered_classes(path: &Path, classes: usize) -> Result<Strings, FormatError> {
    Strings::numbered("class", classes).map_err(|bytes| FormatError::memory(path, "names of classes", bytes))
}

/// The classes of a file that mentions them one by one.
pub(crate) struct Classes {
    names: Interner,
    /// Whether the classes were given, so that another one is a mistake.
    closed: bool,
}

impl Classes {
    pub(crate) fn new(options: &ReadOptions) -> Self {
        let names = Interner::new(options.classes.clone().unwrap_or_default());
        Self { names, closed: options.classes.is_some() }
    }

    pub(crate) fn names(&self) -> &Strings {
        self.names.strings()
    }

    pub(crate) fn into_names(self) -> Strings {
        self.names.into_strings()
    }

    /// The classes that there are so far.
    pub(crate) fn interner(&self) -> &Interner {
        &self.names
    }

    /// Whether the classes were given.
    pub(crate) fn are_given(&self) -> bool {
        self.closed
    }

    /// Whether the classes were given and this is one.
    pub(crate) fn is_given(&self, name: &str) -> bool {
        self.closed && self.names.get(name).is_some()
    }

    pub(crate) fn find(&mut self, name: &str) -> Result<u32, String> {
        if self.closed {
            let missing = || format!("unknown class `{}`: it is not in the list of classes", shown(name));
            return self.names.get(name).ok_or_else(missing);
        }
        if name.is_empty() {
            return Err("a class has no name".into());
        }
        let number = self.names.number(name).filter(|&number| number < 1 << 30);
        number.ok_or_else(|| "there are more classes than can be listed".into())
    }
}
