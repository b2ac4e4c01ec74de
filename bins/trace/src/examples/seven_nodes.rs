//! The seven nodes of the page on autograd.

use super::Example;
use crate::graph::Leaves;
use lacuna_engine::Var;

pub(super) const EXAMPLE: Example = Example {
    name: "seven-nodes",
    title: "Seven nodes",
    about: "ln(1 + e^(w x)) step by step: the cross-entropy of an absent label, for a model of one weight. Chapter 2 of docs/autograd.md.",
    record,
};

fn record(leaves: &mut Leaves<'_>) -> Var {
    leaves.tape.seal();
    let w = leaves.variable("w", &[1], &[0.5]);
    let x = leaves.variable("x", &[1], &[2.0]);
    let m = leaves.tape.mul(w, x);
    let e = leaves.tape.exp(m);
    let one = leaves.variable("one", &[1], &[1.0]);
    let s = leaves.tape.add(e, one);
    leaves.tape.ln(s)
}
