//! Why a loss refused its input.

use crate::{Interval, Suggestion};

/// Why a loss refused its input or its configuration.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum LossError {
    /// A matrix does not have `rows * classes` entries, or there is nothing to sum over.
    #[error("{what} has {found} entries where {rows} rows x {classes} classes were expected")]
    Shape {
        /// Which matrix.
        what: &'static str,
        /// Entries found.
        found: usize,
        /// Rows of the batch.
        rows: usize,
        /// Classes of the batch.
        classes: usize,
    },
    /// The loss takes another number of logit matrices.
    #[error("{loss} takes {expected} logit matrices, not {found}")]
    Matrices {
        /// Name of the loss.
        loss: &'static str,
        /// How many it takes.
        expected: usize,
        /// How many were given.
        found: usize,
    },
    /// The formula has no meaning for so few classes.
    #[error("{loss} needs at least {needed} classes, not {found}")]
    Classes {
        /// Name of the loss.
        loss: &'static str,
        /// Fewest classes it is defined for.
        needed: usize,
        /// Classes of the batch.
        found: usize,
    },
    /// A logit is NaN or infinite.
    #[error("the logit of row {row}, class {class} is {value}; check the learning rate and the features")]
    NonFinite {
        /// Row within the batch.
        row: usize,
        /// Class.
        class: usize,
        /// The offending value.
        value: f32,
    },
    /// A label has no meaning in this method.
    #[error("the label of row {row}, class {class} is {label:?}, which {loss} has no meaning for: {why}")]
    Label {
        /// Name of the loss.
        loss: &'static str,
        /// Row within the batch.
        row: usize,
        /// Class.
        class: usize,
        /// The offending label.
        label: lacuna_labels::Label,
        /// What the method expects.
        why: &'static str,
    },
    /// A soft target is no probability.
    #[error("the soft target of row {row}, class {class} is {value}, which is not in [0, 1]")]
    Target {
        /// Row within the batch.
        row: usize,
        /// Class.
        class: usize,
        /// The offending value.
        value: f32,
    },
    /// A parameter is outside its range.
    #[error("{loss}: {parameter} = {value} is outside its range {range}")]
    Parameter {
        /// Name of the loss.
        loss: &'static str,
        /// Name of the parameter.
        parameter: &'static str,
        /// The value given.
        value: f64,
        /// The range it has to be in.
        range: Interval,
    },
    /// A parameter that depends on the data was neither given nor known from the data.
    #[error("{loss} needs a value for {parameter}: {doc}")]
    MissingParameter {
        /// Name of the loss.
        loss: &'static str,
        /// Name of the parameter.
        parameter: &'static str,
        /// What the parameter is.
        doc: &'static str,
    },
    /// The loss has no parameter of this name.
    #[error("{loss} has no parameter `{name}`{}", clause(.suggestion))]
    UnknownParameter {
        /// Name of the loss.
        loss: &'static str,
        /// The name given.
        name: String,
        /// The parameters that may be meant; all of them where no name is near.
        suggestion: Suggestion,
    },
    /// There is no loss of this name.
    #[error("there is no loss `{name}`{}", clause(.suggestion))]
    UnknownLoss {
        /// The name given.
        name: String,
        /// The losses that may be meant.
        suggestion: Suggestion,
    },
    /// A matrix of classes x classes does not fit into memory.
    #[error(
        "the {what} of {classes} classes takes {} bytes, for which there is not enough memory; choose a loss that does not need it",
        8 * (*classes as u128).pow(2)
    )]
    Memory {
        /// Which matrix.
        what: &'static str,
        /// Classes of the training set.
        classes: usize,
    },
    /// A saved state is not this loss's.
    #[error("{0}")]
    State(String),
    /// The input is complete but not one this loss can work with.
    #[error("{0}")]
    Unsupported(String),
}

/// A suggestion behind a semicolon, or nothing.
fn clause(suggestion: &Suggestion) -> String {
    match suggestion {
        Suggestion::None => String::new(),
        suggestion => format!("; {suggestion}"),
    }
}
