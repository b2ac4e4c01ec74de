//! Pages of a Parquet file, looked at before the crate `parquet` allocates what they say they have.
//!
//! A page is a `PageHeader`
//! ([parquet.thrift](https://github.com/apache/parquet-format/blob/master/src/main/thrift/parquet.thrift)) and bytes, which may be compressed.
//! Three numbers decide what the crate allocates: how long the bytes become, how many values a dictionary has, and how many lengths of strings
//! there are ([encodings](https://github.com/apache/parquet-format/blob/master/Encodings.md)).

use super::footer::STATISTICS;
use super::source::Source;
use super::thrift::{EMPTY, Shape, Thrift, zigzag};
use ::parquet::arrow::arrow_reader::RowGroups;
use ::parquet::basic::Encoding;
use ::parquet::column::page::{Page, PageIterator, PageMetadata, PageReader};
use ::parquet::errors::{ParquetError, Result};
use ::parquet::file::metadata::{ParquetMetaData, RowGroupMetaData};
use ::parquet::file::serialized_reader::SerializedPageReader;
use ::parquet::schema::types::ColumnDescPtr;
use std::sync::Arc;

const PAGE_HEADER: &[(i64, Shape)] = &[
    (1, Shape::Integer),
    (UNCOMPRESSED, Shape::Integer),
    (COMPRESSED, Shape::Integer),
    (4, Shape::Integer),
    (5, Shape::Structure(DATA_PAGE)),
    (6, EMPTY),
    (7, Shape::Structure(&[(1, Shape::Integer), (2, Shape::Integer), (3, Shape::Flag)])),
    (8, Shape::Structure(DATA_PAGE_2)),
];
/// The sizes of a page in bytes.
const UNCOMPRESSED: i64 = 2;
const COMPRESSED: i64 = 3;
const DATA_PAGE: &[(i64, Shape)] =
    &[(1, Shape::Integer), (2, Shape::Integer), (3, Shape::Integer), (4, Shape::Integer), (5, STATISTICS)];
const DATA_PAGE_2: &[(i64, Shape)] = &[
    (1, Shape::Integer),
    (2, Shape::Integer),
    (3, Shape::Integer),
    (4, Shape::Integer),
    (5, Shape::Integer),
    (6, Shape::Integer),
    (7, Shape::Flag),
    (8, STATISTICS),
];
/// How many times longer bytes become at most. An element of three bytes of
/// [Snappy](https://github.com/google/snappy/blob/main/format_description.txt) stands for 64 bytes.
const LONGER: i64 = 24;
/// How many lengths of strings a byte stands for at most: a block of 2048 of them, all the same, takes nine bytes.
const LENGTHS: u64 = 256;

/// Refuses the header of a page with other types than its fields have, or with sizes that no compression leads to.
pub(super) fn check_header(bytes: &[u8]) -> std::result::Result<(), String> {
    Thrift { bytes }.structure(PAGE_HEADER, 0)?;
    let (mut uncompressed, mut compressed) = (0, 0);
    Thrift { bytes }.fields(|this, field, of| match field {
        UNCOMPRESSED => this.varint().map(|size| uncompressed = zigzag(size)),
        COMPRESSED => this.varint().map(|size| compressed = zigzag(size)),
        _ => this.skip(of, 0),
    })?;
    // The crate drops the bits of larger numbers.
    let whole = i32::try_from(uncompressed).is_ok() && i32::try_from(compressed).is_ok();
    match whole && uncompressed <= compressed.saturating_mul(LONGER).saturating_add(64) {
        true => Ok(()),
        false => Err(format!("a page of {compressed} bytes says that they become {uncompressed}")),
    }
}

/// Refuses a page that says it has more values than its bytes can have.
fn check_page(page: &Page, column: &ColumnDescPtr) -> Result<()> {
    let refuse = |problem: String| Err(ParquetError::General(problem));
    let buffer = page.buffer();
    let says = u64::from(page.num_values());
    let levels = match page {
        Page::DictionaryPage { .. } if says > buffer.len() as u64 => {
            return refuse(format!("a dictionary of {} bytes says that it has {says} values", buffer.len()));
        }
        Page::DictionaryPage { .. } => return Ok(()),
        Page::DataPageV2 { def_levels_byte_len, rep_levels_byte_len, .. } => {
            Some(*def_levels_byte_len as usize + *rep_levels_byte_len as usize)
        }
        Page::DataPage { def_level_encoding, rep_level_encoding, .. } => {
            let mut at = Some(0);
            let levels = [
                (column.max_rep_level(), *rep_level_encoding),
                (column.max_def_level(), *def_level_encoding),
            ];
            for (most, encoding) in levels.into_iter().filter(|(most, _)| *most > 0) {
                at = at.and_then(|at: usize| levels_end(buffer, at, most, encoding, says));
            }
            at
        }
    };
    let lists = match page.encoding() {
        Encoding::DELTA_LENGTH_BYTE_ARRAY => 1,
        // Lengths of what strings share with the one before, and lengths of what follows.
        Encoding::DELTA_BYTE_ARRAY => 2,
        _ => return Ok(()),
    };
    let mut bytes = levels.and_then(|at| buffer.get(at..));
    for _ in 0..lists {
        let Some(left) = bytes else {
            return refuse("a page is too short for the lengths of its strings".into());
        };
        let mut deltas = Deltas { bytes: left };
        let Some(lengths) = deltas.header() else {
            return refuse("lengths of strings of a page are not well formed".into());
        };
        if lengths.values > says || lengths.values > LENGTHS * left.len() as u64 {
            return refuse(format!(
                "a page of {says} values says in {} bytes that it has {} strings",
                left.len(),
                lengths.values
            ));
        }
        bytes = deltas.pass_over(&lengths).map(|()| deltas.bytes);
    }
    Ok(())
}

/// Where levels of values up to `most` end that begin at `at`.
fn levels_end(buffer: &[u8], at: usize, most: i16, encoding: Encoding, values: u64) -> Option<usize> {
    #[expect(deprecated, reason = "files of old writers have it")]
    let packed = encoding == Encoding::BIT_PACKED;
    let bytes = match packed {
        true => (values * u64::from(16 - most.leading_zeros())).div_ceil(8) as usize,
        // Four bytes of their length and then so many.
        false => u32::from_le_bytes(buffer.get(at..at.checked_add(4)?)?.try_into().ok()?) as usize + 4,
    };
    at.checked_add(bytes)
}

/// Integers as their differences, in blocks of small blocks whose differences have as many bits each
/// ([DELTA_BINARY_PACKED](https://github.com/apache/parquet-format/blob/master/Encodings.md#DELTAENC)).
struct Deltas<'a> {
    bytes: &'a [u8],
}

/// What stands before the blocks.
struct DeltaHeader {
    block: u64,
    small_blocks: u64,
    values: u64,
}

impl<'a> Deltas<'a> {
    fn header(&mut self) -> Option<DeltaHeader> {
        let (block, small_blocks, values) = (self.number()?, self.number()?, self.number()?);
        self.number()?;
        let whole =
            small_blocks > 0 && block > 0 && block % small_blocks == 0 && block / small_blocks % 8 == 0;
        whole.then_some(DeltaHeader { block, small_blocks, values })
    }

    fn pass_over(&mut self, of: &DeltaHeader) -> Option<()> {
        // The first stands in the header.
        let mut left = of.values.saturating_sub(1);
        while left > 0 {
            self.number()?;
            let widths = self.take(of.small_blocks)?;
            for width in widths {
                // Small blocks behind the last value have a width and no bytes.
                if left == 0 {
                    break;
                }
                let of_block = of.block / of.small_blocks;
                self.take((of_block / 8).checked_mul(u64::from(*width))?)?;
                left = left.saturating_sub(of_block);
            }
        }
        Some(())
    }

    fn number(&mut self) -> Option<u64> {
        let mut rest = Thrift { bytes: self.bytes };
        let number = rest.varint().ok()?;
        self.bytes = rest.bytes;
        Some(number)
    }

    fn take(&mut self, bytes: u64) -> Option<&'a [u8]> {
        let (taken, rest) = self.bytes.split_at_checked(usize::try_from(bytes).ok()?)?;
        self.bytes = rest;
        Some(taken)
    }
}

/// All row groups of a file, whose pages are looked at.
pub(super) struct Groups {
    pub(super) source: Arc<Source>,
    pub(super) metadata: Arc<ParquetMetaData>,
}

impl RowGroups for Groups {
    fn num_rows(&self) -> usize {
        self.metadata.row_groups().iter().map(rows).fold(0, usize::saturating_add)
    }

    fn column_chunks(&self, column: usize) -> Result<Box<dyn PageIterator>> {
        let (source, metadata) = (self.source.clone(), self.metadata.clone());
        Ok(Box::new(Chunks { source, metadata, column, group: 0 }))
    }

    fn row_groups(&self) -> Box<dyn Iterator<Item = &RowGroupMetaData> + '_> {
        Box::new(self.metadata.row_groups().iter())
    }

    fn metadata(&self) -> &ParquetMetaData {
        &self.metadata
    }
}

/// No group has rows below zero, which the crate looks at when it reads the description.
fn rows(group: &RowGroupMetaData) -> usize {
    usize::try_from(group.num_rows()).unwrap_or(0)
}

/// The chunks of a column, one in each row group.
struct Chunks {
    source: Arc<Source>,
    metadata: Arc<ParquetMetaData>,
    column: usize,
    group: usize,
}

impl Iterator for Chunks {
    type Item = Result<Box<dyn PageReader>>;

    fn next(&mut self) -> Option<Self::Item> {
        let group = self.metadata.row_groups().get(self.group)?;
        self.group += 1;
        let Some(chunk) = group.columns().get(self.column) else {
            let problem = format!("row group {} has no column {}", self.group - 1, self.column);
            return Some(Err(ParquetError::General(problem)));
        };
        let pages = SerializedPageReader::new(self.source.clone(), chunk, rows(group), None);
        Some(
            pages.map(|pages| {
                Box::new(Pages { pages, column: chunk.column_descr_ptr() }) as Box<dyn PageReader>
            }),
        )
    }
}

impl PageIterator for Chunks {}

/// The pages of a chunk.
struct Pages {
    pages: SerializedPageReader<Source>,
    column: ColumnDescPtr,
}

impl Pages {
    fn checked(&self, page: Option<Page>) -> Result<Option<Page>> {
        page.as_ref().map_or(Ok(()), |page| check_page(page, &self.column))?;
        Ok(page)
    }
}

impl Iterator for Pages {
    type Item = Result<Page>;

    fn next(&mut self) -> Option<Self::Item> {
        self.get_next_page().transpose()
    }
}

impl PageReader for Pages {
    fn get_next_page(&mut self) -> Result<Option<Page>> {
        let page = self.pages.get_next_page()?;
        self.checked(page)
    }

    fn peek_next_page(&mut self) -> Result<Option<PageMetadata>> {
        self.pages.peek_next_page()
    }

    fn skip_next_page(&mut self) -> Result<()> {
        self.pages.skip_next_page()
    }

    fn supports_deferred_dictionary(&self) -> bool {
        self.pages.supports_deferred_dictionary()
    }

    fn take_deferred_dictionary(&mut self) -> Result<Option<Page>> {
        let page = self.pages.take_deferred_dictionary()?;
        self.checked(page)
    }

    fn at_record_boundary(&mut self) -> Result<bool> {
        self.pages.at_record_boundary()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ::parquet::basic::Type as Kind;
    use ::parquet::schema::types::{ColumnDescriptor, ColumnPath, Type};
    use bytes::Bytes;

    /// A column of strings in lists.
    fn column() -> ColumnDescPtr {
        let kind = Type::primitive_type_builder("x", Kind::BYTE_ARRAY).build().unwrap();
        Arc::new(ColumnDescriptor::new(Arc::new(kind), 3, 1, ColumnPath::from("x")))
    }

    fn said(encoding: Encoding, num_values: u32, buf: &[u8]) -> String {
        let page = Page::DataPage {
            buf: Bytes::copy_from_slice(buf),
            num_values,
            encoding,
            def_level_encoding: Encoding::RLE,
            rep_level_encoding: Encoding::RLE,
            statistics: None,
        };
        check_page(&page, &column()).map_or_else(|error| error.to_string(), |()| String::new())
    }

    #[test]
    fn sizes_of_a_page_that_no_compression_leads_to_are_refused() {
        // Type 0, uncompressed and compressed size.
        let header = |uncompressed: &[u8], compressed: &[u8]| {
            let bytes = [&[0x15, 0, 0x15][..], uncompressed, &[0x15], compressed, &[0]].concat();
            check_header(&bytes).err().unwrap_or_default()
        };
        assert_eq!(header(&[20], &[20]), "");
        // 304 of 10 bytes, and one more.
        assert_eq!(header(&[0xe0, 4], &[20]), "");
        assert!(header(&[0xe2, 4], &[20]).contains("a page of 10 bytes says that they become 305"));
        // 2^32 + 10 compressed bytes, of which the crate would see 10.
        assert!(header(&[20], &[0x94, 0x80, 0x80, 0x80, 0x20]).contains("4294967306 bytes"));
        assert!(check_header(&[0x15, 0, 0x13, 1, 0]).unwrap_err().contains("field 2"));
    }

    #[test]
    fn lengths_of_strings_that_a_page_cannot_have_are_refused() {
        // Repetition and definition levels of two bytes each.
        let levels = [2, 0, 0, 0, 6, 0, 2, 0, 0, 0, 6, 3];
        // Blocks of 128 lengths in four small blocks, three lengths, the first is 1, all differences are 0.
        let lengths = [0x80, 1, 4, 3, 2, 0, 0, 0, 0, 0];
        let page = |rest: &[u8]| [&levels[..], rest].concat();
        assert_eq!(said(Encoding::DELTA_LENGTH_BYTE_ARRAY, 3, &page(&lengths)), "");
        assert_eq!(said(Encoding::DELTA_BYTE_ARRAY, 3, &page(&lengths.repeat(2))), "");
        let two = said(Encoding::DELTA_LENGTH_BYTE_ARRAY, 2, &page(&lengths));
        assert!(two.contains("a page of 2 values says in 10 bytes that it has 3 strings"), "{two}");
        let mut many = lengths.repeat(2);
        many[13] = 100;
        let many = said(Encoding::DELTA_BYTE_ARRAY, 3, &page(&many));
        assert!(many.contains("a page of 3 values says in 10 bytes that it has 100 strings"), "{many}");
        // A number of values that only its levels bound.
        let all = [0x80, 1, 4, 0x80, 0x80, 0x80, 0x80, 4, 2, 0, 0, 0, 0, 0];
        let all = said(Encoding::DELTA_LENGTH_BYTE_ARRAY, 1 << 30, &page(&all));
        assert!(all.contains("says in 14 bytes that it has 1073741824 strings"), "{all}");
        for end in 0..levels.len() + 3 {
            let cut = said(Encoding::DELTA_LENGTH_BYTE_ARRAY, 3, &page(&lengths)[..end]);
            assert!(cut.contains("too short") || cut.contains("not well formed"), "{end}: {cut}");
        }
        // Two lengths of four bits take 16 bytes in a small block of 32.
        let wide = [&[0x80, 1, 4, 3, 2, 0, 4, 0, 0, 0][..], &[0; 16]].concat();
        assert_eq!(said(Encoding::DELTA_BYTE_ARRAY, 3, &page(&[&wide[..], &lengths].concat())), "");
        let cut = said(Encoding::DELTA_BYTE_ARRAY, 3, &page(&wide[..20]));
        assert!(cut.contains("too short"), "{cut}");
    }

    #[test]
    fn where_levels_end() {
        #[expect(deprecated, reason = "files of old writers have it")]
        let packed = Encoding::BIT_PACKED;
        // Levels up to 3 have two bits: nine of them take three bytes.
        assert_eq!(levels_end(&[], 5, 3, packed, 9), Some(8));
        assert_eq!(levels_end(&[], 5, 1, packed, 9), Some(7));
        assert_eq!(levels_end(&[0, 7, 0, 0, 0], 1, 1, Encoding::RLE, 9), Some(12));
        assert_eq!(levels_end(&[0, 7, 0, 0, 0], 2, 1, Encoding::RLE, 9), None);
    }
}
