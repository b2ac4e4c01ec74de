//! The parts of a variable: array flags, dimensions, name, data.

use super::dtype;
use crate::{ByteOrder, Dtype, FormatError, Limits, NpyArray, NpyData, SparseFeatures, Strings};
use std::io::Read;
use std::path::PathBuf;

pub(super) const MATRIX: u32 = 14;
pub(super) const COMPRESSED: u32 = 15;

/// Most dimensions of a matrix.
const MOST_DIMENSIONS: usize = 32;

/// What a variable is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Class {
    #[default]
    Numbers,
    Text,
    Sparse,
    /// Structures, cells, objects, ...
    Other(u8),
}

/// The header of a variable.
#[derive(Clone, Debug, Default)]
pub(super) struct Matrix {
    pub(super) name: String,
    pub(super) class: Class,
    pub(super) dims: Vec<usize>,
    pub(super) complex: bool,
    /// Bytes of the whole variable, inflated.
    pub(super) bytes: u64,
}

/// A sparse matrix, column by column as MATLAB has it.
pub(super) struct Columns {
    rows: usize,
    /// (row, column, value)
    entries: Vec<(u32, u32, f32)>,
    columns: usize,
}

impl Columns {
    pub(super) fn by_row(mut self) -> SparseFeatures {
        self.entries.sort_by_key(|entry| entry.0);
        let (rows, columns) = (self.rows, self.columns);
        lists(rows, columns, self.entries.into_iter())
    }

    /// Turned around: columns become rows.
    pub(super) fn by_column(self) -> SparseFeatures {
        let (rows, columns) = (self.columns, self.rows);
        lists(rows, columns, self.entries.into_iter().map(|(row, column, value)| (column, row, value)))
    }
}

/// Entries that are sorted by row.
fn lists(rows: usize, columns: usize, entries: impl Iterator<Item = (u32, u32, f32)>) -> SparseFeatures {
    let mut sparse = SparseFeatures::new(columns);
    let mut entries = entries.peekable();
    for row in 0..rows as u32 {
        while let Some((_, column, value)) = entries.next_if(|entry| entry.0 == row) {
            sparse.push(column as usize, value);
        }
        sparse.end_row();
    }
    sparse
}

pub(super) fn u32_of(bytes: &[u8], order: ByteOrder) -> u32 {
    let bytes = bytes.try_into().expect("four bytes");
    match order {
        ByteOrder::Little => u32::from_le_bytes(bytes),
        ByteOrder::Big => u32::from_be_bytes(bytes),
    }
}

/// Reads the parts of one variable in their order.
pub(super) struct Reader<'a> {
    pub(super) inner: Box<dyn Read + 'a>,
    /// Bytes that are left of the variable.
    left: u64,
    bytes: u64,
    /// Where the variable is, for messages.
    at: u64,
    pub(super) path: PathBuf,
    order: ByteOrder,
    limits: Limits,
}

impl<'a> Reader<'a> {
    pub(super) fn new(
        inner: Box<dyn Read + 'a>,
        bytes: u64,
        at: u64,
        path: PathBuf,
        order: ByteOrder,
        limits: Limits,
    ) -> Self {
        Self { inner, left: bytes, bytes, at, path, order, limits }
    }

    fn broken(&self, problem: impl Into<String>) -> FormatError {
        FormatError::bytes(&self.path, self.at, problem)
    }

    fn bytes(&mut self, bytes: &mut [u8]) -> Result<(), FormatError> {
        if (bytes.len() as u64) > self.left {
            return Err(self.broken("an element extends beyond the end of its variable"));
        }
        self.left -= bytes.len() as u64;
        self.inner.read_exact(bytes).map_err(|_| self.broken("truncated variable"))
    }

    /// Type and size of the next part; small parts have their data in the tag.
    fn tag(&mut self) -> Result<(u32, u64, Option<[u8; 4]>), FormatError> {
        let mut tag = [0; 8];
        self.bytes(&mut tag)?;
        let first = u32_of(&tag[..4], self.order);
        let small = first >> 16;
        if small > 0 {
            if small > 4 {
                return Err(self.broken("a small element has more than 4 bytes"));
            }
            return Ok((first & 0xffff, u64::from(small), Some(tag[4..].try_into().expect("four bytes"))));
        }
        let bytes = u64::from(u32_of(&tag[4..], self.order));
        if bytes > self.left {
            return Err(self.broken("an element extends beyond the end of its variable"));
        }
        Ok((first, bytes, None))
    }

    /// All bytes of a small or short element, and its padding.
    fn part(&mut self, most: u64) -> Result<(u32, Vec<u8>), FormatError> {
        let (kind, count, small) = self.tag()?;
        if let Some(bytes) = small {
            return Ok((kind, bytes[..count as usize].to_vec()));
        }
        if count > most {
            return Err(self.broken(format!(
                "an element of the header has {count} bytes, more than the limit of {most}"
            )));
        }
        let mut bytes = vec![0; count as usize];
        self.bytes(&mut bytes)?;
        let mut padding = vec![0; (count.next_multiple_of(8) - count) as usize];
        self.bytes(&mut padding)?;
        Ok((kind, bytes))
    }

    /// Flags, dimensions and name.
    pub(super) fn header(&mut self) -> Result<Matrix, FormatError> {
        let bytes = self.bytes;
        let (_, flags) = self.part(64)?;
        if flags.len() < 8 {
            return Err(self.broken("a variable begins with 8 bytes of flags"));
        }
        let flags = u32_of(&flags[..4], self.order);
        let class = match (flags & 0xff) as u8 {
            4 => Class::Text,
            5 => Class::Sparse,
            6..=15 => Class::Numbers,
            other => Class::Other(other),
        };
        let complex = flags & 0x800 != 0;
        if let Class::Other(_) = class {
            // Dimensions and name follow for structures and cells too; objects have something else.
            let name = self.part(256).and_then(|_| self.part(1024)).map(|(_, name)| name).unwrap_or_default();
            let name = String::from_utf8_lossy(&name).into_owned();
            return Ok(Matrix { name, class, dims: Vec::new(), complex, bytes });
        }
        let (_, dims) = self.part(4 * MOST_DIMENSIONS as u64)?;
        let dims: Vec<usize> = dims.chunks_exact(4).map(|bytes| u32_of(bytes, self.order) as usize).collect();
        if dims.len() < 2 || dims.iter().any(|&dim| dim > i32::MAX as usize) {
            return Err(self.broken(format!("invalid matrix dimensions {dims:?}")));
        }
        let (_, name) = self.part(1024)?;
        let name =
            String::from_utf8(name).map_err(|_| self.broken("the name of a variable is not valid UTF-8"))?;
        Ok(Matrix { name, class, dims, complex, bytes })
    }

    /// The type of the numbers that come next; as many as the dimensions say.
    pub(super) fn numbers(&mut self, matrix: &Matrix) -> Result<(Dtype, usize), FormatError> {
        let count = matrix.dims.iter().try_fold(1_usize, |count, &dim| count.checked_mul(dim));
        let (kind, bytes, small) = self.tag()?;
        let dtype = dtype(kind, self.order).ok_or_else(|| {
            self.broken(format!("unsupported data type {kind} in `{}`: expected numbers", matrix.name))
        })?;
        let width = dtype.kind.bytes().expect("numbers have a size");
        match count.filter(|count| count.checked_mul(width).is_some_and(|all| all as u64 == bytes)) {
            None => Err(self.broken(format!(
                "the dimensions {:?} of `{}` do not match its {bytes} bytes",
                matrix.dims, matrix.name
            ))),
            Some(count) => {
                if let Some(bytes) = small {
                    // A few numbers in the tag itself.
                    let inner = std::mem::replace(&mut self.inner, Box::new(std::io::empty()));
                    self.inner = Box::new(std::io::Cursor::new(bytes).take(bytes.len() as u64).chain(inner));
                }
                Ok((dtype, count))
            }
        }
    }

    /// Rows of characters.
    pub(super) fn text(&mut self, matrix: &Matrix) -> Result<NpyArray, FormatError> {
        let &[rows, columns] = &matrix.dims[..] else {
            return Err(self.broken("text has two dimensions"));
        };
        let (kind, bytes, small) = self.tag()?;
        let count = rows.checked_mul(columns);
        let width = match kind {
            1 | 2 | 16 => 1,
            4 | 17 => 2,
            _ => return Err(self.broken(format!("unsupported character type {kind}"))),
        };
        let Some(count) = count.filter(|count| (*count as u64) * width == bytes) else {
            return Err(self.broken("the dimensions of text do not match the number of characters"));
        };
        FormatError::within(&self.path, "characters", count as u64, self.limits.header)?;
        self.rows_without_bytes("rows of text", rows)?;
        let mut data = vec![0; bytes as usize];
        match small {
            Some(small) => data.copy_from_slice(&small[..bytes as usize]),
            None => self.bytes(&mut data)?,
        }
        let unit = |i: usize| match (width, self.order) {
            (1, _) => u16::from(data[i]),
            (_, ByteOrder::Little) => u16::from_le_bytes([data[2 * i], data[2 * i + 1]]),
            (_, ByteOrder::Big) => u16::from_be_bytes([data[2 * i], data[2 * i + 1]]),
        };
        let mut strings = Strings::new();
        for row in 0..rows {
            let units: Vec<u16> = (0..columns).map(|column| unit(column * rows + row)).collect();
            if !strings.push(String::from_utf16_lossy(&units).trim_end()) {
                return Err(self.broken("names take more than 4 GiB"));
            }
        }
        NpyArray::new(vec![rows], NpyData::Text(strings)).map_err(FormatError::npy(&self.path))
    }

    /// Rows without a character or an entry cost no byte of the file: a few bytes must not claim billions of them.
    fn rows_without_bytes(&self, what: &'static str, rows: usize) -> Result<(), FormatError> {
        FormatError::within(&self.path, what, rows as u64, 8 * self.left.max(1 << 17))
    }

    /// Row numbers, starts of columns and values.
    pub(super) fn sparse(&mut self, matrix: &Matrix) -> Result<Columns, FormatError> {
        let &[rows, columns] = &matrix.dims[..] else {
            return Err(self.broken("a sparse matrix has two dimensions"));
        };
        self.rows_without_bytes("rows of a sparse matrix", rows)?;
        let most = self.left;
        let (_, of_rows) = self.part(most)?;
        let most = self.left;
        let (_, starts) = self.part(most)?;
        let integers = |bytes: &[u8]| -> Vec<usize> {
            bytes.chunks_exact(4).map(|bytes| u32_of(bytes, self.order) as usize).collect()
        };
        let (of_rows, starts) = (integers(&of_rows), integers(&starts));
        if starts.len() != columns + 1 || starts.first() != Some(&0) || !starts.is_sorted() {
            return Err(self.broken("invalid column starts of a sparse matrix"));
        }
        let count = starts[columns];
        let (kind, bytes, small) = self.tag()?;
        let dtype = dtype(kind, self.order)
            .ok_or_else(|| self.broken("the values of a sparse matrix are not numbers"))?;
        let width = dtype.kind.bytes().expect("numbers have a size");
        if count > of_rows.len() || ((count * width) as u64) > bytes {
            return Err(self.broken("a sparse matrix has fewer values than its column starts require"));
        }
        if let Some(bytes) = small {
            let inner = std::mem::replace(&mut self.inner, Box::new(std::io::empty()));
            self.inner = Box::new(std::io::Cursor::new(bytes).chain(inner));
        }
        let data = crate::npy::read_numbers_of(&mut self.inner, dtype, count)
            .map_err(FormatError::npy(&self.path))?;
        let mut entries = Vec::with_capacity(count);
        let values = data.numbers().map_err(FormatError::npy(&self.path))?;
        let mut column = 0;
        for (i, value) in values.enumerate() {
            while starts[column + 1] <= i {
                column += 1;
            }
            if of_rows[i] >= rows {
                return Err(
                    self.broken(format!("invalid row {} of a sparse matrix with {rows} rows", of_rows[i]))
                );
            }
            entries.push((of_rows[i] as u32, column as u32, value as f32));
        }
        if entries.iter().any(|entry| !entry.2.is_finite()) {
            return Err(
                self.broken("a value of a sparse matrix is not finite, or beyond the range of 32-bit floats")
            );
        }
        Ok(Columns { rows, entries, columns })
    }
}
