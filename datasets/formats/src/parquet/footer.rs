//! Sizes in the description at the end of a Parquet file, looked at before the crate `parquet` allocates what they say.
//!
//! The description is a `FileMetaData`
//! ([parquet.thrift](https://github.com/apache/parquet-format/blob/master/src/main/thrift/parquet.thrift)).

use super::thrift::{EMPTY, Shape, Thrift};
use std::io::{self, Read, Seek, SeekFrom};

/// `FileMetaData`, in the order of the numbers there.
const FILE_META_DATA: &[(i64, Shape)] = &[
    (1, Shape::Integer),
    (2, Shape::List(SCHEMA_ELEMENT)),
    (3, Shape::Integer),
    (4, Shape::List(ROW_GROUP)),
    (5, KEYS_AND_VALUES),
    (6, Shape::Bytes),
    (7, Shape::List(&[(1, EMPTY)])),
    (8, EMPTY),
    (9, Shape::Bytes),
];
const KEYS_AND_VALUES: Shape = Shape::List(&[(1, Shape::Bytes), (2, Shape::Bytes)]);
const ROW_GROUP: &[(i64, Shape)] = &[
    (1, Shape::List(COLUMN_CHUNK)),
    (2, Shape::Integer),
    (3, Shape::Integer),
    // Columns that are sorted.
    (4, Shape::List(&[(1, Shape::Integer), (2, Shape::Flag), (3, Shape::Flag)])),
    (5, Shape::Integer),
    (6, Shape::Integer),
    (7, Shape::Integer),
];
const COLUMN_CHUNK: &[(i64, Shape)] = &[
    (1, Shape::Bytes),
    (2, Shape::Integer),
    (3, Shape::Structure(COLUMN)),
    (4, Shape::Integer),
    (5, Shape::Integer),
    (6, Shape::Integer),
    (7, Shape::Integer),
    (8, EMPTY),
    (9, Shape::Bytes),
];
/// `ColumnMetaData`.
const COLUMN: &[(i64, Shape)] = &[
    (1, Shape::Integer),
    (2, Shape::Integers),
    (3, Shape::Texts),
    (4, Shape::Integer),
    (5, Shape::Integer),
    (6, Shape::Integer),
    (7, Shape::Integer),
    (8, KEYS_AND_VALUES),
    (9, Shape::Integer),
    (10, Shape::Integer),
    (11, Shape::Integer),
    (12, STATISTICS),
    // Encodings of pages.
    (13, Shape::List(&[(1, Shape::Integer), (2, Shape::Integer), (3, Shape::Integer)])),
    (14, Shape::Integer),
    (15, Shape::Integer),
    (16, Shape::Structure(&[(1, Shape::Integer), (2, Shape::Integers), (3, Shape::Integers)])),
    // Areas on a map.
    (17, Shape::Structure(&[(1, Shape::Structure(BOX)), (2, Shape::Integers)])),
];
const BOX: &[(i64, Shape)] = &[
    (1, Shape::Double),
    (2, Shape::Double),
    (3, Shape::Double),
    (4, Shape::Double),
    (5, Shape::Double),
    (6, Shape::Double),
    (7, Shape::Double),
    (8, Shape::Double),
];
/// `Statistics`, of columns and of pages.
pub(super) const STATISTICS: Shape = Shape::Structure(&[
    (1, Shape::Bytes),
    (2, Shape::Bytes),
    (3, Shape::Integer),
    (4, Shape::Integer),
    (5, Shape::Bytes),
    (6, Shape::Bytes),
    (7, Shape::Flag),
    (8, Shape::Flag),
]);
const SCHEMA_ELEMENT: &[(i64, Shape)] = &[
    (1, Shape::Integer),
    (2, Shape::Integer),
    (3, Shape::Integer),
    (4, Shape::Bytes),
    (5, Shape::Children),
    (6, Shape::Integer),
    (7, Shape::Integer),
    (8, Shape::Integer),
    (9, Shape::Integer),
    (10, Shape::Structure(LOGICAL_TYPE)),
];
const LOGICAL_TYPE: &[(i64, Shape)] = &[
    (1, EMPTY),
    (2, EMPTY),
    (3, EMPTY),
    (4, EMPTY),
    (5, Shape::Structure(&[(1, Shape::Integer), (2, Shape::Integer)])),
    (6, EMPTY),
    (7, TIME),
    (8, TIME),
    (10, Shape::Structure(&[(1, Shape::Byte), (2, Shape::Flag)])),
    (11, EMPTY),
    (12, EMPTY),
    (13, EMPTY),
    (14, EMPTY),
    (15, EMPTY),
    (16, Shape::Structure(&[(1, Shape::Byte)])),
    (17, Shape::Structure(&[(1, Shape::Bytes)])),
    (18, Shape::Structure(&[(1, Shape::Bytes), (2, Shape::Integer)])),
];
const TIME: Shape = Shape::Structure(&[(1, Shape::Flag), (2, UNIT)]);
const UNIT: Shape = Shape::Structure(&[(1, EMPTY), (2, EMPTY), (3, EMPTY)]);
/// Refuses a description with a list that is longer than the description, with an element of more children than there are elements, or with
/// another type than its fields have.
/// What is no Parquet file is left to the reader. The place in the file is its begin afterwards.
pub(super) fn check(file: &mut (impl Read + Seek)) -> io::Result<Result<(), String>> {
    let bytes = description(file)?;
    file.seek(SeekFrom::Start(0))?;
    Ok(bytes.map_or(Ok(()), |bytes| Thrift { bytes: &bytes }.structure(FILE_META_DATA, 0)))
}

/// The bytes of the description: before its length in four bytes and the letters `PAR1`.
fn description(file: &mut (impl Read + Seek)) -> io::Result<Option<Vec<u8>>> {
    let len = file.seek(SeekFrom::End(0))?;
    if len < 8 {
        return Ok(None);
    }
    file.seek(SeekFrom::End(-8))?;
    let mut end = [0; 8];
    file.read_exact(&mut end)?;
    let size = u64::from(u32::from_le_bytes([end[0], end[1], end[2], end[3]]));
    if &end[4..] != b"PAR1" || size + 8 > len {
        return Ok(None);
    }
    file.seek(SeekFrom::Start(len - 8 - size))?;
    let mut bytes = Vec::new();
    file.take(size).read_to_end(&mut bytes)?;
    Ok(Some(bytes))
}

#[cfg(test)]
mod tests {
    use super::super::thrift::END;
    use super::*;

    /// A description with one element of a schema, of these children.
    fn element(children: &[u8]) -> Vec<u8> {
        // Field 1: version 1; field 2: a list of one structure, with its name in field 4 and its children in field 5.
        [&[0x15, 2, 0x19, 0x1c, 0x48, 1, b'x', 0x15][..], children, &[0, 0]].concat()
    }

    fn said(bytes: &[u8]) -> String {
        let end = [bytes, &(bytes.len() as u32).to_le_bytes(), b"PAR1"].concat();
        match check(&mut io::Cursor::new(end)).unwrap() {
            Ok(()) => String::new(),
            Err(problem) => problem,
        }
    }

    /// The crate `parquet` takes memory for as many children as an element says, 3.4 GB for this.
    #[test]
    fn sizes_beyond_the_description_are_refused() {
        assert_eq!(said(&element(&[0])), "");
        assert!(said(&element(&[0xff, 0xff, 0xff, 0xff, 0x0f])).contains("children"));
        assert!(said(&element(&[2])).contains("1 children of 1 elements"));
        assert!(said(&element(&[1])).contains("-1 children"));
        assert!(
            said(&[0x15, 2, 0x19, 0xfc, 0xff, 0xff, 0x7f]).contains("a list of 2097151 elements in 0 bytes")
        );
        assert!(said(&element(&[0xff; 10])).contains("ten bytes"));
        assert_eq!(said(&element(&[0])[..9]), END);
        assert!(said(&[0xad, 0]).contains("unknown type 13"));
        assert!(said(&[&[0xa9][..], &[0x19].repeat(80)].concat()).contains("too deep"));
        // The crate reads the number of children whatever its type is: as a byte, as 241 million.
        let of_byte = [&[0x15, 2, 0x19, 0x1c, 0x48, 1, b'x', 0x13][..], &[2, 0, 0]].concat();
        assert!(said(&of_byte).contains("field 5 of a structure of its metadata has the type 3"));
        assert!(said(&[0x19, 0x15, 2]).contains("field 1 of a structure"));
        assert!(
            said(&[0x15, 2, 0x19, 0x15, 2]).contains("a list of structures in its metadata has the type 5")
        );
        // Field 5 by its number and 65536.
        assert!(said(&[0x05, 0x8a, 0x80, 0x08, 2, 0]).contains("a field of the number 65541"));
        // A logical type whose flag is a number.
        let logical =
            [&[0x15, 2, 0x19, 0x1c, 0x48, 1, b'x', 0x6c][..], &[0xac, 0x13, 8, 0x15, 2, 0, 0, 0, 0]].concat();
        assert!(said(&logical).contains("field 2 of a structure"), "{}", said(&logical));
        // In row groups too: the encodings of a column are numbers, and its name is text.
        let column =
            |bytes: &[u8]| said(&[&[0x49, 0x1c, 0x19, 0x1c, 0x3c][..], bytes, &[0, 0, 0, 0]].concat());
        assert_eq!(column(&[0x29, 0x15, 2, 0x19, 0x18, 1, b'x']), "");
        assert!(
            column(&[0x29, 0x18, 1, b'x'])
                .contains("field 2 of a structure of its metadata is a list of the type 8")
        );
        assert!(
            column(&[0x39, 0x15, 2])
                .contains("field 3 of a structure of its metadata is a list of the type 5")
        );
        assert!(
            column(&[0x1b, 1, 0x55, 2, 2]).contains("field 1 of a structure of its metadata has the type 11")
        );
        assert!(
            column(&[0x0c, 34, 0x25, 2, 0]).contains("field 2 of a structure of its metadata has the type 5")
        );
        // A structure in a structure, a map of bytes, a double, a byte: all of it is skipped.
        let others =
            [0xac, 0x1c, 0, 0, 0x1b, 1, 0x33, 1, 2, 0x17, 1, 2, 3, 4, 5, 6, 7, 8, 0x13, 9, 0x11, 0x12, 0];
        assert_eq!(said(&others), "");
        // The crate goes through 2^31 booleans that take no byte.
        assert!(said(&[0x49, 0x21, 1, 1, 0]).contains("a list of booleans"));
        assert!(said(&[0xab, 1, 0x31, 1, 1, 0]).contains("a list of booleans"));
        assert_eq!(said(&[0x49, 0x01, 0]), "");
        // What is none, and what is too short, is for the reader to refuse.
        assert_eq!(check(&mut io::Cursor::new(b"PAR1".to_vec())).unwrap(), Ok(()));
        assert_eq!(check(&mut io::Cursor::new(b"\xff\xff\0\0PAR1".to_vec())).unwrap(), Ok(()));
    }
}
