//! What the targets do: the bytes become a file, and the file is read as programs read it.

mod folder;
pub mod heads;
pub mod round_trips;
pub mod runs;
pub mod sheets;
pub mod undo;

pub(crate) use folder::{in_folder, put, two};
use lacuna_formats::{Limits, ReadOptions, format, read_names};
use peak_alloc::PeakAlloc;
use std::path::Path;

/// Counts what is allocated, so that the bound on it needs no sanitizer.
#[global_allocator]
static PEAK: PeakAlloc = PeakAlloc;

/// Bytes that one input may take beyond what was there before.
const BYTES: usize = 64 << 20;

/// Does something with one input.
///
/// # Panics
/// Where that takes more than 64 MiB of memory.
pub fn counted(work: impl FnOnce()) {
    let before = PEAK.current_usage();
    PEAK.reset_peak_usage();
    work();
    let peak = PEAK.peak_usage().saturating_sub(before);
    assert!(peak <= BYTES, "{peak} bytes for one input");
}

/// Files that stand beside the one that is made up, by their names and contents.
pub type Beside<'a> = &'a [(&'a str, &'a [u8])];

/// Reads `data` as the file `name` of a data set in a format; `open` is what is opened, empty for the folder. Either
/// answer is fine; a panic, a hang or too much memory is not.
pub fn read(format_name: &str, name: &str, open: &str, beside: Beside<'_>, data: &[u8]) {
    let make = |folder: &Path| beside.iter().for_each(|(name, bytes)| put(&folder.join(name), bytes));
    in_folder(make, |folder| {
        put(&folder.join(name), data);
        let row = format(format_name).expect("a format of the table");
        if let Ok(content) = row.read(&folder.join(open), &ReadOptions::default()) {
            assert!(content.train.rows() < 1 << 32);
        }
    });
}

/// Reads names of rows.
pub fn names(data: &[u8]) {
    in_folder(
        |_| {},
        |folder| {
            let path = folder.join("names.txt");
            put(&path, data);
            if let Ok(names) = read_names(&path, &Limits::default()) {
                assert!(!names.is_empty());
            }
        },
    );
}
