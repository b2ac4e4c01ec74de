//! Cutting panels of 16 pixels out of padded images, and adding them back.

use super::ConvShape;
use super::tile::{LANES, PIXELS};
use crate::{Write, f32x8};
use std::ops::Range;

/// The padded image of one group of channels, `[C / groups, H + 2 padding, W + 2 padding]`.
#[derive(Clone, Copy)]
pub(super) struct Plane {
    s: ConvShape,
    height: usize,
    width: usize,
}

impl Plane {
    pub(super) fn new(s: ConvShape) -> Self {
        let [top, left] = s.window.padding;
        Self { s, height: s.image[0] + 2 * top as usize, width: s.image[1] + 2 * left as usize }
    }

    /// Elements of the padded group.
    pub(super) fn len(self) -> usize {
        self.s.group_channels() * self.height * self.width
    }

    /// Elements of the group without its border.
    pub(super) fn unpadded(self) -> usize {
        self.s.group_channels() * self.s.input_pixels()
    }

    /// First element of a row of the image inside the padded one.
    fn row(self, channel: usize, y: usize) -> usize {
        let [top, left] = self.s.window.padding.map(|p| p as usize);
        (channel * self.height + y + top) * self.width + left
    }

    /// Copies channels of an image into the middle of `padded` and clears their border.
    pub(super) fn pad(self, channels: Range<usize>, x: &[f32], padded: &mut [f32]) {
        let ([height, width], area) = (self.s.image, self.height * self.width);
        padded[channels.start * area..channels.end * area].fill(0.0);
        for c in channels {
            for y in 0..height {
                let x = &x[(c * height + y) * width..][..width];
                padded[self.row(c, y)..][..width].copy_from_slice(x);
            }
        }
    }

    /// The middle of `padded` into, or added to, an image.
    pub(super) fn unpad(self, write: Write, padded: &[f32], dx: &mut [f32]) {
        let [height, width] = self.s.image;
        for (row, dx) in dx.chunks_exact_mut(width.max(1)).enumerate() {
            let from = &padded[self.row(row / height, row % height)..][..width];
            match write {
                Write::Set => dx.copy_from_slice(from),
                Write::Add => dx.iter_mut().zip(from).for_each(|(dx, p)| *dx += p),
            }
        }
    }

    /// Where weight k looks, from the window's upper left corner.
    fn offset(self, k: usize) -> usize {
        let [kh, kw] = self.s.window.kernel.map(|k| k as usize);
        ((k / (kh * kw)) * self.height + k / kw % kh) * self.width + k % kw
    }

    /// The offsets of rows k0, k0 + 1, ... without a division for each.
    fn offsets(self, k0: usize) -> impl Iterator<Item = usize> {
        let [kh, kw] = self.s.window.kernel.map(|k| k as usize);
        let (mut y, mut x) = (k0 / kw % kh, k0 % kw);
        let mut at = self.offset(k0);
        std::iter::from_fn(move || {
            let now = at;
            (x, at) = (x + 1, at + 1);
            if x == kw {
                (x, y, at) = (0, y + 1, at + self.width - kw);
                if y == kh {
                    (y, at) = (0, at + (self.height - kh) * self.width);
                }
            }
            Some(now)
        })
    }
}

/// The 16 output pixels of a panel: where their windows start in the padded image.
pub(super) struct Panel {
    corners: [usize; PIXELS],
    /// Pixels that exist; the last panel of an image may be short.
    pub(super) valid: usize,
    /// Each half is eight neighbours in memory.
    contiguous: bool,
}

impl Panel {
    pub(super) fn new(s: ConvShape, first: usize) -> Self {
        let ([_, out_width], plane) = (s.output(), Plane::new(s));
        let [down, right] = s.window.stride.map(|x| x as usize);
        let valid = PIXELS.min(s.output_pixels() - first);
        let mut corners = [0; PIXELS];
        let (mut y, mut x) = (first / out_width, first % out_width);
        for corner in &mut corners[..valid] {
            *corner = y * down * plane.width + x * right;
            x += 1;
            if x == out_width {
                (y, x) = (y + 1, 0);
            }
        }
        // Corners rise from pixel to pixel, so the ends of a stretch tell whether it has gaps.
        let contiguous = valid == PIXELS && corners[7] - corners[0] == 7 && corners[15] - corners[8] == 7;
        Self { corners, valid, contiguous }
    }

    /// Rows k0.. of the panel: what the window sees. Pixels that do not exist see 0.
    pub(super) fn cut(&self, plane: Plane, padded: &[f32], k0: usize, panel: &mut [[f32; PIXELS]]) {
        let offsets = plane.offsets(k0);
        if self.contiguous {
            let (left, right) = (&padded[self.corners[0]..], &padded[self.corners[8]..]);
            for (row, at) in panel.iter_mut().zip(offsets) {
                row[..8].copy_from_slice(&left[at..at + 8]);
                row[8..].copy_from_slice(&right[at..at + 8]);
            }
        } else {
            for (row, at) in panel.iter_mut().zip(offsets) {
                for (x, corner) in row[..self.valid].iter_mut().zip(self.corners) {
                    *x = padded[corner + at];
                }
                row[self.valid..].fill(0.0);
            }
        }
    }

    /// Adds all rows of a panel to where [`cut`](Self::cut) takes them from.
    pub(super) fn add_back(&self, plane: Plane, panel: &[[f32; PIXELS]], padded: &mut [f32]) {
        let offsets = plane.offsets(0);
        if self.contiguous {
            for (row, at) in panel.iter().zip(offsets) {
                for (half, corner) in row.as_chunks::<8>().0.iter().zip([self.corners[0], self.corners[8]]) {
                    let target = &mut padded[corner + at..][..8];
                    let old = f32x8::new(*target.first_chunk().expect("eight floats"));
                    target.copy_from_slice(&(old + f32x8::new(*half)).to_array());
                }
            }
        } else {
            for (row, at) in panel.iter().zip(offsets) {
                for (x, corner) in row[..self.valid].iter().zip(self.corners) {
                    padded[corner + at] += x;
                }
            }
        }
    }
}

/// Pixels `first..first + 16` of every row of a matrix `[rows, pixels]`; beyond the last, 0.
pub(super) fn cut_rows(g: &[f32], pixels: usize, first: usize, panel: &mut [[f32; PIXELS]]) {
    let valid = PIXELS.min(pixels - first);
    for (row, g) in panel.iter_mut().zip(g.chunks_exact(pixels)) {
        if valid == PIXELS {
            row.copy_from_slice(&g[first..first + PIXELS]);
        } else {
            row[..valid].copy_from_slice(&g[first..]);
            row[valid..].fill(0.0);
        }
    }
}

/// `count` panels of 16 pixels of a matrix `[rows, pixels]`, transposed: for each 16 of the `lanes` rows
/// and each panel a block `[16 pixels, 16 rows]`; rows and pixels that do not exist are 0.
pub(super) fn transpose_rows(
    g: &[f32],
    pixels: usize,
    first: usize,
    count: usize,
    lanes: usize,
    out: &mut [[f32; LANES]],
) {
    let rows = g.len() / pixels;
    for (column, out) in out.chunks_exact_mut(count * PIXELS).take(lanes / LANES).enumerate() {
        for (at, block) in out.chunks_exact_mut(8).enumerate() {
            let p0 = first + at * 8;
            for half in 0..2 {
                let o0 = column * LANES + half * 8;
                if o0 + 8 <= rows && p0 + 8 <= pixels {
                    let row =
                        |i| f32x8::new(*g[(o0 + i) * pixels + p0..].first_chunk().expect("eight pixels"));
                    let columns = f32x8::transpose(std::array::from_fn(row));
                    for (pixel, lanes) in block.iter_mut().zip(columns) {
                        pixel[half * 8..half * 8 + 8].copy_from_slice(&lanes.to_array());
                    }
                } else {
                    for (i, pixel) in block.iter_mut().enumerate() {
                        for (j, lane) in pixel[half * 8..half * 8 + 8].iter_mut().enumerate() {
                            let exists = o0 + j < rows && p0 + i < pixels;
                            *lane = if exists { g[(o0 + j) * pixels + p0 + i] } else { 0.0 };
                        }
                    }
                }
            }
        }
    }
}
