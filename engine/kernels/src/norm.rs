//! Normalisation by channel: x `[N, C, S]`, with S the pixels of an image, or 1 for a matrix.
//!
//! Sums over a channel run image by image in f64, so they do not depend on who computes them; threads take
//! channels for sums and images for maps.

use crate::exec::MAP_BLOCK;
use crate::{Exec, Write, f32x8, map, reduce};
use rayon::prelude::*;

/// Sizes of `[N, C, S]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Channels {
    /// N.
    pub images: usize,
    /// C.
    pub channels: usize,
    /// S.
    pub pixels: usize,
}

impl Channels {
    /// N C S.
    #[expect(clippy::len_without_is_empty, reason = "sizes are no collection")]
    pub fn len(self) -> usize {
        self.images * self.channels * self.pixels
    }

    /// Numbers in one channel, N S.
    pub fn count(self) -> usize {
        self.images * self.pixels
    }

    /// The pixels of channel c, image by image.
    fn of(self, x: &[f32], c: usize) -> impl Iterator<Item = &[f32]> {
        let pixels = self.pixels;
        (0..self.images).map(move |n| &x[(n * self.channels + c) * pixels..][..pixels])
    }
}

/// Computes `width` numbers for each channel.
fn each_channel(
    exec: Exec,
    s: Channels,
    width: usize,
    out: &mut [f32],
    work: impl Fn(usize, &mut [f32]) + Sync,
) {
    assert_eq!(out.len(), s.channels * width, "{width} numbers for each channel");
    if exec == Exec::Rayon && s.len() >= 2 * MAP_BLOCK {
        out.par_chunks_exact_mut(width).enumerate().for_each(|(c, out)| work(c, out));
    } else {
        out.chunks_exact_mut(width).enumerate().for_each(|(c, out)| work(c, out));
    }
}

/// Calls `work(element, channel, pixels)` for every channel of every image.
fn each_plane(exec: Exec, s: Channels, out: &mut [f32], work: impl Fn(usize, usize, &mut [f32]) + Sync) {
    assert_eq!(out.len(), s.len(), "one number for each element");
    if out.is_empty() {
        return;
    }
    let image = s.channels * s.pixels;
    let block = |n: usize, out: &mut [f32]| {
        for (c, out) in out.chunks_exact_mut(s.pixels).enumerate() {
            work(n * image + c * s.pixels, c, out);
        }
    };
    if exec == Exec::Rayon && out.len() >= 2 * MAP_BLOCK {
        out.par_chunks_exact_mut(image).enumerate().for_each(|(n, out)| block(n, out));
    } else {
        out.chunks_exact_mut(image).enumerate().for_each(|(n, out)| block(n, out));
    }
}

/// Mean and biased variance of each channel: `stats[2 c]`, `stats[2 c + 1]`.
pub fn channel_stats(exec: Exec, s: Channels, x: &[f32], stats: &mut [f32]) {
    each_channel(exec, s, 2, stats, |c, stats| {
        let count = s.count() as f64;
        let mean = s.of(x, c).map(|x| reduce::sum(Exec::Serial, x)).sum::<f64>() / count;
        let m = f32x8::splat(mean as f32);
        // Deviations from the rounded mean, corrected by what the rounding left.
        let off = mean - f64::from(mean as f32);
        let square = |x: &[f32]| {
            let (x8, tail) = x.as_chunks::<8>();
            let mut total = 0.0;
            for x in x8.chunks(128) {
                let lanes = x.iter().fold(f32x8::splat(0.0), |s, x| {
                    let d = f32x8::new(*x) - m;
                    d.mul_add(d, s)
                });
                total += f64::from(lanes.reduce_add());
            }
            total + tail.iter().map(|x| f64::from(x - mean as f32).powi(2)).sum::<f64>()
        };
        let variance = s.of(x, c).map(square).sum::<f64>() / count - off * off;
        (stats[0], stats[1]) = (mean as f32, variance.max(0.0) as f32);
    });
}

/// sum over a channel of g, or added.
pub fn channel_sums(exec: Exec, write: Write, s: Channels, g: &[f32], out: &mut [f32]) {
    each_channel(exec, s, 1, out, |c, out| {
        let sum = s.of(g, c).map(|g| reduce::sum(Exec::Serial, g)).sum::<f64>() as f32;
        out[0] = if write == Write::Set { sum } else { out[0] + sum };
    });
}

/// out = (x - mean_c) rstd_c w_c + b_c, with rstd = 1 / sqrt(variance + eps); without `affine` w is 1, b 0.
///
/// `mean_variance(c)` gives both numbers of a channel.
pub fn normalize(
    exec: Exec,
    s: Channels,
    x: &[f32],
    mean_variance: impl Fn(usize) -> (f32, f32) + Sync,
    eps: f32,
    affine: Option<(&[f32], &[f32])>,
    out: &mut [f32],
) {
    each_plane(exec, s, out, |at, c, out| {
        let (mean, variance) = mean_variance(c);
        let (w, b) = affine.map_or((1.0, 0.0), |(w, b)| (w[c], b[c]));
        let x = &x[at..at + out.len()];
        let slope = w * rstd(variance, eps);
        let (mean, slope, b) = (f32x8::splat(mean), f32x8::splat(slope), f32x8::splat(b));
        map::unary(Exec::Serial, Write::Set, x, out, |x| (x - mean).mul_add(slope, b));
    });
}

/// 1 / sqrt(variance + eps).
pub fn rstd(variance: f32, eps: f32) -> f32 {
    (1.0 / (f64::from(variance) + f64::from(eps)).sqrt()) as f32
}

/// For each channel sum g and sum g xhat, `sums[2 c]` and `sums[2 c + 1]`: gradients of bias and weight, and
/// what the gradient of the input needs. xhat = (x - mean_c) rstd_c.
pub fn gradient_sums(
    exec: Exec,
    s: Channels,
    g: &[f32],
    x: &[f32],
    mean_variance: impl Fn(usize) -> (f32, f32) + Sync,
    eps: f32,
    sums: &mut [f32],
) {
    each_channel(exec, s, 2, sums, |c, sums| {
        let (mean, variance) = mean_variance(c);
        let (mut total, mut total_x) = (0.0, 0.0);
        for (g, x) in s.of(g, c).zip(s.of(x, c)) {
            total += reduce::sum(Exec::Serial, g);
            total_x += deviation_dot(g, x, mean);
        }
        (sums[0], sums[1]) = (total as f32, (total_x * f64::from(rstd(variance, eps))) as f32);
    });
}

/// sum g (x - mean).
fn deviation_dot(g: &[f32], x: &[f32], mean: f32) -> f64 {
    let ((g8, g_tail), (x8, x_tail)) = (g.as_chunks::<8>(), x.as_chunks::<8>());
    let (m, mut total) = (f32x8::splat(mean), 0.0);
    for (g, x) in g8.chunks(128).zip(x8.chunks(128)) {
        let lanes = g
            .iter()
            .zip(x)
            .fold(f32x8::splat(0.0), |s, (g, x)| f32x8::new(*g).mul_add(f32x8::new(*x) - m, s));
        total += f64::from(lanes.reduce_add());
    }
    total + g_tail.iter().zip(x_tail).map(|(g, x)| f64::from(g * (x - mean))).sum::<f64>()
}

/// dx of [`normalize`]. With the `sums` of [`gradient_sums`], mean and variance are functions of x:
/// dx = w rstd (g - sum g / n - xhat sum(g xhat) / n). Without them they are constants: dx = w rstd g.
#[allow(clippy::too_many_arguments)]
pub fn normalize_backward(
    exec: Exec,
    write: Write,
    s: Channels,
    g: &[f32],
    x: &[f32],
    mean_variance: impl Fn(usize) -> (f32, f32) + Sync,
    eps: f32,
    w: Option<&[f32]>,
    sums: Option<&[f32]>,
    dx: &mut [f32],
) {
    let n = s.count() as f32;
    each_plane(exec, s, dx, |at, c, dx| {
        let (mean, variance) = mean_variance(c);
        let r = rstd(variance, eps);
        let slope = f32x8::splat(w.map_or(1.0, |w| w[c]) * r);
        let g = &g[at..at + dx.len()];
        match sums {
            Some(sums) => {
                let (a, b) = (f32x8::splat(sums[2 * c] / n), f32x8::splat(sums[2 * c + 1] / n * r));
                let mean = f32x8::splat(mean);
                let x = &x[at..at + dx.len()];
                map::binary(Exec::Serial, write, g, x, dx, |g, x| slope * ((g - a) - (x - mean) * b));
            }
            None => map::unary(Exec::Serial, write, g, dx, |g| slope * g),
        }
    });
}
