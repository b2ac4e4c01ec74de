//! Features that stay in their file: the one module of the datasets with `unsafe`.
#![allow(unsafe_code)]

use crate::npy::MatrixFile;
use crate::{ByteOrder, Dtype, FormatError, Kind};
use memmap2::Mmap;
use std::fs::File;
use std::path::Path;

/// The `f32` elements of a file, mapped into memory.
///
/// The file is locked against writers that ask (an advisory lock), and it is as long as its header said when it was
/// mapped. A program that cuts it all the same makes the next access end this one with SIGBUS; that is why only files
/// from [`Limits::map_from`](crate::Limits::map_from) bytes on are mapped, and smaller ones are copied.
pub(crate) struct MappedF32 {
    map: Mmap,
    /// Byte at which the elements start; a multiple of 4.
    start: usize,
    count: usize,
    /// Holds the lock.
    _file: File,
}

/// Whether the elements of a file can be used where they lie.
pub(crate) fn can_map(matrix: &MatrixFile) -> bool {
    let Dtype { kind, order } = matrix.dtype;
    let native = if cfg!(target_endian = "big") { ByteOrder::Big } else { ByteOrder::Little };
    kind == Kind::F32 && order == native && !matrix.fortran_order && matrix.start.is_multiple_of(4)
}

/// Maps the elements of a matrix for which [`can_map`] said yes.
pub(crate) fn map(matrix: &MatrixFile, path: &Path) -> Result<MappedF32, FormatError> {
    assert!(can_map(matrix));
    let file = matrix.file().try_clone().map_err(FormatError::io(path))?;
    // A lock that cannot be had (a file system without locks) is no reason to refuse: nothing here relies on it.
    let _ = file.try_lock_shared();
    // SAFETY: the map is read-only. The bytes are `f32`s, for which every bit pattern is a value, so that a writer that
    // ignores the lock can change numbers, but break no rule of the type. A file that shrinks ends the process (see
    // above) instead of reading what is not there.
    let map = unsafe { Mmap::map(&file) }.map_err(FormatError::io(path))?;
    let (start, count) = (matrix.start as usize, matrix.features.rows * matrix.features.columns);
    // The length is looked at again, in the map itself.
    if map.len() != start + count * 4 {
        return Err(FormatError::bytes(
            path,
            map.len() as u64,
            "the file has changed its length while it was opened",
        ));
    }
    Ok(MappedF32 { map, start, count, _file: file })
}

impl AsRef<[f32]> for MappedF32 {
    fn as_ref(&self) -> &[f32] {
        let bytes = &self.map[self.start..self.start + self.count * 4];
        // SAFETY: every bit pattern is an `f32`. A map starts at a page and `start` is a multiple of 4, so that nothing is
        // cut off in front, which is asserted.
        let (before, values, after) = unsafe { bytes.align_to::<f32>() };
        assert!(before.is_empty() && after.is_empty());
        values
    }
}
