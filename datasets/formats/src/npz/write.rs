//! Writing archives that NumPy reads.

use crate::{Destination, FormatError, NpyArray, shown, write_atomic};
use flate2::write::DeflateEncoder;
use flate2::{Crc, CrcWriter};
use std::io::{self, Write};

/// How the arrays of an archive are packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Compression {
    /// As they are: `numpy.savez`.
    Stored,
    /// Deflated: `numpy.savez_compressed`.
    Deflate,
}

struct Written {
    name: String,
    crc: u32,
    compressed: u64,
    size: u64,
    offset: u64,
}

/// Writes arrays into an archive, whole or not at all. 64-bit sizes are used only where they are needed.
///
/// # Errors
/// [`FormatError::Unwritable`] for two arrays of one name and for names that no archive can have, [`FormatError::Exists`] where there is a file already, [`FormatError::Io`].
pub fn write_npz<'a>(
    destination: impl Into<Destination<'a>>,
    arrays: &[(&str, &NpyArray)],
    compression: Compression,
) -> Result<(), FormatError> {
    let destination = destination.into();
    let path = destination.path();
    for (i, (name, _)) in arrays.iter().enumerate() {
        let twice = arrays[..i].iter().any(|(other, _)| other == name);
        if twice || name.is_empty() || name.len() > 4_000 || name.contains(['/', '\\', '\0']) {
            let problem = match twice {
                true => format!("duplicate array `{}`", shown(name)),
                false => format!("invalid array name `{}` in an archive", shown(name)),
            };
            return Err(FormatError::Unwritable { path: path.into(), problem });
        }
    }
    write_atomic(destination, |file| write(file, arrays, compression)).map_err(FormatError::writing(path))
}

pub(super) fn write(
    file: &mut dyn Write,
    arrays: &[(&str, &NpyArray)],
    compression: Compression,
) -> io::Result<()> {
    let mut file = Counting { file, count: 0 };
    let mut directory = Vec::new();
    for (name, array) in arrays {
        let offset = file.count;
        let name = format!("{name}.npy");
        // The header has checksum and size, so the array goes through once before it is written.
        let mut sum = CrcWriter::new(io::sink());
        let packed = match compression {
            Compression::Stored => {
                array.write_to(&mut sum)?;
                None
            }
            Compression::Deflate => {
                let mut encoder = DeflateEncoder::new(Vec::new(), flate2::Compression::default());
                let mut both = Both { crc: Crc::new(), size: 0, encoder: &mut encoder };
                array.write_to(&mut both)?;
                let (crc, size) = (both.crc.sum(), both.size);
                Some((encoder.finish()?, crc, size))
            }
        };
        let (crc, size) = match &packed {
            Some((_, crc, size)) => (*crc, *size),
            None => (sum.crc().sum(), counted(array)?),
        };
        let compressed = packed.as_ref().map_or(size, |(packed, ..)| packed.len() as u64);
        let entry = Written { name, crc, compressed, size, offset };
        entry.local(&mut file, compression)?;
        match packed {
            Some((packed, ..)) => file.write_all(&packed)?,
            None => array.write_to(&mut file)?,
        }
        directory.push(entry);
    }
    let start = file.count;
    for entry in &directory {
        entry.central(&mut file, compression)?;
    }
    let size = file.count - start;
    end(&mut file, directory.len() as u64, start, size)
}

/// Bytes of the `.npy` file.
fn counted(array: &NpyArray) -> io::Result<u64> {
    let mut counting = Counting { file: &mut io::sink(), count: 0 };
    array.write_to(&mut counting)?;
    Ok(counting.count)
}

const NARROW: u64 = u32::MAX as u64;

/// A number in 32 bits, or all ones where it needs more.
fn narrow(number: u64) -> [u8; 4] {
    (number.min(NARROW) as u32).to_le_bytes()
}

impl Written {
    fn method(compression: Compression) -> [u8; 2] {
        match compression {
            Compression::Stored => 0_u16.to_le_bytes(),
            Compression::Deflate => 8_u16.to_le_bytes(),
        }
    }

    /// What both headers share: flags, method, time, checksum, sizes, length of the name. A local header that has one
    /// wide size has both.
    fn shared(&self, compression: Compression, wide: bool) -> Vec<u8> {
        let mut bytes = Vec::new();
        bytes.extend(if wide { 45_u16 } else { 20 }.to_le_bytes());
        bytes.extend((1_u16 << 11).to_le_bytes());
        bytes.extend(Self::method(compression));
        // 1980-01-01 00:00: the same arrays give the same file.
        bytes.extend([0, 0, 0x21, 0]);
        bytes.extend(self.crc.to_le_bytes());
        for number in [self.compressed, self.size] {
            bytes.extend(if wide { narrow(NARROW) } else { narrow(number) });
        }
        bytes.extend((self.name.len() as u16).to_le_bytes());
        bytes
    }

    fn local(&self, file: &mut dyn Write, compression: Compression) -> io::Result<()> {
        let wide = self.size >= NARROW || self.compressed >= NARROW;
        let mut bytes = 0x0403_4b50_u32.to_le_bytes().to_vec();
        bytes.extend(self.shared(compression, wide));
        bytes.extend(if wide { 20_u16 } else { 0 }.to_le_bytes());
        bytes.extend(self.name.as_bytes());
        if wide {
            bytes.extend([1, 0, 16, 0]);
            bytes.extend(self.size.to_le_bytes());
            bytes.extend(self.compressed.to_le_bytes());
        }
        file.write_all(&bytes)
    }

    fn central(&self, file: &mut dyn Write, compression: Compression) -> io::Result<()> {
        let wide = self.size >= NARROW || self.compressed >= NARROW;
        let mut extra = Vec::new();
        if wide {
            extra.extend(self.size.to_le_bytes());
            extra.extend(self.compressed.to_le_bytes());
        }
        if self.offset >= NARROW {
            extra.extend(self.offset.to_le_bytes());
        }
        let mut bytes = 0x0201_4b50_u32.to_le_bytes().to_vec();
        bytes.extend(if extra.is_empty() { 20_u16 } else { 45 }.to_le_bytes());
        bytes.extend(self.shared(compression, wide));
        let length = if extra.is_empty() { 0 } else { extra.len() as u16 + 4 };
        bytes.extend(length.to_le_bytes());
        bytes.extend([0; 10]); // no comment, first disk, no attributes
        bytes.extend(narrow(self.offset));
        bytes.extend(self.name.as_bytes());
        if !extra.is_empty() {
            bytes.extend([1, 0]);
            bytes.extend((extra.len() as u16).to_le_bytes());
            bytes.extend(extra);
        }
        file.write_all(&bytes)
    }
}

fn end(file: &mut Counting<'_>, entries: u64, start: u64, size: u64) -> io::Result<()> {
    let mut bytes = Vec::new();
    if entries >= u16::MAX.into() || start >= NARROW || size >= NARROW {
        let at = file.count;
        bytes.extend(0x0606_4b50_u32.to_le_bytes());
        bytes.extend(44_u64.to_le_bytes());
        bytes.extend([45, 0, 45, 0]);
        bytes.extend([0; 8]);
        for number in [entries, entries, size, start] {
            bytes.extend(number.to_le_bytes());
        }
        bytes.extend(0x0706_4b50_u32.to_le_bytes());
        bytes.extend([0; 4]);
        bytes.extend(at.to_le_bytes());
        bytes.extend(1_u32.to_le_bytes());
    }
    bytes.extend(0x0605_4b50_u32.to_le_bytes());
    bytes.extend([0; 4]);
    let few = (entries.min(u16::MAX.into()) as u16).to_le_bytes();
    bytes.extend([few, few].concat());
    bytes.extend(narrow(size));
    bytes.extend(narrow(start));
    bytes.extend([0; 2]);
    file.write_all(&bytes)
}

/// Counts what passes.
struct Counting<'a> {
    file: &'a mut dyn Write,
    count: u64,
}

impl Write for Counting<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.file.write(bytes)?;
        self.count += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

/// Sums up, counts and deflates.
struct Both<'a> {
    crc: Crc,
    size: u64,
    encoder: &'a mut DeflateEncoder<Vec<u8>>,
}

impl Write for Both<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.encoder.write(bytes)?;
        self.crc.update(&bytes[..written]);
        self.size += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.encoder.flush()
    }
}
