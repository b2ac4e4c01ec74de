//! NumPy's `.npy` files.
//!
//! Our own reader, because the file is trusted in other libraries where it should not be: a header of
//! 14 bytes that announces a gigabyte, a shape whose product wraps to 0. Here every number of the
//! header is checked against the length of the file before anything is allocated.
//!
//! Source: NEP 1 and `numpy/lib/_format_impl.py`.

mod array;
mod convert;
mod dtype;
mod error;
mod header;
mod matrix;
mod read;
mod shape;
mod write;

pub use array::{FixedBytes, NpyArray, NpyData};
pub use dtype::{ByteOrder, Dtype, Kind};
pub use error::NpyError;
pub use header::MAX_HEADER;
pub(crate) use header::shape_text;
pub(crate) use matrix::{MatrixFile, append_f32, read_f32_sized, read_features_sized};
pub(crate) use read::{read_numbers_of, read_sized};
pub(crate) use shape::FeatureShape;
