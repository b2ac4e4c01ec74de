//! Two-dimensional convolution, as deep learning has it: cross-correlation with a bank of kernels.

use super::{Constants, Inputs, Operation};
use crate::ops::Op;
use crate::tape::{Backward, Forward, NodeId, Reference};
use crate::{Real, Shape, Tape, Var};
use lacuna_kernels::conv::{self, ConvShape};
use lacuna_kernels::{Window, norm};

/// How a convolution slides: [vertical, horizontal] where there are two numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConvOptions {
    /// Step from one output pixel to the next, 1 by default.
    pub stride: [usize; 2],
    /// Zeros added on either side of the image, 0 by default.
    pub padding: [usize; 2],
    /// Output channel o sees only the input channels of its group, 1 group by default.
    pub groups: usize,
}

impl Default for ConvOptions {
    fn default() -> Self {
        Self { stride: [1; 2], padding: [0; 2], groups: 1 }
    }
}

/// y = w * x + b.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Conv2d {
    x: NodeId,
    w: NodeId,
    bias: Option<NodeId>,
    window: Window,
    groups: u32,
}

impl Tape {
    /// y[n, o, i, j] = b_o + sum over c, u, v of w[o, c, u, v] x[n, c, i s + u - p, j s + v - p], with stride s
    /// and zeros outside the image (padding p). x is `[N, C, H, W]`, w `[O, C / groups, KH, KW]`, b `[O]` and y
    /// `[N, O, OH, OW]` with OH = floor((H + 2 p - KH) / s) + 1.
    ///
    /// # Panics
    /// If sizes do not fit, groups do not divide C and O, or the kernel is larger than the padded image.
    #[track_caller]
    pub fn conv2d(&mut self, x: Var, w: Var, bias: Option<Var>, options: ConvOptions) -> Var {
        let (image, kernels) = (self.shape(x), self.shape(w));
        let ([n, c, h, width], [o, per_group, kh, kw]) =
            (image.images(Conv2d::NAME), kernels.images(Conv2d::NAME));
        let groups = options.groups;
        let fits = groups > 0 && c == per_group * groups && o.is_multiple_of(groups) && per_group > 0;
        assert!(fits, "conv2d: {image} with kernels {kernels} in {groups} groups");
        if let Some(b) = bias {
            assert!(self.shape(b).len() == o, "conv2d: a bias {} for {o} output channels", self.shape(b));
        }
        let narrow = |pair: [usize; 2]| pair.map(|x| u32::try_from(x).expect("window sizes are small"));
        let window = Window {
            kernel: narrow([kh, kw]),
            stride: narrow(options.stride),
            padding: narrow(options.padding),
        };
        let Some([oh, ow]) = window.output([h, width]) else {
            panic!("conv2d: kernels {kernels} do not fit into {image} with {options:?}");
        };
        let op = Conv2d {
            x: self.id(x, Conv2d::NAME),
            w: self.id(w, Conv2d::NAME),
            bias: bias.map(|b| self.id(b, Conv2d::NAME)),
            window,
            groups: groups as u32,
        };
        self.record(Op::Conv2d(op), Shape::from([n, o, oh, ow]))
    }
}

impl Conv2d {
    fn sizes(&self, x: Shape, w: Shape) -> ConvShape {
        let ([images, channels, height, width], [outputs, ..]) = (x.images(Self::NAME), w.images(Self::NAME));
        let (window, groups) = (self.window, self.groups as usize);
        ConvShape { images, channels, image: [height, width], outputs, window, groups }
    }
}

impl Operation for Conv2d {
    const NAME: &'static str = "conv2d";
    const DOC: &'static str = "two-dimensional convolution";
    const DERIVATIVE: &'static str =
        "dx = w^T * g, dw = g x^T over all pixels, db = sum of g over images and pixels";

    fn inputs(&self) -> Inputs {
        match self.bias {
            Some(b) => Inputs::new([self.x, self.w, b]),
            None => Inputs::new([self.x, self.w]),
        }
    }

    fn constants(&self) -> Constants {
        let mut constants = super::window_constants(self.window);
        constants.push(("groups", f64::from(self.groups)));
        constants
    }

    fn forward(&self, f: Forward<'_>) {
        let s = self.sizes(f.values.shape(self.x), f.values.shape(self.w));
        let bias = self.bias.map(|b| f.values.of(b));
        conv::forward(f.exec, s, f.values.of(self.x), f.values.of(self.w), bias, f.out);
    }

    /// dx = w^T * g, dw = g x^T over all pixels, db = sum of g over images and pixels.
    fn backward(&self, t: &mut Backward<'_>) {
        let s = self.sizes(t.shape_of(self.x), t.shape_of(self.w));
        let (exec, g, x, w) = (t.exec, t.g, t.x(self.x), t.x(self.w));
        t.give(self.x, |write, dx| conv::backward_input(exec, write, s, g, w, dx));
        t.give(self.w, |write, dw| conv::backward_weight(exec, write, s, g, x, dw));
        if let Some(b) = self.bias {
            let pixels = s.output().into_iter().product();
            let channels = norm::Channels { images: s.images, channels: s.outputs, pixels };
            t.give(b, |write, db| norm::channel_sums(exec, write, channels, g, db));
        }
    }

    fn reference<R: Real>(&self, r: &Reference<'_, R>) -> Vec<R> {
        let s = self.sizes(r.shape_of(self.x), r.shape_of(self.w));
        let (x, w, bias) = (r.x(self.x), r.x(self.w), self.bias.map(|b| r.x(b)));
        let ([height, width], [oh, ow]) = (s.image, s.output());
        let [[kh, kw], stride, padding] =
            [s.window.kernel, s.window.stride, s.window.padding].map(|pair| pair.map(|x| x as usize));
        let (group_inputs, group_outputs) = (s.channels / s.groups, s.outputs / s.groups);
        let pixel = |e: usize| {
            let (n, o, i, j) = (e / (s.outputs * oh * ow), e / (oh * ow) % s.outputs, e / ow % oh, e % ow);
            let mut sum = bias.map_or(R::zero(), |b| b[o]);
            for c in 0..group_inputs {
                for (u, v) in (0..kh * kw).map(|k| (k / kw, k % kw)) {
                    // Outside the image the subtraction wraps round to a number beyond its size.
                    let row = (i * stride[0] + u).wrapping_sub(padding[0]);
                    let column = (j * stride[1] + v).wrapping_sub(padding[1]);
                    if row < height && column < width {
                        let channel = n * s.channels + o / group_outputs * group_inputs + c;
                        let weight = w[((o * group_inputs + c) * kh + u) * kw + v];
                        sum += weight * x[(channel * height + row) * width + column];
                    }
                }
            }
            sum
        };
        (0..r.shape().len()).map(pixel).collect()
    }

    #[cfg(test)]
    fn cases() -> Vec<crate::gradcheck::Case> {
        use crate::gradcheck::Case;
        fn conv(t: &mut Tape, x: &[Var], stride: usize, padding: usize, groups: usize) -> Var {
            let options = ConvOptions { stride: [stride; 2], padding: [padding; 2], groups };
            t.conv2d(x[0], x[1], x.get(2).copied(), options)
        }
        vec![
            Case::new(&[&[1, 1, 1, 1], &[1, 1, 1, 1], &[1]], |t, x| conv(t, x, 1, 0, 1)),
            Case::new(&[&[2, 2, 3, 9], &[3, 2, 1, 1], &[3]], |t, x| conv(t, x, 1, 0, 1)),
            Case::new(&[&[1, 2, 4, 5], &[3, 2, 3, 3]], |t, x| conv(t, x, 1, 1, 1)),
            Case::new(&[&[1, 1, 2, 8], &[7, 1, 3, 3], &[7]], |t, x| conv(t, x, 1, 1, 1)),
            Case::new(&[&[1, 4, 5, 4], &[6, 2, 3, 3], &[6]], |t, x| conv(t, x, 2, 1, 2)),
            Case::new(&[&[1, 3, 4, 4], &[3, 1, 3, 3], &[3]], |t, x| conv(t, x, 1, 1, 3)),
            Case::new(&[&[2, 1, 7, 6], &[2, 1, 3, 3]], |t, x| conv(t, x, 3, 0, 1)),
            Case::new(&[&[1, 1, 6, 17], &[1, 1, 5, 2], &[1]], |t, x| conv(t, x, 1, 2, 1)),
            Case::new(&[&[2, 3, 9, 8], &[5, 3, 3, 3], &[5]], |t, x| conv(t, x, 1, 1, 1)),
            Case::new(&[&[2, 1, 4, 4], &[1, 1, 2, 2], &[1]], |t, x| {
                // an image that is used twice, and padding of one direction only
                let options = ConvOptions { stride: [1, 2], padding: [0, 1], groups: 1 };
                let y = t.conv2d(x[0], x[1], Some(x[2]), options);
                let z = t.conv2d(x[0], x[1], None, options);
                t.mul(y, z)
            }),
        ]
        .into_iter()
        .chain((1..=17).map(|n| Case::new(&[&[1, 1, 3, n], &[2, 1, 3, 3]], |t, x| conv(t, x, 1, 1, 1))))
        .collect()
    }
}
