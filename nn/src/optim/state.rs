//! What an optimiser keeps for each parameter, to be saved and restored.

use std::fmt;

/// Everything an optimiser keeps for one parameter.
///
/// Rates and momentum are not part of it: they come from the configuration and from schedules.
#[derive(Clone, Debug, PartialEq)]
pub struct SlotState {
    /// Name of the parameter.
    pub parameter: String,
    /// Steps in which the parameter had a gradient.
    pub steps: u64,
    /// Arrays of the parameter's size by name: the moments of Adam (`m`, `v`), the velocity of SGD (`u`).
    pub arrays: Vec<(String, Vec<f32>)>,
    /// Bookkeeping for a parameter that had gradients of single rows.
    pub rows: Option<RowsState>,
}

/// Fewer steps than this: they are counted on, and are powers of 64-bit floats.
pub(super) const STEPS: u64 = 1 << 40;

impl SlotState {
    /// Checks the number of steps, the names of the arrays, which come in this order, and their size.
    pub(super) fn check(&self, names: &[impl AsRef<str>], len: usize) -> Result<(), OptimizerStateError> {
        let parameter = || self.parameter.clone();
        if self.steps >= STEPS {
            return Err(OptimizerStateError::Steps { parameter: parameter(), steps: self.steps });
        }
        let expected = names.iter().map(AsRef::as_ref);
        if !expected.clone().eq(self.arrays.iter().map(|(name, _)| name.as_str())) {
            return Err(OptimizerStateError::Arrays {
                parameter: parameter(),
                expected: expected.map(str::to_owned).collect(),
                found: self.arrays.iter().map(|(name, _)| name.clone()).collect(),
            });
        }
        match self.arrays.iter().find(|(_, values)| values.len() != len) {
            None => Ok(()),
            Some((array, values)) => Err(OptimizerStateError::Size {
                parameter: parameter(),
                array: array.clone(),
                expected: len,
                found: values.len(),
            }),
        }
    }
}

/// The bookkeeping for a parameter that had gradients of single rows, with one number for each row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RowsState {
    /// Step in which a row last had a gradient; 0 for never.
    pub touched: Vec<u64>,
    /// The last step that is in a row's numbers.
    pub updated: Vec<u64>,
    /// Whether a row may move without a gradient, because its moments may be other than 0.
    pub alive: Vec<bool>,
}

/// A state that does not fit the parameters of a tape or the optimiser.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OptimizerStateError {
    /// The tape has no parameter of this name.
    UnknownParameter {
        /// The name in the state.
        parameter: String,
    },
    /// The state lacks a parameter that the optimiser needs a state of.
    Missing {
        /// Name of the parameter.
        parameter: String,
    },
    /// The parameter occurs twice.
    Duplicate {
        /// Name of the parameter.
        parameter: String,
    },
    /// The state is one after more steps than an optimiser takes, 2^40 or more.
    Steps {
        /// Name of the parameter.
        parameter: String,
        /// Steps in the state.
        steps: u64,
    },
    /// The state has other arrays than the optimiser keeps.
    Arrays {
        /// Name of the parameter.
        parameter: String,
        /// Names of the optimiser's arrays.
        expected: Vec<String>,
        /// Names in the state.
        found: Vec<String>,
    },
    /// An array has another size than the parameter.
    Size {
        /// Name of the parameter.
        parameter: String,
        /// Name of the array.
        array: String,
        /// Elements of the parameter.
        expected: usize,
        /// Elements of the array.
        found: usize,
    },
    /// The bookkeeping of rows has another size than the parameter has rows.
    Rows {
        /// Name of the parameter.
        parameter: String,
        /// Rows of the parameter.
        expected: usize,
        /// Sizes of `touched`, `updated` and `alive`.
        found: [usize; 3],
    },
    /// A row was updated in a step that the parameter has not had yet, or touched in one that is not in its numbers.
    RowStep {
        /// Name of the parameter.
        parameter: String,
        /// The row.
        row: usize,
    },
    /// A row may move without a gradient and misses steps, of which a state holds no learning rates.
    RowBehind {
        /// Name of the parameter.
        parameter: String,
        /// The row.
        row: usize,
    },
}

impl fmt::Display for OptimizerStateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownParameter { parameter } => {
                write!(f, "optimiser state of `{parameter}`: there is no parameter of this name")
            }
            Self::Missing { parameter } => write!(f, "optimiser state of `{parameter}`: missing"),
            Self::Duplicate { parameter } => write!(f, "optimiser state of `{parameter}`: given twice"),
            Self::Steps { parameter, steps } => {
                write!(f, "optimiser state of `{parameter}`: {steps} steps, more than an optimiser takes")
            }
            Self::Arrays { parameter, expected, found } => write!(
                f,
                "optimiser state of `{parameter}`: the arrays are [{}], the optimiser keeps [{}]",
                found.join(", "),
                expected.join(", ")
            ),
            Self::Size { parameter, array, expected, found } => write!(
                f,
                "optimiser state of `{parameter}`: `{array}` has {found} elements, the parameter has {expected}"
            ),
            Self::Rows { parameter, expected, found } => write!(
                f,
                "optimiser state of `{parameter}`: rows for {found:?} (touched, updated, alive), \
                 the parameter has {expected}"
            ),
            Self::RowStep { parameter, row } => write!(
                f,
                "optimiser state of `{parameter}`: row {row} was touched or updated in a step that has not happened yet"
            ),
            Self::RowBehind { parameter, row } => write!(
                f,
                "optimiser state of `{parameter}`: row {row} is still moving and misses the last steps"
            ),
        }
    }
}

impl std::error::Error for OptimizerStateError {}
