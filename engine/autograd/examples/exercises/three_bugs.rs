//! Exercise: three backward passes, each with one bug. The check prints what it got, what is right,
//! and a diagnosis: of one bug it is exact, of the other two it names two possibilities, and each of them is one of these.

/// z = x + b, where every row of x gets the row b: dx = g, db = the sum of the rows of g.
pub(crate) fn add_row(g: &[f64], cols: usize, dx: &mut [f64], db: &mut [f64]) {
    dx.copy_from_slice(g);
    let rows = g.len() / cols;
    for (j, db) in db.iter_mut().enumerate() {
        *db = (0..rows).map(|i| g[i * cols + j]).sum::<f64>() / rows as f64;
    }
}

/// y = softmax(x) of one row, y_i = e^x_i / (sum over k of e^x_k).
pub(crate) fn softmax(g: &[f64], y: &[f64], dx: &mut [f64]) {
    for ((dx, g), y) in dx.iter_mut().zip(g).zip(y) {
        *dx = g * y * (1.0 - y);
    }
}

/// y = x + tanh(x): x goes two ways.
pub(crate) fn residual(g: &[f64], x: &[f64], dx: &mut [f64]) {
    for (dx, g) in dx.iter_mut().zip(g) {
        *dx = *g;
    }
    for ((dx, g), x) in dx.iter_mut().zip(g).zip(x) {
        *dx = g * (1.0 - x.tanh() * x.tanh());
    }
}
