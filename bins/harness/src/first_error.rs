//! The first error of work that goes on after it.

use crate::HarnessError;
use std::sync::Mutex;

/// The first of the errors that several threads meet: a record that cannot be kept ends no other run, and is told at the end.
#[derive(Debug, Default)]
pub struct FirstError(Mutex<Option<HarnessError>>);

impl FirstError {
    /// Whether a result is no error; the first that is one is kept.
    pub fn ok(&self, result: Result<(), HarnessError>) -> bool {
        let Err(error) = result else { return true };
        self.0.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).get_or_insert(error);
        false
    }

    /// The first error.
    pub fn into_inner(self) -> Option<HarnessError> {
        self.0.into_inner().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}
