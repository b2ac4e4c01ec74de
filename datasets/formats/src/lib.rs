//! Readers and writers of files of features, labels and names, in the formats of the field.
//!
//! Start with [`open_data`], which reads any file or folder that [`FORMATS`] lists into a [`Table`]; the readers and writers of
//! single formats are for those who know what they have.
//!
//! * [`NpyArray`] reads and writes NumPy's `.npy` files, byte for byte as `numpy.save` does.
//! * [`SpmlFolder`] reads the folder layout of the single-positive papers and everything built on it.
//! * [`write_atomic`] writes a file as a whole or not at all, and replaces one only where [`Destination`] says so.
//! * [`NpzArchive`] and [`SafetensorsFile`] read files of several arrays, [`write_npz`] and [`write_safetensors`] write them.
//! * [`open_data`] reads anything that [`FORMATS`] lists; [`RowJoin`] brings features and labels together by name.
//! * [`write_labels_csv`], [`write_labels_jsonl`] and [`write_label_list`] write labels.
//!
//! Two rules hold for every reader. Nothing in a file is trusted: sizes are checked
//! before anything is allocated, and a truncated or extended file is an error that says how many bytes
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

mod arff;
mod arrays;
mod atomic;
mod boxes;
mod chunks;
mod coco;
mod content;
mod csv;
mod destination;
mod error;
mod hill;
mod hold;
mod input;
mod join;
mod json;
mod labels;
mod libsvm;
mod limits;
mod mat;
mod memory;
mod mmap;
mod multi_hot;
mod npy;
mod npz;
mod operations;
#[cfg(feature = "parquet")]
mod parquet;
mod safetensors;
mod shards;
mod spml;
mod table;
mod temporary;
mod text;
mod tfrecord;
mod undo;

pub use arrays::sparse::SparseFeatures;
pub use atomic::{Contents, write_atomic, write_atomic_all};
pub use boxes::Annotations;
pub use content::{
    Content, FeatureTable, KeptRows, LabelSheet, LabelTable, MissingFeatures, ReadOptions, Table,
};
pub use csv::{CsvLayout, CsvRecords, labels_csv_writer, write_labels_csv};
pub use destination::Destination;
pub use error::FormatError;
pub use hill::write_label_list;
pub use hold::{Held, hold_files};
pub use input::{files_read, read_names, same_file};
pub use join::{NameMatch, RowJoin, join_tables};
pub use json::write_labels_jsonl;
pub use labels::convention::{LabelConvention, UnknownConvention};
pub use labels::lists::LabelLists;
pub use limits::Limits;
pub use npy::{ByteOrder, Dtype, FixedBytes, Kind, MAX_HEADER, NpyArray, NpyData, NpyError};
pub use npz::{Compression, NpzArchive, write_npz};
pub use safetensors::{SafetensorsFile, safetensors_writer, write_safetensors};
pub use spml::{Part, SpmlFolder, SpmlSets};
pub use table::{FORMATS, Format, Truncation, format, open_data, recognised};
pub use temporary::sweep_temporary_files;
pub use text::delimited::push_name;
pub use text::shown::shown;
pub use text::strings::Strings;
pub use tfrecord::{TfRecord, TfRecords, tf_record};
pub use undo::restore_files;
