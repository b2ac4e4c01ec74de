//! Two-dimensional convolution (cross-correlation, as in every deep-learning library) and its gradients.
//!
//! All three products run through one register tile over panels of 16 pixels. A panel holds what the window
//! sees at 16 output pixels, `[K, 16]` with K = channels x kernel height x kernel width, cut from an image
//! that was padded beforehand; it is made once and used by all output channels while it is in the L1 cache.
//!
//! ```text
//! forward          y [O, 16]  = w [O, K]    panel [K, 16]       pixels across the lanes
//! input gradient   the same with turned kernels, where the step is 1; else
//!                  panel      = w^T [K, O]  g [O, 16]           then added back into the padded image
//! weight gradient  dw^T [K, O] += panel [K, 16]  g^T [16, O]    output channels across the lanes
//! ```
//!
//! Every element is one chain of sums whose order depends on the shape alone. Threads take whole images
//! (forward, input gradient) or blocks of rows of dw^T, as many as there are threads, so they write disjoint numbers.

mod panel;
mod tile;

use crate::cpu::{Level, level};
use crate::{Exec, Window, Write};
use panel::{Panel, Plane};
use rayon::prelude::*;
use std::cell::Cell;
use tile::{LANES, PIXELS, Start};

/// Sizes of a convolution: x `[N, C, H, W]`, w `[O, C / groups, KH, KW]`, y `[N, O, OH, OW]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConvShape {
    /// N.
    pub images: usize,
    /// C.
    pub channels: usize,
    /// [H, W].
    pub image: [usize; 2],
    /// O.
    pub outputs: usize,
    /// Kernel, stride and padding.
    pub window: Window,
    /// Output channel o sees the input channels of its group only.
    pub groups: usize,
}

impl ConvShape {
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

    /// K: weights of one output channel.
    fn depth(self) -> usize {
        self.group_channels() * (self.window.kernel[0] * self.window.kernel[1]) as usize
    }

    fn group_channels(self) -> usize {
        self.channels / self.groups
    }

    fn group_outputs(self) -> usize {
        self.outputs / self.groups
    }

    #[track_caller]
    fn check(self, x: usize, w: usize, y: usize) {
        assert!(
            self.groups > 0
                && self.channels.is_multiple_of(self.groups)
                && self.outputs.is_multiple_of(self.groups),
            "{} groups do not divide {} and {} channels",
            self.groups,
            self.channels,
            self.outputs
        );
        let sizes = (
            self.images * self.channels * self.input_pixels(),
            self.outputs * self.depth(),
            self.images * self.outputs * self.output_pixels(),
        );
        assert_eq!((x, w, y), sizes, "elements of x, w and y of {self:?}");
    }
}

thread_local! {
    /// Packed weights of the calling thread, and panels of each working thread. Taken out while in use:
    /// a thread that steals work while it waits finds an empty scratch, not a borrowed one.
    static SHARED: Cell<Vec<f32>> = const { Cell::new(Vec::new()) };
    static SCRATCH: Cell<Vec<f32>> = const { Cell::new(Vec::new()) };
}

/// Lends `len` floats, whose contents are whatever stood there.
fn with_scratch<T>(
    scratch: &'static std::thread::LocalKey<Cell<Vec<f32>>>,
    len: usize,
    work: impl FnOnce(&mut [f32]) -> T,
) -> T {
    let mut buffer = scratch.take();
    if buffer.len() < len {
        buffer.resize(len, 0.0);
    }
    let result = work(&mut buffer[..len]);
    scratch.set(buffer);
    result
}

/// Runs `work` on blocks of `len` elements of `out`, in parallel where there is more than one.
fn each_block(exec: Exec, out: &mut [f32], len: usize, work: impl Fn(usize, &mut [f32]) + Sync) {
    if out.is_empty() {
        return;
    }
    if exec == Exec::Rayon && out.len() > len {
        out.par_chunks_mut(len).enumerate().for_each(|(i, out)| work(i, out));
    } else {
        out.chunks_mut(len).enumerate().for_each(|(i, out)| work(i, out));
    }
}

/// Who does the work, and with which vectors.
#[derive(Clone, Copy)]
struct How {
    exec: Exec,
    level: Level,
}

impl How {
    /// Sixteen floats where the processor computes them at once. Where it takes two halves, a tile of them multiplies no faster and
    /// waits for the panel, which was written in vectors of eight: on a Zen 4 a training step of 128 images took 68 to 70 ms instead of
    /// 67 to 68, the forward pass of 3 channels 2.3 ms instead of 2.0.
    fn here(exec: Exec) -> Self {
        let level = match level() {
            Level::Avx512InHalves => Level::Built,
            other => other,
        };
        Self { exec, level }
    }
}

/// Steps of K between two visits of y: a panel of them, 16 pixels wide, and more fit into the L1 cache.
const DEPTH_PIECE: usize = 320;

/// y = w * x + bias. A missing bias is 0.
///
/// # Panics
/// If the sizes do not fit.
pub fn forward(exec: Exec, s: ConvShape, x: &[f32], w: &[f32], bias: Option<&[f32]>, y: &mut [f32]) {
    forward_with(How::here(exec), s, x, w, bias, y);
}

fn forward_with(how: How, s: ConvShape, x: &[f32], w: &[f32], bias: Option<&[f32]>, y: &mut [f32]) {
    s.check(x.len(), w.len(), y.len());
    let (depth, outputs) = (s.depth(), s.group_outputs());
    with_scratch(&SHARED, w.len(), |packed| {
        for (w, packed) in w.chunks_exact(outputs * depth).zip(packed.chunks_exact_mut(outputs * depth)) {
            tile::pack_rows(how.level, outputs, depth, |o, k| w[o * depth + k], packed);
        }
        correlate(how, Write::Set, s, x, packed, bias, y);
    });
}

/// y = w * x + bias, or added, with the weights of each group packed in tiles of rows.
fn correlate(
    how: How,
    write: Write,
    s: ConvShape,
    x: &[f32],
    packed: &[f32],
    bias: Option<&[f32]>,
    y: &mut [f32],
) {
    let (depth, outputs, pixels) = (s.depth(), s.group_outputs(), s.output_pixels());
    let plane = Plane::new(s);
    each_block(how.exec, y, s.outputs * pixels, |n, y| {
        let x = &x[n * s.channels * s.input_pixels()..][..s.channels * s.input_pixels()];
        with_scratch(&SCRATCH, plane.len() + DEPTH_PIECE * PIXELS, |scratch| {
            let (padded, panel) = scratch.split_at_mut(plane.len());
            for group in 0..s.groups {
                plane.pad(0..s.group_channels(), &x[group * plane.unpadded()..], padded);
                let y = &mut y[group * outputs * pixels..][..outputs * pixels];
                let w = &packed[group * outputs * depth..][..outputs * depth];
                let first_start = match bias {
                    _ if write == Write::Add => Start::Continued,
                    Some(b) => Start::Bias(&b[group * outputs..][..outputs]),
                    None => Start::Zero,
                };
                for first in (0..pixels).step_by(PIXELS) {
                    let place = Panel::new(s, first);
                    for (k0, k1) in pieces(depth) {
                        let panel = &mut panel.as_chunks_mut().0[..k1 - k0];
                        place.cut(plane, padded, k0, panel);
                        let start = if k0 == 0 { first_start } else { Start::Continued };
                        let mut out = tile::Rows { y, pixels, first, valid: place.valid };
                        tile::multiply(how.level, outputs, depth, (k0, k1), w, panel, start, &mut out);
                    }
                }
            }
        });
    });
}

/// K in nearly equal pieces of at most [`DEPTH_PIECE`].
fn pieces(depth: usize) -> impl Iterator<Item = (usize, usize)> {
    let n = depth.div_ceil(DEPTH_PIECE);
    (0..n).map(move |i| (i * depth / n, (i + 1) * depth / n))
}

/// dx = w^T * g, the gradient of [`forward`] with respect to its input, or added.
///
/// # Panics
/// If the sizes do not fit.
pub fn backward_input(exec: Exec, write: Write, s: ConvShape, g: &[f32], w: &[f32], dx: &mut [f32]) {
    backward_input_with(How::here(exec), write, s, g, w, dx);
}

fn backward_input_with(how: How, write: Write, s: ConvShape, g: &[f32], w: &[f32], dx: &mut [f32]) {
    s.check(dx.len(), w.len(), g.len());
    match flipped(s) {
        Some(t) => correlate_flipped(how, write, s, t, g, w, dx),
        None => scatter_panels(how, write, s, g, w, dx),
    }
}

/// The convolution that turns g into dx, where a step of 1 allows for one: kernels turned by half a turn,
/// input and output channels swapped, padding k - 1 - p. It spares adding panels back into the image, which
/// at 64 -> 32 channels of 16 x 16 costs a tenth of the time.
fn flipped(s: ConvShape) -> Option<ConvShape> {
    let Window { kernel, stride, padding } = s.window;
    let padded_enough = (0..2).all(|axis| padding[axis] < kernel[axis]);
    (stride == [1; 2] && padded_enough).then(|| ConvShape {
        channels: s.outputs,
        image: s.output(),
        outputs: s.channels,
        window: Window { padding: std::array::from_fn(|a| kernel[a] - 1 - padding[a]), ..s.window },
        ..s
    })
}

fn correlate_flipped(
    how: How,
    write: Write,
    s: ConvShape,
    t: ConvShape,
    g: &[f32],
    w: &[f32],
    dx: &mut [f32],
) {
    let (depth, outputs) = (s.depth(), s.group_outputs());
    let area = (s.window.kernel[0] * s.window.kernel[1]) as usize;
    with_scratch(&SHARED, w.len(), |packed| {
        for (w, packed) in w.chunks_exact(outputs * depth).zip(packed.chunks_exact_mut(outputs * depth)) {
            let turned = |c, k| w[k / area * depth + c * area + (area - 1 - k % area)];
            tile::pack_rows(how.level, t.group_outputs(), t.depth(), turned, packed);
        }
        correlate(how, write, t, g, packed, None, dx);
    });
}

/// dx by way of panels of products, added back to where the window looked.
fn scatter_panels(how: How, write: Write, s: ConvShape, g: &[f32], w: &[f32], dx: &mut [f32]) {
    let (depth, outputs, pixels) = (s.depth(), s.group_outputs(), s.output_pixels());
    let plane = Plane::new(s);
    with_scratch(&SHARED, w.len(), |packed| {
        for (w, packed) in w.chunks_exact(outputs * depth).zip(packed.chunks_exact_mut(outputs * depth)) {
            tile::pack_rows(how.level, depth, outputs, |k, o| w[o * depth + k], packed);
        }
        let packed = &*packed;
        each_block(how.exec, dx, s.channels * s.input_pixels(), |n, dx| {
            let g = &g[n * s.outputs * pixels..][..s.outputs * pixels];
            let sizes = [plane.len(), outputs * PIXELS, depth * PIXELS];
            with_scratch(&SCRATCH, sizes.iter().sum(), |scratch| {
                let (padded, rest) = scratch.split_at_mut(sizes[0]);
                let (panel_g, panel) = rest.split_at_mut(sizes[1]);
                let (panel_g, panel) = (panel_g.as_chunks_mut().0, panel.as_chunks_mut().0);
                for group in 0..s.groups {
                    padded.fill(0.0);
                    let g = &g[group * outputs * pixels..][..outputs * pixels];
                    let w = &packed[group * outputs * depth..][..outputs * depth];
                    for first in (0..pixels).step_by(PIXELS) {
                        let place = Panel::new(s, first);
                        panel::cut_rows(g, pixels, first, panel_g);
                        tile::multiply_into_panel(how.level, depth, w, panel_g, panel);
                        place.add_back(plane, panel, padded);
                    }
                    plane.unpad(write, padded, &mut dx[group * plane.unpadded()..][..plane.unpadded()]);
                }
            });
        });
    });
}

/// Fewest rows of dw^T of a task.
const TASK_ROWS: usize = 12;

/// Panels between two visits of dw^T: 128 pixels, so that the visits cost a few percent.
const PANELS: usize = 8;

/// dw = g x^T, the gradient of [`forward`] with respect to the weights.
///
/// # Panics
/// If the sizes do not fit.
pub fn backward_weight(exec: Exec, write: Write, s: ConvShape, g: &[f32], x: &[f32], dw: &mut [f32]) {
    backward_weight_with(How::here(exec), write, s, g, x, dw);
}

fn backward_weight_with(how: How, write: Write, s: ConvShape, g: &[f32], x: &[f32], dw: &mut [f32]) {
    s.check(x.len(), dw.len(), g.len());
    let (depth, outputs) = (s.depth(), s.group_outputs());
    let lanes = outputs.next_multiple_of(LANES);
    // Each task transposes all of g, so there are no more of them than threads. A row of dw^T is one chain of sums whoever computes it.
    let tasks = match how.exec {
        Exec::Serial => 1,
        Exec::Rayon => rayon::current_num_threads().min(depth / TASK_ROWS).max(1),
    };
    let rows = depth.div_ceil(tasks);
    with_scratch(&SHARED, depth * lanes, |sums| {
        for group in 0..s.groups {
            each_block(how.exec, sums, rows * lanes, |task, sums| {
                weight_rows(how.level, s, group, task * rows, g, x, sums);
            });
            let dw = &mut dw[group * outputs * depth..][..outputs * depth];
            for (o, dw) in dw.chunks_exact_mut(depth).enumerate() {
                for (k, dw) in dw.iter_mut().enumerate() {
                    let sum = sums[k * lanes + o];
                    *dw = if write == Write::Set { sum } else { *dw + sum };
                }
            }
        }
    });
}

/// Rows `first_row..` of one group's dw^T, `[rows, lanes]`, over all images and pixels.
fn weight_rows(
    level: Level,
    s: ConvShape,
    group: usize,
    first_row: usize,
    g: &[f32],
    x: &[f32],
    sums: &mut [f32],
) {
    let (outputs, pixels, plane) = (s.group_outputs(), s.output_pixels(), Plane::new(s));
    let lanes = outputs.next_multiple_of(LANES);
    let rows = sums.len() / lanes;
    let per_channel = (s.window.kernel[0] * s.window.kernel[1]) as usize;
    let channels = first_row / per_channel..(first_row + rows).div_ceil(per_channel);
    sums.fill(0.0);
    let sizes = [plane.len(), PANELS * PIXELS * lanes, PANELS * rows * PIXELS];
    with_scratch(&SCRATCH, sizes.iter().sum(), |scratch| {
        let (padded, rest) = scratch.split_at_mut(sizes[0]);
        let (transposed, panels) = rest.split_at_mut(sizes[1]);
        let (transposed, panels) = (transposed.as_chunks_mut().0, panels.as_chunks_mut().0);
        for n in 0..s.images {
            let x = &x[(n * s.channels + group * s.group_channels()) * s.input_pixels()..];
            let g = &g[(n * s.outputs + group * outputs) * pixels..][..outputs * pixels];
            plane.pad(channels.clone(), x, padded);
            for first in (0..pixels).step_by(PANELS * PIXELS) {
                let count = (pixels - first).div_ceil(PIXELS).min(PANELS);
                panel::transpose_rows(g, pixels, first, count, lanes, transposed);
                for (p, panel) in panels.chunks_exact_mut(rows).take(count).enumerate() {
                    Panel::new(s, first + p * PIXELS).cut(plane, padded, first_row, panel);
                }
                tile::add_outer(level, rows, lanes, count, panels, transposed, sums);
            }
        }
    });
}

#[cfg(test)]
mod tests;
