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
    max_with::<false>(exec, s, x, y, places);
}

/// The same of max(x, 0), with the bits and places of the two one after the other.
///
/// # Panics
/// As for [`max`].
pub fn max_of_relu(exec: Exec, s: PoolShape, x: &[f32], y: &mut [f32], places: &mut [u32]) {
    max_with::<true>(exec, s, x, y, places);
}

fn max_with<const RELU: bool>(exec: Exec, s: PoolShape, x: &[f32], y: &mut [f32], places: &mut [u32]) {
    s.check(x.len(), y.len());
    assert_eq!(places.len(), y.len(), "one place for each output");
    if y.is_empty() {
        return;
    }
    let (input, output) = (s.input_pixels(), s.output_pixels());
    let plane = |p: usize, y: &mut [f32], places: &mut [u32]| {
        let x = &x[p * input..][..input];
        match s.is_two_by_two() {
            true => max_two_by_two::<RELU>(s, x, y, places),
            false => max_any::<RELU>(s, x, y, places),
        }
    };
    if exec == Exec::Rayon && x.len() >= 2 * MAP_BLOCK {
        let planes = y.par_chunks_exact_mut(output).zip(places.par_chunks_exact_mut(output));
        planes.enumerate().for_each(|(p, (y, places))| plane(p, y, places));
    } else {
        let planes = y.chunks_exact_mut(output).zip(places.chunks_exact_mut(output));
        planes.enumerate().for_each(|(p, (y, places))| plane(p, y, places));
    }
}

/// x, or max(x, 0), which keeps NaN.
#[inline(always)]
fn seen<const RELU: bool>(x: f32) -> f32 {
    if RELU && x < 0.0 { 0.0 } else { x }
}

fn max_any<const RELU: bool>(s: PoolShape, x: &[f32], y: &mut [f32], places: &mut [u32]) {
    let ([_, width], [_, out_width]) = (s.image, s.output());
    for (e, (y, place)) in y.iter_mut().zip(places).enumerate() {
        let [(y0, y1), (x0, x1)] = s.span(e / out_width, e % out_width);
        let (mut best, mut at) = (f32::NEG_INFINITY, y0 * width + x0);
        for row in y0..y1 {
            for column in x0..x1 {
                let value = seen::<RELU>(x[row * width + column]);
                if value > best || value.is_nan() {
                    (best, at) = (value, row * width + column);
                }
            }
        }
        (*y, *place) = (best, at as u32);
    }
}

/// The same without a branch, so that the compiler may use vectors.
fn max_two_by_two<const RELU: bool>(s: PoolShape, x: &[f32], y: &mut [f32], places: &mut [u32]) {
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
            let (a, b) = (a.map(seen::<RELU>), b.map(seen::<RELU>));
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
    max_backward_with(exec, write, s, [g, g], places, dx, |g, _| g);
}

/// The same for the y of [`max_of_relu`]: where it is 0, the slope of max(x, 0) is.
///
/// # Panics
/// If the sizes do not fit.
pub fn max_of_relu_backward(
    exec: Exec,
    write: Write,
    s: PoolShape,
    [g, y]: [&[f32]; 2],
    places: &[u32],
    dx: &mut [f32],
) {
    // y is positive, 0 or NaN.
    max_backward_with(exec, write, s, [g, y], places, dx, |g, y| g * if y > 0.0 { 1.0 } else { y });
}

/// `arrives(g, y)` is what reaches the largest element.
fn max_backward_with(
    exec: Exec,
    write: Write,
    s: PoolShape,
    [g, y]: [&[f32]; 2],
    places: &[u32],
    dx: &mut [f32],
    arrives: impl Fn(f32, f32) -> f32 + Sync,
) {
    s.check(dx.len(), g.len());
    assert!(places.len() == g.len() && y.len() == g.len(), "one place for each output");
    let output = s.output_pixels();
    each_plane(exec, s.input_pixels(), dx, |p, dx| {
        let plane = p * output..(p + 1) * output;
        let (places, g, y) = (&places[plane.clone()], &g[plane.clone()], &y[plane]);
        if write == Write::Set && s.is_two_by_two() {
            return set_two_by_two(s, [g, y], places, dx, &arrives);
        }
        let arriving = g.iter().zip(y).map(|(g, y)| arrives(*g, *y)).zip(places);
        if write == Write::Set {
            dx.fill(0.0);
            if !s.overlaps() {
                return arriving.for_each(|(g, place)| dx[*place as usize] = g);
            }
        }
        arriving.for_each(|(g, place)| dx[*place as usize] += g);
    });
}

/// Writes all four elements of every window, and zeros where there is none, in one pass.
fn set_two_by_two(
    s: PoolShape,
    [g, y]: [&[f32]; 2],
    places: &[u32],
    dx: &mut [f32],
    arrives: impl Fn(f32, f32) -> f32,
) {
    let ([_, width], [out_height, out_width]) = (s.image, s.output());
    let (covered, rest) = dx.split_at_mut(2 * out_height * width);
    rest.fill(0.0);
    for (i, rows) in covered.chunks_exact_mut(2 * width).enumerate() {
        let (upper, lower) = rows.split_at_mut(width);
        let ((upper, right), (lower, below_right)) = (upper.as_chunks_mut::<2>(), lower.as_chunks_mut::<2>());
        right.fill(0.0);
        below_right.fill(0.0);
        let row = i * out_width..(i + 1) * out_width;
        let maxima = g[row.clone()].iter().zip(&y[row.clone()]).zip(&places[row]);
        let at = (2 * i * width) as u32;
        for (j, ((a, b), ((g, y), place))) in upper.iter_mut().zip(lower).zip(maxima).enumerate() {
            let (g, here) = (arrives(*g, *y), at + 2 * j as u32);
            let below = here + width as u32;
            // With bits and not with a branch, which would be taken at random.
            let only = |at: u32| f32::from_bits(g.to_bits() & u32::from(*place == at).wrapping_neg());
            *a = [only(here), only(here + 1)];
            *b = [only(below), only(below + 1)];
        }
    }
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

    /// Few different numbers, below 0 too, so that there are equals; and one that is none.
    fn ties(n: usize) -> Vec<f32> {
        let number = |i: u32| (i.wrapping_mul(2_654_435_761) >> 29) as f32 - 4.0;
        (0..n as u32).map(|i| if i == 3 { f32::NAN } else { number(i) }).collect()
    }

    fn bits(x: &[f32]) -> Vec<u32> {
        x.iter().map(|x| x.to_bits()).collect()
    }

    #[test]
    fn the_loops_for_two_by_two_are_the_general_ones() {
        fn check<const RELU: bool>(s: PoolShape) {
            let (x, n) = (ties(s.input_pixels()), s.output_pixels());
            let (mut y, mut places) = ([vec![0.0; n], vec![0.0; n]], [vec![0; n], vec![0; n]]);
            max_two_by_two::<RELU>(s, &x, &mut y[0], &mut places[0]);
            max_any::<RELU>(s, &x, &mut y[1], &mut places[1]);
            assert_eq!(places[0], places[1], "{s:?}");
            assert_eq!(bits(&y[0]), bits(&y[1]), "{s:?}");
            let g: Vec<f32> = (0..n).map(|i| i as f32 + 1.0).collect();
            let (mut set, mut added) = (vec![f32::NAN; x.len()], vec![0.0; x.len()]);
            max_backward(Exec::Serial, Write::Set, s, &g, &places[0], &mut set);
            max_backward(Exec::Serial, Write::Add, s, &g, &places[0], &mut added);
            assert_eq!(set, added, "{s:?}");
        }
        for image in [[4, 4], [5, 7], [2, 33], [32, 32]] {
            let s = PoolShape { planes: 1, image, window: Window::square(2, 2, 0) };
            check::<false>(s);
            check::<true>(s);
        }
    }

    #[test]
    fn of_relu_is_relu_first() {
        for (image, window) in [
            ([8, 6], Window::square(2, 2, 0)),
            ([7, 9], Window::square(2, 2, 0)),
            ([6, 7], Window::square(3, 2, 1)),
            ([5, 8], Window::square(3, 3, 0)),
        ] {
            let s = PoolShape { planes: 3, image, window };
            let x = ties(s.planes * s.input_pixels());
            let relu: Vec<f32> = x.iter().map(|x| if *x < 0.0 { 0.0 } else { *x }).collect();
            let n = s.planes * s.output_pixels();
            let (mut y, mut places) = ([vec![0.0; n], vec![0.0; n]], [vec![0; n], vec![0; n]]);
            max_of_relu(Exec::Serial, s, &x, &mut y[0], &mut places[0]);
            max(Exec::Serial, s, &relu, &mut y[1], &mut places[1]);
            assert_eq!(bits(&y[0]), bits(&y[1]), "{s:?}");
            assert_eq!(places[0], places[1], "{s:?}");
            let g: Vec<f32> = (0..n).map(|i| i as f32 - 5.0).collect();
            for write in [Write::Set, Write::Add] {
                let mut dx = vec![1.0; x.len()];
                max_of_relu_backward(Exec::Serial, write, s, [&g, &y[0]], &places[0], &mut dx);
                let mut two = vec![0.0; x.len()];
                max_backward(Exec::Serial, Write::Set, s, &g, &places[1], &mut two);
                let start = if write == Write::Set { 0.0 } else { 1.0 };
                for (e, (dx, (g, relu))) in dx.iter().zip(two.iter().zip(&relu)).enumerate() {
                    let expected = start + if *relu > 0.0 { *g } else { g * relu };
                    let same = *dx == expected || (dx.is_nan() && expected.is_nan());
                    assert!(same, "{s:?}, element {e}: {dx}, not {expected}");
                }
            }
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
