//! Pooling over windows of an image: maximum and mean, with their gradients.
//!
//! x is `[planes, H, W]`, a plane being one channel of one image; threads take planes.

use crate::exec::MAP_BLOCK;
use crate::{Exec, Window, Write};
use rayon::prelude::*;

/// Sizes of a pool: x `[planes, H, W]`, y `[planes, OH, OW]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PoolShape {
    /// Channels of all images.
    pub planes: usize,
    /// [H, W].
    pub image: [usize; 2],
    /// Size, step and border of the window.
    pub window: Window,
}

impl PoolShape {
    /// [OH, OW].
    ///
    /// # Panics
    /// If the window does not fit.
    pub fn output(self) -> [usize; 2] {
        self.window.output(self.image).expect("the window fits into the padded image")
    }

    fn input_pixels(self) -> usize {
        self.image[0] * self.image[1]
    }

    fn output_pixels(self) -> usize {
        self.output().into_iter().product()
    }

    fn check(self, x: usize, y: usize) {
        let sizes = (self.planes * self.input_pixels(), self.planes * self.output_pixels());
        assert_eq!((x, y), sizes, "elements of x and y of {self:?}");
    }

    /// 2 x 2 windows that tile the rows and columns they cover: the usual case, which has a loop of its own.
    fn is_two_by_two(self) -> bool {
        self.window == Window::square(2, 2, 0)
    }

    /// Whether an element may stand under several windows.
    fn overlaps(self) -> bool {
        (0..2).any(|axis| self.window.stride[axis] < self.window.kernel[axis])
    }

    /// Elements of the window at an output position: rows, columns.
    fn span(self, y: usize, x: usize) -> [(usize, usize); 2] {
        [self.window.span(0, y, self.image[0]), self.window.span(1, x, self.image[1])]
    }
}

/// Planes of `out` in parallel, where there are enough elements.
fn each_plane(exec: Exec, plane: usize, out: &mut [f32], work: impl Fn(usize, &mut [f32]) + Sync) {
    if out.is_empty() {
        return;
    }
    if exec == Exec::Rayon && out.len() >= 2 * MAP_BLOCK {
        out.par_chunks_exact_mut(plane).enumerate().for_each(|(p, out)| work(p, out));
    } else {
        out.chunks_exact_mut(plane).enumerate().for_each(|(p, out)| work(p, out));
    }
}

/// y = the largest element under the window, the first of equals; padding never wins, NaN always does.
/// `places` gets the position of that element in its plane.
///
/// # Panics
/// If the sizes do not fit.
pub fn max(exec: Exec, s: PoolShape, x: &[f32], y: &mut [f32], places: &mut [u32]) {
    s.check(x.len(), y.len());
    assert_eq!(places.len(), y.len(), "one place for each output");
    if y.is_empty() {
        return;
    }
    let (input, output) = (s.input_pixels(), s.output_pixels());
    let plane = |p: usize, y: &mut [f32], places: &mut [u32]| {
        let x = &x[p * input..][..input];
        if s.is_two_by_two() { max_two_by_two(s, x, y, places) } else { max_any(s, x, y, places) }
    };
    if exec == Exec::Rayon && x.len() >= 2 * MAP_BLOCK {
        let planes = y.par_chunks_exact_mut(output).zip(places.par_chunks_exact_mut(output));
        planes.enumerate().for_each(|(p, (y, places))| plane(p, y, places));
    } else {
        let planes = y.chunks_exact_mut(output).zip(places.chunks_exact_mut(output));
        planes.enumerate().for_each(|(p, (y, places))| plane(p, y, places));
    }
}

fn max_any(s: PoolShape, x: &[f32], y: &mut [f32], places: &mut [u32]) {
    let ([_, width], [_, out_width]) = (s.image, s.output());
    for (e, (y, place)) in y.iter_mut().zip(places).enumerate() {
        let [(y0, y1), (x0, x1)] = s.span(e / out_width, e % out_width);
        let (mut best, mut at) = (f32::NEG_INFINITY, y0 * width + x0);
        for row in y0..y1 {
            for column in x0..x1 {
                let value = x[row * width + column];
                if value > best || value.is_nan() {
                    (best, at) = (value, row * width + column);
                }
            }
        }
        (*y, *place) = (best, at as u32);
    }
}

/// The same without a branch, so that the compiler may use vectors.
fn max_two_by_two(s: PoolShape, x: &[f32], y: &mut [f32], places: &mut [u32]) {
    let ([_, width], [_, out_width]) = (s.image, s.output());
    let rows = y.chunks_exact_mut(out_width).zip(places.chunks_exact_mut(out_width));
    for ((i, (y, places)), x) in rows.enumerate().zip(x.chunks_exact(2 * width)) {
        let (upper, lower) = (x[..width].as_chunks::<2>().0, x[width..].as_chunks::<2>().0);
        let at = (2 * i * width) as u32;
        for (j, (((y, place), a), b)) in y.iter_mut().zip(places).zip(upper).zip(lower).enumerate() {
            let pick = |p: (f32, u32), q: (f32, u32)| {
                let better = (q.0 > p.0) | q.0.is_nan();
                (if better { q.0 } else { p.0 }, if better { q.1 } else { p.1 })
            };
            let here = at + 2 * j as u32;
            let below = here + width as u32;
            let best = pick((a[0], here), (a[1], here + 1));
            let best = pick(best, (b[0], below));
            (*y, *place) = pick(best, (b[1], below + 1));
        }
    }
}

/// dx = g at the places that [`max`] found, 0 elsewhere, or added.
///
/// # Panics
/// If the sizes do not fit.
pub fn max_backward(exec: Exec, write: Write, s: PoolShape, g: &[f32], places: &[u32], dx: &mut [f32]) {
    s.check(dx.len(), g.len());
    assert_eq!(places.len(), g.len(), "one place for each output");
    let output = s.output_pixels();
    each_plane(exec, s.input_pixels(), dx, |p, dx| {
        let (g, places) = (&g[p * output..][..output], &places[p * output..][..output]);
        if write == Write::Set {
            dx.fill(0.0);
            if !s.overlaps() {
                for (g, place) in g.iter().zip(places) {
                    dx[*place as usize] = *g;
                }
                return;
            }
        }
        for (g, place) in g.iter().zip(places) {
            dx[*place as usize] += g;
        }
    });
}

/// Divisor of a mean: the elements of the window, those in the padding included or not.
fn divisor(s: PoolShape, count_padding: bool, [(y0, y1), (x0, x1)]: [(usize, usize); 2]) -> f32 {
    let all = s.window.kernel[0] * s.window.kernel[1];
    if count_padding { all as f32 } else { ((y1 - y0) * (x1 - x0)) as f32 }
}

/// y = the mean under the window; padding counts as zeros, or not at all.
///
/// # Panics
/// If the sizes do not fit.
pub fn mean(exec: Exec, s: PoolShape, count_padding: bool, x: &[f32], y: &mut [f32]) {
    s.check(x.len(), y.len());
    let (input, [_, width], [_, out_width]) = (s.input_pixels(), s.image, s.output());
    each_plane(exec, s.output_pixels(), y, |p, y| {
        let x = &x[p * input..][..input];
        for (e, y) in y.iter_mut().enumerate() {
            let span = s.span(e / out_width, e % out_width);
            let [(y0, y1), (x0, x1)] = span;
            let sum: f32 = (y0..y1).flat_map(|row| &x[row * width + x0..row * width + x1]).sum();
            *y = sum / divisor(s, count_padding, span);
        }
    });
}

/// Spreads g over the window it is the mean of; sets or adds.
///
/// # Panics
/// If the sizes do not fit.
pub fn mean_backward(exec: Exec, write: Write, s: PoolShape, count_padding: bool, g: &[f32], dx: &mut [f32]) {
    s.check(dx.len(), g.len());
    let (output, [_, width], [_, out_width]) = (s.output_pixels(), s.image, s.output());
    each_plane(exec, s.input_pixels(), dx, |p, dx| {
        if write == Write::Set {
            dx.fill(0.0);
        }
        for (e, g) in g[p * output..][..output].iter().enumerate() {
            let span = s.span(e / out_width, e % out_width);
            let [(y0, y1), (x0, x1)] = span;
            let share = g / divisor(s, count_padding, span);
            for row in y0..y1 {
                dx[row * width + x0..row * width + x1].iter_mut().for_each(|dx| *dx += share);
            }
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_loop_for_two_by_two_is_the_general_one() {
        for image in [[4, 4], [5, 7], [2, 33], [32, 32]] {
            let s = PoolShape { planes: 1, image, window: Window::square(2, 2, 0) };
            let mut x: Vec<f32> =
                (0..s.input_pixels() as u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 29) as f32).collect();
            x[3] = f32::NAN;
            let n = s.output_pixels();
            let (mut y, mut places) = ([vec![0.0; n], vec![0.0; n]], [vec![0; n], vec![0; n]]);
            max_two_by_two(s, &x, &mut y[0], &mut places[0]);
            max_any(s, &x, &mut y[1], &mut places[1]);
            assert_eq!(places[0], places[1], "{image:?}");
            assert!(y[0].iter().zip(&y[1]).all(|(a, b)| a.to_bits() == b.to_bits()), "{image:?}");
            let g: Vec<f32> = (0..n).map(|i| i as f32 + 1.0).collect();
            let (mut set, mut added) = (vec![f32::NAN; x.len()], vec![0.0; x.len()]);
            max_backward(Exec::Serial, Write::Set, s, &g, &places[0], &mut set);
            max_backward(Exec::Serial, Write::Add, s, &g, &places[0], &mut added);
            assert_eq!(set, added, "{image:?}");
        }
    }

    #[test]
    fn padding_never_wins_and_is_counted_as_asked() {
        let s = PoolShape { planes: 1, image: [2, 2], window: Window::square(2, 2, 1) };
        let x = [-1.0, -2.0, -3.0, -4.0];
        let (mut y, mut places) = ([0.0; 4], [0; 4]);
        max(Exec::Serial, s, &x, &mut y, &mut places);
        assert_eq!((y, places), (x, [0, 1, 2, 3]));
        mean(Exec::Serial, s, true, &x, &mut y);
        assert_eq!(y, [-0.25, -0.5, -0.75, -1.0]);
        mean(Exec::Serial, s, false, &x, &mut y);
        assert_eq!(y, x);
    }
}
