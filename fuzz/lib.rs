//! What every target does: the bytes become a file, and the file is read.

use lacuna_formats::{ReadOptions, format};
use std::cell::RefCell;
use std::fs;
use std::path::Path;

/// Files that stand beside the one that is made up, by their names and contents.
pub type Beside<'a> = &'a [(&'a str, &'a [u8])];

thread_local! {
    static FOLDER: RefCell<Option<tempfile::TempDir>> = const { RefCell::new(None) };
}

/// Reads `data` as the file `name` of a data set in a format; `open` is what is opened, empty for the folder. Either
/// answer is fine; a panic, a hang or too much memory is not.
pub fn read(format_name: &str, name: &str, open: &str, beside: Beside<'_>, data: &[u8]) {
    FOLDER.with_borrow_mut(|folder| {
        let folder = folder.get_or_insert_with(|| {
            let memory = Path::new("/dev/shm");
            let folder = if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() };
            let folder = folder.expect("a temporary folder");
            beside.iter().for_each(|(name, bytes)| fs::write(folder.path().join(name), bytes).expect("a file"));
            folder
        });
        fs::write(folder.path().join(name), data).expect("a file");
        let path = folder.path().join(open);
        let row = format(format_name).expect("a format of the table");
        if let Ok(content) = row.read(&path, &ReadOptions::default()) {
            assert!(content.train.rows() < 1 << 32);
        }
    });
}
