//! Archives that lie about themselves: entries that overlap or have one name, sizes of 64 bits that no file has.

use super::bombs::refused;
use super::*;

/// What the directory and the local header of an entry say.
#[derive(Clone)]
struct Entry {
    name: &'static str,
    /// Sizes; `u32::MAX` where an extra field has them.
    size: u32,
    /// Where its local header is said to be, in place of where it is.
    at: Option<u32>,
    /// Numbers of the 64-bit extra field.
    wide: Vec<u64>,
}

fn entry(name: &'static str) -> Entry {
    Entry { name, size: 8, at: None, wide: vec![] }
}

/// An archive of stored entries of eight bytes; `end` may change the record at its end, of which it gets the place.
fn archive(entries: &[Entry], end: impl FnOnce(&mut Vec<u8>, usize)) -> Vec<u8> {
    let (mut bytes, mut directory) = (Vec::new(), Vec::new());
    for Entry { name, size, at, wide } in entries {
        let start = at.unwrap_or(bytes.len() as u32);
        let mut extra = Vec::new();
        if !wide.is_empty() {
            extra.extend([1, 0, 8 * wide.len() as u8, 0]);
            wide.iter().for_each(|number| extra.extend(number.to_le_bytes()));
        }
        // Checksum, sizes, lengths of name and extra field; stored, without flags.
        let mut common = vec![0; 4];
        common.extend([size.to_le_bytes(), size.to_le_bytes()].concat());
        common.extend((name.len() as u16).to_le_bytes());
        common.extend((extra.len() as u16).to_le_bytes());
        bytes.extend(b"PK\x03\x04\x14\0\0\0\0\0\0\0\0\0");
        bytes.extend(&common);
        bytes.extend(name.as_bytes());
        bytes.extend(&extra);
        bytes.extend([0; 8]);
        directory.extend(b"PK\x01\x02\x14\0\x14\0\0\0\0\0\0\0\0\0");
        directory.extend(&common);
        directory.extend([0; 10]);
        directory.extend(start.to_le_bytes());
        directory.extend(name.as_bytes());
        directory.extend(&extra);
    }
    let at = bytes.len() as u32;
    let count = (entries.len() as u16).to_le_bytes();
    bytes.extend(&directory);
    let record = bytes.len();
    bytes.extend(b"PK\x05\x06\0\0\0\0");
    bytes.extend([count, count].concat());
    bytes.extend((directory.len() as u32).to_le_bytes());
    bytes.extend(at.to_le_bytes());
    bytes.extend([0; 2]);
    end(&mut bytes, record);
    bytes
}

/// Replaces the end by one of 64 bits: entries, bytes and place of the directory.
fn end64(bytes: &mut Vec<u8>, record: usize, [entries, size, offset]: [u64; 3]) {
    let mut end = bytes.split_off(record);
    bytes.extend(b"PK\x06\x06");
    bytes.extend(44_u64.to_le_bytes());
    bytes.extend([0; 12]);
    [entries, entries, size, offset].iter().for_each(|number| bytes.extend(number.to_le_bytes()));
    bytes.extend(b"PK\x06\x07\0\0\0\0");
    bytes.extend((record as u64).to_le_bytes());
    bytes.extend(1_u32.to_le_bytes());
    end[8..20].fill(0xff);
    bytes.extend(end);
}

#[test]
fn archives_that_lie_are_refused_with_little_memory() {
    let _alone = ONE_AT_A_TIME.lock().unwrap_or_else(|e| e.into_inner());
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("lies.npz");
    let found = |bytes: &[u8], problem: &str| {
        fs::write(&path, bytes).unwrap();
        let error = refused(&path);
        assert!(error.contains(problem), "{error}");
    };
    let as_they_are = |entries: &[Entry]| archive(entries, |_, _| {});
    // The archive itself is sound: what is refused is its contents.
    found(&as_they_are(&[entry("x.npy"), entry("y.npy")]), "not a .npy file");

    found(&as_they_are(&[entry("x.npy"), entry("x.npy")]), "duplicate entry `x.npy`");
    let second = Entry { at: Some(0), ..entry("y.npy") };
    found(&as_they_are(&[entry("x.npy"), second]), "overlaps the entry before it");
    // Sixty thousand entries that are one and the same place, which elsewhere inflate to a petabyte.
    let same = vec![entry("x.npy"); 60_000];
    let same: Vec<Entry> = same.into_iter().map(|entry| Entry { at: Some(0), ..entry }).collect();
    fs::write(&path, as_they_are(&same)).unwrap();
    let error = refused(&path);
    assert!(error.contains("overlaps") || error.contains("entries of the archive"), "{error}");

    let wide = |numbers: &[u64]| Entry { size: u32::MAX, wide: numbers.to_vec(), ..entry("x.npy") };
    found(&as_they_are(&[wide(&[])]), "missing 64-bit sizes of `x.npy`");
    found(&as_they_are(&[wide(&[u64::MAX, u64::MAX])]), "inflated bytes");
    found(&as_they_are(&[wide(&[1 << 63, 1 << 63])]), "inflated bytes");
    found(&as_they_are(&[wide(&[1 << 35, 1 << 35])]), "overlaps the directory");
    let elsewhere = Entry { at: Some(u32::MAX), wide: vec![1 << 63], ..entry("x.npy") };
    found(&as_they_are(&[elsewhere]), "beyond the end of the file");

    let one = [entry("x.npy")];
    for numbers in
        [[u64::MAX, 51, 43], [1 << 63, 51, 43], [1, u64::MAX, 43], [1, 51, u64::MAX], [1, 51, 1 << 63]]
    {
        let bytes = archive(&one, |bytes, record| end64(bytes, record, numbers));
        fs::write(&path, bytes).unwrap();
        let error = refused(&path);
        assert!(error.contains("the directory of") || error.contains("entries of the archive"), "{error}");
    }
    let sound = archive(&one, |bytes, record| end64(bytes, record, [1, 51, 43]));
    found(&sound, "not a .npy file");
    // A locator that leads out of the file, and one that leads to itself.
    for at in [u64::MAX, 1 << 40] {
        let mut bytes = sound.clone();
        let locator = bytes.len() - 22 - 20;
        bytes[locator + 8..locator + 16].copy_from_slice(&at.to_le_bytes());
        found(&bytes, "the 64-bit end record is misplaced");
    }
    // Each field of the record on its own: signature, size, disk, first disk, entries here, entries in all.
    let locator = sound.len() - 22 - 20;
    let record = locator - 56;
    for place in [0, 4, 16, 20, 24, 32] {
        let mut bytes = sound.clone();
        bytes[record + place] ^= 0x40;
        fs::write(&path, &bytes).unwrap();
        let error = refused(&path);
        assert!(error.contains("invalid 64-bit end record"), "byte {place}: {error}");
    }
    // The disk of the locator, and how many there are.
    for (place, value) in [(4, 1), (16, 2)] {
        let mut bytes = sound.clone();
        bytes[locator + place] = value;
        found(&bytes, "the 64-bit end record is misplaced");
    }
}
