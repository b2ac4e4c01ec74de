//! A linear layer and a loss of missing labels.

use super::Example;
use crate::graph::Leaves;
use lacuna_engine::Var;
use lacuna_losses::{Label, Reduction};

pub(super) const EXAMPLE: Example = Example {
    name: "linear-hill",
    title: "Linear layer and Hill loss",
    about: "Two rows, three classes, some labels unknown. One linear layer and the Hill loss, which computes its value and its slopes in one go.",
    record,
};

fn record(leaves: &mut Leaves<'_>) -> Var {
    let w = leaves.param("W", &[2, 3], &[0.6, -0.4, 0.9, -0.7, 0.5, 0.3]);
    let b = leaves.param("b", &[3], &[0.1, -0.2, 0.0]);
    leaves.tape.seal();
    let x = leaves.input("x", &[2, 2], &[1.0, -0.5, 0.4, 1.2]);
    let z = leaves.tape.scope("head", |tape| tape.linear(x, w, b));
    let (p, n, u) = (Label::Positive, Label::Negative, Label::Unknown);
    leaves.fused("hill", Reduction::Sum, z, &[p, n, u, u, p, n])
}
