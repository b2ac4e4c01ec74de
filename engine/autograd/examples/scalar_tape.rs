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
    // softplus(w x) = ln(1 + e^(w x)), whose slope in w is x sigmoid(w x)
    let (w, x) = (0.7, -1.5);
    let mut tape = Tape::default();
    let (vw, vx, one) = (tape.leaf(w), tape.leaf(x), tape.leaf(1.0));
    let product = tape.mul(vw, vx);
    let e = tape.exp(product);
    let sum = tape.add(one, e);
    let loss = tape.ln(sum);
    tape.backward(loss);

    let expected = x / (1.0 + (-w * x).exp());
    println!("loss          {:.12}", tape.values[loss.0]);
    println!("d loss / d w  {:.12}  (by hand: {expected:.12})", tape.grads[vw.0]);
    assert!((tape.grads[vw.0] - expected).abs() < 1e-12);
}
