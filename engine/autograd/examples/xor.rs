//! Learns exclusive or with four hidden units and plain gradient descent.
//!
//! Run with `cargo run --release -p lacuna-engine --example xor`.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "an example shows its numbers")]

use lacuna_engine::{Grad, Tape, Tensor};

fn main() {
    let start = |n: usize, phase: f32| (0..n).map(|i| (i as f32 * 2.3 + phase).sin()).collect();
    let mut tape = Tape::new();
    let w1 = tape.param("hidden.weight", Tensor::new([2, 4], start(8, 0.3)));
    let b1 = tape.param("hidden.bias", Tensor::zeros([4]));
    let w2 = tape.param("output.weight", Tensor::new([4, 1], start(4, 1.1)));
    let b2 = tape.param("output.bias", Tensor::zeros([1]));
    tape.seal();

    for step in 0..=2000 {
        tape.reset();
        let x = tape.input([4, 2], &[0.0, 0.0, 0.0, 1.0, 1.0, 0.0, 1.0, 1.0]);
        let y = tape.input([4, 1], &[0.0, 1.0, 1.0, 0.0]);
        let h = tape.matmul(x, w1);
        let h = tape.add(h, b1);
        let h = tape.tanh(h);
        let z = tape.matmul(h, w2);
        let z = tape.add(z, b2);
        // binary cross-entropy: softplus(z) - y z
        let (all, yz) = (tape.softplus(z), tape.mul(y, z));
        let entries = tape.sub(all, yz);
        let loss = tape.mean(entries);
        tape.backward(loss);
        if step % 500 == 0 {
            let p = tape.sigmoid(z);
            println!("step {step:>4}  loss {:.5}  p {:.3?}", tape.value(loss)[0], tape.value(p));
        }
        tape.update_entries(|_, entry| {
            if let Some(Grad::Dense(g)) = entry.grad {
                for (w, g) in entry.value.iter_mut().zip(g) {
                    *w -= 0.5 * g;
                }
            }
        });
    }
}
