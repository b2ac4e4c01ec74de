//! The central directory: what the archive says it holds, checked against the file.

use crate::error::within;
use crate::{FormatError, Limits, shown};
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;

/// A file of the archive.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) name: String,
    pub(super) method: Method,
    pub(super) crc: u32,
    /// Bytes in the archive.
    pub(super) compressed: u64,
    /// Bytes of the `.npy` file.
    pub(super) size: u64,
    /// Where its bytes start.
    pub(super) data: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Method {
    Stored,
    Deflated,
}

const LOCAL: u32 = 0x0403_4b50;
const CENTRAL: u32 = 0x0201_4b50;
const END: u32 = 0x0605_4b50;
const END64: u32 = 0x0606_4b50;
const LOCATOR64: u32 = 0x0706_4b50;
/// Bytes of the record at the end, without its comment.
const END_BYTES: u64 = 22;
const LOCATOR_BYTES: u64 = 20;
const END64_BYTES: u64 = 56;
const CENTRAL_BYTES: u64 = 46;
const LOCAL_BYTES: u64 = 30;
/// Longest name that is read.
const NAME: u64 = 4_096;

/// What the end of the archive says about its directory.
struct End {
    entries: u64,
    size: u64,
    offset: u64,
    /// Where the directory has to end.
    at: u64,
}

pub(super) fn read<R: Read + Seek>(
    reader: &mut R,
    path: &Path,
    limits: &Limits,
) -> Result<Vec<Entry>, FormatError> {
    let length = reader.seek(SeekFrom::End(0)).map_err(FormatError::io(path))?;
    let mut zip = Zip { reader, path };
    let end = zip.end(length)?;
    FormatError::within(path, "entries of the archive", end.entries, limits.entries)?;
    let fits = end.offset.checked_add(end.size) == Some(end.at)
        && end.entries.saturating_mul(CENTRAL_BYTES) <= end.size;
    if !fits {
        let problem = format!(
            "the directory of {} entries is declared with {} bytes from byte {} on, expected to end at byte {}",
            end.entries, end.size, end.offset, end.at
        );
        return zip.fail(end.at, problem);
    }
    let mut entries = Vec::new();
    let mut at = end.offset;
    let mut declared = 0_u64;
    for _ in 0..end.entries {
        let (entry, local, bytes) = zip.central(at, end.at)?;
        // Matrices of labels are mostly 0 and inflate to several hundred times their size: where that is not much, the
        // ratio has no meaning.
        let beyond = entry.size > limits.any_ratio && entry.size / limits.ratio.max(1) > entry.compressed;
        if entry.method == Method::Deflated && beyond {
            return Err(FormatError::Limit {
                path: within(path, &entry.name),
                what: "inflated bytes for each compressed byte",
                found: entry.size / entry.compressed.max(1),
                limit: limits.ratio,
            });
        }
        declared = declared.saturating_add(entry.size);
        FormatError::within(path, "inflated bytes", declared, limits.declared)?;
        at += bytes;
        entries.push((local, entry));
    }
    if at != end.at {
        return zip.fail(at, "the directory is shorter than its declared size");
    }
    // In the order of their offsets: each starts at or after the end of the one before.
    let mut order: Vec<usize> = (0..entries.len()).collect();
    order.sort_by_key(|&i| entries[i].0);
    let mut free = 0;
    for i in order {
        let (local, entry) = &mut entries[i];
        if *local < free {
            let problem = format!("`{}` overlaps the entry before it", shown(&entry.name));
            return zip.fail(*local, problem);
        }
        entry.data = zip.local(*local, entry)?;
        free = match entry.data.checked_add(entry.compressed) {
            Some(after) if after <= end.offset => after,
            _ => {
                let problem =
                    format!("`{}` overlaps the directory at byte {}", shown(&entry.name), end.offset);
                return zip.fail(entry.data, problem);
            }
        };
    }
    let mut names: Vec<&str> = entries.iter().map(|(_, entry)| entry.name.as_str()).collect();
    names.sort_unstable();
    if let Some(pair) = names.windows(2).find(|pair| pair[0] == pair[1]) {
        return zip.fail(end.offset, format!("duplicate entry `{}`", shown(pair[0])));
    }
    Ok(entries.into_iter().map(|(_, entry)| entry).collect())
}

struct Zip<'a, R> {
    reader: &'a mut R,
    path: &'a Path,
}

impl<R: Read + Seek> Zip<'_, R> {
    fn fail<T>(&self, at: u64, problem: impl Into<String>) -> Result<T, FormatError> {
        Err(FormatError::bytes(self.path, at, problem))
    }

    /// Reads bytes that are known to be there.
    fn read(&mut self, at: u64, buffer: &mut [u8]) -> Result<(), FormatError> {
        self.reader.seek(SeekFrom::Start(at)).map_err(FormatError::io(self.path))?;
        self.reader.read_exact(buffer).map_err(FormatError::io(self.path))
    }

    fn end(&mut self, length: u64) -> Result<End, FormatError> {
        if length < END_BYTES {
            return self.fail(0, format!("not a .npz file: an archive has at least {END_BYTES} bytes"));
        }
        // NumPy writes no comment; a record that is not the last thing in the file belongs to something else.
        let start = length - END_BYTES;
        let mut bytes = [0; END_BYTES as usize];
        self.read(start, &mut bytes)?;
        let mut fields = Fields(&bytes);
        if fields.u32() != END {
            return self.fail(start, "not a .npz file, or a truncated one: missing end record");
        }
        let (disk, first_disk) = (fields.u16(), fields.u16());
        let (here, all) = (fields.u16(), fields.u16());
        let (size, offset, comment) = (fields.u32(), fields.u32(), fields.u16());
        if (disk, first_disk) != (0, 0) || here != all || comment != 0 {
            return self.fail(start, "archives of several parts and with comments are not supported");
        }
        let end = End { entries: all.into(), size: size.into(), offset: offset.into(), at: start };
        if all != u16::MAX && size != u32::MAX && offset != u32::MAX {
            return Ok(end);
        }
        self.end64(end)
    }

    /// The record with 64-bit numbers, where those of 32 bits do not suffice.
    fn end64(&mut self, narrow: End) -> Result<End, FormatError> {
        let Some(locator) = narrow.at.checked_sub(LOCATOR_BYTES) else {
            return self.fail(narrow.at, "missing 64-bit end record");
        };
        let mut bytes = [0; LOCATOR_BYTES as usize];
        self.read(locator, &mut bytes)?;
        let mut fields = Fields(&bytes);
        let (signature, disk, at, disks) = (fields.u32(), fields.u32(), fields.u64(), fields.u32());
        // Without an extensible part the record lies right in front of its locator.
        if signature != LOCATOR64 || disk != 0 || disks > 1 || at.checked_add(END64_BYTES) != Some(locator) {
            return self.fail(locator, "the 64-bit end record is misplaced");
        }
        let mut bytes = [0; END64_BYTES as usize];
        self.read(at, &mut bytes)?;
        let mut fields = Fields(&bytes);
        let (signature, rest) = (fields.u32(), fields.u64());
        let _versions = fields.u32();
        let (disk, first_disk, here, all) = (fields.u32(), fields.u32(), fields.u64(), fields.u64());
        let (size, offset) = (fields.u64(), fields.u64());
        let agrees = |narrow: u64, none: u64, wide: u64| narrow == none || narrow == wide;
        let consistent = agrees(narrow.entries, u16::MAX.into(), all)
            && agrees(narrow.size, u32::MAX.into(), size)
            && agrees(narrow.offset, u32::MAX.into(), offset);
        if signature != END64
            || rest != END64_BYTES - 12
            || (disk, first_disk) != (0, 0)
            || here != all
            || !consistent
        {
            return self.fail(at, "invalid 64-bit end record");
        }
        Ok(End { entries: all, size, offset, at })
    }

    /// An entry of the directory, where its local header is, and how many bytes it takes.
    fn central(&mut self, at: u64, end: u64) -> Result<(Entry, u64, u64), FormatError> {
        if end - at < CENTRAL_BYTES {
            return self.fail(at, "truncated directory entry");
        }
        let mut bytes = [0; CENTRAL_BYTES as usize];
        self.read(at, &mut bytes)?;
        let mut fields = Fields(&bytes);
        let signature = fields.u32();
        let _versions = fields.u32();
        let (flags, method, _time) = (fields.u16(), fields.u16(), fields.u32());
        let (crc, compressed, size) = (fields.u32(), fields.u32(), fields.u32());
        let (name, extra, comment) = (fields.u16(), fields.u16(), fields.u16());
        let disk = fields.u16();
        let (_internal, _external, local) = (fields.u16(), fields.u32(), fields.u32());
        if signature != CENTRAL {
            return self.fail(at, "invalid signature of a directory entry");
        }
        let total = CENTRAL_BYTES + u64::from(name) + u64::from(extra) + u64::from(comment);
        if total > end - at {
            return self.fail(at, "a directory entry extends beyond the directory");
        }
        let name = self.name(at + CENTRAL_BYTES, name.into())?;
        // Bit 0 is encryption, bit 3 sizes after the data, which the directory has as well, bit 11 a name in UTF-8.
        if flags & !(1 << 3 | 1 << 11 | 0b110) != 0 {
            return self.fail(at, format!("`{}` is encrypted or uses an unsupported feature", shown(&name)));
        }
        let method = match method {
            0 => Method::Stored,
            8 => Method::Deflated,
            other => {
                let problem = format!(
                    "`{}` has the unsupported compression method {other}: expected stored (0) or deflated (8)",
                    shown(&name)
                );
                return self.fail(at, problem);
            }
        };
        let mut wide = Wide { compressed: compressed.into(), size: size.into(), local: local.into() };
        if disk != 0 && disk != u16::MAX {
            return self.fail(at, "archives of several parts are not supported");
        }
        self.wide(at + CENTRAL_BYTES + name.len() as u64, extra.into(), &mut wide, &name)?;
        let Wide { compressed, size, local } = wide;
        if method == Method::Stored && compressed != size {
            return self.fail(
                at,
                format!("`{}` is stored, and its sizes {compressed} and {size} differ", shown(&name)),
            );
        }
        Ok((Entry { name, method, crc, compressed, size, data: 0 }, local, total))
    }

    fn name(&mut self, at: u64, length: u64) -> Result<String, FormatError> {
        if length == 0 || length > NAME {
            return self.fail(at, format!("invalid name of {length} bytes: expected 1 to {NAME}"));
        }
        let mut bytes = vec![0; length as usize];
        self.read(at, &mut bytes)?;
        match String::from_utf8(bytes) {
            // A path separator is not part of the name of an array, and NumPy never writes one.
            Ok(name) if !name.contains(['\\', '\0']) => Ok(name),
            _ => self.fail(at, "the name of an entry is not valid UTF-8"),
        }
    }

    /// Takes the 64-bit numbers of the extra field where the 32-bit ones say that they are there.
    fn wide(&mut self, at: u64, length: u64, wide: &mut Wide, name: &str) -> Result<(), FormatError> {
        let mut bytes = vec![0; length as usize];
        self.read(at, &mut bytes)?;
        let narrow = u64::from(u32::MAX);
        let mut wanted: Vec<&mut u64> = [&mut wide.size, &mut wide.compressed, &mut wide.local]
            .into_iter()
            .filter(|number| **number == narrow)
            .collect();
        let mut rest = &bytes[..];
        let mut found = wanted.is_empty();
        while !rest.is_empty() {
            let (Some(id), Some(size)) = (u16_at(rest, 0), u16_at(rest, 2)) else {
                return self.fail(at, format!("invalid extra field of `{}`", shown(name)));
            };
            let Some(field) = rest.get(4..4 + usize::from(size)) else {
                return self.fail(at, format!("invalid extra field of `{}`", shown(name)));
            };
            if id == 1 && !found {
                let numbers = field.as_chunks::<8>().0;
                if numbers.len() < wanted.len() {
                    return self.fail(at, format!("missing 64-bit sizes of `{}`", shown(name)));
                }
                for (number, bytes) in wanted.iter_mut().zip(numbers) {
                    **number = u64::from_le_bytes(*bytes);
                }
                found = true;
            }
            rest = &rest[4 + usize::from(size)..];
        }
        if found { Ok(()) } else { self.fail(at, format!("missing 64-bit sizes of `{}`", shown(name))) }
    }

    /// Where the data of an entry start, if its local header says the same as the directory.
    fn local(&mut self, at: u64, entry: &Entry) -> Result<u64, FormatError> {
        let length = self.reader.seek(SeekFrom::End(0)).map_err(FormatError::io(self.path))?;
        if at.checked_add(LOCAL_BYTES).is_none_or(|end| end > length) {
            return self.fail(
                at,
                format!("the declared start of `{}` is beyond the end of the file", shown(&entry.name)),
            );
        }
        let mut bytes = [0; LOCAL_BYTES as usize];
        self.read(at, &mut bytes)?;
        let mut fields = Fields(&bytes);
        let signature = fields.u32();
        let (_version, flags, method, _time) = (fields.u16(), fields.u16(), fields.u16(), fields.u32());
        let (crc, compressed, size) = (fields.u32(), fields.u32(), fields.u32());
        let (name, extra) = (fields.u16(), fields.u16());
        if signature != LOCAL {
            return self.fail(at, format!("missing local header of `{}`", shown(&entry.name)));
        }
        let data = at + LOCAL_BYTES + u64::from(name) + u64::from(extra);
        if data > length {
            return self
                .fail(at, format!("the data of `{}` starts beyond the end of the file", shown(&entry.name)));
        }
        let behind = flags & 1 << 3 != 0; // the sizes follow the data, and these are zeros
        let same = |local: u32, central: u64| {
            u64::from(local) == central || local == u32::MAX || (behind && local == 0)
        };
        let method_is_same = method == if entry.method == Method::Stored { 0 } else { 8 };
        let agrees = method_is_same
            && same(crc, entry.crc.into())
            && same(compressed, entry.compressed)
            && same(size, entry.size)
            && self.name(at + LOCAL_BYTES, name.into())? == entry.name;
        if !agrees {
            return self.fail(
                at,
                format!("the local header of `{}` differs from its directory entry", shown(&entry.name)),
            );
        }
        Ok(data)
    }
}

/// Numbers of an entry that may have 64 bits.
struct Wide {
    compressed: u64,
    size: u64,
    local: u64,
}

/// Little-endian numbers one after the other.
struct Fields<'a>(&'a [u8]);

impl Fields<'_> {
    fn take<const N: usize>(&mut self) -> [u8; N] {
        let (bytes, rest) = self.0.split_first_chunk().expect("records have a fixed length");
        self.0 = rest;
        *bytes
    }

    fn u16(&mut self) -> u16 {
        u16::from_le_bytes(self.take())
    }

    fn u32(&mut self) -> u32 {
        u32::from_le_bytes(self.take())
    }

    fn u64(&mut self) -> u64 {
        u64::from_le_bytes(self.take())
    }
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    bytes.get(at..at + 2).map(|two| u16::from_le_bytes([two[0], two[1]]))
}
