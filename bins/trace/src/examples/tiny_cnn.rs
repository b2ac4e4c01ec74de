//! A convolutional network that fits on a screen.

use super::Example;
use crate::graph::Leaves;
use lacuna_engine::{ConvOptions, Var, Window};
use lacuna_losses::{Label, Reduction};

pub(super) const EXAMPLE: Example = Example {
    name: "tiny-cnn",
    title: "Tiny CNN",
    about: "Is the bar upright? Two pictures of 6 x 6, two kernels of 3 x 3, a maximum pool with its rectifier in one node, a linear layer, cross-entropy.",
    record,
};

/// A picture with a bar, no two numbers of which are equal: each maximum has one place.
fn picture(bar: impl Fn(usize, usize) -> bool) -> [f32; 36] {
    std::array::from_fn(|i| {
        let (row, col) = (i / 6, i % 6);
        let base = if bar(row, col) { 0.85 } else { 0.05 };
        base + 0.004 * (i * 7 % 36) as f32
    })
}

fn record(leaves: &mut Leaves<'_>) -> Var {
    let kernels = [
        -0.5, 0.6, -0.1, -0.4, 0.7, -0.2, -0.6, 0.5, 0.1, //
        -0.4, -0.5, -0.3, 0.6, 0.7, 0.5, -0.2, -0.6, -0.1,
    ];
    let w = leaves.param("w", &[2, 1, 3, 3], &kernels);
    let b = leaves.param("b", &[2], &[0.05, -0.1]);
    let out = leaves.param("W", &[8, 1], &[0.5, -0.3, 0.4, 0.2, -0.6, -0.4, 0.3, -0.5]);
    let c = leaves.param("c", &[1], &[0.1]);
    leaves.tape.seal();
    let pictures = [picture(|_, col| col == 2 || col == 3), picture(|row, _| row == 2 || row == 3)].concat();
    let x = leaves.input("pictures", &[2, 1, 6, 6], &pictures);
    let tape = &mut leaves.tape;
    let pooled = tape.scope("conv", |tape| {
        let maps = tape.conv2d(x, w, Some(b), ConvOptions::default());
        tape.relu_max_pool2d(maps, Window::square(2, 2, 0))
    });
    let z = tape.scope("output", |tape| {
        let flat = tape.reshape(pooled, [2, 8]);
        tape.linear(flat, out, c)
    });
    leaves.fused("bce", Reduction::Mean, z, &[Label::Positive, Label::Negative])
}
