//! Records: length, checksum of the length, data, checksum of the data.

use crate::input::open_buffered;
use crate::memory::zeros;
use crate::{FormatError, Limits};
use std::fs::File;
use std::io::{BufReader, Read};
use std::path::{Path, PathBuf};

/// One record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TfRecord {
    /// Its data.
    pub bytes: Vec<u8>,
    /// Where it starts in the file.
    pub offset: u64,
}

/// The records of a TFRecord file, whose checksums are verified one by one.
#[derive(Debug)]
pub struct TfRecords {
    file: BufReader<File>,
    path: PathBuf,
    length: u64,
    offset: u64,
    most: u64,
}

impl TfRecords {
    /// Opens a file.
    ///
    /// # Errors
    /// [`FormatError::Io`].
    pub fn open(path: &Path, limits: &Limits) -> Result<Self, FormatError> {
        let file = open_buffered(path)?;
        let length = file.get_ref().metadata().map_err(FormatError::io(path))?.len();
        Ok(Self { file, path: path.into(), length, offset: 0, most: limits.line })
    }

    /// The next record; `None` at the end of the file.
    ///
    /// # Errors
    /// [`FormatError`] for a file that ends inside a record, a wrong checksum, or a record longer than [`Limits::line`].
    pub fn next_record(&mut self) -> Result<Option<TfRecord>, FormatError> {
        let offset = self.offset;
        let left = self.length - offset;
        if left == 0 {
            return Ok(None);
        }
        let cut = || FormatError::bytes(&self.path, offset, "truncated file: it ends inside a record");
        if left < 16 {
            return Err(cut());
        }
        let mut head = [0; 12];
        self.file.read_exact(&mut head).map_err(FormatError::io(&self.path))?;
        let length = u64::from_le_bytes(head[..8].try_into().expect("eight bytes"));
        if masked(&head[..8]) != u32::from_le_bytes(head[8..].try_into().expect("four bytes")) {
            let problem =
                "checksum mismatch of a record's length: this is not a TFRecord file, or it is damaged";
            return Err(FormatError::bytes(&self.path, offset, problem));
        }
        if length > left - 16 {
            return Err(cut());
        }
        FormatError::within(&self.path, "bytes of a record", length, self.most)?;
        let memory = |bytes| FormatError::memory(&self.path, "a record", bytes);
        let mut bytes = zeros(length as usize).map_err(memory)?;
        let mut check = [0; 4];
        self.file
            .read_exact(&mut bytes)
            .and_then(|()| self.file.read_exact(&mut check))
            .map_err(FormatError::io(&self.path))?;
        if masked(&bytes) != u32::from_le_bytes(check) {
            let problem = "checksum mismatch of a record: the file is damaged";
            return Err(FormatError::bytes(&self.path, offset, problem));
        }
        self.offset = offset + 16 + length;
        Ok(Some(TfRecord { bytes, offset }))
    }
}

/// A record as it stands in a file: the length with its checksum, the data with theirs.
///
/// ```
/// let record = lacuna_formats::tf_record(b"abc");
/// assert_eq!(record.len(), 8 + 4 + 3 + 4);
/// assert_eq!(record[..8], [3, 0, 0, 0, 0, 0, 0, 0]);
/// ```
pub fn tf_record(data: &[u8]) -> Vec<u8> {
    let length = (data.len() as u64).to_le_bytes();
    [&length[..], &masked(&length).to_le_bytes(), data, &masked(data).to_le_bytes()].concat()
}

/// CRC-32C, rotated and shifted, as the format has it.
pub(super) fn masked(bytes: &[u8]) -> u32 {
    crc32c(bytes).rotate_right(15).wrapping_add(0xa282_ead8)
}

/// CRC-32C (Castagnoli).
fn crc32c(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0_u32, |crc, &byte| TABLE[((crc ^ u32::from(byte)) & 0xff) as usize] ^ (crc >> 8))
}

/// Remainders of every byte by the reversed polynomial.
static TABLE: [u32; 256] = {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        let mut crc = byte as u32;
        let mut bit = 0;
        while bit < 8 {
            crc = if crc & 1 == 1 { crc >> 1 ^ 0x82f6_3b78 } else { crc >> 1 };
            bit += 1;
        }
        table[byte] = crc;
        byte += 1;
    }
    table
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checksum_is_the_published_one() {
        // RFC 3720, B.4: 32 bytes of zeros, of ones, and rising; the check value of the CRC catalogues.
        assert_eq!(crc32c(&[0; 32]), 0x8a91_36aa);
        assert_eq!(crc32c(&[0xff; 32]), 0x62a8_ab43);
        assert_eq!(crc32c(&(0..32).collect::<Vec<u8>>()), 0x46dd_794e);
        assert_eq!(crc32c(b"123456789"), 0xe306_9283);
        // The mask undone gives the checksum again.
        let crc = masked(b"123456789").wrapping_sub(0xa282_ead8).rotate_left(15);
        assert_eq!(crc, 0xe306_9283);
    }
}
