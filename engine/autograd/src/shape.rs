//! Shapes: up to four sizes, by value.

use std::fmt;

/// The sizes of a tensor, rank 0 to 4, row-major and contiguous. Shown as `[16, 20]`.
///
/// ```
/// use lacuna_engine::Shape;
/// let s = Shape::from([16, 20]);
/// assert_eq!((s.rank(), s.len(), s.to_string()), (2, 320, "[16, 20]".to_string()));
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Shape {
    sizes: [usize; 4],
    rank: u8,
}

impl Shape {
    /// The shape of a single number, `[]`.
    pub const SCALAR: Shape = Shape { sizes: [1; 4], rank: 0 };

    /// A shape from its sizes.
    ///
    /// # Panics
    /// For more than four sizes.
    #[track_caller]
    pub fn new(sizes: &[usize]) -> Self {
        assert!(sizes.len() <= 4, "a tensor has at most 4 axes, not {}", sizes.len());
        let mut shape = Shape { sizes: [1; 4], rank: sizes.len() as u8 };
        shape.sizes[..sizes.len()].copy_from_slice(sizes);
        shape
    }

    /// Number of axes.
    pub fn rank(self) -> usize {
        usize::from(self.rank)
    }

    /// Sizes of all axes.
    pub fn sizes(&self) -> &[usize] {
        &self.sizes[..self.rank()]
    }

    /// Number of elements; 1 for a scalar.
    #[expect(clippy::len_without_is_empty, reason = "a shape is no collection")]
    pub fn len(self) -> usize {
        // sizes beyond the rank are 1
        self.sizes.iter().product()
    }

    /// Where an element stands, `[2,3]`; nothing for a single number without axes.
    ///
    /// ```
    /// use lacuna_engine::Shape;
    /// assert_eq!(Shape::from([4, 5]).place(13), "[2,3]");
    /// ```
    pub fn place(self, element: usize) -> String {
        let mut rest = element;
        let mut places: Vec<String> = Vec::new();
        for size in self.sizes().iter().rev() {
            places.push((rest % size.max(&1)).to_string());
            rest /= size.max(&1);
        }
        places.reverse();
        if places.is_empty() { String::new() } else { format!("[{}]", places.join(",")) }
    }

    /// Rows and columns of a matrix; a vector `[C]` is one row.
    ///
    /// # Panics
    /// For any other rank; `what` names the operation.
    #[track_caller]
    pub(crate) fn matrix(self, what: &str) -> (usize, usize) {
        match *self.sizes() {
            [cols] => (1, cols),
            [rows, cols] => (rows, cols),
            _ => panic!("{what} works on matrices, not on {self}"),
        }
    }

    /// Sizes [N, C, H, W] of a batch of images.
    ///
    /// # Panics
    /// For any other rank; `what` names the operation.
    #[track_caller]
    pub(crate) fn images(self, what: &str) -> [usize; 4] {
        assert!(self.rank == 4, "{what} works on images [N, C, H, W], not on {self}");
        self.sizes
    }

    /// All but the last axis as rows, and the last axis as columns.
    ///
    /// # Panics
    /// For a scalar, or rows without elements; `what` names the operation.
    #[track_caller]
    pub(crate) fn rows_of_last_axis(self, what: &str) -> (usize, usize) {
        match self.sizes().split_last() {
            Some((cols, rows)) if *cols > 0 => (rows.iter().product(), *cols),
            _ => panic!("{what} works along the last axis, which {self} does not have"),
        }
    }
}

impl<const N: usize> From<[usize; N]> for Shape {
    #[track_caller]
    fn from(sizes: [usize; N]) -> Self {
        Shape::new(&sizes)
    }
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.sizes()).finish()
    }
}

impl fmt::Debug for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
