//! dy/da = b and dy/db = a. Both parts are added: in x x the second finds the first in its place.

pub(crate) fn mul_backward(grads: &mut [f64], values: &[f64], a: usize, b: usize, g: f64) {
    grads[a] += g * values[b];
    grads[b] += g * values[a];
}
