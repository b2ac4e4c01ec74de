//! `.safetensors`: a header in JSON and tensors one after the other.

mod header;
mod write;

pub use write::{safetensors_writer, write_safetensors};

use crate::arrays::{self, ArrayFile};
use crate::error::within;
use crate::input::open_ordinary;
use crate::memory::reserved;
use crate::npy::{FeatureShape, append_f32, read_numbers_of, shape_text};
use crate::text::json::json;
use crate::{
    ByteOrder, Content, Dtype, FormatError, Kind, Limits, NpyArray, NpyData, NpyError, ReadOptions, shown,
};
use header::{Entries, Header, Tensor, TensorKind};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufReader, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

/// An open file of tensors.
///
/// The header is read with bounds on its length, on the number of tensors and on every string, and checked as the
/// format asks: tensors follow each other from the first byte to the last, without holes and without overlap.
///
/// ```
/// use lacuna_formats::{NpyArray, NpyData, SafetensorsFile, write_safetensors};
///
/// let folder = tempfile::tempdir()?;
/// let path = folder.path().join("head.safetensors");
/// let weight = NpyArray::new(vec![2, 2], NpyData::F32(vec![0.0, 0.5, 1.0, 1.5]))?;
/// write_safetensors(&path, &[("weight", &weight)], &[("format", "pt")])?;
///
/// let mut file = SafetensorsFile::open(&path)?;
/// assert_eq!(file.metadata().get("format").map(String::as_str), Some("pt"));
/// assert_eq!(file.read("weight")?, weight);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// Source: huggingface/safetensors, README.
#[derive(Debug)]
pub struct SafetensorsFile<R = BufReader<File>> {
    reader: R,
    path: PathBuf,
    header: Header,
    /// Where the tensors start.
    start: u64,
}

impl SafetensorsFile {
    /// Opens a file and checks its header; no tensor is read yet.
    ///
    /// # Errors
    /// [`FormatError::Bytes`], [`FormatError::Text`] (inside the header) or [`FormatError::Limit`].
    pub fn open(path: impl AsRef<Path>) -> Result<Self, FormatError> {
        Self::open_within(path, &Limits::default())
    }

    /// As [`SafetensorsFile::open`], with limits of one's own.
    ///
    /// # Errors
    /// As for [`SafetensorsFile::open`].
    pub fn open_within(path: impl AsRef<Path>, limits: &Limits) -> Result<Self, FormatError> {
        let path = path.as_ref();
        let file = open_ordinary(path).map_err(FormatError::io(path))?;
        Self::of(BufReader::new(file), path, limits)
    }
}

impl<R: Read + Seek> SafetensorsFile<R> {
    /// Reads the header from anything that can seek; `path` is for messages.
    ///
    /// # Errors
    /// As for [`SafetensorsFile::open`].
    pub fn of(mut reader: R, path: &Path, limits: &Limits) -> Result<Self, FormatError> {
        let length = reader.seek(SeekFrom::End(0)).map_err(FormatError::io(path))?;
        reader.rewind().map_err(FormatError::io(path))?;
        if length < 8 {
            return Err(FormatError::bytes(
                path,
                length,
                "truncated file: expected 8 bytes of header length",
            ));
        }
        let mut bytes = [0; 8];
        reader.read_exact(&mut bytes).map_err(FormatError::io(path))?;
        let header_length = u64::from_le_bytes(bytes);
        FormatError::within(path, "bytes of header", header_length, limits.header)?;
        if header_length > length - 8 {
            let problem =
                format!("truncated file: expected {header_length} bytes of header, found {}", length - 8);
            return Err(FormatError::bytes(path, 0, problem));
        }
        let mut header = Header::default();
        let text = BufReader::new((&mut reader).take(header_length));
        json(text, path, limits, Entries { header: &mut header, limit: limits.entries })?;
        let start = 8 + header_length;
        header.check(path, start, length - start)?;
        Ok(Self { reader, path: path.into(), header, start })
    }

    /// Names of the tensors, in the order of their data.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.header.order.iter().map(|&i| &self.header.names[i as usize])
    }

    /// The free text of the header.
    pub fn metadata(&self) -> &BTreeMap<String, String> {
        &self.header.metadata
    }

    /// Reads one tensor. `BF16` becomes `f32`, which holds all of its values.
    ///
    /// # Errors
    /// [`FormatError::Array`] where there is none of this name, [`FormatError::Bytes`] for a type that cannot be read.
    pub fn read(&mut self, name: &str) -> Result<NpyArray, FormatError> {
        let (kind, shape, count) = self.find(name)?;
        let (reader, path) = (&mut self.reader, &self.path);
        let little = |kind| Dtype { kind, order: ByteOrder::Little };
        let data = match kind {
            TensorKind::Bf16 => read_bf16(reader, count).map(NpyData::F32),
            TensorKind::Of(kind) => read_numbers_of(reader, little(kind), count),
        };
        NpyArray::new(shape, data.map_err(FormatError::npy(path))?).map_err(FormatError::npy(path))
    }

    /// Rows, columns and row-major values of one matrix of numbers, as `f32`.
    ///
    /// # Errors
    /// As for [`SafetensorsFile::read`]; [`NpyError::Rank`] unless it has two dimensions.
    pub fn read_f32_matrix(&mut self, name: &str) -> Result<(usize, usize, Vec<f32>), FormatError> {
        let (shape, values) = self.read_f32(name)?;
        match shape[..] {
            [rows, columns] => Ok((rows, columns, values)),
            _ => {
                let (found, shape) = (shape.len(), shape_text(&shape));
                let problem = NpyError::Rank { shape, found, wanted: 2 };
                Err(FormatError::npy(&within(&self.path, name))(problem))
            }
        }
    }

    /// As [`SafetensorsFile::read_f32_matrix`], of any shape that features have.
    fn read_features(&mut self, name: &str) -> Result<(FeatureShape, Vec<f32>), FormatError> {
        let (_, shape, _) = self.find(name)?;
        let features = FeatureShape::of(&shape).map_err(FormatError::npy(&within(&self.path, name)))?;
        Ok((features, self.read_f32(name)?.1))
    }

    /// Shape and row-major values of a tensor of numbers.
    fn read_f32(&mut self, name: &str) -> Result<(Vec<usize>, Vec<f32>), FormatError> {
        let (kind, shape, count) = self.find(name)?;
        let path = within(&self.path, name);
        let values = match kind {
            TensorKind::Of(kind) => {
                let dtype = Dtype { kind, order: ByteOrder::Little };
                let mut values = Vec::new();
                append_f32(&mut self.reader, dtype, false, &shape, &mut values).map(|()| values)
            }
            TensorKind::Bf16 => read_bf16(&mut self.reader, count),
        };
        Ok((shape, values.map_err(FormatError::npy(&path))?))
    }

    /// Type, shape and number of elements of a tensor; the reader is at its data.
    fn find(&mut self, name: &str) -> Result<(TensorKind, Vec<usize>, usize), FormatError> {
        let Some(number) = self.header.names.iter().position(|known| known == name) else {
            let found = self.names().map(String::from).collect();
            let problem = format!("no tensor is named `{}`", shown(name));
            return Err(FormatError::Array { path: self.path.clone(), problem, found });
        };
        let Tensor { kind, shape, rank, from, to } = self.header.tensors[number];
        let path = &self.path;
        self.reader.seek(SeekFrom::Start(self.start + from)).map_err(FormatError::io(path))?;
        // The product was compared with the file, but a 0 beside it hides a dimension that is too large.
        let dimensions = &self.header.dimensions[shape as usize..][..rank.into()];
        let shape: Option<Vec<usize>> = dimensions.iter().map(|&d| usize::try_from(d).ok()).collect();
        let shape = shape.ok_or_else(|| FormatError::bytes(path, 8, "a dimension is too large"))?;
        Ok((kind, shape, ((to - from) / u64::from(kind.bytes())) as usize))
    }
}

/// Reads numbers that are the upper half of an `f32`.
fn read_bf16(reader: &mut impl Read, count: usize) -> Result<Vec<f32>, NpyError> {
    let dtype = Dtype { kind: Kind::U16, order: ByteOrder::Little };
    let NpyData::U16(bits) = read_numbers_of(reader, dtype, count)? else {
        unreachable!("they were asked for")
    };
    let mut values = reserved(count).map_err(|bytes| NpyError::Memory { bytes })?;
    values.extend(bits.into_iter().map(|bits| f32::from_bits(u32::from(bits) << 16)));
    Ok(values)
}

impl<R: Read + Seek> ArrayFile for SafetensorsFile<R> {
    fn names(&self) -> Vec<String> {
        SafetensorsFile::names(self).map(String::from).collect()
    }

    fn read(&mut self, name: &str) -> Result<NpyArray, FormatError> {
        SafetensorsFile::read(self, name)
    }

    fn features(&mut self, name: &str) -> Result<(FeatureShape, Vec<f32>), FormatError> {
        self.read_features(name)
    }
}

/// Reads a data set from a file of tensors; see [`arrays::content`] for their names.
pub(crate) fn read(path: &Path, options: &ReadOptions) -> Result<Content, FormatError> {
    let mut file = SafetensorsFile::open_within(path, &options.limits)?;
    arrays::content(&mut file, path, options)
}

#[cfg(test)]
mod tests {
    use super::*;
    use half::f16;
    use std::io::Cursor;

    fn file(header: &str, data: &[u8]) -> Vec<u8> {
        [&(header.len() as u64).to_le_bytes()[..], header.as_bytes(), data].concat()
    }

    fn read_all(bytes: &[u8], limits: Limits) -> Result<Vec<NpyArray>, String> {
        let open = SafetensorsFile::of(Cursor::new(bytes), Path::new("x.safetensors"), &limits);
        let mut file = open.map_err(|error| error.to_string())?;
        let names: Vec<String> = file.names().map(String::from).collect();
        names.iter().map(|name| file.read(name).map_err(|error| error.to_string())).collect()
    }

    const HEADER: &str = r#"{"__metadata__":{"format":"pt"},"b":{"dtype":"F32","shape":[2],"data_offsets":[2,10]},
        "a":{"dtype":"F16","shape":[1,1],"data_offsets":[0,2]},"c":{"dtype":"I8","shape":[0,3],"data_offsets":[10,10]},
        "d":{"dtype":"BF16","shape":[],"data_offsets":[10,12]}}"#;

    fn data() -> Vec<u8> {
        [&[0, 0x3c][..], &1.5_f32.to_le_bytes(), &(-2.0_f32).to_le_bytes(), &[0xc0, 0x3f]].concat()
    }

    #[test]
    fn tensors_of_several_types() {
        let found = read_all(&file(HEADER, &data()), Limits::default()).unwrap();
        let data: Vec<&NpyData> = found.iter().map(NpyArray::data).collect();
        assert_eq!(data[0], &NpyData::F16(vec![f16::ONE]));
        assert_eq!(data[1], &NpyData::F32(vec![1.5, -2.0]));
        assert_eq!(data[2], &NpyData::I8(vec![]));
        assert_eq!(data[3], &NpyData::F32(vec![1.5]));
        assert_eq!(found[2].shape(), [0, 3]);
    }

    #[test]
    fn every_strict_prefix_is_an_error() {
        let bytes = file(HEADER, &data());
        for length in 0..bytes.len() {
            assert!(read_all(&bytes[..length], Limits::default()).is_err(), "{length}");
        }
        assert!(read_all(&[&bytes[..], &[0]].concat(), Limits::default()).is_err());
    }

    #[test]
    fn holes_overlaps_and_wrong_sizes_are_named() {
        let change = |from: &str, to: &str| {
            assert!(HEADER.contains(from), "{from}");
            read_all(&file(&HEADER.replacen(from, to, 1), &data()), Limits::default()).unwrap_err()
        };
        assert!(change("[2,10]", "[4,12]").contains("`b` starts at byte 4 of the data"));
        assert!(change("[2,10]", "[0,8]").contains("starts at byte"));
        assert!(change("[2],\"data", "[3],\"data").contains("`b` of shape [3] does not have the bytes"));
        assert!(change("[2],\"data", "[9223372036854775808,4],\"data").contains("does not have the bytes"));
        assert!(change("[2,10]", "[10,2]").contains("does not have the bytes"));
        assert!(change("\"F16\"", "\"F8_E4M3\"").contains("unsupported type `F8_E4M3`"));
        assert!(change("\"c\"", "\"a\"").contains("duplicate tensor `a`"));
        assert!(change("\"shape\":[2]", "\"extra\":[2]").contains("unknown field"));
        assert!(change("\"pt\"", "1").contains("invalid type"));
        assert!(change(r#"{"format":"pt"}"#, r#"{"a":"1","a":"2"}"#).contains("two entries `a`"));
        let many: Vec<String> = (0..4097).map(|i| format!("\"{i}\":\"\"")).collect();
        let many = format!("{{{}}}", many.join(","));
        assert!(change(r#"{"format":"pt"}"#, &many).contains("more than 4096 entries"));
        let ranks = format!("[{}]", vec!["1"; 40].join(","));
        assert!(change("\"shape\":[2]", &format!("\"shape\":{ranks}")).contains("more than 32 dimensions"));
        let error = read_all(&file("{}", &[0]), Limits::default()).unwrap_err();
        assert!(error.contains("the tensors have 0 bytes and the file has 1"), "{error}");
        let long = [&(1_u64 << 40).to_le_bytes()[..], b"{}"].concat();
        assert!(read_all(&long, Limits::default()).unwrap_err().contains("bytes of header exceed"));
        assert_eq!(read_all(&file("{}", &[]), Limits::default()), Ok(vec![]));
    }

    #[test]
    fn too_many_tensors_are_noticed_while_they_are_read() {
        let entries: Vec<String> = (0..100)
            .map(|i| format!("\"{i}\":{{\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":[0,0]}}"))
            .collect();
        let bytes = file(&format!("{{{}}}", entries.join(",")), &[]);
        assert_eq!(read_all(&bytes, Limits::default()).unwrap().len(), 100);
        let error = read_all(&bytes, Limits { entries: 99, ..Limits::default() }).unwrap_err();
        assert!(error.contains("there are more than 99 tensors"), "{error}");
    }

    #[test]
    fn what_is_written_can_be_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.safetensors");
        let array = |shape: &[usize], data| NpyArray::new(shape.to_vec(), data).unwrap();
        let tensors = [
            ("bias", array(&[3], NpyData::F32(vec![0.5, 1.0, -1.0]))),
            ("z", array(&[1], NpyData::I64(vec![-7]))),
            ("half \"x\"", array(&[2, 1], NpyData::F16(vec![f16::ONE, f16::NEG_ONE]))),
            ("a", array(&[2], NpyData::Bool(vec![true, false]))),
        ];
        let all: Vec<(&str, &NpyArray)> = tensors.iter().map(|(name, array)| (*name, array)).collect();
        write_safetensors(&path, &all, &[("format", "pt"), ("note", "a \"quoted\" one")]).unwrap();
        let mut file = SafetensorsFile::open(&path).unwrap();
        assert_eq!(file.metadata()["note"], "a \"quoted\" one");
        assert_eq!(file.names().collect::<Vec<_>>(), ["z", "bias", "half \"x\"", "a"]);
        assert_eq!(file.start % 8, 0);
        for (name, array) in &tensors {
            assert_eq!(&file.read(name).unwrap(), array);
        }
        assert!(file.read("b").unwrap_err().to_string().contains("it has z, bias"));
        let text = array(&[1], NpyData::Text(vec!["x"].into()));
        assert!(write_safetensors(&path, &[("t", &text)], &[]).is_err());
        assert!(write_safetensors(&path, &[all[0], all[0]], &[]).is_err());
        assert!(write_safetensors(&path, &all, &[("a", "1"), ("a", "2")]).is_err());
    }
}
