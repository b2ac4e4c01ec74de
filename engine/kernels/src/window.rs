//! Windows that slide over images: what convolutions and pools have in common.

/// Size, step and border of a sliding window, each as [vertical, horizontal].
///
/// ```
/// use lacuna_kernels::Window;
/// let w = Window::square(3, 2, 1);
/// assert_eq!(w.output([8, 7]), Some([4, 4])); // (8 + 2 - 3) / 2 + 1
/// assert_eq!(Window::square(5, 1, 0).output([4, 9]), None); // does not fit
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// Size.
    pub kernel: [u32; 2],
    /// Step from one position to the next.
    pub stride: [u32; 2],
    /// Rows and columns added on either side of the image.
    pub padding: [u32; 2],
}

impl Window {
    /// A window that is the same vertically and horizontally.
    pub fn square(kernel: usize, stride: usize, padding: usize) -> Self {
        let both = |x: usize| [u32::try_from(x).expect("window sizes are small"); 2];
        Self { kernel: both(kernel), stride: both(stride), padding: both(padding) }
    }

    /// Positions of the window on an image [height, width]: floor((size + 2 padding - kernel) / stride) + 1.
    /// `None` if the padded image is smaller than the window, or a size or stride is 0.
    pub fn output(self, image: [usize; 2]) -> Option<[usize; 2]> {
        let along = |axis: usize| {
            let [kernel, stride, padding] =
                [self.kernel, self.stride, self.padding].map(|x| x[axis] as usize);
            if kernel == 0 || stride == 0 {
                return None;
            }
            Some((image[axis] + 2 * padding).checked_sub(kernel)? / stride + 1)
        };
        Some([along(0)?, along(1)?])
    }

    /// Part of the image under the window at output position `at` of one axis: first and last + 1.
    pub(crate) fn span(self, axis: usize, at: usize, size: usize) -> (usize, usize) {
        let start = at * self.stride[axis] as usize;
        let padding = self.padding[axis] as usize;
        let end = (start + self.kernel[axis] as usize).saturating_sub(padding).min(size);
        (start.saturating_sub(padding).min(size), end)
    }
}
