//! Readers and writers of the files people have: features, labels and names as they lie on disk.
//!
//! * [`NpyArray`] reads and writes NumPy's `.npy` files, byte for byte as `numpy.save` does.
//! * [`SpmlFolder`] reads the folder layout of the single-positive papers and everything built on it.
//! * [`write_atomic`] replaces a file as a whole or not at all.
//! * [`FORMATS`] lists what there is.
//!
//! Two rules hold for every reader. A file is hostile until proven otherwise: sizes are checked
//! before anything is allocated, and a cut or lengthened file is an error that says how many bytes
//! were expected. And an error names the file, the row and the column (both **counted from 0**) and
//! says what to do.
//!
//! ```
//! use lacuna_formats::{NpyArray, NpyData};
//!
//! let folder = tempfile::tempdir()?;
//! let path = folder.path().join("features.npy");
//! NpyArray::new(vec![2, 3], NpyData::F32(vec![0.0, 0.5, 1.0, 1.5, 2.0, 2.5]))?.save(&path)?;
//!
//! let (rows, columns, values) = NpyArray::open(&path)?.into_f32_matrix()?;
//! assert_eq!((rows, columns, values[5]), (2, 3, 2.5));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod atomic;
mod error;
mod npy;
mod spml;
mod table;

pub use atomic::write_atomic;
pub use error::FormatError;
pub use npy::{ByteOrder, Dtype, Kind, MAX_HEADER, NpyArray, NpyData, NpyError};
pub use spml::{LabelConvention, Part, SpmlFolder, SpmlSets, UnknownConvention};
pub use table::{FORMATS, Format, format};
