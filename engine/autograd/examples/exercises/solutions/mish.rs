//! With s = softplus(x) and t = tanh(s): y = x t, y' = t + x (1 - t^2) s', and s' = sigma(x).

use lacuna_engine::Real;
use lacuna_kernels::Write;

/// ln(1 + e^x) as max(x, 0) + ln(1 + e^-|x|), in which nothing overflows.
fn softplus(x: f32) -> f32 {
    x.max(0.0) + (-x.abs()).exp().ln_1p()
}

pub(crate) fn forward(x: &[f32], y: &mut [f32]) {
    for (y, x) in y.iter_mut().zip(x) {
        *y = x * softplus(*x).tanh();
    }
}

pub(crate) fn backward(write: Write, g: &[f32], x: &[f32], dx: &mut [f32]) {
    for ((dx, g), x) in dx.iter_mut().zip(g).zip(x) {
        let t = softplus(*x).tanh();
        let part = g * (t + x * (1.0 - t * t) / (1.0 + (-x).exp()));
        *dx = if write == Write::Set { part } else { *dx + part };
    }
}

pub(crate) fn reference<R: Real>(x: R) -> R {
    x * x.softplus().tanh()
}
