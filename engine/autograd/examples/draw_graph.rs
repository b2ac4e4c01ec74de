//! Prints the recorded graph of a small logistic head: as a table, and in Graphviz's language.
//!
//! `cargo run --release -p lacuna-engine --example draw_graph | dot -Tsvg > head.svg` draws it.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "an example shows its graph")]

use lacuna_engine::{Tape, Tensor};

fn main() {
    let mut tape = Tape::new();
    let w = tape.param("weight", Tensor::filled([4, 3], 0.1));
    let b = tape.param("bias", Tensor::zeros([3]));
    tape.seal();
    let x = tape.input([2, 4], &[1.0, 2.0, 3.0, 4.0, 0.0, 1.0, 0.0, 1.0]);
    let y = tape.input([2, 3], &[1.0, 0.0, 0.0, 0.0, 1.0, 1.0]);
    let z = tape.scope("head", |tape| {
        let xw = tape.matmul(x, w);
        tape.add(xw, b)
    });
    // binary cross-entropy: softplus(z) - y z
    let loss = tape.scope("loss", |tape| {
        let (all, yz) = (tape.softplus(z), tape.mul(y, z));
        let entries = tape.sub(all, yz);
        tape.mean(entries)
    });
    tape.backward(loss);
    eprintln!("{}", tape.table());
    print!("{}", tape.dot());
}
