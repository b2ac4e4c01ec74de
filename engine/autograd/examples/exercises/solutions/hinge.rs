//! With u = max(0, 1 - y z): the loss is the mean of u^2 over known cells, and d u^2 / dz = -2 y u, which is 0 where y is.

use lacuna_engine::{Tape, Var};

pub(crate) fn squared_hinge(z: &[f32], y: &[f32], dz: &mut [f32]) -> f32 {
    let known = y.iter().filter(|y| **y != 0.0).count().max(1) as f32;
    let mut sum = 0.0;
    for ((dz, z), y) in dz.iter_mut().zip(z).zip(y) {
        let u = (1.0 - y * z).max(0.0);
        sum += y * y * u * u;
        *dz = -2.0 * y * u / known;
    }
    sum / known
}

pub(crate) fn composed(tape: &mut Tape, z: Var, y: Var, known: usize) -> Var {
    let yz = tape.mul(y, z);
    let away = tape.neg(yz);
    let margin = tape.shift(away, 1.0);
    let u = tape.relu(margin);
    let u = tape.mul(u, y);
    let squared = tape.mul(u, u);
    let sum = tape.sum(squared);
    tape.scale(sum, 1.0 / known.max(1) as f32)
}
