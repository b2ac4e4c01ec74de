use super::*;
use crate::{NpyData, ReadOptions};
use std::io::Cursor;

fn arrays() -> Vec<(&'static str, NpyArray)> {
    let array = |shape: &[usize], data| NpyArray::new(shape.to_vec(), data).unwrap();
    vec![
        ("features", array(&[3, 2], NpyData::F32(vec![0.0, 0.25, 0.5, 0.75, 1.0, 1.25]))),
        ("labels", array(&[3, 2], NpyData::U8(vec![1, 0, 0, 1, 1, 1]))),
        ("names", array(&[3], NpyData::Text(vec!["a", "b", "c"].into()))),
    ]
}

fn archive(compression: Compression) -> Vec<u8> {
    let arrays = arrays();
    let arrays: Vec<(&str, &NpyArray)> = arrays.iter().map(|(name, array)| (*name, array)).collect();
    let mut bytes = Vec::new();
    write::write(&mut bytes, &arrays, compression).unwrap();
    bytes
}

/// Opens and reads everything.
fn read_all(bytes: &[u8]) -> Result<Vec<NpyArray>, String> {
    let limits = Limits::default();
    let mut archive =
        NpzArchive::of(Cursor::new(bytes), Path::new("x.npz"), &limits).map_err(|e| e.to_string())?;
    let names: Vec<String> = archive.names().map(String::from).collect();
    names.iter().map(|name| archive.read(name).map_err(|error| error.to_string())).collect()
}

#[test]
fn what_is_written_can_be_read() {
    for compression in [Compression::Stored, Compression::Deflate] {
        let expected: Vec<NpyArray> = arrays().into_iter().map(|(_, array)| array).collect();
        assert_eq!(read_all(&archive(compression)).unwrap(), expected);
        let bytes = archive(compression);
        let mut archive =
            NpzArchive::of(Cursor::new(&bytes[..]), Path::new("x.npz"), &Limits::default()).unwrap();
        let (rows, columns, values) = archive.read_f32_matrix("features").unwrap();
        assert_eq!((rows, columns, &values[..]), (3, 2, &[0.0, 0.25, 0.5, 0.75, 1.0, 1.25][..]));
        let error = archive.read_f32_matrix("names").unwrap_err().to_string();
        assert!(error.contains("names"), "{error}");
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.npz");
    let (_, array) = &arrays()[0];
    assert!(write_npz(&path, &[("a", array), ("a", array)], Compression::Stored).is_err());
    assert!(write_npz(&path, &[("a/b", array)], Compression::Stored).is_err());
    assert!(!path.exists());
}

#[test]
fn a_data_set_is_found_by_the_names_of_its_arrays() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.npz");
    let stored = arrays();
    let save = |names: [&str; 3]| {
        let arrays: Vec<(&str, &NpyArray)> =
            names.into_iter().zip(stored.iter().map(|(_, array)| array)).collect();
        write_npz(crate::Destination::replacing(&path), &arrays, Compression::Deflate).unwrap();
        read(&path, &ReadOptions::default())
    };
    let content = save(["x", "y", "ids"]).unwrap();
    assert_eq!(content.train.names.as_ref().unwrap().to_vec(), ["a", "b", "c"]);
    let set = content.train.into_set(&Limits::default()).unwrap();
    assert_eq!(set.truth.positives_per_class(), [2, 2]);
    let content = save(["x_train", "train_labels", "test_names"]).unwrap();
    assert_eq!(content.train.rows(), 3);
    let error = save(["a", "b", "c"]).unwrap_err().to_string();
    assert!(error.contains("no array is named features") && error.contains("it has a, b, c"), "{error}");
}

#[test]
fn every_strict_prefix_is_an_error() {
    for compression in [Compression::Stored, Compression::Deflate] {
        let bytes = archive(compression);
        for length in 0..bytes.len() {
            assert!(read_all(&bytes[..length]).is_err(), "{length}");
        }
        assert!(read_all(&[&bytes[..], &[0]].concat()).is_err());
        assert!(read_all(&[&[0], &bytes[..]].concat()).is_err());
    }
}

#[test]
fn no_changed_byte_makes_it_panic_and_no_changed_data_pass() {
    for compression in [Compression::Stored, Compression::Deflate] {
        let bytes = archive(compression);
        let expected = read_all(&bytes).unwrap();
        for at in 0..bytes.len() {
            for flip in [1, 0x80, 0xff] {
                let mut changed = bytes.clone();
                changed[at] ^= flip;
                // Times and attributes do not matter; numbers never change in silence.
                if let Ok(found) = read_all(&changed) {
                    assert_eq!(found, expected, "byte {at}");
                }
            }
        }
    }
}

/// A directory entry of one's own making.
struct Forged<'a> {
    name: &'a str,
    method: u16,
    compressed: u32,
    size: u32,
    local: u32,
    extra: &'a [u8],
}

/// An archive with one stored entry of `data` at byte 0 and a directory that says what it likes.
fn forge(data: &[u8], entries: &[Forged<'_>]) -> Vec<u8> {
    let mut bytes = 0x0403_4b50_u32.to_le_bytes().to_vec();
    let first = &entries[0];
    bytes.extend([20, 0, 0, 0]);
    bytes.extend(first.method.to_le_bytes());
    bytes.extend([0; 8]);
    bytes.extend(first.compressed.to_le_bytes());
    bytes.extend(first.size.to_le_bytes());
    bytes.extend((first.name.len() as u16).to_le_bytes());
    bytes.extend([0; 2]);
    bytes.extend(first.name.as_bytes());
    bytes.extend(data);
    let start = bytes.len() as u32;
    for entry in entries {
        bytes.extend(0x0201_4b50_u32.to_le_bytes());
        bytes.extend([20, 0, 20, 0, 0, 0]);
        bytes.extend(entry.method.to_le_bytes());
        bytes.extend([0; 8]);
        bytes.extend(entry.compressed.to_le_bytes());
        bytes.extend(entry.size.to_le_bytes());
        bytes.extend((entry.name.len() as u16).to_le_bytes());
        bytes.extend((entry.extra.len() as u16).to_le_bytes());
        bytes.extend([0; 10]);
        bytes.extend(entry.local.to_le_bytes());
        bytes.extend(entry.name.as_bytes());
        bytes.extend(entry.extra);
    }
    let size = bytes.len() as u32 - start;
    bytes.extend(0x0605_4b50_u32.to_le_bytes());
    bytes.extend([0; 4]);
    let count = (entries.len() as u16).to_le_bytes();
    bytes.extend([count, count].concat());
    bytes.extend(size.to_le_bytes());
    bytes.extend(start.to_le_bytes());
    bytes.extend([0; 2]);
    bytes
}

#[test]
fn bombs_overlaps_and_lies_are_refused_before_anything_is_inflated() {
    let plain = || Forged { name: "a.npy", method: 0, compressed: 8, size: 8, local: 0, extra: &[] };
    let error = |data: &[u8], entries: &[Forged<'_>]| read_all(&forge(data, entries)).unwrap_err();

    let bomb = Forged { method: 8, size: 4_000_000_000, ..plain() };
    let found = error(&[0; 8], &[bomb]);
    assert!(found.contains("inflated bytes for each compressed byte"), "{found}");
    // Up to a size the ratio has no meaning.
    let most = Limits::default().any_ratio as u32;
    for (size, is_bomb) in [(most, false), (most + 1, true)] {
        let found = error(&[0; 8], &[Forged { method: 8, size, ..plain() }]);
        assert_eq!(found.contains("inflated bytes for each"), is_bomb, "{found}");
    }

    assert!(
        error(&[0; 8], &[plain(), Forged { name: "b.npy", ..plain() }])
            .contains("overlaps the entry before it")
    );
    assert!(error(&[0; 8], &[plain(), plain()]).contains("overlaps"));
    assert!(error(&[0; 8], &[Forged { local: 4, ..plain() }]).contains("missing local header"));
    assert!(
        error(&[0; 8], &[Forged { local: u32::MAX - 1, ..plain() }]).contains("beyond the end of the file")
    );
    assert!(
        error(&[0; 8], &[Forged { compressed: 500, size: 500, ..plain() }])
            .contains("overlaps the directory")
    );
    assert!(error(&[0; 8], &[Forged { compressed: 4, ..plain() }]).contains("sizes 4 and 8 differ"));
    assert!(
        error(&[0; 8], &[Forged { method: 12, ..plain() }]).contains("unsupported compression method 12")
    );
    assert!(error(&[0; 8], &[Forged { name: "", ..plain() }]).contains("invalid name of 0 bytes"));
    // 64-bit sizes that are missing, and some that no file has.
    let wide = Forged { size: u32::MAX, compressed: u32::MAX, ..plain() };
    assert!(error(&[0; 8], &[wide]).contains("missing 64-bit sizes of `a.npy`"));
    let lie = [&[1, 0, 16, 0][..], &[0xff; 16]].concat();
    let wide = Forged { size: u32::MAX, compressed: u32::MAX, extra: &lie, ..plain() };
    let found = error(&[0; 8], &[wide]);
    assert!(found.contains("inflated bytes"), "{found}");
    let huge = [&[1, 0, 16, 0][..], &(1_u64 << 35).to_le_bytes(), &(1_u64 << 35).to_le_bytes()].concat();
    let wide = Forged { size: u32::MAX, compressed: u32::MAX, extra: &huge, ..plain() };
    assert!(error(&[0; 8], &[wide]).contains("overlaps the directory"));
    // More entries than fit into the directory.
    let mut many = forge(&[0; 8], &[plain()]);
    let at = many.len() - 14;
    many[at..at + 4].copy_from_slice(&[0xfe, 0xff, 0xfe, 0xff]);
    assert!(read_all(&many).unwrap_err().contains("the directory of 65534 entries"));
    let mut end = forge(&[0; 8], &[plain()]);
    let at = end.len() - 14;
    end[at..at + 12].fill(0xff);
    assert!(read_all(&end).unwrap_err().contains("64-bit end record"));
}

#[test]
fn an_array_larger_than_its_entry_is_refused() {
    // A header of 14 bytes that announces a gigabyte, in an entry of 14 bytes.
    let gigabyte = [b"\x93NUMPY\x02\x00", &(1_u32 << 30).to_le_bytes()[..], b"{}"].concat();
    let entry = Forged { name: "a.npy", method: 0, compressed: 14, size: 14, local: 0, extra: &[] };
    let error = read_all(&forge(&gigabyte, &[entry])).unwrap_err();
    assert!(error.contains("the header has 1073741824 bytes"), "{error}");
}
