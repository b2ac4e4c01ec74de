//! Tensors: how data goes into a tape and comes out.

use crate::Shape;
use std::fmt;

/// An owned, contiguous, row-major block of f32 with a shape.
///
/// ```
/// use lacuna_engine::Tensor;
/// let t = Tensor::new([2, 2], vec![1.0, 2.0, 3.0, 4.0]);
/// assert_eq!(t.shape().to_string(), "[2, 2]");
/// assert_eq!(t.data()[2], 3.0);
/// ```
#[derive(Clone, PartialEq)]
pub struct Tensor {
    shape: Shape,
    data: Vec<f32>,
}

impl Tensor {
    /// A tensor from its elements, row by row.
    ///
    /// # Panics
    /// If their number is not that of the shape.
    #[track_caller]
    pub fn new(shape: impl Into<Shape>, data: Vec<f32>) -> Self {
        let shape = shape.into();
        assert_eq!(data.len(), shape.len(), "a tensor of shape {shape} has {} elements", shape.len());
        Self { shape, data }
    }

    /// A tensor of equal elements.
    pub fn filled(shape: impl Into<Shape>, value: f32) -> Self {
        let shape = shape.into();
        Self { shape, data: vec![value; shape.len()] }
    }

    /// A tensor of zeros.
    pub fn zeros(shape: impl Into<Shape>) -> Self {
        Self::filled(shape, 0.0)
    }

    /// Its shape.
    pub fn shape(&self) -> Shape {
        self.shape
    }

    /// Its elements, row by row.
    pub fn data(&self) -> &[f32] {
        &self.data
    }

    /// Its elements, by value.
    pub fn into_data(self) -> Vec<f32> {
        self.data
    }
}

impl fmt::Debug for Tensor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = &self.data[..self.data.len().min(8)];
        write!(f, "Tensor{} {shown:?}{}", self.shape, if shown.len() < self.data.len() { " ..." } else { "" })
    }
}
