//! NumPy's `.npz` files: a ZIP archive of `.npy` files, stored or deflated.
//!
//! The walk over the archive is our own, so that every number in it is checked before it is used: nothing may overlap,
//! nothing may lie outside, no name may occur twice, an entry may not inflate beyond a ratio, and what it inflates to must
//! have the size and the checksum that were announced.
//!
//! Source: PKWARE, ".ZIP File Format Specification", 6.3.10; `numpy/lib/_npyio_impl.py`.

mod data;
mod directory;
mod scipy;
mod write;

pub(crate) use data::read;
pub use write::{Compression, write_npz};

use crate::error::within;
use crate::input::open_ordinary;
use crate::npy::{FeatureShape, read_f32_sized, read_features_sized, read_sized};
use crate::{FormatError, Limits, NpyArray, NpyError, shown};
use directory::{Entry, Method};
use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

/// An open archive of arrays.
///
/// ```
/// use lacuna_formats::{Compression, NpyArray, NpyData, NpzArchive, write_npz};
///
/// let folder = tempfile::tempdir()?;
/// let path = folder.path().join("set.npz");
/// let x = NpyArray::new(vec![2, 2], NpyData::F32(vec![0.0, 0.5, 1.0, 1.5]))?;
/// write_npz(&path, &[("features", &x)], Compression::Deflate)?;
///
/// let mut archive = NpzArchive::open(&path)?;
/// assert_eq!(archive.names().collect::<Vec<_>>(), ["features"]);
/// assert_eq!(archive.read("features")?, x);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct NpzArchive<R = BufReader<File>> {
    reader: R,
    path: PathBuf,
    entries: Vec<Entry>,
}

impl NpzArchive {
    /// Opens an archive and checks its directory; no array is read yet.
    ///
    /// # Errors
    /// [`FormatError::Bytes`] with the byte at which the archive is invalid, [`FormatError::Limit`] where an entry claims
    /// too much, [`FormatError::Io`].
    pub fn open(path: impl AsRef<Path>) -> Result<Self, FormatError> {
        Self::open_within(path, &Limits::default())
    }

    /// As [`NpzArchive::open`], with limits of one's own.
    ///
    /// # Errors
    /// As for [`NpzArchive::open`].
    pub fn open_within(path: impl AsRef<Path>, limits: &Limits) -> Result<Self, FormatError> {
        let path = path.as_ref();
        let file = open_ordinary(path).map_err(FormatError::io(path))?;
        Self::of(BufReader::new(file), path, limits)
    }
}

impl<R: Read + Seek> NpzArchive<R> {
    /// Reads the directory of an archive from anything that can seek; `path` is for messages.
    ///
    /// # Errors
    /// As for [`NpzArchive::open`].
    pub fn of(mut reader: R, path: &Path, limits: &Limits) -> Result<Self, FormatError> {
        let entries = directory::read(&mut reader, path, limits)?;
        Ok(Self { reader, path: path.into(), entries })
    }

    /// Names of the arrays, without `.npy`, in the order of the directory.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.entries.iter().map(|entry| entry.name.strip_suffix(".npy").unwrap_or(&entry.name))
    }

    /// Reads one array.
    ///
    /// # Errors
    /// [`FormatError::Array`] where there is none of this name, [`FormatError::Npy`] where it is invalid,
    /// [`FormatError::Bytes`] where it does not have the announced size or checksum.
    pub fn read(&mut self, name: &str) -> Result<NpyArray, FormatError> {
        self.read_with(name, |mut reader, size| read_sized(&mut reader, size))
    }

    /// Rows, columns and row-major values of one matrix of numbers, as `f32`.
    ///
    /// # Errors
    /// As for [`NpzArchive::read`].
    pub fn read_f32_matrix(&mut self, name: &str) -> Result<(usize, usize, Vec<f32>), FormatError> {
        self.read_with(name, |mut reader, size| read_f32_sized(&mut reader, size))
    }

    /// As [`NpzArchive::read_f32_matrix`], of any shape that features have.
    fn read_features(&mut self, name: &str) -> Result<(FeatureShape, Vec<f32>), FormatError> {
        self.read_with(name, |mut reader, size| read_features_sized(&mut reader, size))
    }

    fn read_with<T>(
        &mut self,
        name: &str,
        read: impl FnOnce(&mut dyn Read, u64) -> Result<T, NpyError>,
    ) -> Result<T, FormatError> {
        let Some(number) = self.names().position(|known| known == name) else {
            let found = self.names().map(String::from).collect();
            let problem = format!("no array is named `{}`", shown(name));
            return Err(FormatError::Array { path: self.path.clone(), problem, found });
        };
        let entry = &self.entries[number];
        let path = &self.path;
        self.reader.seek(SeekFrom::Start(entry.data)).map_err(FormatError::io(path))?;
        let compressed = (&mut self.reader).take(entry.compressed);
        let array = match entry.method {
            Method::Stored => array(entry, compressed, read),
            Method::Deflated => {
                array(entry, BufReader::new(flate2::read::DeflateDecoder::new(compressed)), read)
            }
        };
        array.map_err(|problem| match problem {
            Broken::Npy(source) => {
                let path = within(path, &entry.name);
                match source {
                    NpyError::Io(source) if source.kind() == io::ErrorKind::UnexpectedEof => {
                        FormatError::bytes(
                            &path,
                            entry.data,
                            "truncated entry: it is shorter than its declared size",
                        )
                    }
                    NpyError::Io(source)
                        if matches!(
                            source.kind(),
                            io::ErrorKind::InvalidInput | io::ErrorKind::InvalidData
                        ) =>
                    {
                        FormatError::bytes(&path, entry.data, format!("invalid deflate data: {source}"))
                    }
                    source => FormatError::npy(&path)(source),
                }
            }
            Broken::Entry(problem) => {
                FormatError::bytes(path, entry.data, format!("{}: {problem}", shown(&entry.name)))
            }
        })
    }
}

enum Broken {
    Npy(NpyError),
    Entry(&'static str),
}

/// Reads an array and checks that exactly its bytes were there.
fn array<T>(
    entry: &Entry,
    reader: impl Read,
    read: impl FnOnce(&mut dyn Read, u64) -> Result<T, NpyError>,
) -> Result<T, Broken> {
    let mut reader = Summing { reader, crc: flate2::Crc::new() };
    let array = read(&mut reader, entry.size).map_err(Broken::Npy)?;
    let rest = reader.read(&mut [0; 1]).map_err(|error| Broken::Npy(error.into()))?;
    match rest {
        0 if reader.crc.sum() == entry.crc => Ok(array),
        0 => Err(Broken::Entry("checksum mismatch: the file is damaged")),
        _ => Err(Broken::Entry("the entry is longer than its declared size")),
    }
}

/// Sums up what is read.
struct Summing<R> {
    reader: R,
    crc: flate2::Crc,
}

impl<R: Read> Read for Summing<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.reader.read(buffer)?;
        self.crc.update(&buffer[..count]);
        Ok(count)
    }
}

#[cfg(test)]
mod tests;
