//! The file as the crate `parquet` reads it, which does not notice where it ends.

use ::parquet::errors::{ParquetError, Result};
use ::parquet::file::reader::{ChunkReader, Length};
use bytes::Bytes;
use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom};

/// A file whose end is an error for who reads on.
///
/// The crate passes over fields that it does not know by copying their bytes to nowhere, and takes the end of the file for the end of
/// the field: lists in lists of lists, a byte for each, are then gone through to their end, which takes for ever.
pub(super) struct Source(File);

impl Source {
    pub(super) fn new(file: File) -> Self {
        Self(file)
    }
}

impl Length for Source {
    fn len(&self) -> u64 {
        Length::len(&self.0)
    }
}

impl ChunkReader for Source {
    type T = BufReader<Ending>;

    fn get_read(&self, start: u64) -> Result<Self::T> {
        let mut file = self.0.try_clone()?;
        file.seek(SeekFrom::Start(start))?;
        Ok(BufReader::new(Ending(file)))
    }

    fn get_bytes(&self, start: u64, length: usize) -> Result<Bytes> {
        let size = self.len();
        // Before memory for it is taken.
        if start.checked_add(length as u64).is_none_or(|end| end > size) {
            return Err(ParquetError::EOF(format!("{length} bytes at {start}, of a file of {size}")));
        }
        self.0.get_bytes(start, length)
    }
}

/// A file that does not end without a word.
pub(super) struct Ending(File);

impl Read for Ending {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self.0.read(buffer)? {
            0 if !buffer.is_empty() => Err(io::Error::new(
                io::ErrorKind::UnexpectedEof,
                "something in it goes on behind the end of the file",
            )),
            read => Ok(read),
        }
    }
}
