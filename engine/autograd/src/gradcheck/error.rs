//! What a gradient check finds.

use std::fmt;

/// A gradient check that did not pass.
#[derive(Clone, Debug, PartialEq)]
pub enum GradCheckError {
    /// The gradient of a leaf is not what the references of the operations say.
    Leaf(Mismatch),
    /// The gradient of a fused loss is not the derivative of its value.
    FusedLoss(FusedMismatch),
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

impl From<Mismatch> for GradCheckError {
    fn from(mismatch: Mismatch) -> Self {
        GradCheckError::Leaf(mismatch)
    }
}

/// A gradient of a leaf that does not agree.
#[derive(Clone, Debug, PartialEq)]
pub struct Mismatch {
    /// The leaf, by its position on the tape.
    pub leaf: String,
    /// The element, or `None` for a random direction.
    pub element: Option<usize>,
    /// What the tape says.
    pub tape: f64,
    /// What a difference of the f64 references says.
    pub difference: f64,
    /// What the references say in dual numbers.
    pub dual: f64,
}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "gradient of {}, {}: tape {}, difference {}, dual numbers {}",
            self.leaf,
            place(self.element),
            self.tape,
            self.difference,
            self.dual
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
    /// The element of the input, or `None` for a random direction.
    pub element: Option<usize>,
    /// What the loss wrote as its gradient.
    pub got: f64,
    /// What a difference of its value says.
    pub expected: f64,
}

impl fmt::Display for FusedMismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}: input {}, {}: its gradient is {}, a difference of its value {}",
            self.op,
            self.input,
            place(self.element),
            self.got,
            self.expected
        )
    }
}

fn place(element: Option<usize>) -> String {
    element.map_or("a random direction".to_owned(), |e| format!("element {e}"))
}
