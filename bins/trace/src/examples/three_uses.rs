//! The value that is used three times, of the page on autograd.

use super::Example;
use crate::graph::Leaves;
use lacuna_engine::Var;

pub(super) const EXAMPLE: Example = Example {
    name: "three-uses",
    title: "Three uses",
    about: "w w + w: w moves the loss along three paths, and their parts add up. The bug of chapter 3 of docs/autograd.md is to set what should be added.",
    record,
};

fn record(leaves: &mut Leaves<'_>) -> Var {
    leaves.tape.seal();
    let w = leaves.variable("w", &[1], &[3.0]);
    let square = leaves.tape.mul(w, w);
    leaves.tape.add(square, w)
}
