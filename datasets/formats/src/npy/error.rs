//! Errors of `.npy` files.

use std::io;

/// Why an `.npy` file was refused, or an array could not be read as asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NpyError {
    /// An error of the operating system.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// The file does not start as an `.npy` file does.
    #[error("not a .npy file: it does not start with \\x93NUMPY")]
    Magic,
    /// The version of the format is unknown.
    #[error("unsupported format version {major}.{minor}: expected 1.0, 2.0 or 3.0")]
    Version {
        /// First version byte.
        major: u8,
        /// Second version byte.
        minor: u8,
    },
    /// The file ends inside its header.
    #[error("truncated file: expected {expected} bytes of header, found {found}")]
    HeaderCut {
        /// Bytes needed to read on.
        expected: u64,
        /// Bytes there are.
        found: u64,
    },
    /// The header is longer than any array needs.
    #[error("the header has {bytes} bytes, more than the limit of {}", super::MAX_HEADER)]
    HeaderLong {
        /// Bytes announced.
        bytes: u32,
    },
    /// The header is not the dictionary it should be.
    #[error("invalid header at byte {at}: {problem}")]
    Header {
        /// Byte of the dictionary, counted from 0.
        at: usize,
        /// What is wrong there.
        problem: String,
    },
    /// The element type cannot be read.
    #[error("unsupported type {descr}: {advice}")]
    Dtype {
        /// The type as the header has it.
        descr: String,
        /// What to do about it.
        advice: &'static str,
    },
    /// A dimension is negative.
    #[error("the shape has the negative dimension {dimension}")]
    Negative {
        /// The dimension, as written.
        dimension: String,
    },
    /// The array would not fit into memory, whatever the memory.
    #[error("an array of shape {shape} and type {dtype} exceeds the address space")]
    TooLarge {
        /// The shape, as written.
        shape: String,
        /// The element type.
        dtype: String,
    },
    /// The data do not have the size the header announces: a truncated file, or trailing data.
    #[error(
        "shape {shape} of type {dtype} needs {expected} bytes of data, found {found}: the file {}",
        if found < expected { "is truncated, or is still being written" } else { "has trailing data" }
    )]
    DataSize {
        /// The shape.
        shape: String,
        /// The element type.
        dtype: String,
        /// Bytes of data announced.
        expected: u64,
        /// Bytes of data there are.
        found: u64,
    },
    /// An element is not a value of its type: a boolean that is neither 0 nor 1, an invalid character.
    #[error("element {element} (counted from 0, in the order of the file) is not a valid {what}: {value:#x}")]
    Element {
        /// Which element.
        element: usize,
        /// What it should be.
        what: &'static str,
        /// The value.
        value: u32,
    },
    /// The number of values is not what the shape says.
    #[error("shape {shape} has {expected} values, not {found}")]
    Count {
        /// The shape.
        shape: String,
        /// Values that fit it.
        expected: usize,
        /// Values given.
        found: usize,
    },
    /// The array has the wrong number of dimensions.
    #[error("shape {shape} has rank {found}, expected {wanted}{}", lacking(*found, *wanted))]
    Rank {
        /// The shape.
        shape: String,
        /// Dimensions it has.
        found: usize,
        /// Dimensions needed.
        wanted: usize,
    },
    /// The array has a shape that features do not have.
    #[error(
        "shape {shape} has rank {found}; features are read from (rows, columns), from (rows, channels, height, width), and \
         from shapes with dimensions of 1 in place of others: (rows, columns, 1), (rows, 1, columns), (rows, columns, 1, 1)"
    )]
    FeatureShape {
        /// The shape.
        shape: String,
        /// Dimensions it has.
        found: usize,
    },
    /// A number does not fit into 32 bits.
    #[error(
        "row {row}, column {column} (counted from 0) is {value:?}, which is beyond the range of 32-bit floats; scale the \
         column"
    )]
    Range {
        /// Row of the number.
        row: usize,
        /// Column of the number.
        column: usize,
        /// The value.
        value: f64,
    },
    /// There is not enough memory for the elements.
    #[error("not enough memory for the array: {bytes} bytes are needed")]
    Memory {
        /// How much was asked for.
        bytes: u64,
    },
    /// Numbers were asked for and there are strings, or the other way round.
    #[error("the elements are {found}, expected {wanted}")]
    Kind {
        /// The element type.
        found: String,
        /// What was asked for.
        wanted: &'static str,
    },
}

/// What to do with an array of one dimension where rows and columns are needed.
fn lacking(found: usize, wanted: usize) -> &'static str {
    match (found, wanted) {
        (1, 2) => {
            ": rows and columns are needed. Labels are a matrix of rows x classes; numbers or names of classes, one a row, are \
             read from a CSV with the columns `id` and `label`"
        }
        _ => "",
    }
}
