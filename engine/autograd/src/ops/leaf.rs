//! Leaves: values that were put on the tape, not computed.

use super::{Inputs, Operation};
use crate::Real;
use crate::tape::{Backward, Forward, Reference};

/// A value that was put on the tape.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Leaf {
    pub(crate) kind: LeafKind,
    /// What an input holds, where its caller says so.
    pub(crate) contents: Option<u64>,
}

/// What a leaf is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LeafKind {
    /// Trained, kept from step to step.
    Param,
    /// Kept from step to step.
    State,
    /// Data of one step.
    Input,
    /// Data of one step whose gradient is wanted.
    Variable,
}

impl LeafKind {
    /// Its name in lists of nodes.
    pub(crate) fn name(self) -> &'static str {
        match self {
            LeafKind::Param => "param",
            LeafKind::State => "state",
            LeafKind::Input => "input",
            LeafKind::Variable => "variable",
        }
    }

    pub(crate) fn needs_grad(self) -> bool {
        matches!(self, LeafKind::Param | LeafKind::Variable)
    }
}

impl Operation for Leaf {
    const NAME: &'static str = "leaf";
    const DOC: &'static str = "a parameter, a piece of state or data";
    const DERIVATIVE: &'static str = "kept: this is where a sweep ends";

    fn inputs(&self) -> Inputs {
        Inputs::new([])
    }

    fn forward(&self, _: Forward<'_>) {}

    fn backward(&self, _: &mut Backward<'_>) {}

    fn reference<R: Real>(&self, r: &Reference<'_, R>) -> Vec<R> {
        r.recorded_output().iter().map(|x| R::of(f64::from(*x))).collect()
    }

    #[cfg(test)]
    fn cases() -> Vec<crate::gradcheck::Case> {
        use crate::gradcheck::Case;
        vec![Case::new(&[&[3, 5]], |_, x| x[0])]
    }
}
