//! Pooling: the maximum or the mean under a sliding window, and the mean of whole channels.

use super::{Constants, Inputs, Operation};
use crate::ops::Op;
use crate::tape::{Backward, Forward, NodeId, Reference};
use crate::{Real, Shape, Tape, Var, Window};
use lacuna_kernels::pool::{self, PoolShape};
use lacuna_kernels::{map, reduce};

/// The largest element under each window.
#[derive(Clone, Copy, Debug)]
pub(crate) struct MaxPool2d {
    x: NodeId,
    window: Window,
}

/// The largest element of max(x, 0) under each window.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ReluMaxPool2d {
    x: NodeId,
    window: Window,
}

/// The mean under each window.
#[derive(Clone, Copy, Debug)]
pub(crate) struct AvgPool2d {
    x: NodeId,
    window: Window,
    count_padding: bool,
}

/// The mean of each channel of each image.
#[derive(Clone, Copy, Debug)]
pub(crate) struct GlobalAvgPool {
    x: NodeId,
}

impl Tape {
    /// The largest element under each window, `[N, C, OH, OW]` of x `[N, C, H, W]` with
    /// OH = floor((H + 2 padding - kernel) / stride) + 1. Padding never wins; NaN always does; of equals the
    /// first in reading order gets the gradient.
    ///
    /// # Panics
    /// If x is no batch of images, the window does not fit, or the padding is more than half the window.
    #[track_caller]
    pub fn max_pool2d(&mut self, x: Var, window: Window) -> Var {
        let shape = pooled(MaxPool2d::NAME, self.shape(x), window);
        let op = MaxPool2d { x: self.id(x, MaxPool2d::NAME), window };
        self.record(Op::MaxPool2d(op), shape)
    }

    /// [`max_pool2d`](Self::max_pool2d) of [`relu`](Self::relu), with the same numbers and gradients: neither max(x, 0) nor its
    /// gradient is kept, two passes over the images each way.
    ///
    /// # Panics
    /// As for `max_pool2d`.
    ///
    /// ```
    /// use lacuna_engine::{Tape, Tensor, Window};
    /// let mut tape = Tape::new();
    /// let x = tape.param("x", Tensor::new([1, 1, 2, 4], vec![1.0, -2.0, -3.0, -4.0, 8.0, 7.0, -6.0, -5.0]));
    /// tape.seal();
    /// let y = tape.relu_max_pool2d(x, Window::square(2, 2, 0));
    /// assert_eq!(tape.value(y), [8.0, 0.0]);
    /// tape.backward_from(y, &[1.0, 1.0]);
    /// assert_eq!(tape.grad(x), Some(&[0.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0][..]));
    /// ```
    #[track_caller]
    pub fn relu_max_pool2d(&mut self, x: Var, window: Window) -> Var {
        let shape = pooled(ReluMaxPool2d::NAME, self.shape(x), window);
        let op = ReluMaxPool2d { x: self.id(x, ReluMaxPool2d::NAME), window };
        self.record(Op::ReluMaxPool2d(op), shape)
    }

    /// The mean under each window, in the shape of [`max_pool2d`](Self::max_pool2d). Padding counts as zeros if
    /// `count_padding`, which is PyTorch's default; else the mean is over the elements that exist.
    ///
    /// # Panics
    /// As for `max_pool2d`.
    #[track_caller]
    pub fn avg_pool2d(&mut self, x: Var, window: Window, count_padding: bool) -> Var {
        let shape = pooled(AvgPool2d::NAME, self.shape(x), window);
        let op = AvgPool2d { x: self.id(x, AvgPool2d::NAME), window, count_padding };
        self.record(Op::AvgPool2d(op), shape)
    }

    /// The mean of each channel of each image, `[N, C]` of x `[N, C, H, W]`.
    ///
    /// # Panics
    /// If x is no batch of images, or they have no pixels.
    #[track_caller]
    pub fn global_avg_pool(&mut self, x: Var) -> Var {
        let [n, c, h, w] = self.shape(x).images(GlobalAvgPool::NAME);
        assert!(h * w > 0, "global_avg_pool: {} has no pixels", self.shape(x));
        let op = GlobalAvgPool { x: self.id(x, GlobalAvgPool::NAME) };
        self.record(Op::GlobalAvgPool(op), Shape::from([n, c]))
    }
}

#[track_caller]
fn pooled(name: &str, x: Shape, window: Window) -> Shape {
    let [n, c, h, w] = x.images(name);
    let padded_too_far = (0..2).any(|axis| 2 * window.padding[axis] > window.kernel[axis]);
    match window.output([h, w]) {
        Some([oh, ow]) if !padded_too_far => Shape::from([n, c, oh, ow]),
        _ => panic!("{name}: {window:?} does not fit {x} (padding is at most half the window)"),
    }
}

fn sizes(name: &str, x: Shape, window: Window) -> PoolShape {
    let [n, c, h, w] = x.images(name);
    PoolShape { planes: n * c, image: [h, w], window }
}

/// For each output the elements of x under its window, in reading order.
fn windows(s: PoolShape) -> impl Iterator<Item = Vec<usize>> {
    let ([h, w], [oh, ow]) = (s.image, s.output());
    (0..s.planes * oh * ow).map(move |e| {
        let (plane, at) = (e / (oh * ow), [e / ow % oh, e % ow]);
        let along = |axis: usize, size: usize| {
            let [kernel, stride, padding] =
                [s.window.kernel, s.window.stride, s.window.padding].map(|x| x[axis] as usize);
            (0..kernel)
                .filter_map(move |k| (at[axis] * stride + k).checked_sub(padding))
                .filter(move |i| *i < size)
        };
        along(0, h).flat_map(|i| along(1, w).map(move |j| (plane * h + i) * w + j)).collect()
    })
}

impl Operation for MaxPool2d {
    const NAME: &'static str = "max_pool2d";
    const DOC: &'static str = "largest element under each window";
    const DERIVATIVE: &'static str = "dx = g at the largest element";

    fn inputs(&self) -> Inputs {
        Inputs::new([self.x])
    }

    fn constants(&self) -> Constants {
        super::window_constants(self.window)
    }

    /// Keeps the place of each maximum in its plane.
    fn forward(&self, f: Forward<'_>) {
        let s = sizes(Self::NAME, f.values.shape(self.x), self.window);
        f.indices.resize(f.out.len(), 0);
        pool::max(f.exec, s, f.values.of(self.x), f.out, f.indices);
    }

    fn backward(&self, b: &mut Backward<'_>) {
        let s = sizes(Self::NAME, b.shape_of(self.x), self.window);
        let (exec, g, places) = (b.exec, b.g, b.indices);
        b.give(self.x, |write, dx| pool::max_backward(exec, write, s, g, places, dx));
    }

    fn reference<R: Real>(&self, r: &Reference<'_, R>) -> Vec<R> {
        let (x, s) = (r.x(self.x), sizes(Self::NAME, r.shape_of(self.x), self.window));
        let largest = |w: Vec<usize>| w[1..].iter().fold(x[w[0]], |m, e| m.max(x[*e]));
        windows(s).map(largest).collect()
    }

    #[cfg(test)]
    fn cases() -> Vec<crate::gradcheck::Case> {
        cases(|t, x, window| t.max_pool2d(x, window))
    }
}

impl Operation for ReluMaxPool2d {
    const NAME: &'static str = "relu_max_pool2d";
    const DOC: &'static str = "largest element of max(x, 0) under each window";
    const DERIVATIVE: &'static str = "dx = g at the largest element, if it is above 0";

    fn inputs(&self) -> Inputs {
        Inputs::new([self.x])
    }

    fn constants(&self) -> Constants {
        super::window_constants(self.window)
    }

    /// Keeps the place of each maximum in its plane.
    fn forward(&self, f: Forward<'_>) {
        let s = sizes(Self::NAME, f.values.shape(self.x), self.window);
        f.indices.resize(f.out.len(), 0);
        pool::max_of_relu(f.exec, s, f.values.of(self.x), f.out, f.indices);
    }

    fn backward(&self, b: &mut Backward<'_>) {
        let s = sizes(Self::NAME, b.shape_of(self.x), self.window);
        let (exec, g, y, places) = (b.exec, b.g, b.y, b.indices);
        b.give(self.x, |write, dx| pool::max_of_relu_backward(exec, write, s, [g, y], places, dx));
    }

    fn reference<R: Real>(&self, r: &Reference<'_, R>) -> Vec<R> {
        let (x, s) = (r.x(self.x), sizes(Self::NAME, r.shape_of(self.x), self.window));
        let largest = |w: Vec<usize>| w.iter().fold(R::zero(), |m, e| m.max(x[*e]));
        windows(s).map(largest).collect()
    }

    #[cfg(test)]
    fn cases() -> Vec<crate::gradcheck::Case> {
        cases(|t, x, window| t.relu_max_pool2d(x, window))
    }
}

impl Operation for AvgPool2d {
    const NAME: &'static str = "avg_pool2d";
    const DOC: &'static str = "mean under each window";
    const DERIVATIVE: &'static str = "dx = g / window size, to every element of the window";

    fn inputs(&self) -> Inputs {
        Inputs::new([self.x])
    }

    fn constants(&self) -> Constants {
        let mut constants = super::window_constants(self.window);
        constants.push(("count padding", f64::from(u8::from(self.count_padding))));
        constants
    }

    fn forward(&self, f: Forward<'_>) {
        let s = sizes(Self::NAME, f.values.shape(self.x), self.window);
        pool::mean(f.exec, s, self.count_padding, f.values.of(self.x), f.out);
    }

    fn backward(&self, b: &mut Backward<'_>) {
        let s = sizes(Self::NAME, b.shape_of(self.x), self.window);
        let (exec, g) = (b.exec, b.g);
        b.give(self.x, |write, dx| pool::mean_backward(exec, write, s, self.count_padding, g, dx));
    }

    fn reference<R: Real>(&self, r: &Reference<'_, R>) -> Vec<R> {
        let (x, s) = (r.x(self.x), sizes(Self::NAME, r.shape_of(self.x), self.window));
        let all = (self.window.kernel[0] * self.window.kernel[1]) as usize;
        let mean = |w: Vec<usize>| {
            let count = if self.count_padding { all } else { w.len() };
            R::sum(w.iter().map(|e| x[*e])) / R::of(count as f64)
        };
        windows(s).map(mean).collect()
    }

    #[cfg(test)]
    fn cases() -> Vec<crate::gradcheck::Case> {
        let mut cases = cases(|t, x, window| t.avg_pool2d(x, window, true));
        cases.extend(self::cases(|t, x, window| t.avg_pool2d(x, window, false)));
        cases
    }
}

/// Windows that tile, overlap, leave a border, and are padded.
#[cfg(test)]
fn cases(pool: fn(&mut Tape, Var, Window) -> Var) -> Vec<crate::gradcheck::Case> {
    use crate::gradcheck::{Case, Domain};
    let uneven = Window { kernel: [1, 3], stride: [2, 1], padding: [0, 1] };
    let shapes: [(&[usize], Window); 10] = [
        (&[1, 1, 2, 2], Window::square(2, 2, 0)),
        (&[2, 3, 4, 4], Window::square(2, 2, 0)),
        (&[1, 2, 5, 7], Window::square(2, 2, 0)),
        (&[1, 1, 2, 17], Window::square(2, 2, 0)),
        (&[1, 2, 5, 6], Window::square(3, 1, 0)),
        (&[2, 1, 6, 5], Window::square(3, 2, 1)),
        (&[1, 1, 4, 4], Window::square(2, 2, 1)),
        (&[1, 2, 3, 9], uneven),
        (&[1, 3, 3, 3], Window::square(1, 1, 0)),
        (&[2, 3, 8, 9], Window::square(3, 2, 1)),
    ];
    shapes
        .into_iter()
        .map(|(s, w)| (s.to_vec(), w))
        .chain((1..=17).map(|n| (vec![1, 1, 3, n + 1], Window::square(2, 1, 0))))
        .map(|(s, w)| Case::new(&[&s], move |t, x| pool(t, x[0], w)).on(Domain::Distinct))
        .collect()
}

impl Operation for GlobalAvgPool {
    const NAME: &'static str = "global_avg_pool";
    const DOC: &'static str = "mean of each channel of each image";
    const DERIVATIVE: &'static str = "dx = g / pixels, to every pixel of the channel";

    fn inputs(&self) -> Inputs {
        Inputs::new([self.x])
    }

    fn forward(&self, f: Forward<'_>) {
        let [.., h, w] = f.values.shape(self.x).images(Self::NAME);
        reduce::rows(lacuna_kernels::Write::Set, f.values.of(self.x), h * w, f.out);
        f.out.iter_mut().for_each(|y| *y /= (h * w) as f32);
    }

    fn backward(&self, b: &mut Backward<'_>) {
        let [.., h, w] = b.shape_of(self.x).images(Self::NAME);
        let (g, x, share) = (b.g, b.x(self.x), lacuna_kernels::f32x8::splat(1.0 / (h * w) as f32));
        b.give(self.x, |write, dx| map::broadcast::column(write, x, g, dx, |_, g| g * share));
    }

    fn reference<R: Real>(&self, r: &Reference<'_, R>) -> Vec<R> {
        let [.., h, w] = r.shape_of(self.x).images(Self::NAME);
        let mean = |x: &[R]| R::sum(x.iter().copied()) / R::of((h * w) as f64);
        r.x(self.x).chunks_exact(h * w).map(mean).collect()
    }

    #[cfg(test)]
    fn cases() -> Vec<crate::gradcheck::Case> {
        use crate::gradcheck::Case;
        let shapes: [&[usize]; 7] = [
            &[1, 1, 1, 1],
            &[2, 5, 4, 6],
            &[1, 3, 1, 9],
            &[3, 1, 17, 1],
            &[2, 2, 2, 4],
            &[1, 7, 3, 5],
            &[3, 7, 5, 5],
        ];
        shapes.iter().map(|s| Case::new(&[s], |t, x| t.global_avg_pool(x[0]))).collect()
    }
}
