//! The file as the crate `parquet` reads it, which does not notice where it ends.

use super::{pages, thrift};
use ::parquet::errors::{ParquetError, Result};
use ::parquet::file::reader::{ChunkReader, Length};
use bytes::Bytes;
use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom};

/// Bytes in which the header of most pages ends.
const FIRST: u64 = 4096;

/// A file whose end is an error for who reads on.
///
/// The crate passes over fields that it does not know by copying their bytes to nowhere, and takes the end of the file for the end of
/// the field: lists in lists of lists, a byte for each, are then gone through to their end, which takes for ever.
pub(super) struct Source {
    file: File,
    /// Whether the crate begins to read at headers of pages.
    pages: bool,
}

impl Source {
    /// For the description of the file.
    pub(super) fn description(file: File) -> Self {
        Self { file, pages: false }
    }

    /// For the pages, whose headers are looked at before the crate reads them.
    pub(super) fn pages(self) -> Self {
        Self { pages: true, ..self }
    }

    /// Looks at the header that begins at `start`, of which nobody knows how long it is.
    fn check_header(&self, start: u64) -> Result<()> {
        let mut file = self.file.try_clone()?;
        let (mut bytes, mut more) = (Vec::new(), FIRST);
        loop {
            file.seek(SeekFrom::Start(start + bytes.len() as u64))?;
            let read = (&mut file).take(more).read_to_end(&mut bytes)?;
            match pages::check_header(&bytes) {
                Err(problem) if problem == thrift::END && read as u64 == more => more = bytes.len() as u64,
                checked => return checked.map_err(ParquetError::General),
            }
        }
    }
}

impl Length for Source {
    fn len(&self) -> u64 {
        Length::len(&self.file)
    }
}

impl ChunkReader for Source {
    type T = BufReader<Ending>;

    fn get_read(&self, start: u64) -> Result<Self::T> {
        if self.pages {
            self.check_header(start)?;
        }
        let mut file = self.file.try_clone()?;
        file.seek(SeekFrom::Start(start))?;
        Ok(BufReader::new(Ending(file)))
    }

    fn get_bytes(&self, start: u64, length: usize) -> Result<Bytes> {
        let size = self.len();
        // Before memory for it is taken.
        if start.checked_add(length as u64).is_none_or(|end| end > size) {
            return Err(ParquetError::EOF(format!("{length} bytes at {start}, of a file of {size}")));
        }
        self.file.get_bytes(start, length)
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
