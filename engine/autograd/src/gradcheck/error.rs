//! What a gradient check finds.

use lacuna_kernels::diagnosis::{Diagnosis, ratio};
use std::fmt;

/// A gradient check that did not pass.
#[derive(Clone, Debug, PartialEq)]
pub enum GradCheckError {
    /// The gradient of a leaf is not what the references of the operations say.
    Leaf(Box<Mismatch>),
    /// The gradient of a fused loss is not the derivative of its value.
    FusedLoss(Box<FusedMismatch>),
    /// A fused loss that cannot be evaluated again, so that its gradient cannot be checked.
    Opaque {
        /// The fused loss: operation, position on the tape, scope.
        op: String,
    },
    /// A fused loss that fails, or has another value, when it is evaluated again.
    Evaluation {
        /// The fused loss: operation, position on the tape, scope.
        op: String,
        /// What went wrong.
        why: String,
    },
}

impl fmt::Display for GradCheckError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            GradCheckError::Leaf(mismatch) => mismatch.fmt(f),
            GradCheckError::FusedLoss(mismatch) => mismatch.fmt(f),
            GradCheckError::Opaque { op } => {
                write!(f, "{op}: its gradient cannot be checked without evaluating it again; use `run_with`")
            }
            GradCheckError::Evaluation { op, why } => write!(f, "{op}, evaluated again: {why}"),
        }
    }
}

impl std::error::Error for GradCheckError {}

impl From<Box<Mismatch>> for GradCheckError {
    fn from(mismatch: Box<Mismatch>) -> Self {
        GradCheckError::Leaf(mismatch)
    }
}

/// A gradient of a leaf that does not agree.
#[derive(Clone, Debug, PartialEq)]
pub struct Mismatch {
    /// The leaf: its name, or what it is and its position.
    pub leaf: String,
    /// The element by its place, `w[2,3]`, or the leaf and a random direction.
    pub cell: String,
    /// The element, or `None` for a random direction.
    pub element: Option<usize>,
    /// The value of the element.
    pub value: Option<f64>,
    /// The operations that read the leaf, with their constants.
    pub read_by: Vec<String>,
    /// What the tape says.
    pub tape: f64,
    /// What a difference of the f64 references says.
    pub difference: f64,
    /// What the references say in dual numbers.
    pub dual: f64,
    /// What the pattern of the leaf's gradient says.
    pub diagnosis: Diagnosis,
}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { cell, tape, difference, dual, diagnosis, .. } = self;
        let read_by = match self.read_by.as_slice() {
            [] => String::new(),
            readers => format!(", read by {}", readers.join(" and ")),
        };
        write!(
            f,
            "gradient of {cell}{}{read_by}: got {tape}, expected {dual} by dual numbers and {difference} by a \
             difference{}\n{diagnosis}",
            at(self.value),
            ratio(*tape, *dual),
        )
    }
}

/// A gradient of a fused loss that does not agree.
#[derive(Clone, Debug, PartialEq)]
pub struct FusedMismatch {
    /// The fused loss: operation, position on the tape, scope.
    pub op: String,
    /// Which of its inputs.
    pub input: usize,
    /// The element of the input by its place, `z[2,3]`, or the input and a random direction.
    pub cell: String,
    /// The element of the input, or `None` for a random direction.
    pub element: Option<usize>,
    /// The value of the element.
    pub value: Option<f64>,
    /// What the loss wrote as its gradient.
    pub got: f64,
    /// What a difference of its value says.
    pub expected: f64,
    /// What the pattern of the input's gradient says.
    pub diagnosis: Diagnosis,
}

impl fmt::Display for FusedMismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { op, input, cell, got, expected, diagnosis, .. } = self;
        write!(
            f,
            "{op}: gradient of input {input}, {cell}{}: got {got}, expected {expected} by a difference of its \
             value{}\n{diagnosis}",
            at(self.value),
            ratio(*got, *expected),
        )
    }
}

fn at(value: Option<f64>) -> String {
    value.map_or_else(String::new, |value| format!(" at the value {value}"))
}
