//! The network of the page on autograd, chapter 8.

use super::Example;
use crate::graph::Leaves;
use lacuna_engine::Var;

pub(super) const EXAMPLE: Example = Example {
    name: "xor",
    title: "XOR perceptron",
    about: "Two inputs, four hidden units and one logit, on the four rows of exclusive or. The cross-entropy is written out, softplus(z) - z t for the target t, so the logits z are used twice.",
    record,
};

fn record(leaves: &mut Leaves<'_>) -> Var {
    let w1 = leaves.param("W1", &[2, 4], &[1.2, -0.9, 0.7, 0.4, -1.1, 1.0, 0.6, -0.5]);
    let b1 = leaves.param("b1", &[4], &[0.1, -0.2, -0.6, 0.3]);
    let w2 = leaves.param("W2", &[4, 1], &[1.0, 0.8, -1.1, 0.5]);
    let b2 = leaves.param("b2", &[1], &[-0.3]);
    leaves.tape.seal();
    let x = leaves.input("x", &[4, 2], &[0.0, 0.0, 0.0, 1.0, 1.0, 0.0, 1.0, 1.0]);
    let t = leaves.input("t", &[4, 1], &[0.0, 1.0, 1.0, 0.0]);
    let tape = &mut leaves.tape;
    let h = tape.scope("hidden", |tape| {
        let h = tape.linear(x, w1, b1);
        tape.tanh(h)
    });
    let z = tape.scope("output", |tape| tape.linear(h, w2, b2));
    tape.scope("loss", |tape| {
        let (all, tz) = (tape.softplus(z), tape.mul(z, t));
        let entries = tape.sub(all, tz);
        tape.mean(entries)
    })
}
