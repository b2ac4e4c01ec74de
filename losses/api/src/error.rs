//! Why a loss refused its input.

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
        range: &'static str,
    },
    /// A saved state is not this loss's.
    #[error("{0}")]
    State(String),
    /// The input is complete but not one this loss can work with.
    #[error("{0}")]
    Unsupported(String),
}
