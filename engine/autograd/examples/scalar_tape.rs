//! Reverse-mode differentiation on single numbers, with the names of the real tape.
//!
//! Read this first. What `lacuna_engine::Tape` adds is shapes, kernels that work on whole slices, buffers that
//! are used again, and checks; the idea is all here.
//!
//! Run with `cargo run --release -p lacuna-engine --example scalar_tape`.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "an example shows its numbers")]

/// A position on the tape.
#[derive(Clone, Copy)]
struct Var(usize);

/// What was computed, and from what.
#[derive(Clone, Copy)]
enum Op {
    Leaf,
    Add(Var, Var),
    Mul(Var, Var),
    Exp(Var),
    Ln(Var),
}

/// Operations in the order in which they were computed, with their values and their gradients.
#[derive(Default)]
struct Tape {
    ops: Vec<Op>,
    values: Vec<f64>,
    grads: Vec<f64>,
}

impl Tape {
    /// Appends a node. Inputs are always recorded before outputs.
    fn record(&mut self, op: Op, value: f64) -> Var {
        self.ops.push(op);
        self.values.push(value);
        self.grads.push(0.0);
        Var(self.ops.len() - 1)
    }

    fn leaf(&mut self, value: f64) -> Var {
        self.record(Op::Leaf, value)
    }

    fn add(&mut self, a: Var, b: Var) -> Var {
        self.record(Op::Add(a, b), self.values[a.0] + self.values[b.0])
    }

    fn mul(&mut self, a: Var, b: Var) -> Var {
        self.record(Op::Mul(a, b), self.values[a.0] * self.values[b.0])
    }

    fn exp(&mut self, x: Var) -> Var {
        self.record(Op::Exp(x), self.values[x.0].exp())
    }

    fn ln(&mut self, x: Var) -> Var {
        self.record(Op::Ln(x), self.values[x.0].ln())
    }

    /// Walks from `loss` to the start. When a node is reached, every node that used it has been passed, so
    /// its gradient g is complete and can be handed on: to each input, g times the local slope.
    fn backward(&mut self, loss: Var) {
        self.grads.fill(0.0);
        self.grads[loss.0] = 1.0;
        for i in (0..=loss.0).rev() {
            let (g, y) = (self.grads[i], self.values[i]);
            match self.ops[i] {
                Op::Leaf => {}
                Op::Add(a, b) => {
                    self.grads[a.0] += g;
                    self.grads[b.0] += g;
                }
                Op::Mul(a, b) => {
                    self.grads[a.0] += g * self.values[b.0];
                    self.grads[b.0] += g * self.values[a.0];
                }
                Op::Exp(x) => self.grads[x.0] += g * y,
                Op::Ln(x) => self.grads[x.0] += g / self.values[x.0],
            }
        }
    }
}

fn main() {
    // f(w) = (e^w + ln w + w w + (w + w)) w. Every operation reads w, and the last one gave it a gradient before the sweep
    // reaches the others: each has to add its part.
    let value = 0.7_f64;
    let mut tape = Tape::default();
    let w = tape.leaf(value);
    let (exp, ln, square, twice) = (tape.exp(w), tape.ln(w), tape.mul(w, w), tape.add(w, w));
    let (left, right) = (tape.add(exp, ln), tape.add(square, twice));
    let sum = tape.add(left, right);
    let loss = tape.mul(sum, w);

    // f is this times w.
    let (inner, slope) = (
        value.exp() + value.ln() + value * value + 2.0 * value,
        value.exp() + 1.0 / value + 2.0 * value + 2.0,
    );
    let expected = inner + slope * value;
    // A second sweep over the same tape gives the same numbers: each starts from gradients of 0.
    for sweep in 1..=2 {
        tape.backward(loss);
        println!("sweep {sweep}");
        println!("f             {:.12}", tape.values[loss.0]);
        println!("d f / d w     {:.12}  (by hand: {expected:.12})", tape.grads[w.0]);
        assert!((tape.grads[w.0] - expected).abs() < 1e-12);
    }
}

#[test]
fn the_gradient_is_that_by_hand() {
    main();
}
