//! MATLAB's `.mat` files of version 5 (`save -v6`, `-v7`, `scipy.io.savemat`): variables one after the other, each
//! compressed or not.
//!
//! Read are real matrices of numbers, logical values and characters, and sparse ones. Structures, cells and complex numbers
//! are passed by and named. Files of version 7.3 are HDF5: the error has the conversion.
//!
//! Source: MathWorks, "MAT-File Format", chapter 1.

mod element;

use crate::arrays::{self, ArrayFile};
use crate::error::within;
use crate::input::open_ordinary;
use crate::npy::{self, FeatureShape};
use crate::{
    ByteOrder, Content, Dtype, FormatError, Kind, Limits, NpyArray, ReadOptions, SparseFeatures, shown,
};
use element::{Class, Matrix, Reader};
use flate2::read::ZlibDecoder;
use std::fs::File;
use std::io::{BufReader, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

/// Reads a data set; see [`arrays::content`] for the names of its variables. Labels in the layout classes x rows, as is
/// the custom in MATLAB, are turned around, and a note says so.
pub(crate) fn read(path: &Path, options: &ReadOptions) -> Result<Content, FormatError> {
    let mut file = MatFile::open(path, &options.limits)?;
    let mut content = arrays::content(&mut file, path, options)?;
    content.train.notes.append(&mut file.notes);
    Ok(content)
}

/// A variable and where it is.
#[derive(Clone)]
struct Entry {
    matrix: Matrix,
    /// The first byte after the tag of its element.
    at: u64,
    /// Bytes of the element in the file.
    bytes: u64,
    compressed: bool,
}

struct MatFile {
    file: BufReader<File>,
    path: PathBuf,
    order: ByteOrder,
    limits: Limits,
    entries: Vec<Entry>,
    notes: Vec<String>,
    /// Rows of the features, to tell labels that are turned around.
    rows: Option<usize>,
}

impl MatFile {
    /// Reads the header of the file and those of all variables.
    fn open(path: &Path, limits: &Limits) -> Result<Self, FormatError> {
        let io = || FormatError::io(path);
        let file = open_ordinary(path).map_err(io())?;
        let length = file.metadata().map_err(io())?.len();
        let mut file = BufReader::new(file);
        let mut header = [0; 128];
        let refuse = |offset: u64, problem: &str| Err(FormatError::bytes(path, offset, problem));
        if length < 128 {
            return refuse(length, &format!("truncated file: expected 128 bytes of header, found {length}"));
        }
        file.read_exact(&mut header).map_err(io())?;
        if header.starts_with(b"MATLAB 7.3") || header.starts_with(b"\x89HDF") {
            return refuse(
                0,
                "this is a .mat file of version 7.3, which is HDF5: save it with -v7, or convert it in Python with \
                 `scipy.io.savemat(\"x.mat\", {k: v[()].T for k, v in h5py.File(\"old.mat\").items()})`",
            );
        }
        let order = match &header[126..] {
            b"IM" => ByteOrder::Little,
            b"MI" => ByteOrder::Big,
            _ => {
                return match is_version_4(&header) {
                    true => refuse(
                        0,
                        "this looks like a .mat file of version 4: convert it in Python with \
                         `scipy.io.savemat(\"x.mat\", scipy.io.loadmat(\"old.mat\"))`, or save it with -v7",
                    ),
                    false => refuse(
                        126,
                        "not a .mat file of version 5: bytes 126 and 127 are neither `IM` nor `MI`",
                    ),
                };
            }
        };
        let mut found = Self {
            file,
            path: path.into(),
            order,
            limits: *limits,
            entries: Vec::new(),
            notes: Vec::new(),
            rows: None,
        };
        let mut skipped = Vec::new();
        let mut at = 128;
        while at < length {
            at = found.entry(at, length, &mut skipped)?;
        }
        if !skipped.is_empty() {
            let list: Vec<String> = skipped.iter().take(8).map(|name| shown(name)).collect();
            let more = if skipped.len() > 8 { ", ..." } else { "" };
            found.notes.push(format!(
                "{}: unsupported variables (no real matrix) are ignored: {}{more}",
                path.display(),
                list.join(", ")
            ));
        }
        Ok(found)
    }

    /// Reads the header of the variable at a byte; returns the byte after it.
    fn entry(&mut self, at: u64, length: u64, skipped: &mut Vec<String>) -> Result<u64, FormatError> {
        let path = self.path.clone();
        let io = || FormatError::io(&path);
        let cut = || FormatError::bytes(&path, at, "truncated file: it ends inside a variable");
        if length - at < 8 {
            return Err(cut());
        }
        self.file.seek(SeekFrom::Start(at)).map_err(io())?;
        let mut tag = [0; 8];
        self.file.read_exact(&mut tag).map_err(io())?;
        let (kind, bytes) =
            (element::u32_of(&tag[..4], self.order), u64::from(element::u32_of(&tag[4..], self.order)));
        if bytes > length - at - 8 {
            return Err(cut());
        }
        let compressed = match kind {
            element::COMPRESSED => true,
            element::MATRIX => false,
            _ => {
                return Err(FormatError::bytes(
                    &path,
                    at,
                    format!("unsupported element type {kind}: expected a variable"),
                ));
            }
        };
        FormatError::within(&path, "variables", self.entries.len() as u64 + 1, self.limits.entries)?;
        let mut entry = Entry { matrix: Matrix::default(), at: at + 8, bytes, compressed };
        entry.matrix = self.reader(&entry)?.header()?;
        // Compressed data may claim any size: its own bound, as for archives.
        let size = entry.matrix.bytes;
        if compressed && size > self.limits.any_ratio && size / self.limits.ratio.max(1) > bytes {
            return Err(FormatError::Limit {
                path: within(&path, &entry.matrix.name),
                what: "inflated bytes for each compressed byte",
                found: size / bytes.max(1),
                limit: self.limits.ratio,
            });
        }
        let end = at + 8 + bytes;
        // Elements end at multiples of 8 bytes, compressed ones where they end.
        let end = if compressed { end } else { end.next_multiple_of(8).min(length) };
        if self.entries.iter().any(|other| other.matrix.name == entry.matrix.name) {
            let problem = format!("duplicate variable `{}`", shown(&entry.matrix.name));
            return Err(FormatError::bytes(&path, at, problem));
        }
        match entry.matrix.class {
            Class::Other(_) => skipped.push(entry.matrix.name),
            _ if entry.matrix.complex => skipped.push(entry.matrix.name),
            _ => self.entries.push(entry),
        }
        Ok(end)
    }

    /// The bytes of a variable, inflated.
    fn reader(&mut self, entry: &Entry) -> Result<Reader<'_>, FormatError> {
        let (path, order, limits) = (self.path.clone(), self.order, self.limits);
        self.file.seek(SeekFrom::Start(entry.at)).map_err(FormatError::io(&path))?;
        let bytes = (&mut self.file).take(entry.bytes);
        if !entry.compressed {
            return Ok(Reader::new(Box::new(bytes), entry.bytes, entry.at, path, order, limits));
        }
        let mut inflated = ZlibDecoder::new(bytes);
        let mut tag = [0; 8];
        let broken = |_| FormatError::bytes(&path, entry.at, "the compressed variable cannot be inflated");
        inflated.read_exact(&mut tag).map_err(broken)?;
        let (kind, size) = (element::u32_of(&tag[..4], order), u64::from(element::u32_of(&tag[4..], order)));
        if kind != element::MATRIX {
            return Err(FormatError::bytes(&path, entry.at, "the compressed element is not a variable"));
        }
        Ok(Reader::new(Box::new(inflated), size, entry.at, path, order, limits))
    }

    fn find(&self, name: &str) -> usize {
        self.entries.iter().position(|entry| entry.matrix.name == name).expect("a variable of this file")
    }

    /// Opens a variable whose data comes next.
    fn opened(&mut self, name: &str) -> Result<(Reader<'_>, Matrix), FormatError> {
        let entry = self.entries[self.find(name)].clone();
        let mut reader = self.reader(&entry)?;
        reader.header()?;
        Ok((reader, entry.matrix))
    }
}

impl ArrayFile for MatFile {
    fn names(&self) -> Vec<String> {
        let mut names: Vec<String> = self.entries.iter().map(|entry| entry.matrix.name.clone()).collect();
        names.sort_unstable();
        names
    }

    fn read(&mut self, name: &str) -> Result<NpyArray, FormatError> {
        let rows = self.rows;
        let (mut reader, matrix) = self.opened(name)?;
        let place = within(&reader.path, name);
        if matrix.class == Class::Text {
            return reader.text(&matrix);
        }
        let (dtype, count) = reader.numbers(&matrix)?;
        let data = npy::read_numbers_of(&mut reader.inner, dtype, count).map_err(FormatError::npy(&place))?;
        drop(reader);
        let array = NpyArray::from_fortran(matrix.dims.clone(), data).map_err(FormatError::npy(&place))?;
        // Classes x rows: where only the second size is that of the features.
        if let (Some(rows), &[classes, columns]) = (rows, &matrix.dims[..])
            && columns == rows
            && classes != rows
        {
            let turned = array.transposed().map_err(FormatError::npy(&place))?;
            self.notes.push(format!(
                "{}: classes x rows ({classes} x {columns}) is transposed to rows x classes",
                place.display()
            ));
            return Ok(turned);
        }
        Ok(array)
    }

    fn features(&mut self, name: &str) -> Result<(FeatureShape, Vec<f32>), FormatError> {
        let (mut reader, matrix) = self.opened(name)?;
        let place = within(&reader.path, name);
        let shape = FeatureShape::of(&matrix.dims).map_err(FormatError::npy(&place))?;
        let (dtype, _) = reader.numbers(&matrix)?;
        let mut values = Vec::new();
        npy::append_f32(&mut reader.inner, dtype, true, &matrix.dims, &mut values)
            .map_err(FormatError::npy(&place))?;
        drop(reader);
        self.rows = Some(shape.rows);
        Ok((shape, values))
    }

    fn sparse(&mut self, name: &str) -> Result<Option<SparseFeatures>, FormatError> {
        let place = self.find(name);
        if self.entries[place].matrix.class != Class::Sparse {
            return Ok(None);
        }
        let rows = self.rows;
        let (mut reader, matrix) = self.opened(name)?;
        let sparse = reader.sparse(&matrix)?;
        drop(reader);
        match rows {
            None => self.rows = Some(matrix.dims[0]),
            Some(rows) if matrix.dims[1] == rows && matrix.dims[0] != rows => {
                self.notes.push(format!(
                    "{}: classes x rows ({} x {rows}) is transposed to rows x classes",
                    within(&self.path, name).display(),
                    matrix.dims[0]
                ));
                return Ok(Some(sparse.by_column()));
            }
            Some(_) => {}
        }
        Ok(Some(sparse.by_row()))
    }
}

/// The type of numbers of a MATLAB data type.
fn dtype(kind: u32, order: ByteOrder) -> Option<Dtype> {
    let kind = match kind {
        1 => Kind::I8,
        2 => Kind::U8,
        3 => Kind::I16,
        4 => Kind::U16,
        5 => Kind::I32,
        6 => Kind::U32,
        7 => Kind::F32,
        9 => Kind::F64,
        12 => Kind::I64,
        13 => Kind::U64,
        _ => return None,
    };
    Some(Dtype { kind, order })
}

/// Whether a file starts as those of version 4 do: the type of the first matrix, below 5000 and with the digits M0PT, its
/// rows and columns, 0 or 1 for real or complex, and the length of its name, each in 4 bytes.
fn is_version_4(header: &[u8; 128]) -> bool {
    let number = |at: usize| u32::from_le_bytes([header[at], header[at + 1], header[at + 2], header[at + 3]]);
    let in_order = |at| if number(0) < 5000 { number(at) } else { number(at).swap_bytes() };
    let kind = in_order(0);
    kind < 5000
        && kind / 100 % 10 == 0
        && kind / 10 % 10 < 6
        && kind % 10 < 3
        && in_order(12) < 2
        && (2..=64).contains(&in_order(16))
}

#[cfg(test)]
mod tests;
